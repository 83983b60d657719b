"""Locations: where a track's frames are. Paths and URLs are text; what is in memory or open is an object."""

from __future__ import annotations

import dataclasses
import io
import os
import threading
from typing import IO, Any, TypeGuard

import numpy as np

from zerocross.dsp.channels import MAX_PLACED
from zerocross.errors import SourceError, UsageError
from zerocross.files import PathLike, printable
from zerocross.sources.ogg import Links
from zerocross.units import checked_whole, shown

__all__ = [
    "MAX_SAMPLE_RATE",
    "MIN_SAMPLE_RATE",
    "FileObject",
    "Location",
    "Part",
    "Playable",
    "Reader",
    "Samples",
    "as_location",
    "is_location",
    "title_of",
]

#: Sample rates that audio devices are opened at.
MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 8_000, 384_000

_KINDS = "fiu"
_SHAPES = "give numbers of shape (frames,) or (frames, channels)"
#: Of names: more letters than any system takes, and more bytes than Linux does.
_MOST_LETTERS, _MOST_BYTES = 32_767, 4096
#: In a file that a program has open: far beyond any, and small enough to be added to in C.
_LAST_PLACE = 1 << 60


@dataclasses.dataclass(frozen=True)
class Part(os.PathLike[str]):
    """What follows in a chained file where its format changes: played as a track of its own.

    So is what follows 256 links of one format: each has a decoder, of some 0.3 MiB.

    Attributes
    ----------
    location : path-like
        Of the file.
    first_link : int
        Where it begins; from 0.
    links : ogg.Links
        Of the whole file.

    """

    location: PathLike
    first_link: int
    links: Links = dataclasses.field(compare=False, repr=False)

    def __fspath__(self) -> str:
        return os.fsdecode(self.location)


class Samples:
    """Samples in memory, to be played like a file.

    Parameters
    ----------
    array : array_like, shape (frames,) or (frames, channels)
        One channel, or channels side by side in a frame, as soundfile and sounddevice have them.
        Floating-point samples have full scale 1; integers have that of their type (``int16``: 32768;
        ``uint8`` has silence at 128, other unsigned ones in the middle of theirs). Samples that are
        NaN or infinite are silenced or limited, and told, as those of files are.
    sample_rate : int
        In Hz, 8000 to 384000.
    title : str
        What it is called in events, errors and reports.

    Raises
    ------
    UsageError
        For what is no such array.

    Notes
    -----
    A C-contiguous array of float32 is played where it is, without a copy: what is written into it
    while it plays is heard. Others are converted when their turn comes. Real-time: no.

    """

    def __init__(self, array: Any, sample_rate: int, title: str = "") -> None:
        self.array = made = _array_of(array)
        self.sample_rate = checked_whole(
            "sample_rate", sample_rate, MIN_SAMPLE_RATE, MAX_SAMPLE_RATE, "Hz"
        )
        self.title = title or f"<{made.dtype} samples, {made.shape}>"

    def __repr__(self) -> str:
        return f"Samples({self.title!r}, {self.sample_rate} Hz)"


def _array_of(array: Any) -> np.ndarray[Any, Any]:
    """Return samples as an array; see `Samples`."""
    try:
        made = np.asarray(array)
    except MemoryError:
        raise UsageError("no room for these samples; give an array of float32, or a part") from None
    except Exception as error:  # noqa: BLE001  rows of several lengths, or anyone's __array__
        raise UsageError(f"samples that make no array ({shown(error)}); {_SHAPES}") from None
    if made.dtype.kind not in _KINDS or made.ndim not in {1, 2} or made.shape[1:] == (0,):
        raise UsageError(f"samples of shape {made.shape} and type {made.dtype}: {_SHAPES}")
    if made.ndim == 2 and len(made) <= MAX_PLACED < made.shape[1]:
        raise UsageError(f"samples of shape {made.shape}: {_SHAPES}; its .T may be meant")
    return made


class FileObject:
    """A binary file that a program has open, and what reads it from its beginning.

    Parameters
    ----------
    file : binary file
        Of which ``read`` is called and, where it has them, ``seek`` and ``tell``.
    title : str
        What it is called; empty for its name.

    """

    def __init__(self, file: IO[bytes], title: str = "") -> None:
        if getattr(file, "closed", False):
            raise UsageError(f"{shown(file)} is closed; give an open file")
        self.file = file
        name = getattr(file, "name", None)
        self.title = title or (name if isinstance(name, str) else f"<{type(file).__name__}>")
        self._lock, self._is_taken = threading.Lock(), False

    @property
    def is_seekable(self) -> bool:
        """Whether it can be read more than once, and from anywhere."""
        try:
            seekable = getattr(self.file, "seekable", None)
            return bool(seekable()) if callable(seekable) else hasattr(self.file, "seek")
        except Exception:  # noqa: BLE001  anyone's file
            return False

    def reader(self) -> Reader:
        """Return a file of its own position: the same object may be in a queue twice.

        Raises
        ------
        SourceError
            For what can only be read once, and was.

        """
        if self._is_taken and not self.is_seekable:
            raise SourceError(self.title, "it can be read once, and was; give a file that can seek")
        self._is_taken = True
        return _SeekableReader(self.file, self._lock) if self.is_seekable else Reader(self.file)


