"""Convolution with an impulse response: rooms, cabinets, FIR equalisers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from zerocross.compiler import record_at
from zerocross.dsp.convolve import convolve
from zerocross.dsp.decibels import db_to_gain
from zerocross.dsp.partitions import CONVOLVER, check_response, checked_block, make_convolution
from zerocross.dsp.resample import resample_response
from zerocross.dsp.state import checked_rows
from zerocross.errors import UsageError
from zerocross.graph.decorator import processor
from zerocross.graph.params import param
from zerocross.sources.opening import read_audio
from zerocross.units import checked_whole

__all__ = ["Convolver"]

_MAX_S = 60.0
_MAX_HZ = 10_000_000


def _rows_of(impulse: Any) -> Any:
    """Return an impulse response as rows, shape (channels, taps), float64."""
    return checked_rows("impulse", impulse, "(taps,) or (taps, channels)", np.float64)


def _check_length(impulse: Any, rate: float) -> None:
    seconds = impulse.shape[1] / rate
    if seconds > _MAX_S:
        raise UsageError(f"an impulse response of {seconds:.0f} s; give up to {_MAX_S:.0f} s")


@processor
class Convolver:
    """Convolves with an impulse response (`dsp.convolve`); the dry share is as late as the wet.

    Parameters
    ----------
    impulse : array, path or callable
        Shape (taps,) for all channels or (taps, channels); a file, which is resampled to the
        chain's rate; or what is called with sample rate and channels and returns an array of shape
        (channels, taps). Up to 60 seconds. Resampling cuts off what rings before the first frame: a
        response that begins at once is off by tenths of a dB from 44.1 to 48 kHz, by up to 3 dB where
        the rate doubles or halves; give that at the chain's rate, or with 10 ms of silence before it.
    sample_rate : int or None
        The array's, to resample it; None for the chain's.
    block_size : int
        Frames collected at a time, a power of two from 16 to 8192: the latency.
    mix : float
        Share of the convolution, 0 to 1.
    gain_db : float
        Of the convolution.

    """

    mix: float = param(1.0, 0.0, 1.0)
    gain_db: float = param(0.0, -60.0, 24.0, "dB")
    latency_frames: int = 0
    state: int = 0

    def __init__(
        self,
        impulse: Any,
        sample_rate: int | None = None,
        block_size: int = 64,
        mix: float = 1.0,
        gain_db: float = 0.0,
    ) -> None:
        self._impulse: Any
        self._design = impulse if callable(impulse) else None
        if self._design:
            self._impulse, self._rate = np.ones((1, 1)), 0
        elif isinstance(impulse, (str, os.PathLike)):
            self._impulse, self._rate = read_audio(impulse, _MAX_S)
        else:
            self._impulse, self._rate = _rows_of(impulse), 0
            if sample_rate is not None:
                self._rate = checked_whole("sample_rate", sample_rate, 1, _MAX_HZ, "Hz")
        self._block = block_size = checked_block("block_size", block_size)
        self.mix, self.gain_db = mix, gain_db
        check_response(self._impulse)
        if self._rate:
            _check_length(self._impulse, self._rate)

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        impulse: Any = self._impulse
        if self._design:
            impulse = _rows_of(np.transpose(self._design(sample_rate, channels)))
            check_response(impulse)
        _check_length(impulse, self._rate or sample_rate)
        if self._rate and self._rate != sample_rate:
            impulse = resample_response(impulse, self._rate, sample_rate)
        if len(impulse) > channels == 1:
            impulse = impulse.mean(axis=0, keepdims=True)
        self._made = make_convolution(impulse, channels, self._block)
        self.state = self._made.address
        self.latency_frames = self._made.latency_frames

    def process(self, block: Any) -> None:
        wet = self.mix * db_to_gain(self.gain_db)
        convolve(
            record_at(self.state, CONVOLVER),
            block.input,
            block.frames,
            block.output,
            np.float32(1.0 - self.mix),
            np.float32(wet),
        )
