"""Convolution with long impulse responses, in partitions of several sizes.

The first partitions are as short as a block; later ones, which need not be ready so soon, are 16
times as long (W. G. Gardner, JAES 43, 1995). Each size is a uniformly partitioned
overlap-save convolution in the frequency domain. A partition of ``n`` frames begins ``2 n`` taps
into the response, so its work has ``n`` frames of time: it is spread over the blocks in between,
and no block has much more to do than another. Spectra are kept as float32; transforms and
sums are computed in float64, which keeps errors below -130 dB for tones through noise, too.

Frames are collected into blocks of a fixed size, whatever comes in: that is the latency, and why
any split of the input gives the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import float32_array, float64_array, kernel, record_at
from zerocross.compiler.primitives.vector import convert, f32x8, f64x8, fma, load, store
from zerocross.dsp.fft import inverse_wide_fft, wide_fft
from zerocross.dsp.fft_plan import WIDE_FFT, make_wide_fft
from zerocross.dsp.state import State
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros, layout

__all__ = [
    "CONVOLVER",
    "Convolution",
    "check_response",
    "convolve",
    "design_partitions",
    "make_convolution",
]

_RATIO = 16
_LARGEST = 4096
_BLOCKS = (16, 8192)

_LEVEL = np.dtype(
    [
        (name, "i8")
        for name in (
            "size",
            "ratio",
            "partitions",
            "stride",
            "spectra",
            "history",
            "sums",
            "window",
            "result",
            "plan",
            "newest",
            "step",
        )
    ]
)
_LEVEL_SIZE = _LEVEL.itemsize
#: What moves in a level, beside ``newest`` and ``step``.
_MOVING = ("history", "sums", "window", "result")

#: A convolution: its levels, and the block that arrives and the one that is ready.
CONVOLVER = layout(
    setup=["channels", "block", "level_count"], audio=["levels", "arrived", "ready", "filled"]
)


def design_partitions(taps: int, block: int) -> list[tuple[int, int, int]]:
    """Return ``(size, first tap, count)`` of each size of partitions for a response.

    A larger size is used where at least two of its partitions remain.
    """
    sizes = [block]
    while sizes[-1] * _RATIO <= _LARGEST and taps >= 4 * sizes[-1] * _RATIO:
        sizes.append(sizes[-1] * _RATIO)
    found = []
    for k, size in enumerate(sizes):
        first = 0 if k == 0 else 2 * size
        end = 2 * sizes[k + 1] if k + 1 < len(sizes) else taps
        found.append((size, first, max(1, -(-(end - first) // size))))
    return found


class Convolution(State):
    """A `CONVOLVER`, and what its levels point to."""

    kept: list[dict[str, Any]]

    @property
    def latency_frames(self) -> int:
        """Frames by which the output lags: the block."""
        return int(self["block"])

    def reset(self) -> None:
        """Go back to rest; see `State.reset`."""
        super().reset()
        for level in self.kept:
            for name in _MOVING:
                level[name][...] = 0


def make_convolution(impulse: npt.ArrayLike, channels: int, block: int = 64) -> Convolution:
    """Transform an impulse response and allocate the state.

    Parameters
    ----------
    impulse : array, shape (taps,) or (channels, taps)
        One response for all channels, or one each.
    channels : int
        Of the signal.
    block : int
        Frames collected at a time, a power of two from 16 to 8192: the latency.

    Raises
    ------
    UsageError
        For an empty response, one that is not finite, another number of channels, or an
        impossible block.

    """
    response = check_response(impulse, block)
    if response.shape[0] not in (1, channels):
        raise UsageError(
            f"an impulse response of {response.shape[0]} channels for {channels}; give one for "
            "all, or one each"
        )
    response = np.broadcast_to(response, (channels, response.shape[1]))
    parts = design_partitions(response.shape[1], block)
    levels = aligned_zeros(len(parts), _LEVEL)
    kept = []
    for row, (size, first, count) in zip(levels, parts, strict=True):
        stride = -(-(size + 1) // 16) * 16
        spectra = _spectra(response, size, first, count, stride)
        kept.append(_fill_level(row, size, channels, spectra))
        row["size"], row["ratio"], row["partitions"] = size, size // block, count
        row["stride"] = stride
    made = Convolution(
        CONVOLVER,
        channels=channels,
        block=block,
        level_count=len(parts),
        levels=levels,
        arrived=aligned_zeros((channels, block)),
        ready=aligned_zeros((channels, block)),
    )
    made.kept = kept
    return made


def check_response(impulse: npt.ArrayLike, block: int) -> npt.NDArray[np.float64]:
    """Return a response as float64 rows; raises UsageError for what cannot be convolved with."""
    response = np.atleast_2d(np.asarray(impulse, np.float64))
    if response.ndim != 2 or response.shape[1] == 0 or not np.isfinite(response).all():
        raise UsageError("the impulse response is empty or not finite; give (channels, taps)")
    if block & (block - 1) or not _BLOCKS[0] <= block <= _BLOCKS[1]:
        raise UsageError(f"block of {block} frames; take a power of two from 16 to 8192")
    return response


def _fill_level(
    row: Any, size: int, channels: int, spectra: npt.NDArray[np.float32]
) -> dict[str, Any]:
    """Make a level's memory and its plan, write where they lie, and return them."""
    stride = spectra.shape[-1]
    made = {
        "spectra": spectra,
        "history": aligned_zeros(spectra.shape),
        "sums": aligned_zeros((channels, 2, stride), np.float64),
        "window": aligned_zeros((channels, 2 * size)),
        "result": aligned_zeros((channels + 1, 2 * size)),
    }
    for name, array in made.items():
        row[name] = array.ctypes.data
    plan = make_wide_fft(2 * size)
    row["plan"] = plan.address
    return {**made, "plan": plan}


