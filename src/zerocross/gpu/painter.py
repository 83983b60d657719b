"""Draws scenes: a card's picture of what is in its memory."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zerocross.errors import UsageError
from zerocross.gpu.card import Card
from zerocross.gpu.scenes import MODES, OVERLAY, Scene, source_of
from zerocross.units import checked_number

__all__ = ["Painter", "Seen", "checked_mode"]

_ADDED = {"src_factor": "one", "dst_factor": "one", "operation": "add"}
_OVER = {"src_factor": "src-alpha", "dst_factor": "one-minus-src-alpha", "operation": "add"}
_KEPT = {"src_factor": "one", "dst_factor": "one", "operation": "max"}
#: Of frames that are fed back.
_KEPT_FORMAT = "rgba16float"
#: A view is as long as WGSL wants it.
_UNUSED = 0.0
#: What draws a part of a frame: a pipeline, how many vertices, and groups of what it looks at.
_Layer: TypeAlias = tuple[Any, ...]


def checked_mode(mode: str) -> str:
    """Return the name of a scene; UsageError for another."""
    if mode not in MODES:
        raise UsageError(f"no picture {mode!r}; there are {', '.join(MODES)}")
    return mode


@dataclasses.dataclass
class Seen:
    """What scenes look at: buffers on a card, and what is where in them.

    Attributes
    ----------
    levels, peaks, history, samples : wgpu.GPUBuffer
        float32. Levels and peaks of windows, window after window; rows of levels as they came, a ring;
        planes of samples: mixed, left, right.
    bands, rows, newest, row : int
        Bands of a row; rows of the history, the one that came last; the row of levels and peaks to show.
    end, plane : int
        Where in a plane the sound that is heard ends, and how long a plane is.
    sample_rate : float
        In Hz.
    has_peaks : bool
        Whether peaks are to be shown.

    """

    levels: Any
    peaks: Any
    history: Any
    samples: Any
    bands: int
    rows: int = 1
    newest: int = 0
    row: int = 0
    end: int = 0
    plane: int = 0
    sample_rate: float = 48_000.0
    has_peaks: bool = True


class Painter:
    """Draws scenes onto one kind of target.

    Parameters
    ----------
    card : Card
        The one that has what is seen.
    pixels : str
        Format of the targets, by WebGPU's name.
    low_db, high_db : float
        What is drawn at the bottom and at the top, or darkest and lightest; may be changed.
    gain : float
        Of waves and the goniometer; may be changed.

    Raises
    ------
    UsageError
        For a range that does not rise within -200 to 100 dB.

    """

    def __init__(
        self,
        card: Card,
        pixels: str = "rgba8unorm",
        low_db: float = -90.0,
        high_db: float = 0.0,
        gain: float = 1.0,
    ) -> None:
        low_db = checked_number("low_db", low_db, -200.0, 100.0)
        high_db = checked_number("high_db", high_db, -200.0, 100.0)
        if low_db >= high_db:
            raise UsageError(f"from {low_db} to {high_db} dB: give two that rise, from -200 to 100")
        import wgpu

        self.low_db, self.high_db, self.gain = low_db, high_db, gain
        self._card, self._pixels = card, pixels
        self._numbers = card.uniform(bytes(64))
        shown = wgpu.ShaderStage.VERTEX | wgpu.ShaderStage.FRAGMENT
        kinds = ["uniform", *["read-only-storage"] * 4]
        self._layout = card.device.create_bind_group_layout(
            entries=[
                {"binding": k, "visibility": shown, "buffer": {"type": kind}}
                for k, kind in enumerate(kinds)
            ]
        )
        self._smooth = card.device.create_sampler(mag_filter="linear", min_filter="linear")
        self._pipelines: dict[str, Any] = {}
        self._groups: dict[tuple[Any, ...], Any] = {}
        self._bundles: dict[tuple[_Layer, ...], Any] = {}
        self._kept: list[tuple[Any, Any, Any]] = []
        self._kept_size = (0, 0)
        self._overlay: tuple[Any, Any] | None = None

    def label(self, picture: npt.NDArray[np.uint8] | None) -> None:
        """Draw a picture over all scenes that follow: shape (height, width, 4), of a target's size; None for none."""
        if picture is None:
            self._overlay = None
            return
        import wgpu

        height, width = picture.shape[:2]
        usage = wgpu.TextureUsage.TEXTURE_BINDING | wgpu.TextureUsage.COPY_DST
        texture = self._card.device.create_texture(
            size=(width, height, 1), format="rgba8unorm", usage=usage
        )
        self._card.device.queue.write_texture(
            {"texture": texture},
            np.ascontiguousarray(picture),
            {"bytes_per_row": 4 * width, "rows_per_image": height},
            (width, height, 1),
        )
        layout = self._shown_over(_OVER).get_bind_group_layout(0)
        self._overlay = texture, self._card.group(layout, [texture.create_view()])

    def paint(
        self,
        encoder: Any,
        view: Any,
        size: tuple[int, int],
        mode: str,
        seen: Seen,
        time_s: float = 0.0,
        delta_s: float = 0.0,
    ) -> None:
        """Put a scene into a list of commands, to be submitted before the next one is put.

        Parameters
        ----------
        encoder : wgpu.GPUCommandEncoder
            The list.
        view : wgpu.GPUTextureView
            What to draw on.
        size : (int, int)
            Its width and height.
        mode : str
            One of `scenes.MODES`.
        seen : Seen
            What there is to be seen.
        time_s, delta_s : float
            When it is, and how long after the frame before: of what moves by itself.

        """
        scene = MODES[checked_mode(mode)]
        if min(size) < 1:
            raise UsageError(f"a picture of {size[0]} x {size[1]} pixels; give 1 or more")
        wave = round(scene.wave_s * seen.sample_rate) // 2 * 2
        data = struct.pack(
            "<8f8I",
            *(*size, self.low_db, self.high_db, time_s, delta_s, self.gain, _UNUSED),
            *(seen.bands, seen.rows, seen.newest, seen.row),
            *(seen.end, min(wave, seen.end), seen.plane, seen.has_peaks),
        )
        self._card.device.queue.write_buffer(self._numbers, 0, data)
        group = self._group(seen)
        if scene.is_fed_back:
            layers = [self._fed_back(encoder, size, mode, group)]
        else:
            count = 6 * (min(wave, seen.end) - 1) if scene.is_trace else 3
            layers = [(self._pipeline(mode, self._pixels), max(0, count), group)]
        if self._overlay is not None:
            layers.append((self._shown_over(_OVER), 3, self._overlay[1]))
        self._draw(encoder, view, self._pixels, layers)

    def _fed_back(self, encoder: Any, size: tuple[int, int], mode: str, group: Any) -> _Layer:
        """Draw on one of two targets of its own while the other is seen; returns what shows it."""
        pipeline = self._pipeline(mode, _KEPT_FORMAT)
        if self._kept_size != size:
            self._keep(size, pipeline)
        before, now = self._kept
        self._kept.reverse()
        self._draw(encoder, now[0], _KEPT_FORMAT, [(pipeline, 3, group, before[1])])
        return self._shown_over(None), 3, now[2]

    def _keep(self, size: tuple[int, int], pipeline: Any) -> None:
        import wgpu

        usage = wgpu.TextureUsage.RENDER_ATTACHMENT | wgpu.TextureUsage.TEXTURE_BINDING
        seen_by, shown_by = (
            pipeline.get_bind_group_layout(1),
            self._shown_over(None).get_bind_group_layout(0),
        )
        kept = []
        for _ in range(2):
            texture = self._card.device.create_texture(
                size=(*size, 1), format=_KEPT_FORMAT, usage=usage
            )
            view = texture.create_view()
            fed = self._card.group(seen_by, [view, self._smooth])
            kept.append((view, fed, self._card.group(shown_by, [view])))
        self._kept, self._kept_size = kept, size

    def _group(self, seen: Seen) -> Any:
        given = (self._numbers, seen.levels, seen.peaks, seen.history, seen.samples)
        if given not in self._groups:
            if len(self._groups) > 3:
                self._groups.clear()
            self._groups[given] = self._card.group(self._layout, given)
        return self._groups[given]

    def _draw(self, encoder: Any, view: Any, pixels: str, layers: list[_Layer]) -> None:
        """Draw layers over each other; what is asked for frame after frame is put together once."""
        key = tuple(layers)
        if key not in self._bundles:
            if len(self._bundles) > 7:
                self._bundles.clear()
            bundle = self._card.device.create_render_bundle_encoder(color_formats=[pixels])
            for pipeline, vertices, *groups in layers:
                bundle.set_pipeline(pipeline)
                for k, group in enumerate(groups):
                    bundle.set_bind_group(k, group)
                bundle.draw(vertices)
            self._bundles[key] = bundle.finish()
        target = {
            "view": view,
            "load_op": "clear",
            "store_op": "store",
            "clear_value": (0, 0, 0, 1),
        }
        step = encoder.begin_render_pass(color_attachments=[target])
        step.execute_bundles([self._bundles[key]])
        step.end()

    # --- programs -----------------------------------------------------------------------------------

    def _pipeline(self, mode: str, pixels: str) -> Any:
        if mode not in self._pipelines:
            scene = MODES[mode]
            self._pipelines[mode] = self._made(
                source_of(scene),
                pixels,
                self._layouts(scene),
                {"color": _ADDED, "alpha": _KEPT} if scene.is_trace else None,
                "beam" if scene.is_trace else "corner",
            )
        return self._pipelines[mode]

    def _layouts(self, scene: Scene) -> Any:
        import wgpu

        groups = [self._layout]
        if scene.is_fed_back:
            shown = {"visibility": wgpu.ShaderStage.FRAGMENT}
            entries = [
                {"binding": 0, **shown, "texture": {"sample_type": "float"}},
                {"binding": 1, **shown, "sampler": {"type": "filtering"}},
            ]
            groups.append(self._card.device.create_bind_group_layout(entries=entries))
        return self._card.device.create_pipeline_layout(bind_group_layouts=groups)

    def _shown_over(self, blend: dict[str, str] | None) -> Any:
        name = "over" if blend else "in place of"
        if name not in self._pipelines:
            both = {"color": blend, "alpha": _KEPT} if blend else None
            self._pipelines[name] = self._made(OVERLAY, self._pixels, "auto", both)
        return self._pipelines[name]

    def _made(
        self, source: str, pixels: str, layout: Any, blend: Any = None, vertex: str = "corner"
    ) -> Any:
        device = self._card.device
        module = device.create_shader_module(code=source)
        target = {"format": pixels, **({"blend": blend} if blend else {})}
        return device.create_render_pipeline(
            layout=layout,
            vertex={"module": module, "entry_point": vertex},
            fragment={"module": module, "entry_point": "shown", "targets": [target]},
        )
