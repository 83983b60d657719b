"""Fast Fourier transforms, powers of two, for the audio thread.

A transform is planned once (`fft_plan`), and run with its plan. A real transform of n samples is a
complex one of n / 2, split at the end (Sorensen et al., 1987). Those of float32 go by vectors
(`fft_passes`); those in float64 by plain loops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import float32_array, float64_array, kernel
from zerocross.compiler.primitives.vector import (
    REVERSED,
    f32_native,
    lanes_of,
    load,
    shuffle,
    splat,
    store,
)
from zerocross.dsp.fft_passes import any_fft, first_pass_real, passes_after_first, small_fft
from zerocross.dsp.fft_plan import SMALL

__all__ = [
    "complex_fft",
    "inverse_complex_fft",
    "inverse_real_fft",
    "inverse_wide_fft",
    "real_fft",
    "wide_fft",
]


@kernel
def complex_fft(plan: Any, xr: Any, xi: Any, yr: Any, yi: Any) -> None:
    """Transform complex numbers: ``y[k] = sum x[n] exp(-2 pi i k n / size)``.

    Parameters
    ----------
    plan : record
        An `FFT`, from `make_fft`.
    xr, xi : array, shape (size,), float32
        Real and imaginary parts.
    yr, yi : array, shape (size,), float32
        What is written; may be the input.

    Notes
    -----
    Real-time: safe.

    """
    size = plan.size
    twiddles = float32_array(plan.twiddles, plan.twiddle_count)
    any_fft(xr, xi, yr, yi, size, twiddles, float32_array(plan.work, 4 * size))


@kernel
def inverse_complex_fft(plan: Any, xr: Any, xi: Any, yr: Any, yi: Any) -> None:
    """Invert `complex_fft`: real and imaginary parts exchanged, and divided by the size.

    Parameters as `complex_fft`. Real-time: safe.
    """
    complex_fft(plan, xi, xr, yi, yr)
    scale = np.float32(1.0 / plan.size)
    for i in range(plan.size):
        yr[i] *= scale
        yi[i] *= scale


@kernel
def real_fft(plan: Any, x: Any, yr: Any, yi: Any) -> None:
    """Transform real samples.

    Parameters
    ----------
    plan : record
        A `REAL_FFT`, from `make_real_fft`.
    x : array, shape (size,), float32
        Samples.
    yr, yi : array, shape (size / 2 + 1,), float32
        Real and imaginary parts from 0 Hz to half the sample rate.

    Notes
    -----
    Real-time: safe.

    """
    half = plan.size // 2
    work = float32_array(plan.work, 8 * half)
    twiddles = float32_array(plan.half_twiddles, plan.half_count)
    zr, zi = work[4 * half : 5 * half], work[5 * half : 6 * half]
    if half < SMALL:
        for i in range(half):
            zr[i] = x[2 * i]
            zi[i] = x[2 * i + 1]
        small_fft(zr, zi, zr, zi, half, twiddles, work)
    else:
        first_pass_real(x, work[:half], work[half : 2 * half], half, twiddles)
        passes_after_first(zr, zi, half, twiddles, work)
    _split(zr, zi, yr, yi, half, float32_array(plan.turns, 2 * (half // 2 + 1)))


@kernel
def _split(zr: Any, zi: Any, yr: Any, yi: Any, half: Any, turns: Any) -> None:
    """Take the transform of a real signal out of that of its pairs of samples."""
    middle = half // 2
    wr, wi = turns[: middle + 1], turns[middle + 1 :]
    yr[0], yi[0] = zr[0] + zi[0], np.float32(0.0)
    yr[half], yi[half] = zr[0] - zi[0], np.float32(0.0)
    k = 1
    if half >= 2 * SMALL:
        lanes = lanes_of(f32_native)
        h = splat(f32_native, np.float32(0.5))
        while k + lanes <= middle:
            j = half - k - (lanes - 1)
            ar, ai = load(f32_native, zr, k), load(f32_native, zi, k)
            rr, ri = load(f32_native, zr, j), load(f32_native, zi, j)
            br, bi = shuffle(rr, rr, REVERSED), shuffle(ri, ri, REVERSED)
            er, ei = (ar + br) * h, (ai - bi) * h
            dr, di = (ai + bi) * h, (br - ar) * h
            cr, ci = load(f32_native, wr, k), load(f32_native, wi, k)
            tr, ti = dr * cr - di * ci, dr * ci + di * cr
            store(yr, k, er + tr)
            store(yi, k, ei + ti)
            ur, ui = er - tr, ti - ei
            store(yr, j, shuffle(ur, ur, REVERSED))
            store(yi, j, shuffle(ui, ui, REVERSED))
            k += lanes
    _split_from(k, zr, zi, yr, yi, half, turns)


@kernel
def _split_from(k: Any, zr: Any, zi: Any, yr: Any, yi: Any, half: Any, turns: Any) -> None:
    """Do `_split` for bins from k to the middle, and for those they are paired with."""
    middle = half // 2
    wr, wi = turns[: middle + 1], turns[middle + 1 :]
    while k <= middle:
        j = half - k
        er, ei = (zr[k] + zr[j]) * np.float32(0.5), (zi[k] - zi[j]) * np.float32(0.5)
        dr, di = (zi[k] + zi[j]) * np.float32(0.5), (zr[j] - zr[k]) * np.float32(0.5)
        tr, ti = dr * wr[k] - di * wi[k], dr * wi[k] + di * wr[k]
        yr[k], yi[k] = er + tr, ei + ti
        yr[j], yi[j] = er - tr, ti - ei
        k += 1


@kernel
def _join(xr: Any, xi: Any, zr: Any, zi: Any, half: Any, turns: Any) -> None:
    """Make the transform of pairs of samples from that of a real signal, times two."""
    middle = half // 2
    wr, wi = turns[: middle + 1], turns[middle + 1 :]
    zr[0], zi[0] = xr[0] + xr[half], xr[0] - xr[half]
    for k in range(1, middle + 1):
        j = half - k
        er, ei = xr[k] + xr[j], xi[k] - xi[j]
        tr, ti = xr[k] - xr[j], xi[k] + xi[j]
        dr, di = tr * wr[k] + ti * wi[k], ti * wr[k] - tr * wi[k]
        zr[k], zi[k] = er - di, ei + dr
        zr[j], zi[j] = er + di, dr - ei


@kernel
def inverse_real_fft(plan: Any, xr: Any, xi: Any, y: Any) -> None:
    """Invert `real_fft`; the imaginary parts at 0 Hz and at the end count as 0.

    Parameters
    ----------
    plan : record
        A `REAL_FFT`, from `make_real_fft`.
    xr, xi : array, shape (size / 2 + 1,), float32
        Real and imaginary parts.
    y : array, shape (size,), float32
        Samples, written.

    Notes
    -----
    Real-time: safe.

    """
    half = plan.size // 2
    work = float32_array(plan.work, 8 * half)
    zr, zi = work[4 * half : 5 * half], work[5 * half : 6 * half]
    _join(xr, xi, zr, zi, half, float32_array(plan.turns, 2 * (half // 2 + 1)))
    ur, ui = work[6 * half : 7 * half], work[7 * half : 8 * half]
    any_fft(zi, zr, ui, ur, half, float32_array(plan.half_twiddles, plan.half_count), work)
    scale = np.float32(1.0 / plan.size)
    for i in range(half):
        y[2 * i] = ur[i] * scale
        y[2 * i + 1] = ui[i] * scale


# --- in float64 ---------------------------------------------------------------------------------


@kernel
def wide_fft(plan: Any, x: Any, yr: Any, yi: Any) -> None:
    """Do `real_fft` in float64, by plain loops, with a `WIDE_FFT` from `make_wide_fft`.

    Samples and result may be float32; then only those round. Real-time: safe.
    """
    half = plan.size // 2
    work = float64_array(plan.work, 8 * half)
    zr, zi = work[4 * half : 5 * half], work[5 * half : 6 * half]
    for i in range(half):
        zr[i] = x[2 * i]
        zi[i] = x[2 * i + 1]
    small_fft(zr, zi, zr, zi, half, float64_array(plan.wide_twiddles, plan.wide_count), work)
    yr[0], yi[0] = zr[0] + zi[0], 0.0
    yr[half], yi[half] = zr[0] - zi[0], 0.0
    _split_from(1, zr, zi, yr, yi, half, float64_array(plan.wide_turns, 2 * (half // 2 + 1)))


@kernel
def inverse_wide_fft(plan: Any, xr: Any, xi: Any, y: Any) -> None:
    """Invert `wide_fft`, in float64. Real-time: safe."""
    half = plan.size // 2
    work = float64_array(plan.work, 8 * half)
    zr, zi = work[4 * half : 5 * half], work[5 * half : 6 * half]
    _join(xr, xi, zr, zi, half, float64_array(plan.wide_turns, 2 * (half // 2 + 1)))
    ur, ui = work[6 * half : 7 * half], work[7 * half : 8 * half]
    twiddles = float64_array(plan.wide_twiddles, plan.wide_count)
    small_fft(zi, zr, ui, ur, half, twiddles, work)
    scale = 1.0 / plan.size
    for i in range(half):
        y[2 * i] = ur[i] * scale
        y[2 * i + 1] = ui[i] * scale
