"""Work on threads of its own: what is made ahead of its use."""

from __future__ import annotations

import threading

import pytest

from zerocross.system.background import BackgroundCall, made_ahead

NAME = "zerocross-test"


def numbers(count, seen, fails_at=None):
    """Yield numbers, and note on which threads and whether it was closed."""
    try:
        for number in range(count):
            seen.append(threading.current_thread().name)
            if number == fails_at:
                raise LookupError(f"no {number}")
            yield number
    finally:
        seen.append("closed")


def test_what_is_made_ahead_comes_in_its_order_from_another_thread():
    seen = []
    assert list(made_ahead(numbers(5, seen), NAME)) == [0, 1, 2, 3, 4]
    assert seen == [f"{NAME}_0"] * 5 + ["closed"]


def test_the_next_is_made_while_one_is_used():
    begun = [threading.Event() for _ in range(3)]

    def items():
        for each in begun:
            each.set()
            yield each

    made = made_ahead(items(), NAME)
    next(made)
    assert begun[1].wait(10.0)
    assert not begun[2].is_set(), "one, and no more"
    made.close()


def test_what_it_raises_is_raised_after_what_came_before():
    seen, found = [], []
    with pytest.raises(LookupError, match="no 2"):
        found.extend(made_ahead(numbers(5, seen, fails_at=2), NAME))
    assert found == [0, 1] and seen[-1] == "closed"


def test_closed_it_closes_the_other_once_that_has_made_its_item():
    goes_on, seen = threading.Event(), []

    def items():
        try:
            yield 1
            goes_on.wait(10.0)
            yield 2
        finally:
            seen.append(threading.current_thread().name)

    made = made_ahead(items(), NAME)
    assert next(made) == 1
    closing = BackgroundCall(made.close, "closing")
    assert not closing.wait(0.2) and not seen
    goes_on.set()
    closing.result()
    assert seen == ["closing"]
