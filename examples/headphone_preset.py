"""Play a file through a headphone preset of your own, in Equalizer APO's and AutoEq's format."""

import sys
import tempfile
from pathlib import Path

import zerocross
from zerocross.eq import read_preset

PRESET = """Preamp: -6.0 dB
Filter 1: ON LSC Fc 105 Hz Gain 5.5 dB Q 0.70
Filter 2: ON PK Fc 3200 Hz Gain -2.0 dB Q 3.00
Filter 3: ON PK Fc 8800 Hz Gain 4.0 dB Q 1.50
"""

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "headphones.txt"
    path.write_text(PRESET)
    preset = read_preset(path)
print(f"headroom {preset.headroom_db():.2f} dB, {len(preset.skipped)} lines not applied")
chain = zerocross.Chain(*preset.processors())
with zerocross.Player(effects=chain) as player:
    player.play(sys.argv[1])
    player.wait()
    print(player.report()["underruns"], "underruns")
