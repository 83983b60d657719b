"""A track's cover: found, decoded where PyAV is installed, and painted by half blocks or kitty's way.

Other people's pictures: their sizes are bounded before anything is decoded.
"""

from __future__ import annotations

import base64
import io
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.sources.tags import cover
from zerocross.terminal.cells import Cells
from zerocross.terminal.visual.colours import PALETTES, colour_of

__all__ = ["CoverPainter", "Picture", "find_cover"]

Picture = npt.NDArray[np.uint8]

_NAMES = ("cover", "folder", "front", "album")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_MOST_BYTES = 16 << 20
_MOST_SIDE = 8192
_KEPT_SIDE = 512
_UPPER_HALF = ord("▀")
_TRUE = 0x1000000
#: Between the steps of xterm's cube.
_BETWEEN = np.array([48, 115, 155, 195, 235])
#: So deep a picture lies below cells that have a paper: only our own here have none, so that whatever
#: stands in its place covers it.
_DEPTH = -(1 << 30) - 1
#: What kitty takes in a piece.
_PIECE = 4096


def find_cover(path: str) -> Picture | str:
    """Return a file's cover, or its folder's; or in words why there is none. It asks disks.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3), or str

    """
    found = cover(path)
    data = found[1] if found else _beside(os.path.dirname(path))
    if data is None:
        return "no cover"
    try:
        import av
    except ImportError:
        return "there is a cover; zerocross[formats] decodes it"
    try:
        return _decoded(av, data)
    except (OSError, ValueError, IndexError, StopIteration) as error:  # FFmpeg's are OSErrors too
        return f"a cover that cannot be decoded ({type(error).__name__})"


def _beside(folder: str) -> bytes | None:
    """Return the picture that a folder has of all that is in it."""
    try:
        names = {name.lower(): name for name in os.listdir(folder)}
        for wanted in (stem + suffix for stem in _NAMES for suffix in _SUFFIXES):
            place = os.path.join(folder, names.get(wanted, ""))
            if wanted in names and os.path.isfile(place) and os.path.getsize(place) <= _MOST_BYTES:
                with open(place, "rb") as file:
                    return file.read(_MOST_BYTES)
    except OSError:
        pass
    return None


def _decoded(av: Any, data: bytes) -> Picture | str:
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        width, height = stream.width, stream.height
        if not (width and height):
            raise ValueError
        if max(width, height) > _MOST_SIDE:
            return f"a cover of {width} x {height} pixels is not decoded"
        frame = next(container.decode(stream))
        scale = min(1.0, _KEPT_SIDE / max(width, height))
        small = frame.reformat(
            max(1, round(width * scale)), max(1, round(height * scale)), format="rgb24"
        )
        picture: Picture = small.to_ndarray()
        return picture


