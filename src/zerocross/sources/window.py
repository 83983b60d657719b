"""Windows: frames in memory ahead of the ear, written by a control thread, read by the decode thread.

What no compiled code can decode is decoded by a *filler*, a control thread, far faster than it is
heard, into a ring that holds some of what was heard and much of what will be. As long as there is
something in it the interpreter may stand still. An array is a window that was full from the beginning
and has no filler.

Frames are numbered as those of the source. The filler owns the ring's memory and ``end``, the decode
thread ``at``: from ``at`` to ``end`` the filler cannot change what is there, it can only add to it, and
before ``at`` it keeps so many frames as it was told to. When the decode thread wants to be elsewhere it
moves ``at`` and counts up ``asked``; from then on it reads nothing until the filler, which alone knows
what is in the ring, has written the same number to ``answered``: either the frame is there, or the ring
begins anew with it.

Neither ever waits for the other on the decode thread: where nothing is there it is told `LATER`, and
sleeps until the filler raises its signal.

Over 300 lines: the two sides of one agreement stand together.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from zerocross.compiler import float32_array, kernel, load_acquire, record_at, store_release
from zerocross.errors import SourceError
from zerocross.memory import Record, aligned_zeros, layout
from zerocross.memory.copy import copy_samples
from zerocross.sources.location import Location
from zerocross.sources.source import OpenSource
from zerocross.sync.signal import SIGNAL, Signal, signal_raise

__all__ = [
    "LATER",
    "WINDOW",
    "Decoder",
    "Notices",
    "OpenWindow",
    "read_window",
    "seek_window",
    "window_error",
]

#: ``total`` is the frame that the source ends with, `_UNKNOWN` until it is known, and ``error`` whether
#: it ends with one. At ``fill_at`` the decode thread raises the filler's signal.
WINDOW = layout(
    setup=["data", "capacity", "channels", "filler"],
    control=["end", "answered", "total", "error", "fill_at"],
    decode=["at", "asked"],
)

#: What `read_window` returns where there is nothing yet.
LATER = -1

_UNKNOWN = -1
_NEVER = (1 << 62) - 1
#: How much is kept, in seconds, and how much of it was heard; and never more than so many bytes.
_AHEAD_S, _BEHIND_S = 60.0, 10.0
_MOST_BYTES = 64 << 20
#: How much is decoded of a source that nobody reads yet.
_WAITING_S = 10.0
#: How far from where it was asked to go a seek goes without a word, in seconds.
_NEAR_S = 0.1
#: The share of what is ahead that is decoded at a time, once it is full.
_PIECES = 16

_Frames = np.ndarray[Any, np.dtype[np.float32]]
_log = logging.getLogger(__name__)


# --- for the decode thread ------------------------------------------------------------------------


@kernel
def seek_window(address: Any, frame: Any) -> None:
    """Go to a frame of a window: what is read next is from there, as soon as it is."""
    window = record_at(address, WINDOW)
    if window.at == frame:
        return
    store_release(window, "at", frame)
    if window.filler != 0:
        store_release(window, "asked", window.asked + 1)
        signal_raise(record_at(window.filler, SIGNAL))


@kernel
def read_window(address: Any, to: Any, frames: Any) -> Any:
    """Copy the next frames of a window; returns how many, 0 at the end, `LATER` where none is there.

    Parameters
    ----------
    address : int
        Of a `WINDOW`.
    to : int
        The address of room for the frames, interleaved float32.
    frames : int
        How many at most.

    Notes
    -----
    Real-time: it never waits.

    """
    window = record_at(address, WINDOW)
    if load_acquire(window, "answered") != window.asked:
        return LATER
    total = load_acquire(window, "total")
    there = min(frames, load_acquire(window, "end") - window.at)
    if there <= 0:
        if total >= 0 and window.at >= total:
            return 0
        if window.filler != 0:  # it may have looked for room before the last frames were read
            signal_raise(record_at(window.filler, SIGNAL))
        return LATER
    channels = window.channels
    done = 0
    while done < there:
        first = (window.at + done) % window.capacity
        count = min(there - done, window.capacity - first) * channels
        source = float32_array(window.data + 4 * channels * first, count)
        copy_samples(float32_array(to + 4 * channels * done, count), source, count)
        done += count // channels
    store_release(window, "at", window.at + there)
    if window.filler != 0 and window.at >= load_acquire(window, "fill_at"):
        signal_raise(record_at(window.filler, SIGNAL))
    return there


@kernel
def window_error(address: Any) -> Any:
    """Return whether a window ended with an error, as a number."""
    return load_acquire(record_at(address, WINDOW), "error")


# --- for the control threads ----------------------------------------------------------------------


class Notices:
    """What a decoder has to tell people, from any thread, and whose signal is raised then.

    Attributes
    ----------
    named : str
        What the source says is on, as radio does; empty where it says nothing.

    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.named = ""
        self.news: Signal | None = None

    def name(self, words: str) -> None:
        """Say what is on from here on."""
        if words != self.named:
            self.named = words
            if self.news:
                self.news.notify()

    def add(self, words: str) -> None:
        """Add a line."""
        self._lines.append(words)
        if self.news:
            self.news.notify()

    def take(self) -> list[str]:
        """Return the lines that were added since the last call."""
        count = len(self._lines)
        taken, self._lines[:count] = self._lines[:count], []
        return taken


