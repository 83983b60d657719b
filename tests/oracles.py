"""Slow, plain references for what the kernels do."""

from __future__ import annotations

import numpy as np


def ramp(start, stop, length, frames):
    """The gain of each frame of a linear ramp."""
    return np.array(
        [stop if i >= length else start + (stop - start) * (i / length) for i in range(frames)]
    )


def to_integer(values, bits):
    """Saturating, half to even, NaN as 0, by Python's own rounding."""
    full = 1 << (bits - 1)
    out = []
    for value in values:
        if value != value:
            out.append(0)
        elif abs(value) == np.inf:
            out.append(full - 1 if value > 0 else -full)
        else:
            out.append(max(-full, min(full - 1, round(float(value) * full))))
    return np.array(out)


def downmix_bs775(frames):
    """ITU-R BS.775-4, Table 2: 5.1 (L R C LFE Ls Rs) to stereo."""
    left, right, centre, _lfe, left_surround, right_surround = frames.T.astype(np.float64)
    k = 0.7071067811865476
    return np.stack(
        [left + k * centre + k * left_surround, right + k * centre + k * right_surround], axis=1
    )


def limiter(rows, ceiling=0.5, knee=0.9, lookahead=240, release_s=0.1, rate=48_000):
    """A look-ahead limiter in float64: minimum of the wanted gains, release, moving average."""
    peak = np.abs(rows).max(axis=0)
    low = knee * ceiling
    bent = low + (ceiling - low) * (1 - np.exp(-np.maximum(peak - low, 0) / (ceiling - low)))
    wanted = np.where(peak > low, bent / np.maximum(peak, 1e-30), 1.0)
    padded = np.concatenate([np.ones(lookahead - 1), wanted])
    lowest = np.lib.stride_tricks.sliding_window_view(padded, lookahead).min(axis=1)
    held, gains, factor = 1.0, [], np.exp(-1 / (release_s * rate))
    for value in lowest:
        held = min(value, 1 - (1 - held) * factor)
        gains.append(held)
    smooth = np.convolve(
        np.concatenate([np.ones(lookahead - 1), gains]), np.ones(lookahead), "valid"
    )
    late = np.concatenate([np.zeros((len(rows), lookahead - 1)), rows], axis=1)
    return late[:, : rows.shape[1]] * smooth / lookahead


def resample(rows, rate_in=44_100, rate_out=48_000, taps=192, attenuation_db=131.0):
    """Resample in float64 by the formula: every output is a Kaiser-windowed sinc's sum."""
    beta = 0.1102 * (attenuation_db - 8.7)
    corner = 1 - (attenuation_db - 7.95) / (2.285 * taps) / (2 * np.pi)
    frames = -(-rows.shape[1] * rate_out // rate_in)
    out = np.zeros((len(rows), frames))
    for k in range(frames):
        place = k * rate_in / rate_out
        n = np.arange(int(place) - taps // 2 + 1, int(place) + taps // 2 + 1)
        t = n - place
        h = np.sinc(corner * t) * np.i0(beta * np.sqrt(np.clip(1 - (2 * t / taps) ** 2, 0, 1)))
        inside = (n >= 0) & (n < rows.shape[1])
        out[:, k] = rows[:, n[inside]] @ (h[inside] / h.sum())
    return out
