"""Presets in a chain: the processors that apply one, made for the chain's own format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.dsp.resample import resample_response
from zerocross.eq.equalizer import Equalizer
from zerocross.eq.graphic import curve_db, fit_bands, minimum_phase
from zerocross.eq.presets.settings import Settings
from zerocross.graph.decorator import processor
from zerocross.graph.groups import Group
from zerocross.units import checked_flag, checked_number

__all__ = ["PresetParts", "Section"]

#: Settings of each channel, and then how channels are copied: a matrix, or None.
Section = tuple[list[Settings], npt.NDArray[np.float64] | None]

_LINKED_GAIN_DB, _MOST_TRIM_DB = 60.0, 120.0


class PresetParts(Group):
    """The processors of a preset; a chain of another format has them made anew."""

    def __init__(
        self,
        sections: Callable[[float, int], list[Section]],
        fitted: bool,
        sample_rate: float,
        channels: int,
    ) -> None:
        self._sections, self._fitted = sections, checked_flag("fitted", fitted)
        self._format = checked_number("sample_rate", sample_rate), channels
        super().__init__(*self._made())

    def fit(self, sample_rate: float, channels: int) -> None:
        """Make other processors, if they are for another format."""
        if (sample_rate, channels) != self._format:
            self._format = sample_rate, channels
            self.set_parts(self._made())

    def _made(self) -> list[Any]:
        rate, channels = self._format
        made: list[Any] = []
        for each, matrix in self._sections(rate, channels):
            made += _equalizers(each, rate, self._fitted)
            made += _convolvers(each, rate, self._fitted)
            delays = [one.delay_frames for one in each]
            routing: Any = _Routing
            if any(delays) or matrix is not None:
                made.append(routing(delays, np.eye(channels) if matrix is None else matrix))
        return made


def _equalizers(each: list[Settings], rate: float, fitted: bool) -> list[Any]:
    """Return an equaliser of all bands and gains, if there are any."""
    bands = [list(one.bands) for one in each]
    if fitted:
        for own, one in zip(bands, each, strict=True):
            own.extend(fit_bands(_summed(one.curves), rate) if one.curves else [])
    trims = [min(_MOST_TRIM_DB, max(-_MOST_TRIM_DB, one.preamp_db)) for one in each]
    if not any(bands) and not any(trims):
        return []
    is_same = all(b == bands[0] for b in bands) and len(set(trims)) == 1
    if is_same and abs(trims[0]) <= _LINKED_GAIN_DB:
        return [Equalizer(bands[0], preamp_db=trims[0])]
    return [Equalizer.of_channels(list(zip(bands, trims, strict=True)))]


def _summed(curves: list[list[tuple[float, float]]]) -> list[tuple[float, float]]:
    """Return one curve for many."""
    if len(curves) == 1:
        return curves[0]
    hz = np.unique([f for points in curves for f, _ in points])
    levels = np.sum([curve_db(points, hz) for points in curves], axis=0)
    return list(zip(hz.tolist(), levels.tolist(), strict=True))


def _convolvers(each: list[Settings], rate: float, fitted: bool) -> list[Any]:
    """Return a convolver for each curve and impulse response that a channel has."""
    from zerocross.effects.convolver import Convolver

    responses = []
    for one in each:
        curves = [] if fitted else [minimum_phase(points, rate) for points in one.curves]
        heard = [
            _at_rate(impulse.rows[k], impulse.sample_rate, rate) for impulse, k in one.responses
        ]
        responses.append(curves + heard)
    made: list[Any] = []
    for k in range(max(map(len, responses))):
        rows = [row[k] if k < len(row) else np.ones(1) for row in responses]
        whole = np.zeros((len(rows), max(map(len, rows))))
        for c, row in enumerate(rows):
            whole[c, : len(row)] = row
        made.append(Convolver(whole.T))
    return made


def _at_rate(row: Any, own_rate: int, rate: float) -> Any:
    return row if own_rate == rate else resample_response(row, own_rate, rate)[0]


@processor
class _Routing:
    """Each channel later by whole frames, and then sums of them, each with its gain."""

    place: int = 0

    def __init__(self, delays: list[int], gains: npt.NDArray[np.float64]) -> None:
        self.delays = np.array(delays, np.int64)
        self.gains = gains.astype(np.float32)

    def prepare(self, _sample_rate: float, channels: int, max_block: int) -> None:
        longest = int(self.delays.max()) + max_block
        self.line = np.zeros((channels, 1 << longest.bit_length()), np.float32)

    def process(self, block: Any) -> None:
        mask = self.line.shape[1] - 1  # a power of two: an index can be masked, never outside
        for c in range(block.channels):
            for i in range(block.frames):
                self.line[c, (self.place + i) & mask] = block.input[c, i]
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = 0.0
            for source in range(block.channels):
                gain, late = self.gains[c, source], self.delays[source]
                if gain != 0.0:
                    for i in range(block.frames):
                        at = (self.place + i - late) & mask
                        block.output[c, i] += gain * self.line[source, at]
        self.place = (self.place + block.frames) & mask
