"""How an impulse response is divided for a convolution, and the memory that it takes.

The first partitions are as short as a block; later ones, which need not be ready so soon, are 16
times as long (W. G. Gardner, JAES 43, 1995).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.dsp.fft_plan import make_wide_fft
from zerocross.dsp.state import State, check_channels
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros, layout
from zerocross.units import shown

__all__ = [
    "CONVOLVER",
    "LEVEL",
    "MOST_GAIN",
    "Convolution",
    "check_response",
    "checked_block",
    "design_partitions",
    "make_convolution",
]

_RATIO = 16
_LARGEST = 4096
_BLOCKS = tuple(16 << k for k in range(10))
#: What the magnitudes of a response may add up to, and so the most that its spectrum has.
MOST_GAIN = 1e30

#: One size of partitions: its numbers, and the addresses of its memory.
LEVEL = np.dtype(
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
#: What moves in a level, beside ``newest`` and ``step``.
_MOVING = ("history", "sums", "window", "result")

#: A convolution: its levels, the block that arrives and the one that is ready, how far it is filled,
#: and whether anything but silence has arrived yet.
CONVOLVER = layout(
    setup=["channels", "block", "level_count"],
    audio=["levels", "arrived", "ready", "filled", "started"],
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
    channels = check_channels(channels)
    block = checked_block("block", block)
    response = check_response(impulse)
    if response.shape[0] not in (1, channels):
        raise UsageError(
            f"an impulse response of {response.shape[0]} channels for {channels}; give one for "
            "all, or one each"
        )
    response = np.broadcast_to(response, (channels, response.shape[1]))
    parts = design_partitions(response.shape[1], block)
    levels = aligned_zeros(len(parts), LEVEL)
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


def checked_block(name: str, frames: Any) -> int:
    """Return how many frames are collected at a time, a power of two; raises UsageError."""
    whole = int(frames) if isinstance(frames, (int, float, np.number)) and frames in _BLOCKS else 0
    if not whole:
        raise UsageError(
            f"{name}={shown(frames)}: give a power of two from {_BLOCKS[0]} to {_BLOCKS[-1]}"
        )
    return whole


def check_response(impulse: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return a response as float64 rows; raises UsageError for what cannot be convolved with."""
    if np.iscomplexobj(impulse):
        raise UsageError("the impulse response is complex; give real numbers (channels, taps)")
    response = np.atleast_2d(np.asarray(impulse, np.float64))
    if response.ndim != 2 or response.shape[1] == 0 or not np.isfinite(response).all():
        raise UsageError("the impulse response is empty or not finite; give (channels, taps)")
    with np.errstate(over="ignore"):
        loudest = np.abs(response).sum(axis=1).max()
    if loudest > MOST_GAIN:  # its spectrum, float32, could not hold it
        raise UsageError(
            f"the impulse response adds up to {loudest:.2g}; give up to {MOST_GAIN:.0e}"
        )
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
