"""What a page shows of what is heard: levels, the last frames, and spectra, made where the chain runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import Entry, entry, float32_rows, record_at
from zerocross.effects import Meter, TapPoint
from zerocross.memory import Record, aligned_zeros, layout
from zerocross.spectrum import Display, Spectrum
from zerocross.spectrum.display import DISPLAY, follow_display
from zerocross.spectrum.frame import SPECTRUM
from zerocross.spectrum.spectrum import mix_gains
from zerocross.sync.tap import TAP, Tap, tap_window

__all__ = ["SCALES", "Look", "look"]

#: Scales of the bands, each with a spectrum of its own.
SCALES = ("logarithmic", "mel", "bark", "linear", "octave")
#: Two transforms: the longer one for the bass.
_SIZES = (2048, 8192)
_SMOOTHING, _FALL = 0.25, 6.0
_OCTAVES_DB = 72.0
#: Frames that are shown as waves.
_WAVES = 1024

#: What is looked at, and the gains of a display's one row or two.
LOOK = layout(setup=["tap", "waves", "wave_frames", "mono", "stereo"])


@entry("int64", "int64", "int64")
def look(address: int, display_address: int, is_stereo: int) -> int:
    """Move a display on to what its tap has seen so far, and copy the last frames.

    Of stereo it has left and right as rows, else one of both.
    """
    shown = record_at(address, LOOK)
    tap = record_at(shown.tap, TAP)
    if display_address != 0:
        display = record_at(display_address, DISPLAY)
        spectrum = record_at(display.spectrum, SPECTRUM)
        rows = 2 if is_stereo != 0 else 1
        display.rows = spectrum.rows = rows
        spectrum.gains = shown.stereo if is_stereo != 0 else shown.mono
        follow_display(display, tap.write)
    waves = float32_rows(shown.waves, tap.channels, shown.wave_frames)
    for c in range(tap.channels):
        last = tap_window(tap, c, tap.write - shown.wave_frames, shown.wave_frames)
        for i in range(shown.wave_frames):
            waves[c, i] = last[i]
    return 0


class Look:
    """Meters and displays behind a chain.

    Parameters
    ----------
    bands : int
        How many displays have; octaves are thirds.

    Attributes
    ----------
    parts : tuple of Processor
        The chain's last ones: they measure, and keep the last frames.
    displays : dict of str to Display
        By their scales, once it is prepared.
    record : Record
        A `LOOK`, then.

    """

    def __init__(self, bands: int) -> None:
        self._bands = bands
        self._meter: Any = Meter()
        self._point: Any = TapPoint(2 * _SIZES[1])
        self.parts: tuple[Any, ...] = (self._meter, self._point)

    def prepare(self, sample_rate: float) -> None:
        """Make the displays, once the chain is prepared."""
        tap: Tap = self._point.tap
        self.displays = {scale: self._display(tap, scale, sample_rate) for scale in SCALES}
        self._waves = aligned_zeros((tap.channels, _WAVES))
        self.record = Record(LOOK)
        self._gains = [mix_gains(mix, tap.channels) for mix in ("mono", "stereo")]
        mono, stereo = (each.ctypes.data for each in self._gains)
        self.record.fill(tap=tap.record.address, waves=self._waves.ctypes.data, wave_frames=_WAVES)
        self.record.fill(mono=mono, stereo=stereo)

    def _display(self, tap: Tap, scale: str, sample_rate: float) -> Display:
        spectrum = Spectrum(
            tap,
            bands=self._bands,
            scale=scale,
            fft_size=_SIZES[0],
            long_fft_size=_SIZES[1],
            per="band" if scale == "octave" else "bin",
            mix="stereo",
            decay_s=0.0,
            sample_rate=round(sample_rate),
            channels=tap.channels,
        )
        if scale == "octave":  # to be read: dBFS
            return Display(spectrum, _OCTAVES_DB, _FALL, smear=0.0, autosens=False)
        return Display(spectrum, gravity=_FALL, smoothing=_SMOOTHING, smear=0.0)

    @property
    def entries(self) -> dict[str, Entry]:
        """What is called for it, by name."""
        return {"look": look}

    def about(self, found: Any) -> dict[str, Any]:
        """Return what a page has to know of it; ``found`` returns where an address came to lie."""
        fields = self._meter.record.dtype.fields
        return {
            "at": found(self.record.address),
            "waves": found(self._waves.ctypes.data),
            "waveFrames": _WAVES,
            "meter": {
                name: found(self._meter.record.address) + fields[name][1]
                for name in ("peak", "power")
            },
            "displays": [
                {
                    "name": name,
                    "at": found(each.record.address),
                    "heights": found(each.heights.ctypes.data),
                    "peaks": found(each.peaks.ctypes.data),
                    "hz": np.round(each.spectrum.bands.centres, 2).tolist(),
                    "rangeDb": each.range_db if name == "octave" else None,
                }
                for name, each in self.displays.items()
            ],
        }
