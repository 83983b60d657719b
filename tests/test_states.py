"""States of dsp: back at rest they are as they were made, and no kernel takes one for another."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from test_biquad import _cascade, _fading, bands
from test_dynamics import _block_dc, _limit, _true_peak
from zerocross.compiler import entry, float32_rows, record_at
from zerocross.dsp.biquad import CASCADE, design_cascade, make_cascade
from zerocross.dsp.bs1770 import LOUDNESS, make_loudness
from zerocross.dsp.convolve import convolve
from zerocross.dsp.dc import DC_BLOCKER, make_dc_blocker
from zerocross.dsp.fading_iir import FADING_IIR, make_fading_iir
from zerocross.dsp.fft_plan import FFT, REAL_FFT, WIDE_FFT
from zerocross.dsp.iir import IIR, design_iir, iir, make_iir
from zerocross.dsp.limiter import LIMITER, make_limiter
from zerocross.dsp.parallel import PARALLEL, design_parallel, make_parallel, parallel
from zerocross.dsp.partitions import CONVOLVER, make_convolution
from zerocross.dsp.r128 import _measure
from zerocross.dsp.resample import RESAMPLER, make_resampler, resample_rows
from zerocross.dsp.true_peak import TRUE_PEAK, make_true_peak
from zerocross.errors import UsageError

FRAMES = 1500


@entry("int64", "int64", "int64", "int64")
def _parallel(state, rows, channels, frames):
    parallel(record_at(state, PARALLEL), float32_rows(rows, channels, frames), frames)


@entry("int64", "int64", "int64", "int64")
def _iir(state, rows, channels, frames):
    iir(record_at(state, IIR), float32_rows(rows, channels, frames), frames)


@entry("int64", "int64", "int64", "int64")
def _convolve(state, rows, out, frames):
    source, target = float32_rows(rows, 2, frames), float32_rows(out, 2, frames)
    convolve(record_at(state, CONVOLVER), source, frames, target, np.float32(0), np.float32(1))


def in_place(run):
    """Return what becomes of rows that a kernel changes."""

    def give(state, rows):
        run(state.address, rows.ctypes.data, *rows.shape)
        return rows

    return give


def convolved(state, rows):
    out = np.zeros_like(rows)
    _convolve(state.address, rows.ctypes.data, out.ctypes.data, rows.shape[1])
    return out


def resampled(state, rows):
    out = np.zeros((2, state.most_frames_out(FRAMES)), np.float32)
    resample_rows(state.address, rows.ctypes.data, FRAMES, out.ctypes.data, out.shape[1])
    return out


def peaks(state, rows):
    _true_peak(state.address, rows.ctypes.data, *rows.shape)
    return np.array([state["true_peak"], state["sample_peak"]])


def energies(state, rows):
    _measure(state.address, rows.ctypes.data, FRAMES, FRAMES)
    return np.array([*state["sums"], state["filled"], state.peaks["true_peak"]])


MADE = {
    "cascade": (lambda: make_cascade(design_cascade(bands(9)), 2), in_place(_cascade)),
    "parallel": (lambda: make_parallel(design_parallel(bands(9)), 2, FRAMES), in_place(_parallel)),
    "iir": (lambda: make_iir(design_iir(bands(12)), 2, FRAMES), in_place(_iir)),
    "dc blocker": (lambda: make_dc_blocker(0.99, 2), in_place(_block_dc)),
    "limiter": (lambda: make_limiter(2, 48_000, ceiling=0.1), in_place(_limit)),
    "true-peak limiter": (
        lambda: make_limiter(2, 48_000, ceiling=0.1, true_peak=True),
        in_place(_limit),
    ),
    "resampler": (lambda: make_resampler(44_100, 48_000, 2, FRAMES), resampled),
    "convolution": (lambda: make_convolution(bands(400).ravel(), 2), convolved),
    "true peak": (lambda: make_true_peak(2), peaks),
    "loudness": (lambda: make_loudness(48_000, 2), energies),
    "fading": (
        lambda: make_fading_iir(design_iir(bands(12))[None], 2, FRAMES, 600),
        in_place(_fading),
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_a_state_that_is_reset_gives_the_same_bits_again(name):
    make, run = MADE[name]
    signal = np.random.default_rng(8).standard_normal((2, FRAMES)).astype(np.float32)
    state = make()
    first = run(state, signal.copy()).copy()
    then = run(state, 2 * signal)
    assert not np.array_equal(run(state, signal.copy()), first), "the twin: it has a memory"
    state.reset()
    assert np.array_equal(run(state, signal.copy()), first)
    assert np.isfinite(then).all()


def test_a_reset_filter_keeps_the_coefficients_that_were_posted():
    """Also in the middle of a fade, and of another form."""
    signal = np.random.default_rng(9).standard_normal((2, FRAMES)).astype(np.float32)
    other = design_iir(bands(12)[::-1], "cascade")[None]
    state = MADE["fading"][0]()
    state.post(other)
    in_place(_fading)(state, np.ascontiguousarray(signal[:, :300]))
    assert not state.is_settled
    state.reset()
    assert state.is_settled
    fresh = make_fading_iir(other, 2, FRAMES, 600)
    assert np.array_equal(state.heard_taps, other)
    assert np.array_equal(
        in_place(_fading)(state, signal.copy()), in_place(_fading)(fresh, signal.copy())
    )


def test_a_filter_of_another_form_begins_at_rest():
    """What one form remembers is nothing to the other: the new one fades in from silence."""
    signal = np.random.default_rng(10).standard_normal((2, 1200)).astype(np.float32)
    head, tail = np.ascontiguousarray(signal[:, :600]), np.ascontiguousarray(signal[:, 600:])
    one_by_one, side_by_side = (design_iir(bands(12), form) for form in ("cascade", "parallel"))
    state = make_fading_iir(one_by_one[None], 2, FRAMES, 600)
    old, new = make_iir(one_by_one, 2, FRAMES), make_iir(side_by_side, 2, FRAMES)
    for one, run in ((state, _fading), (old, _iir)):
        in_place(run)(one, head.copy())
    state.post(side_by_side[None])
    out = in_place(_fading)(state, tail.copy())
    before, after = in_place(_iir)(old, tail.copy()), in_place(_iir)(new, tail.copy())
    t = np.arange(1, 601) / 600
    share = t**3 * (t * (6 * t - 15) + 10)
    assert np.abs(out - (before + share * (after - before))).max() < 1e-6


def test_the_forms_of_a_filter_are_told():
    with pytest.raises(UsageError, match="form 'both': give one of auto, cascade, parallel"):
        design_iir(bands(3), "both")
    with pytest.raises(UsageError, match="3 channels, expected 1 or 2"):
        make_fading_iir(np.tile(design_iir(bands(3)), (3, 1)), 2, 64, 10)


def test_no_state_begins_like_another():
    """Numba takes a record whose first fields are all of another's for a kind of it."""
    layouts = {
        "CASCADE": CASCADE,
        "PARALLEL": PARALLEL,
        "IIR": IIR,
        "FADING_IIR": FADING_IIR,
        "DC_BLOCKER": DC_BLOCKER,
        "LIMITER": LIMITER,
        "RESAMPLER": RESAMPLER,
        "CONVOLVER": CONVOLVER,
        "TRUE_PEAK": TRUE_PEAK,
        "LOUDNESS": LOUDNESS,
        "FFT": FFT,
        "REAL_FFT": REAL_FFT,
        "WIDE_FFT": WIDE_FFT,
    }
    for (one, a), (other, b) in itertools.permutations(layouts.items(), 2):
        first = [(name, b.fields[name][1]) for name in b.names[: len(a.names)]]
        assert [(name, a.fields[name][1]) for name in a.names] != first, f"{other} is a {one}"
