"""The status line: what plays, how far, how loud; and the keys that steer it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from zerocross.cli import interrupt
from zerocross.cli.bottom_line import BottomLine
from zerocross.cli.keys import Keys
from zerocross.cli.painter import Painter
from zerocross.cli.printing import say
from zerocross.errors import UsageError
from zerocross.spectrum import Display, Spectrum
from zerocross.units import gain_to_db

if TYPE_CHECKING:
    from zerocross.player import Event, Player, Track

__all__ = ["StatusLine", "handle_key", "run_status_line"]

_SEEK_S = 5.0
_VOLUME_STEP = 0.05
_BARS = 10
#: Between one look and the next. Where nothing plays and nothing has moved for some looks, keys and
#: events are waited for, and little else.
_PERIOD_S, _SLOW_PERIOD_S = 0.1, 1.0
_LOOKS_UNTIL_SLOW = 5
_ASK_EVERY_S = 1.0
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


class _Position:
    """Where the track is: the player is asked once a second, and a clock goes on from there."""

    def __init__(self) -> None:
        self.ask_again()

    def ask_again(self) -> None:
        """Ask next time, for something has happened; from any thread."""
        self._ask_at_s = 0.0

    def now_s(self, player: Player, state: str) -> float:
        """Return seconds into the track."""
        now = time.monotonic()
        if now >= self._ask_at_s or state != "playing":
            self._ask_at_s = now + _ASK_EVERY_S
            self._found_s, self._found_at_s = player.position, now
        return self._found_s + now - self._found_at_s


class StatusLine:
    """What is to be seen of a player: numbers are asked for, and painted."""

    def __init__(self, player: Player, painter: Painter) -> None:
        self._player, self._painter = player, painter
        self._position = _Position()
        self._display: Display | None = None

    def take_note(self) -> None:
        """Look again at all next time, for something has happened; from any thread."""
        self._position.ask_again()

    def paint(self, width: int) -> bytes:
        """Return the line for the moment, to fit a terminal of a width in cells."""
        player = self._player
        track, queue, state = player.queue.current, player.queue, player.state
        self._look_at_spectrum()
        return self._painter.paint(
            width,
            state,
            _name_of(track),
            self._position.now_s(player, state),
            track.duration_s if track else None,
            gain_to_db(max(player.levels, default=0.0)),
            None if player.mute else player.volume,
            queue.index + 1,
            len(queue),
        )

    def _look_at_spectrum(self) -> None:
        player, display = self._player, self._display
        try:
            tap = player.tap
        except UsageError:  # nothing plays
            self._display = None
            self._painter.show_bars(None)
            return
        if display is None or display.spectrum.source is not tap:
            rate = player.sample_rate
            spectrum = Spectrum(tap, bands=_BARS, low_hz=40.0, high_hz=16_000.0, sample_rate=rate)
            display = self._display = Display(spectrum)
            self._painter.show_bars(display.update()[0])
        display.spectrum.latency_frames = player.latency_frames
        display.update()


def _name_of(track: Track | None) -> str:
    """Return what a track is called: by its tags once they are read, else by its file."""
    if track is None:
        return ""
    return track.known_as or os.path.basename(track.path)


def run_status_line(player: Player, keys: Keys, look: Callable[[], None] = interrupt.check) -> None:
    """Show the line and obey the keys until the player stops, or a key quits.

    ``look`` is called each time; it may raise KeyboardInterrupt.
    """
    status = StatusLine(player, Painter(sys.stdout.encoding))

    def wake(_event: Event) -> None:
        status.take_note()
        keys.wake()

    if keys.active:
        say(_HELP)
    player.events.subscribe(wake)
    try:
        with BottomLine() as line, keys.sharing(line.go_away, line.come_back):
            _follow(player, keys, line, status, look)
    finally:
        player.events.unsubscribe(wake)


def _follow(
    player: Player, keys: Keys, line: BottomLine, status: StatusLine, look: Callable[[], None]
) -> None:
    still = 0
    while player.state != "stopped":
        look()
        width = line.width
        is_new = line.show(status.paint(width), width)
        still = 0 if is_new or player.state == "playing" else still + 1
        for key in keys.read(_PERIOD_S if still < _LOOKS_UNTIL_SLOW else _SLOW_PERIOD_S):
            if not handle_key(player, key):
                return
            still = 0
