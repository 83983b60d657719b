"""SciPy: ``sosfilt`` (compiled C, float64) and ``scipy.fft`` (pocketfft, float32)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.signal

from zerocross.lab.harness import Contestant

__all__ = ["SpectrumFrame", "equalizer", "equalizer_and_spectrum", "spectrum_frame"]

_Float32 = npt.NDArray[np.float32]


def equalizer(sos: npt.NDArray[np.float64], rows: npt.NDArray[np.float64]) -> Contestant:
    """Return a cascade over rows, shape (channels, frames). A unit of work is one frame."""
    channels, frames = rows.shape
    zi = np.zeros((len(sos), channels, 2))
    return Contestant(
        "scipy.signal.sosfilt (f64)",
        lambda: scipy.signal.sosfilt(sos, rows, axis=1, zi=zi),
        calls_in_one=frames,
    )


class SpectrumFrame:
    """A spectrum's frame: window, FFT, bands, dB, smoothing and falling peaks.

    Parameters
    ----------
    size : int
        Of the transform.
    edges_hz : ndarray
        Between the bands, one more than there are bands.
    sample_rate : int
        In Hz.

    """

    def __init__(self, size: int, edges_hz: npt.NDArray[np.float64], sample_rate: int) -> None:
        window = np.hanning(size + 1)[:-1].astype(np.float32)
        self.window = (window * (2 / window.sum())).astype(np.float32)
        step = sample_rate / size
        self.bands = len(edges_hz) - 1
        self.edges = np.maximum(1, np.rint(edges_hz / step)).astype(int)
        self.edges = np.minimum(np.maximum.accumulate(self.edges), size // 2 - 1)
        self.levels = np.full(self.bands, -200.0, np.float32)
        self.peaks = self.levels.copy()

    def frame(self, left: _Float32, right: _Float32) -> _Float32:
        """Return the bands' levels of a window of stereo, in dBFS."""
        mono = 0.5 * (left + right)
        power = np.abs(scipy.fft.rfft(mono * self.window)) ** 2
        bands = np.add.reduceat(power, self.edges[:-1])[: self.bands] / 1.5
        levels = 10 * np.log10(np.maximum(bands, 1e-20))
        self.levels += np.where(levels > self.levels, 1.0, 0.15) * (levels - self.levels)
        self.peaks = np.maximum(self.levels, self.peaks - 0.3)
        return self.levels


def spectrum_frame(peer: SpectrumFrame, left: _Float32, right: _Float32) -> Contestant:
    """Return one frame of a spectrum."""
    return Contestant("NumPy and SciPy", lambda: peer.frame(left, right))


def equalizer_and_spectrum(
    sos: npt.NDArray[np.float64], block: _Float32, peer: SpectrumFrame
) -> Contestant:
    """Return a cascade over a block, shape (frames, 2), and a spectrum's frame of what it gave."""
    return Contestant("scipy.signal.sosfilt + scipy.fft", _equalized(sos, block, peer))


def _equalized(
    sos: npt.NDArray[np.float64], block: _Float32, peer: SpectrumFrame
) -> Callable[[], Any]:
    frames = len(block)
    state = np.zeros((len(sos), 2, 2))
    history = np.zeros((2, len(peer.window)), np.float32)

    def run() -> Any:
        nonlocal state
        filtered, state = scipy.signal.sosfilt(sos, block, axis=0, zi=state)
        history[:, :-frames] = history[:, frames:]
        history[:, -frames:] = filtered.T
        return peer.frame(history[0], history[1])

    return run
