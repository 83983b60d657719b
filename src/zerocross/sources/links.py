"""The links of a chained file as one: a decoder for each, read one after another by compiled code.

libsndfile opens a link through functions of ours (its virtual I/O) that show it a stretch of the
file alone. They are compiled, as the decode thread calls them: they read at an offset and know
nothing of Python.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
import soundfile

from zerocross.compiler import entry, external, kernel, provide, record_at, uint8_array
from zerocross.files import PathLike
from zerocross.memory import Record, aligned_zeros, layout

__all__ = [
    "LINKS",
    "LinkFile",
    "SharedFile",
    "first_of_link",
    "link_error",
    "make_links",
    "provide_libsndfile",
    "read_frames",
    "seek_frame",
]

#: A stretch of a file, as libsndfile sees it.
_STRETCH = layout(setup=["descriptor", "start", "length", "head", "head_length"], decode=["at"])
#: One link: its decoder, its first frame among those of all links, and how far it has been read.
_LINK = np.dtype([("handle", "i8"), ("begins", "i8"), ("at", "i8")])
_LINK_SIZE = _LINK.itemsize
#: The links of a source, the one that is read, and the first error.
LINKS = layout(setup=["count", "table"], decode=["current", "first_error"])

_SEEK_SET, _SEEK_CUR = 0, 1
_MOST_FRAMES = 1 << 48  # where a link does not say how many it has


def _needs_compiler(*_: int) -> int:
    raise NotImplementedError("libsndfile is called by compiled code only")


sf_readf_float = external("sf_readf_float", "lll", _needs_compiler)
sf_seek = external("sf_seek", "lli", _needs_compiler)
sf_error = external("sf_error", "l", _needs_compiler)


@functools.cache
def address_of(name: str) -> int:
    """Return the address of one of libsndfile's functions."""
    ffi, library = soundfile._ffi, soundfile._snd
    return int(ffi.cast("intptr_t", ffi.addressof(library, name)))


@functools.cache
def provide_libsndfile() -> None:
    """Tell the linker where libsndfile's functions are."""
    for name in ("sf_readf_float", "sf_seek", "sf_error"):
        provide(name, address_of(name))


# --- a stretch of a file, for libsndfile ----------------------------------------------------------

if sys.platform == "win32":
    _lseek = external("_lseeki64", "ili", _needs_compiler)
    _read = external("_read", "ili", _needs_compiler)

    @kernel
    def _read_at(descriptor: Any, to: Any, count: Any, offset: Any) -> Any:
        if _lseek(np.int32(descriptor), offset, np.int32(_SEEK_SET)) != offset:
            return np.int64(0)
        return np.int64(np.int32(_read(np.int32(descriptor), to, np.int32(count))))

else:
    _pread = external("pread", "illl", _needs_compiler)

    @kernel
    def _read_at(descriptor: Any, to: Any, count: Any, offset: Any) -> Any:
        return _pread(np.int32(descriptor), to, count, offset)


@functools.cache
def _provide_reading() -> None:
    library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
    for name in ("_lseeki64", "_read") if sys.platform == "win32" else ("pread",):
        provide(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0)


@kernel
def _copy_bytes(to: Any, source: Any, count: Any) -> None:
    target, given = uint8_array(to, count), uint8_array(source, count)
    for i in range(count):
        target[i] = given[i]


@entry("int64")
def stretch_length(address: int) -> int:
    """Return a stretch's bytes."""
    length: int = record_at(address, _STRETCH).length
    return length


@entry("int64")
def stretch_tell(address: int) -> int:
    """Return where in a stretch is read next."""
    at: int = record_at(address, _STRETCH).at
    return at


@entry("int64", "int32", "int64")
def stretch_seek(offset: int, whence: int, address: int) -> int:
    """Go to a place in a stretch; returns it."""
    stretch = record_at(address, _STRETCH)
    if whence == _SEEK_CUR:
        offset += stretch.at
    elif whence != _SEEK_SET:
        offset += stretch.length
    stretch.at = min(max(0, offset), stretch.length)
    at: int = stretch.at
    return at


@entry("int64", "int64", "int64")
def stretch_read(to: int, count: int, address: int) -> int:
    """Read from a stretch; returns how many bytes."""
    stretch = record_at(address, _STRETCH)
    wanted = min(count, stretch.length - stretch.at)
    done = 0
    while done < wanted:
        place = stretch.at + done
        if place < stretch.head_length:
            got = min(wanted - done, stretch.head_length - place)
            _copy_bytes(to + done, stretch.head + place, got)
        else:
            at = stretch.start + place - stretch.head_length
            got = _read_at(stretch.descriptor, to + done, wanted - done, at)
        if got <= 0:
            break
        done += got
    stretch.at += done
    return done


class SharedFile:
    """A descriptor that all links of a file read from, each where it is; closed with the last one.

    Parameters
    ----------
    file : binary file
        Open for reading; it can be closed.

    """

    def __init__(self, file: IO[bytes]) -> None:
        self.descriptor = os.dup(file.fileno())

    def __del__(self) -> None:
        """Close the descriptor: no link has it any more."""
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)


class LinkFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile tells no types
    """A stretch of a file, opened by libsndfile as a file of its own.

    Parameters
    ----------
    path : path-like
        Of the file.
    shared : SharedFile
        The same, open.
    start, end : int
        The stretch, in bytes.
    head : bytes
        What is read before it.
    frames : int or None
        How many it has, where libsndfile does not know it.

    Raises
    ------
    soundfile.LibsndfileError
        If it is no audio.

    """

    def __init__(
        self,
        path: PathLike,
        shared: SharedFile,
        start: int,
        end: int,
        head: bytes = b"",
        frames: int | None = None,
    ) -> None:
        _provide_reading()
        self._shared: SharedFile | None = shared
        self._head, self._counted = np.frombuffer(head, np.uint8), frames
        self._stretch = Record(_STRETCH)
        self._stretch.fill(
            descriptor=shared.descriptor,
            start=start,
            length=len(head) + end - start,
            head=self._head.ctypes.data if head else 0,
            head_length=len(head),
        )
        super().__init__(os.fsencode(path))

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return super().frames if self._counted is None else self._counted

    def _open(self, _file: Any, mode_int: int, _closefd: bool) -> Any:
        ffi, library = soundfile._ffi, soundfile._snd
        self._io = ffi.new(
            "SF_VIRTUAL_IO*",
            {
                "get_filelen": ffi.cast("sf_vio_get_filelen", stretch_length.address),
                "seek": ffi.cast("sf_vio_seek", stretch_seek.address),
                "read": ffi.cast("sf_vio_read", stretch_read.address),
                "tell": ffi.cast("sf_vio_tell", stretch_tell.address),
            },
        )
        user = ffi.cast("void*", self._stretch.address)
        handle = library.sf_open_virtual(self._io, mode_int, self._info, user)
        if handle == ffi.NULL:
            raise soundfile.LibsndfileError(library.sf_error(handle))
        return handle

    def close(self) -> None:
        """Close it; twice is once."""
        if not self.closed:
            super().close()
            self._shared = None


# --- the links, for the decode thread -------------------------------------------------------------


def make_links(files: Sequence[soundfile.SoundFile]) -> tuple[Record, Any]:
    """Return a `LINKS` of open files that are read one after another, and its table, to be kept."""
    table = aligned_zeros(len(files), _LINK)
    first = 0
    for row, file in zip(table, files, strict=True):
        row["handle"] = int(soundfile._ffi.cast("intptr_t", file._file))
        row["begins"], first = first, first + min(file.frames, _MOST_FRAMES)
    links = Record(LINKS)
    links.fill(count=len(files), table=table.ctypes.data)
    return links, table


@kernel
def _link(links: Any, number: Any) -> Any:
    return record_at(links.table + number * _LINK_SIZE, _LINK)


@kernel
def _number_of_link(links: Any, frame: Any) -> Any:
    """Return which link a frame is in, by bisection."""
    low, high = 0, links.count
    while high - low > 1:
        middle = (low + high) // 2
        if _link(links, middle).begins <= frame:
            low = middle
        else:
            high = middle
    return low


@kernel
def first_of_link(links_address: Any, frame: Any) -> Any:
    """Return the first frame of the link that a frame is in; 0 where a file has no links."""
    if links_address == 0:
        return 0
    links = record_at(links_address, LINKS)
    return _link(links, _number_of_link(links, frame)).begins


@kernel
def seek_frame(handle: Any, links_address: Any, frame: Any) -> Any:
    """Go to a frame of a file; returns whether that worked."""
    if links_address == 0:
        return sf_seek(handle, frame, np.int32(_SEEK_SET)) == frame
    links = record_at(links_address, LINKS)
    links.current = _number_of_link(links, frame)
    links.first_error = 0
    link = _link(links, links.current)
    link.at = frame - link.begins
    return sf_seek(link.handle, link.at, np.int32(_SEEK_SET)) == link.at


@kernel
def read_frames(handle: Any, links_address: Any, to: Any, frames: Any, channels: Any) -> Any:
    """Decode the next frames of a file, from link to link; returns how many.

    Parameters
    ----------
    handle : int
        libsndfile's ``SNDFILE*`` of a file without links.
    links_address : int
        Of a `LINKS`; 0 for a file without.
    to : int
        The address of room for ``frames`` times ``channels`` float32.
    frames, channels : int
        How many.

    Notes
    -----
    For the decode thread; it asks the disk.

    """
    if links_address == 0:
        return sf_readf_float(handle, to, frames)
    links = record_at(links_address, LINKS)
    done = 0
    while True:
        link = _link(links, links.current)
        got = max(0, sf_readf_float(link.handle, to + 4 * channels * done, frames - done))
        done += got
        link.at += got
        if done == frames:
            return done
        if links.first_error == 0:
            links.first_error = sf_error(link.handle) & 0x7FFFFFFF
        if links.current + 1 == links.count:
            return done
        links.current += 1
        link = _link(links, links.current)
        if link.at != 0:  # it was read before
            link.at = sf_seek(link.handle, 0, np.int32(_SEEK_SET))


@kernel
def link_error(handle: Any, links_address: Any) -> Any:
    """Return libsndfile's error number of a file, or of the first of its links that has one."""
    if links_address == 0:
        return sf_error(handle) & 0x7FFFFFFF
    return record_at(links_address, LINKS).first_error
