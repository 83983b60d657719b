"""The text tags of a file, whatever its kind has them in, and its cover.

Mutagen reads ID3 (MP3, WAV, AIFF), Vorbis comments (FLAC, Ogg, Opus), MP4, ASF and APEv2; where a
WAV, AIFF or CAF has none of these, libsndfile reads its own strings (``LIST INFO`` and the like).
Tags are other people's bytes: what is read, unpacked, kept and shown of them is bounded, and a
damaged one is as good as none.

Over 300 lines: what each kind of tags calls a field, and the bounds for all of them.
"""

from __future__ import annotations

import dataclasses
import errno
import functools
import importlib
import os
import re
import threading
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any

from zerocross.errors import SourceError
from zerocross.files import PathLike, open_regular, printable
from zerocross.sources.decoder_notes import silence_decoder
from zerocross.units import checked_whole

__all__ = ["Tags", "cover", "read_tags", "tags_from", "tags_of"]

_MOST_BYTES, _MOST_READS = 16 << 20, 20_000
_MOST_NAMES, _MOST_VALUES, _MOST_LETTERS = 1000, 20, 1000
_MOST_TEXT = 256 << 10
_BINARY_FRAMES = (b"APIC", b"GEOB", b"PRIV", b"PIC", b"GEO")
#: Bytes that mutagen may copy for an ID3 tag: its frames times its length.
_MOST_COPIED = 1 << 30

#: What each kind of tags calls a field, in lower case. The first name that a file has counts: a kind's
#: own before what programs write freely beside it (``TXXX:ARTIST``, ``----:com.apple.iTunes:TITLE``).
_NAMES = {
    "title": ("tit2", "\xa9nam", "title"),
    "artist": ("tpe1", "\xa9art", "artist", "author"),
    "album": ("talb", "\xa9alb", "wm/albumtitle", "album"),
    "album_artist": ("tpe2", "aart", "wm/albumartist", "albumartist", "album artist"),
    "track": ("trck", "trkn", "wm/tracknumber", "tracknumber", "track"),
    "tracks": ("tracktotal", "totaltracks"),
    "disc": ("tpos", "disk", "wm/partofset", "discnumber", "disc"),
    "discs": ("disctotal", "totaldiscs"),
    "year": ("tdrc", "\xa9day", "wm/year", "date", "year"),
    "genre": ("tcon", "\xa9gen", "wm/genre", "genre"),
}
_NUMBER = re.compile(r"\s*(\d{1,5})(?!\d)(?:\s*/\s*(\d{1,5})(?!\d))?")
_MONTH, _DAY = r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])"
_DATE = re.compile(rf"(?<!\d)(\d{{4}})(?:-{_MONTH}(?:-{_DAY})?(?!\d)|{_MONTH}{_DAY}(?!\d)|(?!\d))")
_PICTURES = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "image/bmp": re.compile(rb"BM.{12}[\x0c\x28\x6c\x7c]\0\0\0", re.DOTALL),
}
#: The commonest kinds: an ending, how a file begins, and who reads it of mutagen.
_KINDS = (
    (".flac", re.compile(rb"fLaC"), "flac", "FLAC"),
    (".mp3", re.compile(rb"ID3|\xff[\xe0-\xff]"), "mp3", "MP3"),
    (".wav", re.compile(rb"RIFF....WAVE", re.DOTALL), "wave", "WAVE"),
    (".aiff", re.compile(rb"FORM....AIF[FC]", re.DOTALL), "aiff", "AIFF"),
    (".m4a", re.compile(rb"....ftyp", re.DOTALL), "mp4", "MP4"),
)
_MASTER = 1  # RVA2's channel for all of them
_FRONT = 3  # the kind of picture that ID3, FLAC and ASF call the front cover


@dataclasses.dataclass(frozen=True)
class Tags:
    """What a file says of itself: one line each, fit for any terminal; empty or None where it is silent.

    Attributes
    ----------
    title, artist, album, album_artist, genre : str
        As they are written; several artists or genres with commas between them.
    track, tracks, disc, discs : int or None
        Which of how many, from 1.
    year : int or None
        Of the date.
    artists, album_artists, genres : tuple of str
        The same, each for itself.
    date : str
        As far as it is written: ``2004-05-06``, ``2004-05`` or ``2004``.

    """

    title: str = ""
    artist: str = ""
    album: str = ""
    album_artist: str = ""
    track: int | None = None
    tracks: int | None = None
    disc: int | None = None
    discs: int | None = None
    year: int | None = None
    genre: str = ""
    artists: tuple[str, ...] = ()
    album_artists: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    date: str = ""

    def __str__(self) -> str:
        """Return ``Artist - Title``, the title alone, or an empty string."""
        return f"{self.artist} - {self.title}" if self.artist and self.title else self.title


