"""The loudness of files: BS.1770, EBU R 128 and ReplayGain 2.0's reference."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable

import numpy as np

from zerocross.dsp.r128 import Loudness
from zerocross.sources.file import open_whole

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

    """

    path: str
    integrated_lufs: float
    range_lu: float
    momentary_max_lufs: float
    short_term_max_lufs: float
    true_peak_dbtp: float
    sample_peak_dbfs: float
    seconds: float

    @property
    def replaygain_db(self) -> float:
        """The gain that brings it to -18 LUFS; 0 for silence."""
        silent = self.integrated_lufs == -np.inf
        return 0.0 if silent else REPLAYGAIN_LUFS - self.integrated_lufs


def measure(
    path: str | os.PathLike[str], progress: Callable[[float], None] | None = None
) -> Measured:
    """Measure a file.

    Parameters
    ----------
    path : path-like
        The file; 1 to 6 channels.
    progress : callable or None
        Told the share that is done, 0 to 1.

    Raises
    ------
    SourceError
        If it cannot be read.

    """
    source = open_whole(path)
    try:
        meter = Loudness(source.sample_rate, source.channels)
        frames = 0
        for samples in source.chunks(_CHUNK):
            frames += len(samples)
            meter.push(np.nan_to_num(samples.T, nan=0.0, posinf=0.0, neginf=0.0))
            if progress and source.frames:
                progress(frames / source.frames)
    finally:
        source.close()
    return Measured(
        source.path,
        meter.integrated_lufs,
        meter.range_lu,
        meter.momentary_max_lufs,
        meter.short_term_max_lufs,
        meter.true_peak_dbtp,
        meter.sample_peak_dbfs,
        frames / source.sample_rate,
    )
