"""The titles of radio: a station sends them between the sound, every so many bytes.

That is SHOUTcast's protocol: who asks with ``Icy-MetaData: 1`` is told by ``icy-metaint`` how many bytes of
sound come first. Then there is a byte that says how many times 16 bytes of text follow, such as
``StreamTitle='Artist - Song';``, mostly none; then sound again.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable
from typing import Any

from zerocross.sources.playlist_lines import decoded

__all__ = ["WithoutTitles", "bytes_between", "name_of"]

_TITLE = re.compile(rb"StreamTitle='(.*?)'(?:;|\0|$)", re.DOTALL)


def bytes_between(headers: http.client.HTTPMessage) -> int:
    """Return how many bytes of sound a server sends between titles; 0 for no titles."""
    said = headers.get("icy-metaint", "").strip()
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else 0


def name_of(headers: http.client.HTTPMessage) -> str:
    """Return what a station calls itself, on one line; empty where it does not."""
    return decoded(headers.get("icy-name", "").encode("latin-1", "replace"))


class WithoutTitles:
    """The sound that a server sends, without what is between.

    Parameters
    ----------
    response : file
        What the server sends; its `read1` is called.
    every : int
        Bytes between titles.
    tell : callable
        Given each title, on one line; empty where nothing is said to be on.

    """

    def __init__(self, response: Any, every: int, tell: Callable[[str], None]) -> None:
        self._response, self._every, self._tell = response, every, tell
        self._left = every

    def read1(self, most: int) -> bytes:
        """Return the next bytes of sound, up to so many; none at the end."""
        if self._left == 0:
            self._read_title()
        data: bytes = self._response.read1(min(most, self._left))
        self._left -= len(data)
        return data

    def _read_title(self) -> None:
        said = self._exactly(16 * self._exactly(1)[0])
        found = _TITLE.search(said)
        if found:
            self._tell(decoded(found.group(1)))
        self._left = self._every

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._response.read1(count - len(data))
            if not piece:
                raise http.client.IncompleteRead(data)
            data += piece
        return data