class Decoder(Protocol):
    """What a filler takes frames from; used by one thread at a time, never by the decode thread.

    Attributes
    ----------
    sample_rate, channels : int
        Of the frames.
    frames : int or None
        How many there are, as far as is known.
    order : tuple of str
        The channels' positions.
    is_seekable : bool
        Whether `seek` goes everywhere.
    notices : Notices
        Where it says what is to be told.

    """

    sample_rate: int
    channels: int
    frames: int | None
    order: tuple[str, ...]
    is_seekable: bool
    notices: Notices

    def read(self) -> _Frames | None:
        """Return the next frames, shape (frames, channels), as many as come; None at the end."""

    def seek(self, frame: int) -> None:
        """Go to a frame."""

    def interrupt(self) -> None:
        """Let a `read` that waits return or raise soon; from another thread."""

    def close(self) -> None:
        """Let go of everything."""


class OpenWindow(OpenSource):
    """A source that is decoded into a window by a thread of its own, once it is to be played.

    Parameters
    ----------
    location : Location
        As it was given.
    decoder : Decoder
        Belongs to this source from here on.
    ahead_s, behind_s : float
        How far is decoded ahead, and how much of what was heard is kept, in seconds; both are
        less where that would be more than 64 MiB.

    """

    def __init__(
        self,
        location: Location,
        decoder: Decoder,
        ahead_s: float = _AHEAD_S,
        behind_s: float = _BEHIND_S,
    ) -> None:
        super().__init__(
            location, decoder.sample_rate, decoder.channels, decoder.frames, decoder.order
        )
        self._decoder = decoder
        most = _MOST_BYTES / (4 * self.channels * (ahead_s + behind_s))
        self._behind = round(behind_s * min(self.sample_rate, most))
        self._capacity = self._behind + round(ahead_s * min(self.sample_rate, most))
        self._asked = Signal()
        self._record = Record(WINDOW)
        self._begin = 0
        self._pending: _Frames | None = None
        self._wake: Signal | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Let go of it, without waiting for the filler."""
        if self._closed:
            return
        self._closed = True
        if self._thread is None:
            self._decoder.close()
        else:
            self._decoder.interrupt()
            self._asked.notify()

    def chunks(self, frames: int, dtype: str = "float32") -> Iterator[np.ndarray[Any, Any]]:
        """Yield the source's samples; not of one that plays."""
        held: list[_Frames] = []
        count = 0
        while (piece := self._decoder.read()) is not None:
            held.append(piece)
            count += len(piece)
            while count >= frames:
                joined = np.concatenate(held)
                yield joined[:frames].astype(dtype, copy=False)
                held, count = [joined[frames:]], count - frames
        if count:
            yield np.concatenate(held).astype(dtype, copy=False)

    # --- what who plays it asks ---------------------------------------------------------------

    def serve(self, wake: Signal, news: Signal | None) -> None:
        self._wake, self._decoder.notices.news = wake, news
        if self._thread is None:
            self._memory = aligned_zeros((self._capacity, self.channels))
            self._record.fill(
                data=self._memory.ctypes.data,
                capacity=self._capacity,
                channels=self.channels,
                filler=self._asked.record.address,
                total=_UNKNOWN,
            )
            self.window = self._record.address
            self._thread = threading.Thread(target=self._fill, name="zerocross-fill", daemon=True)
            self._thread.start()

    def nearest(self, frame: int) -> int:
        if self._decoder.is_seekable:
            return super().nearest(frame)
        near = min(max(frame, self._begin), self._record.load("end"))
        if abs(frame - near) > _NEAR_S * self.sample_rate:
            at = near / self.sample_rate
            self._decoder.notices.add(f"it cannot be sought in so far: it goes on at {at:.2f} s")
        return near

    def notices(self) -> Sequence[str]:
        return self._decoder.notices.take()

    @property
    def named(self) -> str:
        return self._decoder.notices.named

    @property
    def decoded_ahead_s(self) -> float:
        record = self._record
        return max(0, record.load("end") - record.load("at")) / self.sample_rate

    # --- the filler's thread --------------------------------------------------------------------

    def _fill(self) -> None:
        try:
            while not self._closed:
                seen = self._asked.count
                if self._record["answered"] != self._record.load("asked"):
                    self._answer()
                elif self._has_room():
                    self._add()
                else:
                    self._asked.wait(seen)
        except Exception:  # noqa: BLE001  else the decode thread would wait for ever
            _log.exception("%s: its filler failed", self.path)
            self._end("an error in its decoder; see the log")
        finally:
            self._decoder.close()

    def _has_room(self) -> bool:
        """Return whether to go on; where not, say when to be woken."""
        record = self._record
        if record["total"] != _UNKNOWN:
            record.store("fill_at", _NEVER)
            return False
        end, at = int(record["end"]), record.load("at")
        self._begin = max(self._begin, min(at, end) - self._behind)
        ahead = self._capacity - self._behind
        if at == 0:  # a track that is to come
            ahead = min(ahead, round(_WAITING_S * self.sample_rate))
        if end - self._begin < self._capacity and end - at < ahead:
            return True
        record.store("fill_at", 1 if at == 0 else end - ahead + ahead // _PIECES)
        return False

    def _add(self) -> None:
        """Write the next frames; what finds no room is kept for later."""
        piece, self._pending = self._pending, None
        if piece is None:
            try:
                piece = self._decoder.read()
            except SourceError as error:
                self._end(error.reason)
                return
        if piece is None:
            self._end()
            return
        end = int(self._record["end"])
        count = min(len(piece), self._capacity - (end - self._begin))
        first = end % self._capacity
        before = min(count, self._capacity - first)
        self._memory[first : first + before] = piece[:before]
        self._memory[: count - before] = piece[before:count]
        if count < len(piece):
            self._pending = piece[count:]
        self._record.store("end", end + count)
        self._notify()

    def _end(self, failure: str = "") -> None:
        end = int(self._record["end"])
        if failure:
            self.failure = failure
            self._record["error"] = 1
        elif not self._closed:
            self.frames = end
        self._record.store("total", end)
        self._notify()

    def _answer(self) -> None:
        """Be where the decode thread wants to be: in the ring, or with a ring that begins there."""
        record = self._record
        asked, at = record.load("asked"), record.load("at")
        if not self._begin <= at <= int(record["end"]):
            record.fill(total=_UNKNOWN, error=0)
            self.failure = ""
            self._pending = None
            self._begin = at
            record.store("end", at)
            if self._decoder.is_seekable:
                try:
                    self._decoder.seek(at)
                except SourceError as error:
                    self._end(error.reason)
        record.store("answered", asked)
        self._notify()

    def _notify(self) -> None:
        if self._wake:
            self._wake.notify()