def tags_of(location: Any) -> Tags:
    """Return the tags of a file, or of a part of one that has its own; empty where they cannot be read.

    Parameters
    ----------
    location : path-like, or what has ``tags``
        A path, or a `cue.Cut`.

    """
    own = getattr(location, "tags", None)
    if isinstance(own, Tags):
        return own
    if not isinstance(location, (str, bytes, os.PathLike)):
        return Tags(title=clean(getattr(location, "title", "")))
    found: dict[str, list[str]] = {}
    for name, values in _read(location, _texts_of, {}).items():
        found.setdefault(name, values)
    return make_tags(found)


def make_tags(found: dict[str, list[str]]) -> Tags:
    """Return the tags that names (in lower case) and their values make."""
    first = {
        field: next((found[name] for name in names if name in found), [])
        for field, names in _NAMES.items()
    }
    track, tracks = _number(first["track"])
    disc, discs = _number(first["disc"])
    date = _DATE.search(clean(first["year"]))
    return Tags(
        title=clean(first["title"][:1]),
        artist=clean(first["artist"]),
        album=clean(first["album"][:1]),
        album_artist=clean(first["album_artist"]),
        track=track,
        tracks=tracks or _number(first["tracks"])[0],
        disc=disc,
        discs=discs or _number(first["discs"])[0],
        year=int(date[1]) if date else None,
        genre=clean(first["genre"]),
        artists=_each(first["artist"]),
        album_artists=_each(first["album_artist"]),
        genres=_each(first["genre"]),
        date="-".join(filter(None, date.groups())) if date else "",
    )


def _each(texts: list[str]) -> tuple[str, ...]:
    return tuple(filter(None, map(clean, texts)))


def tags_from(found: dict[str, Any]) -> Tags:
    """Return tags of their fields, as JSON keeps them.

    Raises
    ------
    ValueError, TypeError, UsageError
        For what are none.

    """
    made: dict[str, Any] = {}
    for name in set(found) & {field.name for field in dataclasses.fields(Tags)}:
        default, value = getattr(Tags, name), found[name]
        if isinstance(default, tuple):
            made[name] = _each(list(value)[:_MOST_VALUES])
        elif isinstance(default, str):
            made[name] = clean(value)
        elif value is not None:
            made[name] = checked_whole(name, value, 0, 99_999)
    return Tags(**made)


def clean(text: str | Iterable[str]) -> str:
    """Return a text, or several with commas between them, as one printable line that is not too long."""
    joined = text if isinstance(text, str) else ", ".join(filter(None, map(str.strip, text)))
    return printable(" ".join(joined[:_MOST_LETTERS].split()))


def _number(texts: list[str]) -> tuple[int | None, int | None]:
    """Return which of how many, as in ``3/12``; 0 says nothing."""
    match = _NUMBER.match(texts[0]) if texts else None
    if match is None:
        return None, None
    first, second = (int(text or 0) or None for text in match.groups())
    return first, second


def read_tags(path: PathLike) -> dict[str, str]:
    """Return a file's text tags by name in lower case; none where they cannot be read.

    Of tags of one name the first is taken.
    """
    return {name: values[0] for name, values in _read(path, _texts_of, {}).items() if values}


def cover(path: PathLike) -> tuple[str, bytes] | None:
    """Return a file's picture, the front cover if it has several, and its kind; None where it has none.

    Parameters
    ----------
    path : path-like
        The file, or a part of one.

    Returns
    -------
    mime : str
        ``image/jpeg``, ``image/png``, ``image/gif``, ``image/webp`` or ``image/bmp``: what the bytes
        begin like, whatever the tag says.
    data : bytes
        Up to 16 MiB.

    """
    pictures = sorted(_read(path, _pictures_of, []), key=lambda found: found[0] != _FRONT)
    for _, data in pictures:
        for mime, beginning in _PICTURES.items():
            if beginning.match(data):
                return mime, data
    return None


# --- reading within bounds ----------------------------------------------------------------------


