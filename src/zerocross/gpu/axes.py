"""What a picture's places mean: frequencies, levels and seconds, written over it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.errors import MissingDependency
from zerocross.gpu.scenes import MODES
from zerocross.spectrum.bands import Bands

__all__ = ["labels", "pillow"]

_HZ = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
_STEPS_S = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600),
)
#: Of letters in white, of lines, and of the shade that letters stand on: of 255.
_INK, _LINE, _SHADE = (255, 255, 255, 200), (255, 255, 255, 48), (0, 0, 0, 150)
#: Smaller pictures have none.
_LEAST = (160, 120)


def labels(
    mode: str,
    width: int,
    height: int,
    bands: Bands,
    low_db: float,
    high_db: float,
    seconds: float,
    first_s: float | None = None,
) -> npt.NDArray[np.uint8] | None:
    """Return a picture of a scene's labels, to be drawn over it; None where it has none, or is too small.

    Parameters
    ----------
    mode : str
        One of `scenes.MODES`.
    width, height : int
        Of the picture, in pixels.
    bands : Bands
        Of the levels that are shown.
    low_db, high_db : float
        What is drawn at the bottom and at the top.
    seconds : float
        How long the history is that is shown.
    first_s : float or None
        The time at which a spectrogram begins; None for one whose end is now.

    Returns
    -------
    ndarray of uint8, shape (height, width, 4), or None
        Red, green, blue and alpha.

    Raises
    ------
    MissingDependency
        Without Pillow.

    """
    if mode not in MODES or min(width - _LEAST[0], height - _LEAST[1]) < 0:
        return None
    pil = pillow()
    image = pil.Image.new("RGBA", (width, height))
    font = pil.ImageFont.load_default(max(10, height // 36))
    page = _Page(pil.ImageDraw.Draw(image), font, width, height)
    if mode in ("bars", "line", "waterfall"):
        page.frequencies(bands, upright=False)
    if mode in ("bars", "line"):
        page.levels(low_db, high_db)
    elif mode == "spectrogram":
        page.frequencies(bands, upright=True)
        page.times(seconds, first_s)
    elif mode == "goniometer":
        page.directions()
    elif mode == "wave":
        page.note(2, 2, "left")
        page.note(2, height // 2 + 2, "right")
    return np.asarray(image)


def pillow() -> Any:
    """Return Pillow, which draws letters and writes pictures; MissingDependency without it."""
    try:
        import PIL.Image
        import PIL.ImageDraw
        import PIL.ImageFont
    except ImportError:
        raise MissingDependency("pictures need Pillow: pip install 'zerocross[gpu]'") from None
    return PIL


def _clock(seconds: float) -> str:
    """Return minutes and seconds, with as many places as they have, to thousandths."""
    minutes, left = divmod(round(seconds * 1000), 60_000)
    whole, rest = divmod(left, 1000)
    return f"{minutes}:{whole:02}{f'.{rest:03}'.rstrip('0') if rest else ''}"


class _Page:
    """A picture that is written on."""

    def __init__(self, draw: Any, font: Any, width: int, height: int) -> None:
        self._draw, self._font, self.width, self.height = draw, font, width, height
        self._taken: list[tuple[float, float, float, float]] = []

    def note(self, x: float, y: float, words: str, at: str = "la") -> None:
        """Write words on a shade, where there is room; ``at`` is Pillow's anchor."""
        left, top, right, bottom = self._draw.textbbox((x, y), words, self._font, at)
        x += max(0.0, 2 - left) - max(0.0, right + 2 - self.width)
        y += max(0.0, 2 - top) - max(0.0, bottom + 2 - self.height)
        left, top, right, bottom = self._draw.textbbox((x, y), words, self._font, at)
        if any(
            left < other[2] + 4 and other[0] < right + 4 and top < other[3] and other[1] < bottom
            for other in self._taken
        ):
            return
        self._taken.append((left, top, right, bottom))
        self._draw.rectangle((left - 2, top - 1, right + 1, bottom + 1), fill=_SHADE)
        self._draw.text((x, y), words, _INK, self._font, at)

    def frequencies(self, bands: Bands, upright: bool) -> None:
        """Mark frequencies along the bottom, or the left."""
        for hz in _HZ:
            if not bands.edges[0] <= hz <= bands.edges[-1]:
                continue
            share = float(np.interp(hz, bands.edges, np.linspace(0, 1, len(bands.edges))))
            words = f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz"
            if upright:
                y = (1 - share) * self.height
                self._draw.line((0, y, self.width, y), _LINE)
                self.note(3, y, words, "lm")
            else:
                x = share * self.width
                self._draw.line((x, 0, x, self.height), _LINE)
                self.note(x, self.height - 3, words, "md")

    def levels(self, low_db: float, high_db: float) -> None:
        """Mark levels along the left."""
        step = 10 if high_db - low_db <= 60 else 20
        for db in range(int(np.ceil(low_db / step)) * step, int(high_db) + 1, step):
            y = (1 - (db - low_db) / (high_db - low_db)) * self.height
            if low_db < db < high_db:
                self._draw.line((0, y, self.width, y), _LINE)
                self.note(3, y, f"{db} dB", "lm")

    def times(self, seconds: float, first_s: float | None) -> None:
        """Mark seconds along the bottom."""
        step = next((s for s in _STEPS_S if seconds / s <= max(2, self.width / 110)), _STEPS_S[-1])
        start = -seconds if first_s is None else first_s
        for k in range(int(np.ceil(start / step)), int((start + seconds) / step) + 1):
            at = k * step
            x = (at - start) / seconds * self.width
            self._draw.line((x, 0, x, self.height), _LINE)
            self.note(x, self.height - 3, f"{at:g} s" if first_s is None else _clock(at), "md")

    def directions(self) -> None:
        """Mark what is only left, only right, and in both."""
        middle, half = (self.width / 2, self.height / 2), 0.475 * min(self.width, self.height)
        slant = half * 0.7071
        for x, y in ((0, half), (half, 0), (slant, slant), (slant, -slant)):
            self._draw.line((middle[0] - x, middle[1] - y, middle[0] + x, middle[1] + y), _LINE)
        self.note(middle[0] - slant, middle[1] - slant, "left", "rd")
        self.note(middle[0] + slant, middle[1] - slant, "right", "ld")
        self.note(middle[0], middle[1] - half, "mono", "ma")
