"""Pictures: equalisers, spectra, spectrograms, drawn by matplotlib; and an equaliser for terminals."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zerocross.errors import ZerocrossError
from zerocross.picture import check_ending, new_figure, save_figure
from zerocross.sources.file import OpenSource, open_source
from zerocross.spectrum import Spectrum
from zerocross.spectrum.spectrum import MIXES

if TYPE_CHECKING:
    from zerocross.eq.presets import Preset

__all__ = [
    "FileSpectrum",
    "draw_preset",
    "draw_spectrogram",
    "draw_spectrum",
    "plot_text",
    "spectrum_of_file",
    "write_spectrum_csv",
]

_CHUNK = 1 << 16
_TICKS = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
_WORDS = ("20", "50", "100", "200", "500", "1k", "2k", "5k", "10k", "20k")
_NAMES = ("left", "right", "centre", "LFE", "rear left", "rear right", "side left", "side right")


def _frequency_axis(ax: Any, low: float = 20.0, high: float = 20_000.0) -> None:
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.set_xticks(_TICKS, _WORDS)
    ax.minorticks_off()
    ax.set_xlabel("frequency in Hz")
    ax.grid(alpha=0.3)


# --- equalisers ---------------------------------------------------------------------------------


def draw_preset(
    preset: Preset, path: str | os.PathLike[str], sample_rate: float = 48_000.0, channels: int = 2
) -> None:
    """Draw a preset's response; both channels where they differ. PNG or SVG."""
    figure = new_figure(9.0, 4.5)
    ax = figure.subplots()
    hz = np.geomspace(20.0, min(20_000.0, 0.499 * sample_rate), 1000)
    curves = [preset.settings(c).response_db(hz, sample_rate) for c in range(channels)]
    same = all(np.allclose(curve, curves[0]) for curve in curves)
    for c, curve in enumerate(curves[:1] if same else curves):
        ax.plot(hz, curve, label="all channels" if same else _NAMES[c], linewidth=2)
    ax.axhline(0.0, color="0.4", linewidth=0.8)
    low, high = min(c.min() for c in curves), max(c.max() for c in curves)
    ax.set_ylim(min(-6.0, math.floor(low) - 1), max(3.0, math.ceil(high) + 1))
    _frequency_axis(ax)
    ax.set_ylabel("level in dB")
    ax.set_title(f"{Path(preset.name).name} (preamp included)", loc="left")
    ax.legend()
    save_figure(figure, path)


def plot_text(
    hz: npt.NDArray[np.float64], levels: npt.NDArray[np.float64], columns: int = 64, rows: int = 13
) -> list[str]:
    """Return a curve as lines of text, with levels at the left and frequencies below."""
    low, high = math.floor(min(levels.min(), -3.0)), math.ceil(max(levels.max(), 3.0))
    at = np.geomspace(hz[0], hz[-1], columns)
    values = np.interp(np.log(at), np.log(hz), levels)
    places = np.rint((high - values) / (high - low) * (rows - 1)).astype(int)
    zero = round(high / (high - low) * (rows - 1))
    lines = []
    for row in range(rows):
        cells = ["•" if place == row else ("─" if row == zero else " ") for place in places]
        level = high - row * (high - low) / (rows - 1)
        lines.append(f"{level:+6.1f} dB │{''.join(cells)}")
    axis = [" "] * (columns + 6)
    for tick, word in zip(_TICKS, _WORDS, strict=True):
        if hz[0] <= tick <= hz[-1]:
            place = round(math.log(tick / hz[0]) / math.log(hz[-1] / hz[0]) * (columns - 1))
            axis[place : place + len(word)] = word
    return [*lines, " " * 11 + "".join(axis).rstrip() + " Hz"]


