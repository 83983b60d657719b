"""The loudness of files: BS.1770, EBU R 128 and ReplayGain 2.0's reference.

Each channel counts by where the file has it (`sources.channel_order`, `bs1770.design_weights`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from zerocross.dsp.bs1770 import design_weights
from zerocross.dsp.r128 import Loudness
from zerocross.files import PathLike
from zerocross.sources.file import open_whole
from zerocross.units import checked_flag, checked_progress

__all__ = ["REPLAYGAIN_LUFS", "Measured", "measure"]

#: What ReplayGain 2.0 brings music to.
REPLAYGAIN_LUFS = -18.0
_CHUNK = 1 << 16


@dataclasses.dataclass(frozen=True)
class Measured:
    """The loudness of a file.

    Attributes
    ----------
    path : str
        The file.
    integrated_lufs : float
        Gated loudness; minus infinity for silence.
    range_lu : float
        Loudness range.
    momentary_max_lufs, short_term_max_lufs : float
        Highest loudness of 400 ms and of 3 s.
    true_peak_dbtp, sample_peak_dbfs : float
        Highest peaks.
    seconds : float
        Length.
    replaygain_db : float
        The gain that brings it to -18 LUFS, mono counted once as ReplayGain has it; 0 for silence.
    channels : tuple of str
        Where each channel is.
    weights : tuple of float
        What each channel's energy counts.
    dual_mono : bool
        Whether this is mono that was measured as the two channels that it is played by.
    problem : str
        That the file ends before what its header promises, in words; else empty.

    """

    path: str
    integrated_lufs: float
    range_lu: float
    momentary_max_lufs: float
    short_term_max_lufs: float
    true_peak_dbtp: float
    sample_peak_dbfs: float
    seconds: float
    replaygain_db: float
    channels: tuple[str, ...]
    weights: tuple[float, ...]
    dual_mono: bool
    problem: str = ""


def measure(
    path: PathLike, progress: Callable[[float], None] | None = None, *, dual_mono: bool = False
) -> Measured:
    """Measure a file.

    Parameters
    ----------
    path : path-like
        The file; 1 to 8 channels.
    progress : callable or None
        Told the share that is done, 0 to 1.
    dual_mono : bool
        Whether mono counts twice (+3.01 LU), as it does when stereo plays it. BS.1770 counts it once.

    Raises
    ------
    SourceError
        If it cannot be read.
    UsageError
        For a path, a progress or a flag that is none.

    """
    progress, dual_mono = checked_progress(progress), checked_flag("dual_mono", dual_mono)
    source = open_whole(path)
    try:
        meter = Loudness(
            source.sample_rate, source.channels, order=source.order, dual_mono=dual_mono
        )
        frames = 0
        for samples in source.chunks(_CHUNK):
            frames += len(samples)
            meter.push(np.nan_to_num(samples.T, nan=0.0, posinf=0.0, neginf=0.0))
            if progress and source.frames:
                progress(frames / source.frames)
        meter.finish()
    finally:
        source.close()
    plain = meter.replaygain_lufs
    return Measured(
        source.path,
        meter.integrated_lufs,
        meter.range_lu,
        meter.momentary_max_lufs,
        meter.short_term_max_lufs,
        meter.true_peak_dbtp,
        meter.sample_peak_dbfs,
        frames / source.sample_rate,
        0.0 if plain == -np.inf else REPLAYGAIN_LUFS - plain,
        source.order,
        design_weights(source.order, dual_mono),
        meter.dual_mono,
        source.problem,
    )
