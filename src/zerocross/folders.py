"""The user's own folders: where the cache, the configuration, the state and what runs are.

On Linux they are four variables with a default each, read here (XDG Base Directory Specification
0.8): a player that only plays does without platformdirs, and all that comes with it. Elsewhere, and
where a variable is not what it should be, platformdirs knows.
"""

from __future__ import annotations

import os
import stat
import sys
import warnings
from pathlib import Path
from typing import Final

__all__ = ["user_folder"]

#: By kind: the variable, and what stands for it, below the user's home, where it is not set.
_XDG: Final = {
    "cache": ("XDG_CACHE_HOME", ".cache"),
    "config": ("XDG_CONFIG_HOME", ".config"),
    "state": ("XDG_STATE_HOME", ".local/state"),
    "runtime": ("XDG_RUNTIME_DIR", ""),
}


def user_folder(kind: str) -> Path:
    """Return one of the user's folders for this program; it need not be there.

    Parameters
    ----------
    kind : {"cache", "config", "state", "runtime"}
        Which.

    Raises
    ------
    RuntimeError
        If the user has no home directory.

    """
    above = _xdg_folder(*_XDG[kind]) if sys.platform == "linux" else ""
    if above:
        return Path(above, "zerocross")
    import platformdirs

    with warnings.catch_warnings():  # there is none for what runs: one in /tmp is made
        warnings.simplefilter("ignore")
        return Path(getattr(platformdirs, f"user_{kind}_dir")("zerocross"))


def _xdg_folder(variable: str, default: str) -> str:
    """Return what the specification says, or nothing where it does not."""
    chosen = os.environ.get(variable, "")
    if not default:
        return chosen if os.path.isabs(chosen) and _is_private(chosen) else ""
    if os.path.isabs(chosen):  # "if not absolute, it should be ignored"
        return chosen
    home = os.environ.get("HOME", "")
    return os.path.join(home, default) if os.path.isabs(home) else ""


def _is_private(folder: str) -> bool:
    """Return whether a folder is the user's alone, as the specification wants it of what runs."""
    try:
        found = os.stat(folder)
    except OSError:
        return False
    return found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700
