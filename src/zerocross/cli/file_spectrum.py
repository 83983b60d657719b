"""Spectra of whole files: the average and the peaks in octave bands, and levels over time."""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.errors import ZerocrossError
from zerocross.files import written_aside
from zerocross.sources.opening import open_whole
from zerocross.sources.source import OpenSource
from zerocross.spectrum import Spectrum

__all__ = [
    "FileSpectrogram",
    "FileSpectrum",
    "spectrogram_of_file",
    "spectrum_of_file",
    "write_spectrum_csv",
]

_CHUNK = 1 << 16
_LEAST_HOP = 512
_PIECE = 4096
_LONG = 16_384
_ROWS = {"mono": ("mono",), "stereo": ("left", "right"), "mid-side": ("mid", "side")}

_Float = npt.NDArray[np.floating[Any]]
Progress = Callable[[float], None]


@dataclasses.dataclass(frozen=True)
class FileSpectrum:
    """The average and the peak spectrum of a file, over octave bands.

    Attributes
    ----------
    centres : ndarray
        In Hz.
    average_dbfs, peak_dbfs : ndarray, shape (rows, bands)
        Of the whole file; a full-scale sine reads 0.
    rows : tuple of str
        What the rows are.
    problem : str
        That the file ends before what its header promises, in words; else empty.

    """

    centres: _Float
    average_dbfs: _Float
    peak_dbfs: _Float
    rows: tuple[str, ...]
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class FileSpectrogram:
    """The levels of a file over time and frequency, mono.

    Attributes
    ----------
    name : str
        Of the file.
    times_s : ndarray, shape (columns + 1,)
        Where the columns begin and the last one ends.
    edges_hz : ndarray, shape (bands + 1,)
        Between the bands.
    levels_dbfs : ndarray, shape (bands, columns)
        A full-scale sine reads 0.
    problem : str
        As `FileSpectrum`'s.

    """

    name: str
    times_s: _Float
    edges_hz: _Float
    levels_dbfs: _Float
    problem: str = ""


def spectrum_of_file(
    path: str | os.PathLike[str],
    fraction: int = 3,
    mix: str = "mono",
    progress: Progress | None = None,
    per: str = "band",
) -> FileSpectrum:
    """Measure a file's average and peak spectrum in octave bands (IEC 61260).

    Low bands come from transforms of 32768 points, the others of 4096, half overlapped, Hann. Levels
    are of the power within a band, or with ``per="bin"`` such that a sine in the middle of any band
    reads its level (`Spectrum`).

    Raises
    ------
    SourceError
        If the file cannot be read.

    """
    source = open_whole(path)
    try:
        spectrum = Spectrum(
            scale="octave",
            fraction=fraction,
            fft_size=4096,
            long_fft_size=32_768,
            per=per,
            mix=mix,
            decay_s=0.0,
            sample_rate=source.sample_rate,
            channels=min(source.channels, 2),
        )
        power = np.zeros(spectrum.levels.shape)
        peak = np.full(spectrum.levels.shape, -200.0)
        count = 0
        for piece in _pieces(source, 2048, progress):
            spectrum.push(piece)
            spectrum.update()
            power += 10 ** (spectrum.now.astype(np.float64) / 10)
            np.maximum(peak, spectrum.now, out=peak)
            count += 1
    finally:
        source.close()
    if count == 0:
        raise _no_samples(source)
    average = 10 * np.log10(np.maximum(power / count, 1e-20))
    return FileSpectrum(spectrum.bands.centres, average, peak, _ROWS[mix], source.problem)


def spectrogram_of_file(
    path: str | os.PathLike[str], columns: int = 1000, progress: Progress | None = None
) -> FileSpectrogram:
    """Measure a file's levels over time and frequency, mono, in 256 bands.

    A column shows what lies around its middle: half of the longer window before it, half after.

    Raises
    ------
    SourceError
        If the file cannot be read.

    """
    source = open_whole(path)
    try:
        spectrum = Spectrum(
            bands=256,
            fft_size=4096,
            long_fft_size=_LONG,
            align="centre",
            decay_s=0.0,
            sample_rate=source.sample_rate,
            channels=min(source.channels, 2),
        )
        hop = max(_LEAST_HOP, (source.frames or 0) // columns)
        rows: list[_Float] = []
        frames = 0
        for piece in _pieces(source, _PIECE, progress):
            spectrum.push(piece)
            frames += piece.shape[1]
            _look(spectrum, hop, rows)
        while len(rows) * hop < frames:  # the last windows reach beyond the end
            spectrum.push(np.zeros((min(source.channels, 2), _PIECE)))
            _look(spectrum, hop, rows)
    finally:
        source.close()
    if not rows:
        raise _no_samples(source)
    columns = -(-frames // hop)
    times = np.minimum(np.arange(columns + 1) * hop, frames) / source.sample_rate
    levels = np.array(rows[:columns]).T
    edges = spectrum.bands.edges
    return FileSpectrogram(Path(source.path).name, times, edges, levels, source.problem)


def _look(spectrum: Spectrum, hop: int, rows: list[_Float]) -> None:
    """Add the columns whose windows are there by now."""
    while (end := len(rows) * hop + (hop + _LONG) // 2) <= spectrum.source.written:
        spectrum.update(end)
        rows.append(spectrum.now[0].copy())


def _pieces(source: OpenSource, frames: int, progress: Progress | None) -> Iterator[_Float]:
    """Yield a file in pieces, shape (channels, at most so many frames), finite.

    More than two channels are mixed down to stereo as they are for playing.
    """
    done, matrix = 0, source.matrix(2)
    for samples in source.chunks(_CHUNK):
        clean = np.nan_to_num(samples.T, nan=0.0, posinf=0.0, neginf=0.0)
        if source.channels > 2:
            clean = matrix @ clean
        for start in range(0, clean.shape[1], frames):
            yield clean[:, start : start + frames]
        done += clean.shape[1]
        if progress and source.frames:
            progress(done / source.frames)


def _no_samples(source: OpenSource) -> ZerocrossError:
    return ZerocrossError(f"{source.path}: it has no samples; give another file")


def write_spectrum_csv(found: FileSpectrum, path: str | os.PathLike[str]) -> None:
    """Write the same as numbers: a line for each band."""
    head = ["centre_hz"]
    for row in found.rows:
        head += [f"{row}_average_dbfs", f"{row}_peak_dbfs"]
    with written_aside(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for b, centre in enumerate(found.centres):
            values = []
            for k in range(len(found.rows)):
                values += [found.average_dbfs[k, b], found.peak_dbfs[k, b]]
            writer.writerow([f"{centre:.2f}", *(f"{value:.2f}" for value in values)])
