"""What the page shows of what is heard: the last frames, and the heights of a display, made where the chain runs."""

from __future__ import annotations

from typing import Any

from zerocross.compiler import entry, record_at
from zerocross.effects import TapPoint
from zerocross.memory import Record
from zerocross.spectrum import Display, Spectrum
from zerocross.spectrum.display import DISPLAY, follow_display
from zerocross.sync.tap import TAP, Tap

__all__ = ["Look", "look"]

#: Two transforms: the longer one for the bass.
_SIZES = (2048, 8192)
_SMOOTHING, _FALL = 0.25, 6.0


@entry("int64")
def look(display_address: int) -> int:
    """Move a display on to what its tap has seen so far."""
    d = record_at(display_address, DISPLAY)
    follow_display(d, record_at(d.tap, TAP).write)
    return 0


class Look:
    """A display behind a chain.

    Parameters
    ----------
    bands : int
        How many, on the logarithmic scale.

    Attributes
    ----------
    part : TapPoint
        Keeps the last frames; the chain's last part.

    """

    def __init__(self, bands: int) -> None:
        self._bands = bands
        self.part: Any = TapPoint(2 * _SIZES[1])

    def prepare(self, sample_rate: float) -> Record:
        """Make the display, once the chain is prepared; returns its record."""
        tap: Tap = self.part.tap
        spectrum = Spectrum(
            tap,
            bands=self._bands,
            fft_size=_SIZES[0],
            long_fft_size=_SIZES[1],
            decay_s=0.0,
            sample_rate=round(sample_rate),
            channels=tap.channels,
        )
        self.display = Display(spectrum, gravity=_FALL, smoothing=_SMOOTHING, smear=0.0)
        return self.display.record
