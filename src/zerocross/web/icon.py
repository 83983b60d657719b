"""The page's icon in pixels, for what cannot draw icon.svg: home screens of telephones."""

from __future__ import annotations

import functools
import struct
import zlib
from typing import Any

import numpy as np

__all__ = ["icons"]

#: Of icon.svg: its side, its corners, its line's width, colours, and the curve's Bézier points.
_SIDE, _CORNER, _WIDTH = 64.0, 12.0, 6.0
_PAPER, _INK = (0x11, 0x14, 0x18), (0x4D, 0xB6, 0xFF)
_CURVES = (
    ((8.0, 32.0), (16.0, 4.0), (24.0, 4.0), (32.0, 32.0)),
    ((32.0, 32.0), (40.0, 60.0), (48.0, 60.0), (56.0, 32.0)),
)
#: A mask leaves a circle of four fifths.
_MASKED = 0.8
_POINTS = 128

_Pixels = np.ndarray[Any, Any]


@functools.cache
def icons() -> dict[str, bytes]:
    """Return files by name: two for browsers, one to be masked, one for a telephone's home screen."""
    return {
        "icon-192.png": _png(_drawn(192)),
        "icon-512.png": _png(_drawn(512)),
        "icon-masked.png": _png(_drawn(512, is_masked=True)),
        "icon-180.png": _png(_drawn(180, is_masked=True)),
    }


def _drawn(size: int, is_masked: bool = False) -> _Pixels:
    """Return an icon, shape (size, size, 4), uint8; to be masked it has no corners, and its line is smaller."""
    scale = size / _SIDE
    middles = ((np.arange(size) + 0.5) / scale).astype(np.float32)
    x, y = np.meshgrid(middles, middles)
    shrunk = _MASKED if is_masked else 1.0
    ink = _covered((_distance(x, y, shrunk) - shrunk * _WIDTH / 2) * scale)
    inner = _SIDE / 2 - _CORNER
    corner = np.hypot(*(np.maximum(np.abs(each - _SIDE / 2) - inner, 0.0) for each in (x, y)))
    alpha = np.ones_like(x) if is_masked else _covered((corner - _CORNER) * scale)
    colours = [paper + ink * (line - paper) for paper, line in zip(_PAPER, _INK)]
    pixels: _Pixels = np.rint(np.stack([*colours, 255 * alpha], axis=2)).astype(np.uint8)
    return pixels


def _covered(beyond: _Pixels) -> _Pixels:
    """Return how much of a pixel is inside an edge, by how many pixels its middle is beyond it."""
    covered: _Pixels = np.clip(0.5 - beyond, 0.0, 1.0)
    return covered


def _distance(x: _Pixels, y: _Pixels, shrunk: float) -> _Pixels:
    """Return how far pixels are from the line."""
    nearest = np.full_like(x, np.inf)
    t = np.linspace(0.0, 1.0, _POINTS)
    weights = np.array([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3])
    for curve in _CURVES:
        points = (np.array(curve) - _SIDE / 2) * shrunk + _SIDE / 2
        for px, py in (weights.T @ points).tolist():
            np.minimum(nearest, (x - px) ** 2 + (y - py) ** 2, out=nearest)
    distance: _Pixels = np.sqrt(nearest)
    return distance


def _png(pixels: _Pixels) -> bytes:
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
