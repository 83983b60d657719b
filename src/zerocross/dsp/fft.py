"""Fast Fourier transforms of float32, powers of two, for the audio thread.

A transform is planned once (`make_fft`): tables of twiddle factors in the order in which
they are read, and work space. Running it allocates nothing.

The method is Stockham's (no bit reversal), radix 4, on separate real and imaginary parts
(C. Van Loan, Computational Frameworks for the Fast Fourier Transform, 1992, section 1.7).
With stride s, every pass computes from ``x[q + s * (p + m * k)]``, k = 0...3, the values
``y[q + s * (4 * p + k)]``. From the third pass on s is at least 16 and a vector runs along
q. In the first pass (s = 1) it runs along p, and four vectors of results are interleaved
before they are stored; in the second (s = 4) it holds four p of four q, and results are
transposed in blocks of four. A real transform of n samples is a complex one of n / 2, taken
apart at the end (Sorensen et al., 1987).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import kernel
from zerocross.compiler.primitives.vector import f32x16, load, shuffle, splat, store
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros

__all__ = [
    "MAX_SIZE",
    "MIN_SIZE",
    "FFTPlan",
    "complex_fft",
    "inverse_complex_fft",
    "inverse_real_fft",
    "inverse_wide_fft",
    "make_fft",
    "make_real_fft",
    "make_wide_fft",
    "real_fft",
    "wide_fft",
]

#: Sizes of transforms: powers of two in these limits.
MIN_SIZE, MAX_SIZE = 16, 65_536

# Below this size the passes are plain loops.
_SMALL = 64

_EVEN = tuple(range(0, 32, 2))
_ODD = tuple(range(1, 32, 2))
_REVERSE = tuple(range(15, -1, -1))
_LOW = (0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
_HIGH = (8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
_BLOCKS_LOW = (0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
_BLOCKS_HIGH = (8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
_HALVES_LOW = (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
_HALVES_HIGH = (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)


@dataclasses.dataclass(frozen=True)
class FFTPlan:
    """A planned transform.

    Attributes
    ----------
    size : int
        Points of the transform.
    tables : ndarray, float32 (a wide one: float64)
        Twiddle factors; never written, may be shared.
    work : ndarray, as the tables
        Space for one transform at a time.

    """

    size: int
    tables: npt.NDArray[np.floating[Any]]
    work: npt.NDArray[np.floating[Any]]


def _check_size(size: int, smallest: int) -> None:
    if size & (size - 1) or not smallest <= size <= MAX_SIZE:
        raise UsageError(f"FFT of {size} points; take a power of two from {smallest} to {MAX_SIZE}")


def _pass_tables(size: int) -> list[npt.NDArray[np.float64]]:
    """Return the twiddle factors of all radix-4 passes, in reading order."""
    tables = []
    length, stride = size, 1
    while length >= 4:
        m = length // 4
        angles = -2j * np.pi * np.arange(m) / length
        factors = np.stack([np.exp(k * angles) for k in (1, 2, 3)])
        parts = np.stack([factors.real, factors.imag], axis=1).reshape(6, m)
        if size >= _SMALL and stride < 16:  # whole vectors: 16 p, or 4 p four times each
            wide = np.repeat(parts, stride, axis=1)
            tables.append(wide.reshape(6, -1, 16).transpose(1, 0, 2).ravel())
        else:
            tables.append(parts.T.ravel())
        length, stride = m, stride * 4
    return tables


def make_fft(size: int) -> FFTPlan:
    """Plan a complex transform of a size from 16 to 65536 (8 within a real one)."""
    _check_size(size, MIN_SIZE)
    return _make(size)


def _make(size: int) -> FFTPlan:
    flat = np.concatenate(_pass_tables(size))
    tables = aligned_zeros(flat.size, np.float32)
    tables[:] = flat
    return FFTPlan(size, tables, aligned_zeros(4 * size, np.float32))


def make_real_fft(size: int) -> FFTPlan:
    """Plan a real transform of a size from 16 to 65536."""
    _check_size(size, MIN_SIZE)
    half = size // 2
    inner = _make(half)
    angles = -2j * np.pi * np.arange(half // 2 + 1) / size
    turn = np.exp(angles)
    split = np.concatenate([turn.real, turn.imag])
    tables = aligned_zeros(inner.tables.size + split.size, np.float32)
    tables[: inner.tables.size] = inner.tables
    tables[inner.tables.size :] = split
    return FFTPlan(size, tables, aligned_zeros(4 * size, np.float32))


# --- butterflies ----------------------------------------------------------------------------


@kernel
def _butterfly(ar: Any, ai: Any, br: Any, bi: Any, cr: Any, ci: Any, dr: Any, di: Any) -> Any:
    """Return the four outputs of a radix-4 step, before their twiddle factors."""
    pr, pi, mr, mi = ar + cr, ai + ci, ar - cr, ai - ci
    qr, qi, nr, ni = br + dr, bi + di, br - dr, bi - di
    return pr + qr, pi + qi, mr + ni, mi - nr, pr - qr, pi - qi, mr - ni, mi + nr


@kernel
def _butterfly_at(xr: Any, xi: Any, i: Any, quarter: Any) -> Any:
    """Load four vectors, a quarter of the size apart, and return their butterfly."""
    return _butterfly(
        load(f32x16, xr, i),
        load(f32x16, xi, i),
        load(f32x16, xr, i + quarter),
        load(f32x16, xi, i + quarter),
        load(f32x16, xr, i + 2 * quarter),
        load(f32x16, xi, i + 2 * quarter),
        load(f32x16, xr, i + 3 * quarter),
        load(f32x16, xi, i + 3 * quarter),
    )


@kernel
def _turn_re(xr: Any, xi: Any, wr: Any, wi: Any) -> Any:
    return xr * wr - xi * wi


@kernel
def _turn_im(xr: Any, xi: Any, wr: Any, wi: Any) -> Any:
    return xr * wi + xi * wr


@kernel
def _store_interleaved(y: Any, at: Any, y0: Any, y1: Any, y2: Any, y3: Any) -> None:
    """Store ``y0[0] y1[0] y2[0] y3[0] y0[1] ...``."""
    a, b = shuffle(y0, y2, _LOW), shuffle(y0, y2, _HIGH)
    c, d = shuffle(y1, y3, _LOW), shuffle(y1, y3, _HIGH)
    store(y, at, shuffle(a, c, _LOW))
    store(y, at + 16, shuffle(a, c, _HIGH))
    store(y, at + 32, shuffle(b, d, _LOW))
    store(y, at + 48, shuffle(b, d, _HIGH))


@kernel
def _store_blocks(y: Any, at: Any, y0: Any, y1: Any, y2: Any, y3: Any) -> None:
    """Store the first four lanes of each, then the next four, and so on."""
    a, b = shuffle(y0, y1, _BLOCKS_LOW), shuffle(y0, y1, _BLOCKS_HIGH)
    c, d = shuffle(y2, y3, _BLOCKS_LOW), shuffle(y2, y3, _BLOCKS_HIGH)
    store(y, at, shuffle(a, c, _HALVES_LOW))
    store(y, at + 16, shuffle(a, c, _HALVES_HIGH))
    store(y, at + 32, shuffle(b, d, _HALVES_LOW))
    store(y, at + 48, shuffle(b, d, _HALVES_HIGH))


@kernel
def _turned(
    r0: Any, i0: Any, r1: Any, i1: Any, r2: Any, i2: Any, r3: Any, i3: Any, w: Any, t: Any
) -> Any:
    """Apply six vectors of twiddle factors to the last three outputs."""
    a, b, c = load(f32x16, w, t), load(f32x16, w, t + 16), load(f32x16, w, t + 32)
    d, e, f = load(f32x16, w, t + 48), load(f32x16, w, t + 64), load(f32x16, w, t + 80)
    return (
        r0,
        i0,
        _turn_re(r1, i1, a, b),
        _turn_im(r1, i1, a, b),
        _turn_re(r2, i2, c, d),
        _turn_im(r2, i2, c, d),
        _turn_re(r3, i3, e, f),
        _turn_im(r3, i3, e, f),
    )


# --- passes ---------------------------------------------------------------------------------


@kernel
def _first_pass(xr: Any, xi: Any, yr: Any, yi: Any, size: Any, w: Any) -> None:
    """Stride 1: vectors along p, results interleaved."""
    m = size // 4
    for p in range(0, m, 16):
        r0, i0, r1, i1, r2, i2, r3, i3 = _butterfly_at(xr, xi, p, m)
        r0, i0, r1, i1, r2, i2, r3, i3 = _turned(r0, i0, r1, i1, r2, i2, r3, i3, w, 6 * p)
        _store_interleaved(yr, 4 * p, r0, r1, r2, r3)
        _store_interleaved(yi, 4 * p, i0, i1, i2, i3)


@kernel
def _first_pass_real(x: Any, yr: Any, yi: Any, size: Any, w: Any) -> None:
    """Do the first pass on pairs of real samples: even ones real, odd ones imaginary."""
    m = size // 4
    for p in range(0, m, 16):
        a, b = load(f32x16, x, 2 * p), load(f32x16, x, 2 * p + 16)
        c, d = load(f32x16, x, 2 * (p + m)), load(f32x16, x, 2 * (p + m) + 16)
        e, f = load(f32x16, x, 2 * (p + 2 * m)), load(f32x16, x, 2 * (p + 2 * m) + 16)
        g, h = load(f32x16, x, 2 * (p + 3 * m)), load(f32x16, x, 2 * (p + 3 * m) + 16)
        r0, i0, r1, i1, r2, i2, r3, i3 = _butterfly(
            shuffle(a, b, _EVEN),
            shuffle(a, b, _ODD),
            shuffle(c, d, _EVEN),
            shuffle(c, d, _ODD),
            shuffle(e, f, _EVEN),
            shuffle(e, f, _ODD),
            shuffle(g, h, _EVEN),
            shuffle(g, h, _ODD),
        )
        r0, i0, r1, i1, r2, i2, r3, i3 = _turned(r0, i0, r1, i1, r2, i2, r3, i3, w, 6 * p)
        _store_interleaved(yr, 4 * p, r0, r1, r2, r3)
        _store_interleaved(yi, 4 * p, i0, i1, i2, i3)


@kernel
def _second_pass(xr: Any, xi: Any, yr: Any, yi: Any, size: Any, w: Any) -> None:
    """Stride 4: vectors of four p by four q, results transposed in blocks."""
    m = size // 4
    for j in range(0, m, 16):
        r0, i0, r1, i1, r2, i2, r3, i3 = _butterfly_at(xr, xi, j, m)
        r0, i0, r1, i1, r2, i2, r3, i3 = _turned(r0, i0, r1, i1, r2, i2, r3, i3, w, 6 * j)
        _store_blocks(yr, 4 * j, r0, r1, r2, r3)
        _store_blocks(yi, 4 * j, i0, i1, i2, i3)


@kernel
def _later_pass(xr: Any, xi: Any, yr: Any, yi: Any, size: Any, s: Any, w: Any) -> None:
    """Strides from 16: vectors along q, one set of twiddle factors for each p."""
    quarter = size // 4
    for p in range(quarter // s):
        ar, ai = splat(f32x16, w[6 * p]), splat(f32x16, w[6 * p + 1])
        br, bi = splat(f32x16, w[6 * p + 2]), splat(f32x16, w[6 * p + 3])
        cr, ci = splat(f32x16, w[6 * p + 4]), splat(f32x16, w[6 * p + 5])
        for q in range(0, s, 16):
            i = q + s * p
            r0, i0, r1, i1, r2, i2, r3, i3 = _butterfly_at(xr, xi, i, quarter)
            o = q + s * 4 * p
            store(yr, o, r0)
            store(yi, o, i0)
            store(yr, o + s, _turn_re(r1, i1, ar, ai))
            store(yi, o + s, _turn_im(r1, i1, ar, ai))
            store(yr, o + 2 * s, _turn_re(r2, i2, br, bi))
            store(yi, o + 2 * s, _turn_im(r2, i2, br, bi))
            store(yr, o + 3 * s, _turn_re(r3, i3, cr, ci))
            store(yi, o + 3 * s, _turn_im(r3, i3, cr, ci))


@kernel
def _last_pass(xr: Any, xi: Any, yr: Any, yi: Any, size: Any) -> None:
    """Do the pass of length 4, whose twiddle factors are all 1."""
    quarter = size // 4
    for i in range(0, quarter, 16):
        r0, i0, r1, i1, r2, i2, r3, i3 = _butterfly_at(xr, xi, i, quarter)
        store(yr, i, r0)
        store(yi, i, i0)
        store(yr, i + quarter, r1)
        store(yi, i + quarter, i1)
        store(yr, i + 2 * quarter, r2)
        store(yi, i + 2 * quarter, i2)
        store(yr, i + 3 * quarter, r3)
        store(yi, i + 3 * quarter, i3)


@kernel
def _last_pass_of_two(xr: Any, xi: Any, yr: Any, yi: Any, size: Any) -> None:
    """Do the pass of length 2 that sizes of an odd power of two end with."""
    half = size // 2
    for i in range(0, half, 16):
        ar, br = load(f32x16, xr, i), load(f32x16, xr, i + half)
        ai, bi = load(f32x16, xi, i), load(f32x16, xi, i + half)
        store(yr, i, ar + br)
        store(yr, i + half, ar - br)
        store(yi, i, ai + bi)
        store(yi, i + half, ai - bi)


@kernel
def _small_fft(xr: Any, xi: Any, yr: Any, yi: Any, size: Any, w: Any, work: Any) -> None:
    """Transform by plain loops, the same passes: less than 64 points, or in float64."""
    ar, ai = work[:size], work[size : 2 * size]
    br, bi = work[2 * size : 3 * size], work[3 * size : 4 * size]
    for i in range(size):
        ar[i] = xr[i]
        ai[i] = xi[i]
    s = 1
    t = 0
    quarter = size // 4
    while size // s >= 4:
        for p in range(quarter // s):
            for q in range(s):
                i, o = q + s * p, q + s * 4 * p
                r0, i0, r1, i1, r2, i2, r3, i3 = _butterfly(
                    ar[i],
                    ai[i],
                    ar[i + quarter],
                    ai[i + quarter],
                    ar[i + 2 * quarter],
                    ai[i + 2 * quarter],
                    ar[i + 3 * quarter],
                    ai[i + 3 * quarter],
                )
                k = t + 6 * p
                br[o], bi[o] = r0, i0
                br[o + s], bi[o + s] = (
                    _turn_re(r1, i1, w[k], w[k + 1]),
                    _turn_im(r1, i1, w[k], w[k + 1]),
                )
                br[o + 2 * s] = _turn_re(r2, i2, w[k + 2], w[k + 3])
                bi[o + 2 * s] = _turn_im(r2, i2, w[k + 2], w[k + 3])
                br[o + 3 * s] = _turn_re(r3, i3, w[k + 4], w[k + 5])
                bi[o + 3 * s] = _turn_im(r3, i3, w[k + 4], w[k + 5])
        t += 6 * (quarter // s)
        s *= 4
        ar, ai, br, bi = br, bi, ar, ai
    if s < size:
        half = size // 2
        for i in range(half):
            yr[i], yr[i + half] = ar[i] + ar[i + half], ar[i] - ar[i + half]
            yi[i], yi[i + half] = ai[i] + ai[i + half], ai[i] - ai[i + half]
    else:
        for i in range(size):
            yr[i] = ar[i]
            yi[i] = ai[i]


@kernel
def _passes_after_first(yr: Any, yi: Any, size: Any, w: Any, work: Any) -> None:
    """Do all passes but the first, from the first half of the work space into y."""
    ar, ai = work[:size], work[size : 2 * size]
    br, bi = work[2 * size : 3 * size], work[3 * size : 4 * size]
    quarter = size // 4
    t = 6 * quarter
    if size == 64:
        _second_pass(ar, ai, br, bi, size, w[t:])
        _last_pass(br, bi, yr, yi, size)
        return
    _second_pass(ar, ai, br, bi, size, w[t:])
    t += 6 * quarter
    s = 16
    while size // s > 4:
        _later_pass(br, bi, ar, ai, size, s, w[t:])
        t += 6 * (quarter // s)
        s *= 4
        ar, ai, br, bi = br, bi, ar, ai
    if size // s == 4:
        _last_pass(br, bi, yr, yi, size)
    else:
        _last_pass_of_two(br, bi, yr, yi, size)


@kernel
def complex_fft(xr: Any, xi: Any, yr: Any, yi: Any, tables: Any, work: Any) -> None:
    """Transform complex numbers: ``y[k] = sum x[n] exp(-2 pi i k n / size)``.

    Parameters
    ----------
    xr, xi : array, shape (size,), float32
        Real and imaginary parts.
    yr, yi : array, shape (size,), float32
        What is written; may be the input.
    tables, work : array, float32
        Of a plan from `make_fft`.

    Notes
    -----
    Real-time: safe.

    """
    size = xr.size
    if size < _SMALL:
        _small_fft(xr, xi, yr, yi, size, tables, work)
    else:
        _first_pass(xr, xi, work[:size], work[size : 2 * size], size, tables)
        _passes_after_first(yr, yi, size, tables, work)


@kernel
def inverse_complex_fft(xr: Any, xi: Any, yr: Any, yi: Any, tables: Any, work: Any) -> None:
    """Invert `complex_fft`: real and imaginary parts exchanged, and divided by the size."""
    complex_fft(xi, xr, yi, yr, tables, work)
    scale = np.float32(1.0 / xr.size)
    for i in range(xr.size):
        yr[i] *= scale
        yi[i] *= scale


@kernel
def real_fft(x: Any, yr: Any, yi: Any, tables: Any, work: Any) -> None:
    """Transform real samples.

    Parameters
    ----------
    x : array, shape (size,), float32
        Samples.
    yr, yi : array, shape (size / 2 + 1,), float32
        Real and imaginary parts from 0 Hz to half the sample rate.
    tables, work : array, float32
        Of a plan from `make_real_fft`.

    Notes
    -----
    Real-time: safe.

    """
    half = x.size // 2
    zr, zi = work[4 * half : 5 * half], work[5 * half : 6 * half]
    if half < _SMALL:
        for i in range(half):
            zr[i] = x[2 * i]
            zi[i] = x[2 * i + 1]
        _small_fft(zr, zi, zr, zi, half, tables, work)
    else:
        _first_pass_real(x, work[:half], work[half : 2 * half], half, tables)
        _passes_after_first(zr, zi, half, tables, work)
    turns = tables[tables.size - 2 * (half // 2 + 1) :]
    _split(zr, zi, yr, yi, half, turns)


@kernel
def _split(zr: Any, zi: Any, yr: Any, yi: Any, half: Any, turns: Any) -> None:
    """Take the transform of a real signal out of that of its pairs of samples."""
    middle = half // 2
    wr, wi = turns[: middle + 1], turns[middle + 1 :]
    yr[0], yi[0] = zr[0] + zi[0], np.float32(0.0)
    yr[half], yi[half] = zr[0] - zi[0], np.float32(0.0)
    k = 1
    if half >= 2 * _SMALL:
        h = splat(f32x16, np.float32(0.5))
        while k + 16 <= middle:
            j = half - k - 15
            ar, ai = load(f32x16, zr, k), load(f32x16, zi, k)
            rr, ri = load(f32x16, zr, j), load(f32x16, zi, j)
            br, bi = shuffle(rr, rr, _REVERSE), shuffle(ri, ri, _REVERSE)
            er, ei = (ar + br) * h, (ai - bi) * h
            dr, di = (ai + bi) * h, (br - ar) * h
            cr, ci = load(f32x16, wr, k), load(f32x16, wi, k)
            tr, ti = dr * cr - di * ci, dr * ci + di * cr
            store(yr, k, er + tr)
            store(yi, k, ei + ti)
            ur, ui = er - tr, ti - ei
            store(yr, j, shuffle(ur, ur, _REVERSE))
            store(yi, j, shuffle(ui, ui, _REVERSE))
            k += 16
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
def inverse_real_fft(xr: Any, xi: Any, y: Any, tables: Any, work: Any) -> None:
    """Invert `real_fft`; the imaginary parts at 0 Hz and at the end count as 0.

    Parameters
    ----------
    xr, xi : array, shape (size / 2 + 1,), float32
        Real and imaginary parts.
    y : array, shape (size,), float32
        Samples, written.
    tables, work : array, float32
        Of a plan from `make_real_fft`.

    Notes
    -----
    Real-time: safe.

    """
    half = y.size // 2
    middle = half // 2
    turns = tables[tables.size - 2 * (middle + 1) :]
    zr, zi = work[4 * half : 5 * half], work[5 * half : 6 * half]
    _join(xr, xi, zr, zi, half, turns)
    complex_part = tables[: tables.size - 2 * (middle + 1)]
    ur, ui = work[6 * half : 7 * half], work[7 * half : 8 * half]
    complex_fft(zi, zr, ui, ur, complex_part, work)
    scale = np.float32(1.0 / y.size)
    for i in range(half):
        y[2 * i] = ur[i] * scale
        y[2 * i + 1] = ui[i] * scale


# --- in float64 ---------------------------------------------------------------------------------


def make_wide_fft(size: int) -> FFTPlan:
    """Plan a real transform that is computed in float64, for `wide_fft`; size as above."""
    _check_size(size, MIN_SIZE)
    half = size // 2
    parts = []
    length = half
    while length >= 4:
        angles = -2j * np.pi * np.arange(length // 4) / length
        factors = np.stack([np.exp(k * angles) for k in (1, 2, 3)], axis=1)
        parts.append(np.stack([factors.real, factors.imag], axis=2).ravel())
        length //= 4
    turn = np.exp(-2j * np.pi * np.arange(half // 2 + 1) / size)
    flat = np.concatenate([*parts, turn.real, turn.imag])
    tables = aligned_zeros(flat.size, np.float64)
    tables[:] = flat
    return FFTPlan(size, tables, aligned_zeros(4 * size, np.float64))


@kernel
def wide_fft(x: Any, yr: Any, yi: Any, tables: Any, work: Any) -> None:
    """Do `real_fft` in float64, by plain loops.

    Samples and result may be float32; then only those round. Real-time: safe.
    """
    half = x.size // 2
    zr, zi = work[4 * half : 5 * half], work[5 * half : 6 * half]
    for i in range(half):
        zr[i] = x[2 * i]
        zi[i] = x[2 * i + 1]
    _small_fft(zr, zi, zr, zi, half, tables, work)
    turns = tables[tables.size - 2 * (half // 2 + 1) :]
    yr[0], yi[0] = zr[0] + zi[0], 0.0
    yr[half], yi[half] = zr[0] - zi[0], 0.0
    _split_from(1, zr, zi, yr, yi, half, turns)


@kernel
def inverse_wide_fft(xr: Any, xi: Any, y: Any, tables: Any, work: Any) -> None:
    """Invert `wide_fft`, in float64. Real-time: safe."""
    half = y.size // 2
    turns = tables[tables.size - 2 * (half // 2 + 1) :]
    zr, zi = work[4 * half : 5 * half], work[5 * half : 6 * half]
    _join(xr, xi, zr, zi, half, turns)
    ur, ui = work[6 * half : 7 * half], work[7 * half : 8 * half]
    _small_fft(zi, zr, ui, ur, half, tables, work)
    scale = 1.0 / y.size
    for i in range(half):
        y[2 * i] = ur[i] * scale
        y[2 * i + 1] = ui[i] * scale
