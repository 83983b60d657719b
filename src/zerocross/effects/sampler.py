"""An instrument: recordings."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import float32_rows, kernel
from zerocross.dsp.decibels import db_to_gain
from zerocross.dsp.state import checked_rows
from zerocross.effects.voices import VOICES, end_notes, envelope, take_notes
from zerocross.errors import UsageError
from zerocross.graph.decorator import processor
from zerocross.graph.params import param
from zerocross.graph.processor import set_fields
from zerocross.sources.opening import read_audio
from zerocross.units import checked_number, checked_whole, shown

__all__ = ["Sampler"]

_PAD = 2  # frames of silence on both sides, for the interpolation
_MAX_HZ = 10e6


def _checked_loop(loop: Any, frames: int) -> tuple[int, int]:
    """Return where a loop begins and ends, in frames."""
    try:
        first, end = (checked_whole("loop", place, 0, frames) for place in loop)
    except (TypeError, ValueError, UsageError):
        first = end = 0
    if not first < end:
        raise UsageError(f"loop={shown(loop)}: give a first frame and an end, up to {frames}")
    return first, end


@kernel
def _looped(at: Any, first: Any, end: Any) -> Any:
    """Return which frame of a recording comes at a place, which may lie behind a loop's end."""
    return first + (at - first) % (end - first) if 0 < end <= at else at


@kernel
def _behind(place: Any, first: Any, end: Any) -> Any:
    """Return where in a loop a place is.

    It runs on to a frame behind the end, and goes back to one behind the loop's first: so the frame
    before it is of the loop too, while the first time through it is what the recording has there.
    """
    if end == 0 or place < end + 1:
        return place
    length = end - first
    return place - length * (1 + (place - (end + 1)) // length)


@processor(instrument=True)
class Sampler:
    """Plays a recording at the pitch of each note, up to 16 at a time; its input is not heard.

    Between samples it interpolates with third-order polynomials (Hermite, four points), so notes
    far above the recording's own alias as samplers of that kind do. In a loop the points are those
    of the loop too: after its last frame comes its first.

    Parameters
    ----------
    source : array or path
        Shape (frames,) or (frames, channels); or a file.
    sample_rate : int
        Of an array.
    note : int
        The recording's own pitch (MIDI's number).
    loop : (int, int) or None
        First frame and end of what is repeated while a note is held.

    """

    gain_db: float = param(0.0, -120.0, 24.0, "dB")
    attack_ms: float = param(1.0, 0.0, 10_000.0, "ms")
    release_ms: float = param(100.0, 1.0, 10_000.0, "ms")
    data: int = 0
    frames: int = 0
    rows: int = 1
    ratio: float = 1.0
    root: int = 60
    loop_first: int = 0
    loop_end: int = 0

    def __init__(
        self,
        source: npt.ArrayLike | str | os.PathLike[str],
        sample_rate: int = 48_000,
        note: int = 60,
        loop: tuple[int, int] | None = None,
        **values: float,
    ) -> None:
        if isinstance(source, (str, os.PathLike)):
            rows, sample_rate = read_audio(source)
        else:
            rows = checked_rows("source", source, "(frames,) or (frames, channels)", np.float32)
        if rows.ndim != 2 or rows.size == 0 or not np.isfinite(rows).all():
            raise UsageError("the recording is empty or not finite; give (frames, channels)")
        first, end = (0, 0) if loop is None else _checked_loop(loop, rows.shape[1])
        self._recording = np.ascontiguousarray(np.pad(rows, ((0, 0), (_PAD, _PAD))), np.float32)
        self._rate = checked_number("sample_rate", sample_rate, 1.0, _MAX_HZ, "Hz")
        self.root = checked_whole("note", note, 0, 127)
        self.loop_first, self.loop_end = first, end
        set_fields(self, values)

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        self.data = self._recording.ctypes.data
        self.rows, self.frames = self._recording.shape[0], self._recording.shape[1] - 2 * _PAD
        self.ratio = self._rate / sample_rate
        self.note, self.stage = np.full(VOICES, -1), np.zeros(VOICES, np.int64)
        self.level, self.velocity = np.zeros(VOICES), np.zeros(VOICES)
        self.places = np.zeros(VOICES)

    def process(self, block: Any) -> None:
        take_notes(block.events, self.note, self.stage, self.level, self.velocity, self.places)
        end_notes(block.events, self.note, self.stage)
        gain = db_to_gain(self.gain_db)
        first, end = self.loop_first, self.loop_end
        whole = float32_rows(self.data, self.rows, self.frames + 2 * _PAD)
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = np.float32(0.0)
        for v in range(VOICES):
            step = self.ratio * 2.0 ** ((self.note[v] - self.root) / 12.0)
            loud = gain * self.velocity[v]
            for i in range(block.frames):
                if self.stage[v] == 0:
                    break
                level = envelope(
                    self.stage,
                    self.level,
                    v,
                    0.001 * self.attack_ms * block.sample_rate,
                    1.0,
                    1.0,
                    0.001 * self.release_ms * block.sample_rate,
                )
                at = int(self.places[v])
                t = self.places[v] - at
                second = _looped(at, first, end)
                third = _looped(at + 1, first, end)
                fourth = _looped(at + 2, first, end)
                for c in range(block.channels):
                    row = whole[c % self.rows]
                    a, b = np.float64(row[at + 1]), np.float64(row[_PAD + second])
                    d, e = np.float64(row[_PAD + third]), np.float64(row[_PAD + fourth])
                    c1 = 0.5 * (d - a)
                    c2 = a - 2.5 * b + 2.0 * d - 0.5 * e
                    c3 = 0.5 * (e - a) + 1.5 * (b - d)
                    sample = ((c3 * t + c2) * t + c1) * t + b
                    block.output[c, i] += np.float32(loud * level * sample)
                self.places[v] = _behind(self.places[v] + step, first, end)
                if end == 0 and self.places[v] >= self.frames:
                    self.stage[v] = 0