class _Bounded:
    """A file of which no more is read than tags need: pictures in them are read, too."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name  # by whose ending mutagen knows some kinds
        self._file = file
        self._left, self._reads = _MOST_BYTES, 0
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """Return what is there, and raise where it is too much."""
        data = self._file.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(data)
        self._reads += 1
        if self._left < 0 or self._reads > _MOST_READS:
            raise OSError(errno.EFBIG, "more than tags are")
        return data


class _Bounds:
    """What mutagen does not bound in ID3, bounded on the threads that read tags here, and only there.

    It unpacks a frame however large that makes it, looks at long texts letter by letter, and copies
    all that is left of a tag after each frame, which takes minutes for a tag of nothing but small ones.
    """

    error = zlib.error  # it stands in zlib's place

    def __init__(self, read_frames: Any) -> None:
        self._here = threading.local()
        self._read_frames = read_frames

    def __enter__(self) -> None:
        self._here.left = _MOST_TEXT

    def __exit__(self, *_: object) -> None:
        self._here.left = None

    def decompress(self, data: bytes) -> bytes:
        """Return what was packed; raises what mutagen takes for a damaged frame if it is too much."""
        left = getattr(self._here, "left", None)
        if left is None:
            return zlib.decompress(data)
        unpacked = zlib.decompressobj().decompress(data, left + 1)
        self._here.left = max(0, left - len(unpacked))
        if len(unpacked) > left:
            raise zlib.error("more than tags are")
        return unpacked

    def read_frames(self, header: Any, data: bytes, kinds: Any) -> Any:
        """Read the frames of an ID3 tag, if they are not too many, nor too long."""
        if getattr(self._here, "left", None) is not None and _is_too_much(header, data, kinds):
            raise OSError(errno.EFBIG, "more than tags are")
        return self._read_frames(header, data, kinds)


def _is_too_much(header: Any, data: bytes, kinds: Any) -> bool:
    """Return whether a tag has more text, or more frames to copy the rest after, than tags have."""
    from mutagen.id3 import _tags

    if header.f_unsynch and header.version < (2, 4, 0):
        data = data.replace(b"\xff\x00", b"\xff")
    digits, head, number = (3, 6, int) if header.version < (2, 3, 0) else (4, 10, int)
    if header.version >= (2, 4, 0):
        number = _tags.determine_bpi(data, kinds)
    place = frames = text = 0
    while place + head <= len(data) and any(data[place : place + digits]):
        name = data[place : place + digits]
        size = number(int.from_bytes(data[place + digits : place + 2 * digits], "big"))
        place += head + size
        frames += 1
        text += head + (0 if name in _BINARY_FRAMES else size)
        if text > _MOST_TEXT or frames * len(data) > _MOST_COPIED:
            return True
    return False


@functools.cache
def _bounds() -> _Bounds:
    """Put our bounds where mutagen's ID3 looks for what it calls."""
    from mutagen.id3 import _frames, _tags

    bounds = _Bounds(_tags.read_frames)
    _frames.zlib, _tags.read_frames = bounds, bounds.read_frames
    return bounds


def _kinds(opened: IO[bytes], name: str) -> list[Any] | None:
    """Return the one kind that a file is by its ending and its beginning; None where they differ.

    Mutagen would import all of its twenty to ask each.
    """
    beginning = opened.read(12)
    opened.seek(0)
    for ending, pattern, module, kind in _KINDS:
        if name.lower().endswith(ending) and pattern.match(beginning):
            return [getattr(importlib.import_module(f"mutagen.{module}"), kind)]
    return None


def _read(path: PathLike, of: Any, nothing: Any) -> Any:
    """Return what a function finds in a file's tags; ``nothing`` where they cannot be read."""
    import mutagen

    try:
        with _bounds(), open_regular(path) as opened:
            name = os.fsdecode(path)
            bounded = _Bounded(opened, name)
            file = mutagen.File(bounded, options=_kinds(opened, name))
            completed = _completed(file, bounded)
            return of(_strings_of(opened) if completed is None else completed)
    except (SourceError, OSError):
        return nothing
    except Exception:  # noqa: BLE001  whatever a damaged tag makes mutagen raise
        return nothing


class _Found:
    """Tags that were found otherwise, as mutagen would have them."""

    def __init__(self, tags: Any) -> None:
        self.tags = tags


