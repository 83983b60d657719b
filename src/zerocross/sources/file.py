"""Files: opening them, what they are, and what is wrong with them.

libsndfile (through the soundfile package) reads WAV, AIFF, FLAC, Ogg Vorbis, Opus, MP3 and
more. The control thread opens a file; the decode thread reads it through libsndfile's own
functions (`links`). Of a chained Ogg file, and of MP3s that were joined, libsndfile reads one link: here each
is opened, and those of one format that follow each other are one source. Where the format changes, the rest is
another one, found at `OpenSource.rest`.

A little over 300 lines, for all that can be wrong with a file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import numpy as np
import soundfile

from zerocross.errors import SourceError
from zerocross.files import PathLike, open_regular, printable
from zerocross.sources.channel_order import channel_order
from zerocross.sources.decoder_notes import silence_decoder
from zerocross.sources.links import LinkFile, SharedFile, address_of, make_links
from zerocross.sources.location import Part
from zerocross.sources.mpeg import MOST_TAG_BYTES, end_of_tags, find_stretches
from zerocross.sources.ogg import MOST_LINKS, Links, beginnings, find_links
from zerocross.sources.source import OpenSource
from zerocross.units import checked_path

__all__ = [
    "NOT_KNOWN",
    "OpenFile",
    "format_of",
    "not_playable",
    "open_file",
    "preroll_and_near",
    "read_samples",
    "sndfile_error",
]

#: libsndfile's errors for what it does not know (`SF_ERR_UNRECOGNISED_FORMAT`,
#: `SF_ERR_UNSUPPORTED_ENCODING`, and of an ending that lies it says that there is no file).
NOT_KNOWN = {1, 4, 7}

_MOST_LINKS = 256  # open at a time, with a decoder each; what follows is a part of its own
_MOST_SPLITS = 16  # of links that cannot be read, and in which other streams begin
_EVERYTHING = 1 << 62
_SEARCHES_EXACTLY = (1, 2, 2)  # the first version of libsndfile whose Vorbis was tried
_RESERVOIR = 24 * 1152  # a frame of MP3 may have its bits in the 23 before, where they are small
_UNKNOWN_LENGTH = (1 << 63) - 1


def preroll_and_near(file: soundfile.SoundFile) -> tuple[int, int]:
    """Return what `OpenSource` has under these names, of a file of libsndfile's."""
    if file.subtype == "OPUS":
        return 8192, 0
    if file.subtype == "MPEG_LAYER_III":
        return _RESERVOIR, 0
    if file.subtype != "VORBIS":
        return 0, 0
    version = tuple(map(int, re.findall(r"\d+", soundfile.__libsndfile_version__)[:3]))
    return 0, 2 * file.samplerate if version >= _SEARCHES_EXACTLY else _EVERYTHING


def sndfile_error(number: int) -> str:
    """Return libsndfile's words for an error number."""
    return str(soundfile.LibsndfileError(number).error_string).rstrip(".")


class OpenFile(OpenSource):
    """An open audio file, or the links of a chained one that have one format.

    Parameters
    ----------
    location : path-like
        As it was given.
    files : sequence of soundfile.SoundFile
        One for each link; a file without links is one.

    """

    def __init__(self, location: PathLike, files: Sequence[soundfile.SoundFile]) -> None:
        file = files[0]
        total = sum(each.frames for each in files)
        frames = total if total < _UNKNOWN_LENGTH else None
        order = channel_order(file, location)
        super().__init__(location, file.samplerate, file.channels, frames, order)
        self.subtype: str = file.subtype
        self.format: str = file.format
        self.preroll, self.near = preroll_and_near(file)
        self._files = files
        self.handle = int(soundfile._ffi.cast("intptr_t", file._file))
        self._links = make_links(files) if len(files) > 1 else None
        self.links = self._links[0].address if self._links else 0

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return all(file.closed for file in self._files)

    def chunks(self, frames: int, dtype: str = "float32") -> Iterator[np.ndarray[Any, Any]]:
        """Yield the file's samples, shape (up to frames, channels), on the control thread.

        ``dtype`` is soundfile's: float32 with full scale 1, or int32, left-justified.

        Raises
        ------
        SourceError
            Where the data are damaged.

        """
        pieces: list[np.ndarray[Any, Any]] = []
        missing, count, left, reason = frames, 0, 0, ""
        for file in self._each_file():
            promised = file.frames
            while promised and len(samples := read_samples(file, min(missing, promised), dtype)):
                pieces.append(samples)
                promised -= len(samples)
                count += len(samples)
                missing -= len(samples)
                if missing == 0:
                    yield pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
                    pieces, missing = [], frames
            number = soundfile._snd.sf_error(file._file)
            is_unknown = file.frames >= _UNKNOWN_LENGTH
            left += 0 if is_unknown else promised
            if number and promised:  # an error after the last frame that was promised costs nothing
                reason = reason or sndfile_error(number)
        if pieces:
            yield np.concatenate(pieces)
        if reason:
            raise SourceError(self.path, f"damaged audio data ({reason}); copy it again")
        if left:
            self.problem = f"the file ends early, after {count} frames; copy it again"

    def _each_file(self) -> Iterator[soundfile.SoundFile]:
        yield from self._files
        for part in self.following:
            source = open_file(part)
            try:
                if isinstance(source, OpenFile):
                    yield from source._files
            finally:
                source.close()

    def close(self) -> None:
        """Close the file. No decode thread may be using it."""
        for file in self._files:
            file.close()


