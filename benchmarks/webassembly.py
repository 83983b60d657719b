"""Chains in WebAssembly beside JavaScript and beside this machine's own code: in Node, in turns.

Blocks of 4096 frames of noise, stereo; who does it wrongly is not timed. All is run for a while before, until V8 has
compiled it for good. Kernels alone are in `webassembly_kernels`.
"""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.parity import BANDS, PAGE, RATE, find_node
from zerocross import Chain
from zerocross.compiler import target
from zerocross.effects import Compressor, Gain, Limiter
from zerocross.eq import Equalizer
from zerocross.graph.program import run_program_over
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.web import web_chain

FRAMES = 4096
#: From the first block on: what is timed is checked at rest. In float32 coefficients are rounded, too.
_TOLERANCE, _IN_FLOAT32 = 1e-5, 1e-4


class Node:
    """A process of Node that does all works."""

    def __init__(self, jobs: list[dict[str, Any]], folder: Path) -> None:
        (folder / "jobs.json").write_text(json.dumps(jobs))
        runner = Path(__file__).with_name("webassembly.mjs")
        self._process = subprocess.Popen(
            [find_node(), runner, PAGE / "chain.js", folder / "jobs.json"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self._process.kill)

    def ask(self, words: str) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _chains() -> dict[str, tuple[Any, list[str]]]:
    """Return what is run: how it is made, and JavaScript's forms of it."""
    equalizer = ["writtenOut", "bothAtOnce", "bandByBand"]
    return {
        "equaliser, 8 bands": (lambda: Chain(Equalizer(BANDS, engine="cascade")), equalizer),
        "equaliser, 8 bands, float32": (
            lambda: Chain(Equalizer(BANDS, precision="float32")),
            [*equalizer, "rounded"],
        ),
        "gain": (lambda: Chain(Gain(gain_db=-6.0)), ["gain"]),
        "equaliser, compressor, limiter": (
            lambda: Chain(Equalizer(BANDS, engine="cascade"), Compressor(), Limiter()),
            [],
        ),
    }


@functools.cache
def _works() -> tuple[Node, dict[str, np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Start Node with all works; returns it, what has to come of each, and the signal."""
    folder = Path(tempfile.mkdtemp(prefix="zerocross-web-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    noise = np.random.default_rng(1).standard_normal((2, FRAMES)).astype(np.float32) * 0.1
    noise.tofile(folder / "noise.f32")
    jobs: list[dict[str, Any]] = []
    wanted = {}
    for place, (work, (make, forms)) in enumerate(_chains().items()):
        made = web_chain(make(), RATE)
        image = folder / f"{place}.zci"
        image.write_bytes(made.image)
        common = {"input": str(folder / "noise.f32")}
        for name, code in made.modules.items():
            module = folder / f"{place}.{name}.wasm"
            module.write_bytes(code)
            jobs.append(
                {**common, "name": f"{work}: {name}", "module": str(module), "image": str(image)}
            )
        sos = Equalizer(BANDS).sos(RATE).tolist()
        more = {"sos": sos, "channels": 2, "factor": 10 ** (-6 / 20)}
        jobs += [{**common, **more, "name": f"{work}: {form}", "form": form} for form in forms]
        wanted[work] = make().render(noise.T, RATE).T
    return Node(jobs, folder), wanted, noise


def _there(work: str, form: str) -> Contestant:
    name = f"{work}: {form}"

    def check() -> None:
        node, wanted, _ = _works()
        found = np.reshape(node.ask(f"check 1 {name}"), (2, FRAMES))
        bound = _IN_FLOAT32 if "float32" in work else _TOLERANCE
        assert np.abs(found - wanted[work]).max() < bound, name

    label = f"Node, {form}" if form in target.WEB else f"JavaScript, {form}"
    return Contestant(
        label,
        repeat=lambda times: int(_works()[0].ask(f"run {times} {name}")),
        check=check,
        calls_in_one=FRAMES,
    )


def _here(work: str, make: Any) -> Contestant:
    """Run the same on this machine, a block a call."""
    chain, out = make(), np.zeros((2, FRAMES), np.float32)
    kept: dict[str, Any] = {}

    def once() -> None:
        if not kept:
            kept["open"] = chain.rendering(RATE, 2)
            kept["address"] = kept["open"].__enter__().record.address
        noise = _works()[2]
        run_program_over(kept["address"], noise.ctypes.data, out.ctypes.data, FRAMES, FRAMES)

    def check() -> None:
        once()
        assert np.array_equal(out, _works()[1][work])

    return Contestant(f"native, {target.active_level()}", once, check=check, calls_in_one=FRAMES)


def cases() -> list[Case]:
    made = []
    limits = {"equaliser, 8 bands": 0.5, "equaliser, 8 bands, float32": 0.25, "gain": 0.1}
    for work, (make, forms) in _chains().items():
        native = _here(work, make)
        contestants = [
            _there(work, "wasm-simd"),
            _there(work, "wasm"),
            native,
            *(_there(work, form) for form in forms),
        ]
        bars = [Bar(f"JavaScript, {form}", limits[work]) for form in forms]
        made.append(
            Case(f"{work} (web)", "stereo frame", contestants, [*bars, Bar(native.name, 2.5)])
        )
    return made