def _spectra(
    response: npt.NDArray[np.float64], size: int, first: int, count: int, stride: int
) -> npt.NDArray[np.float32]:
    """Return the partitions' transforms, shape (channels, count, 2, stride)."""
    channels = len(response)
    padded = np.zeros((channels, count * size))
    piece = response[:, first : first + count * size]
    padded[:, : piece.shape[1]] = piece
    bins = np.fft.rfft(padded.reshape(channels, count, size), 2 * size)
    spectra = aligned_zeros((channels, count, 2, stride))
    spectra[:, :, 0, : size + 1] = bins.real
    spectra[:, :, 1, : size + 1] = bins.imag
    return spectra


# --- running ------------------------------------------------------------------------------------


@kernel
def _level(state: Any, number: Any) -> Any:
    return record_at(state.levels + number * _LEVEL_SIZE, _LEVEL)


@kernel
def _transform(level: Any, channel: Any) -> None:
    """Transform a channel's window into the history."""
    size, stride = level.size, level.stride
    place = level.history + 8 * stride * (channel * level.partitions + level.newest)
    wide_fft(
        record_at(level.plan, WIDE_FFT),
        float32_array(level.window + 8 * size * channel, 2 * size),
        float32_array(place, size + 1),
        float32_array(place + 4 * stride, size + 1),
    )


@kernel
def _multiply(level: Any, channel: Any, first: Any, stop: Any) -> None:
    """Add up spectra times history for some of the partitions."""
    stride, count = level.stride, level.partitions
    sums = float64_array(level.sums + 16 * stride * channel, 2 * stride)
    if first == 0:
        for i in range(2 * stride):
            sums[i] = 0.0
    spectra = float32_array(level.spectra + 8 * stride * channel * count, 2 * stride * count)
    history = float32_array(level.history + 8 * stride * channel * count, 2 * stride * count)
    for p in range(first, stop):
        h = 2 * stride * p
        age = level.newest - p
        x = 2 * stride * (age if age >= 0 else age + count)
        for i in range(0, stride, 8):
            hr = convert(f64x8, load(f32x8, spectra, h + i))
            hi = convert(f64x8, load(f32x8, spectra, h + stride + i))
            xr = convert(f64x8, load(f32x8, history, x + i))
            xi = convert(f64x8, load(f32x8, history, x + stride + i))
            re, im = load(f64x8, sums, i), load(f64x8, sums, stride + i)
            store(sums, i, fma(xr, hr, re) - xi * hi)
            store(sums, stride + i, fma(xr, hi, fma(xi, hr, im)))


