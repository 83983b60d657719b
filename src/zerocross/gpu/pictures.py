"""Pictures on a card, drawn from its own memory, to be brought back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.errors import UsageError
from zerocross.gpu.card import Card
from zerocross.gpu.painter import Painter, Seen, checked_mode
from zerocross.gpu.spectra import Levels
from zerocross.units import checked_whole

__all__ = ["MOST_PIXELS", "OF_LEVELS", "Canvas"]

#: Of a side.
MOST_PIXELS = 8192
#: The scenes that levels alone are enough for.
OF_LEVELS = ("bars", "line", "waterfall", "spectrogram")


class Canvas:
    """Pixels on a card.

    Parameters
    ----------
    card : Card
        The one that has what is drawn.
    width, height : int
        In pixels, 1 to 8192.
    low_db, high_db : float
        What is drawn at the bottom and at the top, or darkest and lightest.

    Attributes
    ----------
    painter : Painter
        What draws on it.
    view : wgpu.GPUTextureView
        The pixels: red, green, blue, alpha of 8 bits.

    Raises
    ------
    UsageError
        For what is out of range.

    """

    def __init__(
        self,
        card: Card,
        width: int = 1280,
        height: int = 720,
        low_db: float = -90.0,
        high_db: float = 0.0,
    ) -> None:
        self.width = checked_whole("width", width, 1, MOST_PIXELS)
        self.height = checked_whole("height", height, 1, MOST_PIXELS)
        self.painter = Painter(card, "rgba8unorm", low_db, high_db)
        import wgpu

        self._card = card
        self._texture = card.device.create_texture(
            size=(self.width, self.height, 1),
            format="rgba8unorm",
            usage=wgpu.TextureUsage.RENDER_ATTACHMENT | wgpu.TextureUsage.COPY_SRC,
        )
        self.view = self._texture.create_view()

    def draw(
        self, mode: str, levels: Levels, peaks: Levels | None = None, window: int = -1
    ) -> None:
        """Draw levels that are on the card; nothing comes back.

        Parameters
        ----------
        mode : {"bars", "line", "waterfall", "spectrogram"}
            Bars with peaks, or a line, of one window; or all windows, the last one at the top or the right.
        levels, peaks : Levels
            Of the same windows and bands; without peaks none are drawn.
        window : int
            Which, from 0; negative from the last one.

        """
        if checked_mode(mode) not in OF_LEVELS:
            raise UsageError(
                f"{mode} is of samples, not of levels; there are {', '.join(OF_LEVELS)}"
            )
        if peaks is not None and (peaks.windows, peaks.bands) != (levels.windows, levels.bands):
            raise UsageError("levels and peaks have other windows or bands")
        row = window + levels.windows if window < 0 else window
        if not 0 <= row < levels.windows:
            raise UsageError(f"window {window} of {levels.windows}")
        now = levels.buffer
        seen = Seen(now, (peaks or levels).buffer, now, now, levels.bands, row=row)
        seen.rows, seen.newest = levels.windows, levels.windows - 1
        seen.has_peaks = peaks is not None
        self.paint(mode, seen)

    def paint(self, mode: str, seen: Seen, time_s: float = 0.0, delta_s: float = 0.0) -> None:
        """Draw any scene; see `Painter.paint`."""
        with self._card.commands() as encoder:
            self.painter.paint(
                encoder, self.view, (self.width, self.height), mode, seen, time_s, delta_s
            )

    def read(self) -> npt.NDArray[np.uint8]:
        """Bring the picture back; shape (height, width, 4), red, green, blue and alpha."""
        row_bytes = -(-4 * self.width // 256) * 256
        data: Any = self._card.device.queue.read_texture(
            {"texture": self._texture, "origin": (0, 0, 0), "mip_level": 0},
            {"offset": 0, "bytes_per_row": row_bytes, "rows_per_image": self.height},
            (self.width, self.height, 1),
        )
        rows = np.frombuffer(data, np.uint8).reshape(self.height, -1)
        return rows[:, : 4 * self.width].reshape(self.height, self.width, 4).copy()
