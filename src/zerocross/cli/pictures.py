"""Pictures of presets and files as matplotlib figures; and a curve as text, for terminals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zerocross.cli.figure import new_figure
from zerocross.files import printable

if TYPE_CHECKING:
    from zerocross.cli.file_spectrum import FileSpectrogram, FileSpectrum
    from zerocross.eq.presets import Preset

__all__ = ["plot_text", "preset_figure", "spectrogram_figure", "spectrum_figure"]

_TICKS = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
_WORDS = ("20", "50", "100", "200", "500", "1k", "2k", "5k", "10k", "20k")
#: What a spectrogram shows at most bright, where all of a file lies below.
_SILENCE_DBFS = -100.0
_NAMES = ("left", "right", "centre", "LFE", "rear left", "rear right", "side left", "side right")


def _frequency_axis(ax: Any, low: float = 20.0, high: float = 20_000.0) -> None:
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.set_xticks(_TICKS, _WORDS)
    ax.minorticks_off()
    ax.set_xlabel("frequency in Hz")
    ax.grid(alpha=0.3)


def preset_figure(preset: Preset, sample_rate: float = 48_000.0, channels: int = 2) -> Any:
    """Return a preset's response as a figure; a curve for each channel where they differ."""
    figure = new_figure(9.0, 4.5)
    ax = figure.subplots()
    hz = np.geomspace(20.0, min(20_000.0, 0.499 * sample_rate), 1000)
    curves = [preset.response_db(hz, sample_rate, c, channels) for c in range(channels)]
    same = all(np.allclose(curve, curves[0]) for curve in curves)
    for c, curve in enumerate(curves[:1] if same else curves):
        ax.plot(hz, curve, label="all channels" if same else _NAMES[c], linewidth=2)
    ax.axhline(0.0, color="0.4", linewidth=0.8)
    low, high = min(c.min() for c in curves), max(c.max() for c in curves)
    ax.set_ylim(min(-6.0, math.floor(low) - 1), max(3.0, math.ceil(high) + 1))
    _frequency_axis(ax)
    ax.set_ylabel("level in dB")
    title = printable(Path(preset.name).name)
    ax.set_title(f"{title} (preamp included)", loc="left", parse_math=False)
    ax.legend()
    return figure


def spectrum_figure(found: FileSpectrum, title: str, fraction: int = 3) -> Any:
    """Return a file's average spectrum as bars and its peaks as steps, in a figure."""
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
        ax.set_title(
            f"{title}: {found.rows[row]}, 1/{fraction} octaves", loc="left", parse_math=False
        )
        ax.legend()
    return figure


def spectrogram_figure(found: FileSpectrogram) -> Any:
    """Return a file's levels over time and frequency, on a logarithmic scale, as a figure."""
    figure = new_figure(9.0, 5.0)
    ax = figure.subplots()
    top = min(0.0, max(float(found.levels_dbfs.max()), _SILENCE_DBFS))
    mesh = ax.pcolormesh(
        found.times_s,
        found.edges_hz,
        found.levels_dbfs,
        vmin=top - 80,
        vmax=top,
        cmap="magma",
        rasterized=True,
    )
    ax.set_yscale("log")
    ax.set_ylim(20, min(20_000, found.edges_hz[-1]))
    ax.set_yticks(_TICKS, _WORDS)
    ax.minorticks_off()
    ax.set_xlabel("time in s")
    ax.set_ylabel("frequency in Hz")
    ax.set_title(found.name, loc="left", parse_math=False)
    figure.colorbar(mesh, label="level in dBFS", pad=0.01)
    return figure


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
