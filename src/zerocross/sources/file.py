"""Files: opening them, what they are, and what is wrong with them.

libsndfile (through the soundfile package) reads WAV, AIFF, FLAC, Ogg Vorbis, Opus, MP3 and
more. The control thread opens a file; the decode thread reads it through libsndfile's own
functions (`links`). Of a chained Ogg file libsndfile reads one link: here each is opened, and
those of one format that follow each other are one source. Where the format changes, the rest is
another one, found at `OpenSource.rest`.

Over 300 lines, for all that can be wrong with a file.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np
import soundfile

from zerocross.dsp.channels import MAX_PLACED, POSITIONS
from zerocross.dsp.mix import design_mix
from zerocross.errors import SourceError
from zerocross.files import PathLike, open_regular, printable
from zerocross.sources.channel_order import channel_order
from zerocross.sources.decoder_notes import silence_decoder
from zerocross.sources.links import LinkFile, SharedFile, address_of, make_links
from zerocross.sources.ogg import MOST_LINKS, Links, beginnings, find_links
from zerocross.units import checked_path

__all__ = [
    "MAX_SAMPLE_RATE",
    "MIN_SAMPLE_RATE",
    "OpenSource",
    "Part",
    "open_source",
    "open_whole",
    "read_audio",
    "sndfile_error",
]

#: Sample rates that audio devices are opened at.
MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 8_000, 384_000

_WHOLE = 1 << 20
_MOST_LINKS = 256  # open at a time, with a decoder each; what follows is a part of its own
_MOST_SPLITS = 16  # of links that cannot be read, and in which other streams begin
_ID3_BYTES, _MOST_TAG_BYTES = 10, 32 << 20
_EVERYTHING = 1 << 62
_UNKNOWN_LENGTH = (1 << 63) - 1


def sndfile_error(number: int) -> str:
    """Return libsndfile's words for an error number."""
    return str(soundfile.LibsndfileError(number).error_string).rstrip(".")


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


class OpenSource:
    """An open audio file, or the links of a chained one that have one format.

    Attributes
    ----------
    location : path-like
        As it was given.
    path : str
        The same, fit for printing.
    sample_rate, channels : int
        Of the file.
    frames : int or None
        Length; None if the file does not say.
    handle : int
        libsndfile's ``SNDFILE*``; belongs to one decode thread at a time.
    preroll : int
        Frames to decode before a seek's target for the target to be exact.
    order : tuple of str
        The channels' positions (`dsp.channels`).
    gain : float
        Factor by which it is played; set before it is posted.
    links : int
        The address of a `links.LINKS` where it has several; else 0.
    rest : Part or None
        What follows in another format, or after 256 links.
    following : list of Part
        What follows in the same format and is read by `chunks`; `frames` counts it in.
    problem : str
        What of a chained file cannot be played, in words; else empty. `chunks` adds here that a file
        ends early.

    """

    def __init__(self, location: PathLike, files: Sequence[soundfile.SoundFile]) -> None:
        file = files[0]
        self.location = location
        self.path = printable(location)
        self.sample_rate: int = file.samplerate
        self.channels: int = file.channels
        frames = sum(each.frames for each in files)
        self.frames: int | None = frames if frames < _UNKNOWN_LENGTH else None
        self.subtype: str = file.subtype
        self.format: str = file.format
        self.preroll = {"VORBIS": _EVERYTHING, "OPUS": 8192}.get(file.subtype, 0)
        self.order = channel_order(file, location)
        self.gain = 1.0
        self.rest: Part | None = None
        self.following: list[Part] = []
        self.problem = ""
        self._files = files
        self.handle = int(soundfile._ffi.cast("intptr_t", file._file))
        self._links = make_links(files) if len(files) > 1 else None
        self.links = self._links[0].address if self._links else 0

    @property
    def duration_s(self) -> float | None:
        """Length in seconds, or None if the file does not say."""
        return None if self.frames is None else self.frames / self.sample_rate

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return all(file.closed for file in self._files)

    def matrix(self, outputs: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the mix to a number of channels, shape (outputs, channels), the gain included."""
        return design_mix(self.order, outputs) * np.float32(self.gain)

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
            while promised and len(samples := _read(file, min(missing, promised), dtype)):
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
            source = open_source(part)
            try:
                yield from source._files
            finally:
                source.close()

    def close(self) -> None:
        """Close the file. No decode thread may be using it."""
        for file in self._files:
            file.close()


def _read(file: soundfile.SoundFile, frames: int, dtype: str) -> np.ndarray[Any, Any]:
    """Return a file's next frames: those before an error too, which soundfile does not give."""
    samples = np.empty((frames, file.channels), dtype)
    kind = {"float32": "float", "int32": "int"}[dtype]
    to = soundfile._ffi.from_buffer(f"{kind}[]", samples, require_writable=True)
    read = getattr(soundfile._snd, f"sf_readf_{kind}")
    return samples[: max(0, read(file._file, to, frames))]


def open_source(path: PathLike) -> OpenSource:
    """Open an audio file for playing.

    Raises
    ------
    SourceError
        With one line that says what is wrong with the file and what to do.
    UsageError
        For what is no path.

    """
    name = printable(checked_path("path", path))
    _check_tags(path)
    silence_decoder(address_of("sf_open"))
    with open_regular(path) as opened:
        links = path.links if isinstance(path, Part) else find_links(opened)
        source = _linked(path, links, opened) if len(links.places) > 1 else None
    source = source or _alone(path)
    problem = _problem(source)
    if problem:
        source.close()
        raise SourceError(name, problem)
    return source


def _alone(path: PathLike) -> OpenSource:
    raw = os.fsencode(path)
    try:
        file = soundfile.SoundFile(raw if os.name != "nt" else os.fsdecode(raw))
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".")
        raise SourceError(
            printable(path),
            f"not playable audio ({reason}); convert it to WAV, FLAC, OGG, Opus or MP3",
        ) from None
    return OpenSource(path, [file])


