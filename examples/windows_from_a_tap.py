"""Overlapping FFT windows of what plays, taken from the stream's tap without a copy.

Run it: python examples/windows_from_a_tap.py SONG
"""

import sys
import time

import numpy as np

import zerocross

SIZE, HOP = 2048, 512
with zerocross.Player(device="null") as player:
    player.play(sys.argv[1])
    tap, end, torn = player.tap, SIZE, 0
    for _ in range(50):
        while tap.written < end:
            time.sleep(0.002)
        window = tap.window(SIZE, end)
        spectrum = np.abs(np.fft.rfft(window.rows[0] * np.hanning(SIZE)))
        torn += not window.is_intact  # was it overwritten while we looked?
        end += HOP
    print(f"50 windows, {torn} torn, loudest bin of the last: {spectrum.argmax()}")
