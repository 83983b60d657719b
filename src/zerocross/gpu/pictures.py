"""Pictures of levels, drawn by a card from its own memory."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.errors import UsageError
from zerocross.gpu.card import Card
from zerocross.gpu.spectra import Levels
from zerocross.units import checked_whole

__all__ = ["MODES", "Canvas"]

_MOST_PIXELS = 8192
_HEAD = """
struct View { size: vec2f, low_db: f32, high_db: f32, bands: u32, windows: u32, row: u32, has_peaks: u32 }
@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<storage, read> levels: array<f32>;
@group(0) @binding(2) var<storage, read> peaks: array<f32>;

@vertex
fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  // One triangle that covers all.
  return vec4f(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

/** From 0 at the lowest level to 1 at the highest one. */
fn share(db: f32) -> f32 {
  return clamp((db - view.low_db) / (view.high_db - view.low_db), 0.0, 1.0);
}

/** Black, violet, red, yellow, white: ever lighter. */
fn heat(x: f32) -> vec3f {
  return clamp(vec3f(2.2 * x - 0.15, 2.4 * x - 1.1, select(1.2 * x, 3.0 * x - 2.0, x > 0.75)
    - select(0.0, 2.4 * (x - 0.35), x > 0.35 && x <= 0.75)), vec3f(0.0), vec3f(1.0));
}
"""
_SHOWN = """
@fragment
fn shown(@builtin(position) at: vec4f) -> @location(0) vec4f {{
  let x = at.x / view.size.x; let y = 1.0 - at.y / view.size.y;
{body}
}}
"""
#: What is drawn at a point, x from the left and y from the bottom, from 0 to 1.
MODES = {
    "bars": """
  let band = min(u32(x * f32(view.bands)), view.bands - 1u);
  let within = fract(x * f32(view.bands));
  let level = share(levels[view.row * view.bands + band]);
  let peak = share(peaks[view.row * view.bands + band]);
  if (within > 0.85) { return vec4f(0.0, 0.0, 0.0, 1.0); }
  if (y < level) { return vec4f(0.15 + 0.85 * y, 0.75 - 0.45 * y, 0.95 - 0.7 * y, 1.0); }
  if (view.has_peaks == 1u && peak > 0.0 && abs(y - peak) < 0.95 / view.size.y) { return vec4f(1.0, 1.0, 1.0, 1.0); }
  return vec4f(0.0, 0.0, 0.0, 1.0);""",
    "line": """
  let place = clamp(x * f32(view.bands) - 0.5, 0.0, f32(view.bands - 1u));
  let band = min(u32(place), max(view.bands, 2u) - 2u);
  let base = view.row * view.bands;
  let a = share(levels[base + band]); let b = share(levels[base + min(band + 1u, view.bands - 1u)]);
  let level = mix(a, b, place - f32(band));
  // As wide along the line as across it.
  let slope = (b - a) * f32(view.bands) * view.size.y / view.size.x;
  let distance = abs(y - level) * view.size.y / sqrt(1.0 + slope * slope);
  let lit = clamp(2.0 - distance, 0.0, 1.0);
  let below = select(0.0, 0.18, y < level);
  return vec4f(vec3f(0.3, 0.71, 1.0) * max(lit, below), 1.0);""",
    "spectrogram": """
  let row = min(u32(x * f32(view.windows)), view.windows - 1u);
  let band = min(u32(y * f32(view.bands)), view.bands - 1u);
  return vec4f(heat(share(levels[row * view.bands + band])), 1.0);""",
}


class Canvas:
    """Pixels on a card.

    Parameters
    ----------
    card : Card
        The one that has the levels.
    width, height : int
        In pixels, 1 to 8192.
    low_db, high_db : float
        What is drawn at the bottom and at the top, or darkest and lightest.

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
        import wgpu

        self.width = checked_whole("width", width, 1, _MOST_PIXELS)
        self.height = checked_whole("height", height, 1, _MOST_PIXELS)
        if not -200.0 <= low_db < high_db <= 100.0:
            raise UsageError(f"from {low_db} to {high_db} dB: give two that rise, from -200 to 100")
        self._card, self._range = card, (low_db, high_db)
        self._texture = card.device.create_texture(
            size=(self.width, self.height, 1),
            format="rgba8unorm",
            usage=wgpu.TextureUsage.RENDER_ATTACHMENT | wgpu.TextureUsage.COPY_SRC,
        )
        self._pipelines: dict[str, Any] = {}

    def draw(
        self, mode: str, levels: Levels, peaks: Levels | None = None, window: int = -1
    ) -> None:
        """Draw levels that are on the card; nothing comes back.

        Parameters
        ----------
        mode : {"bars", "line", "spectrogram"}
            Bars with peaks, or a line, of one window; or all windows from left to right.
        levels, peaks : Levels
            Of the same windows and bands; without peaks none are drawn.
        window : int
            Which, from 0; negative from the last one.

        """
        import wgpu

        if mode not in MODES:
            raise UsageError(f"no picture {mode!r}; there are {', '.join(MODES)}")
        if peaks is not None and (peaks.windows, peaks.bands) != (levels.windows, levels.bands):
            raise UsageError("levels and peaks have other windows or bands")
        row = window + levels.windows if window < 0 else window
        if not 0 <= row < levels.windows:
            raise UsageError(f"window {window} of {levels.windows}")
        device = self._card.device
        shape = (levels.bands, levels.windows, row, peaks is not None)
        numbers = (self.width, self.height, *self._range, *shape)
        uniform = device.create_buffer_with_data(
            data=struct.pack("<4f4I", *numbers), usage=wgpu.BufferUsage.UNIFORM
        )
        pipeline = self._pipelines.get(mode) or self._pipeline(mode)
        given = [uniform, levels.buffer] + ([(peaks or levels).buffer] if mode == "bars" else [])
        group = device.create_bind_group(
            layout=pipeline.get_bind_group_layout(0),
            entries=[
                {"binding": k, "resource": {"buffer": each, "offset": 0, "size": each.size}}
                for k, each in enumerate(given)
            ],
        )
        encoder = device.create_command_encoder()
        view = {
            "view": self._texture.create_view(),
            "load_op": "clear",
            "store_op": "store",
            "clear_value": (0, 0, 0, 1),
        }
        step = encoder.begin_render_pass(color_attachments=[view])
        step.set_pipeline(pipeline)
        step.set_bind_group(0, group)
        step.draw(3)
        step.end()
        device.queue.submit([encoder.finish()])

    def _pipeline(self, mode: str) -> Any:
        device = self._card.device
        module = device.create_shader_module(code=_HEAD + _SHOWN.format(body=MODES[mode]))
        self._pipelines[mode] = device.create_render_pipeline(
            layout="auto",
            vertex={"module": module, "entry_point": "corner"},
            fragment={
                "module": module,
                "entry_point": "shown",
                "targets": [{"format": "rgba8unorm"}],
            },
        )
        return self._pipelines[mode]

    def read(self) -> npt.NDArray[np.uint8]:
        """Bring the picture back; shape (height, width, 4), red, green, blue and alpha."""
        row_bytes = -(-4 * self.width // 256) * 256
        data = self._card.device.queue.read_texture(
            {"texture": self._texture, "origin": (0, 0, 0), "mip_level": 0},
            {"offset": 0, "bytes_per_row": row_bytes, "rows_per_image": self.height},
            (self.width, self.height, 1),
        )
        rows = np.frombuffer(data, np.uint8).reshape(self.height, -1)
        return rows[:, : 4 * self.width].reshape(self.height, self.width, 4).copy()
