"""What effects and instruments that come along take a frame."""

from __future__ import annotations

import numpy as np

from benchmarks.processors import CHANNELS, FRAMES, prepared
from zerocross.effects import Gate, Limiter, Oscillator, Pan, Reverb
from zerocross.lab.harness import Case, Contestant


def cases() -> list[Case]:
    waves = ("sine", "saw", "square", "triangle")
    return [
        *(
            _case(
                f"Oscillator at {hz:g} Hz, stereo, a frame",
                {wave: Oscillator(wave, frequency=hz) for wave in waves},
            )
            for hz in (440.0, 4_000.0)
        ),
        _case(
            "Limiter, stereo, a frame",
            {"samples": Limiter(-6.0), "true peaks": Limiter(-6.0, true_peak=True)},
        ),
        _case(
            "Effects, stereo, a frame", {"gate": Gate(), "pan": Pan(pan=0.3), "reverb": Reverb()}
        ),
    ]


def _case(work, made) -> Case:
    """Return a case whose contestants are processors that get noise."""
    source = np.random.default_rng(1).uniform(-1, 1, (CHANNELS, FRAMES)).astype(np.float32)
    return Case(work, f"blocks of {FRAMES}", [_one(*each, source) for each in made.items()], [])


def _one(name, processor, source) -> Contestant:
    target = np.zeros_like(source)
    run = prepared(processor, source, target)

    def check() -> None:
        run()
        run()
        assert np.isfinite(target).all()
        assert np.abs(target).max() > 1e-3

    return Contestant(name, run, check=check, calls_in_one=FRAMES)
