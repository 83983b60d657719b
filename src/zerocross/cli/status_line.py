"""The status line: what plays, how far, how loud; and the keys that steer it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from zerocross.cli import interrupt
from zerocross.cli.bottom_line import BottomLine
from zerocross.cli.keys import Keys
from zerocross.cli.painter import Painter
from zerocross.cli.printing import say
from zerocross.errors import UsageError
from zerocross.spectrum import Display, Spectrum
from zerocross.units import gain_to_db

if TYPE_CHECKING:
    from zerocross.player import Event, Player

__all__ = ["Bars", "StatusLine", "handle_key", "run_status_line"]

_SEEK_S = 5.0
_VOLUME_STEP = 0.05
_BARS = 10
#: Between one look and the next. Where nothing plays and nothing has moved for some looks, keys and
#: events are waited for, and little else.
_PERIOD_S, _SLOW_PERIOD_S = 0.1, 1.0
_LOOKS_UNTIL_SLOW = 5
_HELP = "space pause  ←→ 5 s  ↑↓ volume  n p track  m mute  q quit"


def handle_key(player: Player, key: str) -> bool:
    """Do what a key says; returns False to quit."""
    if key in ("q", "Q", "\x03", "\x04"):
        return False
    if key == " ":
        player.resume() if player.state == "paused" else player.pause()
    elif key in ("left", "right"):
        step = _SEEK_S if key == "right" else -_SEEK_S
        if player.state != "stopped":
            player.seek(max(0.0, player.position + step))
    elif key in ("up", "down"):
        step = _VOLUME_STEP if key == "up" else -_VOLUME_STEP
        player.volume = min(1.0, max(0.0, round(player.volume + step, 3)))
    elif key == "n":
        player.next()
    elif key == "p":
        player.previous()
    elif key == "m":
        player.mute = not player.mute
    return True


class Bars:
    """The spectrum of what is heard, as the heights of a few bars."""

    def __init__(self) -> None:
        self._display: Display | None = None

    def heights(self, player: Player) -> npt.NDArray[np.float64] | None:
        """Return heights for the moment, 0 to 1; None where nothing plays."""
        try:
            tap, rate = player.tap, player.sample_rate
        except UsageError:
            return None
        display = self._display
        if display is None or display.spectrum.source is not tap:
            spectrum = Spectrum(tap, bands=_BARS, low_hz=40.0, high_hz=16_000.0, sample_rate=rate)
            display = self._display = Display(spectrum)
        display.spectrum.latency_frames = player.latency_frames
        heights: npt.NDArray[np.float64] = display.update()[0]
        return heights


class StatusLine:
    """What is to be seen of a player: numbers are asked for, and painted."""

    def __init__(self, player: Player, painter: Painter) -> None:
        self._player, self._painter = player, painter
        self._bars = Bars()

    def paint(self, width: int) -> bytes:
        """Return the line for the moment, to fit a terminal of a width in cells."""
        player = self._player
        track, queue = player.queue.current, player.queue
        return self._painter.paint(
            width,
            player.state,
            track.path.replace("\\", "/").rsplit("/", 1)[-1] if track else "",
            player.position,
            track.duration_s if track else None,
            gain_to_db(max(player.levels, default=0.0)),
            None if player.mute else player.volume,
            queue.index + 1,
            len(queue),
            self._bars.heights(player),
        )


def run_status_line(player: Player, keys: Keys) -> None:
    """Show the line and obey the keys until the player stops, or a key quits."""

    def wake(_event: Event) -> None:
        keys.wake()

    status = StatusLine(player, Painter(sys.stdout.encoding))
    if keys.active:
        say(_HELP)
    player.events.subscribe(wake)
    try:
        with BottomLine() as line, keys.sharing(line.go_away, line.come_back):
            _follow(player, keys, line, status)
    finally:
        player.events.unsubscribe(wake)


def _follow(player: Player, keys: Keys, line: BottomLine, status: StatusLine) -> None:
    still = 0
    while player.state != "stopped":
        interrupt.check()
        width = line.width
        is_new = line.show(status.paint(width), width)
        still = 0 if is_new or player.state == "playing" else still + 1
        for key in keys.read(_PERIOD_S if still < _LOOKS_UNTIL_SLOW else _SLOW_PERIOD_S):
            if not handle_key(player, key):
                return
            still = 0
