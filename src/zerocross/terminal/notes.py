"""What the player and the screen tell in a line at the foot: the last one for some seconds, all in a list."""

from __future__ import annotations

import collections
import time

__all__ = ["Notes"]

_MOST = 500
_SHOWN_S, _LETTERS_A_SECOND = 4.0, 15.0
#: Of a longer line the beginning is kept: somebody pasted a book where a path was asked for.
_MOST_LETTERS = 1000
#: No line of the foot has more to be read.
_MOST_SHOWN_S = 20.0


class Notes:
    """Lines that were told, with their times."""

    def __init__(self) -> None:
        self.lines: collections.deque[tuple[str, str]] = collections.deque(maxlen=_MOST)

    def add(self, words: str) -> float:
        """Keep a line; returns for how many seconds it is to be shown."""
        kept = words if len(words) <= _MOST_LETTERS else f"{words[:_MOST_LETTERS]}…"
        self.lines.append((time.strftime("%H:%M:%S"), kept))
        return min(_MOST_SHOWN_S, _SHOWN_S + len(words) / _LETTERS_A_SECOND)
