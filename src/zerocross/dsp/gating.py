"""Loudness as it is read while it is measured: figures by compiled code, in a bounded time.

`r128.Loudness` reads a measurement by NumPy, all of it each time. Where there is none (a browser's audio
thread) the gate of integrated loudness is passed step by step: the mean of what is not silent grows with each
piece; what is not quiet beside it is added up by so many pieces a call, and counts once all were seen.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import entry, float64_array, kernel, record_at
from zerocross.dsp.biquad import CASCADE, rest_cascade
from zerocross.dsp.bs1770 import LOUDNESS, MOST_PIECES, LoudnessState
from zerocross.dsp.r128 import ABSOLUTE_GATE, MOMENTARY, OFFSET, RELATIVE_GATE, SHORT
from zerocross.dsp.state import State
from zerocross.dsp.true_peak import TRUE_PEAK, rest_true_peak
from zerocross.memory import aligned_zeros, layout
from zerocross.units import db_to_gain

__all__ = ["BEGINS", "FIGURES", "GOES_ON", "READING", "make_reading", "read_loudness"]

#: What is read: LUFS, dBTP and dBFS, and how long was measured.
FIGURES = (
    *("momentary", "short_term", "integrated", "momentary_max"),
    *("true_peak", "sample_peak", "seconds"),
)
#: How a measurement begins anew: with the sound that goes on, so that what the filters remember is its own;
#: or with one that begins, as if silence were before it.
GOES_ON, BEGINS = 1, 2
#: Pieces that a call looks at again: all of 14 hours within a second, at 60 calls.
_PASSED = 8192
_SILENCE = db_to_gain(2 * (ABSOLUTE_GATE - OFFSET))
_QUIET = db_to_gain(2 * RELATIVE_GATE)

#: A reading: the measurement, how many of its pieces were seen, those that are not silent and the sum of their
#: energies; how far a pass has come, its gate, and what was not below it so far; what was found.
READING = layout(
    setup=["loudness", "peaks"],
    audio=[
        *("seen", "loud", ("loud_energy", "f8"), "at", "end"),
        *(("gate", "f8"), "kept", ("kept_energy", "f8"), ("passed", "f8"), "figures"),
    ],
)


@kernel
def _lufs(energy: Any) -> Any:
    return OFFSET + 10.0 * math.log10(energy) if energy > 0.0 else -math.inf


@kernel
def _dbfs(peak: Any) -> Any:
    return 20.0 * math.log10(peak) if peak > 0.0 else -math.inf


@kernel
def _mean(pieces: Any, last: Any, count: Any) -> Any:
    """Return the mean energy of so many pieces up to one."""
    whole = 0.0
    for number in range(last + 1 - count, last + 1):
        whole += pieces[number % MOST_PIECES]
    return whole / count


@kernel
def _gate(r: Any, pieces: Any, count: Any) -> None:
    """Move the integrated loudness on."""
    for number in range(max(r.seen, MOMENTARY - 1), count):
        energy = _mean(pieces, number, MOMENTARY)
        if energy > _SILENCE:
            r.loud += 1
            r.loud_energy += energy
    r.seen = count
    if r.at == r.end:  # the next pass
        r.at, r.end = max(MOMENTARY - 1, count - MOST_PIECES + MOMENTARY), count
        r.gate = max(_SILENCE, _QUIET * r.loud_energy / max(1, r.loud))
        r.kept, r.kept_energy = 0, 0.0
    last = min(r.end, r.at + _PASSED)
    for number in range(r.at, last):
        energy = _mean(pieces, number, MOMENTARY)
        if energy > r.gate:
            r.kept += 1
            r.kept_energy += energy
    r.at = max(r.at, last)
    if r.at >= r.end:
        r.at = r.end
        r.passed = r.kept_energy / max(1, r.kept)


@kernel
def _forget(r: Any, m: Any, anew: Any) -> None:
    """Begin anew with the next frame."""
    m.count = m.filled = 0
    for c in range(m.channels):
        m.sums[c] = 0.0
    m.momentary = m.momentary_max = 0.0
    if r.peaks != 0:
        p = record_at(r.peaks, TRUE_PEAK)
        p.true_peak = p.sample_peak = 0.0
        if anew == BEGINS:
            rest_true_peak(p)
    if anew == BEGINS:
        rest_cascade(record_at(m.filter, CASCADE))
    r.seen = r.loud = r.at = r.end = r.kept = 0
    r.loud_energy = r.kept_energy = r.passed = 0.0


@entry("int64", "int64")
def read_loudness(address: int, anew: int) -> None:
    """Write the figures of a `READING`, on the thread that measures.

    It begins anew before, if that is `GOES_ON` or `BEGINS`, and not if it is 0.

    Real-time: safe.
    """
    r = record_at(address, READING)
    m = record_at(r.loudness, LOUDNESS)
    if anew != 0:
        _forget(r, m, anew)
    count = m.count
    pieces = float64_array(m.pieces, MOST_PIECES)
    _gate(r, pieces, count)
    found = float64_array(r.figures, len(FIGURES))
    found[0] = _lufs(m.momentary)
    found[1] = _lufs(_mean(pieces, count - 1, SHORT)) if count >= SHORT else -math.inf
    found[2] = _lufs(r.passed)
    found[3] = _lufs(m.momentary_max)
    found[4] = found[5] = -math.inf
    if r.peaks != 0:
        p = record_at(r.peaks, TRUE_PEAK)
        found[4] = _dbfs(max(p.true_peak, p.sample_peak))
        found[5] = _dbfs(p.sample_peak)
    found[6] = np.float64(count) / 10.0


def make_reading(loudness: LoudnessState) -> State:
    """Return a `READING` of a measurement, whose figures are its array of that name."""
    return State(
        READING,
        loudness=loudness,
        peaks=loudness.peaks or 0,
        figures=aligned_zeros(len(FIGURES), np.float64),
    )
