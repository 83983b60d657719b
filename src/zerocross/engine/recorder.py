"""Recording what went to a device: from its tap to a file, beside the audio thread.

Two threads. One follows the tap in compiled code and fills a ring of 10 s; it needs no interpreter, so
nothing is lost while a program holds it for less. The other is Python's, and writes the ring to a file
that is whole or not there. The audio thread does nothing for it: its tap is written anyway. What is
overwritten before it was read is silence of the same length in the file, counted and told.

A little over 300 lines, most of them docstrings.
"""

from __future__ import annotations

import collections
import os
import threading
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.attributes import FixedAttributes
from zerocross.closing import ClosesAtExit, Running, free_in_forks, keep_for_parent
from zerocross.compiler import entry, kernel, load_acquire, record_at, sleep_us
from zerocross.dsp.interleave import interleave_channel
from zerocross.dsp.resample import Resampler, make_resampler, resample_rows
from zerocross.errors import LossWarning, UsageError, ZerocrossError
from zerocross.files import PathLike, check_output, printable
from zerocross.memory import Record, layout
from zerocross.sources.written import Form, plain_form, write_frames
from zerocross.sync import Ring, Tap
from zerocross.sync.ring import RING, commit_write, contiguous, writable
from zerocross.sync.tap import TAP, tap_is_intact, tap_window

__all__ = ["Recording", "follow_tap", "record"]

_FOLLOWER = layout(setup=["tap", "ring"], control=["stop"], follower=["next_frame", "frames_lost"])
_LOOK_US = 10_000
_RING_S, _MOST_FRAMES = 10, 1 << 20
_PIECE, _POLL_S = 1 << 14, 0.1

_Frames = npt.NDArray[np.float32]
#: What is recorded in this process, by its inner halves, and the lock of who looks before it begins.
_running: weakref.WeakSet[_Inner] = weakref.WeakSet()
_beginning = free_in_forks(threading.Lock())


