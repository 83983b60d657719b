"""Any number of second-order filters, in the form that is quicker.

Up to eight bands run one after the other (`dsp.biquad`), more of them side by side (`dsp.parallel`),
where they have such a form: the same response, in 0.6 of the time. `iir` runs one or the other, as
its coefficients say.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import kernel
from zerocross.dsp.biquad import (
    BANDS_IN_GROUP,
    CASCADE,
    TAPS_OF_GROUP,
    cascade,
    cascade_in_float32,
    design_cascade,
)
from zerocross.dsp.parallel import (
    MEMORY_OF_EIGHT,
    PARALLEL,
    design_parallel,
    parallel,
    size_of_parallel,
)
from zerocross.dsp.state import State, check_channels, check_frames, check_taps
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros, layout

__all__ = [
    "FORMS",
    "HEAD",
    "IIR",
    "design_iir",
    "form_of",
    "iir",
    "iir_in_float32",
    "make_iir",
    "memory_for",
    "place_iir",
]

#: How bands can run; "auto" is side by side where there are more than eight.
FORMS = ("auto", "cascade", "parallel")
#: What `design_iir` gives begins with the form and the bands; coefficients begin at the next line.
HEAD = 8

#: One of the two, by ``is_parallel``. Both have the same coefficients and memory, of which they
#: make different things: who changes the form clears the memory.
IIR = layout(
    setup=["taps", "memory_size", ("cascade", CASCADE), ("parallel", PARALLEL)],
    audio=["is_parallel", "memory"],
)


# --- coefficients -------------------------------------------------------------------------------


def design_iir(sos: npt.ArrayLike, form: str = "auto") -> npt.NDArray[np.float64]:
    """Return coefficients in a form, with the form: what has no parallel form is a cascade.

    Parameters
    ----------
    sos : array, shape (bands, 6)
        Rows as in SciPy. For as many bands there are as many numbers, whatever the form.
    form : str
        One of `FORMS`.

    """
    if form not in FORMS:
        raise UsageError(f"form {form!r}: give one of {', '.join(FORMS)}")
    one_by_one = design_cascade(sos)
    bands = len(np.atleast_2d(np.asarray(sos)))
    wanted = form == "parallel" or (form == "auto" and bands > BANDS_IN_GROUP)
    side_by_side = design_parallel(sos, bands) if wanted else None
    taps = one_by_one if side_by_side is None else side_by_side
    made: npt.NDArray[np.float64] = aligned_zeros(_size_for(bands), np.float64)
    made[0], made[1] = 0.0 if side_by_side is None else 1.0, bands
    made[HEAD : HEAD + taps.size] = taps
    return made


def form_of(taps: npt.NDArray[np.float64]) -> str:
    """Return the form of coefficients from `design_iir`: ``cascade`` or ``parallel``."""
    return FORMS[1 + int(taps[0])]


def _size_for(bands: int) -> int:
    in_cascade, _ = _groups(bands)
    return HEAD + max(in_cascade * TAPS_OF_GROUP, size_of_parallel(bands))


def _groups(bands: int) -> tuple[int, int]:
    """Return how many eights of bands the cascade and the parallel form have."""
    return -(-bands // BANDS_IN_GROUP), -(-bands // (2 * BANDS_IN_GROUP)) * 2


def memory_for(taps: npt.NDArray[np.float64], *channels: int) -> npt.NDArray[np.float64]:
    """Return memory at rest for either form."""
    _, in_parallel = _groups(int(taps[1]))
    made: npt.NDArray[np.float64] = aligned_zeros(
        (*channels, in_parallel * MEMORY_OF_EIGHT), np.float64
    )
    return made


def place_iir(
    row: Any,
    taps: npt.NDArray[np.float64],
    memory: npt.NDArray[np.float64],
    sums: npt.NDArray[np.float64],
) -> None:
    """Write into a record `IIR` where its parts lie, and how much of them each form uses."""
    row["taps"], row["memory"], row["memory_size"] = (
        taps.ctypes.data,
        memory.ctypes.data,
        memory.size,
    )
    row["is_parallel"] = int(taps[0])
    for name, groups in zip(("cascade", "parallel"), _groups(int(taps[1])), strict=True):
        part = row[name]
        part["channels"], part["groups"] = len(memory), groups
        part["taps"], part["memory"] = taps.ctypes.data + HEAD * taps.itemsize, memory.ctypes.data
    row["parallel"]["sums"], row["parallel"]["max_frames"] = sums.ctypes.data, sums.shape[1]


# --- one filter ---------------------------------------------------------------------------------


class _IIR(State):
    """An `IIR`, and what it points to."""

    kept: tuple[Any, ...]


def make_iir(taps: npt.NDArray[np.float64], channels: int, max_frames: int) -> State:
    """Return a filter at rest.

    Parameters
    ----------
    taps : ndarray
        From `design_iir`; kept, not copied.
    channels : int
        Of the signal.
    max_frames : int
        Most frames in one call.

    Returns
    -------
    State
        An `IIR`, for `iir`.

    """
    check_taps(taps)
    channels = check_channels(channels)
    max_frames = check_frames("max_frames", max_frames)
    memory, sums = memory_for(taps, channels), aligned_zeros((2, max_frames), np.float64)
    made = _IIR(IIR, taps=taps, memory=memory, is_parallel=int(taps[0]))
    place_iir(made, taps, memory, sums)
    made.kept = (sums,)
    return made


@kernel
def iir(state: Any, rows: Any, frames: Any) -> None:
    """Filter frames of all channels in place.

    Parameters
    ----------
    state : record
        An `IIR`, from `make_iir`; carried from block to block.
    rows : array, shape (channels, at least frames), float32
        Changed in place.
    frames : int
        How many, at most the state's ``max_frames``.

    Notes
    -----
    Real-time: safe. Any split into blocks gives the same bits.

    """
    if state.is_parallel:
        parallel(state.parallel, rows, frames)
    else:
        cascade(state.cascade, rows, frames)


@kernel
def iir_in_float32(state: Any, rows: Any, frames: Any) -> None:
    """Do `iir` in float32, for coefficients in the form of a cascade only. Real-time: safe."""
    cascade_in_float32(state.cascade, rows, frames)
