"""The lines of playlists: m3u and pls, from files and from servers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from zerocross.sources.cue import CUT_LINE
from zerocross.sources.tags import clean

__all__ = [
    "LISTS",
    "MOST_OF_A_LINE",
    "Line",
    "decoded",
    "is_list_address",
    "m3u_lines",
    "pls_lines",
]

#: How their names end.
LISTS = frozenset({".m3u", ".m3u8", ".pls"})
MOST_OF_A_LINE = 4096  # the longest path of Linux
_TITLE = re.compile(rb"#EXTINF:[^,]{0,200},(.*)", re.IGNORECASE)
_PLS = re.compile(rb"(file|title)(\d{1,7})\s*=\s*(.*)", re.IGNORECASE)

#: What is named, what it is called, and the line that tells of a part of it.
Line = tuple[bytes, str, str]


def m3u_lines(raw: bytes) -> Iterator[Line]:
    """Yield the entries of an m3u, and what is said of each by the lines before."""
    title = part = ""
    for line in map(bytes.strip, raw.removeprefix(b"\xef\xbb\xbf").splitlines()):
        named = _TITLE.match(line)
        if named:
            title = decoded(named.group(1))
        elif line.startswith(CUT_LINE.encode()):
            part = line.decode("utf-8", "replace")
        elif line and not line.startswith(b"#"):
            yield line, title, part
            title = part = ""


def pls_lines(raw: bytes) -> Iterator[Line]:
    """Yield the entries of a pls in the order of their numbers, and what is said of each."""
    found: dict[bytes, dict[int, bytes]] = {b"file": {}, b"title": {}}
    for line in map(bytes.strip, raw.removeprefix(b"\xef\xbb\xbf").splitlines()):
        match = _PLS.fullmatch(line)
        if match and match.group(3):
            found[match.group(1).lower()].setdefault(int(match.group(2)), match.group(3))
    titles = found[b"title"]
    for number, line in sorted(found[b"file"].items()):
        yield line, decoded(titles.get(number, b"")), ""


def decoded(raw: bytes) -> str:
    """Return a title as one printable line; most that is no UTF-8 is Windows-1252."""
    raw = raw[:MOST_OF_A_LINE]
    try:
        return clean(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return clean(raw.decode("cp1252", "replace"))


def is_list_address(url: str) -> bool:
    """Return whether an address of http or https ends as a playlist does."""
    path = re.split("[?#]", url, maxsplit=1)[0]
    return os.path.splitext(path)[1].lower() in LISTS