def _completed(file: Any, bounded: _Bounded) -> Any:
    """Return a file with all its tags: ID3, and behind it APEv2; None where mutagen finds none."""
    from mutagen.id3 import ID3FileType

    if isinstance(file, ID3FileType):  # libsndfile knows no more of it
        return _Found([*_items(file), *_ape_behind(bounded)])
    return file if any(_items(file)) or getattr(file, "pictures", None) else None


def _ape_behind(bounded: _Bounded) -> list[tuple[str, Any]]:
    """Return the tags that mp3gain writes, where mutagen looks for ID3 alone."""
    from mutagen.apev2 import APEv2

    try:
        return list(APEv2(bounded).items())
    except Exception:  # noqa: BLE001  a damaged tag is as good as none
        return []


def _strings_of(opened: IO[bytes]) -> _Found:
    import soundfile

    from zerocross.sources.links import address_of

    silence_decoder(address_of("sf_open"))
    opened.seek(0)
    try:
        with soundfile.SoundFile(os.dup(opened.fileno())) as file:
            return _Found({name: text for name, text in file.copy_metadata().items() if text})
    except soundfile.SoundFileError:
        return _Found({})


# --- what each kind has -------------------------------------------------------------------------


def _items(file: Any) -> Iterator[tuple[str, Any]]:
    tags = getattr(file, "tags", None) or {}
    for name, value in tags.items() if hasattr(tags, "items") else tags:
        yield str(name), value


def _texts_of(file: Any) -> dict[str, list[str]]:
    """Return a file's text tags by name in lower case, whatever its kind has them in."""
    found: dict[str, list[str]] = {}
    for key, value in _items(file):
        name = key.rpartition(":")[2] if key.startswith("----:") else key  # MP4
        texts = [text for text in map(_text, _values(value)) if text]
        if texts and len(found) < _MOST_NAMES:
            found.setdefault(name.removeprefix("TXXX:").lower(), texts[:_MOST_VALUES])
    for key, value in _items(file):
        for name, number in _gains_of(key, value):
            found.setdefault(name, [number])
    return found


def _gains_of(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield what ID3's own frame for gains says, as ReplayGain writes it."""
    kind, _, of = key.lower().partition(":")
    if kind == "rva2" and of in {"track", "album"} and value.channel == _MASTER:
        yield f"replaygain_{of}_gain", str(value.gain)
        yield f"replaygain_{of}_peak", str(value.peak)


def _values(value: Any) -> Iterable[Any]:
    """Return the values of a tag that may have several."""
    if hasattr(value, "FrameID"):  # ID3
        return list(getattr(value, "genres", None) or getattr(value, "text", []))
    if type(value).__name__ == "APETextValue":
        return str(value)[: 4 * _MOST_LETTERS].split("\0")
    if isinstance(value, list):
        return value[:_MOST_VALUES]
    return [value]


def _text(value: Any) -> str:
    """Return one value as text; an empty one for what is none."""
    if isinstance(value, tuple):  # MP4's number and count
        return "/".join(map(str, value))[:_MOST_LETTERS]
    if isinstance(value, bytes):  # MP4's free form
        return bytes(value[: 4 * _MOST_LETTERS]).decode("utf-8", "replace")[:_MOST_LETTERS]
    value = getattr(value, "value", value)  # ASF
    return "" if isinstance(value, bytes) else str(value)[:_MOST_LETTERS]


def _pictures_of(file: Any) -> list[tuple[int, bytes]]:
    """Return a file's pictures, with what kind each is of."""
    import base64

    from mutagen.flac import Picture

    found = [(each.type, each.data) for each in getattr(file, "pictures", [])]
    for name, value in _items(file):
        key = name.lower()
        if key.startswith("apic"):
            found.append((value.type, value.data))
        elif key == "covr":
            found += [(_FRONT, bytes(each)) for each in value]
        elif key == "metadata_block_picture":
            pictures = [Picture(base64.b64decode(each)) for each in value]
            found += [(each.type, each.data) for each in pictures]
        elif key == "wm/picture":
            found += [_asf_picture(each.value) for each in value]
        elif key.startswith("cover art"):
            kind = _FRONT if "front" in key else 0
            found.append((kind, bytes(value.value).partition(b"\0")[2]))
    return [(kind, bytes(data)) for kind, data in found]


def _asf_picture(data: bytes) -> tuple[int, bytes]:
    """Return an ASF picture: its kind, its length, two texts of UTF-16 that end in zeros, the data."""
    size = int.from_bytes(data[1:5], "little")
    return data[0], data[max(0, len(data) - size) :] if size else b""