class Reader(io.RawIOBase):
    """What can only be read on.

    Attributes
    ----------
    failure : str
        What the program's file raised; else empty. It then ends: libsndfile knows no exceptions.

    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.failure = file, ""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        try:
            data = self._given(len(view))
            view[: len(data)] = data  # never more than there is room for: whoever asked may be C
        except BaseException as error:  # noqa: BLE001  anyone's file
            self._fail(error)
            return 0
        return len(data)

    def _given(self, count: int) -> bytes:
        return self._file.read(count) or b""

    def _fail(self, error: BaseException) -> None:
        """Note what the program's file raised; a Ctrl-C goes on, where it is one."""
        is_main = threading.current_thread() is threading.main_thread()
        if isinstance(error, KeyboardInterrupt) and is_main:
            raise error
        self.failure = f"{type(error).__name__}: {error}"


class _SeekableReader(Reader):
    """A position in a file that others read as well."""

    def __init__(self, file: IO[bytes], lock: threading.Lock) -> None:
        super().__init__(file)
        self._lock, self._at = lock, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            try:
                with self._lock:
                    self._file.seek(0, os.SEEK_END)
                    self._at = _checked_place(self._file.tell())
            except BaseException as error:  # noqa: BLE001  anyone's file
                self._fail(error)
        at = offset + (0 if whence == os.SEEK_SET else self._at)
        self._at = min(max(0, at), _LAST_PLACE)
        return self._at

    def _given(self, count: int) -> bytes:
        with self._lock:
            self._file.seek(self._at)
            return super()._given(count)

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        self._at += count
        return count


def _checked_place(place: Any) -> int:
    """Return a place in a file that C can take; ValueError for what is none."""
    if not isinstance(place, int) or not 0 <= place <= _LAST_PLACE:
        raise ValueError(f"it tells {shown(place)} as its place")
    return place


#: Where a track's frames are: what `opening.open_source` takes.
Location = PathLike | Samples | FileObject
#: What `as_location` takes.
Playable = Location | IO[bytes] | tuple[Any, int]


def as_location(value: Playable) -> Location:
    """Return what was given as a location: paths as they are, a pair as `Samples`, an open file.

    Raises
    ------
    UsageError
        For anything else.

    """
    if isinstance(value, (os.PathLike, Samples, FileObject)):
        return value
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        return _checked_name(value)
    if _is_pair(value):
        return Samples(*value)
    if _is_file(value):
        return FileObject(value)
    raise UsageError(
        f"{shown(value)} is not a path{_hint_for(value)}; give each file by its name, samples as "
        "(array, sample_rate), or a binary file"
    )


def _checked_name(name: str | bytes | bytearray | memoryview) -> str | bytes:
    """Return a name; raise UsageError for what is what stands in a file, and not its name."""
    if isinstance(name, str):
        if len(name) > _MOST_LETTERS:
            raise UsageError(f"{shown(name)} is no path: it has {len(name):,} letters; give a name")
        return name
    if not isinstance(name, bytes) or len(name) > _MOST_BYTES or b"\0" in name:
        raise UsageError(f"these are {len(name):,} bytes, and no path; give io.BytesIO(data)")
    return name


def _hint_for(value: Any) -> str:
    """Return what an error adds about samples whose rate is not where it belongs, or is none."""
    if not isinstance(value, tuple) or len(value) != 2:
        return ""
    first, second = (not isinstance(each, (str, bytes, os.PathLike)) for each in value)
    if isinstance(value[0], (int, float, np.number)) and second:
        return ": the array comes first"
    return f": {shown(value[1])} is no sample rate" if first and not second else ""


def is_location(value: Any) -> bool:
    """Return whether something is one location, and not several."""
    return (
        isinstance(value, (str, bytes, os.PathLike, Samples, FileObject))
        or _is_pair(value)
        or _is_file(value)
    )


def _is_pair(value: Any) -> TypeGuard[tuple[Any, int]]:
    """Return whether something is samples and their rate, not two paths."""
    is_pair = isinstance(value, tuple) and len(value) == 2
    return is_pair and isinstance(value[1], (int, float, np.number))


def _is_file(value: Any) -> TypeGuard[IO[bytes]]:
    return callable(getattr(value, "read", None)) and not isinstance(value, io.TextIOBase)


def title_of(location: Location) -> str:
    """Return a location as text fit for printing: a path, or the title of what has none."""
    return printable(location.title if isinstance(location, (Samples, FileObject)) else location)
