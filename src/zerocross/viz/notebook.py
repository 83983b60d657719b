"""A notebook in place of a window: rendercanvas' widget for Jupyter."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

from zerocross.errors import MissingDependency, UsageError

__all__ = ["shell", "widget"]

#: By cells: which of their runs it was, and the widgets that it made.
_made: dict[str, tuple[str, list[Any]]] = {}


def shell() -> Any:
    """Return the shell of the notebook that this runs in; None in a script or a terminal."""
    ipython = sys.modules.get("IPython")
    found = ipython.get_ipython() if ipython else None
    return found if hasattr(found, "kernel") else None


def widget(size: tuple[int, int], fps: int) -> Any:
    """Return what a cell shows, as wide as the notebook at most; what its run before made is closed."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError("a window in a notebook is made in a cell, not in a thread") from None
    canvas = _kind()(loop, size=size, title="Zerocross", update_mode="continuous", max_fps=fps)
    canvas.css_width = f"min({size[0]}px, 100%)"
    _close_those_before(canvas)
    return canvas


def _kind() -> Any:
    try:
        from rendercanvas.jupyter import RenderCanvas
    except ImportError as error:
        words = str(error).strip().splitlines()[0]
        raise MissingDependency(
            f"a window in a notebook needs rendercanvas and jupyter_rfb ({words}): "
            "pip install 'zerocross[gpu,notebook]'"
        ) from None

    class Widget(RenderCanvas):  # type: ignore[misc]
        """Drawn by the thread that made it: JupyterLab has the page's messages taken on another one."""

        def __init__(self, loop: asyncio.AbstractEventLoop, **given: Any) -> None:
            self._loop, self._home = loop, threading.get_ident()
            super().__init__(**given)

        def _rfb_handle_msg(self, *given: Any) -> None:
            if threading.get_ident() == self._home:
                super()._rfb_handle_msg(*given)
            else:
                self._loop.call_soon_threadsafe(super()._rfb_handle_msg, *given)

        def _rfb_schedule_maybe_draw(self, *_given: Any) -> None:
            self._loop.call_soon_threadsafe(self._rfb_maybe_draw)

    return Widget


def _close_those_before(canvas: Any) -> None:
    """Close what the cell showed when it was run before: Jupyter keeps widgets, and they what plays."""
    request = shell().get_parent()
    cell = request.get("metadata", {}).get("cellId")
    if cell is None:  # of a client that names none
        return
    run = request["header"]["msg_id"]
    run_before, before = _made.get(cell, (run, []))
    if run_before != run:
        while before:
            before.pop().close()
    _made[cell] = run, [*before, canvas]
