"""Cells of a terminal: what an emulator shows after the bytes is what was asked for; bytes are few."""

from __future__ import annotations

import re

import numpy as np
import pytest

from emulator import Emulator
from zerocross.compiler import entry, record_at
from zerocross.errors import UsageError
from zerocross.terminal.cells import BOLD, REVERSED, TRUE_COLOUR, Cells
from zerocross.terminal.cells.emit import MOST_RUNS, add_run, emit_cells, sink_rows
from zerocross.terminal.cells.pen import CELLS


@entry("int64")
def sink(address: int) -> None:
    """Let all rows of cells sink."""
    sink_rows(record_at(address, CELLS))


@entry("int64", "int64")
def tell(address: int, row: int) -> None:
    """Say that a row's first two cells changed, and no others."""
    cells = record_at(address, CELLS)
    add_run(cells, row, 0, 2)
    cells.knows_runs = 1


GLYPHS = [*range(0x20, 0x7F), 0xE9, *range(0x2581, 0x2589), 0x28FF, 0x1FB00]


def some_colours(rng, shape):
    kinds = [
        np.full(shape, -1),
        rng.integers(0, 16, shape),
        rng.integers(0, 256, shape),
        TRUE_COLOUR + rng.integers(0, 1 << 24, shape),
    ]
    return np.choose(rng.integers(0, rng.integers(1, 5), shape), kinds)


def change(rng, cells):
    """Want something else: a few cells, a rectangle, bars, everything, nothing."""
    rows, columns = cells.glyphs.shape
    kind = rng.integers(0, 7)
    y, x = sorted(rng.integers(0, rows + 1, 2)), sorted(rng.integers(0, columns + 1, 2))
    part = slice(*y), slice(*x)
    shape = cells.glyphs[part].shape
    if kind == 0:
        for _ in range(rng.integers(1, 12)):
            y0, x0 = rng.integers(0, rows), rng.integers(0, columns)
            cells.glyphs[y0, x0] = rng.choice(GLYPHS)
            cells.inks[y0, x0] = some_colours(rng, ())
    elif kind == 1:
        cells.glyphs[part] = rng.choice(GLYPHS, shape)
        cells.inks[part], cells.papers[part] = some_colours(rng, shape), some_colours(rng, shape)
    elif kind == 2:
        cells.glyphs[part] |= np.uint32(rng.choice([0, BOLD, REVERSED, BOLD | REVERSED]))
    elif kind == 3:
        cells.glyphs[part] = rng.choice([0x20, 0x2588])
        cells.inks[part], cells.papers[part] = some_colours(rng, ()), some_colours(rng, ())
    elif kind == 4:
        cells.clear()
    elif kind == 5:
        cells.papers[part] = some_colours(rng, ())
    else:
        heights = rng.integers(0, rows + 1, columns)
        levels = np.arange(rows)[::-1, None]
        cells.glyphs[:] = np.where(levels < heights, 0x2588, 0x20)
        cells.inks[:] = np.arange(rows)[:, None] // 3 + 1


def play(seed, frames, most=(40, 12)):
    """Show random frames in rectangles of random terminals; every one has to be what was asked."""
    rng = np.random.default_rng(seed)
    cells, emulator = Cells(1, 1), None
    for frame in range(frames):
        if emulator is None or rng.random() < 0.04:  # another terminal, another rectangle
            size = rng.integers(1, most[0] + 1), rng.integers(1, most[1] + 1)
            columns, rows = (int(rng.integers(1, side + 1)) for side in size)
            left, top = (
                int(rng.integers(0, size[0] - columns + 1)),
                int(rng.integers(0, size[1] - rows + 1)),
            )
            emulator = Emulator(int(size[0]), int(size[1]))
            cells.resize(columns, rows)
            cells.is_alone = columns == size[0]
            cells.ground = int(some_colours(rng, ()))
        change(rng, cells)
        if rng.random() < 0.1:
            sink(cells.record.address)
        if rng.random() < 0.03:
            cells.forget()
        emulator.feed(cells.emit(left, top))
        assert emulator.differences(cells, left, top) == [], (seed, frame)
        assert emulator.is_plain()
        assert len(cells.emit(left, top)) == 0


def test_a_terminal_shows_what_cells_ask_for():
    play(1, 600)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(10))
