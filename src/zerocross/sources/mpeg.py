"""MPEG audio without a header that says how long it is: its frames are counted.

The first frame of an MP3 may be none: a tag, `Xing` or `Info`, with how many frames there are. Encoders
that write to a pipe, and ``cat``, leave a file without it, or with one that speaks of a part. libsndfile then guesses
from the first frame's size, and plays no more than it has guessed. Here the frames' own headers are gone
through (ISO 11172-3, 2.4.1.3), and each stretch that begins with a tag, or follows what is no audio, is a link
of its own, as those of a chained Ogg file are (`sources.links`). A stretch that has no tag is given one, which
libsndfile reads before it.
"""

from __future__ import annotations

import os
import struct
from typing import IO, Any, NamedTuple

import numpy as np

from zerocross.compiler import entry, kernel, record_at, uint8_array
from zerocross.memory import Record, layout
from zerocross.sources.ogg import MOST_LINKS

__all__ = ["MOST_TAG_BYTES", "Place", "end_of_tags", "find_stretches"]

#: In kbit/s, by layer: of MPEG 1, and of MPEG 2 and 2.5; index 0 is a rate of one's own, 15 is none.
_RATES = np.zeros((2, 4, 16), np.int64)
_RATES[0, 1, 1:15] = range(32, 449, 32)
_RATES[0, 2, 1:15] = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_RATES[0, 3, 1:15] = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES[1, 1, 1:15] = (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256)
_RATES[1, 2:, 1:15] = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_HERTZ = np.array([44_100, 48_000, 32_000])

#: The bits of a header that the frames of one stream have in common: version, layer, sample rate.
_SAME = 0xFFFE0C00
_HEAD_BYTES, _LONGEST_FRAME = 4, 2881
#: Frames that follow each other before bytes are believed to be audio.
_IN_A_ROW = 3
#: libmpg123 finds its way over less that is no audio.
_SHORT_GAP = 1024
#: Encoders count one frame more or less.
_COUNTED_WRONG = 2
_PIECE_BYTES = 1 << 20
#: ID3 tags that a file may begin with.
MOST_TAG_BYTES = 32 << 20
_LOOKED_AT = 1 << 16
_TAG_BYTES = 10
_BIG = struct.Struct(">I")
_TAG = struct.Struct(">4sIII")
_TRAILER_BYTES = 128
#: What other tags at a file's end may have for it not to be gone through.
_SHORT_TAGS = 2048
_LAYER_3, _LAYER_1 = 1, 3
#: A tag's smallest frame has room for its name, its flags and the number of frames.
_ROOM = 52

#: A stretch: its bytes, frames and first header, and how many frames its tag says that it has.
_ROW = np.dtype([(name, "i8") for name in ("start", "end", "frames", "header", "said")])
_ROW_SIZE = _ROW.itemsize
#: A search for them: of `MOST_LINKS` rows, where in the file it is, and whether tags follow the last frame.
_SEARCH = layout(setup=["table", "rows", "offset", "is_last", "is_tagged"])
_NO_TAG, _UNCOUNTED = -1, 0


class Place(NamedTuple):
    """A stretch of a file, in bytes, what is to be read before it, and its frames where libsndfile errs."""

    start: int
    end: int
    head: bytes = b""
    frames: int | None = None


@kernel
def _header_at(data: Any, at: Any) -> Any:
    return (
        np.int64(data[at]) << 24
        | np.int64(data[at + 1]) << 16
        | np.int64(data[at + 2]) << 8
        | np.int64(data[at + 3])
    )