def scaled(picture: Picture, columns: int, rows: int) -> Picture:
    """Return a picture in another size: each pixel is the mean of those it stands for."""
    across, down = (
        np.minimum(np.arange(count) * size // count, size - 1)
        for size, count in ((picture.shape[1], columns), (picture.shape[0], rows))
    )
    if columns > picture.shape[1] or rows > picture.shape[0]:
        larger: Picture = picture[down][:, across]
        return larger
    sums = np.add.reduceat(np.add.reduceat(picture.astype(np.float64), down, 0), across, 1)
    counts = np.outer(
        np.diff(np.append(down, picture.shape[0])), np.diff(np.append(across, picture.shape[1]))
    )
    means: Picture = np.rint(sums / counts[..., None]).astype(np.uint8)
    return means


class CoverPainter:
    """Paints a picture into its rectangle, as large as it fits.

    Parameters
    ----------
    depth : str
        Of the terminal's colours: one of `visual.colours.DEPTHS`.
    unicode : bool
        Whether it has half blocks; else a cell is one pixel.
    kitty : bool
        Whether it takes pictures.
    theme : str
        One of `visual.colours.PALETTES`.

    Attributes
    ----------
    left, top : int
        Where it stands on the terminal.

    """

    def __init__(
        self, depth: str, unicode: bool, kitty: bool = False, theme: str = "default"
    ) -> None:
        self.cells = Cells(1, 1)
        self.left = self.top = 0
        self._depth, self._has_halves, self._kitty = depth, unicode, kitty
        self._picture: Picture | None = None
        self._is_stale = True
        self._is_kitty_shown = False
        self.use_theme(theme)

    def use_theme(self, name: str) -> None:
        """Stand on another theme's paper."""
        self.cells.ground = -1 if self._kitty else PALETTES[name].ground(self._depth)

    @property
    def picture(self) -> Picture | None:
        """What is shown; None for nothing."""
        return self._picture

    @picture.setter
    def picture(self, value: Picture | None) -> None:
        self._picture, self._is_stale = value, True

    def resize(self, columns: int, rows: int) -> None:
        """Have another size."""
        self.cells.resize(columns, rows)
        self._is_stale = True

    def forget(self) -> None:
        """Send all of it with the next frame."""
        self.cells.forget()
        self._is_stale = self._is_stale or self._kitty

    def frame(self) -> memoryview:
        """Return the bytes for now."""
        if not self._is_stale:
            return self.cells.emit(self.left, self.top)
        self._is_stale = False
        self.cells.clear()
        if self._kitty:
            return memoryview(
                self.removed() + bytes(self.cells.emit(self.left, self.top)) + self._as_kitty()
            )
        if self._picture is not None and self._depth != "monochrome":
            self._paint(self._picture)
        return self.cells.emit(self.left, self.top)

    def removed(self) -> bytes:
        """Return what takes away a picture that lies above the text; nothing where none does."""
        was, self._is_kitty_shown = self._is_kitty_shown, False
        return b"\x1b_Ga=d,d=I,i=1,q=2\x1b\\" if was else b""

    def _fitted(self, picture: Picture) -> tuple[int, int]:
        """Return how many cells a picture takes: a cell is twice as high as it is wide."""
        height, width = picture.shape[:2]
        columns, rows = self.cells.columns, self.cells.rows
        scale = min(columns / width, 2 * rows / height)
        return max(1, int(width * scale)), max(1, int(height * scale / 2))

    def _paint(self, picture: Picture) -> None:
        columns, rows = self._fitted(picture)
        pixels = scaled(picture, columns, 2 * rows if self._has_halves else rows)
        colours = self._colours(pixels)
        glyphs, inks, papers = self.cells.glyphs, self.cells.inks, self.cells.papers
        if self._has_halves:
            glyphs[:rows, :columns] = _UPPER_HALF
            inks[:rows, :columns], papers[:rows, :columns] = colours[::2], colours[1::2]
        else:
            papers[:rows, :columns] = colours

    def _colours(self, pixels: Picture) -> npt.NDArray[np.int32]:
        wide = pixels.astype(np.int32)
        if self._depth == "true":
            return _TRUE + (wide[..., 0] << 16) + (wide[..., 1] << 8) + wide[..., 2]
        if self._depth == "256":
            steps = np.digitize(wide, _BETWEEN)
            return (16 + 36 * steps[..., 0] + 6 * steps[..., 1] + steps[..., 2]).astype(np.int32)
        kinds, places = np.unique(wide.reshape(-1, 3) // 32, axis=0, return_inverse=True)
        names = ("".join(f"{min(255, 32 * int(part) + 16):02x}" for part in kind) for kind in kinds)
        table = np.array([colour_of(name, self._depth) for name in names], np.int32)
        return table[places.reshape(wide.shape[:2])]

    def _as_kitty(self) -> bytes:
        picture = self._picture
        if picture is None:
            return b""
        self._is_kitty_shown = True
        columns, rows = self._fitted(picture)
        height, width = picture.shape[:2]
        data = base64.standard_b64encode(np.ascontiguousarray(picture).tobytes())
        out = [f"\x1b[{self.top + 1};{self.left + 1}H".encode()]
        for at in range(0, len(data), _PIECE):
            more = int(at + _PIECE < len(data))
            head = (
                f"a=T,f=24,i=1,q=2,C=1,z={_DEPTH},s={width},v={height},c={columns},r={rows},"
                if at == 0
                else ""
            )
            out.append(f"\x1b_G{head}m={more};".encode() + data[at : at + _PIECE] + b"\x1b\\")
        return b"".join(out)
