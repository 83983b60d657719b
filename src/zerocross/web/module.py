"""A chain for the browser: the module of its code, and the image of its memory."""

from __future__ import annotations

import dataclasses
from typing import Any

from zerocross.compiler import Entry, target
from zerocross.compiler.wasm import make_module
from zerocross.errors import UsageError
from zerocross.graph.block import MAX_BLOCK
from zerocross.graph.chain import Chain, chain_of
from zerocross.graph.program import run_block, run_program_over
from zerocross.memory import aligned_zeros
from zerocross.memory.mirror import without_mirrors
from zerocross.units import checked_whole
from zerocross.web.image import image_of
from zerocross.web.look import Look, look

__all__ = ["WebChain", "web_chain"]

_MOST_BANDS = 1024


@dataclasses.dataclass(frozen=True)
class WebChain:
    """A chain as a browser runs it.

    Attributes
    ----------
    modules : dict of str to bytes
        WebAssembly modules by the names of `target.WEB`.
    image : bytes
        Its memory at one sample rate and number of channels; see `web.image.Image.pack`.
    instruments : tuple of str
        The processors that play notes: nobody sends them any there.

    """

    modules: dict[str, bytes]
    image: bytes
    instruments: tuple[str, ...] = ()


def web_chain(
    chain: Any,
    sample_rate: float,
    channels: int = 2,
    targets: tuple[str, ...] = tuple(target.WEB),
    bands: int = 0,
) -> WebChain:
    """Return a chain for the browser.

    Parameters
    ----------
    chain : Chain, Processor or list of them
        All proven first, as for playing; not one that plays.
    sample_rate : float
        Of the context that will run it: 8000 to 768000 Hz.
    channels : int
        1 to 8.
    targets : tuple of str
        Names of `target.WEB`.
    bands : int
        Of a display of what comes out, 0 to 1024; 0 for none.

    Raises
    ------
    RealtimeError
        If a processor is refused.
    TargetError
        If there is no linker for WebAssembly.

    """
    unknown = set(targets) - set(target.WEB)
    if unknown:
        raise UsageError(f"no target {unknown.pop()!r}; there are {', '.join(target.WEB)}")
    bands = checked_whole("bands", bands, 0, _MOST_BANDS)
    seen = Look(bands) if bands else None
    made = chain_of(chain, "chain")
    made = Chain(made, seen.part) if seen else made
    with without_mirrors(), made.rendering(sample_rate, channels) as program:
        names: dict[int, str] = {run_block.address: "block"}
        entries: dict[str, Entry] = {"run": run_program_over, "block": run_block}
        for number, part in enumerate(program.processors):
            name = names.setdefault(part.entry.address, f"part{number}")
            entries[name] = part.entry
        planes = aligned_zeros((2, channels, MAX_BLOCK))
        wanted = [planes.ctypes.data, *(part.record.address for part in program.processors)]
        about: dict[str, Any] = {}
        if seen:
            entries["look"] = look
            shown = [seen.prepare(sample_rate).address]
            shown += [each.ctypes.data for each in (seen.display.heights, seen.display.peaks)]
            wanted += shown
        image = image_of(program.record, (program, planes, seen), names, wanted)
        if seen:
            places = dict(
                zip(("display", "heights", "peaks"), map(image.places.get, shown), strict=True)
            )
            about = {"bands": bands, **places}
        about |= {
            "sampleRate": sample_rate,
            "channels": channels,
            "mostFrames": MAX_BLOCK,
            "latency": program.latency_frames,
            "program": image.places[program.record.address],
            "input": image.places[planes.ctypes.data],
            "output": image.places[planes.ctypes.data] + planes[0].nbytes,
            "parts": [
                _about(part, image.places[part.record.address])
                for part in program.processors
                if seen is None or part is not seen.part
            ],
        }
        packed = image.pack(about)
        instruments = tuple(type(p).__name__ for p in program.processors if p.is_instrument)
    modules = {name: make_module(entries, target.WEB[name]) for name in targets}
    return WebChain(modules, packed, instruments)


def _about(part: Any, place: int) -> dict[str, Any]:
    """Return what a page has to know of a processor: its parameters, and where their targets are."""
    kind = part.record.dtype
    targets = kind.fields["_target"][1]
    return {
        "name": type(part).__name__,
        "params": [
            {
                "name": name,
                "low": each.min,
                "high": each.max,
                "unit": each.unit,
                "value": float(getattr(part, name)),
                "at": place + targets + 8 * number,
            }
            for number, (name, each) in enumerate(part._params.items())
        ],
    }
