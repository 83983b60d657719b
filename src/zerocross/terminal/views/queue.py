"""The view of the queue: 100,000 tracks as quickly as ten, for only those that are seen are looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from textual.widget import Widget

from zerocross.errors import ZerocrossError
from zerocross.terminal.tag_reader import TagReader
from zerocross.terminal.views.rows import Row, Rows, columns
from zerocross.terminal.views.search import Search
from zerocross.terminal.views.view import View
from zerocross.units import format_time

if TYPE_CHECKING:
    from zerocross.player import Event, Track

__all__ = ["QueueView"]

_MARKS = {"failed": "!", "truncated": "!"}
_WIDE = 72
_EMPTY, _NOT_FOUND = (
    "nothing in the queue: 3 shows files, i adds a path",
    "no track has all these words",
)


class QueueView(View):
    """The queue, to be played, searched, moved about and kept."""

    def compose(self) -> Iterator[Widget]:
        """Yield the list, and the line of a search."""
        yield Rows(self._row, _EMPTY, id="tracks")
        yield Search()

    def on_mount(self) -> None:
        """Begin."""
        app: Any = self.app
        app.bind_keys(self, "queue")
        self._found: list[Track] | None = None  # of a search
        self._texts: dict[Track, str] = {}  # of a search
        self._sought = ""
        self._reader: TagReader[Track] = TagReader(lambda track: track.tags, self._tell_tags)
        self._at = self.player.queue.current
        self._use_rows(self.player.queue.index)

    def on_unmount(self) -> None:
        """Read no more tags."""
        self._reader.end()

    @property
    def _rows(self) -> Rows:
        return self.query_one(Rows)

    def shown(self) -> None:
        """Look at the queue anew."""
        self._use_rows()
        if not self.query_one(Search).display:
            self._rows.focus()

    def player_event(self, event: Event) -> None:
        """Follow what plays, if the cursor was on what played before."""
        if event.kind in {"track", "stopped", "finished", "error", "tags"}:
            queue, before = self.player.queue, self._at
            self._at = queue.current
            follows = (
                self._found is None and before is not self._at and before is self._under_cursor
            )
            self._use_rows(queue.index if follows else None)

    @property
    def _under_cursor(self) -> Track | None:
        rows = self._rows
        return self._track(rows.cursor) if rows.cursor < rows.count else None

    def _use_rows(self, cursor: int | None = None) -> None:
        count = len(self.player.queue if self._found is None else self._found)
        self._rows.words = _EMPTY if self._found is None else _NOT_FOUND
        self._rows.use(count, cursor)
        self._want_tags()

    # --- rows ---------------------------------------------------------------------------------

    def _track(self, number: int) -> Track | None:
        try:
            return (self.player.queue if self._found is None else self._found)[number]
        except IndexError:  # it was taken out from elsewhere
            return None

    def _row(self, number: int, width: int) -> Row:
        track = self._track(number)
        if track is None:
            return "", False
        is_current = track is self._at
        mark = ">" if is_current else _MARKS.get(track.status, " ")
        place = number + 1 if self._found is None else (self.player.queue.find(track) or 0) + 1
        length = format_time(track.duration_s) if track.duration_s else ""
        digits = len(str(len(self.player.queue)))
        tags = track.tags if track.has_tags else None
        name = (tags and tags.title) or track.listed_as or os.path.basename(track.path)
        head = f"{mark}{place:>{digits}}"
        if width < _WIDE or not tags:
            name = track.known_as or name
            words = f"{name}: {track.error}" if track.error else name
            return columns(
                width, (head, digits + 1), (words, 0.9), (length.rjust(7), 7)
            ), is_current
        album = " ".join(filter(None, [tags.album, f"({tags.year})" if tags.year else ""]))
        return columns(
            width,
            (head, digits + 1),
            (f"{name}: {track.error}" if track.error else name, 0.4),
            (tags.artist, 0.3),
            (album, 0.3),
            (length.rjust(7), 7),
        ), is_current

    def on_rows_seen(self) -> None:
        """Read the tags of what is seen."""
        self._want_tags()

    def _want_tags(self) -> None:
        tracks = [self._track(number) for number in reversed(self._rows.seen)]
        self._reader.want(t for t in tracks if t is not None and t._tags is None)

    def _tell_tags(self) -> None:
        self.app.call_later(self._show_tags)

    def _show_tags(self) -> None:
        self._rows.refresh()

    # --- a search -----------------------------------------------------------------------------

    def on_search_sought(self, message: Search.Sought) -> None:
        """Show the tracks that have all words of a search."""
        words = message.words.lower().split()
        current = self._under_cursor
        if not words:
            self._found, self._sought = None, ""
            self._texts.clear()
        else:
            narrows = self._found is not None and message.words.lower().startswith(self._sought)
            among = self._found if narrows and self._found is not None else list(self.player.queue)
            self._found = [t for t in among if all(word in self._text(t) for word in words)]
            self._sought = message.words.lower()
        cursor = 0
        if current is not None:
            cursor = (
                self.player.queue.find(current) or 0
                if self._found is None
                else next((k for k, t in enumerate(self._found) if t is current), 0)
            )
        self._use_rows(cursor)

    def on_search_left(self, message: Search.Left) -> None:
        """End a search, or play what was found."""
        if message.takes:
            self._take(self._rows.cursor)
        if self._found is not None and not message.keeps:
            self.on_search_sought(Search.Sought(""))
        self._rows.focus()

    def _text(self, track: Track) -> str:
        """Return what is searched of a track, in lower case; kept until its tags are read."""
        kept = self._texts.get(track)
        if kept is None or (track.has_tags and "\0" not in kept):
            tags = track.tags if track.has_tags else None
            words = f"{track.listed_as} {track.path.rsplit('/', 1)[-1]}"
            words = f"{words}\0{tags.artist} {tags.title} {tags.album}" if tags else words
            kept = self._texts[track] = words.lower()
        return kept

    # --- what keys do -------------------------------------------------------------------------

    def on_rows_taken(self, message: Rows.Taken) -> None:
        """Play a track."""
        self._take(message.number)

    def _take(self, number: int) -> None:
        track = self._track(number)
        place = None if track is None else self.player.queue.find(track)
        app: Any = self.app
        if place is not None:
            try:
                app.session.play_at(place)
            except ZerocrossError as error:
                self.note(f"error: {error}")

    def action_act(self, name: str) -> None:
        """Do what an action of the queue, or of lists, says."""
        try:
            getattr(self, f"_do_{name.replace('-', '_')}")()
        except ZerocrossError as error:
            self.note(f"error: {error}")

    def _do_search(self) -> None:
        self.query_one(Search).begin()

    def _do_leave(self) -> None:
        self.query_one(Search).leave()

    def _place(self) -> int | None:
        """Return where the track under the cursor is in the queue."""
        track = self._under_cursor
        return None if track is None else self.player.queue.find(track)

    def _do_remove(self) -> None:
        place = self._place()
        if place is None:
            return
        track = self.player.queue.remove(place)
        if self._found is not None:
            self._found.remove(track)
        self._changed()

    def _do_move_up(self) -> None:
        self._move(-1)

    def _do_move_down(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        place = self._place()
        if self._found is not None:
            self.note("end the search first: escape")
        elif place is not None and 0 <= place + by < len(self.player.queue):
            self.player.queue.move(place, place + by)
            self._changed(place + by)

    def _do_clear(self) -> None:
        self.player.queue.clear()
        self._found = None
        self._changed()

    def _do_current(self) -> None:
        if self._found is None:
            self._rows.move_to(self.player.queue.index)

    def _do_insert(self) -> None:
        self._ask("insert: a file, folder, playlist or address", self._insert)

    def _do_append(self) -> None:
        self._ask("append: a file, folder, playlist or address", self._append)

    def _do_save(self) -> None:
        self._ask("save the queue as (.m3u8)", self._save)

    def _do_load(self) -> None:
        self._ask("load a playlist", self._load)

    def _ask(self, words: str, then: Any) -> None:
        from zerocross.terminal.dialogs import Prompt

        self.app.push_screen(Prompt(words), lambda path: then(path) if path else None)

    def _insert(self, path: str) -> None:
        app: Any = self.app
        app.session.add([path], self._place(), self._added)

    def _append(self, path: str) -> None:
        app: Any = self.app
        app.session.add([path], None, self._added)

    def _added(self, words: str, count: int) -> None:
        """Tell, from a thread, what was added."""
        del count
        app: Any = self.app
        app.session.tell(words)
        app.call_later(self._changed)

    def _save(self, path: str) -> None:
        path = os.path.expanduser(path)
        if not os.path.splitext(path)[1]:
            path += ".m3u8"
        try:
            if os.path.exists(path):
                self.note(f"error: {path}: exists already; give another name")
                return
            self.player.queue.save(path)
            self.note(f"saved: {path}")
        except ZerocrossError as error:
            self.note(f"error: {error}")

    def _load(self, path: str) -> None:
        try:
            self.player.queue.load(os.path.expanduser(path))
        except ZerocrossError as error:
            self.note(f"error: {error}")
        self._changed(0)

    def _changed(self, cursor: int | None = None) -> None:
        """Show the queue as it is now."""
        self._at = self.player.queue.current
        self._use_rows(cursor)
        app: Any = self.app
        app.show_now()