# --- files --------------------------------------------------------------------------------------


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

    """

    def __init__(self, centres: Any, average: Any, peak: Any, rows: tuple[str, ...]) -> None:
        self.centres, self.average_dbfs, self.peak_dbfs, self.rows = centres, average, peak, rows


def _windows(
    source: OpenSource, spectrum: Spectrum, hop: int, progress: Callable[[float], None] | None
) -> Any:
    """Yield after every hop of a file, the spectrum updated."""
    done = 0
    for samples in source.chunks(_CHUNK):
        clean = np.nan_to_num(samples.T, nan=0.0, posinf=0.0, neginf=0.0)
        for start in range(0, clean.shape[1], hop):
            piece = clean[:, start : start + hop]
            spectrum.push(piece)
            done += piece.shape[1]
            spectrum.update()
            yield done
        if progress and source.frames:
            progress(done / source.frames)


def spectrum_of_file(
    path: str | os.PathLike[str],
    fraction: int = 3,
    mix: str = "mono",
    progress: Callable[[float], None] | None = None,
) -> FileSpectrum:
    """Measure a file's average and peak spectrum in octave bands (IEC 61260).

    Low bands come from transforms of 32768 points, the others of 4096, half overlapped, Hann.
    """
    source = open_source(path)
    try:
        spectrum = Spectrum(
            scale="octave",
            fraction=fraction,
            fft_size=4096,
            long_fft_size=32_768,
            mix=mix,
            decay_s=0.0,
            sample_rate=source.sample_rate,
            channels=source.channels,
        )
        power = np.zeros(spectrum.levels.shape)
        peak = np.full(spectrum.levels.shape, -200.0)
        count = 0
        for _ in _windows(source, spectrum, 2048, progress):
            power += 10 ** (spectrum.now.astype(np.float64) / 10)
            np.maximum(peak, spectrum.now, out=peak)
            count += 1
    finally:
        source.close()
    if count == 0:
        raise ZerocrossError(f"{source.path}: it has no samples; give another file")
    average = 10 * np.log10(np.maximum(power / count, 1e-20))
    names = {"mono": ("mono",), "stereo": ("left", "right"), "mid-side": ("mid", "side")}
    assert len(names[mix]) == len(MIXES[mix])
    return FileSpectrum(spectrum.bands.centres, average, peak, names[mix])


def draw_spectrum(
    found: FileSpectrum, path: str | os.PathLike[str], title: str, fraction: int = 3
) -> None:
    """Draw a file's average spectrum as bars and its peaks as steps. PNG or SVG."""
    figure = new_figure(9.0, 1.0 + 3.5 * len(found.rows))
    half = 2 ** (0.5 / fraction)
    edges = np.concatenate([found.centres / half, [found.centres[-1] * half]])
    bottom = max(-120.0, float(found.average_dbfs.min()) - 6.0)
    for row, ax in enumerate(figure.subplots(len(found.rows), 1, squeeze=False)[:, 0]):
        ax.bar(
            edges[:-1],
            found.average_dbfs[row] - bottom,
            np.diff(edges),
            bottom,
            align="edge",
            color="C0",
            edgecolor="white",
            linewidth=0.5,
            label="average",
        )
        ax.stairs(found.peak_dbfs[row], edges, baseline=None, color="C1", label="peak", linewidth=2)
        ax.set_ylim(bottom, max(6.0, float(found.peak_dbfs.max()) + 3))
        _frequency_axis(ax)
        ax.set_ylabel("level in dBFS")
        ax.set_title(f"{title}: {found.rows[row]}, 1/{fraction} octaves", loc="left")
        ax.legend()
    save_figure(figure, path)


def write_spectrum_csv(found: FileSpectrum, path: str | os.PathLike[str]) -> None:
    """Write the same as numbers: a line for each band."""
    head = ["centre_hz"]
    for row in found.rows:
        head += [f"{row}_average_dbfs", f"{row}_peak_dbfs"]
    try:
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(head)
            for b, centre in enumerate(found.centres):
                values = []
                for k in range(len(found.rows)):
                    values += [found.average_dbfs[k, b], found.peak_dbfs[k, b]]
                writer.writerow([f"{centre:.2f}", *(f"{value:.2f}" for value in values)])
    except OSError as error:
        raise ZerocrossError(
            f"{os.fspath(path)}: cannot be written ({(error.strerror or '').lower()}); check the "
            "folder"
        ) from None


def draw_spectrogram(
    source_path: str | os.PathLike[str],
    path: str | os.PathLike[str],
    columns: int = 1000,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Draw a file's levels over time and frequency, mono, on a logarithmic scale. PNG or SVG."""
    check_ending(path)
    source = open_source(source_path)
    try:
        spectrum = Spectrum(
            bands=256,
            fft_size=4096,
            long_fft_size=16_384,
            decay_s=0.0,
            sample_rate=source.sample_rate,
            channels=source.channels,
        )
        hop = max(512, (source.frames or 0) // columns)
        rows, times = [], []
        for done in _windows(source, spectrum, hop, progress):
            rows.append(spectrum.now[0].copy())
            times.append(done / source.sample_rate)
    finally:
        source.close()
    if not rows:
        raise ZerocrossError(f"{source.path}: it has no samples; give another file")
    figure = new_figure(9.0, 5.0)
    ax = figure.subplots()
    levels = np.array(rows).T
    top = min(0.0, float(levels.max()))
    edges = np.concatenate([[0.0], times])
    mesh = ax.pcolormesh(
        edges, spectrum.bands.edges, levels, vmin=top - 80, vmax=top, cmap="magma", rasterized=True
    )
    ax.set_yscale("log")
    ax.set_ylim(20, min(20_000, spectrum.bands.edges[-1]))
    ax.set_yticks(_TICKS, _WORDS)
    ax.minorticks_off()
    ax.set_xlabel("time in s")
    ax.set_ylabel("frequency in Hz")
    ax.set_title(Path(source.path).name, loc="left")
    figure.colorbar(mesh, label="level in dBFS", pad=0.01)
    save_figure(figure, path)
