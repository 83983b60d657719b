"""The view of files: a tree of folders, tags beside the names, a search that begins with a letter.

Disks are asked on threads: one that does not answer holds up nothing but its own rows.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from textual.widget import Widget

from zerocross.files import printable
from zerocross.sources.tags import Tags, tags_of
from zerocross.system.background import BackgroundCall
from zerocross.terminal.tag_reader import TagReader
from zerocross.terminal.tree import Node, Tree, listing, walk
from zerocross.terminal.views.rows import Row, Rows, columns, ended, fitted
from zerocross.terminal.views.search import Search
from zerocross.terminal.views.view import View

__all__ = ["FilesView"]

_MOST_TAGS = 20_000
_TELL_EVERY_S = 0.1
_WIDE = 72


class FilesView(View):
    """Folders and files, to be opened, searched, played and added to the queue."""

    DEFAULT_CSS = """
    FilesView #root { height: 1; background: $panel; text-style: bold; padding: 0 1; }
    """

    def compose(self) -> Iterator[Widget]:
        """Yield the folder's name, the list, and the line of a search."""
        from textual.widgets import Static

        yield Static("", id="root", markup=False)
        yield Rows(self._row, "nothing that can be played", id="files")
        yield Search()

    def on_mount(self) -> None:
        """Begin with the session's folder."""
        app: Any = self.app
        app.bind_keys(self, "files")
        self._tags: OrderedDict[str, Tags] = OrderedDict()
        self._reader: TagReader[str] = TagReader(self._read_tags, self._tell_tags)
        self._index: _Index | None = None
        self._found: list[str] | None = None
        self._words: list[str] = []
        self._tree = Tree("")
        self._use_root(app.session.folder or os.getcwd())

    def on_unmount(self) -> None:
        """Look no further."""
        self._reader.end()
        if self._index is not None:
            self._index.is_over = True

    @property
    def _rows(self) -> Rows:
        return self.query_one(Rows)

    def shown(self) -> None:
        """Take the keys."""
        if not self.query_one(Search).display:
            self._rows.focus()

    # --- folders ------------------------------------------------------------------------------

    def _use_root(self, root: str, then_at: str = "") -> None:
        """Show another folder, with the cursor on what is in it."""
        tree = self._tree = Tree(root)
        if self._index is not None:
            self._index.is_over, self._index = True, None
        self.query_one("#root", Widget).update(printable(root))  # type: ignore[attr-defined]

        def show(found: list[tuple[str, str, bool]]) -> None:
            if tree is self._tree:
                tree.fill(found)
                at = next((k for k, node in enumerate(tree.rows) if node.path == then_at), 0)
                self._use_rows(at)

        self._list(root, show)

    def _list(self, folder: str, show: Callable[[list[tuple[str, str, bool]]], None]) -> None:
        """Have a folder read on a thread, and what is in it shown."""

        def read() -> None:
            app: Any = self.app
            try:
                found = listing(folder)
            except OSError as error:
                app.session.tell(f"error: {printable(folder)}: {(error.strerror or '').lower()}")
                return
            app.call_later(show, found)

        BackgroundCall(read, "zerocross-folder")

    def _toggle(self, number: int, opens: bool | None = None) -> None:
        node = self._tree.rows[number]
        if not node.is_folder or opens is node.is_open:
            return
        if node.is_open:
            self._tree.close(node)
            self._use_rows()
            return

        def show(found: list[tuple[str, str, bool]]) -> None:
            self._tree.open(node, found)
            self._use_rows()

        self._list(node.path, show)

    def _use_rows(self, cursor: int | None = None) -> None:
        rows = self._tree.rows if self._found is None else self._found
        self._rows.use(len(rows), cursor)
        self._want_tags()

    # --- rows ---------------------------------------------------------------------------------

    def _row(self, number: int, width: int) -> Row:
        if self._found is not None:
            if number >= len(self._found):
                return "", False
            path = self._found[number]
            return self._file_row(path, os.path.relpath(path, self._tree.root), "", width), False
        if number >= len(self._tree.rows):
            return "", False
        node = self._tree.rows[number]
        if node.is_folder:
            sign = "- " if node.is_open else "+ "
            return "  " * node.depth + sign + printable(node.name), True
        return self._file_row(node.path, node.name, "  " * (node.depth + 1), width), False

    def _file_row(self, path: str, name: str, before: str, width: int) -> str:
        tags = self._tags.get(path)
        shown = before + printable(name)
        if self._found is not None:  # of a path its end is what is looked for
            return ended(shown, width)
        if width < _WIDE or tags is None or not (tags.title or tags.artist):
            return fitted(shown, width)
        number = f"{tags.track:>3}" if tags.track else ""
        return columns(width, (shown, 0.4), (number, 3), (tags.title, 0.3), (tags.artist, 0.3))

    def _path(self, number: int) -> str | None:
        """Return the path of a row."""
        if self._found is not None:
            return self._found[number] if number < len(self._found) else None
        return self._tree.rows[number].path if number < len(self._tree.rows) else None

    # --- tags ---------------------------------------------------------------------------------

    def on_rows_seen(self) -> None:
        """Read the tags of what is seen."""
        self._want_tags()

    def _want_tags(self) -> None:
        if self._rows.size.width < _WIDE:
            return
        rows = [] if self._found is not None else self._tree.rows
        folders = {
            node.path
            for node in rows[self._rows.seen.start : self._rows.seen.stop]
            if node.is_folder
        }
        paths = [self._path(number) for number in reversed(self._rows.seen)]
        self._reader.want(p for p in paths if p and p not in folders and p not in self._tags)

    def _read_tags(self, path: str) -> None:
        self._tags[path] = tags_of(path)
        while len(self._tags) > _MOST_TAGS:
            self._tags.popitem(last=False)

    def _tell_tags(self) -> None:
        self.app.call_later(self._show_tags)

    def _show_tags(self) -> None:
        self._rows.refresh()

    # --- a search -----------------------------------------------------------------------------

    def on_search_sought(self, message: Search.Sought) -> None:
        """Show the files below the root whose paths have all words."""
        if self._index is None:
            self._index = _Index(self._tree.root, self._tell_index)
        self._words = message.words.lower().split()
        self._found = self._index.find(self._words) if self._words else None
        self._use_rows(0)

    def _tell_index(self) -> None:
        """There is more to search in."""
        self.app.call_later(self._find_more)

    def _find_more(self) -> None:
        if self._found is not None and self._index is not None:
            self._found = self._index.find(self._words)
            self._use_rows()

    def on_search_left(self, message: Search.Left) -> None:
        """End a search, or play what was found."""
        if message.takes:
            self._take(self._rows.cursor)
        if not message.keeps:
            at, self._found = self._path(self._rows.cursor), None
            rows = self._tree.rows
            self._use_rows(next((k for k, node in enumerate(rows) if node.path == at), 0))
        self._rows.focus()

    # --- what keys do -------------------------------------------------------------------------

    def on_rows_taken(self, message: Rows.Taken) -> None:
        """Open or close a folder; play a file."""
        self._take(message.number)

    def _take(self, number: int) -> None:
        node = self._node(number)
        if node is not None and node.is_folder:
            self._toggle(number)
            return
        path = self._path(number)
        if path is not None:
            self._add(path, None, plays=True)

    def _node(self, number: int) -> Node | None:
        is_row = self._found is None and number < len(self._tree.rows)
        return self._tree.rows[number] if is_row else None

    def _add(self, path: str, at: int | None, plays: bool = False) -> None:
        app: Any = self.app

        def then(words: str, count: int) -> None:
            del count
            app.session.tell(words)
            app.call_later(app.show_now)

        app.session.add([path], at, then, plays)

    def action_act(self, name: str) -> None:
        """Do what an action of files, or of lists, says."""
        getattr(self, f"_do_{name.replace('-', '_')}")()

    def _do_search(self) -> None:
        self.query_one(Search).begin()

    def _do_leave(self) -> None:
        self.query_one(Search).leave()

    def _do_append_file(self) -> None:
        path = self._path(self._rows.cursor)
        if path is not None:
            self._add(path, None)
            self._rows.move_to(self._rows.cursor + 1)

    def _do_play_next(self) -> None:
        path, queue = self._path(self._rows.cursor), self.player.queue
        if path is not None:
            self._add(path, min(queue.index + 1, len(queue)))
            self._rows.move_to(self._rows.cursor + 1)

    def _do_open(self) -> None:
        if self._node(self._rows.cursor) is not None:
            self._toggle(self._rows.cursor, True)

    def _do_close(self) -> None:
        number = self._rows.cursor
        node = self._node(number)
        if node is None:
            return
        if node.is_open:
            self._toggle(number, False)
            return
        parent = self._tree.parent(number)
        if parent is not None:
            self._rows.move_to(parent)

    def _do_root_up(self) -> None:
        root = self._tree.root
        above = os.path.dirname(root)
        if above and above != root and self._found is None:
            self._use_root(above, root)

    def _do_root_here(self) -> None:
        node = self._node(self._rows.cursor)
        if node is not None and node.is_folder:
            self._use_root(node.path)


