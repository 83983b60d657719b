"""Where players' sockets are: one for each in a folder of the user's own, named by process.

A player that was killed leaves its socket behind; nobody listens there any more, and whoever comes
upon it removes it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
import time
from pathlib import Path

from zerocross.errors import ZerocrossError
from zerocross.files import printable
from zerocross.folders import user_folder

__all__ = ["CAN_LISTEN", "check_folder", "connected", "listener", "sockets"]

#: Whether there are local sockets; Python has none on Windows.
CAN_LISTEN = hasattr(socket, "AF_UNIX")

_SUFFIX = ".sock"
#: Bytes of a socket's name: 108 in Linux, 104 in macOS, the zero at its end included.
_MOST_PATH = 107 if sys.platform == "linux" else 103
_PATIENCE_S = 5.0
_BACKLOG = 128
_AGAIN_S = 0.02


def _is_ours_alone(folder: Path) -> bool:
    """Return whether nobody but us (and root) can put anything there, nor move it away."""
    own, above = os.lstat(folder), os.stat(folder.parent)
    is_safe = stat.S_ISDIR(own.st_mode) and own.st_uid == os.getuid()
    return is_safe and not own.st_mode & 0o022 and above.st_uid in {0, os.getuid()}


def listener() -> tuple[socket.socket, Path]:
    """Make the socket of a player of this process; returns it, listening, and its path.

    Raises
    ------
    ZerocrossError
        Where there can be none: in one line.

    """
    folder = user_folder("runtime")
    try:
        check_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_folder()
        return _listener_in(folder)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ZerocrossError(
            f"{printable(str(folder))}: no socket can be there ({reason}), so no player listens there"
        ) from None


def _listener_in(folder: Path) -> tuple[socket.socket, Path]:
    sockets()  # removes those of the dead
    stem, number = f"{os.getpid()}", 1
    while (folder / f"{stem}{_SUFFIX}").exists():
        number += 1
        stem = f"{os.getpid()}-{number}"
    path, hidden = folder / f"{stem}{_SUFFIX}", folder / f".{stem}"
    with contextlib.suppress(FileNotFoundError):
        hidden.unlink()
    made = socket.socket(socket.AF_UNIX)
    try:
        made.bind(str(hidden))
        hidden.chmod(0o600)
        made.listen(_BACKLOG)
        made.setblocking(False)
        hidden.rename(path)  # now that it listens: else it would look like one of the dead
    except BaseException:
        made.close()
        with contextlib.suppress(OSError):
            hidden.unlink()
        raise
    return made, path


def check_folder() -> None:
    """Refuse a folder where no player listens: others could put sockets there, or none can be.

    Raises
    ------
    ZerocrossError
        In one line.

    """
    folder = user_folder("runtime")
    name = printable(str(folder))
    if str(folder.parent) == os.environ.get("XDG_RUNTIME_DIR") and not folder.parent.is_dir():
        raise ZerocrossError(
            f"XDG_RUNTIME_DIR={printable(str(folder.parent))} is no directory, so no player listens "
            "there; make it (mode 0700), and start the player again"
        )
    length = len(os.fsencode(folder / f"{2**22}-99{_SUFFIX}"))  # the longest number of a process
    if length > _MOST_PATH:
        raise ZerocrossError(
            f"{name} is too long for a socket ({length} of {_MOST_PATH} bytes), so no player listens "
            "there; set XDG_RUNTIME_DIR to a shorter one, and start the player again"
        )
    with contextlib.suppress(FileNotFoundError):
        if not _is_ours_alone(folder):
            raise ZerocrossError(
                f"{name} is not a folder of yours alone, so no player listens there; "
                "make it one (mode 0700), and start the player again"
            )


def sockets() -> list[Path]:
    """Return the sockets of all players that are there, the one that started last first."""
    found = []
    with contextlib.suppress(OSError), os.scandir(user_folder("runtime")) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIX) and not _is_left_behind(entry.path):
                with contextlib.suppress(OSError):
                    path = Path(entry.path)  # names tell what the clock of files is too coarse for
                    found.append((entry.stat().st_mtime_ns, len(path.stem), path))
    return [path for *_, path in sorted(found, reverse=True)]


def _is_left_behind(path: str) -> bool:
    """Return whether nobody listens at a socket; then it is removed."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.setblocking(False)
        try:
            asking.connect(path)
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                os.unlink(path)
            return True
        except OSError:  # it has much to do, or is not ours to ask
            return False
    return False


def connected(path: Path) -> socket.socket:
    """Return a connection to a player, made within 5 s or not at all.

    Raises
    ------
    ZerocrossError
        If it cannot be reached.

    """
    asking = socket.socket(socket.AF_UNIX)
    asking.settimeout(_PATIENCE_S)
    until = time.monotonic() + _PATIENCE_S
    try:
        while not _is_reached(asking, path, until):
            time.sleep(_AGAIN_S)
    except OSError as error:
        asking.close()
        reason = (error.strerror or str(error)).lower()
        raise ZerocrossError(
            f"player {printable(path.stem)} cannot be reached ({reason}); see zerocross ctl status"
        ) from None
    return asking


def _is_reached(asking: socket.socket, path: Path, until: float) -> bool:
    """Return whether a connection was made; not where too many wait, until a time."""
    try:
        asking.connect(str(path))
    except BlockingIOError:
        if time.monotonic() > until:
            raise
        return False
    return True
