"""What a visualiser shows, frame by frame: a live sound, a scene, its labels, or a user's own shader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.errors import UsageError
from zerocross.gpu.audio_texture import AudioTexture
from zerocross.gpu.axes import labels
from zerocross.gpu.card import Card
from zerocross.gpu.live import LiveSound
from zerocross.gpu.painter import Painter
from zerocross.gpu.scenes import MODES
from zerocross.gpu.spectra import most_bands
from zerocross.gpu.user_shader import UserShader
from zerocross.spectrum import SCALES
from zerocross.sync.tap import Tap
from zerocross.units import checked_number

__all__ = ["SCALE_NAMES", "SHADER", "Show"]

#: The name of the mode that is a user's own shader.
SHADER = "shader"
SCALE_NAMES = tuple(SCALES)
_BANDS = 240


class Show:
    """A sound on a card, drawn as one of several scenes.

    Parameters
    ----------
    card : Card
        Where.
    sample_rate : int
        Of the sound, in Hz.
    pixels : str
        Format of what is drawn on, by WebGPU's name.
    mode : str
        One of `gpu.scenes.MODES`, or ``shader``; None for the shader where there is one, else ``bars``.
    shader : str or None
        A user's WGSL file, see `gpu.user_shader.UserShader`.
    scale : str
        Of frequencies: one of `SCALE_NAMES`.
    low_db, high_db : float
        What is drawn at the bottom and at the top.
    fft_size : int
        256 to 32768 samples.
    seconds : float
        How long levels are kept for scenes that show their history, 0.5 to 60.
    has_labels : bool
        Whether frequencies, levels and times are written over the scene.

    Attributes
    ----------
    has_peaks, has_labels : bool
        May be changed.
    seconds : float
        As given.
    told : str
        What is wrong with the user's shader as it was saved last, or nothing.

    Raises
    ------
    UsageError
        For what is out of range.
    UserFileError
        For a shader that cannot be compiled.

    """

    def __init__(
        self,
        card: Card,
        sample_rate: int,
        pixels: str = "rgba8unorm",
        mode: str | None = None,
        shader: str | None = None,
        scale: str = "logarithmic",
        low_db: float = -80.0,
        high_db: float = -10.0,
        fft_size: int = 4096,
        seconds: float = 10.0,
        has_labels: bool = True,
    ) -> None:
        self.card, self._sample_rate = card, sample_rate
        self._fft_size = fft_size
        self.seconds = checked_number("seconds", seconds, 0.5, 60.0, "s")
        self.has_peaks, self.has_labels, self.told = True, has_labels, ""
        self._scale = _one_of("scale", scale, SCALE_NAMES)
        self.painter = Painter(card, pixels, low_db, high_db)
        self.sound = self._listen(sample_rate, self._scale)
        self._audio: AudioTexture | None = None
        self._shader: UserShader | None = None
        if shader is not None:
            self._audio = AudioTexture(card, sample_rate)
            self._shader = UserShader(card, shader, self._audio.view, pixels)
        self.modes = (*MODES, *([SHADER] if shader is not None else []))
        self._mode = _one_of("mode", mode or self.modes[0 if shader is None else -1], self.modes)
        self._labelled: tuple[Any, ...] = ()
        self._frame = 0

    def _listen(self, sample_rate: int, scale: str) -> LiveSound:
        bands = most_bands(_BANDS, self._fft_size)
        return LiveSound(self.card, sample_rate, bands, scale, self._fft_size, seconds=self.seconds)

    @property
    def mode(self) -> str:
        """What is shown; may be changed."""
        return self._mode

    @mode.setter
    def mode(self, value: str) -> None:
        self._mode = _one_of("mode", value, self.modes)

    @property
    def sample_rate(self) -> int:
        """Of the sound, in Hz; another one begins a new history."""
        return self._sample_rate

    @sample_rate.setter
    def sample_rate(self, value: int) -> None:
        self.sound = self._listen(value, self._scale)  # complains before anything is changed
        self._sample_rate = value

    @property
    def scale(self) -> str:
        """The scale of frequencies; another one begins a new history."""
        return self._scale

    @scale.setter
    def scale(self, value: str) -> None:
        self.sound = self._listen(self._sample_rate, _one_of("scale", value, SCALE_NAMES))
        self._scale = value

    def take_over(self, before: Show) -> None:
        """Show what another one has shown: its mode, scale, range, peaks and labels."""
        self.mode, self.scale = before.mode, before.scale
        self.has_peaks, self.has_labels = before.has_peaks, before.has_labels
        self.painter.low_db = before.painter.low_db

    def turn(self, by: int) -> str:
        """Show the mode so many further; returns its name."""
        self._mode = self.modes[(self.modes.index(self._mode) + by) % len(self.modes)]
        return self._mode

    def feed(self, encoder: Any, rows: npt.NDArray[np.float32]) -> None:
        """Bring the next frames, shape (channels, frames); see `LiveSound.feed`."""
        self.sound.feed(encoder, rows)

    def follow(self, encoder: Any, tap: Tap, end: int) -> int:
        """Bring what a tap has up to a frame; see `LiveSound.follow`."""
        return self.sound.follow(encoder, tap, end)

    def draw(
        self,
        encoder: Any,
        view: Any,
        size: tuple[int, int],
        time_s: float,
        delta_s: float,
        mouse: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
    ) -> None:
        """Put a frame into a list of commands, to be submitted before the next one is put.

        Parameters
        ----------
        encoder : wgpu.GPUCommandEncoder
            The list.
        view : wgpu.GPUTextureView
            What to draw on.
        size : (int, int)
            Its width and height.
        time_s, delta_s : float
            When it is (in the sound; in a window since it was opened), and how long after the frame before.
        mouse : 4 floats
            As Shadertoy's ``iMouse``.

        """
        if self._mode == SHADER and self._shader and self._audio:
            self._look_at_shader()
            self._audio.encode(encoder, *self.sound.samples, delta_s)
            self._shader.draw(
                encoder, view, *size, time_s, delta_s, self._frame, mouse, self.sample_rate
            )
        else:
            self._label(size)
            self.painter.gain = self.sound.gain
            seen = self.sound.seen
            seen.has_peaks = self.has_peaks
            self.painter.paint(encoder, view, size, self._mode, seen, time_s, delta_s)
        self._frame += 1

    def _look_at_shader(self) -> None:
        told = self._shader.refresh() if self._shader else None
        if told is not None:
            self.told = told

    def _label(self, size: tuple[int, int]) -> None:
        """Write the labels anew where something of them has changed."""
        painter = self.painter
        wanted = (self.has_labels, self._mode, size, self.sound, painter.low_db, painter.high_db)
        if wanted == self._labelled:
            return
        self._labelled = wanted
        bands, seconds = self.sound.spectra.bands, self.seconds
        painter.label(
            labels(self._mode, *size, bands, painter.low_db, painter.high_db, seconds)
            if self.has_labels
            else None
        )


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        hint = "; give a shader's file" if value == SHADER else ""
        raise UsageError(f"{name}={value!r}: give one of {', '.join(known)}{hint}")
    return value
