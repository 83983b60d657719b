"""Something that is called now and then, on the event loop, without a message to Textual."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Ticker"]


class Ticker:
    """Calls something every so many seconds, while it is on.

    Parameters
    ----------
    seconds : float
        How often.
    call : callable
        What.

    Attributes
    ----------
    is_on : bool
        Set it; while it is off there is no timer.

    """

    def __init__(self, seconds: float, call: Callable[[], object]) -> None:
        self._seconds, self._call = seconds, call
        self._handle: asyncio.TimerHandle | None = None

    @property
    def is_on(self) -> bool:
        """Whether it calls."""
        return self._handle is not None

    @is_on.setter
    def is_on(self, value: bool) -> None:
        if self._handle is not None and not value:
            self._handle.cancel()
            self._handle = None
        elif self._handle is None and value:
            self._begin()

    def _begin(self) -> None:
        self._handle = asyncio.get_running_loop().call_later(self._seconds, self._tick)

    def _tick(self) -> None:
        self._begin()
        self._call()
