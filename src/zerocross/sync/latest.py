"""A latest value: a small record published by one writer, read whole by anyone.

A sequence lock. The writer makes the sequence odd, writes, makes it even again; a reader
that saw an odd number, or two different ones, reads again. The writer never waits, which is
why it may be the audio thread; a reader repeats only while a write is going on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import (
    entry,
    fence_acquire,
    fence_release,
    int64_array,
    kernel,
    load_acquire,
    record_at,
    store_release,
)
from zerocross.memory import Record, aligned_zeros, layout

__all__ = ["LATEST", "LATEST_WORDS", "Latest", "latest_begin", "latest_end"]

#: Size of the record that a latest value can hold, in 8-byte words.
LATEST_WORDS = 16

LATEST = layout(writer=["sequence", ("words", "i8", (LATEST_WORDS,))])


@kernel
def latest_begin(latest: Any) -> Any:
    """Begin to publish (writer only); write to ``latest.words``, then `latest_end`.

    Real-time: safe.
    """
    latest.sequence = latest.sequence + 1
    fence_release()
    return latest.words


@kernel
def latest_end(latest: Any) -> None:
    """Finish publishing (writer only). Real-time: safe."""
    store_release(latest, "sequence", latest.sequence + 1)


@entry("int64", "int64", "int64")
def latest_read(address: int, target: int, attempts: int) -> int:
    """Copy a consistent snapshot out; returns 1, or 0 after too many attempts."""
    latest = record_at(address, LATEST)
    out = int64_array(target, LATEST_WORDS)
    for _ in range(attempts):
        before = load_acquire(latest, "sequence")
        words = latest.words
        for i in range(LATEST_WORDS):
            out[i] = words[i]
        fence_acquire()
        if before % 2 == 0 and load_acquire(latest, "sequence") == before:
            return 1
    return 0


class Latest:
    """A latest value of up to 16 named int64 numbers.

    Parameters
    ----------
    *names : str
        The numbers, in the order in which the writer stores them.

    """

    def __init__(self, *names: str) -> None:
        self.names = names
        self.record = Record(LATEST)
        self._copy = aligned_zeros(LATEST_WORDS, np.int64)

    def read(self) -> dict[str, int]:
        """Return a consistent snapshot, by name.

        Raises
        ------
        RuntimeError
            If the writer was caught writing a million times, which means that it died in
            the middle.

        """
        copy = np.empty_like(self._copy)
        if not latest_read(self.record.address, copy.ctypes.data, 1_000_000):
            raise RuntimeError("latest value: its writer stopped in the middle of a write")
        return dict(zip(self.names, copy.tolist(), strict=False))
