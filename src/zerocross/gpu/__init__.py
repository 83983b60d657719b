"""Spectra on the graphics card (WebGPU), where they stay until they are asked for. Extra ``[gpu]``.

`Card` is a card or software that stands in for one; `BandSpectra` makes levels of bands of many windows at once,
`Following` lets them rise and fall, `Canvas` draws them.
"""

from __future__ import annotations

from zerocross.gpu.card import Card
from zerocross.gpu.following import Following
from zerocross.gpu.pictures import Canvas
from zerocross.gpu.spectra import BandSpectra, Levels

__all__ = ["BandSpectra", "Canvas", "Card", "Following", "Levels"]
