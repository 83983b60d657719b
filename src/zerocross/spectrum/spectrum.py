"""A calibrated band spectrum over a tap: what analysers and visualisers read.

A frame is one compiled call (`spectrum.frame`). Levels are dBFS: a full-scale sine in the
middle of a band reads 0.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.dsp.fft_plan import make_real_fft
from zerocross.dsp.window import design_window
from zerocross.errors import UsageError
from zerocross.memory import Record, aligned_zeros
from zerocross.spectrum.bands import TOGETHER, Bands, Weights, design_scale, design_weights
from zerocross.spectrum.frame import (
    FLOOR_DB,
    SPECTRUM,
    TRANSFORM,
    spectrum_frame,
)
from zerocross.sync.tap import Tap

__all__ = ["MIXES", "Spectrum", "mix_gains"]

#: Rows of a spectrum by name, as gains of left and right.
MIXES: dict[str, tuple[tuple[float, float], ...]] = {
    "mono": ((0.5, 0.5),),
    "stereo": ((1.0, 0.0), (0.0, 1.0)),
    "mid-side": ((0.5, 0.5), (0.5, -0.5)),
}
_TRIES = 100
#: Bands narrower than so many bins of the short transform are taken from the long one, wider ones
#: than so many from the short one; between them one gives way to the other, lest a seam be seen.
_NARROW, _WIDE = 4.0, 16.0
ALIGN = ("end", "centre")


class Spectrum:
    """Levels of bands in dBFS, smoothed, with peaks.

    Parameters
    ----------
    source : Tap or None
        What to look at, such as ``player.tap``; None for a tap of its own, fed by `push`.
    bands : int
        How many; octave bands follow from the range.
    scale : str
        ``logarithmic``, ``linear``, ``mel``, ``bark``, ``quadratic`` or ``octave``.
    fraction : int
        Of octave bands, 1 to 24 in an octave.
    low_hz, high_hz : float
        The range.
    fft_size : int
        A power of two from 32 to 32768.
    long_fft_size : int or None
        Of a second, longer transform from which bands come that the first is too coarse for; over
        two octaves (of logarithmic bands) the one gives way to the other.
    window : str
        ``hann``, ``hamming``, ``blackman``, ``flat_top`` or ``rectangular``.
    per : {"bin", "band"}
        What levels are of. ``bin``: a sine in the middle of a band reads its level, however narrow
        the band is; noise in bands narrower than a few bins reads too high. ``band``: the power
        within the band, so noise is right in any band; a sine in a narrow one reads too low.
    align : {"end", "centre"}
        What two transforms have in common: ``end``, the newest frame, so that each shows what is new
        as soon as it can; ``centre``, their middles, so that a moment is one over all frequencies.
    mix : {"mono", "stereo", "mid-side"}
        Which rows it has.
    attack_s, decay_s : float
        Time constants with which levels rise and fall; 0 for at once.
    peak_hold_s, peak_fall_db_s : float
        How long peaks stand, and how fast they fall then, in dB a second.
    sample_rate, channels : int
        Of the source.
    latency_frames : int
        How far behind the writer is heard: `update` looks that far back.

    Attributes
    ----------
    bands : Bands
        Edges and centres in Hz.

    Notes
    -----
    All times are those of the audio, so nothing depends on how often `update` is called.

    With ``per="bin"`` a sine in the middle of a band is right within 0.1 dB from 4 bins of its
    transform up (6 for ``flat_top``), where the mirror image at negative frequencies does not reach;
    the side lobes of ``rectangular`` reach everywhere: 0.3 dB.

    """

    def __init__(
        self,
        source: Tap | None = None,
        bands: int = 32,
        scale: str = "logarithmic",
        fraction: int = 3,
        low_hz: float = 20.0,
        high_hz: float = 20_000.0,
        fft_size: int = 2048,
        long_fft_size: int | None = None,
        window: str = "hann",
        per: str = "bin",
        align: str = "end",
        mix: str = "mono",
        attack_s: float = 0.0,
        decay_s: float = 0.1,
        peak_hold_s: float = 0.5,
        peak_fall_db_s: float = 20.0,
        sample_rate: int = 48_000,
        channels: int = 2,
        latency_frames: int = 0,
    ) -> None:
        sizes = [fft_size] + ([] if long_fft_size is None else [long_fft_size])
        for size in sizes:
            if size & (size - 1) or not 32 <= size <= 32_768:
                raise UsageError(f"FFT of {size} points; take a power of two from 32 to 32768")
        if len(sizes) == 2 and sizes[1] <= sizes[0]:
            raise UsageError(f"long_fft_size={sizes[1]} is not longer than {sizes[0]}")
        for name, value, known in (("mix", mix, MIXES), ("align", align, ALIGN)):
            if value not in known:
                raise UsageError(f"{name}={value!r}: give one of {', '.join(known)}")
        if min(attack_s, decay_s, peak_hold_s, peak_fall_db_s) < 0:
            raise UsageError("times and falls of a spectrum are not negative")
        self.sample_rate, self.latency_frames = sample_rate, latency_frames
        self.bands = design_scale(scale, bands, low_hz, min(high_hz, 0.499 * sample_rate), fraction)
        self.source = source or Tap(2 * 32_768, channels)
        count, rows = len(self.bands), len(MIXES[mix])
        self._now = aligned_zeros((rows, count))
        self._levels = aligned_zeros((rows, count), np.float64)
        self._peaks = aligned_zeros((rows, count), np.float64)
        self._ages = aligned_zeros((rows, count), np.float64)
        self._gains = mix_gains(mix, self.source.channels)
        self._samples = aligned_zeros(max(sizes))
        self._kept: list[Any] = []
        parts = self._divide(sizes)
        self._transforms = aligned_zeros(len(parts), TRANSFORM)
        for place, (size, shares) in zip(self._transforms, parts, strict=True):
            self._fill(place, size, shares, window, per)
            place["back"] = (max(sizes) - size) // 2 if align == "centre" else 0
        self.record = Record(SPECTRUM)
        self.record.fill(
            transforms=self._transforms.ctypes.data,
            transform_count=len(parts),
            samples=self._samples.ctypes.data,
            rows=rows,
            bands=count,
            gains=self._gains.ctypes.data,
            channels=self.source.channels,
            rate=sample_rate,
            now=self._now.ctypes.data,
            levels=self._levels.ctypes.data,
            peaks=self._peaks.ctypes.data,
            ages=self._ages.ctypes.data,
            attack_s=attack_s,
            decay_s=decay_s,
            hold_s=peak_hold_s,
            fall_db=peak_fall_db_s,
        )
        self.reset()

    def _divide(self, sizes: list[int]) -> list[tuple[int, npt.NDArray[np.float64]]]:
        """Return for each transform its size, and its shares of the bands."""
        if len(sizes) == 1:
            return [(sizes[0], np.ones(len(self.bands)))]
        wide = np.diff(self.bands.edges) * sizes[0] / self.sample_rate
        shares = np.clip(np.log(wide / _NARROW) / math.log(_WIDE / _NARROW), 0.0, 1.0)
        parts = [(sizes[1], 1.0 - shares), (sizes[0], shares)]
        return [part for part in parts if part[1].any()]

    def _fill(self, place: Any, size: int, shares: Any, window: str, per: str) -> None:
        plan = make_real_fft(size)
        shape = _window(window, size)
        first, last = np.flatnonzero(shares)[[0, -1]]
        bands = Bands(self.bands.edges[first : last + 2], self.bands.centres[first : last + 1])
        weights: Weights = design_weights(
            bands, size, self.sample_rate, window, per, shares[first : last + 1]
        )
        bins = aligned_zeros((3, size // 2 + 1 + TOGETHER))
        self._kept += [plan, shape, weights, bins]
        place["size"], place["first_band"], place["bands"] = size, first, len(bands)
        place["plan"], place["window"] = plan.address, shape.ctypes.data
        for name, row in zip(("re", "im", "power"), bins, strict=True):
            place[name] = row.ctypes.data
        for name in ("bins", "starts", "counts", "weights"):
            place[name] = getattr(weights, name).ctypes.data
        place["weight_count"] = weights.weights.size

    # --- reading --------------------------------------------------------------------------------

    def push(self, rows: npt.ArrayLike) -> None:
        """Feed planar frames, shape (channels, frames), where it has a tap of its own."""
        self.source.push(rows)

    def update(self, end: int | None = None) -> npt.NDArray[np.float64]:
        """Look at the tap again; returns the levels, shape (rows, bands), in dBFS.

        Parameters
        ----------
        end : int or None
            Frame of the tap to look back from; None for what is heard now.

        Returns
        -------
        ndarray
            A view, written again by the next call.

        """
        for _ in range(_TRIES):
            written = self.source.written
            stop = max(0, written - self.latency_frames) if end is None else end
            if not 0 <= stop <= written:
                raise UsageError(f"frame {stop} of a tap that has seen {written}")
            if spectrum_frame(self.record.address, self.source.record.address, stop):
                break
        return self._levels

    def reset(self) -> None:
        """Forget all that was seen."""
        self._now[:] = self._levels[:] = self._peaks[:] = FLOOR_DB
        self._ages[:] = 0.0
        self.record["seen"] = -1

    @property
    def levels(self) -> npt.NDArray[np.float64]:
        """Smoothed levels in dBFS, shape (rows, bands), not below -200."""
        return self._levels

    @property
    def now(self) -> npt.NDArray[np.float32]:
        """Levels of the last frame as they are, in dBFS."""
        return self._now

    @property
    def peaks(self) -> npt.NDArray[np.float64]:
        """Held peaks in dBFS."""
        return self._peaks

    def bins_dbfs(self, transform: int = 0) -> npt.NDArray[np.float64]:
        """Return the last row's spectrum bin by bin, in dBFS, from 0 Hz to half the rate; a copy.

        A sine on a bin reads its level, half-way between two what the window loses there less (1.4
        dB with Hann's). At 0 Hz and at half the rate, where there is no second half, it is 6 dB too
        high.
        """
        power = self._kept[4 * transform + 3][2].astype(np.float64)
        found: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(power, 1e-30))
        return found


@functools.lru_cache(8)
def _window(kind: str, size: int) -> npt.NDArray[np.float32]:
    """Return a window under which a full-scale sine reads 0 dBFS; all of its size share it."""
    shape = design_window(kind, size)
    shape *= np.float32(2.0 / shape.astype(np.float64).sum())
    shape.flags.writeable = False
    return shape


def mix_gains(mix: str, channels: int) -> npt.NDArray[np.float32]:
    """Return gains, shape (rows, channels): odd channels count as left, even ones as right."""
    rows = aligned_zeros((len(MIXES[mix]), channels))
    if channels == 1:
        rows[:, 0] = [left + right for left, right in MIXES[mix]]
        return rows
    for row, (left, right) in zip(rows, MIXES[mix], strict=True):
        row[0::2] = left / len(row[0::2])
        row[1::2] = right / len(row[1::2])
    return rows
