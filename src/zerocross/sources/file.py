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
from typing import Any

import numpy as np
import soundfile

from zerocross.dsp.channels import MAX_PLACED, POSITIONS
from zerocross.dsp.mix import design_mix
from zerocross.errors import SourceError
from zerocross.files import PathLike, open_regular, printable
from zerocross.sources.channel_order import channel_order
from zerocross.sources.decoder_notes import silence_decoder
from zerocross.sources.links import LinkFile, address_of, make_links
from zerocross.sources.ogg import MOST_LINKS, find_links
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
_ID3_BYTES, _MOST_TAG_BYTES = 10, 32 << 20
_EVERYTHING = 1 << 62
_UNKNOWN_LENGTH = (1 << 63) - 1


def sndfile_error(number: int) -> str:
    """Return libsndfile's words for an error number."""
    return str(soundfile.LibsndfileError(number).error_string).rstrip(".")


@dataclasses.dataclass(frozen=True)
class Part(os.PathLike[str]):
    """What follows in a chained file where its format changes: played as a track of its own.

    Attributes
    ----------
    location : path-like
        Of the file.
    first_link : int
        Where it begins; from 0.

    """

    location: PathLike
    first_link: int

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
        What follows in another format.
    problem : str
        What of a chained file cannot be played, in words; else empty.

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
        missing = frames
        for file in self._files:
            while len(samples := self._read(file, missing, dtype)):
                pieces.append(samples)
                missing -= len(samples)
                if missing == 0:
                    yield pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
                    pieces, missing = [], frames
        if pieces:
            yield np.concatenate(pieces)

    def _read(self, file: soundfile.SoundFile, frames: int, dtype: str) -> np.ndarray[Any, Any]:
        try:
            samples: np.ndarray[Any, Any] = file.read(frames, dtype=dtype, always_2d=True)
        except soundfile.LibsndfileError as error:
            reason = error.error_string.rstrip(".")
            raise SourceError(self.path, f"damaged audio data ({reason}); copy it again") from None
        return samples

    def close(self) -> None:
        """Close the file. No decode thread may be using it."""
        for file in self._files:
            file.close()


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
        places = find_links(opened)
    source = _linked(path, places) if len(places) > 1 else _alone(path)
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


def _linked(path: PathLike, places: Sequence[tuple[int, int]]) -> OpenSource:
    """Open the links of a chained file that are of one format."""
    first = path.first_link if isinstance(path, Part) else 0
    files: list[LinkFile] = []
    left_out: list[tuple[int, str]] = []
    rest = None
    for number in range(first, len(places)):
        try:
            link = LinkFile(path, *places[number])
        except soundfile.LibsndfileError as error:
            left_out.append((number + 1, error.error_string.rstrip(".")))
            continue
        if files and (_format_of(link) != _format_of(files[0]) or len(files) == _MOST_LINKS):
            link.close()
            rest = Part(path.location if isinstance(path, Part) else path, number)
            break
        files.append(link)
    problem = _words_for(left_out, len(places))
    if not files:
        raise SourceError(printable(path), f"not playable audio: {problem}; record it again")
    source = OpenSource(path, files)
    source.problem, source.rest = problem, rest
    return source


def _words_for(left_out: Sequence[tuple[int, str]], count: int) -> str:
    """Return what is wrong with the links that cannot be played; an empty string where none is."""
    if not left_out:
        return "" if count < MOST_LINKS else f"more than {MOST_LINKS} links; the rest is left out"
    number, reason = left_out[0]
    more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
    return f"link {number} of {count}{more} is left out ({reason})"


def _format_of(file: soundfile.SoundFile) -> tuple[Any, ...]:
    return file.samplerate, file.channels, file.subtype


def open_whole(path: PathLike) -> OpenSource:
    """Open an audio file of which all is to be measured or taken as one signal.

    Raises
    ------
    SourceError
        As `open_source`, and for a chained file of several formats or with a link that cannot be
        read.

    """
    source = open_source(path)
    problem = source.problem
    if source.rest:
        problem = (
            f"its format changes after {source.duration_s:.2f} s (link {source.rest.first_link + 1} "
            "of a chained Ogg file); render it to one file first"
        )
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