def read_samples(
    file: soundfile.SoundFile, frames: int, dtype: str = "float32"
) -> np.ndarray[Any, Any]:
    """Return a file's next frames, shape (up to frames, channels).

    Those before an error too, which soundfile does not give; and it seeks after each of its reads, which in
    an MP3 is heard.
    """
    samples = np.empty((frames, file.channels), dtype)
    kind = {"float32": "float", "int32": "int"}[dtype]
    to = soundfile._ffi.from_buffer(f"{kind}[]", samples, require_writable=True)
    read = getattr(soundfile._snd, f"sf_readf_{kind}")
    return samples[: max(0, read(file._file, to, frames))]


def open_file(
    path: PathLike, instead: Callable[[PathLike, bool], OpenSource | None] = lambda *_: None
) -> OpenSource:
    """Open an audio file for playing.

    Parameters
    ----------
    path : path-like
        The file.
    instead : callable
        Opens what libsndfile cannot, and is told whether that knows what it is; returns None where it cannot
        either.

    Raises
    ------
    SourceError
        With one line that says what is wrong with the file and what to do.
    UsageError
        For what is no path.

    """
    checked_path("path", path)
    silence_decoder(address_of("sf_open"))
    with open_regular(path) as opened:  # no FIFO is waited for, no device is read
        _check_tags(path, opened)
        links = path.links if isinstance(path, Part) else find_links(opened)
        source: OpenSource | None = None
        if len(links.places) > 1:
            source = _linked(path, links, opened)
        elif not links.places and (stretches := find_stretches(opened)):
            links = Links([*stretches], len(stretches) < MOST_LINKS)
            source = _linked(path, links, opened)
    return source or _alone(path, instead)


def not_playable(error: soundfile.LibsndfileError) -> str:
    """Return the words for what libsndfile cannot open."""
    reason = error.error_string.rstrip(".")
    return f"not playable audio ({reason}); convert it to WAV, FLAC, OGG, Opus or MP3"


def _alone(path: PathLike, instead: Callable[[PathLike, bool], OpenSource | None]) -> OpenSource:
    raw = os.fsencode(path)
    try:
        file = soundfile.SoundFile(raw if os.name != "nt" else os.fsdecode(raw))
    except soundfile.LibsndfileError as error:
        if source := instead(path, error.code in NOT_KNOWN):
            return source
        raise SourceError(printable(path), not_playable(error)) from None
    return OpenFile(path, [file])


def _linked(path: PathLike, links: Links, opened: IO[bytes]) -> OpenFile:
    """Open the links of a chained file that are of one format."""
    first = path.first_link if isinstance(path, Part) else 0
    files: list[LinkFile] = []
    left_out: list[tuple[int, str]] = []
    rest = None
    for number, link in _each_link(path, _shared(path, opened), opened, links.places, first):
        if isinstance(link, str):
            left_out.append((number + 1, link))
        elif files and link.frames == 0:
            link.close()
        elif files and files[0].frames == 0:  # there is a better one
            files.pop().close()
            files.append(link)
        elif files and (format_of(link) != format_of(files[0]) or len(files) == _MOST_LINKS):
            link.close()
            rest = Part(path.location if isinstance(path, Part) else path, number, links)
            break
        else:
            files.append(link)
    problem = _words_for(left_out, len(links.places), is_all=links.is_all or rest is not None)
    if not files:
        raise SourceError(printable(path), f"not playable audio: {problem}; record it again")
    source = OpenFile(path, files)
    source.problem, source.rest = problem, rest
    return source


def _shared(path: PathLike, opened: IO[bytes]) -> SharedFile:
    try:
        return SharedFile(opened)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SourceError(printable(path), f"cannot be opened ({reason}); close others") from None


def _each_link(
    path: PathLike, shared: SharedFile, opened: IO[bytes], places: list[tuple[Any, ...]], first: int
) -> Iterator[tuple[int, LinkFile | str]]:
    """Yield links and their numbers; for one that cannot be read why, and then what begins in it."""
    number = first
    splits = 0
    while number < len(places):
        start, end = places[number][:2]
        try:
            yield number, LinkFile(path, shared, *places[number])
        except soundfile.LibsndfileError as error:
            begun = next(beginnings(opened, start, end), None) if splits < _MOST_SPLITS else None
            if begun is not None:
                splits += 1
                places[number : number + 1] = [(start, begun), (begun, end)]
            yield number, error.error_string.rstrip(".")
        number += 1


def _words_for(left_out: Sequence[tuple[int, str]], count: int, *, is_all: bool) -> str:
    """Return what is wrong with the links that cannot be played; an empty string where none is."""
    problems = []
    if left_out:
        number, reason = left_out[0]
        more = f" and {len(left_out) - 1} more are" if len(left_out) > 1 else " is"
        problems.append(f"link {number} of {count}{more} left out ({reason})")
    if not is_all:
        many = count >= MOST_LINKS
        what = f"more than {MOST_LINKS} links" if many else "links that are too hard to find"
        problems.append(f"{what}; the rest is left out")
    return "; ".join(problems)


def format_of(file: soundfile.SoundFile | OpenSource) -> tuple[Any, ...]:
    """Return what two files have in common that can be one signal."""
    rate = file.sample_rate if isinstance(file, OpenSource) else file.samplerate
    return rate, file.channels, file.subtype


def _check_tags(path: PathLike, file: IO[bytes]) -> None:
    """Refuse ID3 tags so long that the decoder should not read them.

    It reads them into memory whole, the picture in them too.
    """
    end = end_of_tags(file)
    if end > MOST_TAG_BYTES:
        size = end / (1 << 20)
        raise SourceError(printable(path), f"{size:.0f} MiB of ID3 tags; remove them")
