"""Mixing channels to stereo and mono: the matrices, and the kernels that apply them.

The downmix is that of ITU-R BS.775-4, Table 2, from the positions of `dsp.channels`. Its sum can exceed
full scale, by up to 7.7 dB for 5.1; nothing is scaled, so that a downmix is as loud as the
recommendation says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import kernel
from zerocross.compiler.primitives.vector import (
    f32_native,
    lanes_of,
    load_first,
    multiply_add,
    splat,
    store_first,
)
from zerocross.dsp.channels import MAX_PLACED, POSITIONS
from zerocross.errors import UsageError

__all__ = ["accumulate", "design_mix", "mix_interleaved"]


def design_mix(order: Sequence[str], outputs: int) -> npt.NDArray[np.float32]:
    """Return the matrix that mixes channels to stereo or mono.

    Parameters
    ----------
    order : sequence of str
        Each channel's position, one of `channels.POSITIONS`; 1 to 8.
    outputs : {1, 2}
        Channels of the stream.

    Returns
    -------
    ndarray, shape (outputs, channels), float32
        To stereo by the positions' shares; mono goes to both sides unchanged. To mono half the sum
        of that, so that mono as stereo comes back unchanged and stereo cannot clip.

    Raises
    ------
    UsageError
        For another number of channels, or a position that is not known.

    """
    strange = [name for name in order if name not in POSITIONS]
    if strange or not 1 <= len(order) <= MAX_PLACED or outputs not in (1, 2):
        at = f", one at the {strange[0]}," if strange else ""
        raise UsageError(
            f"{len(order)} channels{at} to {outputs} cannot be mixed; 1 to {MAX_PLACED} at the "
            "height of the ears can, to mono and stereo"
        )
    shares = [(POSITIONS[name].to_left, POSITIONS[name].to_right) for name in order]
    stereo = np.array(shares).T
    if outputs == 1:
        stereo = stereo.sum(axis=0, keepdims=True) * 0.5
    return stereo.astype(np.float32, order="C")


@kernel
def mix_interleaved(matrix: Any, source: Any, inputs: Any, out: Any, outputs: Any) -> None:
    """Mix interleaved frames through a matrix.

    Parameters
    ----------
    matrix : array, float32
        Row-major (outputs, inputs), flat.
    source : array, float32
        Interleaved frames of ``inputs`` channels.
    inputs, outputs : int
        Channels.
    out : array, float32
        Interleaved frames of ``outputs`` channels; its size sets how many are mixed.

    Notes
    -----
    Real-time: safe. Sums in float64.

    """
    for i in range(out.size // outputs):
        for o in range(outputs):
            total = 0.0
            for c in range(inputs):
                total += np.float64(matrix[o * inputs + c]) * np.float64(source[i * inputs + c])
            out[i * outputs + o] = np.float32(total)


@kernel
def accumulate(target: Any, source: Any, gain: Any) -> None:
    """Add samples times a gain: ``target += gain * source``.

    Parameters
    ----------
    target, source : array, shape (samples,), float32
        Of one length; the target is changed in place.
    gain : float
        Linear.

    Notes
    -----
    Real-time: safe.

    """
    g = splat(f32_native, np.float32(gain))
    for i in range(0, target.size, lanes_of(f32_native)):
        left = target.size - i
        new = load_first(f32_native, source, i, left)
        so_far = load_first(f32_native, target, i, left)
        store_first(target, i, multiply_add(new, g, so_far), left)
