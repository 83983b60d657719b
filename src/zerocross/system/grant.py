"""What was asked of the system, and what it gave: asked, read back, reported.

The rule for systems that differ: what is asked has one public function, in the file of its topic.
That function hands `ask` an answer for each system, `_on_linux`, `_on_windows`, `_on_macos`; the
calls themselves are in `linux`, `windows` and `macos`, and raise OSError. `ask` chooses the answer
and makes a `Grant` of it. Nothing else asks which system this is.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

__all__ = ["SYSTEM", "Grant", "ask", "here"]

P = ParamSpec("P")
R = TypeVar("R")

#: The system that runs, as `sys.platform` names it.
SYSTEM = sys.platform

#: Whether the system has it so, and what was read back or the reason and the cure.
Answer = tuple[bool, str]


@dataclasses.dataclass(frozen=True)
class Grant:
    """The system's answer to a request. A refusal is a notice, not a failure.

    Attributes
    ----------
    what : str
        Such as ``locked memory``.
    granted : bool
        Whether the system has it so, read back after asking.
    detail : str
        What was read back, or the reason and what to do about it.

    """

    what: str
    granted: bool
    detail: str

    def __str__(self) -> str:
        return f"{self.what}: {'granted' if self.granted else 'refused'} ({self.detail})"


def here(
    *,
    linux: Callable[P, R] | None = None,
    windows: Callable[P, R] | None = None,
    macos: Callable[P, R] | None = None,
) -> Callable[P, R]:
    """Return the function for the system that runs.

    Raises
    ------
    OSError
        If there is none for it; the text names the systems that have one.

    """
    found = {"linux": linux, "win32": windows, "darwin": macos}.get(SYSTEM)
    if found is None:
        written = {"Linux": linux, "Windows": windows, "macOS": macos}
        raise OSError(", ".join(name for name, answer in written.items() if answer) + " only")
    return found


def ask(
    what: str,
    *question: Any,
    linux: Callable[..., Answer] | None = None,
    windows: Callable[..., Answer] | None = None,
    macos: Callable[..., Answer] | None = None,
) -> Grant:
    """Ask the system that runs; what it cannot do, or has no call for, is a refusal.

    Parameters
    ----------
    what : str
        The grant's name.
    *question : object
        Handed to the answer.
    linux, windows, macos : callable
        Returns whether it is granted, and the detail; may raise OSError.

    """
    try:
        granted, detail = here(linux=linux, windows=windows, macos=macos)(*question)
    except OSError as error:
        return Grant(what, False, error.strerror.lower() if error.strerror else str(error))
    return Grant(what, granted, detail)
