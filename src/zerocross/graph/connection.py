"""Where a chain plays, seen by the chain and by all of its processors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

__all__ = ["Connection"]


@dataclasses.dataclass(eq=False)
class Connection:
    """A chain's way to the audio thread.

    Attributes
    ----------
    install : callable or None
        Hands a program over and waits; returns whether the audio thread has taken it. None
        while the chain plays nowhere.

    """

    install: Callable[[Any], bool] | None = None

    @property
    def plays(self) -> bool:
        """Whether an audio thread may be running the chain."""
        return self.install is not None
