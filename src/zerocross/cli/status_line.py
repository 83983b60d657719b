"""The status line: what plays, how far, how loud; and the keys that steer it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from zerocross.cli import interrupt
from zerocross.cli.keys import Keys
from zerocross.errors import UsageError
from zerocross.spectrum import Display, Spectrum
from zerocross.units import format_time, gain_to_db

if TYPE_CHECKING:
    from zerocross.player import Player

__all__ = ["SpectrumCells", "handle_key", "run_status_line", "status_line"]

_FLOOR_DB = -48.0
_METER_CELLS = 10
_SPECTRUM_CELLS = _METER_CELLS
_BLOCKS = " ▁▂▃▄▅▆▇█"
_WIDTH_FOR_BOTH = 100
_SEEK_S = 5.0
_VOLUME_STEP = 0.05
_SYMBOLS = {"playing": "▶", "paused": "⏸", "stopped": "■", "buffering": "…", "waiting": "…"}
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


class SpectrumCells:
    """The spectrum of what is heard, as a few characters."""

    def __init__(self) -> None:
        self._display: Display | None = None

    def text(self, player: Player) -> str:
        """Return the bars for the moment; spaces where nothing plays."""
        try:
            tap, rate = player.tap, player.sample_rate
        except UsageError:
            return " " * _SPECTRUM_CELLS
        display = self._display
        if display is None or display.spectrum.source is not tap:
            spectrum = Spectrum(
                tap, bands=_SPECTRUM_CELLS, low_hz=40.0, high_hz=16_000.0, sample_rate=rate
            )
            display = self._display = Display(spectrum)
        display.spectrum.latency_frames = player.latency_frames
        heights = display.update()[0]
        return "".join(_BLOCKS[min(8, int(h * 8 + 0.5))] for h in heights)


def status_line(player: Player, width: int, spectrum: str = "") -> Table:
    """Return the line for the moment, to fit a terminal of a width in cells."""
    track = player.queue.current
    name = track.path.replace("\\", "/").rsplit("/", 1)[-1] if track else ""
    duration, position = player.duration, player.position
    time = f"{format_time(position)} / {format_time(duration) if duration else '-:--'}"
    volume = "muted" if player.mute else f"vol {round(player.volume * 100):3d} %"
    count = f"{player.queue.index + 1}/{len(player.queue)}" if len(player.queue) > 1 else ""
    narrow = width < _WIDTH_FOR_BOTH
    meter = _meter(player.levels, spectrum if narrow else "")
    spectrum = "" if narrow else spectrum
    fixed = 2 + len(time) + len(volume) + len(count) + meter.cell_len + len(spectrum) + 11
    room = max(8, width - fixed)
    name_cells = max(4, min(len(name), room // 2))
    bar_cells = max(4, room - name_cells)
    line = Table.grid(padding=(0, 1, 0, 0))
    for _ in range(8):
        line.add_column(no_wrap=True)
    line.add_row(
        Text(_SYMBOLS[player.state], style="bold"),
        Text(_shorten(name, name_cells), style="bold"),
        _bar(position / duration if duration else 0.0, bar_cells),
        Text(time),
        Text(spectrum, style="cyan"),
        meter,
        Text(volume, style="yellow" if player.mute else ""),
        Text(count, style="dim"),
    )
    return line


def _shorten(name: str, cells: int) -> str:
    return name if len(name) <= cells else name[: cells - 1] + "…"


def _bar(share: float, cells: int) -> Text:
    done = round(min(1.0, max(0.0, share)) * cells)
    return Text.assemble(("━" * done, "cyan"), ("─" * (cells - done), "dim"))


def _meter(levels: list[float], spectrum: str) -> Text:
    """Return a bar for the louder channel and its level in dBFS, red from -1 dB up.

    A spectrum takes the bar's place, if there is one.
    """
    level = gain_to_db(max(levels, default=0.0))
    share = min(1.0, max(0.0, 1.0 - level / _FLOOR_DB))
    done = round(share * _METER_CELLS)
    style = "red" if level > -1.0 else "green"
    words = f"{level:5.1f} dB" if level > _FLOOR_DB else "  -∞  dB"
    if spectrum:
        return Text.assemble((spectrum, style), (" " + words, ""))
    return Text.assemble(
        ("▮" * done, style), ("▯" * (_METER_CELLS - done), "dim"), (" " + words, "")
    )


def run_status_line(player: Player, console: Console) -> None:
    """Show the line and obey the keys until the player stops, or a key quits."""
    cells = SpectrumCells()
    with Keys() as keys, Live(console=console, auto_refresh=False, transient=True) as live:
        if keys.active:
            console.print(Text(_HELP, style="dim"))
        while player.state != "stopped":
            interrupt.check()
            for key in keys.read(0.05):
                if not handle_key(player, key):
                    return
            line = status_line(player, console.width, cells.text(player))
            live.update(line, refresh=True)