@kernel
def _follow(follower: Any, tap: Any, ring: Any) -> None:
    """Copy what the tap got since the last look to the ring, as far as there is room."""
    channels, end = tap.channels, load_acquire(tap, "write")
    while follower.next_frame < end:
        first = follower.next_frame
        count = min(end - first, writable(ring), _PIECE, max(1, tap.frames // 4))
        if count <= 0:
            return
        out = contiguous(ring, ring.write, count)
        count = out.size // channels
        for c in range(channels):
            interleave_channel(tap_window(tap, c, first, count), count, out, c, channels)
        if not tap_is_intact(tap, first):
            for i in range(out.size):
                out[i] = np.float32(0.0)
            follower.frames_lost += count
        commit_write(ring, count)
        follower.next_frame = first + count


@entry("int64")
def follow_tap(address: int) -> int:
    """Follow a tap until told to stop; the thread of a follower. Real-time: not the audio thread."""
    follower = record_at(address, _FOLLOWER)
    tap, ring = record_at(follower.tap, TAP), record_at(follower.ring, RING)
    while True:
        is_last = load_acquire(follower, "stop") != 0
        _follow(follower, tap, ring)
        if is_last:
            return 0
        sleep_us(_LOOK_US)


class _Follower:
    """A thread that follows a tap from a frame on."""

    def __init__(self, tap: Tap, sample_rate: int, first: int) -> None:
        self.tap, self.sample_rate = tap, sample_rate
        frames = max(_PIECE, tap.frames, min(_RING_S * sample_rate, _MOST_FRAMES))
        self.ring = Ring(frames, tap.channels)
        self._resampler: Resampler | None = None
        self.record = Record(_FOLLOWER)
        self.record.fill(tap=tap.record.address, ring=self.ring.record.address, next_frame=first)
        self._thread = threading.Thread(target=self._run, name="zerocross-record", daemon=True)
        self._thread.start()

    def _run(self) -> None:  # it holds what it uses until it ends
        follow_tap(self.record.address)

    def end(self) -> None:
        """End after one more look; what there was room for is in the ring then."""
        self.record.store("stop", 1)
        self._thread.join()

    @property
    def frames_lost(self) -> int:
        """Frames that were overwritten before they were copied."""
        return self.record.load("frames_lost")

    def read(self, sample_rate: int, is_last: bool) -> Iterator[_Frames]:
        """Yield what is in the ring, at a rate; with what a resampler holds, if it is the last."""
        while len(frames := self.ring.pop(_PIECE)):
            yield (
                frames if sample_rate == self.sample_rate else self._resampled(frames, sample_rate)
            )
        if is_last and self._resampler:
            tail = self._resampler.taps // 2
            yield self._resampled(np.zeros((tail, self.tap.channels), np.float32), sample_rate)

    def _resampled(self, frames: _Frames, sample_rate: int) -> _Frames:
        """Return frames at the rate of the file: another one where a player's has changed."""
        if self._resampler is None:
            channels = self.tap.channels
            self._resampler = make_resampler(self.sample_rate, sample_rate, channels, _PIECE)
        made, rows = self._resampler, np.ascontiguousarray(frames.T)
        out = np.zeros((len(rows), made.most_frames_out(len(frames))), np.float32)
        count = resample_rows(
            made.address, rows.ctypes.data, rows.shape[1], out.ctypes.data, out.shape[1]
        )
        return np.ascontiguousarray(out[:, :count].T)


class Recording(FixedAttributes, ClosesAtExit):
    """A file that is being written; made by `Stream.record` and `Player.record`.

    Ends with `stop`, a ``with``, or with what it records. Until then the file has another name; where
    it cannot be written there is none, and where the disk became full it ends there.

    Attributes
    ----------
    path : str
        The file.
    target : str
        Where that is, without links.

    """

    def __init__(self, path: PathLike, form: Form, follower: _Follower) -> None:
        self.path = printable(path)
        self.target = os.path.realpath(os.fsdecode(path))
        self._inner = _Inner(path, self.target, form, follower)
        super().__init__(self._inner)

    def __repr__(self) -> str:
        how = "running" if self.is_running else "ended"
        return f"<Recording: {self.path}, {self.seconds:.1f} s, {how}>"

    def follow(self, tap: Tap, sample_rate: int) -> None:
        """Go on with another tap, from its first frame; the file keeps its rate."""
        if self.is_running:
            self._inner.followers.append(_Follower(tap, sample_rate, 0))

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self._inner.is_running

    @property
    def seconds(self) -> float:
        """How much was given to the file so far."""
        return self._inner.frames / self._inner.form.sample_rate

    @property
    def frames_lost(self) -> int:
        """Frames that were overwritten before they were read; they are silence in the file."""
        return self._inner.frames_lost + sum(each.frames_lost for each in self._inner.followers)

    @property
    def clipped(self) -> int:
        """Samples beyond full scale that an integer format could not hold; known at the end."""
        return self._inner.clipped

    def stop(self) -> None:
        """Write what is left, and let the file take its name; twice is once.

        Raises
        ------
        ZerocrossError
            If it could not be written, or not to its end.

        Warns
        -----
        LossWarning
            If frames were lost.

        """
        self._inner.end()
        error, self._inner.error = self._inner.error, ""
        self.close()
        if error:
            raise ZerocrossError(error)

    def __exit__(self, *exception: object) -> None:
        self.stop()


def record(
    tap: Tap,
    sample_rate: int,
    path: PathLike,
    bits: str | None = None,
    dither: str | None = None,
) -> Recording:
    """Begin a recording of what goes to a tap from now on.

    Parameters
    ----------
    tap : Tap
        Of a stream.
    sample_rate : int
        Its, and the file's.
    path : path-like
        Ends in ``.wav`` or ``.flac``.
    bits : {"16", "24", "32", "float"} or None
        None for float in WAV and 24 in FLAC.
    dither : {"none", "tpdf", "shaped"} or None
        None for ``tpdf`` with 16 bits, else ``none``.

    Raises
    ------
    UsageError
        If the file cannot be such a one, or is recorded already, by whatever.

    """
    form = plain_form(path, sample_rate, tap.channels, bits, dither)
    _ = follow_tap.address  # compiled before the first frame is fixed
    check_output(path)
    target = os.path.realpath(os.fsdecode(path))
    with _beginning:
        if any(each.is_writing and each.target == target for each in _running):
            raise UsageError(f"{printable(path)}: is being recorded; give another name")
        return Recording(path, form, _Follower(tap, sample_rate, tap.written))


class _Inner(Running):
    """The threads and memory of a recording."""

    def __init__(self, path: PathLike, target: str, form: Form, follower: _Follower) -> None:
        self._path, self.target, self.form = path, target, form
        self.frames = self.clipped = self.frames_lost = 0
        self.error = ""
        self.followers = collections.deque([follower])
        self._stop = threading.Event()
        self._telling = threading.Lock()
        self._told = 0
        self._thread = threading.Thread(target=self._run, name="zerocross-file", daemon=True)
        self._thread.start()
        _running.add(self)

    @property
    def is_running(self) -> bool:
        return self.is_writing and not self._stop.is_set()

    @property
    def is_writing(self) -> bool:
        """Whether the file has not taken its name yet."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            blocks = self._blocks()
            _, self.clipped = write_frames(blocks, self._path, self.form, keeps=True)
        except Exception as error:  # noqa: BLE001  told where it ends
            self.error = str(error) if isinstance(error, ZerocrossError) else repr(error)
        finally:
            while self.followers:
                self.followers.popleft().end()

    def _blocks(self) -> Iterator[_Frames]:
        """Yield what is recorded, at the file's rate, until told to stop."""
        while True:
            is_last = self._stop.is_set()
            while self.followers:
                follower = self.followers[0]
                is_over = is_last or len(self.followers) > 1
                if is_over:
                    follower.end()
                for frames in follower.read(self.form.sample_rate, is_over):
                    self.frames += len(frames)
                    yield frames
                if not is_over:
                    break
                self.frames_lost += follower.frames_lost
                self.followers.popleft()
            if is_last:
                return
            self._stop.wait(_POLL_S)

    def hush(self) -> None:
        """Nothing is heard of it."""

    def end(self) -> None:
        """End the threads; twice is once."""
        self._stop.set()
        self._thread.join()

    def close(self) -> None:
        """End the threads, and tell what was lost."""
        self.end()
        with self._telling:
            lost, error = self.frames_lost - self._told, self.error
            self._told, self.error = self.frames_lost, ""
        if lost:
            lost_s = lost / self.form.sample_rate
            words = f"{lost_s:.2f} s were lost, and are silence in the file"
            warnings.warn(f"{printable(self._path)}: {words}", LossWarning, stacklevel=4)
        if error:
            warnings.warn(error, LossWarning, stacklevel=4)

    def forget(self) -> None:
        """In a forked child: the file is the parent's."""
        keep_for_parent(*self.followers)
        self.followers.clear()
