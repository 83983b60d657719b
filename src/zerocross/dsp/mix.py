"""Channel layouts: which mixes exist and the matrices that make them.

The downmix of 5.1 to stereo is that of ITU-R BS.775-4, Table 2 (3/2 to 2/0): the centre and
the surrounds at -3 dB, the LFE channel left out. Its sum can exceed full scale by up to
7.7 dB; nothing is scaled, so that a downmix is as loud as the recommendation says.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import kernel
from zerocross.compiler.primitives.vector import (
    f32x16,
    load_first,
    multiply_add,
    splat,
    store_first,
)
from zerocross.errors import UsageError

__all__ = ["LAYOUT_5_1", "MAX_INPUTS", "accumulate", "design_mix", "mix_interleaved"]

#: Most channels that a source may have.
MAX_INPUTS = 6

#: Order of 5.1 channels in WAV and FLAC.
LAYOUT_5_1 = ("left", "right", "centre", "lfe", "left surround", "right surround")

_HALF_POWER = math.sqrt(0.5)
_BS775 = np.array(
    [
        [1.0, 0.0, _HALF_POWER, 0.0, _HALF_POWER, 0.0],
        [0.0, 1.0, _HALF_POWER, 0.0, 0.0, _HALF_POWER],
    ]
)


def design_mix(
    inputs: int, outputs: int, order: tuple[str, ...] = LAYOUT_5_1
) -> npt.NDArray[np.float32]:
    """Return the matrix that mixes one layout into another.

    Parameters
    ----------
    inputs : {1, 2, 6}
        Channels of the source.
    outputs : {1, 2}
        Channels of the stream.
    order : tuple of str
        For 6 channels, the order in which the source has them.

    Returns
    -------
    ndarray, shape (outputs, inputs), float32
        Mono goes to both sides unchanged; stereo becomes mono as half the sum, so that
        mono as stereo comes back unchanged and nothing can clip.

    Raises
    ------
    UsageError
        For any other number of channels.

    """
    if inputs == outputs and inputs in (1, 2):
        return np.eye(inputs, dtype=np.float32)
    stereo = {1: np.array([[1.0], [1.0]]), 2: np.eye(2), 6: _BS775}.get(inputs)
    if stereo is None or outputs not in (1, 2):
        raise UsageError(
            f"{inputs} channels to {outputs} cannot be mixed; mono, stereo and 5.1 sources "
            "and mono and stereo outputs can"
        )
    if inputs == 6:
        stereo = stereo[:, [LAYOUT_5_1.index(name) for name in order]]
    if outputs == 1:
        stereo = stereo.sum(axis=0, keepdims=True) * (0.5 if inputs > 1 else 0.0)
    return stereo.astype(np.float32)


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
    g = splat(f32x16, np.float32(gain))
    for i in range(0, target.size, 16):
        left = target.size - i
        total = multiply_add(
            load_first(f32x16, source, i, left), g, load_first(f32x16, target, i, left)
        )
        store_first(target, i, total, left)
