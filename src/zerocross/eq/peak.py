"""The highest point of a response, also where it is narrow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["highest", "peak_grid"]

Response = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

_BROAD_POINTS = 3000
_LOWEST_HZ = 0.05
#: Roots narrower than this have places of their own.
_BROAD_Q = 3.0
#: Where the level of a resonance is looked at, in halves of its bandwidth from its middle.
_NEAR = np.concatenate([[0.05], np.geomspace(0.1, 40.0, 28)])
_NEAR_BOTH = np.concatenate([-_NEAR[::-1], [0.0], _NEAR])
_NEAR_DB = 1.0
_REFINEMENTS = 3
_WITHIN = np.linspace(0.0, 1.0, 9)


def peak_grid(
    sos: npt.NDArray[np.float64], sample_rate: float, more_hz: Sequence[float] = ()
) -> npt.NDArray[np.float64]:
    """Return frequencies in Hz that no peak of a cascade lies between unseen.

    They are dense around each pair of poles and of zeros, in proportion to its bandwidth: on the
    scale ``t = Q (W / W0 - W0 / W)`` with ``W = tan(pi f / rate)``, each pair's power is
    proportional to ``1 + t**2``, however narrow it is.
    """
    half = sample_rate / 2
    places = [np.array([0.0, half]), np.geomspace(min(_LOWEST_HZ, half / 2), half, _BROAD_POINTS)]
    for first in (0, 3):
        middle, q = _roots_of(sos[:, first : first + 3])
        narrow = (q > _BROAD_Q) & (middle > 0) & np.isfinite(middle)
        warped = middle[narrow, None] * np.exp(np.arcsinh(_NEAR_BOTH / (2 * q[narrow, None])))
        places.append((np.arctan(warped) * sample_rate / np.pi).ravel())
    places.append(np.asarray(more_hz, np.float64))
    grid = np.concatenate(places)
    return np.unique(grid[(grid >= 0) & (grid <= half)])


def _roots_of(
    polynomials: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the middle and the Q of pairs of roots, seen through the bilinear transform."""
    first, second, third = polynomials.T
    constant, linear, square = first + second + third, 2 * (first - third), first - second + third
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = np.sqrt(constant / square)
        q = np.sqrt(constant * square) / np.abs(linear)
    return np.nan_to_num(middle, nan=0.0, posinf=np.inf), np.minimum(np.nan_to_num(q), 1e9)


def highest(response_db: Response, grid: npt.NDArray[np.float64]) -> float:
    """Return the highest level of a response, in dB, looked for on a grid and between its places."""
    levels = response_db(grid)
    best = float(levels.max())
    inner = (levels[1:-1] >= levels[:-2]) & (levels[1:-1] >= levels[2:])
    tops = 1 + np.flatnonzero(inner & (levels[1:-1] > best - _NEAR_DB))
    low, high = grid[tops - 1], grid[tops + 1]
    for _ in range(_REFINEMENTS):
        if not len(tops):
            break
        places = low[:, None] + (high - low)[:, None] * _WITHIN
        found = response_db(places.ravel()).reshape(places.shape)
        at = np.clip(found.argmax(axis=1), 1, len(_WITHIN) - 2)
        rows = np.arange(len(at))
        low, high = places[rows, at - 1], places[rows, at + 1]
        best = max(best, float(found.max()))
    return best
