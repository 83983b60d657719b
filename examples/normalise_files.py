"""Render files at one loudness, -18 LUFS, but no true peak above -1 dBTP: as FLAC into a folder."""

import sys
from pathlib import Path

import zerocross
from zerocross.effects import Gain
from zerocross.loudness.files import measure

folder = Path("normalised")
folder.mkdir(exist_ok=True)
for name in sys.argv[1:]:
    found = measure(name)
    gain_db = min(found.replaygain_db, -1.0 - found.true_peak_dbtp)
    target = folder / f"{Path(name).stem}.flac"
    zerocross.render([name], target, effects=zerocross.Chain(Gain(gain_db=gain_db)))
    after = measure(target)
    print(
        f"{target}: {found.integrated_lufs:.1f} -> {after.integrated_lufs:.1f} LUFS, "
        f"{after.true_peak_dbtp:.1f} dBTP"
    )
