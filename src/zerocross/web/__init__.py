"""The browser: chains as WebAssembly modules on memory that Python prepared, pages and notebooks that play through one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zerocross.web.export import export
from zerocross.web.image import Image
from zerocross.web.module import WebChain, web_chain
from zerocross.web.serve import PageServer

if TYPE_CHECKING:
    from zerocross.web.notebook import Player

__all__ = ["Image", "PageServer", "Player", "WebChain", "export", "web_chain"]


def __getattr__(name: str) -> Any:
    """Import the notebook's player when it is asked for: it needs an extra, and takes its time."""
    if name != "Player":
        raise AttributeError(f"module 'zerocross.web' has no attribute {name!r}")
    from zerocross.web.notebook import Player

    return Player
