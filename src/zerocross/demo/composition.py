"""A piece of twenty seconds for plucked strings, bass, pad and soft percussion.

Eight bars of 4/4 at 96 beats a minute, A minor to C major and back, over the chords
Am F C G; the melody is written out below. Everything is sums of decaying sines and seeded
noise, in NumPy, once: the file is kept in the cache directory and then played like any
other file.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from zerocross.compiler.cache import directory
from zerocross.errors import CacheRefused
from zerocross.units import db_to_gain

__all__ = ["SAMPLE_RATE", "compose", "composed_file"]

SAMPLE_RATE = 48_000
_BEAT_S = 60.0 / 96.0
_BARS = 8
_VERSION = 1

# Chords as MIDI notes, one a bar; then arpeggio steps as indices into them.
_CHORDS = [(57, 60, 64, 69), (53, 57, 60, 65), (48, 55, 60, 64), (55, 59, 62, 67)]
_BASS = [45, 41, 36, 43]
_ARPEGGIO = [0, 1, 2, 3, 2, 1, 2, 3]
# The melody: (bar, beat, MIDI note, beats).
_MELODY = [
    (2, 0.0, 76, 1.5),
    (2, 1.5, 74, 0.5),
    (2, 2.0, 72, 1.0),
    (2, 3.0, 69, 1.0),
    (3, 0.0, 71, 1.5),
    (3, 1.5, 72, 0.5),
    (3, 2.0, 74, 2.0),
    (4, 0.0, 76, 1.0),
    (4, 1.0, 81, 1.0),
    (4, 2.0, 79, 0.5),
    (4, 2.5, 76, 1.5),
    (5, 0.0, 77, 1.0),
    (5, 1.0, 76, 1.0),
    (5, 2.0, 72, 2.0),
    (6, 0.0, 74, 0.5),
    (6, 0.5, 76, 0.5),
    (6, 1.0, 79, 1.0),
    (6, 2.0, 76, 2.0),
    (7, 0.0, 74, 1.0),
    (7, 1.0, 72, 1.0),
    (7, 2.0, 69, 2.0),
]

Mono = npt.NDArray[np.float64]


def _frequency(note: float) -> float:
    return float(440.0 * 2.0 ** ((note - 69) / 12))


def _time(seconds: float) -> Mono:
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _pluck(note: int, seconds: float, brightness: float) -> Mono:
    """Return a plucked string: partials that die the faster the higher they are."""
    t = _time(seconds)
    base = _frequency(note)
    tone = np.zeros_like(t)
    for k in range(1, 9):
        stretched = base * k * np.sqrt(1 + 0.0002 * k * k)
        if stretched < 0.45 * SAMPLE_RATE:
            tone += (
                brightness**k / k * np.sin(2 * np.pi * stretched * t) * np.exp(-t * (2 + 1.5 * k))
            )
    return tone * np.minimum(1, t / 0.003)


def _pad(notes: tuple[int, ...], seconds: float) -> Mono:
    """Return a soft chord of detuned sines that swells and goes."""
    t = _time(seconds)
    tone = sum(
        np.sin(2 * np.pi * _frequency(note + cents / 100) * t)
        for note in notes
        for cents in (-4, 3)
    )
    swell = np.sin(np.pi * np.minimum(1, t / seconds)) ** 0.7
    return np.asarray(tone * swell)


def _shaker(rng: np.random.Generator, seconds: float) -> Mono:
    t = _time(seconds)
    noise = np.diff(rng.standard_normal(len(t) + 2), 2)
    return noise * np.exp(-t * 60) * np.minimum(1, t / 0.002)


def _drum(seconds: float) -> Mono:
    t = _time(seconds)
    return np.sin(2 * np.pi * (48 * t + 1.6 * (1 - np.exp(-t * 30)))) * np.exp(-t * 9)


class _Score:
    """A stereo page on which sounds are placed in time and space."""

    def __init__(self, seconds: float) -> None:
        self.page = np.zeros((round(seconds * SAMPLE_RATE), 2))

    def add(self, at_s: float, sound: Mono, gain: float, pan: float) -> None:
        """Add a sound; pan from -1 to 1, with equal power."""
        start = round(at_s * SAMPLE_RATE)
        sound = sound[: max(0, len(self.page) - start)]
        angle = (pan + 1) * np.pi / 4
        self.page[start : start + len(sound), 0] += gain * np.cos(angle) * sound
        self.page[start : start + len(sound), 1] += gain * np.sin(angle) * sound


def compose() -> npt.NDArray[np.float32]:
    """Return the piece: shape (frames, 2), float32, 48 kHz, peak -3 dBFS."""
    rng = np.random.default_rng(1964)
    bar_s = 4 * _BEAT_S
    score = _Score(_BARS * bar_s + 2.0)
    for bar in range(_BARS):
        at = bar * bar_s
        chord = _CHORDS[bar % 4]
        score.add(at, _pad(chord, bar_s * 1.2), 0.05, 0.0)
        for beat in (0.0, 2.5):
            score.add(at + beat * _BEAT_S, _pluck(_BASS[bar % 4], 1.6, 0.7), 0.9, -0.1)
        for step, index in enumerate(_ARPEGGIO):
            pan = 0.6 * np.sin(step * np.pi / 4)
            gain = 0.38 + 0.08 * (step % 2 == 0)
            score.add(at + step * _BEAT_S / 2, _pluck(chord[index], 1.2, 0.75), gain, pan)
        if bar >= 1:
            for beat in range(4):
                score.add(at + (beat + 0.5) * _BEAT_S, _shaker(rng, 0.15), 0.02, 0.4)
            score.add(at, _drum(0.6), 0.55, 0.0)
            score.add(at + 2 * _BEAT_S, _drum(0.6), 0.45, 0.0)
    for bar, beat, note, beats in _MELODY:
        tone = _pluck(note, beats * _BEAT_S + 0.8, 0.9)
        score.add(bar * bar_s + beat * _BEAT_S, tone, 0.55, 0.15)
    page = score.page
    for delay_beats, gain in ((0.75, 0.28), (1.5, 0.12)):  # an echo that changes sides
        frames = round(delay_beats * _BEAT_S * SAMPLE_RATE)
        page[frames:] += gain * score.page[:-frames, ::-1].copy()
    fade = np.minimum(1, (len(page) - 1 - np.arange(len(page))) / (1.5 * SAMPLE_RATE))
    page *= np.maximum(0, fade)[:, None]
    piece: npt.NDArray[np.float32] = (page / np.abs(page).max() * db_to_gain(-3)).astype(np.float32)
    return piece


def composed_file() -> Path:
    """Return the piece as a file in the cache, made when it is not there yet.

    Where there is no cache to write to, in a folder that ends with the process.
    """
    try:
        return _composed_in(directory())
    except (CacheRefused, OSError):
        folder = tempfile.mkdtemp(prefix="zerocross-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return _composed_in(Path(folder))


def _composed_in(folder: Path) -> Path:
    path = folder / f"demo-{_VERSION}.flac"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            soundfile.write(part, compose(), SAMPLE_RATE, "PCM_24", format="FLAC")
            os.replace(part, path)
        finally:
            with contextlib.suppress(OSError):
                part.unlink()
    return path