class _Index:
    """The paths below a folder, as they are found on a thread, and what of them is searched.

    Parameters
    ----------
    root : str
        The folder.
    tell : callable
        Called on that thread when there are more, and at the end.

    """

    def __init__(self, root: str, tell: Callable[[], None]) -> None:
        self.is_over = False
        self._root, self._tell = root, tell
        self._paths: list[str] = []
        self._texts: list[str] = []
        self._found: list[int] = []
        self._found_words: list[str] = []
        self._looked_at = 0
        BackgroundCall(self._fill, "zerocross-search")

    def _fill(self) -> None:
        told = time.monotonic()
        skipped = len(self._root.rstrip("/")) + 1
        for path in walk(self._root, lambda: not self.is_over):
            self._texts.append(path[skipped:].lower())
            self._paths.append(path)  # last: who reads goes by its length
            if time.monotonic() > told + _TELL_EVERY_S:
                told = time.monotonic()
                self._tell()
        if not self.is_over:
            self._tell()

    def find(self, words: list[str]) -> list[str]:
        """Return the paths that have all words; what was looked at before is not looked at again."""
        count, texts = len(self._paths), self._texts
        if words != self._found_words:
            narrows = bool(self._found_words) and " ".join(words).startswith(
                " ".join(self._found_words)
            )
            among = self._found if narrows else range(self._looked_at)
            self._found = [k for k in among if all(word in texts[k] for word in words)]
            self._found_words = words
        self._found += [
            k for k in range(self._looked_at, count) if all(word in texts[k] for word in words)
        ]
        self._looked_at = count
        return [self._paths[k] for k in self._found]
