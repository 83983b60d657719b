"""Things that are closed: once, by ``with`` or by hand."""

from __future__ import annotations

from types import TracebackType
from typing import Self

__all__ = ["Closes"]


class Closes:
    """Base of what has a ``close``: ``with`` calls it at the end."""

    def close(self) -> None:
        """Let go of what is held."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
