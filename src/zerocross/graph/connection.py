"""Where a chain plays or is rendered, seen by the chain and by all of its processors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    renders : bool
        Whether it is being rendered, by a loop in place of the audio thread.
    is_taken : bool
        Whether it is being prepared, or rendered.

    """

    install: Callable[[Any], bool] | None = None
    renders: bool = False
    is_taken: bool = False

    @contextmanager
    def taking(self) -> Iterator[None]:
        """Keep the processors out of other chains' hands for a while."""
        before, self.is_taken = self.is_taken, True
        try:
            yield
        finally:
            self.is_taken = before

    @property
    def plays(self) -> bool:
        """Whether an audio thread may be running the chain."""
        return self.install is not None

    @property
    def is_busy(self) -> bool:
        """Whether its processors' state may be in use."""
        return self.plays or self.is_taken
