"""A graphics card: found, opened, and given memory and programs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.errors import DeviceError, DeviceNotFound, MissingDependency

__all__ = ["Card", "Program"]

#: What is asked for beyond WebGPU's least, as far as the card has it.
_MORE = (
    "max-compute-workgroup-storage-size",
    "max-compute-workgroup-size-x",
    "max-compute-invocations-per-workgroup",
    "max-storage-buffer-binding-size",
    "max-buffer-size",
)


def _wgpu() -> Any:
    try:
        import wgpu
    except ImportError:
        raise MissingDependency(
            "the graphics card needs wgpu: pip install 'zerocross[gpu]'"
        ) from None
    return wgpu


class Program:
    """A compute shader with its layout; made by `Card.program`."""

    def __init__(self, card: Card, source: str, constants: Mapping[str, float]) -> None:
        module = card.device.create_shader_module(code=source)
        self._card = card
        self._pipeline = card.device.create_compute_pipeline(
            layout="auto",
            compute={"module": module, "entry_point": "main", "constants": dict(constants)},
        )

    def bind(self, resources: Sequence[Any]) -> Any:
        """Return a group of buffers and textures, in the order of the shader's bindings."""
        return self._card.group(self._pipeline.get_bind_group_layout(0), resources)

    def run(self, step: Any, group: Any, counts: Sequence[int]) -> None:
        """Put a run over so many workgroups into a compute pass; what runs before it there is seen by it."""
        step.set_pipeline(self._pipeline)
        step.set_bind_group(0, group)
        step.dispatch_workgroups(*counts)


class Card:
    """A graphics card, or software that stands in for one.

    Parameters
    ----------
    software : bool
        Take software even where there is a card.

    Attributes
    ----------
    name : str
        The driver's name of it.
    is_software : bool
        Whether a processor does its work.
    limits : dict of str to int
        WebGPU's, of the opened device.
    adapter, device : wgpu.GPUAdapter, wgpu.GPUDevice
        What wgpu has of it.

    Raises
    ------
    MissingDependency
        Without wgpu.
    DeviceNotFound
        If there is neither.

    Notes
    -----
    Real-time: not safe, none of it; nothing of it runs on the audio thread.

    """

    def __init__(self, software: bool = False) -> None:
        wgpu = _wgpu()
        found = wgpu.gpu.enumerate_adapters_sync()
        usable = [each for each in found if each.info["backend_type"] != "OpenGL"]
        wanted = [a for a in usable if (a.info["adapter_type"] == "CPU") == software]
        order = {"DiscreteGPU": 0, "IntegratedGPU": 1}
        chosen = sorted(wanted or usable, key=lambda a: order.get(a.info["adapter_type"], 2))
        if not chosen or (software and not wanted):
            what = "no software Vulkan" if usable else "no graphics card with a WebGPU driver"
            raise DeviceNotFound(
                f"{what} was found; install its Vulkan driver, or Mesa's for software "
                "(mesa-vulkan-drivers)"
            )
        self.adapter = adapter = chosen[0]
        limits = {name: adapter.limits[name] for name in _MORE}
        features = [name for name in ("timestamp-query",) if name in adapter.features]
        self.device = adapter.request_device_sync(
            required_limits=limits, required_features=features
        )
        self.name: str = adapter.info["device"]
        self.is_software: bool = adapter.info["adapter_type"] == "CPU"
        self.limits: dict[str, int] = dict(self.device.limits)
        self._mark = self.memory(16)

    def __repr__(self) -> str:
        return f"<Card {self.name}>"

    def memory(self, size: int) -> Any:
        """Return so many bytes of the card's memory, zeros; a part of it may be what `uniform` returns.

        Raises
        ------
        DeviceError
            If the card has not so much, or not in one piece.

        """
        wgpu = _wgpu()
        most = min(self.limits["max-buffer-size"], self.limits["max-storage-buffer-binding-size"])
        if size > most:
            raise DeviceError(
                f"{self.name}: {size:,} bytes in one piece, it has {most:,}; take fewer at a time"
            )
        use = wgpu.BufferUsage
        usage = use.STORAGE | use.UNIFORM | use.COPY_DST | use.COPY_SRC
        return self.device.create_buffer(size=max(16, size), usage=usage)

    def upload(self, values: npt.NDArray[Any]) -> Any:
        """Return a copy of an array in the card's memory."""
        values = np.ascontiguousarray(values)
        buffer = self.memory(values.nbytes)
        if values.nbytes:
            self.device.queue.write_buffer(buffer, 0, values)
        return buffer

    def read(self, buffer: Any, dtype: npt.DTypeLike, count: int) -> npt.NDArray[Any]:
        """Return numbers from the card's memory; waits until they are there."""
        size = np.dtype(dtype).itemsize * count
        return np.frombuffer(self.device.queue.read_buffer(buffer, 0, size), dtype).copy()

    def uniform(self, values: bytes | npt.NDArray[Any]) -> Any:
        """Return a few numbers in the card's memory, the same for all of a shader's threads."""
        usage = _wgpu().BufferUsage.UNIFORM | _wgpu().BufferUsage.COPY_DST
        return self.device.create_buffer_with_data(data=values, usage=usage)

    def group(self, layout: Any, resources: Sequence[Any]) -> Any:
        """Return buffers, views of textures and samplers as a shader takes them, in the order of its bindings."""
        whole = [
            {"buffer": each, "offset": 0, "size": each.size} if hasattr(each, "map_state") else each
            for each in resources
        ]
        return self.device.create_bind_group(
            layout=layout,
            entries=[{"binding": k, "resource": each} for k, each in enumerate(whole)],
        )

    @contextlib.contextmanager
    def commands(self) -> Iterator[Any]:
        """Yield a list of commands, and have them done."""
        encoder = self.device.create_command_encoder()
        yield encoder
        self.device.queue.submit([encoder.finish()])

    def wait(self) -> None:
        """Wait until all that was asked of it is done."""
        # wgpu 0.32's own call for it fails: its callback has another signature than the library's.
        self.read(self._mark, np.uint32, 1)

    def program(self, source: str, constants: Mapping[str, float] = {}) -> Program:
        """Return a compute shader, compiled."""
        return Program(self, source, constants)
