"""The equaliser: any number of bands in a cascade, changed without a click while it plays."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.dsp.biquad import cascade, cascade_fade, make_cascade_state, pack_sos
from zerocross.engine.processor import param, processor
from zerocross.eq.design import design_band, frequency_response
from zerocross.errors import UsageError
from zerocross.memory import Record

__all__ = ["Equalizer"]

_DEFAULT_HZ = (60.0, 170.0, 310.0, 600.0, 1000.0, 3000.0, 6000.0, 12_000.0)
_FADE_S = 0.05
_PATIENCE_S = 0.5


@processor
class Equalizer:
    """Bands one after the other, in float64, the same for all channels.

    Parameters
    ----------
    bands : int or sequence of (kind, frequency, q, gain_db)
        How many peaking bands (8 by default: 60 Hz to 12 kHz, all at 0 dB), or what they are.
    preamp_db : float
        Gain before the bands.

    """

    preamp_db: float = param(0.0, -60.0, 24.0, "dB")
    version: int = 0
    seen: int = 0
    fading: int = 0
    fade_frames: int = 1

    def __init__(self, bands: Any = 8, preamp_db: float = 0.0) -> None:
        if isinstance(bands, int):
            spread = np.geomspace(_DEFAULT_HZ[0], _DEFAULT_HZ[-1], max(1, bands))
            places = _DEFAULT_HZ if bands == len(_DEFAULT_HZ) else spread[: max(0, bands)]
            self._bands = [("peaking", float(f), 1.0, 0.0) for f in places]
        else:
            self._bands = [(str(k), float(f), float(q), float(g)) for k, f, q, g in bands]
        self._rate = 0.0
        self.preamp_db = preamp_db

    @property
    def bands(self) -> list[tuple[str, float, float, float]]:
        """Kind, frequency in Hz, Q and gain in dB of each band."""
        return list(self._bands)

    def sos(self, sample_rate: float | None = None) -> npt.NDArray[np.float64]:
        """Return the bands' coefficients, shape (bands, 6), as SciPy has them."""
        rate = sample_rate or self._rate or 48_000.0
        rows = [design_band(k, min(f, 0.49 * rate), rate, q, g) for k, f, q, g in self._bands]
        return np.array(rows).reshape(-1, 6)

    def response_db(
        self, frequencies: npt.ArrayLike, sample_rate: float | None = None
    ) -> npt.NDArray[np.float64]:
        """Return the gain at frequencies in Hz, in dB, the preamp included."""
        rate = sample_rate or self._rate or 48_000.0
        gain = np.abs(frequency_response(self.sos(rate), frequencies, rate))
        levels: npt.NDArray[np.float64] = 20 * np.log10(np.maximum(gain, 1e-30)) + self.preamp_db
        return levels

    def set_band(
        self,
        index: int,
        frequency: float | None = None,
        q: float | None = None,
        gain_db: float | None = None,
        kind: str | None = None,
    ) -> None:
        """Change a band; what is None stays. While it plays, it fades over in 50 ms.

        Raises
        ------
        UsageError
            For a band that does not exist or cannot be.

        """
        if not 0 <= index < len(self._bands):
            raise UsageError(f"band {index}: there are bands 0 to {len(self._bands) - 1}")
        now = self._bands[index]
        new = (
            kind or now[0],
            now[1] if frequency is None else float(frequency),
            now[2] if q is None else float(q),
            now[3] if gain_db is None else float(gain_db),
        )
        design_band(new[0], new[1], self._rate or 384_000.0, new[2], new[3])
        self._bands[index] = new
        me: Any = self  # a Processor, once decorated
        if me.record is not None:
            self._publish(me.record)

    def _publish(self, record: Record) -> None:
        """Hand new coefficients over, once the last ones were taken.

        Where nothing runs they wait in the record for the next block.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while self.seen != self.version and time.monotonic() < deadline:
            time.sleep(0.002)
        self.pending[:] = pack_sos(self.sos())
        record.store("version", self.seen + 1)

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        self._rate = float(sample_rate)
        packed = pack_sos(self.sos())
        self.taps, self.new_taps, self.pending = packed, packed.copy(), packed.copy()
        self.state = make_cascade_state(packed, channels)
        self.new_state = self.state.copy()
        self.other = np.zeros((channels, max_block), np.float32)
        self.fade_frames = round(_FADE_S * sample_rate)
        self.version = self.seen = self.fading = 0

    def process(self, block: Any) -> None:
        gain = np.float32(math.exp(self.preamp_db * (math.log(10.0) / 20.0)))
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = gain * block.input[c, i]
        if self.fading == 0 and self.version != self.seen:
            for i in range(self.pending.size):
                self.new_taps[i] = self.pending[i]
            for c in range(block.channels):
                for i in range(self.state.shape[1]):
                    self.new_state[c, i] = self.state[c, i]
            self.seen = self.version
            self.fading = self.fade_frames
        done = 0
        if self.fading > 0:
            done = min(block.frames, self.fading)
            cascade_fade(
                block.output,
                done,
                self.taps,
                self.state,
                self.new_taps,
                self.new_state,
                self.fade_frames - self.fading,
                self.fade_frames,
                self.other,
            )
            self.fading -= done
            if self.fading == 0:
                for i in range(self.taps.size):
                    self.taps[i] = self.new_taps[i]
                for c in range(block.channels):
                    for i in range(self.state.shape[1]):
                        self.state[c, i] = self.new_state[c, i]
        if done < block.frames:
            cascade(block.output[:, done:], block.frames - done, self.taps, self.state)
