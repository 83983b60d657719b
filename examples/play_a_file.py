"""Play a file and print what the audio thread counted.

python examples/play_a_file.py song.flac
"""

import sys

import zerocross

with zerocross.Player() as player:
    player.events.subscribe(lambda event: print(event.kind, event.message))
    player.play(*sys.argv[1:])
    player.wait()
    report = player.report()
    print(
        report["callbacks"],
        "callbacks,",
        report["late_callbacks"],
        "late,",
        report["underruns"],
        "underruns",
    )
