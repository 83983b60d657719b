"""The links of a chained Ogg file: physical streams that stand one after another (RFC 3533, section 4).

Web radios and ``cat`` make such files; libsndfile reads their first link alone. A link begins with
pages that are marked as beginnings, and its streams' serial numbers are its own: so the last page
tells whether there is another link, and bisection finds where one ends, with a few reads however
long the file is. Where two links have the same serial number, which the standard forbids, the pages
do not count up through the file; then, and in short files, they are looked at one by one.

What is made to cost much is not gone through: links and looks are counted (`Links.is_all`).
"""

from __future__ import annotations

import dataclasses
import os
import struct
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any, NamedTuple

__all__ = ["MOST_LINKS", "Links", "beginnings", "find_links"]

_MAGIC = b"OggS"
#: Magic, version, flags, granule position, serial, sequence number, checksum, segments (RFC 3533, 6).
_HEAD = struct.Struct("<4sBBqIIIB")
_LONGEST_PAGE = _HEAD.size + 255 + 255 * 255
_FIRST_READ = 8192
_BEGINNING = 2
#: Links that are looked for; a file of a million made for the purpose is not gone through.
MOST_LINKS = 4096
_SHORT_BYTES = 1 << 20
_LOOKS = 16
#: What a search may cost, in pages looked at and in reads of 8 KiB; it takes some seconds.
_MOST_WORK = 1 << 21
_READ_UNIT_BITS = 13
#: Places that look like a page's beginning and are none, from a file's end back to its last page.
_MOST_FALSE = 1 << 16


class Links(NamedTuple):
    """Where each link begins and ends, in bytes; and whether nothing follows them.

    A place may have more of what `links.LinkFile` takes. No more than `MOST_LINKS` are found; where they are too hard to find, the last one reaches to the
    end of the file.
    """

    places: list[tuple[Any, ...]]
    is_all: bool


@dataclasses.dataclass(frozen=True)
class _Page:
    start: int
    end: int
    serial: int
    number: int
    begins: bool


