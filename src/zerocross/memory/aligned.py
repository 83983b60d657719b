"""Arrays that begin on a cache line."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["aligned_zeros"]


def aligned_zeros(
    shape: int | tuple[int, ...], dtype: npt.DTypeLike = np.float32, alignment: int = 64
) -> npt.NDArray[Any]:
    """Return a zeroed C-contiguous array whose first byte is aligned.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the array.
    dtype : dtype
        Type of its items.
    alignment : int
        In bytes, a power of two.

    Notes
    -----
    Real-time: no; allocate in the control world and hand the address over.

    """
    kind = np.dtype(dtype)
    sizes = (shape,) if isinstance(shape, int) else shape
    length = math.prod(sizes) * kind.itemsize
    raw = np.zeros(length + alignment, np.uint8)
    start = -raw.ctypes.data % alignment
    return raw[start : start + length].view(kind).reshape(sizes)