@kernel
def _frame_bytes(header: Any) -> Any:
    """Return the length of the frame that a header begins; 0 where it is none, or its rate is its own."""
    version, layer = header >> 19 & 3, 4 - (header >> 17 & 3)
    rate, hertz = header >> 12 & 15, header >> 10 & 3
    if header >> 21 != 0x7FF or version == 1 or layer == 4 or hertz == 3:
        return 0
    is_low = 0 if version == 3 else 1
    bits = 1000 * _RATES[is_low, layer, rate]
    if bits == 0:
        return 0
    per_second = _HERTZ[hertz] >> (0 if version == 3 else 1 if version == 2 else 2)
    padding = header >> 9 & 1
    if layer == 1:
        return 4 * (12 * bits // per_second + padding)
    return (72 if layer == 3 and is_low else 144) * bits // per_second + padding


@kernel
def _is_same(header: Any, other: Any) -> Any:
    """Return whether two headers are of one stream: as many channels, too."""
    return (header ^ other) & _SAME == 0 and (header >> 6 & 3 == 3) == (other >> 6 & 3 == 3)


@kernel
def _begins_audio(data: Any, at: Any, length: Any) -> Any:
    """Return whether some frames in a row begin here; fewer where the data end with the last."""
    header = _header_at(data, at)
    for _ in range(_IN_A_ROW):
        size = _frame_bytes(_header_at(data, at))
        if size == 0 or not _is_same(_header_at(data, at), header):
            return False
        at += size
        if at + _HEAD_BYTES > length:
            return at == length
    return True


@kernel
def _tag_at(data: Any, at: Any, length: Any) -> Any:
    """Return how many frames the tag says that a frame is, `_UNCOUNTED`, or `_NO_TAG` where it is none."""
    header = _header_at(data, at)
    if header >> 17 & 3 != 1 or at + 64 > length:
        return _NO_TAG
    if _header_at(data, at + 36) == 0x56425249:  # VBRI
        return _UNCOUNTED
    is_mono, is_low = header >> 6 & 3 == 3, header >> 19 & 3 != 3
    side = (9 if is_mono else 17) if is_low else (17 if is_mono else 32)
    at += _HEAD_BYTES + side + (0 if header >> 16 & 1 else 2)
    name = _header_at(data, at)
    if name not in (0x58696E67, 0x496E666F):  # Xing, Info
        return _NO_TAG
    return _header_at(data, at + 8) if data[at + 7] & 1 else _UNCOUNTED


@kernel
def _gap_at(data: Any, at: Any) -> Any:
    """Return how many bytes of tags begin here, 1 where none does."""
    if data[at] == 0x49 and data[at + 1] == 0x44 and data[at + 2] == 0x33:  # ID3
        size = np.int64(0)
        for i in range(6, _TAG_BYTES):
            size = size << 7 | np.int64(data[at + i] & 0x7F)
        return _TAG_BYTES + size
    if data[at] == 0x54 and data[at + 1] == 0x41 and data[at + 2] == 0x47:  # TAG
        return _TRAILER_BYTES
    return 1


@kernel
def _row_at(search: Any, number: Any) -> Any:
    return record_at(search.table + number * _ROW_SIZE, _ROW)


@kernel
def _begins_row(search: Any, row: Any, header: Any, at: Any, said: Any) -> Any:
    """Return whether a frame begins a stretch; ``row`` is the last one."""
    if search.rows == 0:
        return True
    is_full = row.said > 0 and row.frames == row.said
    is_apart = search.is_tagged != 0 or at - row.end > _SHORT_GAP
    return not _is_same(header, row.header) or is_apart or said != _NO_TAG or is_full


@entry("int64", "int64", "int64")
def count_frames(piece: int, length: int, address: int) -> int:
    """Go through a piece of a file, for a search; returns how far it came."""
    search, data = record_at(address, _SEARCH), uint8_array(piece, length)
    row = _row_at(search, max(0, search.rows - 1))
    at, limit = 0, length - (_TAG_BYTES if search.is_last else 4 * _LONGEST_FRAME)
    while at <= limit:
        header, place = _header_at(data, at), search.offset + at
        size = _frame_bytes(header)
        follows = search.rows > 0 and row.end == place and _is_same(header, row.header)
        if size == 0 or not (follows or _begins_audio(data, at, length)):
            skipped = _gap_at(data, at)
            if skipped > 1:
                search.is_tagged = 1
            at += skipped
            continue
        if at + size > length:  # cut within its last frame
            return length
        said = _tag_at(data, at, length)
        if _begins_row(search, row, header, place, said) and search.rows < MOST_LINKS:
            row = _row_at(search, search.rows)
            search.rows += 1
            row.start = place + (size if said == _UNCOUNTED else 0)
            row.header, row.said = header, said
            row.frames = 0 if said == _NO_TAG else -1
        search.is_tagged = 0
        row.frames += 1
        at += size
        row.end = search.offset + at
    return at


def end_of_tags(file: IO[bytes]) -> int:
    """Return where what follows the ID3 tags at the beginning of a file begins; they may be too long."""
    end = 0
    while end <= MOST_TAG_BYTES:
        file.seek(end)
        head = file.read(_TAG_BYTES)
        if len(head) < _TAG_BYTES or not head.startswith(b"ID3"):
            break
        end += int(_gap_at.function(head, 0))
    return end


def find_stretches(file: IO[bytes]) -> list[Place]:
    """Return the stretches of an MPEG file; none where libsndfile knows them without help.

    Parameters
    ----------
    file : binary file
        Open for reading; its position is moved.

    """
    start = end_of_tags(file)
    file.seek(start)
    head = file.read(_LOOKED_AT)
    is_audio = len(head) > _TAG_BYTES and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    if head.startswith(b"fLaC") or not (start or is_audio):
        return []
    size = file.seek(0, os.SEEK_END)
    if _is_told(head, size - start):
        return []
    table = np.zeros(MOST_LINKS, _ROW)
    search = Record(_SEARCH)
    search.fill(table=table.ctypes.data, offset=start)
    while (at := int(search["offset"])) < size and (search["rows"] or at <= start + _LOOKED_AT):
        file.seek(at)
        piece = np.frombuffer(file.read(_PIECE_BYTES), np.uint8)
        is_last = len(piece) < _PIECE_BYTES or at + len(piece) >= size
        search["is_last"] = is_last
        search["offset"] = at + count_frames(piece.ctypes.data, len(piece), search.address)
        if is_last:
            break
    return _places_of(table[: int(search["rows"])])


def _is_told(head: bytes, left: int) -> bool:
    """Return whether a file's first frame is a tag that speaks of all that is left of the file."""
    at = max(head.find(b"Xing", 0, _ROOM), head.find(b"Info", 0, _ROOM))
    if at < 0 or len(head) < at + _TAG.size:
        return False
    _, flags, frames, size = _TAG.unpack_from(head, at)
    return bool(flags & 3 == 3 and frames > 0 and left <= size + _SHORT_TAGS)


def _places_of(rows: np.ndarray[Any, Any]) -> list[Place]:
    places: list[Place] = []
    before = 0
    for start, end, frames, header, said in rows.tolist():
        is_left = said == _NO_TAG and before == start  # of what was counted
        before = end
        if frames <= (_COUNTED_WRONG if is_left else 0):
            continue
        if said > 0:
            places.append(Place(start, end))
        elif header >> 17 & 3 == _LAYER_3:
            places.append(Place(start, end, _tag_for(header, frames)))
        else:
            places.append(Place(start, end, _room_for(end - start), frames * _samples_of(header)))
    if len(places) == 1 and not places[0].head:
        places = []
    return places


def _samples_of(header: int) -> int:
    """Return how many samples are in a frame of layer I or II."""
    return 384 if header >> 17 & 3 == _LAYER_1 else 1152


def _tag_for(header: int, frames: int) -> bytes:
    """Return a frame of layer III that says how many follow it."""
    header = header & ~(15 << 12 | 1 << 9) | 1 << 16  # no padding, no checksum
    size = 0
    while size < _ROOM:
        header += 1 << 12
        size = int(_frame_bytes.function(header))
    is_mono, is_low = header >> 6 & 3 == 3, header >> 19 & 3 != 3
    side = (9 if is_mono else 17) if is_low else (17 if is_mono else 32)
    tag = _BIG.pack(header) + bytes(side) + b"Info" + _BIG.pack(1) + _BIG.pack(frames)
    return tag.ljust(size, b"\0")


def _room_for(size: int) -> bytes:
    """Return an empty ID3 tag: libmpg123 takes it for audio where it guesses, and so guesses enough.

    In layers I and II it knows no tag of its own, and guesses from the first frame: 1 of some 100 to
    1000 bytes is padding.
    """
    room = size // 64 + 4 * _LONGEST_FRAME
    digits = [room >> shift & 0x7F for shift in (21, 14, 7, 0)]
    return b"ID3\4\0\0" + bytes(digits) + bytes(room)
