"""A spectrum of what a microphone gave as NumPy arrays: two tones in noise, found in third octaves."""

import numpy as np

from zerocross.spectrum import Spectrum

RATE = 48_000
rng = np.random.default_rng(1)
t = np.arange(RATE) / RATE
recording = 0.1 * np.sin(2 * np.pi * 440 * t) + 0.01 * np.sin(2 * np.pi * 5000 * t)
recording = recording + 0.0003 * rng.standard_normal(RATE)

spectrum = Spectrum(scale="octave", long_fft_size=16_384, sample_rate=RATE, channels=1)
for start in range(0, RATE, 480):  # blocks of 10 ms, as they come
    spectrum.push(recording[None, start : start + 480])
    levels = spectrum.update()[0]
for centre, level in zip(spectrum.bands.centres, levels):
    print(f"{centre:8.0f} Hz {level:7.1f} dBFS {'#' * max(0, int(level + 90) // 2)}")