class _Pages:
    """The pages of a file, found from any offset on."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)
        self._work = 0

    @property
    def is_spent(self) -> bool:
        """Whether so much was looked at that no page is found any more."""
        return self._work > _MOST_WORK

    def _read(self, offset: int, count: int) -> bytes:
        self._file.seek(offset)
        data = self._file.read(count)
        self._work += 1 + (len(data) >> _READ_UNIT_BITS)
        return data

    def after(self, offset: int, limit: int) -> _Page | None:
        """Return the first page that begins at an offset or later, and before a limit."""
        length = _FIRST_READ
        while offset < limit and not self.is_spent:
            data = self._read(offset, length)
            at = data.find(_MAGIC)
            while at >= 0 and offset + at < limit:
                page = self._page(data, at, offset + at)
                if page:
                    return page
                at = data.find(_MAGIC, at + 1)
            if len(data) < length:
                return None
            offset += length - len(_MAGIC) + 1
            length = _LONGEST_PAGE
        return None

    def _page(self, data: bytes, at: int, offset: int) -> _Page | None:
        """Return the page at an offset, if there is one: another follows it, or the file ends."""
        self._work += 1
        head = data[at : at + _HEAD.size + 255]
        if len(head) < _HEAD.size + 255:
            head = self._read(offset, _HEAD.size + 255)
        if len(head) < _HEAD.size:
            return None
        _, version, flags, _, serial, number, _, segments = _HEAD.unpack_from(head)
        end = offset + _HEAD.size + segments + sum(head[_HEAD.size : _HEAD.size + segments])
        if version or flags > 7 or end > self.size:
            return None
        if end < self.size:
            inside = end - offset + at
            follows = data[inside : inside + 4]
            if len(follows) < 4:
                follows = self._read(end, 4)
            if follows != _MAGIC:
                return None
        return _Page(offset, end, serial, number, bool(flags & _BEGINNING))

    def first(self) -> _Page | None:
        """Return the page that a file begins with, if it is an Ogg file."""
        return self.after(0, len(_MAGIC)) if self._read(0, len(_MAGIC)) == _MAGIC else None

    def each(self, offset: int, limit: int) -> Iterator[_Page]:
        """Yield the pages one by one."""
        while (page := self.after(offset, limit)) is not None:
            yield page
            offset = page.end

    def last(self) -> _Page | None:
        """Return the last page of the file, however much that is no page follows it."""
        candidates = islice(self._magic_before(self.size), _MOST_FALSE)
        pages = (self._page(b"", 0, offset) for offset in candidates)
        return next((page for page in pages if page), None)

    def _magic_before(self, end: int) -> Iterator[int]:
        """Yield where pages seem to begin, from an offset back."""
        while end > 0 and not self.is_spent:
            start = max(0, end - _SHORT_BYTES)
            data = self._read(start, end - start + len(_MAGIC) - 1)
            at = data.rfind(_MAGIC)
            while at >= 0:
                yield start + at
                at = data.rfind(_MAGIC, 0, at)
            end = start


def find_links(file: IO[bytes]) -> Links:
    """Return the links of an Ogg file; none if it is no Ogg file.

    Parameters
    ----------
    file : binary file
        Open for reading; its position is moved.

    """
    pages = _Pages(file)
    page = pages.first()
    last = page and (pages.last() or page)
    starts: list[int] = []
    while page is not None and last is not None and len(starts) < MOST_LINKS:
        starts.append(page.start)
        serials, body = _beginning_of_link(pages, page)
        page = _beginning(pages, _end_of_link(pages, serials, body, last), pages.size)
    ends = [*starts[1:], page.start if page else pages.size]
    return Links(list(zip(starts, ends, strict=False)), page is None and not pages.is_spent)


def beginnings(file: IO[bytes], start: int, end: int) -> Iterator[int]:
    """Yield where streams begin in a stretch, after the one that begins it."""
    pages = _Pages(file).each(start, min(end, start + _SHORT_BYTES))
    return (page.start for page in pages if page.begins and page.start > start)


def _beginning_of_link(pages: _Pages, first: _Page) -> tuple[set[int], int]:
    """Return the serial numbers of a link's streams, and where what follows their first pages is."""
    serials, end = {first.serial}, first.end
    for page in pages.each(first.end, pages.size):
        if not page.begins or page.serial in serials or page.start != end:
            break
        serials.add(page.serial)
        end = page.end
    return serials, end


def _end_of_link(pages: _Pages, serials: set[int], body: int, last: _Page) -> int:
    """Return where the first page is that does not belong to a link; or the end of the file."""
    low, high = body, min(body + 2 * _LONGEST_PAGE, pages.size)
    # A short link, as any number of them may follow each other.
    begun = _beginning(pages, low, high)
    if begun:
        return begun.start
    high = pages.size
    if last.serial not in serials and body <= last.start:
        high = last.start
        while high - low > 2 * _LONGEST_PAGE:
            page = pages.after((low + high) // 2, high)
            if page is None:
                high = (low + high) // 2
            elif page.serial in serials:
                low = page.end
            else:
                high = page.start
        begun = _beginning(pages, low, high)
        high = begun.start if begun else high
    if high - body > _SHORT_BYTES and _counts_up(pages, serials, body, high):
        return high
    begun = _beginning(pages, body, high)
    return begun.start if begun else high


def _beginning(pages: _Pages, low: int, high: int) -> _Page | None:
    """Return the first page that begins a stream; what is damaged looks foreign and begins none."""
    return next((page for page in pages.each(low, high) if page.begins), None)


def _counts_up(pages: _Pages, serials: set[int], low: int, high: int) -> bool:
    """Return whether a few pages' numbers rise, as they do within one link."""
    step = (high - low) // _LOOKS
    found = [pages.after(low + step * k, high) for k in range(_LOOKS)]
    found += [*pages.each(max(low, high - 2 * _LONGEST_PAGE), high)][-1:]
    numbers: dict[int, list[int]] = {serial: [] for serial in serials}
    for page in dict.fromkeys(each for each in found if each):
        if page.serial not in serials:
            return False
        numbers[page.serial].append(page.number)
    return all(each == sorted(set(each)) for each in numbers.values())
