"""Loudness by EBU R 128: momentary, short-term, integrated, range, peaks.

All follow from the energies of `dsp.bs1770`: momentary slides over 400 ms by the frame, short-term is
the last thirty pieces of 100 ms, integrated is gated (BS.1770-5, Annex 1), the range is EBU Tech
3342's, of short-term loudness every 100 ms (libebur128's has it every second).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import entry, float32_rows, record_at
from zerocross.dsp.bs1770 import LOUDNESS, MOST_PIECES, make_loudness, measure_loudness
from zerocross.dsp.true_peak import REACH, TRUE_PEAK, true_peak
from zerocross.errors import UsageError
from zerocross.units import checked_flag, gain_to_db

__all__ = [
    "ABSOLUTE_GATE",
    "MOMENTARY",
    "OFFSET",
    "RELATIVE_GATE",
    "SHORT",
    "Loudness",
    "gated_lufs",
    "loudness_range",
]

OFFSET = -0.691
#: In pieces of 100 ms.
MOMENTARY, SHORT = 4, 30
ABSOLUTE_GATE, RELATIVE_GATE, _RANGE_GATE = -70.0, -10.0, -20.0


@entry("int64", "int64", "int64", "int64")
def _measure(address: int, rows: int, row_frames: int, frames: int) -> None:
    state = record_at(address, LOUDNESS)
    measure_loudness(state, float32_rows(rows, state.channels, row_frames), frames)


@entry("int64", "int64", "int64")
def _listen_on(address: int, rows: int, frames: int) -> None:
    """Give the peaks frames that the loudness is not measured of."""
    state = record_at(address, LOUDNESS)
    if state.peaks != 0:
        true_peak(
            record_at(state.peaks, TRUE_PEAK), float32_rows(rows, state.channels, frames), frames
        )


class Loudness:
    """A loudness meter: feed it, and read it at any time, from another thread too.

    Parameters
    ----------
    sample_rate : int
        In Hz, 8000 to 768000.
    channels : int
        1 to 8.
    peaks : bool
        Whether sample and true peaks are looked for.
    order : sequence of str or None
        Each channel's position, of `channels.POSITIONS`; None for the order of WAV and FLAC.
    dual_mono : bool
        Whether mono counts as the two channels that it is played by, 3.01 LU more than BS.1770 has it.
        Other than mono is not touched.

    """

    def __init__(
        self,
        sample_rate: int,
        channels: int = 2,
        peaks: bool = True,
        *,
        order: Sequence[str] | None = None,
        dual_mono: bool = False,
    ) -> None:
        self.sample_rate, self.channels = sample_rate, channels
        self.dual_mono = checked_flag("dual_mono", dual_mono) and channels == 1
        self.record = make_loudness(sample_rate, channels, peaks, order, dual_mono)
        self._pieces = self.record.arrays["pieces"]

    def reset(self) -> None:
        """Forget all that was heard; not while it is fed."""
        self.record.reset()

    def push(self, rows: npt.ArrayLike) -> None:
        """Measure planar frames, shape (channels, frames), finite; from one thread only."""
        data = np.ascontiguousarray(np.atleast_2d(np.asarray(rows, np.float32)))
        if data.shape[0] != self.channels:
            raise UsageError(f"{data.shape[0]} channels pushed to a meter of {self.channels}")
        _measure(self.record.address, data.ctypes.data, data.shape[1], data.shape[1])

    def push_peaks(self, rows: npt.NDArray[np.float32]) -> None:
        """Look for peaks alone, where they are looked for, in C-contiguous planar frames."""
        _listen_on(self.record.address, rows.ctypes.data, rows.shape[1])

    def finish(self) -> None:
        """Let true peaks between the last samples count, as if silence followed; when all is pushed."""
        self.push_peaks(np.zeros((self.channels, REACH), np.float32))

    # --- reading --------------------------------------------------------------------------------

    def _energies(self) -> npt.NDArray[np.float64]:
        """Return the energies of the pieces so far, oldest first."""
        count = self.record.load("count")
        if count <= MOST_PIECES:
            return self._pieces[:count]
        return np.roll(self._pieces, -(count % MOST_PIECES))

    def _windows(self, pieces: int) -> npt.NDArray[np.float64]:
        """Return the mean energy of every stretch of so many pieces."""
        energies = self._energies()
        if len(energies) < pieces:
            return np.zeros(0)
        sums = np.concatenate([[0.0], np.cumsum(energies)])
        found: npt.NDArray[np.float64] = np.maximum(sums[pieces:] - sums[:-pieces], 0.0) / pieces
        return found

    @property
    def momentary_energies(self) -> npt.NDArray[np.float64]:
        """The weighted mean squares of every 400 ms, a tenth of a second apart, oldest first."""
        return self._windows(MOMENTARY)

    @property
    def short_term_energies(self) -> npt.NDArray[np.float64]:
        """The same of every 3 s."""
        return self._windows(SHORT)

    @property
    def momentary_lufs(self) -> float:
        """Of the last 400 ms to the frame; minus infinity for silence, or before there are so many."""
        return float(_lufs(self.record["momentary"]))

    @property
    def short_term_lufs(self) -> float:
        """Of the last 3 seconds."""
        energies = self._energies()[-SHORT:]
        return float(_lufs(energies.mean())) if len(energies) == SHORT else -math.inf

    @property
    def integrated_lufs(self) -> float:
        """Of everything, gated."""
        return gated_lufs(self.momentary_energies)

    @property
    def replaygain_lufs(self) -> float:
        """What ReplayGain 2.0 goes by: of everything, gated, mono counted once."""
        return gated_lufs(self.momentary_energies / (2.0 if self.dual_mono else 1.0))

    @property
    def range_lu(self) -> float:
        """The loudness range: from the 10th to the 95th percentile of the short-term loudness."""
        return loudness_range(self.short_term_energies)

    @property
    def momentary_max_lufs(self) -> float:
        """The highest loudness of any 400 ms so far, whatever frame they begin at."""
        return float(_lufs(self.record["momentary_max"]))

    @property
    def short_term_max_lufs(self) -> float:
        """The highest short-term loudness so far, every 100 ms."""
        return float(_lufs(self._windows(SHORT)).max(initial=-math.inf))

    @property
    def true_peak_dbtp(self) -> float:
        """The highest true peak of all channels so far, in dBTP; a sample's, if that is higher.

        Between samples it is 27 frames behind, until `finish`.
        """
        return gain_to_db(max(self._peak("true_peak"), self._peak("sample_peak")))

    @property
    def sample_peak_dbfs(self) -> float:
        """The highest sample of all channels so far, in dBFS."""
        return gain_to_db(self._peak("sample_peak"))

    def _peak(self, name: str) -> float:
        peaks = self.record.peaks
        return 0.0 if peaks is None else float(peaks[name])


def gated_lufs(blocks: npt.NDArray[np.float64]) -> float:
    """Return the loudness of the energies of 400 ms that are neither silent nor quiet beside others.

    Of several files they are put together, and gated as those of one measurement.
    """
    loud = blocks[_lufs(blocks) > ABSOLUTE_GATE]
    if len(loud) == 0:
        return -math.inf
    gate = float(_lufs(loud.mean())) + RELATIVE_GATE
    return float(_lufs(loud[_lufs(loud) > gate].mean()))


def loudness_range(blocks: npt.NDArray[np.float64]) -> float:
    """Return the loudness range of the energies of 3 s, of one file or of several together."""
    loud = blocks[_lufs(blocks) > ABSOLUTE_GATE]
    if len(loud) == 0:
        return 0.0
    gate = float(_lufs(loud.mean())) + _RANGE_GATE
    kept = _lufs(loud[_lufs(loud) > gate])
    low, high = np.percentile(kept, [10, 95], method="nearest")  # as the text's own program
    return float(high - low)


def _lufs(energy: Any) -> Any:
    with np.errstate(divide="ignore"):
        return OFFSET + 10 * np.log10(energy)
