"""The compiled half of the meters: frames of a tap become levels, and levels cells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import (
    entry,
    float32_rows,
    float64_array,
    float64_rows,
    int32_array,
    kernel,
    record_at,
)
from zerocross.dsp.bs1770 import LOUDNESS, MOST_PIECES
from zerocross.dsp.peaks import FALL_DB_PER_SECOND
from zerocross.memory import layout
from zerocross.sync.tap import TAP
from zerocross.terminal.cells.pen import CELLS
from zerocross.terminal.visual.waves import sample_of, window_of

__all__ = ["METERS", "MOST_BLOCK", "NOTHING_DB", "SHOWN", "paint_meters", "take_frames"]

#: What is shown: three loudnesses, two peaks, the phase.
SHOWN = 6
_MOMENTARY, _SHORT, _INTEGRATED, _LEFT, _RIGHT, _PHASE = range(SHOWN)
MOST_BLOCK = 4096
#: Of silence.
NOTHING_DB = -200.0
_OFFSET = -0.691
_PIECES = 30  # of short-term loudness
_PHASE_S = 0.3
#: What two channels need to be in phase or not: less is silence.
_LEAST_POWER = 1e-12
_DIGITS_A_SECOND = 8
_BLANK = 0x20

#: Values, shape (3, SHOWN): what is so now, the highest of late, and for how long.
METERS = layout(
    setup=[
        *("cells", "tap", "loudness", "channels", "sample_rate"),
        *("shown", "pitch", "height", "first", "bars", "number", "across", "mark", "line"),
        *("loud_inks", "peak_inks", "good", "alarm", "axis", "text", "held", ("top_db", "f8")),
    ],
    control=[
        *("end", ("range_db", "f8"), ("hold_s", "f8"), ("integrated", "f8")),
        *(("left_peak", "f8"), ("right_peak", "f8")),
    ],
    audio=[
        *("rows", "values", "seen", "taken", "digits_at"),
        *(("both", "f8"), ("left_power", "f8"), ("right_power", "f8")),
    ],
)


# --- levels -------------------------------------------------------------------------------------


@kernel
def _lufs(energy: Any) -> Any:
    return max(NOTHING_DB, _OFFSET + 10.0 * math.log10(energy)) if energy > 0.0 else NOTHING_DB


@kernel
def _short_term(state: Any) -> Any:
    if state.count < _PIECES:
        return NOTHING_DB
    pieces, total = float64_array(state.pieces, MOST_PIECES), 0.0
    for k in range(_PIECES):
        total += pieces[(state.count - 1 - k) % MOST_PIECES]
    return _lufs(total / _PIECES)


@kernel
def _follow_phase(v: Any, rows: Any, frames: Any) -> Any:
    """Return the correlation of the first two channels over the last 300 ms or so."""
    kept = math.exp(-1.0 / (_PHASE_S * v.sample_rate))
    right = min(1, v.channels - 1)
    both, left_power, right_power = v.both, v.left_power, v.right_power
    for i in range(frames):
        a, b = np.float64(rows[0, i]), np.float64(rows[right, i])
        both = a * b + kept * (both - a * b)
        left_power = a * a + kept * (left_power - a * a)
        right_power = b * b + kept * (right_power - b * b)
    v.both, v.left_power, v.right_power = both, left_power, right_power
    if min(left_power, right_power) < _LEAST_POWER:
        return 0.0
    return min(1.0, max(-1.0, both / math.sqrt(left_power * right_power)))


@entry("int64")
def take_frames(address: int) -> int:
    """Take the next frames of the tap of a `METERS`; returns how many, 0 when all were taken."""
    v = record_at(address, METERS)
    tap = record_at(v.tap, TAP)
    if v.seen < 0 or v.end < v.seen or v.end - v.seen > tap.frames // 2:
        v.seen = max(0, v.end - tap.frames // 2)
    frames: int = min(MOST_BLOCK, v.end - v.seen)
    rows, values = float32_rows(v.rows, v.channels, frames), float64_rows(v.values, 3, SHOWN)
    for channel in range(v.channels):
        source = window_of(tap, channel, v.seen, frames)
        for i in range(frames):
            rows[channel, i] = np.float32(sample_of(source, i))
    if frames > 0:
        values[0, _PHASE] = _follow_phase(v, rows, frames)
    v.seen += frames
    v.taken += frames
    return frames


@kernel
def _hold(v: Any, dt: Any) -> None:
    """Let the highest of late stand for a while; then it is what is so now."""
    values = float64_rows(v.values, 3, SHOWN)
    for k in range(SHOWN):
        values[2, k] += dt
        if values[0, k] >= values[1, k] or values[2, k] > v.hold_s:
            values[1, k] = values[0, k]
            values[2, k] = 0.0


@kernel
def _level(v: Any) -> None:
    """Bring the values up to what was measured."""
    state, values = record_at(v.loudness, LOUDNESS), float64_rows(v.values, 3, SHOWN)
    values[0, _MOMENTARY] = _lufs(state.momentary)
    values[0, _SHORT] = _short_term(state)
    values[0, _INTEGRATED] = v.integrated
    fallen = FALL_DB_PER_SECOND * v.taken / v.sample_rate
    values[0, _LEFT] = max(v.left_peak, values[0, _LEFT] - fallen, NOTHING_DB)
    values[0, _RIGHT] = max(v.right_peak, values[0, _RIGHT] - fallen, NOTHING_DB)
    _hold(v, v.taken / v.sample_rate)
    v.taken = 0


# --- cells --------------------------------------------------------------------------------------


@kernel
def _put(c: Any, x: Any, y: Any, glyph: Any, ink: Any) -> None:
    if 0 <= x < c.columns and 0 <= y < c.rows:
        size = c.columns * c.rows
        int32_array(c.glyphs, size)[y * c.columns + x] = glyph
        int32_array(c.inks, size)[y * c.columns + x] = ink


@kernel
def _level_bar(v: Any, c: Any, y: Any, now: Any, held: Any, inks_at: Any) -> None:
    """Draw a row of a level: a bar, and a mark at the highest of late."""
    across, inks = int32_array(v.across, 9), int32_array(inks_at, v.bars)
    lowest = v.top_db - v.range_db
    eighths = int(min(1.0, max(0.0, (now - lowest) / v.range_db)) * v.bars * 8.0 + 0.5)
    at = (
        int(min(1.0, (held - lowest) / v.range_db) * v.bars * 8.0 + 0.5) - 1
        if held > lowest
        else -1
    )
    for k in range(v.bars):
        full = min(8, max(0, eighths - 8 * k))
        if full == 0 and at >= 0 and at >> 3 == k:
            _put(c, v.first + k, y, v.mark, v.held)
        else:
            _put(c, v.first + k, y, across[full], inks[k])


@kernel
def _phase_bar(v: Any, c: Any, y: Any, phase: Any) -> None:
    """Draw the phase from the middle: to the right what is alike, to the left what is opposite.

    Its axis is a line, in the middle of however many rows the bar has.
    """
    rest = v.line if y - _PHASE * v.pitch == v.height // 2 else _BLANK
    middle = v.bars // 2
    at = int((phase + 1.0) * 0.5 * (v.bars - 1) + 0.5)
    full, ink = int32_array(v.across, 9)[8], v.good if phase >= 0.0 else v.alarm
    for k in range(v.bars):
        is_in = min(at, middle) <= k <= max(at, middle)
        _put(c, v.first + k, y, full if is_in else rest, ink if is_in else v.axis)


@kernel
def _number(v: Any, c: Any, y: Any, value: Any, steps: Any) -> None:
    """Write a number with a decimal, or two in hundredths, in six cells; silence as a dash."""
    for k in range(6):
        _put(c, v.number + k, y, _BLANK, v.text)
    if value <= NOTHING_DB * 0.5:
        _put(c, v.number + 4, y, 45, v.text)
        return
    left = int(abs(value) * steps + 0.5)
    is_negative, x, point = value < 0.0 and left > 0, v.number + 5, steps
    while point > 1 or left > 0 or point == 1:
        _put(c, x, y, 48 + left % 10, v.text)
        left //= 10
        x -= 1
        if point > 1:
            point //= 10
            if point == 1:
                _put(c, x, y, 46, v.text)
                x -= 1
        elif left == 0:
            point = 0
    if is_negative:
        _put(c, x, y, 45, v.text)


@kernel
def _draw(v: Any, c: Any) -> None:
    values = float64_rows(v.values, 3, SHOWN)
    at = v.seen * _DIGITS_A_SECOND // v.sample_rate
    for k in range(v.shown):
        now, held = values[0, k], values[1, k]
        for y in range(k * v.pitch, k * v.pitch + v.height):
            if k == _PHASE:
                _phase_bar(v, c, y, now)
            else:
                _level_bar(v, c, y, now, held, v.loud_inks if k < _LEFT else v.peak_inks)
        if at != v.digits_at:
            shown = held if _LEFT <= k <= _RIGHT else now
            _number(v, c, k * v.pitch, shown, 100 if k == _PHASE else 10)
    v.digits_at = at


@entry("int64")
def paint_meters(address: int) -> None:
    """Draw what a `METERS` has measured."""
    v = record_at(address, METERS)
    _level(v)
    _draw(v, record_at(v.cells, CELLS))
