"""Folders and what can be played in them: a tree as a flat list of rows, and an index to search in.

Nothing of Textual. What asks disks is to be called on threads of its own.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator

from zerocross.sources.playlists import audio_suffixes, natural

__all__ = ["Node", "Tree", "listing", "walk"]

_PLAYLISTS = frozenset({".m3u", ".m3u8", ".pls", ".cue"})
_MOST_ENTRIES = 100_000
_MOST_FOUND = 200_000
_MOST_DEEP = 64
#: Folders without files of anybody's: of processes and devices there is no end.
_MADE_UP = {"/proc", "/sys", "/dev"}


@dataclasses.dataclass(eq=False, slots=True)
class Node:
    """A folder, or a file that can be played.

    Attributes
    ----------
    path, name : str
        Where it is, and the last part of that.
    depth : int
        Folders between it and the root.
    is_folder, is_open : bool
        Whether it has children, and whether they are shown.

    """

    path: str
    name: str
    depth: int = 0
    is_folder: bool = False
    is_open: bool = False


class Tree:
    """What is seen of a folder.

    Parameters
    ----------
    root : str
        The folder.

    Attributes
    ----------
    rows : list of Node
        Everything that is to be seen, from above.

    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.rows: list[Node] = []

    def fill(self, found: list[tuple[str, str, bool]]) -> None:
        """Show what `listing` found in the root."""
        self.rows = [Node(path, name, 0, folder) for path, name, folder in found]

    def open(self, node: Node, found: list[tuple[str, str, bool]]) -> None:
        """Show what `listing` found in a folder, if that is still to be seen."""
        if node.is_open or node not in self.rows:
            return
        at = self.rows.index(node) + 1
        node.is_open = True
        self.rows[at:at] = [
            Node(path, name, node.depth + 1, folder) for path, name, folder in found
        ]

    def close(self, node: Node) -> None:
        """Show no longer what is in a folder."""
        if node.is_open and node in self.rows:
            node.is_open = False
            at = self.rows.index(node) + 1
            del self.rows[at : self._end(at, node.depth)]

    def _end(self, at: int, depth: int) -> int:
        while at < len(self.rows) and self.rows[at].depth > depth:
            at += 1
        return at

    def parent(self, number: int) -> int | None:
        """Return the row of the folder that a row is in; None where that is the root."""
        depth = self.rows[number].depth
        return next((k for k in range(number - 1, -1, -1) if self.rows[k].depth < depth), None)


def is_playable(name: str) -> bool:
    """Return whether a file's name is one of audio, or of a list of it."""
    suffix = os.path.splitext(name)[1].lower()
    return suffix in audio_suffixes() or suffix in _PLAYLISTS


def listing(folder: str) -> list[tuple[str, str, bool]]:
    """Return path, name and whether it is a folder of what is in one: folders first, by name.

    Hidden ones are left out.

    Raises
    ------
    OSError
        If it cannot be read.

    """
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            is_folder = _is_folder(entry)
            if is_folder or is_playable(entry.name):
                found.append((entry.path, entry.name, is_folder))
            if len(found) >= _MOST_ENTRIES:
                break
    return sorted(found, key=lambda each: (not each[2], natural(each[1])))


def walk(root: str, goes_on: Callable[[], bool] = lambda: True) -> Iterator[str]:
    """Yield the paths of all files below a folder that can be played, each folder's by name.

    ``goes_on`` is asked before each folder. What the system makes up as it is read is left out.
    """
    waiting, count = [(root, 0)], 0
    while waiting and count < _MOST_FOUND and goes_on():
        folder, depth = waiting.pop()
        if folder in _MADE_UP:
            continue
        try:
            found = listing(folder)
        except OSError:
            continue
        for path, _, is_folder in found:
            if not is_folder:
                count += 1
                yield path
        if depth < _MOST_DEEP:
            waiting += [
                (path, depth + 1)
                for path, _, is_folder in reversed(found)
                if is_folder and not os.path.islink(path)
            ]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
