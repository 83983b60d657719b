"""Plans of FFTs: a record that knows its size, its tables and its work space.

Tables hold twiddle factors in the order in which they are read. Running a plan allocates nothing; a
plan's work space is for one transform at a time.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from zerocross.dsp.state import State
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros, layout
from zerocross.units import shown

__all__ = [
    "FFT",
    "MAX_SIZE",
    "MIN_SIZE",
    "REAL_FFT",
    "ROW",
    "SMALL",
    "WIDE_FFT",
    "make_fft",
    "make_real_fft",
    "make_wide_fft",
]

#: Sizes of transforms: powers of two in these limits.
MIN_SIZE, MAX_SIZE = 16, 65_536

#: Below this size the passes are plain loops.
SMALL = 64
#: Numbers in a row of the tables of the first two passes: a whole vector, or several.
ROW = 16
#: Sizes whose tables are kept.
_MOST_TABLES = 8

# Fields have other names in each, so that a kernel does not compile for another's plan. Counts are
# of numbers; the work space has 4 * size of them.
#: Of complex numbers.
FFT = layout(setup=["size", "twiddles", "twiddle_count"], audio=["work"])
#: Of real samples: twiddle factors of the half-size complex transform in it, and the turns that take
#: it apart, real parts before imaginary ones, size / 4 + 1 of each.
REAL_FFT = layout(setup=["size", "half_twiddles", "half_count", "turns"], audio=["work"])
#: Of real samples, computed in float64.
WIDE_FFT = layout(setup=["size", "wide_twiddles", "wide_count", "wide_turns"], audio=["work"])


def _check_size(size: int) -> None:
    is_whole = isinstance(size, int | np.integer)
    if not is_whole or size & (size - 1) or not MIN_SIZE <= size <= MAX_SIZE:
        raise UsageError(
            f"FFT of {shown(size)} points; take a power of two from {MIN_SIZE} to {MAX_SIZE}"
        )


def _aligned(values: npt.NDArray[np.float64], dtype: npt.DTypeLike) -> npt.NDArray[np.floating]:
    out = aligned_zeros(values.size, dtype)
    out[:] = values
    return out


def _pass_tables(size: int) -> list[npt.NDArray[np.float64]]:
    """Return the twiddle factors of all radix-4 passes, in reading order."""
    tables = []
    length, stride = size, 1
    while length >= 4:
        m = length // 4
        angles = -2j * np.pi * np.arange(m) / length
        factors = np.stack([np.exp(k * angles) for k in (1, 2, 3)])
        parts = np.stack([factors.real, factors.imag], axis=1).reshape(6, m)
        if size >= SMALL and stride < 16:  # whole vectors: 16 p, or 4 p four times each
            wide = np.repeat(parts, stride, axis=1)
            tables.append(wide.reshape(6, -1, ROW).transpose(1, 0, 2).ravel())
        else:
            tables.append(parts.T.ravel())
        length, stride = m, stride * 4
    return tables


def _turns(size: int) -> npt.NDArray[np.float64]:
    """Return the factors that take the transform of real samples apart."""
    turn = np.exp(-2j * np.pi * np.arange(size // 4 + 1) / size)
    return np.concatenate([turn.real, turn.imag])


def make_fft(size: int) -> State:
    """Plan a complex transform.

    Parameters
    ----------
    size : int
        Points: a power of two from 16 to 65536.

    Returns
    -------
    State
        An `FFT`, for `complex_fft` and `inverse_complex_fft`.

    Raises
    ------
    UsageError
        For another size.

    """
    _check_size(size)
    twiddles = _aligned(np.concatenate(_pass_tables(size)), np.float32)
    work = aligned_zeros(4 * size, np.float32)
    return State(FFT, size=size, twiddles=twiddles, twiddle_count=twiddles.size, work=work)


@functools.lru_cache(_MOST_TABLES)
def _tables(size: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return twiddles and turns of a real transform, which all plans of its size share: nobody writes them."""
    twiddles = _aligned(np.concatenate(_pass_tables(size // 2)), np.float32)
    return twiddles, _aligned(_turns(size), np.float32)


def make_real_fft(size: int) -> State:
    """Plan a real transform: a `REAL_FFT` for `real_fft` and `inverse_real_fft`; else `make_fft`."""
    _check_size(size)
    twiddles, turns = _tables(size)
    return State(
        REAL_FFT,
        size=size,
        half_twiddles=twiddles,
        half_count=twiddles.size,
        turns=turns,
        work=aligned_zeros(4 * size, np.float32),
    )


def make_wide_fft(size: int) -> State:
    """Plan a real transform that is computed in float64: a `WIDE_FFT` for `wide_fft` and its inverse."""
    _check_size(size)
    parts = []
    length = size // 2
    while length >= 4:
        angles = -2j * np.pi * np.arange(length // 4) / length
        factors = np.stack([np.exp(k * angles) for k in (1, 2, 3)], axis=1)
        parts.append(np.stack([factors.real, factors.imag], axis=2).ravel())
        length //= 4
    twiddles = _aligned(np.concatenate(parts), np.float64)
    return State(
        WIDE_FFT,
        size=size,
        wide_twiddles=twiddles,
        wide_count=twiddles.size,
        wide_turns=_aligned(_turns(size), np.float64),
        work=aligned_zeros(4 * size, np.float64),
    )
