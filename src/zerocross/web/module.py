"""A chain for the browser: the module of its code, and the image of its memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from zerocross.compiler import Entry, target
from zerocross.compiler.wasm import make_module
from zerocross.dsp.channels import WAV_ORDERS
from zerocross.dsp.gating import FIGURES, make_reading, read_loudness
from zerocross.dsp.mix import design_mix
from zerocross.effects import Gain, LoudnessMeter
from zerocross.eq import KINDS, Equalizer
from zerocross.eq.desk import design_bands, draw_curve
from zerocross.errors import UsageError
from zerocross.graph.block import MAX_BLOCK
from zerocross.graph.chain import Chain, chain_of
from zerocross.graph.program import run_block, run_program_over
from zerocross.memory import aligned_zeros
from zerocross.memory.mirror import without_mirrors
from zerocross.units import checked_whole
from zerocross.web.image import Reached
from zerocross.web.look import Look

__all__ = ["WebChain", "web_chain"]

_MOST_BANDS = 1024
_STEREO = 2
#: Channels of files that are mixed to stereo.
_MIXED = range(3, 9)


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
    made = Chain(made, *seen.parts) if seen else made
    with without_mirrors(), made.rendering(sample_rate, channels) as program:
        names: dict[int, str] = {run_block.address: "block"}
        entries: dict[str, Entry] = {"run": run_program_over, "block": run_block}
        behind = seen.parts if seen else ()
        own = [part for part in program.processors if part not in behind]
        desks = [part.desk() if isinstance(part, Equalizer) else None for part in own]
        readings = [
            make_reading(part.loudness.record) if isinstance(part, LoudnessMeter) else None
            for part in own
        ]
        for number, part in enumerate(program.processors):
            name = names.setdefault(part.entry.address, f"part{number}")
            entries[name] = part.entry
        if any(desks):
            entries |= {"design": design_bands, "curve": draw_curve}
        if any(each is not None for each in readings):
            entries |= {"loudness": read_loudness}
        planes = aligned_zeros((2, channels, MAX_BLOCK))
        if seen:
            seen.prepare(sample_rate)
            entries |= seen.entries
        reached = Reached(program.record, (program, planes, desks, readings, seen), names)
        parts = [
            _about(part, reached.place)
            | ({"desk": _about_desk(desk, reached.place)} if desk else {})
            | ({"loudness": _about_reading(reading, reached.place)} if reading is not None else {})
            for part, desk, reading in zip(own, desks, readings, strict=True)
        ]
        about = {
            "sampleRate": sample_rate,
            "channels": channels,
            "mostFrames": MAX_BLOCK,
            "latency": program.latency_frames,
            "program": reached.place(program.record.address),
            "input": reached.place(planes.ctypes.data),
            "output": reached.place(planes[1].ctypes.data),
            "parts": parts,
        }
        if channels == _STEREO:
            about["mixes"] = {n: design_mix(WAV_ORDERS[n], _STEREO).tolist() for n in _MIXED}
        if seen:
            about["look"] = seen.about(reached.place)
        packed = reached.image().pack(about)
        fast = {names[part.entry.address] for part in own if _is_made_fast(part)}
        small = [name for name in entries if name not in fast]
        instruments = tuple(type(p).__name__ for p in program.processors if p.is_instrument)
    modules = {name: make_module(entries, target.WEB[name], small) for name in targets}
    return WebChain(modules, packed, instruments)


def _is_made_fast(part: Any) -> bool:
    """Return whether a processor's code is made fast rather than small.

    A user's own is. Of ours those gain by it that do little else than multiply and add; compressor,
    limiter and reverb are as fast when they are small, and a page is loaded the sooner.
    """
    return isinstance(part, Equalizer | Gain) or part.entry.place is None


def _about(part: Any, found: Callable[[int], int]) -> dict[str, Any]:
    """Return what a page has to know of a processor: its parameters, and where their targets are."""
    targets = found(part.record.address) + part.record.dtype.fields["_target"][1]
    return {
        "name": type(part).__name__,
        "params": [
            {
                "name": name,
                "low": each.min,
                "high": each.max,
                "unit": each.unit,
                "value": float(getattr(part, name)),
                "at": targets + 8 * number,
            }
            for number, (name, each) in enumerate(part._params.items())
        ],
    }


def _about_desk(desk: Any, found: Callable[[int], int]) -> dict[str, Any]:
    """Return what a page has to know of an equaliser's bands, and where they are."""
    kinds, count = list(KINDS), int(desk.record["wanted_count"])
    return {
        "at": found(desk.record.address),
        "count": found(desk.record.address) + desk.record.dtype.fields["wanted_count"][1],
        "room": len(desk.wanted),
        "wanted": found(desk.wanted.ctypes.data),
        "hz": found(desk.hz.ctypes.data),
        "curve": found(desk.curve_db.ctypes.data),
        "points": len(desk.hz),
        "kinds": kinds,
        "bands": [[kinds[int(row[0])], *row[1:].tolist()] for row in desk.wanted[:count]],
    }


def _about_reading(reading: Any, found: Callable[[int], int]) -> dict[str, Any]:
    """Return what a page has to know of a meter of loudness."""
    return {
        "at": found(reading.address),
        "figures": found(reading.arrays["figures"].ctypes.data),
        "names": list(FIGURES),
    }