def test_a_terminal_shows_ten_thousand_frames(seed):
    play(seed, 1000)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], b""),
        ([(0, 0, "x")], b"\x1b[Hx"),  # from nowhere: absolute
        ([(3, 9, "x")], b"\x1b[4;10Hx"),
        ([(3, 0, "x")], b"\x1b[4Hx"),
        ([(0, 0, "x"), (0, 2, "y")], b"\x1b[Hx y"),  # a short gap is written once more
        ([(0, 0, "x"), (0, 20, "y")], b"\x1b[Hx\x1b[19Cy"),  # forward
        ([(0, 5, "x"), (1, 6, "y")], b"\x1b[;6Hx\x1bDy"),  # down
        ([(0, 5, "x"), (1, 5, "y")], b"\x1b[;6Hx\x1bD\x08y"),  # down and back
        ([(0, 5, "x"), (1, 4, "y")], b"\x1b[;6Hx\x1bD\x08\x08y"),
        ([(0, 7, "x"), (1, 4, "y")], b"\x1b[;8Hx\x1b[2;5Hy"),
        ([(1, 4, "y"), (0, 5, "x")], b"\x1b[;6Hx\x1bD\x08\x08y"),
        ([(8, 4, "y"), (7, 5, "x")], b"\x1b[9;5Hy\x1bMx"),  # up
        ([(0, 5, "x"), (8, 6, "y")], b"\x1b[;6Hx\x1b[8By"),  # far down
        ([(0, 30, "x"), (1, 0, "y")], b"\x1b[2Hy\x1b[;31Hx"),
    ],
)
def test_the_shortest_move_is_taken(changes, expected):
    cells = Cells(40, 12)
    cells.emit()
    for y, x, letter in changes:
        cells.glyphs[y, x] = ord(letter)
    assert bytes(cells.emit()) == expected


def test_a_colour_is_named_where_it_is_seen_and_changes():
    cells = Cells(40, 4)
    cells.emit()
    cells.glyphs[1, :4] = ord("x")
    cells.inks[1, :2], cells.inks[1, 2:4] = 2, 12
    assert bytes(cells.emit()) == b"\x1b[2H\x1b[32mxx\x1b[94mxx\x1b[m"
    cells.glyphs[1, :4] = 0x20  # blanks have no ink
    assert bytes(cells.emit()) == b"\x1b[2H    "
    cells.inks[1, :4] = 7
    assert bytes(cells.emit()) == b""
    cells.glyphs[1, 0], cells.inks[1, 0] = 0x2588, 200  # and full blocks no paper
    assert bytes(cells.emit()) == b"\x1b[2H\x1b[38;5;200m\xe2\x96\x88\x1b[m"
    cells.papers[1, 0] = 5
    assert bytes(cells.emit()) == b""
    cells.papers[1, 1] = TRUE_COLOUR + 0x010203
    assert bytes(cells.emit()) == b"\x1b[2;2H\x1b[48;2;1;2;3m \x1b[m"
    cells.glyphs[1, 1] |= REVERSED  # then the blank's ink is what is seen
    assert bytes(cells.emit()) == b"\x1b[2;2H\x1b[7;37;48;2;1;2;3m \x1b[m"


def test_a_ground_is_the_paper_of_what_has_none():
    cells = Cells(4, 1)
    cells.ground = 233
    cells.glyphs[0, :2] = ord("x"), 0x2588
    assert bytes(cells.emit()) == b"\x1b[H\x1b[48;5;233mx\xe2\x96\x88  \x1b[m"
    cells.ground = 233
    assert len(cells.emit()) == 0
    cells.ground = -1
    assert bytes(cells.emit()) == b"\x1b[Hx\xe2\x96\x88  "


def test_the_nearest_run_comes_next_and_colours_come_together():
    """Bars whose heads go up and down: a colour is named once for all that have it."""
    cells = Cells(60, 12)
    cells.emit()
    for k in range(20):
        y = 2 if k % 2 else 9
        cells.glyphs[y, 3 * k : 3 * k + 2], cells.inks[y, 3 * k : 3 * k + 2] = 0x2584, y
    data = bytes(cells.emit())
    assert len(re.findall(rb"\x1b\[[0-9;]*m", data)) == 3
    assert len(data) < 20 * (6 + 5) + 40


def test_more_runs_than_are_put_in_order_are_written_in_rows():
    cells, emulator = Cells(100, 42), Emulator(100, 42)
    emulator.feed(cells.emit())
    cells.glyphs[::2, ::2] = ord("a")
    cells.glyphs[1::2, 1::2] = ord("b")
    assert (cells.glyphs != 0x20).sum() > MOST_RUNS
    emulator.feed(cells.emit())
    assert emulator.differences(cells, 0, 0) == []


