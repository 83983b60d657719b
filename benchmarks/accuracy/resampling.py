"""The resampler: tones anywhere in the band beside soxr, and noise beside SciPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import scipy.signal
import soxr

from benchmarks.accuracy.row import Row
from zerocross.dsp.polyphase import QUALITIES
from zerocross.dsp.resample import resample_signal

__all__ = ["rows", "worst_db"]

_Floats = npt.NDArray[np.float64]

#: Up by a little, down by a little, up by much, down by much, and rates without a small ratio.
PAIRS = [(44_100, 48_000), (48_000, 44_100), (8_000, 48_000), (96_000, 44_100), (44_100, 47_999)]
#: What is claimed of each quality: the worst in dB of the tone, the edge of the band that is kept,
#: and soxr's quality that is the nearest.
CLAIMS = {
    "medium": (-100.0, 0.89, "MQ"),
    "high": (-130.0, 0.91, "HQ"),
    "very high": (-145.0, 0.95, "VHQ"),
}
_LEVEL = 0.5
_FRAMES = 8_000


def _tones(rate_in: int, rate_out: int) -> _Floats:
    """Return tones from low to the input's Nyquist frequency, most of them at the lower one."""
    nyquist = min(rate_in, rate_out) / 2
    shares = [*np.linspace(0.03, 0.93, 10), *np.linspace(0.94, 1.04, 41)]
    return np.array([f for f in np.multiply(shares, nyquist) if f < 0.999 * rate_in / 2])


def _residual_db(out: npt.NDArray[np.float32], tone: float, rate_out: int) -> tuple[float, float]:
    """Return all that is not the tone, and the tone's own level, in dB of what went in.

    A tone that the output cannot hold has no level: all that there is of it is an alias.
    """
    edge = len(out) // 10
    n = np.arange(edge, len(out) - edge)
    part = out[n].astype(np.float64)
    level = 0.0
    if tone < rate_out / 2:
        angle = 2 * np.pi * tone / rate_out * n
        basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        fit = np.linalg.solve(basis.T @ basis, basis.T @ part)  # well conditioned, and fast
        part = part - basis @ fit
        level = float(np.hypot(*fit))
    rms = float(np.sqrt(2 * np.mean(part**2)))
    return 20 * np.log10(rms / _LEVEL + 1e-15), 20 * np.log10(level / _LEVEL + 1e-15)


def _sweep(
    resample: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]],
    rate_in: int,
    rate_out: int,
) -> npt.NDArray[np.float64]:
    """Return for each tone its share of the lower Nyquist frequency, what is not it, its level."""
    tones = _tones(rate_in, rate_out)
    frames = round(_FRAMES * max(1.0, rate_in / rate_out))
    angles = 2 * np.pi / rate_in * tones[:, None] * np.arange(frames)
    out = resample((_LEVEL * np.sin(angles)).astype(np.float32))
    measured = [
        (2 * tone / min(rate_in, rate_out), *_residual_db(row, tone, rate_out))
        for tone, row in zip(tones, out, strict=True)
    ]
    return np.array(measured)


def worst_db(quality: str, rate_in: int, rate_out: int) -> tuple[float, float]:
    """Return the worst of what is not the tone, and of the tone's error up to the band's edge."""
    swept = _sweep(lambda x: resample_signal(x, rate_in, rate_out, quality), rate_in, rate_out)
    kept = swept[:, 0] <= CLAIMS[quality][1]
    return float(swept[:, 1].max()), float(np.abs(swept[kept, 2]).max())


def _of_soxr_db(quality: str, rate_in: int, rate_out: int) -> float:
    def resample(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        made: npt.NDArray[np.float32] = soxr.resample(rows.T, rate_in, rate_out, quality=quality).T
        return made

    return float(_sweep(resample, rate_in, rate_out)[:, 1].max())


def _from_fft_db(quality: str) -> float:
    """Return how far noise that repeats is from what its Fourier transform says: time and phase too."""
    period, longer = 14_700, 16_000
    rng = np.random.default_rng(12)
    spectrum = np.zeros(period // 2 + 1, np.complex128)
    edge = round(CLAIMS[quality][1] * len(spectrum))
    spectrum[1:edge] = np.exp(2j * np.pi * rng.random(edge - 1))
    noise = np.fft.irfft(spectrum)
    noise = (noise / np.abs(noise).max()).astype(np.float32)
    expected = scipy.signal.resample(noise.astype(np.float64), longer)
    ours = resample_signal(np.tile(noise, 3), 44_100, 48_000, quality)[0, longer : 2 * longer]
    return float(10 * np.log10(np.sum((ours - expected) ** 2) / np.sum(expected**2)))


def _rows_of(quality: str) -> Iterator[Row]:
    bound, edge, theirs = CLAIMS[quality]
    errors = []
    for rate_in, rate_out in PAIRS:
        worst, error = worst_db(quality, rate_in, rate_out)
        errors.append(error)
        yield Row(
            f"{quality}, {rate_in} to {rate_out} Hz: worst image, alias and noise of a tone anywhere",
            f"the tone itself (soxr {theirs}: {_of_soxr_db(theirs, rate_in, rate_out):.1f} dB)",
            worst,
            bound,
            "dB",
        )
    yield Row(
        f"{quality}: level of tones up to {edge:g} of the lower Nyquist frequency",
        "the tone itself",
        max(errors),
        1e-4,
        "dB",
    )
    yield Row(
        f"{quality}: noise up to {edge:g} of 22.05 kHz, 44100 to 48000 Hz",
        "scipy.signal.resample in float64",
        _from_fft_db(quality),
        bound,
        "dB",
    )


def rows() -> list[Row]:
    """Measure."""
    return [row for quality in QUALITIES for row in _rows_of(quality)]
