"""What all modes of the visualiser have in common: what they look at, draw on and paint with."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from zerocross.memory import aligned_zeros
from zerocross.spectrum import Display, Spectrum
from zerocross.terminal.visual.colours import Palette, colour_of
from zerocross.terminal.visual.glyphs import Glyphs
from zerocross.terminal.visual.settings import Settings

if TYPE_CHECKING:
    from zerocross.memory import Record
    from zerocross.sync.tap import Tap
    from zerocross.terminal.cells import Cells

__all__ = ["Banded", "Mode", "Scene"]

_FFT_SIZE, _LONG_FFT_SIZE = 1024, 4096
_MOST_OF_RATE = 0.499


@dataclasses.dataclass
class Scene:
    """What a mode looks at, where it draws, and with what.

    Attributes
    ----------
    tap : Tap
        What is played.
    sample_rate : int
        In Hz.
    cells : Cells
        What is drawn on.
    settings : Settings
    palette : Palette
    depth : str
        One of `DEPTHS`.
    glyphs : Glyphs

    """

    tap: Tap
    sample_rate: int
    cells: Cells
    settings: Settings
    palette: Palette
    depth: str
    glyphs: Glyphs

    @property
    def range_hz(self) -> tuple[float, float]:
        """The range of frequencies that is set: an octave at least, below half the sample rate."""
        low, high = self.settings.low_hz, self.settings.high_hz
        high = min(max(high, 2.0 * low), _MOST_OF_RATE * self.sample_rate)
        return min(low, 0.5 * high), high

    def ink(self, text: str) -> int:
        """Return a colour for glyphs: of a palette of 256 at most, for the name of one is short."""
        return colour_of(text, "256" if self.depth == "true" else self.depth)

    def zones(self, rows: int) -> npt.NDArray[np.int32]:
        """Return the inks of so many rows of bars, from the foot to the head."""
        inks = [self.ink(text) for text in self.palette.zones]
        found = aligned_zeros(max(1, rows), np.int32)
        found[:] = [inks[level * len(inks) // len(found)] for level in range(len(found))]
        return found

    def write(self, x: int, y: int, text: str, colour: str) -> None:
        """Write a text into the cells, what of it is inside."""
        cells, ink = self.cells, self.ink(colour)
        cells.scan()
        for at, letter in enumerate(text, x):
            if 0 <= y < cells.rows and 0 <= at < cells.columns:
                cells.glyphs[y, at], cells.inks[y, at] = ord(letter), ink


class Mode:
    """A way to show what is heard; made anew for another size, scale, theme or stream.

    Parameters
    ----------
    scene : Scene
        Where.
    before : Mode or None
        What was shown of the same stream, from which it may take what it looks with.

    """

    #: Draws what was heard before a frame of the tap, by its record's address: an entry.
    paint: ClassVar[Any]
    #: Whether that is all there is to a frame, and no Python.
    is_compiled: ClassVar[bool] = True

    def __init__(self, scene: Scene, before: Mode | None = None) -> None:
        self.scene = scene
        self.prepare(scene, before)
        scene.cells.clear()
        self.record: Record = self.lay_out(scene)
        self._address = self.record.address
        self.adjust(scene.settings)

    def prepare(self, scene: Scene, before: Mode | None) -> None:
        """Make what it looks with, or take it from the mode before."""

    def lay_out(self, scene: Scene) -> Record:
        """Draw what stands still, and return the record for `paint`."""
        raise NotImplementedError

    def adjust(self, settings: Settings) -> None:
        """Take over what can be set between two frames."""

    def frame(self, end: int) -> None:
        """Draw what was heard before a frame of the tap."""
        self.paint(self._address, end)


class Banded(Mode):
    """A mode that shows bands by a `Display`."""

    mix: ClassVar[str] = "mono"
    per: ClassVar[str] = "bin"
    smear: ClassVar[float] = 0.5
    #: Of its spectrum; None for the one that is set.
    scale: ClassVar[str | None] = None
    display: Display
    asked: dict[str, Any]

    def bands_in(self, scene: Scene) -> int:
        """Return how many bands there is room for; those of octaves follow from the range."""
        return scene.cells.columns

    def fraction_in(self, scene: Scene) -> int:
        """Return how many octave bands make an octave."""
        return scene.settings.fraction

    def prepare(self, scene: Scene, before: Mode | None) -> None:
        s = scene.settings
        low, high = scene.range_hz
        asked: dict[str, Any] = {
            "bands": self.bands_in(scene),
            "scale": self.scale or s.scale,
            "fraction": self.fraction_in(scene),
            "low_hz": low,
            "high_hz": high,
            "mix": self.mix,
            "per": self.per,
        }
        self.asked = asked
        if isinstance(before, Banded) and before.asked == asked and before.smear == self.smear:
            self.display = before.display
            return
        spectrum = Spectrum(
            scene.tap,
            fft_size=_FFT_SIZE,
            long_fft_size=_LONG_FFT_SIZE,
            decay_s=0.0,
            sample_rate=scene.sample_rate,
            **asked,
        )
        self.display = Display(spectrum, smear=self.smear)
        if isinstance(before, Banded) and before.display.autosens:
            self.display.top_db = before.display.top_db
        else:
            self.display.find_top()

    def adjust(self, settings: Settings) -> None:
        display = self.display
        display.smoothing, display.gravity = settings.smoothing, settings.fall
        display.range_db, display.peak_hold_s = settings.range_db, settings.hold_s
        display.autosens = settings.autosens
        self.record["shows_peaks"] = settings.peaks
