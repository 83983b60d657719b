"""A user's shader, in a file that is taken anew whenever it changes."""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import time
from collections.abc import Iterator, Sequence
from typing import Any

from zerocross.errors import SourceError, UsageError, UserFileError
from zerocross.files import PathLike, printable, read_small
from zerocross.gpu.card import Card
from zerocross.gpu.shader_text import MOST_TURNS, checked, limited, reason_of

__all__ = ["UserShader"]

_MOST_BYTES = 1 << 20
_MOST_WORDS = 300
#: How often the file is looked at.
_LOOK_S = 0.25
#: A file that is younger may change once more within a tick of its clock: it is read, and compared.
_YOUNG_S = 2.5

# The names are wgpu-shadertoy's, so that its users' shaders work here. No function of WGSL's is called: users may
# have their own of the same name. What is not a number is told by its bits: compilers count on there being none.
_BEHIND = """
struct zx_Told {
  mouse: vec4<f32>, date: vec4<f32>, resolution: vec4<f32>, channels: array<vec4<f32>, 4>,
  time: f32, time_delta: f32, framerate: f32, sample_rate: f32, frame: u32
}
@group(0) @binding(0) var<uniform> zx_told: zx_Told;
@group(0) @binding(1) var i_channel0: texture_2d<f32>;
@group(0) @binding(2) var sampler0: sampler;
var<private> i_mouse: vec4<f32>;
var<private> i_date: vec4<f32>;
var<private> i_resolution: vec3<f32>;
var<private> i_time: f32;
var<private> i_time_delta: f32;
var<private> i_frame: u32;
var<private> i_framerate: f32;
var<private> i_channel_resolution: array<vec4<f32>, 4>;
var<private> i_sample_rate: f32;

@vertex
fn zx_corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
  // One triangle that covers all.
  return vec4<f32>(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

fn zx_light(x: f32) -> f32 {
  if ((bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u || x < 0.0) { return 0.0; }
  if (x > 1.0) { return 1.0; }
  return x;
}

@fragment
fn zx_shown(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
  i_mouse = zx_told.mouse;
  i_date = zx_told.date;
  i_resolution = zx_told.resolution.xyz;
  i_time = zx_told.time;
  i_time_delta = zx_told.time_delta;
  i_frame = zx_told.frame;
  i_framerate = zx_told.framerate;
  i_channel_resolution = zx_told.channels;
  i_sample_rate = zx_told.sample_rate;
  let zx_color: vec4<f32> = shader_main(vec2<f32>(at.x, zx_told.resolution.y - at.y));
  return vec4<f32>(zx_light(zx_color.x), zx_light(zx_color.y), zx_light(zx_color.z), 1.0);
}
"""
_BEHIND += f"var<private> zx_turns: u32 = {MOST_TURNS}u;\n"
_TOLD = struct.Struct("<4f4f4f16f4fI12x")


