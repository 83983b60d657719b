"""The visualiser on a graphics card: in a window, in a notebook, as pictures and films. Extra ``[gpu]``.

`Window` shows what a player or stream plays; `record_film` and `save_picture` draw what is in a file. All of them
draw by a `Show`.
"""

from __future__ import annotations

from zerocross.viz.film import record_film, save_picture
from zerocross.viz.show import Show
from zerocross.viz.window import Window

__all__ = ["Show", "Window", "record_film", "save_picture"]
