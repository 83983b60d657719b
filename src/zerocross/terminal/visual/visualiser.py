"""The visualiser: what is heard, drawn into a rectangle of a terminal, frame by frame."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from zerocross.errors import UsageError
from zerocross.sync.heard import HeardClock, heard_frame
from zerocross.sync.tap import Tap
from zerocross.terminal.cells import Cells
from zerocross.terminal.visual import settings
from zerocross.terminal.visual.bars import Bars, Mirrored, Stereo
from zerocross.terminal.visual.colours import DEPTHS, PALETTES, Palette
from zerocross.terminal.visual.frames import Frames
from zerocross.terminal.visual.glyphs import Glyphs
from zerocross.terminal.visual.goniometer import Goniometer
from zerocross.terminal.visual.line import Line
from zerocross.terminal.visual.meters import Meters
from zerocross.terminal.visual.mode import Mode, Scene
from zerocross.terminal.visual.octaves import Octaves
from zerocross.terminal.visual.scope import Oscilloscope
from zerocross.terminal.visual.settings import Settings
from zerocross.terminal.visual.waterfall import Waterfall

__all__ = ["MODES", "Visualiser"]

#: Ways to show what is heard, by name.
MODES: dict[str, type[Mode]] = {
    "bars": Bars,
    "mirrored": Mirrored,
    "stereo": Stereo,
    "line": Line,
    "octaves": Octaves,
    "waterfall": Waterfall,
    "oscilloscope": Oscilloscope,
    "goniometer": Goniometer,
    "meters": Meters,
}


#: The player is asked what it plays every so many frames: between them it is compiled code that looks.
_ASK_EVERY = 8


class _Heard(Protocol):
    """What a visualiser needs of a player."""

    @property
    def tap(self) -> Tap: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def latency_frames(self) -> int: ...


class Visualiser:
    """Draws what is heard into a rectangle of a terminal.

    Parameters
    ----------
    player : Player
        Whose ``tap``, ``sample_rate`` and ``latency_frames`` it reads; while nothing plays it is blank.
    columns, rows : int
        The rectangle's size.
    mode : str
        One of `MODES`.
    scale : str
        One of `spectrum.SCALES`.
    theme : Palette or str
        What it paints with, or the name of one of `PALETTES`.
    depth : str
        The terminal's colours, one of `DEPTHS`.
    unicode : bool
        Whether it has more than ASCII.
    left, top : int
        Where the rectangle lies in the terminal, whose first cell is 0, 0; attributes too.
    clock_ns : callable
        Returns the time in ns, for what is heard between two blocks of the device.

    Attributes
    ----------
    scale : str
        How bands divide the frequencies: one of `spectrum.SCALES`.
    smoothing : float
        What is left of a height a 60th of a second later, 0 to 0.99 (`Display.smoothing`).
    fall : float
        How fast falls get faster, in heights a second a second (`Display.gravity`).
    range_db : float
        From the lowest to the highest that is shown, 6 to 144 dB.
    autosens : bool
        Whether the highest level finds itself; else it is full scale.
    peaks : bool
        Whether held peaks are shown.
    hold_s : float
        How long they stand.
    bar_width, gap : int
        Cells of a bar, and between two.
    low_hz, high_hz : float
        The range of frequencies.
    fraction : int
        Octave bands in an octave, at most.
    span_s : float
        What the oscilloscope and the goniometer show, in seconds.
    trigger : bool
        Whether the oscilloscope begins where the sound rises through zero.
    history_s : float
        What the waterfall shows, in seconds.

    Notes
    -----
    One thread may ask for frames and another one set whatever there is, which holds from the next `frame`
    on. Another stream of the player's is seen within eight frames, without Python at the next halt.

    """

    def __init__(
        self,
        player: _Heard,
        columns: int,
        rows: int,
        mode: str = "bars",
        scale: str = "logarithmic",
        theme: Palette | str = "default",
        *,
        depth: str = "256",
        unicode: bool = True,
        left: int = 0,
        top: int = 0,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._player, self._clock_ns = player, clock_ns
        self._frames = Frames()
        self._since_asked = 0
        self._heard: HeardClock
        self._heard_address = 0
        self.cells = Cells(columns, rows)
        self.left, self.top = left, top
        self.settings = Settings()
        self._drawn: Mode | None = None
        self._glyphs = Glyphs(unicode)
        self._was_changed = True
        self.mode, self.scale = mode, scale
        self._depth = "256"
        self.theme, self.depth = theme, depth

    # --- where ----------------------------------------------------------------------------------

    def resize(self, columns: int, rows: int) -> None:
        """Take another size; the next frame draws all of it."""
        self._change()
        with self._frames.mutex:
            self.cells.resize(columns, rows)

    def place(self, left: int, top: int) -> None:
        """Stand elsewhere in the terminal; what stands there is asked for with `forget`."""
        self.left, self.top = left, top

    def forget(self) -> None:
        """Know nothing of what the terminal shows: the next frame sends every cell."""
        with self._frames.mutex:
            self.cells.forget()

    # --- what -----------------------------------------------------------------------------------

    @property
    def mode(self) -> str:
        """What it shows: one of `MODES`."""
        return self._mode

    @mode.setter
    def mode(self, name: str) -> None:
        if name not in MODES:
            raise UsageError(f"no visualiser {name!r}; there are {', '.join(MODES)}")
        self._mode = name
        self._change()

    @property
    def theme(self) -> Palette:
        """What it paints with; a name of `PALETTES` can be given too."""
        return self._palette

    @theme.setter
    def theme(self, value: Palette | str) -> None:
        if isinstance(value, str) and value not in PALETTES:
            raise UsageError(f"no colours {value!r}; there are {', '.join(PALETTES)}")
        self._palette = PALETTES[value] if isinstance(value, str) else value
        self._use_ground()

    @property
    def depth(self) -> str:
        """The terminal's colours: one of `DEPTHS`."""
        return self._depth

    @depth.setter
    def depth(self, value: str) -> None:
        if value not in DEPTHS:
            raise UsageError(f"colours {value!r}: give one of {', '.join(DEPTHS)}")
        self._depth = value
        self._use_ground()

    def _use_ground(self) -> None:
        self._change()
        with self._frames.mutex:
            self.cells.ground = self._palette.ground(self._depth)

    # --- how ------------------------------------------------------------------------------------

    scale = settings.scale()
    smoothing = settings.number(0.0, 0.99)
    fall = settings.number(0.0, 1000.0)
    range_db = settings.number(6.0, 144.0, "dB")
    autosens = settings.flag()
    peaks = settings.flag()
    hold_s = settings.number(0.0, 3600.0, "s")
    bar_width = settings.whole(1, 64)
    gap = settings.whole(0, 64)
    low_hz = settings.number(1.0, 20_000.0, "Hz", lays_out=True)
    high_hz = settings.number(20.0, 384_000.0, "Hz", lays_out=True)
    fraction = settings.whole(1, 24)
    span_s = settings.number(0.001, 0.5, "s", lays_out=True)
    trigger = settings.flag()
    history_s = settings.number(0.1, 600.0, "s", lays_out=True)

    def adjust(self, lays_out: bool) -> None:
        """Hear that a setting was changed."""
        if lays_out:
            self._change()
            return
        with self._frames.mutex:
            if self._drawn is not None:
                self._drawn.adjust(self.settings)

    def _change(self) -> None:
        """Have all laid out anew by the next frame; what is shown without Python ends before it."""
        self._was_changed = True
        self._frames.halt()

    # --- drawing --------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Have the mode's code there: where it is not shipped it is compiled; from any thread."""
        self.frame()
        Frames.prepare()

    def frame(self) -> memoryview:
        """Draw what is heard now; returns the bytes for the terminal, none if nothing changed.

        Written again by the next call.
        """
        with self._frames.mutex:
            self._since_asked += 1
            if self._was_changed or self._since_asked >= _ASK_EVERY:
                self._ask()
            drawn = self._drawn
            if drawn is not None:
                drawn.frame(heard_frame(self._heard_address, self._clock_ns()))
            return self.cells.emit(self.left, self.top)

    def halt(self) -> None:
        """Have nothing more shown by what `without_python` returned."""
        self._frames.halt()

    def without_python(self) -> Frames | None:
        """Return what shows frames from here on without Python, until `halt`; None if nothing does.

        The player is asked what it plays, which holds until then.
        """
        if not Frames.is_possible or self._clock_ns is not time.monotonic_ns:
            return None
        self._frames.begin()
        with self._frames.mutex:
            self._ask()
            drawn = self._drawn
            if drawn is None or not drawn.is_compiled:
                return None
            self._frames.use(self._heard, drawn, self.cells, self.left, self.top)
        return self._frames

    def _ask(self) -> None:
        """Ask the player what it plays, and lay out what was changed."""
        self._since_asked = 0
        player = self._player
        try:
            tap = player.tap
        except UsageError:  # nothing plays
            if self._drawn is not None:
                self._drawn = None
                self.cells.clear()
            return
        if self._was_changed or self._drawn is None or self._drawn.scene.tap is not tap:
            self._lay_out(tap)
        self._heard.latency_frames = player.latency_frames

    def _lay_out(self, tap: Tap) -> None:
        self._was_changed = False
        before = self._drawn
        rate = self._player.sample_rate
        if before is None or before.scene.tap is not tap:
            before, self._heard = None, HeardClock(tap, rate)
            self._heard_address = self._heard.address
        scene = Scene(
            tap, rate, self.cells, self.settings, self._palette, self._depth, self._glyphs
        )
        self._drawn = MODES[self._mode](scene, before)
