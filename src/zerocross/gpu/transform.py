"""Real FFTs in a workgroup's memory, as text in WGSL: one window a workgroup.

The method is that of `dsp.fft_passes`: Stockham's, radix 4, the last pass radix 2 where the size wants it; a
real transform of n samples is a complex one of n / 2, taken apart at the end. A thread keeps what it
has loaded until all others have loaded theirs, so that a pass needs one copy of the data only: 4 n bytes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["MOST_THREADS", "TIMES", "passes", "threads_for", "turns", "twiddles"]

#: Threads of a workgroup: what every card has.
MOST_THREADS = 256
#: The product of complex numbers, which `passes` need.
TIMES = """
fn times(a: vec2f, b: vec2f) -> vec2f {
  return vec2f(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
"""


def threads_for(points: int) -> int:
    """Return how many threads transform so many complex points."""
    return min(MOST_THREADS, points // 4)


def twiddles(points: int) -> npt.NDArray[np.float32]:
    """Return the roots of unity of a complex transform, shape (points, 2)."""
    roots = np.exp(-2j * np.pi * np.arange(points) / points)
    return np.stack([roots.real, roots.imag], axis=1).astype(np.float32)


def turns(size: int) -> npt.NDArray[np.float32]:
    """Return the factors that take the transform of real samples apart, shape (size / 4 + 1, 2)."""
    factors = np.exp(-2j * np.pi * np.arange(size // 4 + 1) / size)
    return np.stack([factors.real, factors.imag], axis=1).astype(np.float32)


_LOAD_FOUR = """
  let b{n} = me + {at}u;
  let a{n} = z[b{n}]; let c{n} = z[b{n} + {quarter}u];
  let d{n} = z[b{n} + {half}u]; let e{n} = z[b{n} + {three}u];"""
_STORE_FOUR = """
  {{
    let q = b{n} & {low}u; let p = b{n} - q;
    let s0 = a{n} + d{n}; let s1 = a{n} - d{n}; let t0 = c{n} + e{n}; let t1 = c{n} - e{n};
    let o = q + 4u * p;
    z[o] = s0 + t0;
    z[o + {stride}u] = times(vec2f(s1.x + t1.y, s1.y - t1.x), roots[p]);
    z[o + {two_strides}u] = times(s0 - t0, roots[2u * p]);
    z[o + {three_strides}u] = times(vec2f(s1.x - t1.y, s1.y + t1.x), roots[3u * p]);
  }}"""
_LOAD_TWO = """
  let b{n} = me + {at}u; let a{n} = z[b{n}]; let c{n} = z[b{n} + {half}u];"""
_STORE_TWO = """
  z[b{n}] = a{n} + c{n}; z[b{n} + {half}u] = a{n} - c{n};"""
_BARRIER = """
  workgroupBarrier();"""


def passes(points: int) -> str:
    """Return statements that transform ``z`` of a workgroup, in place.

    They stand where ``me`` is the thread's number, and ``roots`` the table `twiddles`, behind `TIMES`.
    """
    threads = threads_for(points)
    text = ""
    stride = 1
    while points // stride >= 4:
        count = points // 4 // threads
        sizes = {
            "quarter": points // 4,
            "half": points // 2,
            "three": 3 * points // 4,
            "low": stride - 1,
            "stride": stride,
            "two_strides": 2 * stride,
            "three_strides": 3 * stride,
        }
        each = [{**sizes, "n": f"{stride}_{k}", "at": k * threads} for k in range(count)]
        text += "".join(_LOAD_FOUR.format(**one) for one in each) + _BARRIER
        text += "".join(_STORE_FOUR.format(**one) for one in each) + _BARRIER
        stride *= 4
    if stride < points:
        count = points // 2 // threads
        two = [{"n": f"t_{k}", "at": k * threads, "half": points // 2} for k in range(count)]
        text += "".join(_LOAD_TWO.format(**one) for one in two) + _BARRIER
        text += "".join(_STORE_TWO.format(**one) for one in two) + _BARRIER
    return text