def _linked(path: PathLike, links: Links, opened: IO[bytes]) -> OpenSource:
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
        elif files and (_format_of(link) != _format_of(files[0]) or len(files) == _MOST_LINKS):
            link.close()
            rest = Part(path.location if isinstance(path, Part) else path, number, links)
            break
        else:
            files.append(link)
    problem = _words_for(left_out, len(links.places), is_all=links.is_all or rest is not None)
    if not files:
        raise SourceError(printable(path), f"not playable audio: {problem}; record it again")
    source = OpenSource(path, files)
    source.problem, source.rest = problem, rest
    return source


def _shared(path: PathLike, opened: IO[bytes]) -> SharedFile:
    try:
        return SharedFile(opened)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SourceError(printable(path), f"cannot be opened ({reason}); close others") from None


def _each_link(
    path: PathLike, shared: SharedFile, opened: IO[bytes], places: list[tuple[int, int]], first: int
) -> Iterator[tuple[int, LinkFile | str]]:
    """Yield links and their numbers; for one that cannot be read why, and then what begins in it."""
    number = first
    splits = 0
    while number < len(places):
        start, end = places[number]
        try:
            yield number, LinkFile(path, shared, start, end)
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


def _format_of(file: soundfile.SoundFile | OpenSource) -> tuple[Any, ...]:
    rate = file.sample_rate if isinstance(file, OpenSource) else file.samplerate
    return rate, file.channels, file.subtype


def open_whole(path: PathLike) -> OpenSource:
    """Open an audio file of which all is to be measured or taken as one signal.

    Raises
    ------
    SourceError
        As `open_source`, and for a chained file of several formats or with a link that cannot be
        read.

    """
    source = open_source(path)
    problem, rest = source.problem, source.rest
    while rest and not problem:
        try:
            part = open_source(rest)
        except SourceError:
            source.close()
            raise
        part.close()
        if _format_of(part) != _format_of(source):
            problem = (
                f"its format changes after {source.duration_s:.2f} s (link {rest.first_link + 1} "
                "of a chained Ogg file); render it to one file first"
            )
        source.following.append(rest)
        if source.frames is not None:
            source.frames = None if part.frames is None else source.frames + part.frames
        problem, rest = problem or part.problem, part.rest
    source.rest = None
    if problem:
        source.close()
        raise SourceError(source.path, problem)
    return source


def _check_tags(path: PathLike) -> None:
    """Refuse what is no regular file, and ID3 tags so long that the decoder should not read them.

    It reads them into memory whole, the picture in them too.
    """
    with open_regular(path) as file:  # no FIFO is waited for, no device is read
        end = 0
        while True:
            file.seek(end)
            head = file.read(_ID3_BYTES)
            if len(head) < _ID3_BYTES or not head.startswith(b"ID3"):
                return
            end += _ID3_BYTES
            length = 0
            for byte in head[6:]:  # seven bits each
                length = length << 7 | byte & 0x7F
            end += length
            if end > _MOST_TAG_BYTES:
                size = end / (1 << 20)
                raise SourceError(printable(path), f"{size:.0f} MiB of ID3 tags; remove them")


def read_audio(
    path: PathLike, most_s: float = 3600.0
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], int]:
    """Return a whole file's samples, shape (channels, frames), float32, and its sample rate.

    Parameters
    ----------
    path : path-like
        The file.
    most_s : float
        A longer one, in seconds, is refused from its header: all of it would be in memory.

    Raises
    ------
    SourceError
        As `open_source`, and for a file that is too long.

    """
    source = open_whole(path)
    try:
        pieces = _pieces(source, most_s)
    finally:
        source.close()
    samples = np.concatenate(pieces) if pieces else np.zeros((0, source.channels), np.float32)
    return np.ascontiguousarray(samples.T), source.sample_rate


def _pieces(source: OpenSource, most_s: float) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """Return all of a file, in pieces, if it is no longer than it may be."""
    pieces, frames, most = [], source.frames or 0, most_s * source.sample_rate
    if frames <= most:
        frames = 0
        for samples in source.chunks(_WHOLE):
            frames += len(samples)
            if frames > most:  # its header does not say, or says less
                break
            pieces.append(samples)
    if frames > most:
        seconds = frames / source.sample_rate
        raise SourceError(source.path, f"{seconds:.0f} s; up to {most_s:.0f} s fit, cut it first")
    return pieces


def _problem(source: OpenSource) -> str:
    """Return what stands against playing a source, or an empty string."""
    if source.frames == 0:
        return "holds no audio (0 frames); record or copy it again"
    if not MIN_SAMPLE_RATE <= source.sample_rate <= MAX_SAMPLE_RATE:
        return (
            f"sample rate {source.sample_rate} Hz; devices take {MIN_SAMPLE_RATE} to "
            f"{MAX_SAMPLE_RATE} Hz, resample it first"
        )
    if not source.order:
        return f"{source.channels} channels; 1 to {MAX_PLACED} can be played, mix it down first"
    for name in source.order:
        if name not in POSITIONS:
            return f"a channel at the {name}; those at the ears' height can be played, mix it down first"
    return ""
