"""Levels of bands of many windows at once, made on a card and left there."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.dsp.window import design_window
from zerocross.errors import UsageError
from zerocross.gpu.card import Card, Program
from zerocross.gpu.shaders import LEVELS, QUARTER, WHOLE
from zerocross.gpu.transform import TIMES, passes, threads_for, turns, twiddles
from zerocross.spectrum.bands import TOGETHER, design_scale, design_weights
from zerocross.units import checked_number, checked_whole, shown

__all__ = ["SIZES", "BandSpectra", "Levels", "Prepared"]

#: Samples of a window.
SIZES = (256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768)
#: Longer ones do not fit into a workgroup's memory.
_WHOLE_UP_TO = 8192
#: Of longer ones, so many bytes of bins are kept at a time.
_KEPT_BYTES = 1 << 26
#: Of many signals, so many bytes of samples go to the card at a time.
_TOGETHER_BYTES = 1 << 26
#: Workgroups in one dimension, at most.
_IN_A_ROW = 32_768
#: Nothing is softer: -200 dB.
_FLOOR = 1e-20


class Levels:
    """Levels of bands in a card's memory; made by `BandSpectra.of`.

    Attributes
    ----------
    windows, bands : int
        How many.
    buffer : wgpu.GPUBuffer
        float32, window after window, in dBFS: for what draws them.

    """

    def __init__(self, card: Card, windows: int, bands: int) -> None:
        self._card, self.windows, self.bands = card, windows, bands
        self.buffer = card.memory(4 * windows * bands)

    def read(self) -> npt.NDArray[np.float32]:
        """Bring them back; shape (windows, bands), in dBFS."""
        flat = self._card.read(self.buffer, np.float32, self.windows * self.bands)
        return flat.reshape(self.windows, self.bands)


class Prepared:
    """A way from samples on a card to levels there; made by `BandSpectra.prepare`."""

    def __init__(
        self, spectra: BandSpectra, numbers: Any, steps: list[tuple[Program, list[Any]]]
    ) -> None:
        self._spectra, self._numbers = spectra, numbers
        self._steps = [(program, program.bind(buffers)) for program, buffers in steps]

    def encode(self, step: Any, first: int, windows: int, row: int = 0) -> None:
        """Put windows from a sample on into a compute pass, to be submitted before the next one is put.

        Their levels begin at a row of the buffer; at most `BandSpectra.at_once` of them.
        """
        queue = self._spectra.card.device.queue
        queue.write_buffer(self._numbers, 0, self._spectra.numbers(first, windows, row))
        self.run(step, windows)

    def run(self, step: Any, windows: int) -> None:
        """Do the same where the caller has written the numbers."""
        for number, (program, group) in enumerate(self._steps):
            quarters = 4 if number < len(self._steps) - 1 else 1
            place = (min(windows, _IN_A_ROW), -(-windows // _IN_A_ROW), quarters)
            program.run(step, group, place)


class BandSpectra:
    """Levels of bands of many overlapping windows, all on a card.

    Parameters
    ----------
    card : Card
        Where.
    sample_rate : float
        Of the samples, in Hz.
    bands : int
        How many, 1 to 512; octave bands follow from the range.
    scale, fraction, low_hz, high_hz, window, per
        As for `spectrum.Spectrum`, whose levels these are: dBFS, a full-scale sine in the middle of a band reads 0.
    fft_size : int
        A power of two from 256 to 32768.
    hop : int
        Samples from a window to the next, from 1 on.

    Attributes
    ----------
    bands : Bands
        Edges and centres in Hz.
    at_once : int
        Windows that one compute pass may have.

    Raises
    ------
    UsageError
        For what is out of range.

    """

    def __init__(
        self,
        card: Card,
        sample_rate: float,
        bands: int = 64,
        scale: str = "logarithmic",
        fraction: int = 3,
        low_hz: float = 20.0,
        high_hz: float = 20_000.0,
        fft_size: int = 2048,
        hop: int = 256,
        window: str = "hann",
        per: str = "bin",
    ) -> None:
        fft_size, bands = checked_size(fft_size), checked_whole("bands", bands, 1, 512)
        sample_rate = checked_number("sample_rate", sample_rate, 1.0, unit="Hz")
        self.card, self.size, self.sample_rate = card, fft_size, sample_rate
        self.hop = checked_whole("hop", hop, 1, 1 << 24)
        self.bands = design_scale(scale, bands, low_hz, min(high_hz, 0.499 * sample_rate), fraction)
        weights = design_weights(self.bands, fft_size, sample_rate, window, per)
        shape = design_window(window, fft_size).astype(np.float64)
        counts = -(-weights.counts // TOGETHER)
        within = np.concatenate([np.arange(n) * TOGETHER for n in counts])
        left = np.repeat(weights.counts, counts) - within
        bins = np.repeat(weights.bins, counts) + within
        points, whole = fft_size // 2, fft_size <= _WHOLE_UP_TO
        if counts.sum() >= points:
            raise UsageError(
                f"{len(self.bands)} bands of an FFT of {fft_size} points; take fewer, or a longer one"
            )
        at_once = points if whole else points // 4
        if 8 * at_once > card.limits["max-compute-workgroup-storage-size"]:
            raise UsageError(f"FFT of {fft_size} points; {card.name} takes shorter ones")
        names = {
            "points": points,
            "quarter": points // 4,
            "threads": threads_for(at_once),
            "in_a_row": _IN_A_ROW,
            "times": TIMES,
            "passes": passes(at_once),
            "middle": points // 2,
            "pieces": int(counts.sum()),
            "together": TOGETHER,
            "bands": len(self.bands),
            "scale": 10.0 * np.log10(2.0),
            "floor": _FLOOR,
        }
        sources = (WHOLE,) if whole else (QUARTER, LEVELS)
        self._programs = [card.program(source.format(**names)) for source in sources]
        self._shape = card.upload((shape * (2.0 / shape.sum())).astype(np.float32))
        self._roots = [card.upload(twiddles(at_once))]
        if not whole:
            self._roots.append(card.upload(twiddles(points)))
        tables = (
            turns(fft_size),
            np.stack([bins, np.minimum(left, TOGETHER)], axis=1).astype(np.uint32),
            weights.weights,
            np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32),
        )
        self._tables = [card.upload(each) for each in tables]
        self.at_once = (1 << 30) if whole else max(1, _KEPT_BYTES // (8 * points))
        self._bins = None if whole else card.memory(8 * points * self.at_once)

    def windows_in(self, samples: int) -> int:
        """Return how many whole windows so many samples have."""
        return 0 if samples < self.size else 1 + (samples - self.size) // self.hop

    def of(self, samples: Any, count: int | None = None) -> Levels:
        """Return levels of all whole windows, on the card; nothing comes back until `Levels.read`.

        Parameters
        ----------
        samples : array, shape (samples,), float32, or wgpu.GPUBuffer
            Of one channel; a buffer of them is on the card already.
        count : int or None
            Of a buffer, how many.

        Raises
        ------
        UsageError
            For fewer samples than a window has.
        DeviceError
            If the card has no room for the result in one piece; see `in_batches`.

        """
        if isinstance(samples, np.ndarray | list | tuple):
            array = _one_channel(samples)
            count, buffer = array.size, self.card.upload(array)
        else:
            buffer, count = samples, samples.size // 4 if count is None else count
        windows = self.windows_in(count)
        if windows == 0:
            raise UsageError(f"{count} samples; a window has {self.size}")
        levels = Levels(self.card, windows, len(self.bands))
        self.run(buffer, 0, windows, levels.buffer)
        return levels

    def run(self, samples: Any, first: int, windows: int, levels: Any) -> None:
        """Make levels of windows of samples that are on the card, from a sample on, into a buffer there."""
        self._run(self.prepare(samples, levels), first, windows, 0)

    def _run(self, prepared: Prepared, first: int, windows: int, row: int) -> None:
        for done in range(0, windows, self.at_once):
            with self.card.commands() as encoder:
                step = encoder.begin_compute_pass()
                count = min(self.at_once, windows - done)
                prepared.encode(step, first + done * self.hop, count, row + done)
                step.end()

    def numbers(self, first: int, windows: int, row: int = 0) -> bytes:
        """Return what `Prepared.encode` writes, 16 bytes."""
        return struct.pack("<4I", first, self.hop, windows, row)

    def prepare(self, samples: Any, levels: Any, numbers: Any = None) -> Prepared:
        """Return a way from one buffer to another that can be taken again and again.

        Who gives a place for its `numbers` writes them there, together with others, and calls `Prepared.run`.
        """
        numbers = numbers or self.card.uniform(bytes(16))
        given = [[numbers, samples, self._shape, *self._roots, *self._tables, levels]]
        if self._bins is not None:
            given = [
                [numbers, samples, self._shape, *self._roots, self._bins],
                [numbers, self._bins, *self._tables, levels],
            ]
        return Prepared(self, numbers, list(zip(self._programs, given, strict=True)))

    def in_batches(
        self, samples: npt.NDArray[np.float32], windows: int = 16_384
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Yield levels of all whole windows of an array, so many at a time: any length, little of it on the card.

        Yields arrays of shape (windows, bands), in dBFS.
        """
        array, windows = _one_channel(samples), checked_whole("windows", windows, 1, 1 << 30)
        for first in range(0, self.windows_in(array.size), windows):
            start = first * self.hop
            end = min(array.size, start + (windows - 1) * self.hop + self.size)
            yield self.of(array[start:end]).read()

    def of_many(
        self, signals: Iterable[npt.NDArray[np.float32]]
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Yield levels of all whole windows of many signals, such as files: they go there, and come back, together.

        Yields an array of shape (windows, bands) for each signal, in dBFS; without windows where it is too short.
        """
        kept: list[npt.NDArray[np.float32]] = []
        for signal in signals:
            array = _one_channel(signal)
            if kept and 4 * (sum(each.size for each in kept) + array.size) > _TOGETHER_BYTES:
                yield from self._of_some(kept)
                kept = []
            kept.append(array)
        yield from self._of_some(kept)

    def _of_some(self, signals: list[npt.NDArray[np.float32]]) -> Iterator[npt.NDArray[np.float32]]:
        counts = [self.windows_in(each.size) for each in signals]
        if any(4 * each.size > _TOGETHER_BYTES for each in signals):  # it is alone
            yield np.concatenate([*self.in_batches(signals[0])])
            return
        rows = np.concatenate([[0], np.cumsum(counts)])
        if rows[-1]:
            levels = Levels(self.card, int(rows[-1]), len(self.bands))
            buffer, first = self.card.upload(np.concatenate(signals)), 0
            prepared = self.prepare(buffer, levels.buffer)
            for signal, count, row in zip(signals, counts, rows[:-1], strict=True):
                self._run(prepared, first, count, int(row))
                first += signal.size
            found = levels.read()
        else:
            found = np.zeros((0, len(self.bands)), np.float32)
        for count, row in zip(counts, rows[:-1], strict=True):
            yield found[row : row + count]


def checked_size(size: Any) -> int:
    """Return a window's samples; UsageError unless they are one of `SIZES`."""
    if isinstance(size, (bool, str)) or size not in SIZES:
        raise UsageError(f"FFT of {shown(size)} points; take one of {', '.join(map(str, SIZES))}")
    return int(size)


def most_bands(wanted: int, size: int) -> int:
    """Return so many bands, or as many as windows of so few samples have at any sample rate and scale."""
    return min(wanted, 15 * checked_size(size) // 32)


def _one_channel(samples: Any) -> npt.NDArray[np.float32]:
    array = np.asarray(samples, np.float32)
    if array.ndim != 1:
        raise UsageError(f"samples of one channel, not of shape {array.shape}")
    return array