def test_the_last_cell_of_a_terminal_does_not_scroll():
    cells, emulator = Cells(7, 3), Emulator(7, 3)
    cells.glyphs[:] = np.arange(21).reshape(3, 7) + ord("a")
    emulator.feed(cells.emit())
    assert emulator.differences(cells, 0, 0) == []
    cells.glyphs[2, 6], cells.glyphs[0, 0] = ord("!"), ord("?")
    data = bytes(cells.emit())
    assert b"!\x1b[" in data or data.endswith(b"!")  # after the last column: an absolute move
    emulator.feed(data)
    assert emulator.differences(cells, 0, 0) == []


def test_what_does_something_else_than_stand_there_is_a_blank():
    cells = Cells(8, 1)
    cells.glyphs[0] = [0x1B, 0x0A, 0x7F, 0x9B, 0xD800, 0x110000, 0x00, ord("x")]
    assert bytes(cells.emit()) == b"\x1b[H       x"


def test_forgetting_sends_all_and_a_new_size_is_blank():
    cells = Cells(10, 2)
    cells.glyphs[:] = ord("x")
    first = bytes(cells.emit(1, 1))
    assert len(cells.emit(1, 1)) == 0
    cells.forget()
    assert bytes(cells.emit(1, 1)) == first
    cells.resize(5, 3)
    assert cells.glyphs.shape == cells.inks.shape == cells.papers.shape == (3, 5)
    assert (cells.glyphs == 0x20).all() and (cells.inks == -1).all() and (cells.papers == -1).all()
    emulator = Emulator(10, 5)
    emulator.feed(cells.emit(2, 1))
    assert emulator.differences(cells, 2, 1) == []


@pytest.mark.parametrize("is_alone", [True, False])
def test_rows_that_sink_are_moved_by_the_terminal_where_nothing_is_beside_them(is_alone):
    rng = np.random.default_rng(3)
    cells, emulator = Cells(30, 8), Emulator(30, 10)
    cells.is_alone = is_alone
    cells.glyphs[:] = rng.integers(0x21, 0x7F, (8, 30))
    emulator.feed(cells.emit(0, 1))
    before = cells.glyphs.copy()
    sink(cells.record.address)
    cells.glyphs[0] = ord("=")
    assert (cells.glyphs[1:] == before[:-1]).all()
    data = cells.emit(0, 1)
    emulator.feed(data)
    assert emulator.differences(cells, 0, 1) == []
    assert (len(data) < 80) == is_alone


def test_of_what_is_known_to_have_changed_nothing_else_is_looked_at():
    cells = Cells(10, 4)
    cells.emit()
    cells.glyphs[1:3, 0] = ord("x")
    tell(cells.record.address, 2)
    assert bytes(cells.emit()) == b"\x1b[3Hx "
    assert bytes(cells.emit()) == b"\x1b[2Hx"  # that held for one emission
    for look_again in (cells.scan, cells.forget, cells.clear, lambda: setattr(cells, "ground", 7)):
        cells.glyphs[3, 0] = cells.glyphs[3, 0] + 1
        tell(cells.record.address, 0)
        look_again()
        assert b"\x1b[4H" in bytes(cells.emit()) or look_again != cells.scan
        assert len(cells.emit()) == 0
    for _ in range(MOST_RUNS + 5):
        tell(cells.record.address, 1)
    cells.glyphs[3, 0] = ord("y")
    assert bytes(cells.emit()).endswith(b"y\x1b[m")


def test_a_size_or_place_that_no_terminal_has_is_refused():
    for columns, rows in ((0, 1), (1, 0), (-3, 4), (5000, 1)):
        with pytest.raises(UsageError, match="give 1 to 4096"):
            Cells(columns, rows)
    with pytest.raises(UsageError, match="begins at 0, 0"):
        Cells(2, 2).emit(-1, 0)


@pytest.mark.thorough
def test_the_kernel_is_the_same_as_plain_python():
    one, other = Cells(9, 3), Cells(9, 3)
    for cells in (one, other):
        cells.emit()
        cells.glyphs[[0, 2, 1], [2, 4, 8]] = [0x2584, ord("x"), 0x1FB00]
        cells.inks[0, 2], cells.papers[2, 4] = 100, TRUE_COLOUR + 0x102030
    data = bytes(one.emit(2, 1))
    size = emit_cells.kernel.function(other.record.address, 2, 1)
    assert bytes(other._bytes[:size]) == data
