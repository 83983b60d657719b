"""The engine's page and its view: what a report says is what is to be read."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import screens
from conftest import wait_for
from zerocross import Player
from zerocross.engine.counters import BUCKETS, Counters
from zerocross.engine.timing import bucket_of
from zerocross.terminal.engine_page import SHARES, page, shares_of_deadline
from zerocross.terminal.views.engine import EnginePainter

RATE, BLOCK = 48_000, 480
DEADLINE_NS = 10_000_000
INKS = {"heading": 1, "label": 2, "text": 3, "bar": 4, "good": 5, "bad": 6}


def report(times_ns=(), late=0, **more):
    """Return a report in which callbacks took so long."""
    counts = np.zeros(BUCKETS, np.int64)
    for ns in times_ns:
        counts[bucket_of.function(ns)] += 1
    counted = Counters(
        {
            "histogram": counts,
            "callbacks": len(times_ns),
            "late_callbacks": late,
            "longest_ns": max(times_ns, default=0),
            "block_frames": BLOCK,
            "low_water_frames": 36_000,
        }
    )
    made = {
        "sample_rate": RATE,
        "channels": 2,
        "backend": "pulseaudio",
        "device": "Headphones",
        "latency_frames": 960,
        "ring_frames": RATE,
        "scratch": None,
        "realtime": [
            {"what": "real-time priority", "granted": False, "detail": "Permission denied; " * 6},
            {"what": "locked memory", "granted": True, "detail": ""},
        ],
        "recent_callbacks": [{"ring_frames": 24_000, "duration_ns": 5_000, "started_ns": 1}],
        "decoded_ahead_s": None,
        **counted.as_report(RATE),
    }
    return made | more


def text_of(lines):
    return "\n".join("".join(span.text for span in line) for line in lines)


def roles_of(lines, words):
    return {span.role for line in lines for span in line if words in span.text}


def test_callbacks_are_sorted_by_their_share_of_the_deadline():
    shares = (0.0004, 0.0015, 0.004, 0.008, 0.015, 0.04, 0.08, 0.15, 0.4, 0.8, 1.5, 3.0)
    times = [round(share * DEADLINE_NS) for share in shares]
    assert shares_of_deadline(report(times, late=2)) == [1] * 10 + [2]
    assert len(SHARES) == 10
    assert shares_of_deadline(report(times)) == [1] * 9 + [3, 0], "none was late"
    assert sum(shares_of_deadline(report(times, late=5))) == 12, "each once"
    assert shares_of_deadline(report()) == [0] * 11


@pytest.mark.parametrize("columns", [1, 20, 40, 77, 78, 120, 200])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_page_fits_its_width(columns, ascii_only):
    slow = [(3.0, {"duration_ns": 2_500_000, "share_of_deadline": 0.25, "notes": ["late: x" * 9]})]
    seen = report(
        [1000, 2_500_000], scratch={"size": 4 << 20, "high_water": 2048, "needed": 9 << 20}
    )
    lines = page(seen, columns, slow, ascii_only)
    assert all(sum(len(span.text) for span in line) <= columns for line in lines)
    assert not ascii_only or text_of(lines).isascii()


def test_a_page_says_what_was_counted():
    causes = {"preempted": 2, "page fault": 0, "held up": 1, "own work": 0, "woken late": 0}
    seen = report([5_000] * 99 + [2_000_000], late=3, late_causes=causes, underruns=4)
    seen["scratch"] = {"size": 4 << 20, "high_water": 2048, "needed": 9 << 20}
    slow = [(75.0, {"duration_ns": 2_000_000, "share_of_deadline": 0.2, "notes": ["woken late"]})]
    lines = page(seen, 60, slow)
    text = text_of(lines)
    for words in (
        "3 of 100",
        "2 preempted",
        "1 held up",
        "underruns  4",
        "1 blocks",
        "75 s ago: 2.0 ms, 20 %  woken late",
        "Headphones",
        "48,000 Hz, 2 channels",
        "480 frames, 10.0 ms",
        "20.0 ms, 960 frames",
        "0.50 of 1.00 s",
        "0.75 s",
        "refused real-time priority",
        "granted locked memory",
        "2 KiB of 4 MiB",
        "9 MiB needed",
    ):
        assert words in text, words
    assert "page fault" not in text, "none was"
    assert roles_of(lines, "refused ") == {"bad"} and roles_of(lines, "granted ") == {"good"}
    assert roles_of(lines, "9 MiB") == {"bad"}


def test_where_nothing_played_the_page_says_so():
    with Player("null") as player:
        text = text_of(page(player.report(tracks=False), 80))
    for words in ("none is open", "nothing is read ahead", "nothing yet", "no effects"):
        assert words in text


def test_one_callback_of_a_million_is_seen():
    seen = report()
    seen["callback_histogram"] = [(5_000, 1_000_000), (8_000_000, 1)]
    text = text_of(page(seen, 40)).splitlines()
    assert any(line.startswith("to 100 %") and "▉" in line for line in text)


class Fake:
    """A player whose report is given."""

    def __init__(self, seen):
        self.seen = seen

    def report(self, tracks):
        assert not tracks, "a list that may be long"
        return copy.deepcopy(self.seen)


def painted(painter):
    """Return what a painter wants to be read."""
    glyphs = painter.cells.glyphs
    return ["".join(map(chr, row)).rstrip() for row in glyphs]


def test_the_painter_shows_the_page_where_it_is_turned_to_and_tells_of_more():
    player = Fake(report([5_000]))
    painter = EnginePainter(player, INKS)
    painter.resize(60, 10)
    painter.left, painter.top = 3, 2
    assert b"Share of the deadline" in bytes(painter.frame())
    assert len(painter.frame()) == 0, "nothing changed"
    whole = text_of(page(player.seen, 60)).splitlines()
    assert painted(painter)[-1].startswith(f"{len(whole) - 9} more lines below"), "and nothing else"
    assert painted(painter)[:9] == [line.rstrip() for line in whole[:9]]
    painter.first = 1000
    painter.frame()
    assert painter.first == len(whole) - 10
    assert painted(painter) == [line.rstrip() for line in whole[-10:]]
    painter.resize(60, 100)
    painter.forget()
    assert painter.frame() and painter.first == 0
    row = next(k for k, line in enumerate(painted(painter)) if line.startswith("refused"))
    assert painter.cells.inks[row, 0] == INKS["bad"]


def test_slow_callbacks_are_remembered_once():
    entry = {"duration_ns": 2_000_000, "share_of_deadline": 0.2, "notes": [], "ring_frames": 9}
    player = Fake(report())
    painter = EnginePainter(player, INKS)
    painter.resize(60, 40)
    for started in (1, 5, 5, 9):
        quick = entry | {"started_ns": started + 1, "duration_ns": 900_000}
        player.seen["recent_callbacks"] = [entry | {"started_ns": started}, quick]
        painter.frame()
    assert [each["started_ns"] for each in painter._slow] == [1, 5, 9]


@pytest.mark.thorough
def test_the_view_moves_while_it_plays_and_stands_still_in_a_pause(tmp_path, make_file):
    song, _ = make_file(frames=20 * RATE)
    with screens.shown(tmp_path, song) as terminal:
        terminal.press("7")
        terminal.wait_for("Share of the deadline")

        def callbacks():
            lines = terminal.emulator.lines
            return next((line for line in lines if line.startswith("late       ")), "")

        before = callbacks()
        wait_for(lambda: callbacks() != before, 30.0, "more callbacks")
        terminal.press(" ")
        wait_for(lambda: "⏸" in terminal.text, what="the pause")
        screens.let_rest(terminal)
        pieces = len(terminal.pieces)
        assert not terminal.wait_for_bytes(pieces, 2.0), "nothing is written"
        terminal.press(" ")
        assert terminal.wait_for_bytes(pieces, 10.0)
        assert screens.leave(terminal) == 0
