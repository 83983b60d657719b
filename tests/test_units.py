"""Conversions between units, by hand."""

from __future__ import annotations

import math

import pytest

from zerocross.units import (
    db_to_gain,
    format_time,
    frames_to_seconds,
    gain_to_db,
    seconds_to_frames,
)


def test_levels():
    assert [db_to_gain(x) for x in (-20.0, 0.0, 40.0)] == pytest.approx([0.1, 1.0, 100.0])
    assert [gain_to_db(x) for x in (0.1, 1.0, 100.0)] == pytest.approx([-20.0, 0.0, 40.0])
    assert gain_to_db(0.0) == -math.inf
    assert gain_to_db(-1.0) == -math.inf


def test_frames_and_seconds():
    assert seconds_to_frames(1.5, 48_000) == 72_000
    assert [seconds_to_frames(s, 2) for s in (0.2, 0.3, 0.25, 0.75)] == [0, 1, 0, 2]
    assert frames_to_seconds(72_000, 48_000) == 1.5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (-5, "0:00"),
        (9.99, "0:09"),
        (65.9, "1:05"),
        (3599, "59:59"),
        (3600, "1:00:00"),
        (3661, "1:01:01"),
        (36_000, "10:00:00"),
    ],
)
def test_times(seconds, text):
    assert format_time(seconds) == text
