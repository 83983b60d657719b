"""The passes of the FFT: what is done, between two stretches of memory, with one radix.

The method is Stockham's (no bit reversal), radix 4, on separate real and imaginary parts
(C. Van Loan, Computational Frameworks for the Fast Fourier Transform, 1992, section 1.7).
With stride s, every pass computes from ``x[q + s * (p + m * k)]``, k = 0...3, the values
``y[q + s * (4 * p + k)]``. From the third pass on s is at least 16 and a vector runs along
q. In the first pass (s = 1) it runs along p, and four vectors of results are interleaved
before they are stored; in the second (s = 4) it runs along four q and then along p, and
results are interleaved in blocks of four. Vectors are as wide as the target's registers: a step
has eight of them and six twiddle factors at a time. Results are the same bits of every width.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler import kernel
from zerocross.compiler.primitives.vector import (
    EVEN,
    ODD,
    ZIP4_HIGH,
    ZIP4_LOW,
    ZIP_HIGH,
    ZIP_LOW,
    f32_native,
    lanes_of,
    load,
    shuffle,
    splat,
    store,
)
from zerocross.dsp.fft_plan import ROW, SMALL

__all__ = ["any_fft", "first_pass_real", "passes_after_first", "small_fft"]

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
        load(f32_native, xr, i),
        load(f32_native, xi, i),
        load(f32_native, xr, i + quarter),
        load(f32_native, xi, i + quarter),
        load(f32_native, xr, i + 2 * quarter),
        load(f32_native, xi, i + 2 * quarter),
        load(f32_native, xr, i + 3 * quarter),
        load(f32_native, xi, i + 3 * quarter),
    )


@kernel
def _turn_re(xr: Any, xi: Any, wr: Any, wi: Any) -> Any:
    return xr * wr - xi * wi


@kernel
def _turn_im(xr: Any, xi: Any, wr: Any, wi: Any) -> Any:
    return xr * wi + xi * wr


@kernel
def _store_interleaved(
    y: Any, at: Any, y0: Any, y1: Any, y2: Any, y3: Any, low: Any, high: Any
) -> None:
    """Store the first lane of each, or the first four, then the next, as two orders have it."""
    a, b = shuffle(y0, y2, low), shuffle(y0, y2, high)
    c, d = shuffle(y1, y3, low), shuffle(y1, y3, high)
    lanes = lanes_of(f32_native)
    store(y, at, shuffle(a, c, low))
    store(y, at + lanes, shuffle(a, c, high))
    store(y, at + 2 * lanes, shuffle(b, d, low))
    store(y, at + 3 * lanes, shuffle(b, d, high))


@kernel
def _turned(
    r0: Any, i0: Any, r1: Any, i1: Any, r2: Any, i2: Any, r3: Any, i3: Any, w: Any, p: Any
) -> Any:
    """Apply six vectors of twiddle factors to the last three outputs: of p, in rows of six tables."""
    t = 6 * (p - p % ROW) + p % ROW
    a, b = load(f32_native, w, t), load(f32_native, w, t + ROW)
    c, d = load(f32_native, w, t + 2 * ROW), load(f32_native, w, t + 3 * ROW)
    e, f = load(f32_native, w, t + 4 * ROW), load(f32_native, w, t + 5 * ROW)
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
    for p in range(0, m, lanes_of(f32_native)):
        r0, i0, r1, i1, r2, i2, r3, i3 = _butterfly_at(xr, xi, p, m)
        r0, i0, r1, i1, r2, i2, r3, i3 = _turned(r0, i0, r1, i1, r2, i2, r3, i3, w, p)
        _store_interleaved(yr, 4 * p, r0, r1, r2, r3, ZIP_LOW, ZIP_HIGH)
        _store_interleaved(yi, 4 * p, i0, i1, i2, i3, ZIP_LOW, ZIP_HIGH)


@kernel
def _two(x: Any, i: Any) -> Any:
    return load(f32_native, x, i), load(f32_native, x, i + lanes_of(f32_native))


@kernel
def first_pass_real(x: Any, yr: Any, yi: Any, size: Any, w: Any) -> None:
    """Do the first pass on pairs of real samples: even ones real, odd ones imaginary."""
    m = size // 4
    for p in range(0, m, lanes_of(f32_native)):
        a, b = _two(x, 2 * p)
        c, d = _two(x, 2 * (p + m))
        e, f = _two(x, 2 * (p + 2 * m))
        g, h = _two(x, 2 * (p + 3 * m))
        r0, i0, r1, i1, r2, i2, r3, i3 = _butterfly(
            shuffle(a, b, EVEN),
            shuffle(a, b, ODD),
            shuffle(c, d, EVEN),
            shuffle(c, d, ODD),
            shuffle(e, f, EVEN),
            shuffle(e, f, ODD),
            shuffle(g, h, EVEN),
            shuffle(g, h, ODD),
        )
        r0, i0, r1, i1, r2, i2, r3, i3 = _turned(r0, i0, r1, i1, r2, i2, r3, i3, w, p)
        _store_interleaved(yr, 4 * p, r0, r1, r2, r3, ZIP_LOW, ZIP_HIGH)
        _store_interleaved(yi, 4 * p, i0, i1, i2, i3, ZIP_LOW, ZIP_HIGH)


@kernel
def _second_pass(xr: Any, xi: Any, yr: Any, yi: Any, size: Any, w: Any) -> None:
    """Stride 4: vectors of four q by some p, results interleaved in blocks."""
    m = size // 4
    for j in range(0, m, lanes_of(f32_native)):
        r0, i0, r1, i1, r2, i2, r3, i3 = _butterfly_at(xr, xi, j, m)
        r0, i0, r1, i1, r2, i2, r3, i3 = _turned(r0, i0, r1, i1, r2, i2, r3, i3, w, j)
        _store_interleaved(yr, 4 * j, r0, r1, r2, r3, ZIP4_LOW, ZIP4_HIGH)
        _store_interleaved(yi, 4 * j, i0, i1, i2, i3, ZIP4_LOW, ZIP4_HIGH)


@kernel
def _later_pass(xr: Any, xi: Any, yr: Any, yi: Any, size: Any, s: Any, w: Any) -> None:
    """Strides from 16: vectors along q, one set of twiddle factors for each p."""
    quarter = size // 4
    for p in range(quarter // s):
        ar, ai = splat(f32_native, w[6 * p]), splat(f32_native, w[6 * p + 1])
        br, bi = splat(f32_native, w[6 * p + 2]), splat(f32_native, w[6 * p + 3])
        cr, ci = splat(f32_native, w[6 * p + 4]), splat(f32_native, w[6 * p + 5])
        for q in range(0, s, lanes_of(f32_native)):
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
    for i in range(0, quarter, lanes_of(f32_native)):
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
    for i in range(0, half, lanes_of(f32_native)):
        ar, br = load(f32_native, xr, i), load(f32_native, xr, i + half)
        ai, bi = load(f32_native, xi, i), load(f32_native, xi, i + half)
        store(yr, i, ar + br)
        store(yr, i + half, ar - br)
        store(yi, i, ai + bi)
        store(yi, i + half, ai - bi)


@kernel
def small_fft(xr: Any, xi: Any, yr: Any, yi: Any, size: Any, w: Any, work: Any) -> None:
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
def passes_after_first(yr: Any, yi: Any, size: Any, w: Any, work: Any) -> None:
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
def any_fft(xr: Any, xi: Any, yr: Any, yi: Any, size: Any, w: Any, work: Any) -> None:
    """Transform by plain loops or by the passes, as the size wants."""
    if size < SMALL:
        small_fft(xr, xi, yr, yi, size, w, work)
    else:
        _first_pass(xr, xi, work[:size], work[size : 2 * size], size, w)
        passes_after_first(yr, yi, size, w, work)
