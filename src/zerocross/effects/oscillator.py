"""An instrument: tones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import float32_array, kernel
from zerocross.dsp.blep import BLEP_SIZE, band_limit, design_blep
from zerocross.dsp.decibels import db_to_gain
from zerocross.effects.voices import VOICES, end_notes, envelope, take_notes
from zerocross.errors import UsageError
from zerocross.graph.decorator import processor
from zerocross.graph.params import param
from zerocross.graph.processor import set_fields
from zerocross.units import checked_flag, shown

__all__ = ["WAVEFORMS", "Oscillator"]

#: Waveforms by name. The last three are band-limited at their jumps and corners (`dsp.blep`).
WAVEFORMS = ("sine", "saw", "square", "triangle")
#: From this share of the sample rate on nothing of a waveform is let through, its fundamental included.
_ALL_STOPPED = 0.6


@kernel
def _wave(shape: Any, lack: Any, t: Any, step: Any) -> Any:
    """Return a waveform at a phase of 0 to 1, ``step`` of it a sample."""
    if shape == 0:
        return math.sin(2.0 * math.pi * t)
    if step >= _ALL_STOPPED:
        return 0.0
    if shape == 1:
        return 2.0 * t - 1.0 - 2.0 * band_limit(lack, t, step, -1.0)
    half = t + 0.5 if t < 0.5 else t - 0.5
    if shape == 2:
        both = band_limit(lack, t, step, -1.0) - band_limit(lack, half, step, -1.0)
        return (1.0 if t < 0.5 else -1.0) + 2.0 * both
    both = band_limit(lack, t, step, 1.0) - band_limit(lack, half, step, 1.0)
    return 1.0 - 4.0 * abs(t - 0.5) + 8.0 * step * both


@processor(instrument=True)
class Oscillator:
    """A tone on all channels; its input is not heard.

    Without ``notes`` it sounds all the time at its frequency; with them it plays up to 16 notes
    at a time (``note_on``, ``note_off``), each with attack, decay, sustain and release.

    Saw, square and triangle hold the harmonics of their Fourier series up to 0.408 of the sample
    rate (18 kHz of 44.1), and no alias under it as loud as -87 dB of the fundamental, which may be
    up to a tenth of the rate (-90 dB up to 0.09 of it). As all band-limited jumps, theirs
    overshoot: at a gain of 0 dB a saw reaches 1.18, a square 1.28.

    Parameters
    ----------
    waveform : {"sine", "saw", "square", "triangle"}
    notes : bool

    """

    frequency: float = param(440.0, 1.0, 20_000.0, "Hz")
    gain_db: float = param(-12.0, -120.0, 0.0, "dB")
    attack_ms: float = param(5.0, 0.0, 10_000.0, "ms")
    decay_ms: float = param(100.0, 0.0, 10_000.0, "ms")
    sustain: float = param(0.7, 0.0, 1.0)
    release_ms: float = param(100.0, 1.0, 10_000.0, "ms")
    shape: int = 0
    plays_notes: int = 0
    phase: float = 0.0
    lack: int = 0

    def __init__(self, waveform: str = "sine", notes: bool = False, **values: float) -> None:
        if not isinstance(waveform, str) or waveform not in WAVEFORMS:
            raise UsageError(f"waveform={shown(waveform)}: give one of {', '.join(WAVEFORMS)}")
        self.shape = WAVEFORMS.index(waveform)
        self.plays_notes = int(checked_flag("notes", notes))
        set_fields(self, values)

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        self.note, self.stage = np.full(VOICES, -1), np.zeros(VOICES, np.int64)
        self.level, self.velocity = np.zeros(VOICES), np.zeros(VOICES)
        self.phases = np.zeros(VOICES)
        self.lack = design_blep(bend=WAVEFORMS[self.shape] == "triangle").ctypes.data

    def process(self, block: Any) -> None:
        gain = db_to_gain(self.gain_db)
        lack = float32_array(self.lack, BLEP_SIZE)
        first = block.output[0]
        if self.plays_notes == 0:
            step = self.frequency / block.sample_rate
            for i in range(block.frames):
                first[i] = np.float32(gain * _wave(self.shape, lack, self.phase, step))
                self.phase += step
                self.phase -= math.floor(self.phase)
        else:
            take_notes(block.events, self.note, self.stage, self.level, self.velocity, self.phases)
            end_notes(block.events, self.note, self.stage)
            for i in range(block.frames):
                first[i] = np.float32(0.0)
            for v in range(VOICES):
                if self.stage[v] == 0:
                    continue
                step = 440.0 * 2.0 ** ((self.note[v] - 69) / 12.0) / block.sample_rate
                loud = gain * self.velocity[v]
                for i in range(block.frames):
                    level = envelope(
                        self.stage,
                        self.level,
                        v,
                        0.001 * self.attack_ms * block.sample_rate,
                        0.001 * self.decay_ms * block.sample_rate,
                        self.sustain,
                        0.001 * self.release_ms * block.sample_rate,
                    )
                    t = self.phases[v]
                    first[i] += np.float32(loud * level * _wave(self.shape, lack, t, step))
                    t += step
                    self.phases[v] = t - math.floor(t)
        for c in range(1, block.channels):
            for i in range(block.frames):
                block.output[c, i] = first[i]