@kernel
def _inverse_transform(level: Any, channel: Any, channels: Any) -> None:
    """Take the inverse transform of the sums; its second half is the result."""
    size, stride = level.size, level.stride
    sums = level.sums + 16 * stride * channel
    whole = float32_array(level.result + 8 * size * channels, 2 * size)
    inverse_wide_fft(
        record_at(level.plan, WIDE_FFT),
        float64_array(sums, size + 1),
        float64_array(sums + 8 * stride, size + 1),
        whole,
    )
    result = float32_array(level.result + 8 * size * channel, size)
    for i in range(size):
        result[i] = whole[size + i]


@kernel
def _collect(level: Any, channel: Any, arrived: Any, step: Any) -> None:
    """Put a block into a channel's window; the first of a row moves the window on."""
    size, block = level.size, arrived.size
    window = float32_array(level.window + 8 * size * channel, 2 * size)
    if step == 0:
        for i in range(size):
            window[i] = window[size + i]
    for i in range(block):
        window[size + step * block + i] = arrived[i]


@kernel
def _run_level(level: Any, channel: Any, channels: Any, arrived: Any, ready: Any) -> None:
    """Do a block's share of a level's work.

    The first level's is due at once. A later one adds what was computed while its window was
    filling, and does a part of what will be needed when the next one is full.
    """
    step, ratio, block = level.step, level.ratio, ready.size
    at_once = ratio == 1
    result = float32_array(level.result + 8 * level.size * channel, level.size)
    if at_once:
        _collect(level, channel, arrived, 0)
    else:
        for i in range(block):
            ready[i] += result[step * block + i]
    if step == 0:
        _transform(level, channel)
    first = level.partitions * step // ratio
    stop = level.partitions * (step + 1) // ratio
    _multiply(level, channel, first, stop)
    if not at_once:
        _collect(level, channel, arrived, step)
    if step == ratio - 1:
        _inverse_transform(level, channel, channels)
    if at_once:
        for i in range(block):
            ready[i] = result[i]


@kernel
def _run_block(state: Any) -> None:
    channels, block = state.channels, state.block
    for number in range(state.level_count):
        level = _level(state, number)
        if level.step == 0:
            level.newest = level.newest + 1 if level.newest + 1 < level.partitions else 0
        for c in range(channels):
            arrived = float32_array(state.arrived + 4 * block * c, block)
            ready = float32_array(state.ready + 4 * block * c, block)
            _run_level(level, c, channels, arrived, ready)
        level.step = level.step + 1 if level.step + 1 < level.ratio else 0


@kernel
def convolve(state: Any, rows: Any, frames: Any, out: Any, dry: Any, wet: Any) -> None:
    """Convolve planar frames; ``dry`` times the input, as late as the result, is added.

    Parameters
    ----------
    state : record
        A `CONVOLVER`, from `make_convolution`.
    rows : array, shape (channels, at least frames), float32
        Input.
    frames : int
        How many.
    out : array, shape (channels, at least frames), float32
        Written; not the same memory.
    dry, wet : float32
        Factors of the input and of the convolution.

    Notes
    -----
    Real-time: safe.

    """
    block = state.block
    done = 0
    while done < frames:
        count = min(frames - done, block - state.filled)
        for c in range(state.channels):
            arrived = float32_array(state.arrived + 4 * block * c, block)
            ready = float32_array(state.ready + 4 * block * c, block)
            for i in range(count):
                k = state.filled + i
                out[c, done + i] = wet * ready[k] + dry * arrived[k]
                arrived[k] = rows[c, done + i]
        state.filled += count
        done += count
        if state.filled == block:
            _run_block(state)
            state.filled = 0
