"""EQ and spectrum over arrays in one call, for people who bring their own audio I/O."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import (
    entry,
    float32_array,
    flush_denormals,
    monotonic_ns,
    record_at,
    restore_float_mode,
)
from zerocross.dsp.interleave import deinterleave, interleave
from zerocross.eq.equalizer import Equalizer
from zerocross.errors import UsageError
from zerocross.graph.block import MAX_BLOCK
from zerocross.graph.chain import Chain
from zerocross.graph.program import PROGRAM, run_program
from zerocross.memory import BufferPool, Record, layout
from zerocross.memory.pool import POOL, pool_acquire, pool_buffer, pool_release
from zerocross.spectrum.frame import NO_FRAME_BEFORE_S, SPECTRUM, spectrum_of_tap
from zerocross.spectrum.spectrum import Spectrum
from zerocross.sync.tap import TAP, Tap, tap_write

__all__ = ["Pipeline", "PipelineStats"]

_NO_BUFFER = -1

_PIPELINE = layout(
    setup=["program", "pool", "tap", "spectrum", "channels", ("sample_rate", "f8")],
    control=["slow_ns"],
    audio=["blocks", "frames", "total_ns", "longest_ns", "slow_blocks", "last_end"],
)


@entry("int64", "int64", "int64", "int64", dispatches=True)
def _process(address: int, source: int, target: int, frames: int) -> int:
    """Run interleaved frames through equaliser, tap and spectrum; -1 without a buffer."""
    p = record_at(address, _PIPELINE)
    started = monotonic_ns()
    pool = record_at(p.pool, POOL)
    number = pool_acquire(pool)
    if number < 0:
        return _NO_BUFFER
    mode = flush_denormals()
    rows = pool_buffer(pool, number)
    deinterleave(float32_array(source, frames * p.channels), frames, rows)
    result = run_program(record_at(p.program, PROGRAM), rows, frames)
    tap = record_at(p.tap, TAP)
    tap_write(tap, result, frames)
    if target != 0:
        interleave(result, frames, float32_array(target, frames * p.channels))
    pool_release(pool, number)
    end = tap.write
    dt = NO_FRAME_BEFORE_S if p.last_end == 0 else (end - p.last_end) / p.sample_rate
    p.last_end = end
    spectrum_of_tap(record_at(p.spectrum, SPECTRUM), tap, end, dt)
    restore_float_mode(mode)
    elapsed = monotonic_ns() - started
    p.blocks += 1
    p.frames += frames
    p.total_ns += elapsed
    p.longest_ns = max(p.longest_ns, elapsed)
    if elapsed > p.slow_ns:
        p.slow_blocks += 1
    return 0


@dataclasses.dataclass(frozen=True)
class PipelineStats:
    """What a pipeline counted.

    Attributes
    ----------
    buffers_available : int
        Buffers of the pool that nobody holds.
    allocations_saved, cache_hits : int
        Blocks that took a buffer from the pool, and of these those that found one used before.
    blocks, frames : int
        Processed so far.
    mean_us, longest_us : float
        Time of a block, in microseconds.
    slow_blocks : int
        Blocks that took longer than ``slow_s``.

    """

    buffers_available: int
    allocations_saved: int
    cache_hits: int
    blocks: int
    frames: int
    mean_us: float
    longest_us: float
    slow_blocks: int

    def __str__(self) -> str:
        return (
            f"{self.blocks} blocks ({self.frames} frames), {self.mean_us:.1f} us each, longest "
            f"{self.longest_us:.1f} us, {self.slow_blocks} slow; {self.buffers_available} buffers "
            f"available, {self.allocations_saved} allocations saved, {self.cache_hits} cache hits"
        )


class Pipeline:
    """An equaliser and a spectrum over blocks of samples.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    channels : int
        1 to 8, interleaved: arrays have the shape (frames, channels); mono also (frames,).
    fft_size : int
        Of the spectrum, a power of two from 32 to 32768.
    pool_size : int
        Buffers made beforehand.
    max_block_size : int
        Most frames in a block, up to 4096.
    eq_bands : int
        Of the equaliser.
    spectrum_bands : int
        Of the spectrum, logarithmic from 20 Hz.
    slow_s : float
        From when on a block counts as slow.

    Attributes
    ----------
    equalizer : Equalizer
    spectrum : Spectrum
        For more than the methods here offer.

    Examples
    --------
    >>> import numpy as np, zerocross
    >>> pipeline = zerocross.Pipeline()
    >>> out = np.zeros((512, 2), np.float32)
    >>> pipeline.process(np.ones((512, 2), np.float32), out).shape
    (32,)

    """

    def __init__(
        self,
        sample_rate: int = 44_100,
        channels: int = 2,
        fft_size: int = 2048,
        pool_size: int = 16,
        max_block_size: int = MAX_BLOCK,
        eq_bands: int = 8,
        spectrum_bands: int = 32,
        slow_s: float = 0.002,
    ) -> None:
        if not 1 <= max_block_size <= MAX_BLOCK:
            raise UsageError(f"max_block_size={max_block_size}: give 1 to {MAX_BLOCK} frames")
        self._channels, self._max_block = channels, max_block_size
        self.equalizer: Any = Equalizer(eq_bands)
        self._program = Chain(self.equalizer, budget=0.0).prepare(sample_rate, channels)
        self._pool = BufferPool(pool_size, max_block_size, channels)
        self._tap = Tap(2 * 32_768, channels)
        self.spectrum = Spectrum(
            self._tap,
            bands=spectrum_bands,
            fft_size=fft_size,
            sample_rate=sample_rate,
            channels=channels,
        )
        self._record = Record(_PIPELINE)
        self._record.fill(
            program=self._program.record.address,
            pool=self._pool.record.address,
            tap=self._tap.record.address,
            spectrum=self.spectrum.record.address,
            channels=channels,
            sample_rate=sample_rate,
            slow_ns=round(slow_s * 1e9),
        )
        self._levels: npt.NDArray[np.float64] = self.spectrum.levels[0]
        # The arrays of the last call: their owners tend to use them again, and asking takes time.
        self._source: Any = None
        self._target: Any = None
        self._source_at = self._target_at = 0
        self._shape: tuple[int, ...] = ()
        self._address = self._record.address
        _ = _process.address

    def process(
        self, samples: npt.NDArray[np.float32], output: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float64]:
        """Equalise a block, and look at the result.

        Parameters
        ----------
        samples : ndarray, shape (frames, channels), float32, C-contiguous
            At most ``max_block_size`` frames; finite.
        output : ndarray of the same shape, or None
            Where the result goes; may be ``samples``.

        Returns
        -------
        ndarray, shape (spectrum_bands,)
            Levels in dBFS: a view, written again by the next call.

        Raises
        ------
        UsageError
            For other arrays.

        """
        if samples is not self._source or samples.shape != self._shape:
            self._source_at = self._checked(samples)
            self._source, self._shape = samples, samples.shape
        if output is not self._target and output is not None:
            self._target_at = self._checked(output)
            self._target = output
        target = 0
        if output is not None:
            if output.shape != self._shape or not output.flags.writeable:
                raise UsageError(f"an output of shape {output.shape} for input {samples.shape}")
            target = self._target_at
        if _process(self._address, self._source_at, target, self._shape[0]) == _NO_BUFFER:
            raise UsageError("all buffers of the pool are out; call from fewer threads")
        return self._levels

    def _checked(self, samples: npt.NDArray[np.float32]) -> int:
        """Return an array's address, if it is one that can be worked on."""
        frames = len(samples)
        wanted = (frames, self._channels)
        fits = samples.shape == wanted or (self._channels == 1 and samples.ndim == 1)
        if not fits or samples.dtype != np.float32 or not samples.flags.c_contiguous:
            raise UsageError(
                f"{samples.dtype} of shape {samples.shape}: give C-contiguous float32 of shape "
                f"(frames, {self._channels})"
            )
        if not 1 <= frames <= self._max_block:
            raise UsageError(f"{frames} frames: give 1 to {self._max_block}")
        return int(samples.ctypes.data)

    def update_eq_band(self, band: int, frequency: float, q: float, gain_db: float) -> None:
        """Change a band of the equaliser; it fades over in 50 ms of audio."""
        self.equalizer.set_band(band, frequency, q, gain_db)

    def stats(self) -> PipelineStats:
        """Return what was counted so far; printed, it is a sentence."""
        pool, record = self._pool.stats(), self._record
        blocks = int(record["blocks"])
        return PipelineStats(
            pool.available,
            pool.allocations_saved,
            pool.cache_hits,
            blocks,
            int(record["frames"]),
            int(record["total_ns"]) / max(1, blocks) / 1e3,
            int(record["longest_ns"]) / 1e3,
            int(record["slow_blocks"]),
        )
