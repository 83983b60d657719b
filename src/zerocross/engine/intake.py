"""What a device hears, for a program to read: a ring that the audio thread fills."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import (
    entry,
    float32_array,
    float32_rows,
    load_acquire,
    monotonic_ns,
    record_at,
    store_release,
)
from zerocross.engine.feed_writer import NEVER
from zerocross.engine.layouts import INTAKE
from zerocross.engine.patience import LONG_S, NAP_S, Turn, in_us, wait_s
from zerocross.engine.resampling import write_rows
from zerocross.errors import MemoryRefused
from zerocross.memory import Record
from zerocross.sync import Ring, Signal
from zerocross.sync.ring import RING, pop_frames, writable
from zerocross.sync.signal import SIGNAL, signal_count, signal_raise, signal_wait

if TYPE_CHECKING:
    from zerocross.engine.chain_host import ChainHost

__all__ = ["Intake", "take_frames", "take_input"]


@entry("int64", "int64")
def take_input(intake_address: int, _: int) -> int:
    """Write a block of a device's input for a program to read; what has no room is counted.

    Parameters
    ----------
    intake_address : int
        Of an `INTAKE`, with the block's ``rows`` and ``frames`` in it.

    Notes
    -----
    Real-time: the audio thread.

    """
    intake = record_at(intake_address, INTAKE)
    ring = record_at(intake.ring, RING)
    count = min(intake.frames, writable(ring))
    write_rows(ring, float32_rows(intake.rows, intake.channels, intake.frames), 0, count)
    intake.frames_lost += intake.frames - count
    if ring.write >= load_acquire(intake, "wake_at"):
        signal_raise(record_at(intake.arrived, SIGNAL))
    return 0


@entry("int64", "int64", "int64", "int64")
def take_frames(intake_address: int, target: int, frames: int, timeout_us: int) -> int:
    """Read frames of a device's input, and wait for them; returns how many came in time."""
    intake = record_at(intake_address, INTAKE)
    ring, arrived = record_at(intake.ring, RING), record_at(intake.arrived, SIGNAL)
    deadline = monotonic_ns() + 1000 * timeout_us
    done: int = 0
    while True:
        seen = signal_count(arrived)
        offset = 4 * done * intake.channels
        left = frames - done
        done += pop_frames(ring, float32_array(target + offset, left * intake.channels), left)
        remaining = deadline - monotonic_ns()
        if done == frames or remaining <= 0:
            return done
        store_release(intake, "wake_at", ring.read + min(frames - done, ring.capacity // 2))
        signal_wait(arrived, seen, remaining // 1000 + 1)
        store_release(intake, "wake_at", NEVER)


class Intake:
    """What a device hears, for a program to read.

    Parameters
    ----------
    host : ChainHost
        What the device calls.
    ring_s : float
        How much is kept for the reader, in seconds.
    check : callable
        Raises where nobody calls.

    """

    def __init__(self, host: ChainHost, ring_s: float, check: Callable[[], None]) -> None:
        self._rate, self._channels, self._check = host.sample_rate, host.channels, check
        frames = max(round(ring_s * self._rate), 4 * host.block_size)
        self._ring, self._arrived = Ring(frames, self._channels), Signal()
        self._turn = Turn("a read")
        self.record = Record(INTAKE)
        self.record.fill(
            process=take_input.address,
            ring=self._ring.record.address,
            arrived=self._arrived.record.address,
            channels=self._channels,
            wake_at=NEVER,
        )

    def read(self, frames: int, block: bool) -> npt.NDArray[np.float32]:
        """Return so many frames, or those that are there."""
        with self._turn:
            if not block:
                return self._ring.pop(frames)
            try:
                out = np.empty((frames, self._channels), np.float32)
            except MemoryError as error:
                raise MemoryRefused(4 * frames * self._channels, error) from None
            done, wait_us = 0, 0
            while done < frames:
                done += take_frames(
                    self.record.address, out[done:].ctypes.data, frames - done, wait_us
                )
                if done < frames:
                    self._check()
                wait_us = in_us(wait_s())
            return out

    async def aread(self, frames: int) -> npt.NDArray[np.float32]:
        """Do as `read`, without holding up an event loop."""
        import asyncio

        idle_s = 0.0
        pieces: list[npt.NDArray[np.float32]] = []
        missing = frames
        while missing:
            piece = self.read(missing, block=False)
            pieces.append(piece)
            missing -= len(piece)
            nap = min(missing, self._ring.capacity // 2) / self._rate + NAP_S
            idle_s = 0.0 if len(piece) else idle_s + nap
            if idle_s > LONG_S:
                self._check()
            if missing:
                await asyncio.sleep(nap)
        return np.concatenate(pieces) if pieces else self.read(0, block=False)

    def report(self) -> dict[str, Any]:
        """Return what was counted."""
        return {
            "frames_waiting": self._ring.readable,
            "frames_lost": self.record.load("frames_lost"),
        }
