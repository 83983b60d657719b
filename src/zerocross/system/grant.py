"""What was asked of the system, and what it gave: asked, read back, reported."""

from __future__ import annotations

import dataclasses

__all__ = ["Grant"]


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
