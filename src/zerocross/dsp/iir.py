"""Any number of second-order filters, in the form that is quicker.

Up to eight bands run one after the other (`dsp.biquad`), more of them side by side (`dsp.parallel`),
where they have such a form: the same response, in 0.6 of the time. In float32 they always run one after
the other. `iir` runs what its coefficients say.
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
    "IIR",
    "PRECISIONS",
    "design_iir",
    "form_of",
    "iir",
    "make_iir",
    "memory_for",
    "place_iir",
]

#: How bands can run; "auto" is side by side where there are more than eight.
FORMS = ("auto", "cascade", "parallel")
#: In what they are computed.
PRECISIONS = ("float64", "float32")
#: What runs, as coefficients and `IIR` have it.
_CASCADE, _PARALLEL, _CASCADE_IN_FLOAT32 = 0, 1, 2
#: What `design_iir` gives begins with the form and the bands; coefficients begin at the next line.
_HEAD = 8

#: One of the two, by ``form``. Both have the same coefficients and memory, of which they
#: make different things: who changes the form clears the memory.
IIR = layout(
    setup=["taps", "memory_size", ("cascade", CASCADE), ("parallel", PARALLEL)],
    audio=["form", "memory"],
)


# --- coefficients -------------------------------------------------------------------------------


def design_iir(
    sos: npt.ArrayLike, form: str = "auto", precision: str = "float64"
) -> npt.NDArray[np.float64]:
    """Return coefficients in a form, with the form: what has no parallel form is a cascade.

    Parameters
    ----------
    sos : array, shape (bands, 6)
        Rows as in SciPy. For as many bands there are as many numbers, whatever the form.
    form : str
        One of `FORMS`.
    precision : str
        One of `PRECISIONS`; in float32 it is a cascade. The coefficients are float64 either way.

    """
    if form not in FORMS:
        raise UsageError(f"form {form!r}: give one of {', '.join(FORMS)}")
    if precision not in PRECISIONS:
        raise UsageError(f"precision {precision!r}: give one of {', '.join(PRECISIONS)}")
    if precision == "float32" and form == "parallel":
        raise UsageError("bands side by side are computed in float64; give a cascade for float32")
    one_by_one = design_cascade(sos)
    bands = len(np.atleast_2d(np.asarray(sos)))
    wide = precision == "float64"
    wanted = form == "parallel" or (form == "auto" and bands > BANDS_IN_GROUP and wide)
    side_by_side = design_parallel(sos, bands) if wanted else None
    taps = one_by_one if side_by_side is None else side_by_side
    in_cascade = _CASCADE if wide else _CASCADE_IN_FLOAT32
    made: npt.NDArray[np.float64] = aligned_zeros(_size_for(bands), np.float64)
    made[0], made[1] = in_cascade if side_by_side is None else _PARALLEL, bands
    made[_HEAD : _HEAD + taps.size] = taps
    return made


def form_of(taps: npt.NDArray[np.float64]) -> str:
    """Return the form of coefficients from `design_iir`: ``cascade`` or ``parallel``."""
    return "parallel" if taps[0] == _PARALLEL else "cascade"


def _size_for(bands: int) -> int:
    in_cascade, _ = _groups(bands)
    return _HEAD + max(in_cascade * TAPS_OF_GROUP, size_of_parallel(bands))


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
    row["form"] = int(taps[0])
    for name, groups in zip(("cascade", "parallel"), _groups(int(taps[1])), strict=True):
        part = row[name]
        part["channels"], part["groups"] = len(memory), groups
        part["taps"], part["memory"] = taps.ctypes.data + _HEAD * taps.itemsize, memory.ctypes.data
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
    made = _IIR(IIR, taps=taps, memory=memory, form=int(taps[0]))
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
    if state.form == _PARALLEL:
        parallel(state.parallel, rows, frames)
    elif state.form == _CASCADE_IN_FLOAT32:
        cascade_in_float32(state.cascade, rows, frames)
    else:
        cascade(state.cascade, rows, frames)
