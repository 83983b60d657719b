"""The view of what plays: its tags and its cover."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Static

from zerocross.errors import UsageError
from zerocross.sources.tags import Tags
from zerocross.system.background import BackgroundCall
from zerocross.terminal.surface import Surface
from zerocross.terminal.views.view import View
from zerocross.units import format_time

if TYPE_CHECKING:
    from textual.events import Resize

    from zerocross.player import Event, Track
    from zerocross.terminal.cover import CoverPainter

__all__ = ["PlayingView"]

#: A cover is so wide at most, and there is none where the text would have less.
_MOST_COLUMNS, _LEAST_TEXT = 80, 26
_LEAST_ROWS = 6
_LABEL = 9


class PlayingView(View, can_focus=True):
    """What plays, in words and as a picture."""

    DEFAULT_CSS = """
    PlayingView > Horizontal { padding: 1 2; }
    PlayingView #cover { width: 0; display: none; }
    PlayingView #words { width: 1fr; height: 1fr; }
    """

    def compose(self) -> Iterator[Widget]:
        """Yield the cover's place, and the words."""
        self._covered: Track | None = None
        self._why = ""
        self._painter: CoverPainter | None = None
        with Horizontal():
            yield Surface(None, id="cover")
            yield Static("", id="words", markup=False)

    def on_mount(self) -> None:
        """Take the keys of this view: those of a list's rows are the volume's here."""
        app: Any = self.app
        app.bind_keys(self, "playing")
        self._show()

    def on_resize(self, event: Resize) -> None:
        """Have the cover as large as there is room for."""
        del event
        self._place_cover()
        self._show()

    def shown(self) -> None:
        """Look at what plays."""
        self.focus()
        self._show()
        self._find_cover()

    def hidden(self) -> None:
        """Take a picture away that would lie above the other views."""
        self._remove()

    def player_event(self, event: Event) -> None:
        """Show what plays now."""
        if event.kind != "seeked":
            self._show()
        if event.kind in {"track", "tags", "stopped", "finished"}:
            self._find_cover()

    def theme_changed(self, name: str) -> None:
        """Have the cover stand on another paper."""
        if self._painter is not None:
            self._painter.use_theme(name)

    def action_act(self, name: str) -> None:
        """Do what an action of this view says."""
        app: Any = self.app
        app.control("louder" if name == "up-louder" else "softer")

    # --- words --------------------------------------------------------------------------------

    def _show(self) -> None:
        self.query_one("#words", Static).update(self._words())

    def _words(self) -> Text | Group:
        player, queue = self.player, self.player.queue
        track = queue.current
        if track is None:
            return Text("nothing in the queue\n\n2 and 3 show the queue and files")
        tags = track.tags if track.has_tags else Tags()
        text = Text(overflow="ellipsis")
        text.append(tags.title or track.listed_as or os.path.basename(track.path), "bold")
        album = " ".join(filter(None, [tags.album, f"({tags.year})" if tags.year else ""]))
        text.append("".join(f"\n{line}" for line in (tags.artist, album) if line))
        facts = Table.grid(padding=(0, 1, 0, 0))
        facts.add_column(width=_LABEL)
        facts.add_column(ratio=1, overflow="fold")
        facts.add_row()
        for name, words in self._facts(track, tags):
            if words:
                facts.add_row(Text(name, "dim"), Text(words))
        following = queue.following(track)
        if following and following is not track:
            facts.add_row()
            facts.add_row(
                Text("next", "dim"), Text(following.known_as or os.path.basename(following.path))
            )
        plays = "\nspace plays" if player.state == "stopped" else ""
        return Group(text, facts, Text(plays, "italic"))

    def _facts(self, track: Track, tags: Tags) -> list[tuple[str, str]]:
        def of(number: int | None, count: int | None) -> str:
            return f"{number} of {count}" if number and count else str(number or "")

        player = self.player
        try:
            sound = f"{player.sample_rate / 1000:g} kHz to {player.device}"
        except UsageError:
            sound = ""
        loop = player.loop
        return [
            ("track", of(tags.track, tags.tracks)),
            ("disc", of(tags.disc, tags.discs)),
            ("genre", tags.genre),
            ("length", format_time(track.duration_s) if track.duration_s else ""),
            ("file", track.path),
            ("sound", sound),
            (
                "gain",
                "" if player.replaygain == "off" else f"ReplayGain of the {player.replaygain}",
            ),
            ("A-B", f"{format_time(loop[0])} to {format_time(loop[1])}" if loop else ""),
            ("error", track.error or ""),
            ("cover", self._why),
        ]

    # --- the cover ----------------------------------------------------------------------------

    def _find_cover(self) -> None:
        """Have the current track's cover found on a thread."""
        track = self.player.queue.current
        if track is self._covered:
            return
        self._covered = track
        location = None if track is None else getattr(track.location, "location", track.location)
        if not isinstance(location, (str, bytes, os.PathLike)):
            self._use_cover(track, "")
            return
        path = os.fsdecode(location)

        def find() -> None:
            from zerocross.terminal.cover import find_cover  # NumPy and what decodes come here

            self.app.call_later(self._use_cover, track, find_cover(path))

        BackgroundCall(find, "zerocross-cover")

    def _use_cover(self, track: Track | None, found: Any) -> None:
        if track is not self._covered:
            return  # it came too late
        app: Any = self.app
        self._why = found if isinstance(found, str) else ""
        if self._why == "" and not isinstance(found, str) and app.abilities.depth == "monochrome":
            self._why = "" if app.abilities.kitty else "needs colours"
        if self._painter is None:
            from zerocross.terminal.cover import CoverPainter

            has = app.abilities
            self._painter = CoverPainter(has.depth, has.unicode, has.kitty, app.theme)
            self.query_one("#cover", Surface).painter = self._painter
        self._remove()
        self._painter.picture = None if isinstance(found, str) else found
        self._place_cover()
        self._show()

    def _place_cover(self) -> None:
        surface = self.query_one("#cover", Surface)
        width, height = self.size.width - 4, self.size.height - 2
        columns = min(2 * height, width - _LEAST_TEXT - 2, _MOST_COLUMNS)
        has = self._painter is not None and self._painter.picture is not None
        surface.display = (
            has and not self._why and columns >= 2 * _LEAST_ROWS and height >= _LEAST_ROWS
        )
        if surface.display:
            surface.styles.width = columns
            surface.styles.margin = (0, 2, 0, 0)
            surface.poke()
        else:
            self._remove()

    def _remove(self) -> None:
        driver: Any = self.app._driver
        data = self._painter.removed() if self._painter is not None else b""
        if data and hasattr(driver, "paint"):
            driver.paint(memoryview(data))
            self._painter.picture = self._painter.picture  # type: ignore[union-attr]
