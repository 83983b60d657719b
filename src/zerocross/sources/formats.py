"""What libsndfile does not read, decoded by FFmpeg through PyAV (the extra ``[formats]``).

AAC and ALAC (m4a), WMA, WavPack, APE, Matroska, WebM and more, from a file, from a file that a program
has open, or from a server (`sources.http`). A control thread decodes, many times faster than is heard,
into a window.

Where a frame is, its timestamp says. Where timestamps are coarser than frames (Matroska and ASF count
milliseconds) the decoder's own blocks help: where all have one length, a place rounded to a millisecond
can only mean one block. Where they differ as well (Vorbis), a seek is exact to a millisecond, which is
told. FFmpeg drops an AAC encoder's delay where the file has its length, and an MP4's own length says
where its last block ends.

A little over 300 lines: the decoder, and how it finds a frame, know the same timestamps.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import io
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from zerocross.dsp.channels import WAV_ORDERS
from zerocross.errors import SourceError
from zerocross.files import PathLike, open_regular
from zerocross.sources.array import scaled
from zerocross.sources.channel_order import surrounded
from zerocross.sources.lengths import Length, is_known, measured, told
from zerocross.sources.location import FileObject, title_of
from zerocross.sources.window import Notices

__all__ = ["HINT", "AvDecoder", "open_other"]

HINT = "pip install zerocross[formats]"

#: What is decoded before a seek's target, in seconds: codecs whose blocks overlap have to converge.
_PREROLLS_S = (0.25, 10.0)
#: Blocks that are decoded at the beginning, to know their lengths.
_FIRST_BLOCKS = 3
#: FFmpeg's names of channels.
_POSITIONS = {
    "FL": "left",
    "FR": "right",
    "FC": "centre",
    "LFE": "lfe",
    "BL": "left rear",
    "BR": "right rear",
    "FLC": "left of centre",
    "FRC": "right of centre",
    "BC": "rear centre",
    "SL": "left side",
    "SR": "right side",
}
#: A guess that FFmpeg makes of bytes that are none of its formats; libsndfile has refused them.
_GUESSED = "mp3"

#: Streams without a container, whose timestamps after a seek are guesses: decoded from the beginning.
_WITHOUT_INDEX = {"aac", "ac3", "eac3", "dts", "mp3", "loas"}

_BARE = _WITHOUT_INDEX | {"flac"}

_NOT_PLAYABLE = "not playable audio"

#: What libsndfile does not know: how its files begin.
_BEGINNINGS = {
    "MP4": (4, b"ftyp"),
    "Matroska": (0, b"\x1aE\xdf\xa3"),
    "Windows Media": (0, b"0&\xb2u\x8ef\xcf\x11"),
    "WavPack": (0, b"wvpk"),
}

#: Codecs whose blocks differ in length, even where the first ones do not.
_UNEVEN = {"vorbis", "libvorbis"}

_Frames = np.ndarray[Any, np.dtype[np.float32]]


@functools.cache
def _av() -> Any:
    """Return PyAV, its log switched off; None where it is not installed."""
    try:
        import av
        import av.logging
    except ImportError:
        return None
    av.logging.set_level(None)
    return av


class AvDecoder:
    """Decodes the first audio stream of what FFmpeg knows; see `window.Decoder`.

    Parameters
    ----------
    file : path-like or binary file
        What is read. A file with ``interrupt`` has it called when this one's is.
    title : str
        Its name, for errors.
    notices : Notices or None
        Where it says what is to be told.

    Raises
    ------
    SourceError
        If it is no audio, or PyAV is missing.

    """

    def __init__(
        self, file: PathLike | io.RawIOBase, title: str, notices: Notices | None = None
    ) -> None:
        if _av() is None:
            raise SourceError(title, f"only PyAV may know its format; {HINT}, or convert it to WAV")
        self._title, self._file = title, file
        self.notices = notices or Notices()
        self._is_remote = hasattr(file, "interrupt")
        self.is_seekable = isinstance(file, (str, bytes, os.PathLike)) or file.seekable()
        self._resampler: Any = None
        self._kept: _Frames | None = None
        self._at = 0
        self._is_told = False
        self._container: Any = None
        self._measured: Length | None = None
        try:
            self._begin()
            can_look = self.is_seekable and not self._is_remote
            if can_look and not is_known(self._container, self._length):
                self._measured = self._measure()
                self._begin()
            if self._length.is_guess:
                self.notices.add("its length is a guess: it has no index")
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        """Open the container, anew where it is open: nothing else is the beginning, exactly."""
        if self._container is not None:
            self._container.close()
            if not isinstance(self._file, (str, bytes, os.PathLike)):
                self._file.seek(0)
        is_path = isinstance(self._file, (str, bytes, os.PathLike))
        with self._explained(_NOT_PLAYABLE):
            self._container = _av().open(
                os.fsdecode(self._file) if is_path else self._file,  # type: ignore[arg-type]
                metadata_errors="replace",
                options={"fflags": "+fastseek"} if self._is_remote else {},
            )
        if not self._container.streams.audio:
            raise SourceError(self._title, "holds no audio; give another file")
        self.format: str = self._container.format.name
        self._stream = self._container.streams.audio[0]
        self._blocks = self._decode()
        self._ready: collections.deque[Any] = collections.deque()
        with self._explained(_NOT_PLAYABLE):
            for block in self._blocks:
                self._ready.append(block)
                if len(self._ready) == _FIRST_BLOCKS:
                    break
        if not self._ready:
            words = "holds no audio (0 frames); record or copy it again"
            if self.format in _BARE:  # which a name alone may have said
                words = f"{_NOT_PLAYABLE} (nothing in it can be decoded); copy it again"
            raise SourceError(self._title, words)
        first = self._ready[0]
        self.sample_rate = int(first.sample_rate)
        self.channels = len(first.layout.channels)
        self._format = first.format.name, first.layout.name, self.sample_rate
        self.order = _order_of(first.layout)
        self._origin = first.pts or 0
        self._tick = first.time_base
        self._lengths = [block.samples for block in self._ready]
        self._length = self._measured or told(
            self._container, self._stream, self.sample_rate, self._lengths[-1]
        )
        self.frames, self._end = self._length.frames, self._length.end
        if self._is_remote:  # what has no length is live
            self.is_seekable &= self.frames is not None

    def _measure(self) -> Length | None:
        """Return how long it is by its last packets; the container is elsewhere then."""
        try:
            return measured(
                self._container,
                self._stream,
                self.sample_rate,
                self._lengths[-1],
                self._origin,
                self._length,
            )
        except _av().error.FFmpegError:
            return None

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Raise what FFmpeg says as a `SourceError`."""
        try:
            yield
        except SourceError:
            raise
        except (_av().error.FFmpegError, OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower().rstrip(".")
            raise SourceError(self._title, f"{what} ({reason})") from None

    def _decode(self) -> Iterator[Any]:
        """Yield the blocks from where the container is; a damaged packet is left out, and told."""
        damage = _av().error.FFmpegError
        for packet in self._container.demux(self._stream):
            try:
                yield from packet.decode()
            except damage:
                self._tell_once("damaged audio data in it are left out; copy it again")

    def _tell_once(self, words: str) -> None:
        if not self._is_told:
            self._is_told = True
            self.notices.add(words)

    # --- for the filler -----------------------------------------------------------------------

    def read(self) -> _Frames | None:
        """Return the next block's frames; None at the end."""
        while self._at < self._end:
            frames, self._kept = self._kept, None
            if frames is None:
                block = self._next()
                if block is None:
                    self._check_file()
                    return None
                frames = self._frames_of(block)
            frames = frames[: int(min(self._end - self._at, len(frames)))]
            self._at += len(frames)
            if len(frames):
                return frames
        return None

    def _check_file(self) -> None:
        """Raise what a program's file has raised: to FFmpeg that was its end."""
        failure = getattr(self._file, "failure", "")
        if failure:
            raise SourceError(self._title, f"cannot be read ({failure})")

    def _next(self) -> Any:
        if self._ready:
            return self._ready.popleft()
        with self._explained("it cannot be decoded further"):
            return next(self._blocks, None)

    def _frames_of(self, block: Any) -> _Frames:
        if (block.format.name, block.layout.name, block.sample_rate) != self._format:
            parts = [self._plain(each) for each in self._converted(block)]
            return np.concatenate(parts) if parts else np.zeros((0, self.channels), np.float32)
        return self._plain(block)

    def _converted(self, block: Any) -> list[Any]:
        """Return a block in the first one's format: a radio's may change with the programme."""
        if self._resampler is None:
            self._resampler = _av().AudioResampler(*self._format)
        block.pts = None
        return list(self._resampler.resample(block))

    def _plain(self, block: Any) -> _Frames:
        samples = block.to_ndarray()
        rows = samples.T if block.format.is_planar else samples.reshape(-1, self.channels)
        return scaled(rows)

    def seek(self, frame: int) -> None:
        """Go to a frame; where that is not exact, or not possible, it is told."""
        prerolls: tuple[float, ...] = _PREROLLS_S
        if self.format in _WITHOUT_INDEX:
            if self._is_remote:  # all before would have to be fetched
                self._tell_once("seeks in it are near, not exact: it has no index")
            else:
                prerolls = ()
        for preroll_s in (*prerolls, math.inf):
            before = max(0.0, frame / self.sample_rate - preroll_s)
            at = self._go_to(before)
            if at is not None and at <= frame:
                self._drop(frame - at)
                self._at = frame
                return
        raise SourceError(self._title, "it cannot be positioned; play it from the start")

    def _go_to(self, seconds: float) -> int | None:
        """Move the container; returns the frame that the next block begins with, None for nobody knows."""
        self._kept = self._resampler = None
        if seconds == 0.0:
            self._begin()
            return 0
        self._ready.clear()
        stamp = self._origin + math.floor(seconds / self._tick)
        with self._explained("it cannot be positioned"):
            self._container.seek(stamp, stream=self._stream)
            self._blocks = self._decode()
            block = next(self._blocks, None)
        if block is None:
            return None
        self._ready.append(block)
        return None if block.pts is None else self._frame_of(block.pts)

    def _frame_of(self, stamp: int) -> int:
        """Return the frame that a timestamp means."""
        tick = self._tick * self.sample_rate
        near = float((stamp - self._origin) * tick)
        if tick <= 1 or near == 0.0:
            return round(near)
        first, *others = self._lengths
        is_even = len(set(others)) == 1 and self._stream.codec_context.name not in _UNEVEN
        if is_even and others[0] > 4 * tick:
            return first + round((near - first) / others[0]) * others[0] if near > first / 2 else 0
        self._tell_once(f"seeks in it are exact to {1000 * float(self._tick):.3g} ms")
        return round(near)

    def _drop(self, count: int) -> None:
        """Decode and drop frames on the way to the exact start."""
        while count > 0 and (block := self._next()) is not None:
            frames = self._frames_of(block)
            self._kept = frames[count:] if len(frames) > count else None
            count -= len(frames)

    def interrupt(self) -> None:
        """Let a server be waited for no longer."""
        interrupt = getattr(self._file, "interrupt", None)
        if interrupt:
            interrupt()

    def close(self) -> None:
        """Close the container, and what is read where it is ours."""
        if self._container is not None:
            self._container.close()
        if not isinstance(self._file, (str, bytes, os.PathLike)):
            self._file.close()


def _order_of(layout: Any) -> tuple[str, ...]:
    """Return the positions of channels that FFmpeg names; else those that are usual."""
    names = [channel.name for channel in layout.channels]
    if len(names) <= 2 or not set(names) <= set(_POSITIONS):
        return WAV_ORDERS.get(len(names), ())
    return surrounded([_POSITIONS[name] for name in names])


def open_other(location: PathLike | FileObject, is_unknown: bool) -> AvDecoder | None:
    """Open what libsndfile cannot; None for what is nothing but a guess, or nobody can open.

    Parameters
    ----------
    location : path-like or FileObject
        A file.
    is_unknown : bool
        Whether libsndfile has no word for what it is; else it knows best what is wrong with it.

    Raises
    ------
    SourceError
        Where there is something better to tell than libsndfile's reason: PyAV is missing, the file is
        damaged, or it has no sound.

    """
    name = title_of(location)
    if _av() is None:
        if not is_unknown:
            return None
        raise SourceError(
            name, f"not playable audio by libsndfile; for m4a and more {HINT}, or convert it to WAV"
        )
    try:
        file = location.reader() if isinstance(location, FileObject) else location
        found = AvDecoder(file, name)
    except SourceError as error:
        if is_unknown:
            _tell_better(location, error)
        return None
    if found.format == _GUESSED:
        found.close()
        return None
    return found


def _tell_better(location: PathLike | FileObject, error: SourceError) -> None:
    """Raise what PyAV says where that helps, and that a file is damaged whose first bytes are known."""
    if not error.reason.startswith(_NOT_PLAYABLE):
        raise error
    with (
        open_regular(location)
        if not isinstance(location, FileObject)
        else location.reader() as file
    ):
        head = file.read(16)
    for kind, (at, magic) in _BEGINNINGS.items():
        if head[at:].startswith(magic):
            reason = error.reason.removeprefix(_NOT_PLAYABLE)
            raise SourceError(title_of(location), f"damaged {kind} file{reason}; copy it again")
