"""Renderings: dither and copies, the bits of a convolution, chains of Ogg streams."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
import soundfile

import zerocross
from benchmarks.accuracy.row import Row
from zerocross.dsp.dither import Quantizer
from zerocross.effects import Convolver
from zerocross.eq import minimum_phase
from zerocross.loudness import measure

_RATE = 44_100
_COUNT = 1 << 18
#: 1 - H(z) of Lipshitz, Vanderkooy and Wannamaker, JAES 39, 1991, for 44.1 kHz.
_PUBLISHED = (1.0, -2.033, 2.165, -1.959, 1.590, -0.6149)


def rows() -> list[Row]:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            *_dither(Path(folder)),
            *_copies(Path(folder)),
            *_alignment(),
            *_chains(Path(folder)),
        ]


def _integers(path: Path, dtype: str = "int16") -> Any:
    return soundfile.read(path, dtype=dtype, always_2d=True)[0].astype(np.int64)


def _dither(folder: Path) -> list[Row]:
    """A sine of -100 dBFS in 16 bits, through the whole of `render`."""
    bin_number = 6_000
    sine = 1e-5 * np.sin(2 * np.pi * bin_number * np.arange(_COUNT) / _COUNT)
    soundfile.write(folder / "sine.wav", sine, _RATE, "FLOAT")
    zerocross.render([folder / "sine.wav"], folder / "sine16.wav", bits="16")
    steps = _integers(folder / "sine16.wav")[:, 0].astype(float)
    lines = np.abs(np.fft.rfft(steps / 32768)) * 2 / _COUNT
    level = 20 * np.log10(lines[bin_number])
    harmonics = lines[2 * bin_number :: bin_number][:18]
    noise = np.sqrt(np.mean(np.delete(lines, [0, bin_number]) ** 2))
    error = np.var(steps - sine * 32768)
    text = "JAES 40, 1992: theory of TPDF"
    found = [
        Row("level of a -100 dBFS sine in 16 bits", "the sine", abs(level + 100.0), 0.2, "dB"),
        Row(
            "its highest harmonic to the 20th against the noise's bins",
            "NumPy's FFT",
            20 * np.log10(harmonics.max() / noise),
            10.0,
            "dB",
        ),
        Row(
            "power of its error against a quarter of a squared step",
            text,
            abs(error / 0.25 - 1),
            0.01,
            "",
        ),
    ]
    silence = np.zeros((_COUNT, 2), np.float32)
    for kind, taps in (("tpdf", _PUBLISHED[:1]), ("shaped", _PUBLISHED)):
        out = Quantizer(16, 2, kind, _RATE).convert(silence)[0] / 65536.0
        hz, power = scipy.signal.welch(out[:, 0], _RATE, nperseg=1024)
        wanted = 0.5 / _RATE * np.abs(scipy.signal.freqz(taps, worN=hz, fs=_RATE)[1]) ** 2
        off = np.abs(10 * np.log10(power[2:-2] / wanted[2:-2])).max()
        source = "white" if kind == "tpdf" else "JAES 39, 1991: published filter"
        found.append(Row(f"spectrum of {kind} dither", f"{source}, SciPy's welch", off, 1.0, "dB"))
        together = abs(np.corrcoef(out.T)[0, 1])
        found.append(
            Row(f"correlation of two channels' {kind} dither", "NumPy", together, 0.01, "")
        )
    return found


def _copies(folder: Path) -> list[Row]:
    rng, found = np.random.default_rng(1), []
    for bits, kind in (("16", np.int16), ("32", np.int32)):
        limits = np.iinfo(kind)
        numbers = rng.integers(limits.min, limits.max, (100_000, 2), kind, endpoint=True)
        soundfile.write(folder / "in.wav", numbers, _RATE, f"PCM_{bits}")
        zerocross.render([folder / "in.wav"], folder / "out.wav")
        off = np.abs(_integers(folder / "out.wav", f"int{bits}") - numbers).max()
        found.append(Row(f"a copy of {bits}-bit integers", "soundfile", float(off), 0.0, "steps"))
    return found


def _alignment() -> list[Row]:
    """What a device hears, which is given silence first, against a rendering."""
    rng = np.random.default_rng(2)
    signal = rng.standard_normal((30_000, 2)).astype(np.float32)
    decay = np.exp(-np.arange(9_000) / 2_000)[:, None] * rng.standard_normal((9_000, 2))
    curve = [(20.0, -6.0), (200.0, 4.0), (16_000.0, 5.0)]
    found = []
    for name, impulse in (("Convolver", decay), ("GraphicEQ", minimum_phase(curve, 48_000))):
        wanted = zerocross.Chain(Convolver(impulse)).render(signal, 48_000)
        late = np.r_[np.zeros((960 + 37, 2), np.float32), signal]
        heard = zerocross.Chain(Convolver(impulse)).render(late, 48_000)[960 + 37 :]
        differ = float(np.count_nonzero(heard != wanted))
        found.append(
            Row(
                f"{name} after silence of any length",
                "from the first frame",
                differ,
                0.0,
                "samples differ",
            )
        )
    return found


def _chains(folder: Path) -> list[Row]:
    t, found = np.arange(48_000) / 48_000, []
    for subtype in ("VORBIS", "OPUS"):
        path, decoded = folder / "chain.ogg", []
        data = b""
        for k in range(3):
            link = folder / "link.ogg"
            signal = 0.3 * np.sin(2 * np.pi * 330 * (k + 1) * t[: 20_000 + 9_000 * k])
            soundfile.write(link, signal, 48_000, subtype, format="OGG")
            decoded.append(soundfile.read(link, dtype="float32")[0])
            data += link.read_bytes()
        path.write_bytes(data)
        wanted = np.concatenate(decoded)
        zerocross.render([path], folder / "chain.wav")
        got = soundfile.read(folder / "chain.wav", dtype="float32")[0]
        off = np.abs(got - wanted).max() if len(got) == len(wanted) else np.inf
        name = subtype.capitalize()
        found.append(
            Row(
                f"three chained links of {name}, rendered",
                "soundfile, link by link",
                float(off),
                0.0,
                "",
            )
        )
        short = abs(measure(path).seconds - len(wanted) / 48_000)
        found.append(
            Row(
                f"three chained links of {name}, measured",
                "soundfile, link by link",
                short,
                0.0,
                "s",
            )
        )
    return found
