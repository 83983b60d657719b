"""What `Player.play` gives back: in asyncio it is awaited, or made a task of."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zerocross.player.playback import Playback
    from zerocross.player.start import Start
    from zerocross.system.background import BackgroundCall

__all__ = ["Starting"]


class Starting(Coroutine[Any, Any, None]):
    """What was begun by `Player.play`; in asyncio it is awaited, or given to ``create_task``.

    Nobody has to: it goes on by itself, and nothing is told of a coroutine that was never awaited.

    Parameters
    ----------
    playback : Playback
        Of the player.
    start : Start, BackgroundCall of it, or None
        What was begun; a call where a disk is asked before, which gives None where it came too late.

    """

    def __init__(
        self, playback: Playback, start: Start | BackgroundCall[Start | None] | None
    ) -> None:
        self._playback, self._start = playback, start
        self._steps: Coroutine[Any, Any, None] | None = None

    def __repr__(self) -> str:
        from zerocross.system.background import BackgroundCall

        start, error = self._start, None
        if isinstance(start, BackgroundCall):
            is_over = start.is_done
        else:
            is_over, error = not start or start.is_finished, start and start.error
        if not is_over:
            return "<Starting: under way>"
        return f"<Starting: failed, {error}>" if error else "<Starting: begun>"

    def __await__(self) -> Generator[Any, None, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        from zerocross.system.background import BackgroundCall

        start = self._start
        if isinstance(start, BackgroundCall):
            call = start
            await self._playback.idle.until(lambda: call.is_done)
            start = call.result()
        if start:
            await self._playback.until_begun(start)

    # --- as a task takes it -------------------------------------------------------------------

    def send(self, value: Any) -> Any:
        """Go on; see `collections.abc.Coroutine`."""
        self._steps = self._steps or self._wait()
        return self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with an exception."""
        self._steps = self._steps or self._wait()
        return self._steps.throw(*error)

    def close(self) -> None:
        """Wait no longer; what was begun goes on."""
        if self._steps:
            self._steps.close()
