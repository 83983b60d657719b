"""What is pasted is text: an escape sequence in it is no key.

A terminal puts marks around what is pasted. Textual's parser takes an escape character between them for
the end of a key's sequence, and what follows for keys: a text from a page could do anything.
"""

from __future__ import annotations

import re

__all__ = ["Pasted"]

_BEGIN, _END = "\x1b[200~", "\x1b[201~"
_MARKS = re.compile(f"({re.escape(_BEGIN)}|{re.escape(_END)})")


class Pasted:
    """Follows what a terminal sends, from mark to mark."""

    def __init__(self) -> None:
        self._is_within = False
        self._kept = ""

    def without_escapes(self, text: str) -> str:
        """Return what was sent without the escape characters of what is pasted.

        What may be the beginning of the mark at its end is kept until the rest of it is there.
        """
        text, self._kept = self._kept + text, ""
        parts = []
        for part in _MARKS.split(text):
            if part == _END or (part == _BEGIN and not self._is_within):
                self._is_within = part == _BEGIN
                parts.append(part)
            else:
                parts.append(part.replace("\x1b", "") if self._is_within else part)
        if self._is_within and parts:
            self._kept = _begun(text)
            parts[-1] = parts[-1].removesuffix(self._kept.replace("\x1b", ""))
        return "".join(parts)


def _begun(text: str) -> str:
    """Return as much of the mark at the end as a text ends with."""
    lengths = range(len(_END) - 1, 0, -1)
    return next((_END[:n] for n in lengths if text.endswith(_END[:n])), "")
