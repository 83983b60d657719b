"""Where playing was: the queue, the track, the position and the volume, for the next run.

Each player has a place of its own, held by a lock on a file that the system takes back however the
process ends. So two that play at once write to two places, and who goes on takes the place that was
written last and that nobody holds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote_from_bytes, unquote_to_bytes

from zerocross.errors import SourceError, ZerocrossError
from zerocross.files import printable, read_small, written_aside
from zerocross.folders import user_folder
from zerocross.units import checked_flag, checked_number, checked_volume, checked_whole, shown

if TYPE_CHECKING:
    from zerocross.sources.cue import Cut

__all__ = ["Remembered", "StateFile", "state_folder"]

_MOST_BYTES = 1 << 16
_MOST_QUEUE_BYTES = 64 << 20
#: The longest path of Linux, all of it in percent escapes.
_MOST_LINE = 3 * 4096
_MOST_PLACES = 100
_LOOPS = ("off", "one", "all")
#: How a cue sheet's track begins; see `sources.cue.Cut.as_line`.
_CUT = "#ZEROCROSS-CUT:"


#: Where a track is: a path or an address as text, or a part of a file.
Place: TypeAlias = "str | Cut"


@dataclasses.dataclass(frozen=True)
class Remembered:
    """What playing goes on with.

    Attributes
    ----------
    paths : tuple of str and Cut
        The queue: paths from the root, addresses, and tracks of cue sheets.
    index : int
        Of the current track.
    position_s : float
        Into it, in seconds.
    volume, mute, loop
        As of the player and its queue.

    """

    paths: tuple[Place, ...]
    index: int = 0
    position_s: float = 0.0
    volume: float = 1.0
    mute: bool = False
    loop: str = "off"


def state_folder() -> Path:
    """Return where the state is kept."""
    return user_folder("state")


class StateFile:
    """A place for one player's state, held until it is closed or the process ends.

    Parameters
    ----------
    folder : Path
        Where the places are.
    number : int
        Of this one, from 1 on.
    lock : int
        A descriptor, locked; this closes it.

    """

    def __init__(self, folder: Path, number: int, lock: int) -> None:
        self._state, self._queue = (folder / f"play-{number}{end}" for end in (".toml", ".m3u8"))
        self._lock = lock
        self._written: Sequence[Place] | None = None

    @classmethod
    def new(cls) -> StateFile:
        """Take a place that nobody holds.

        Raises
        ------
        ZerocrossError
            If there can be none.

        """
        folder = state_folder()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number in range(1, _MOST_PLACES):
                lock = _locked(folder, number)
                if lock is not None:
                    return cls(folder, number, lock)
        except OSError as error:
            raise ZerocrossError(
                f"{printable(str(folder))}: cannot be used ({(error.strerror or '').lower()}), so "
                "where you were is not remembered"
            ) from None
        raise ZerocrossError(f"{_MOST_PLACES} players remember where they are; end some")

    @classmethod
    def last(cls) -> StateFile | None:
        """Take the place that was written last of those that nobody holds; None if there is none."""
        folder = state_folder()
        written = []
        for number in range(1, _MOST_PLACES):
            with contextlib.suppress(OSError):
                written.append(((folder / f"play-{number}.toml").stat().st_mtime_ns, number))
        for _, number in sorted(written, reverse=True):
            with contextlib.suppress(OSError):
                lock = _locked(folder, number)
                if lock is not None:
                    return cls(folder, number, lock)
        return None

    def read(self) -> Remembered:
        """Return what is remembered.

        Raises
        ------
        ZerocrossError
            If it cannot be read: in one line.

        """
        import tomllib

        with _told_of(self._state):
            found = tomllib.loads(read_small(self._state, _MOST_BYTES, "state").decode())
        places = self.read_queue()
        with _told_of(self._state):
            return _checked(found, places)

    def read_queue(self) -> tuple[Place, ...]:
        """Return the queue alone: for where the rest is damaged.

        Raises
        ------
        ZerocrossError
            If it cannot be read either.

        """
        with _told_of(self._queue):
            places = _places_in(read_small(self._queue, _MOST_QUEUE_BYTES, "queue").decode())
            if not places:
                raise ValueError("it is empty")
            return places

    def write(self, state: Remembered) -> None:
        """Remember something; the queue is written where it is another.

        Raises
        ------
        ZerocrossError
            If it cannot be written; then the one before stays.

        """
        if state.paths != self._written:
            with written_aside(self._queue) as part:
                text = "".join(f"{_line(place)}\n" for place in state.paths)
                Path(part).write_text(f"#EXTM3U\n{text}", encoding="utf-8")
            self._written = state.paths
        with written_aside(self._state) as part:
            Path(part).write_text(
                "# Where zerocross play was.\n"
                f"index = {state.index}\n"
                f"position_s = {state.position_s:.3f}\n"
                f"volume = {state.volume:.4f}\n"
                f"mute = {str(state.mute).lower()}\n"
                f'loop = "{state.loop}"\n',
                encoding="utf-8",
            )

    def close(self) -> None:
        """Let go of the place; what is remembered stays."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


@contextlib.contextmanager
def _told_of(file: Path) -> Iterator[None]:
    """Have what is wrong with a file's content told in one line, with the file's name."""
    try:
        yield
    except SourceError:
        raise
    except (ValueError, TypeError, RecursionError, KeyError, ZerocrossError) as error:
        words = f"it has no {error.args[0]}" if isinstance(error, KeyError) else str(error)
        raise SourceError(
            printable(str(file)),
            f"is damaged ({printable(words).lower()}), so where you were is forgotten",
        ) from None


def _checked(found: dict[str, Any], paths: tuple[Place, ...]) -> Remembered:
    if found["loop"] not in _LOOPS:
        raise ValueError(f"loop={shown(found['loop'])}")
    return Remembered(
        paths,
        checked_whole("index", found["index"], 0, len(paths) - 1),
        checked_number("position_s", found["position_s"], 0.0, 1e9),
        checked_volume(found["volume"]),
        checked_flag("mute", found["mute"]),
        found["loop"],
    )


def _line(place: Place) -> str:
    """Return a place as a line of a playlist, whatever bytes it has; a cut has one before it."""
    if not isinstance(place, str):
        return f"{place.as_line()}\n{_line(os.fsdecode(place.location))}"
    path = place
    is_plain = path.isprintable() and path[:1] != "#" and path == path.strip()
    return path if is_plain else f"file://{quote_from_bytes(os.fsencode(path))}"


def _places_in(text: str) -> tuple[Place, ...]:
    """Return the places that the lines of a queue name."""
    found: list[Place] = []
    about = ""
    for line in text.split("\n"):
        if line.startswith(_CUT):
            about = line
        elif len(line) > _MOST_LINE or "\0" in line:
            raise ValueError("a line of the queue that is no path")
        elif line and line[0] != "#":
            found.append(_cut_of(_path(line), about) if about else _path(line))
            about = ""
    return tuple(found)


def _cut_of(path: str, about: str) -> Cut:
    from zerocross.sources.cue import Cut

    return Cut.of_line(about, path)


def _path(line: str) -> str:
    is_file = line.startswith("file://")
    return os.fsdecode(unquote_to_bytes(line.removeprefix("file://"))) if is_file else line


def _locked(folder: Path, number: int) -> int | None:
    """Return a descriptor that holds a place; None where another process does."""
    descriptor = os.open(folder / f"play-{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        import fcntl
    except ImportError:  # on Windows, where none was run yet: all share the first place
        return descriptor
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
