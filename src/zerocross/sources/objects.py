"""Files that a program has open (`io.BytesIO`, say), decoded by libsndfile on a control thread."""

from __future__ import annotations

import io
import os
from typing import Any, NamedTuple

import numpy as np
import soundfile

from zerocross.errors import SourceError
from zerocross.sources.channel_order import channel_order
from zerocross.sources.decoder_notes import silence_decoder
from zerocross.sources.file import format_of, preroll_and_near, read_samples, sndfile_error
from zerocross.sources.links import address_of
from zerocross.sources.location import FileObject
from zerocross.sources.mpeg import Place, find_stretches
from zerocross.sources.window import Notices

__all__ = ["SndfileDecoder"]

_PIECE_S = 0.25
_UNKNOWN_LENGTH = (1 << 63) - 1


class SndfileDecoder:
    """Decodes what libsndfile reads through a Python file; see `window.Decoder`.

    Parameters
    ----------
    location : FileObject
        The file; it has to be seekable.

    Raises
    ------
    soundfile.LibsndfileError
        If it is no such audio.

    """

    is_seekable = True

    def __init__(self, location: FileObject) -> None:
        self._title = location.title
        silence_decoder(address_of("sf_open_virtual"))
        self._reader = location.reader()
        self.notices = Notices()
        self._links = _open_links(io.BufferedReader(self._reader, 1 << 16), self.notices)
        self._number, self._file = 0, self._links[0].file
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        total = sum(each.frames for each in self._links)
        self.frames: int | None = total if total < _UNKNOWN_LENGTH else None
        self.order = channel_order(self._file, None)
        self.subtype: str = self._file.subtype
        self._at = 0

    def read(self) -> np.ndarray[Any, np.dtype[np.float32]] | None:
        """Return the next quarter of a second, or less; None at the end."""
        count = max(1, round(_PIECE_S * self.sample_rate))
        samples = read_samples(self._file, count)
        self._at += len(samples)
        if len(samples):
            return samples
        if self._number + 1 < len(self._links) and not self._reader.failure:
            self._use(self._number + 1)
            return self.read()
        if self._reader.failure:
            raise SourceError(self._title, f"cannot be read ({self._reader.failure})")
        missing = self.frames is not None and self._at < self.frames
        number = soundfile._snd.sf_error(self._file._file)
        if number and missing:
            raise SourceError(self._title, f"damaged audio data ({sndfile_error(number)})")
        if missing:
            raise SourceError(self._title, f"the file ends early, after {self._at} frames")
        return None

    def seek(self, frame: int) -> None:
        """Go to a frame, exactly: where libsndfile's own seek is not, what is before is decoded."""
        begins = [sum(link.frames for link in self._links[:k]) for k in range(len(self._links))]
        number = max(k for k, begin in enumerate(begins) if begin <= max(0, frame))
        preroll, near = preroll_and_near(self._file)
        try:
            self._use(number)
            place = max(0, frame - begins[number] - preroll)
            if near:  # `engine.decode.position_source` says why
                self._file.seek(0)
                place = 0 if place <= near else place
            self._file.seek(place)
            self._at = begins[number] + place
        except soundfile.LibsndfileError as error:
            raise SourceError(self._title, f"cannot be positioned ({error})") from None
        while self._at < frame:
            left = min(frame - self._at, 1 << 16)
            got = len(read_samples(self._file, left))
            self._at += got
            if got < left:
                return

    def _use(self, number: int) -> None:
        """Read a link from its beginning."""
        self._number, self._file = number, self._links[number].file
        if len(self._links) > 1:
            self._file.seek(0)

    def interrupt(self) -> None:
        """Do nothing: it does not wait for long."""

    def close(self) -> None:
        """Close libsndfile's side; the file itself is its owner's."""
        for link in self._links:
            link.file.close()


class _Link(NamedTuple):
    """What is read as one, and how many frames it has."""

    file: soundfile.SoundFile
    frames: int


def _open_links(file: io.BufferedReader, notices: Notices) -> list[_Link]:
    """Open a file, or those stretches of an MPEG file that are of one format."""
    links: list[_Link] = []
    for place in find_stretches(file):
        opened = soundfile.SoundFile(_Stretch(file, place))
        if links and format_of(opened) != format_of(links[0].file):
            seconds = sum(link.frames for link in links) / links[0].file.samplerate
            notices.add(f"its format changes after {seconds:.2f} s; the rest is left out")
            opened.close()
            break
        links.append(_Link(opened, place.frames or opened.frames))
    if not links:
        file.seek(0)
        opened = soundfile.SoundFile(file)
        links.append(_Link(opened, opened.frames))
    return links


class _Stretch(io.RawIOBase):
    """A stretch of a file, and what is read before it."""

    def __init__(self, file: io.BufferedReader, place: Place) -> None:
        self._file, self._place, self._at = file, place, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        length = len(self._place.head) + self._place.end - self._place.start
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: length}[whence]
        self._at = min(max(0, origin + offset), length)
        return self._at

    def readinto(self, buffer: Any) -> int:
        start, end, head, _ = self._place
        data = head[self._at : self._at + len(buffer)]
        if not data:
            at = start + self._at - len(head)
            self._file.seek(at)
            data = self._file.read(min(len(buffer), end - at))
        memoryview(buffer).cast("B")[: len(data)] = data
        self._at += len(data)
        return len(data)
