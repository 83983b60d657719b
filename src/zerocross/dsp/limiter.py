"""A soft limiter that looks ahead: peaks are met by a gain that was already on its way down.

For every frame a wanted gain follows from its largest magnitude and a soft knee. The
smallest wanted gain of the next ``lookahead`` frames is taken (a sliding minimum), may rise
again only at the release's rate, and is smoothed by a moving average as long as the
look-ahead. Every value in that average is at most the gain that the frame needs, so no
sample comes out above the ceiling. Gains are averaged as integers, exactly, which makes the
result independent of how the signal is cut into blocks.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import kernel
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros

__all__ = ["Limiter", "limit", "make_limiter"]

_ONE = 1 << 30


@dataclasses.dataclass(frozen=True)
class Limiter:
    """A limiter's settings and state.

    Attributes
    ----------
    settings : ndarray, shape (4,), float64
        Ceiling, knee, release and lookahead.
    delay : ndarray, shape (channels, lookahead), float32
        Frames on their way.
    gains : ndarray, shape (3 * lookahead + 8,), int64
        Wanted gains, candidates of the sliding minimum, gains in the average, counters.

    """

    settings: npt.NDArray[np.float64]
    delay: npt.NDArray[np.float32]
    gains: npt.NDArray[np.int64]

    @property
    def latency_frames(self) -> int:
        """Frames by which the output lags."""
        return int(self.delay.shape[1]) - 1


def make_limiter(
    channels: int,
    sample_rate: float,
    ceiling: float = 1.0,
    knee: float = 0.9,
    lookahead_s: float = 0.005,
    release_s: float = 0.1,
) -> Limiter:
    """Return a limiter at rest.

    Parameters
    ----------
    channels : int
        All share one gain.
    sample_rate : float
        In Hz.
    ceiling : float
        No sample comes out above it, linear.
    knee : float
        Share of the ceiling at which limiting begins, from 0 to below 1.
    lookahead_s, release_s : float
        In seconds, more than 0.

    """
    if not (ceiling > 0 and 0 <= knee < 1 and lookahead_s > 0 and release_s > 0 and channels > 0):
        raise UsageError(
            "a limiter needs a ceiling above 0, a knee from 0 to below 1, and times above 0"
        )
    frames = max(1, round(lookahead_s * sample_rate))
    settings = np.array(
        [ceiling, knee * ceiling, math.exp(-1 / (release_s * sample_rate)), frames], np.float64
    )
    gains = aligned_zeros(3 * frames + 8, np.int64)
    gains[2 * frames : 3 * frames] = _ONE  # the average of a gain of 1
    counters = gains[3 * frames :]
    counters[3], counters[4] = frames * _ONE, _ONE
    return Limiter(settings, aligned_zeros((channels, frames)), gains)


@kernel
def _wanted_gain(peak: Any, ceiling: Any, knee: Any) -> Any:
    """Return the gain that a magnitude needs: 1 below the knee, then bending to the ceiling."""
    if not peak > knee:
        return 1.0
    room = ceiling - knee
    return (knee + room * (1.0 - math.exp(-(peak - knee) / room))) / peak


@kernel
def limit(rows: Any, frames: Any, settings: Any, delay: Any, gains: Any) -> None:
    """Limit frames of all channels in place; they come out ``lookahead - 1`` frames later.

    Parameters
    ----------
    rows : array, shape (channels, at least frames), float32
        Changed in place. NaN and infinities are taken as silence.
    frames : int
        How many.
    settings, delay, gains : array
        Of a `Limiter`.

    Notes
    -----
    Real-time: safe. Any split into blocks gives the same bits.

    """
    ceiling, knee, release = settings[0], settings[1], settings[2]
    length = delay.shape[1]
    values, indices = gains[:length], gains[length : 2 * length]
    averaged, counters = gains[2 * length : 3 * length], gains[3 * length :]
    now, head, count, total, held = (
        counters[0],
        counters[1],
        counters[2],
        counters[3],
        counters[4],
    )
    for i in range(frames):
        slot = now % length
        peak = 0.0
        for c in range(rows.shape[0]):
            if rows[c, i] - rows[c, i] != np.float32(0.0):
                rows[c, i] = np.float32(0.0)
            peak = max(peak, abs(np.float64(rows[c, i])))
        wanted = np.int64(math.floor(_wanted_gain(peak, ceiling, knee) * _ONE))
        # The sliding minimum: candidates in rising order, the smallest at the head.
        if count > 0 and indices[head % length] <= now - length:
            head += 1
            count -= 1
        while count > 0 and values[(head + count - 1) % length] >= wanted:
            count -= 1
        values[(head + count) % length] = wanted
        indices[(head + count) % length] = now
        count += 1
        risen = _ONE - np.int64(math.ceil((_ONE - held) * release))
        held = min(values[head % length], risen)
        total += held - averaged[slot]
        averaged[slot] = held
        gain = np.float64(total) / (np.float64(length) * _ONE)
        out = (now + 1) % length  # the oldest frame of the delay line
        for c in range(rows.shape[0]):
            delay[c, slot] = rows[c, i]
            rows[c, i] = np.float32(gain * np.float64(delay[c, out]))
        now += 1
    counters[0], counters[1], counters[2], counters[3], counters[4] = now, head, count, total, held