def _is_unheard(_record: logging.LogRecord) -> bool:
    return False


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the compiler from writing to the terminal: what it says is raised as well."""
    logger = logging.getLogger("wgpu")
    logger.addFilter(_is_unheard)
    try:
        yield
    finally:
        logger.removeFilter(_is_unheard)


class UserShader:
    """A picture of sound that a user has written in WGSL, for every pixel a colour.

    The file has ``fn shader_main(frag_coord: vec2<f32>) -> vec4<f32>``; `frag_coord` is in pixels, from 0.5 at the
    left and at the bottom. It may read wgpu-shadertoy's names:

    ==========================  ===============  ==========================================================
    ``i_resolution``            ``vec3<f32>``    width and height in pixels, and 1
    ``i_time``                  ``f32``          seconds
    ``i_time_delta``            ``f32``          since the picture before, in seconds
    ``i_frame``                 ``u32``          pictures before this one
    ``i_framerate``             ``f32``          pictures a second
    ``i_mouse``                 ``vec4<f32>``    as given to `draw`
    ``i_date``                  ``vec4<f32>``    year, month from 0, day from 1, seconds since midnight
    ``i_channel0``              a texture        sound, see `AudioTexture`; with ``sampler0``
    ``i_channel_resolution``    4 ``vec4<f32>``  the first one: its width and height, and 1
    ``i_sample_rate``           ``f32``          in Hz
    ==========================  ===============  ==========================================================

    Colours are held to 0 to 1, what is not a number is 0, and alpha is 1. All loops of a pixel together end after
    60,000 turns.

    Parameters
    ----------
    card : Card
        Where it is drawn.
    path : path-like
        The file, UTF-8, at most 1 MiB.
    audio_view : wgpu.GPUTextureView
        What ``i_channel0`` is: `AudioTexture.view`.
    target_format : str
        Of what is drawn to.

    Attributes
    ----------
    path : path-like
        As given.

    Raises
    ------
    UserFileError
        In one line, ``FILE:LINE: reason``, for a file that cannot be read or compiled.

    Notes
    -----
    Real-time: not safe. It may be used by one thread at a time.
    A compiler that takes long cannot be interrupted.

    """

    def __init__(
        self, card: Card, path: PathLike, audio_view: Any, target_format: str = "rgba8unorm"
    ) -> None:
        import wgpu

        self.path = path
        self._card, self._format = card, target_format
        self._failures = (wgpu.GPUError, wgpu.GPUPipelineError)
        stage = wgpu.ShaderStage.FRAGMENT
        device = card.device
        layout = device.create_bind_group_layout(
            entries=[
                {"binding": 0, "visibility": stage, "buffer": {"type": "uniform"}},
                {"binding": 1, "visibility": stage, "texture": {"sample_type": "float"}},
                {"binding": 2, "visibility": stage, "sampler": {"type": "filtering"}},
            ]
        )
        self._layout = device.create_pipeline_layout(bind_group_layouts=[layout])
        self._told = card.uniform(bytes(_TOLD.size))
        sampler = device.create_sampler(mag_filter="linear", min_filter="linear")
        self._group = card.group(layout, [self._told, audio_view, sampler])
        self._channels = (*map(float, audio_view.size[:2]), 1.0, 0.0, *[0.0] * 12)
        self._pipeline: Any = None
        self._seen: object = self._look()
        self._next_look = time.monotonic() + _LOOK_S
        found = self._read()
        if isinstance(found, UserFileError):
            raise found
        self._found: bytes | str = found
        self._take(found)

    def refresh(self) -> str | None:
        """Take the file anew if it has changed; looks at most four times a second.

        Returns
        -------
        str or None
            None if nothing is new, ``""`` if the new one is drawn from now on, and else one line that says why
            not, ``FILE:LINE: reason``: once for each change. The last good one stays.

        """
        now = time.monotonic()
        if now < self._next_look:
            return None
        self._next_look = now + _LOOK_S
        seen = self._look()
        is_young = isinstance(seen, tuple) and abs(time.time() - seen[0] * 1e-9) < _YOUNG_S
        if seen == self._seen and not is_young:
            return None
        self._seen = seen
        found = self._read()
        if isinstance(found, UserFileError):
            is_new, self._found = str(found) != self._found, str(found)
            return str(found) if is_new else None
        if found == self._found:
            return None
        self._found = found
        try:
            self._take(found)
        except UserFileError as error:
            return str(error)
        return ""

    def _look(self) -> object:
        """Return what changes with the file: its age, size and number, or why there is none."""
        try:
            found = os.stat(self.path)
        except (OSError, ValueError) as error:
            return str(error)
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> bytes | UserFileError:
        try:
            return read_small(self.path, _MOST_BYTES, "shader")
        except SourceError as error:
            return UserFileError(str(error))

    def _take(self, raw: bytes) -> None:
        """Compile a text and draw it from now on."""
        try:
            self._pipeline = self._compiled(raw)
        except UserFileError as error:
            place = printable(self.path) + (f":{error.line}" if error.line else "")
            words = printable(str(error))[:_MOST_WORDS]
            raise UserFileError(f"{place}: {words}", error.line) from None

    def _compiled(self, raw: bytes) -> Any:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise UserFileError("no UTF-8 text; save it as UTF-8", line) from None
        plain = checked(text)
        device = self._card.device
        with _quiet():
            try:
                device.create_shader_module(
                    code=f"{text}\n{_BEHIND}"
                )  # as it is written, for its errors
                module = device.create_shader_module(code=f"{limited(text, plain)}\n{_BEHIND}")
                return device.create_render_pipeline(
                    layout=self._layout,
                    vertex={"module": module, "entry_point": "zx_corner"},
                    fragment={
                        "module": module,
                        "entry_point": "zx_shown",
                        "targets": [{"format": self._format}],
                    },
                )
            except self._failures as error:
                raise reason_of(str(error), text, plain) from None

    def draw(
        self,
        encoder: Any,
        view: Any,
        width: int,
        height: int,
        time_s: float,
        delta_s: float,
        frame: int,
        mouse: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
        sample_rate: float = 48_000.0,
    ) -> None:
        """Put a picture into a list of commands; once in each that is submitted.

        Parameters
        ----------
        encoder : wgpu.GPUCommandEncoder
            The list.
        view : wgpu.GPUTextureView
            What is drawn to, all of it, of the format given before.
        width, height : int
            Its size in pixels, at least 1.
        time_s, delta_s : float
            Since the first picture, and since the one before, in seconds.
        frame : int
            Pictures before this one.
        mouse : 4 floats
            Where the button was last held, in pixels from the left and the bottom, and where it was pressed, as
            Shadertoy has it: the third negative once it is released, the fourth after the first picture.
        sample_rate : float
            In Hz.

        Raises
        ------
        UsageError
            For a size below 1, or not four numbers for the mouse.

        """
        if width < 1 or height < 1 or len(mouse) != 4:
            raise UsageError(
                f"a picture of {width} x {height} pixels, a mouse of {len(mouse)} numbers"
            )
        now = time.time()
        date = time.localtime(now)
        seconds = date.tm_hour * 3600 + date.tm_min * 60 + date.tm_sec + now % 1.0
        told = _TOLD.pack(
            *mouse,
            *(date.tm_year, date.tm_mon - 1, date.tm_mday, seconds),
            *(width, height, 1.0, 0.0),
            *self._channels,
            *(time_s, delta_s, 1.0 / delta_s if delta_s > 1e-6 else 0.0, sample_rate),
            frame & 0xFFFFFFFF,
        )
        self._card.device.queue.write_buffer(self._told, 0, told)
        target = {
            "view": view,
            "load_op": "clear",
            "store_op": "store",
            "clear_value": (0, 0, 0, 1),
        }
        step = encoder.begin_render_pass(color_attachments=[target])
        step.set_pipeline(self._pipeline)
        step.set_bind_group(0, self._group)
        step.draw(3)
        step.end()
