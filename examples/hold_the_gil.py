"""Freeze the interpreter for three seconds while music plays: it plays on.

python examples/hold_the_gil.py song.flac
"""

import ctypes
import sys
import time

import zerocross

with zerocross.Player() as player:
    player.play(sys.argv[1])
    time.sleep(0.5)
    before = player.position
    ctypes.PyDLL(None).usleep(3_000_000)  # holds the GIL: no Python runs
    print(f"frozen for 3 s, and {player.position - before:.2f} s of music were heard")
    print(player.report()["underruns"], "underruns")
