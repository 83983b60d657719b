"""The loudness of files: BS.1770, EBU R 128 and ReplayGain 2.0's reference.

Each channel counts by where the file has it (`sources.channel_order`, `bs1770.design_weights`).
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from zerocross.dsp.bs1770 import design_weights
from zerocross.dsp.r128 import Loudness, gated_lufs, loudness_range
from zerocross.errors import SourceError
from zerocross.files import PathLike, printable
from zerocross.sources.opening import open_whole
from zerocross.sources.tags import tags_of
from zerocross.units import checked_flag, checked_progress

__all__ = ["REPLAYGAIN_LUFS", "Album", "Measured", "measure", "measure_albums"]

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
        Gated loudness; minus infinity for silence, NaN for less than the 0.4 s that it takes.
    range_lu : float
        Loudness range.
    momentary_max_lufs, short_term_max_lufs : float
        Highest loudness of 400 ms and of 3 s.
    true_peak_dbtp, sample_peak_dbfs : float
        Highest peaks.
    seconds : float
        Length.
    replaygain_db : float
        The gain that brings it to -18 LUFS, mono counted once as ReplayGain has it; 0 for silence, NaN
        where nothing could be measured.
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
    return _measure(path, progress, dual_mono)[0]


def _measure(
    path: PathLike, progress: Callable[[float], None] | None, dual_mono: bool
) -> tuple[Measured, Loudness]:
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
    is_measured = len(meter.momentary_energies) > 0
    measured = Measured(
        source.path,
        meter.integrated_lufs if is_measured else math.nan,
        meter.range_lu,
        meter.momentary_max_lufs,
        meter.short_term_max_lufs,
        meter.true_peak_dbtp,
        meter.sample_peak_dbfs,
        frames / source.sample_rate,
        _replaygain_db(meter.replaygain_lufs) if is_measured else math.nan,
        source.order,
        design_weights(source.order, dual_mono),
        meter.dual_mono,
        source.problem,
    )
    return measured, meter


def _replaygain_db(lufs: float) -> float:
    return 0.0 if lufs == -math.inf else REPLAYGAIN_LUFS - lufs


# --- albums -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Album:
    """The loudness of files that belong together, measured as if they were one.

    Attributes
    ----------
    name : str
        The album's, of the tags, or the folder's.
    files : int
        How many.
    integrated_lufs, range_lu : float
        Of the blocks of all files, gated together: neither is a mean of the files' own.
    true_peak_dbtp, sample_peak_dbfs : float
        The highest peaks.
    seconds : float
        Length of all together.
    replaygain_db : float
        The album's gain of ReplayGain 2.0; NaN, as the loudness, where none of the files has 0.4 s.

    """

    name: str
    files: int
    integrated_lufs: float
    range_lu: float
    true_peak_dbtp: float
    sample_peak_dbfs: float
    seconds: float
    replaygain_db: float


def measure_albums(
    paths: Iterable[PathLike],
    progress: Callable[[float], None] | None = None,
    *,
    dual_mono: bool = False,
) -> tuple[list[tuple[Measured, Album | None]], list[SourceError]]:
    """Measure files, and the albums that they make.

    Files are of one album that have the same album and album artist in their tags, wherever they
    are, or the same album and folder; without an album, the same folder.

    Parameters
    ----------
    paths : iterable of path-like
        The files; 1 to 8 channels each, of any sample rates.
    progress : callable or None
        Told the share that is done, 0 to 1.
    dual_mono : bool
        As `measure` has it.

    Returns
    -------
    measured : list
        Each file with its album; None in place of an album of one file.
    problems : list of SourceError
        The files that cannot be read.

    """
    progress, dual_mono = checked_progress(progress), checked_flag("dual_mono", dual_mono)
    paths, found, problems = list(paths), list[tuple[Measured, _Key]](), list[SourceError]()
    members: dict[_Key, list[_Member]] = {}
    for place, path in enumerate(paths):
        try:
            measured, meter = _measure(path, _share_of(progress, place, len(paths)), dual_mono)
        except SourceError as error:
            problems.append(error)
            continue
        key = _album_of(path)
        members.setdefault(key, []).append(_Member(measured, meter))
        found.append((measured, key))
    albums = {key: _joined(key, files) for key, files in members.items() if len(files) > 1}
    return [(measured, albums.get(key)) for measured, key in found], problems


#: An album's name, and whose it is or where.
_Key = tuple[str, str]


class _Member:
    """What an album's figures need of a file: not the meter, which is large."""

    def __init__(self, measured: Measured, meter: Loudness) -> None:
        self.measured = measured
        self.momentary = meter.momentary_energies
        self.short_term = meter.short_term_energies
        self.once = self.momentary / (2.0 if meter.dual_mono else 1.0)


def _share_of(
    progress: Callable[[float], None] | None, place: int, count: int
) -> Callable[[float], None] | None:
    return progress and (lambda share: progress((place + share) / count))


def _album_of(path: PathLike) -> _Key:
    folder = os.path.dirname(os.path.abspath(os.fsdecode(path)))
    tags = tags_of(path)
    if not tags.album:
        return printable(os.path.basename(folder)) or printable(folder), folder
    return tags.album, tags.album_artist or folder


def _joined(key: _Key, files: Sequence[_Member]) -> Album:
    def all_of(name: str) -> npt.NDArray[np.float64]:
        return np.concatenate([getattr(file, name) for file in files])

    measured = [file.measured for file in files]
    is_measured = len(all_of("momentary")) > 0
    return Album(
        name=key[0],
        files=len(files),
        integrated_lufs=gated_lufs(all_of("momentary")) if is_measured else math.nan,
        range_lu=loudness_range(all_of("short_term")),
        true_peak_dbtp=max(m.true_peak_dbtp for m in measured),
        sample_peak_dbfs=max(m.sample_peak_dbfs for m in measured),
        seconds=sum(m.seconds for m in measured),
        replaygain_db=_replaygain_db(gated_lufs(all_of("once"))) if is_measured else math.nan,
    )
