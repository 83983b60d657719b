"""A ring of your own between two threads: one makes noise, the other measures it.

Run it: python examples/ring_between_threads.py
"""

import threading
import time

import numpy as np

from zerocross.sync import Ring

FRAMES = 480_000
ring = Ring(4096, channels=2)


def make_noise() -> None:
    noise, done = np.random.default_rng(1).standard_normal((FRAMES, 2)).astype("f4"), 0
    while done < FRAMES:
        done += ring.push(noise[done : done + 512]) or time.sleep(0) or 0


threading.Thread(target=make_noise).start()
taken, power = 0, 0.0
while taken < FRAMES:
    block = ring.pop(512)
    taken, power = taken + len(block), power + float((block**2).sum())
print(f"{taken} frames, RMS {np.sqrt(power / taken / 2):.3f}")
