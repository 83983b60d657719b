"""What is played and compiled: noise that begins at once, a preset, effects of so many lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

__all__ = ["RATE", "effect", "noise", "write_m4a", "write_noise", "write_preset"]

#: Also the null sink's, so that nobody resamples.
RATE = 44_100
_LEVEL_DBFS = -20.0
_PIECE = 10 * RATE
_PRESET = """Preamp: -4.5 dB
Filter 1: ON LSC Fc 105 Hz Gain 4.5 dB Q 0.70
Filter 2: ON PK Fc 180 Hz Gain -2.5 dB Q 0.60
Filter 3: ON PK Fc 430 Hz Gain 1.2 dB Q 1.10
Filter 4: ON PK Fc 900 Hz Gain -1.4 dB Q 1.60
Filter 5: ON PK Fc 1700 Hz Gain 2.1 dB Q 2.00
Filter 6: ON PK Fc 2900 Hz Gain -3.0 dB Q 2.40
Filter 7: ON PK Fc 4300 Hz Gain 2.6 dB Q 3.50
Filter 8: ON PK Fc 5800 Hz Gain -4.1 dB Q 4.00
Filter 9: ON PK Fc 7800 Hz Gain 1.9 dB Q 2.00
Filter 10: ON HSC Fc 10000 Hz Gain -2.2 dB Q 0.70
"""


def noise(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Return stereo noise of -20 dBFS (RMS), float32 of shape (frames, 2)."""
    gain = np.float32(10 ** (_LEVEL_DBFS / 20))
    return gain * rng.standard_normal((frames, 2), dtype=np.float32)


def write_noise(path: Path, seconds: float) -> None:
    """Write noise of 16 bits."""
    rng = np.random.default_rng(14)
    left = round(seconds * RATE)
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        while left:
            frames = min(left, _PIECE)
            file.write(noise(frames, rng))
            left -= frames


def write_m4a(path: Path, seconds: float) -> None:
    """Write noise as AAC in MP4; RuntimeError without PyAV."""
    try:
        import av
    except ImportError:
        raise RuntimeError("m4a: needs PyAV") from None
    rng = np.random.default_rng(15)
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("aac", rate=RATE, layout="stereo")
        for at in range(0, round(seconds * RATE), 1024):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(noise(1024, rng).T), "fltp", "stereo"
            )
            frame.sample_rate, frame.pts = RATE, at
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def write_preset(path: Path) -> None:
    """Write an equaliser's ten bands."""
    path.write_text(_PRESET)


def effect(lines: int, number: int) -> str:
    """Return a Python file with an effect; ``process`` has about so many lines.

    Filters of one pole and a soft clipper follow each other, each with state of its own; no two
    numbers have the same constants, so that no cache has it already.
    """
    stages = max(1, (lines - 6) // 6)
    state = "\n".join(f"    low_{k}: float = 0.0" for k in range(stages))
    body = "\n".join(_stage(k, number) for k in range(stages))
    return f"""import math

import numpy as np

import zerocross


@zerocross.processor
class Generated:
    drive: float = zerocross.param(0.5)
{state}

    def process(self, block):
        for i in range(block.frames):
            x = 0.5 * (block.input[0, i] + block.input[block.channels - 1, i])
{body}
            for c in range(block.channels):
                block.output[c, i] = x
"""


def _stage(k: int, number: int) -> str:
    pole = 0.01 + 0.9 * ((k * 37 + number * 101) % 997) / 997
    gain = 1.0 + number / 4096
    return f"""            self.low_{k} += {pole:.6f} * (x - self.low_{k})
            high = x - self.low_{k}
            y = {gain:.6f} * self.low_{k} + {1 / gain:.6f} * high
            if y > 1.0 + self.drive:
                y = 1.0 + self.drive
            x = 0.75 * y + 0.25 * high"""
