"""Files that a program has open (`io.BytesIO`, say), decoded by libsndfile on a control thread."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import soundfile

from zerocross.errors import SourceError
from zerocross.sources.channel_order import channel_order
from zerocross.sources.decoder_notes import silence_decoder
from zerocross.sources.file import preroll_and_near, sndfile_error
from zerocross.sources.links import address_of
from zerocross.sources.location import FileObject
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
        self._file = soundfile.SoundFile(io.BufferedReader(self._reader, 1 << 16))
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        known = self._file.frames < _UNKNOWN_LENGTH
        self.frames: int | None = self._file.frames if known else None
        self.order = channel_order(self._file, None)
        self.subtype: str = self._file.subtype
        self.notices = Notices()
        self._at = 0

    def read(self) -> np.ndarray[Any, np.dtype[np.float32]] | None:
        """Return the next quarter of a second, or less; None at the end."""
        count = max(1, round(_PIECE_S * self.sample_rate))
        samples = np.empty((count, self.channels), np.float32)
        ffi, library = soundfile._ffi, soundfile._snd
        to = ffi.from_buffer("float[]", samples, require_writable=True)
        got = max(0, library.sf_readf_float(self._file._file, to, count))
        self._at += got
        if got:
            return samples[:got]
        if self._reader.failure:
            raise SourceError(self._title, f"cannot be read ({self._reader.failure})")
        missing = self.frames is not None and self._at < self.frames
        number = library.sf_error(self._file._file)
        if number and missing:
            raise SourceError(self._title, f"damaged audio data ({sndfile_error(number)})")
        if missing:
            raise SourceError(self._title, f"the file ends early, after {self._at} frames")
        return None

    def seek(self, frame: int) -> None:
        """Go to a frame, exactly: where libsndfile's own seek is not, what is before is decoded."""
        preroll, near = preroll_and_near(self._file)
        self._at = max(0, frame - preroll)
        try:
            if near:  # `engine.decode.position_source` says why
                self._file.seek(0)
                self._at = 0 if self._at <= near else self._at
            self._file.seek(self._at)
        except soundfile.LibsndfileError as error:
            raise SourceError(self._title, f"cannot be positioned ({error})") from None
        while self._at < frame:
            left = min(frame - self._at, 1 << 16)
            got = len(self._file.read(left, dtype="float32"))
            self._at += got
            if got < left:
                return

    def interrupt(self) -> None:
        """Do nothing: it does not wait for long."""

    def close(self) -> None:
        """Close libsndfile's side; the file itself is its owner's."""
        self._file.close()
