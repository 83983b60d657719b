"""The status line's kernel: the numbers of a moment become the bytes that a terminal is sent.

Ten times a second, without a string, an object or a layout of Python's. From the left: what it does,
the name, how far it is, the times, the spectrum, the level, the volume and which track of how many.
Where there is no room for all, they give way from the right; below `WIDTH_FOR_BOTH` cells the
spectrum stands where the level's bar would be. What does not change with the moment is laid out by
`Painter`.

A little over 300 lines: a line is small pieces, and each is a kernel of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import entry, float64_array, int64_array, kernel, record_at, uint8_array
from zerocross.memory import layout

__all__ = ["PAINTER", "ROW", "SILENCE", "STYLES", "TEXTS", "paint_line"]

#: From so many cells on the spectrum and the level's bar stand side by side.
WIDTH_FOR_BOTH = 100
#: What is softer, in dBFS, has an empty bar and no number.
FLOOR_DB = -48.0
_RED_DB = -1.0
_METER_CELLS = 10
_LEAST_NAME = 4
_LEAST_ROOM = 8  # of name and bar
_MOST_CELLS = 1000

#: What the line is made of, by number, each in `ROW` bytes: how many it has, and they. First the
#: symbols of a player's states.
TEXTS = ("▶", "⏸", "■", "…", "…", "━", "─", "▮", "▯", *" ▁▂▃▄▅▆▇█", "…")
TEXTS += (" / ", "-:--", "vol ", " %", "muted", " dB", "/", "-∞  dB")
ROW = 16
_DONE, _TO_COME, _LOUD, _SOFT, _BLOCKS, CUT = 5, 6, 7, 8, 9, 18
_OF, _NO_TIME, _VOL, _PERCENT, _MUTED, _DB, _SLASH, SILENCE = range(19, 27)
#: And its styles, as terminals number them (ECMA-48, SGR).
STYLES = {"bold": b"1", "dim": b"2", "cyan": b"36", "green": b"32", "red": b"31", "yellow": b"33"}
_BOLD, _DIM, _CYAN, _GREEN, _RED, _YELLOW, PLAIN = range(27, 34)

PAINTER = layout(
    setup=["pieces", "out", "capacity"],
    control=[
        *("name", "ends", "cells", "letters"),
        *("heights", "bands"),
        "width",
        "state",
        "volume",
        "place",
        "count",
        ("position_s", "f8"),
        ("duration_s", "f8"),
        ("level_db", "f8"),
    ],
    kernel=[
        "at",
        "name_cells",
        "bar_cells",
        "time_cells",
        "level_cells",
        "words_cells",
        "volume_cells",
        "count_cells",
    ],
)


@kernel
def _byte(p: Any, value: Any) -> None:
    if p.at < p.capacity:
        uint8_array(p.out, p.capacity)[p.at] = np.uint8(value)
        p.at += 1


@kernel
def _copy(p: Any, address: Any, size: Any) -> None:
    source = uint8_array(address, size)
    for k in range(size):
        _byte(p, source[k])


@kernel
def _piece(p: Any, number: Any) -> None:
    row = p.pieces + ROW * number
    _copy(p, row + 1, np.int64(uint8_array(row, 1)[0]))


@kernel
def _pieces(p: Any, number: Any, times: Any) -> None:
    for _ in range(times):
        _piece(p, number)


@kernel
def _fill(p: Any, times: Any, letter: Any) -> None:
    for _ in range(times):
        _byte(p, letter)


@kernel
def _digits_of(number: Any) -> Any:
    digits = 1
    while number > 9:
        number //= 10
        digits += 1
    return digits


@kernel
def _number(p: Any, number: Any, least: Any, filler: Any) -> None:
    """Write a number that is not negative, filled up to at least so many places."""
    digits = _digits_of(number)
    _fill(p, least - digits, filler)
    power = 1
    for _ in range(digits - 1):
        power *= 10
    for _ in range(digits):
        _byte(p, 48 + number // power % 10)
        power //= 10


@kernel
def _time_cells(seconds: Any) -> Any:
    return _digits_of(seconds // 3600) + 6 if seconds >= 3600 else _digits_of(seconds // 60) + 3


@kernel
def _time(p: Any, seconds: Any) -> None:
    if seconds >= 3600:
        _number(p, seconds // 3600, 1, 48)
        _byte(p, 58)
        _number(p, seconds // 60 % 60, 2, 48)
    else:
        _number(p, seconds // 60, 1, 48)
    _byte(p, 58)
    _number(p, seconds % 60, 2, 48)


@kernel
def _name(p: Any) -> None:
    """Write the name, or what fits of it and an ellipsis, in just the cells that it has."""
    ends, cells = int64_array(p.ends, p.letters), int64_array(p.cells, p.letters)
    letters, room = p.letters, p.name_cells
    is_cut = cells[letters - 1] > room
    if is_cut:
        room -= 1
        while letters > 0 and cells[letters - 1] > room:
            letters -= 1
    taken = 0
    if letters > 0:
        _copy(p, p.name, ends[letters - 1])
        taken = cells[letters - 1]
    if is_cut:
        _piece(p, CUT)
    _fill(p, room - taken, 32)


@kernel
def _spectrum(p: Any) -> None:
    heights = float64_array(p.heights, p.bands)
    for b in range(_METER_CELLS):
        height = heights[b] if b < p.bands else 0.0
        _piece(p, _BLOCKS + min(8, int(min(1.0, max(0.0, height)) * 8.0 + 0.5)))


@kernel
def _level_bar(p: Any) -> None:
    share = min(1.0, 1.0 - p.level_db / FLOOR_DB) if p.level_db > FLOOR_DB else 0.0
    done = int(share * _METER_CELLS + 0.5)
    _pieces(p, _LOUD, done)
    _piece(p, PLAIN)
    _piece(p, _DIM)
    _pieces(p, _SOFT, _METER_CELLS - done)


@kernel
def _level_words(p: Any) -> None:
    """Write the level in dB with a decimal, in eight cells; there is none that is soft."""
    if not p.level_db > FLOOR_DB:
        _piece(p, SILENCE)
        return
    tenths = int(min(99.9, abs(p.level_db)) * 10.0 + 0.5)
    is_negative = p.level_db < 0.0 and tenths > 0
    _fill(p, 3 - _digits_of(tenths // 10) - (1 if is_negative else 0), 32)
    if is_negative:
        _byte(p, 45)
    _number(p, tenths // 10, 1, 32)
    _byte(p, 46)
    _byte(p, 48 + tenths % 10)
    _piece(p, _DB)


@kernel
def _progress(p: Any) -> None:
    position = max(0.0, p.position_s)
    share = min(1.0, position / p.duration_s) if p.duration_s > 0.0 else 0.0
    done = int(share * p.bar_cells + 0.5)
    _piece(p, _CYAN)
    _pieces(p, _DONE, done)
    _piece(p, PLAIN)
    _piece(p, _DIM)
    _pieces(p, _TO_COME, p.bar_cells - done)
    _piece(p, PLAIN)


@kernel
def _seconds(value: Any) -> Any:
    return int(min(1e9, max(0.0, value)))


@kernel
def _share_out(p: Any) -> None:
    """Say how many cells each part has, its blank before it not counted; 0 for those left out.

    The last cell of the terminal stays free: what is written there may bring the next row.
    """
    now = _time_cells(_seconds(p.position_s))
    times = now + 3 + (_time_cells(_seconds(p.duration_s)) if p.duration_s > 0.0 else 4)
    p.level_cells = _METER_CELLS if p.width < WIDTH_FOR_BOTH else 2 * _METER_CELLS + 1
    p.words_cells, p.volume_cells = 8, 5 if p.volume < 0 else 9
    p.count_cells = _digits_of(p.place) + 1 + _digits_of(p.count) if p.count > 1 else 0
    used = 7 + times + p.level_cells + p.words_cells + p.volume_cells
    room = min(_MOST_CELLS, p.width) - 1 - used - (1 + p.count_cells if p.count_cells else 0)
    if room < _LEAST_ROOM and p.count_cells:
        room, p.count_cells = room + 1 + p.count_cells, 0
    if room < _LEAST_ROOM:
        room, p.volume_cells = room + 1 + p.volume_cells, 0
    if room < _LEAST_ROOM:
        room, p.words_cells = room + 1 + p.words_cells, 0
    if room < _LEAST_ROOM:
        room, p.level_cells = room + 1 + p.level_cells, 0
    wanted = int64_array(p.cells, p.letters)[p.letters - 1] if p.letters > 0 else 0
    if room >= _LEAST_ROOM:
        p.name_cells = min(wanted, room // 2)
        p.bar_cells = room - p.name_cells + (0 if wanted else 1)
    else:  # no bar, and its blank for the name
        p.name_cells = min(wanted, room + 1) if room + 1 >= min(wanted, _LEAST_NAME) else 0
        p.bar_cells = 0
    whole = p.width - 3  # beside the symbol and the blank
    p.time_cells = times if whole >= times else (now if whole >= now else 0)


@kernel
def _write_left(p: Any) -> None:
    """Write what is told of the track."""
    if p.width > 1:
        _piece(p, _BOLD)
        _piece(p, p.state)
        _piece(p, PLAIN)
    if p.name_cells > 0:
        _byte(p, 32)
        _piece(p, _BOLD)
        _name(p)
        _piece(p, PLAIN)
    if p.bar_cells > 0:
        _byte(p, 32)
        _progress(p)
    now = _seconds(p.position_s)
    if p.time_cells > 0:
        _byte(p, 32)
        _time(p, now)
    if p.time_cells > _time_cells(now):
        _piece(p, _OF)
        if p.duration_s > 0.0:
            _time(p, _seconds(p.duration_s))
        else:
            _piece(p, _NO_TIME)


@kernel
def _write_right(p: Any) -> None:
    """Write what is told of the sound, and which track it is."""
    if p.level_cells > _METER_CELLS:
        _byte(p, 32)
        _piece(p, _CYAN)
        _spectrum(p)
        _piece(p, PLAIN)
    if p.level_cells > 0:
        _byte(p, 32)
        _piece(p, _RED if p.level_db > _RED_DB else _GREEN)
        if p.level_cells > _METER_CELLS:
            _level_bar(p)
        else:
            _spectrum(p)
        _piece(p, PLAIN)
    if p.words_cells > 0:
        _byte(p, 32)
        _level_words(p)
    if p.volume_cells > 0:
        _byte(p, 32)
        if p.volume < 0:
            _piece(p, _YELLOW)
            _piece(p, _MUTED)
            _piece(p, PLAIN)
        else:
            _piece(p, _VOL)
            _number(p, p.volume, 3, 32)
            _piece(p, _PERCENT)
    if p.count_cells > 0:
        _byte(p, 32)
        _piece(p, _DIM)
        _number(p, p.place, 1, 32)
        _piece(p, _SLASH)
        _number(p, p.count, 1, 32)
        _piece(p, PLAIN)


@entry(*["int64"] * 6, *["float64"] * 3)
def paint_line(
    address: int,
    width: int,
    state: int,
    volume: int,
    place: int,
    count: int,
    position_s: float,
    duration_s: float,
    level_db: float,
) -> int:
    """Write the line of a `PAINTER`; returns how many bytes it has.

    The volume is in percent, or negative for muted; a duration that is not known is 0.
    """
    p = record_at(address, PAINTER)
    p.at = 0
    p.width, p.state, p.volume, p.place, p.count = width, state, volume, place, count
    p.position_s, p.duration_s, p.level_db = position_s, duration_s, level_db
    _share_out(p)
    _write_left(p)
    _write_right(p)
    size: int = p.at
    return size
