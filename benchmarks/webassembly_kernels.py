"""Kernels alone in WebAssembly: gain and real FFT, beside JavaScript, npm's packages and AVX2 of the same source.

Each is an entry of one address, a record's: JavaScript calls it with one number, and copies nothing. The packages are
fetched by npm into a folder that is deleted; without npm they are left out, and it is told.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.webassembly import Node
from zerocross.compiler import Entry, entry, float32_array, monotonic_ns, record_at, target
from zerocross.compiler.wasm import make_module
from zerocross.dsp.fft import real_fft
from zerocross.dsp.fft_plan import REAL_FFT, make_real_fft
from zerocross.dsp.gain import gain
from zerocross.dsp.state import State
from zerocross.lab.harness import Absent, Bar, Case, Contestant
from zerocross.memory import aligned_zeros, layout
from zerocross.web.image import Reached

#: What a kernel is given: samples, where the result goes, a plan or a factor.
TASK = layout(setup=["samples", "count", "result", "plan"], control=[("factor", "f8")])
SAMPLES, POINTS = 4096, 2048
_BINS = POINTS // 2 + 1
#: Of this machine: what the bar is against, and what has vectors as wide as WebAssembly's.
_NATIVE = "avx2" if "avx2" in target.available() else target.active_level()
_NARROW = ("sse4.1",) if "sse4.1" in target.available() else ()
#: Packages of npm: one in JavaScript, and PFFFT in C, compiled to WebAssembly without and with vectors. (The loader
#: of kissfft-wasm 1.1.2 fails in today's Node; webfft 1.0.3 bundles older ones.)
PACKAGES = ("fft.js@4.0.4", "@echogarden/pffft-wasm@0.4.2")
_GAINS = ("gainLoop", "gainHoisted", "gainRounded", "gainByFour", "gainApart")
_MODULES = ("wasm-simd", "wasm")
_FFTS = ("fft.js", "pffft-wasm", "pffft-wasm simd")


# --- ours: the same kernels, called once there and repeatedly here ----------------------------------


@entry("int64")
def _gain_once(address):
    task = record_at(address, TASK)
    gain(float32_array(task.samples, task.count), task.factor)


@entry("int64")
def _fft_once(address):
    task = record_at(address, TASK)
    result = float32_array(task.result, 2 * _BINS)
    plan, samples = record_at(task.plan, REAL_FFT), float32_array(task.samples, POINTS)
    real_fft(plan, samples, result[:_BINS], result[_BINS:])


@entry("int64", "int64")
def _repeat_gain(address, times):
    task = record_at(address, TASK)
    samples, factor = float32_array(task.samples, task.count), task.factor
    started = monotonic_ns()
    for _ in range(times):
        gain(samples, factor)
    return monotonic_ns() - started


@entry("int64", "int64")
def _repeat_fft(address, times):
    task = record_at(address, TASK)
    result = float32_array(task.result, 2 * _BINS)
    plan, samples = record_at(task.plan, REAL_FFT), float32_array(task.samples, POINTS)
    real, imaginary = result[:_BINS], result[_BINS:]
    started = monotonic_ns()
    for _ in range(times):
        real_fft(plan, samples, real, imaginary)
    return monotonic_ns() - started


class _Kernel:
    """A kernel with its memory here, of which Node gets a copy."""

    def __init__(self, once: Entry, repeat: Entry, count: int, **more: Any) -> None:
        self.entry, self._repeat = once, {each: repeat.at(each) for each in (_NATIVE, *_NARROW)}
        self.noise = np.random.default_rng(1).standard_normal(count).astype(np.float32)
        self.samples = aligned_zeros(count)
        self.task = State(TASK, samples=self.samples, count=count, factor=1.0, **more)
        self.fresh(1.0)

    def fresh(self, factor: float) -> None:
        """Put the noise back; what is timed has a factor of 1, which keeps it."""
        self.samples[:] = self.noise
        self.task["factor"] = factor

    def run(self, level: str, times: int) -> int:
        return self._repeat[level](self.task.address, times)

    def files(self, folder: Path, name: str) -> dict[str, dict[str, Any]]:
        """Write modules and memory; returns by target what Node is told of them."""
        task = self.task
        reached = Reached(task, (task,), {})
        whole = {key: reached.place(array.ctypes.data) for key, array in task.arrays.items()}
        header = {"channels": 1, "mostFrames": 0, "parts": [], "input": 0, "output": 0}
        program = reached.place(task.address)
        path = folder / f"{name}.zci"
        path.write_bytes(reached.image().pack({**header, "program": program}))
        factor = program + TASK.fields["factor"][1]  # type: ignore[index]
        told = {"image": str(path), "places": {**whole, "factor": factor}, "kernel": name}
        made = {}
        for each, chosen in target.WEB.items():
            module = folder / f"{name}.{each}.wasm"
            module.write_bytes(make_module({"run": self.entry}, chosen))
            made[each] = {**told, "module": str(module)}
        return made


@functools.cache
def _gain() -> _Kernel:
    return _Kernel(_gain_once, _repeat_gain, SAMPLES)


@functools.cache
def _fft() -> _Kernel:
    plan = make_real_fft(POINTS)
    return _Kernel(_fft_once, _repeat_fft, POINTS, plan=plan, result=aligned_zeros(2 * _BINS))


# --- Node -------------------------------------------------------------------------------------------


def _folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix="zerocross-web-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@functools.cache
def _works() -> Node:
    """Start Node with our kernels and JavaScript's gains."""
    folder, jobs = _folder(), []
    for name, kernel, forms in (("gain", _gain(), _GAINS), ("fft", _fft(), ())):
        noise = folder / f"{name}.f32"
        kernel.noise.tofile(noise)
        for each, told in kernel.files(folder, name).items():
            jobs.append({**told, "name": f"{name}: {each}", "input": str(noise)})
        jobs += [{"name": f"{name}: {f}", "form": f, "input": str(noise)} for f in forms]
    return Node(jobs, folder)


@functools.cache
def _packages() -> Node | str:
    """Start Node with npm's packages; or return why not."""
    npm = shutil.which("npm")
    if npm is None:
        return "there is no npm"
    folder = _folder()
    command = [npm, "install", "--ignore-scripts", "--no-save", "--no-audit", "--no-fund"]
    told = subprocess.run(
        [*command, "--prefix", folder, *PACKAGES], capture_output=True, text=True, check=False
    )
    if told.returncode:
        return f"npm could not fetch {', '.join(PACKAGES)}"
    noise = folder / "noise.f32"
    _fft().noise.tofile(noise)
    modules = str(folder / "node_modules")
    jobs = [{"name": f, "form": f, "input": str(noise), "packages": modules} for f in _FFTS]
    return Node(jobs, folder)


def _npm() -> Node:
    found = _packages()
    if isinstance(found, str):
        raise Absent(found)
    return found


def _there(
    label: str, node: Callable[[], Node], name: str, close: Callable[[Any], None]
) -> Contestant:
    return Contestant(
        label,
        repeat=lambda times: int(node().ask(f"run {times} {name}")),
        check=lambda: close(np.array(node().ask(f"check 0.5 {name}"))),
    )


def _here(make: Callable[[], _Kernel], close: Callable[[Any], None]) -> list[Contestant]:
    """Run it on this machine; the first is whom the bar is against."""

    def one(level: str) -> Contestant:
        def check() -> None:
            make().fresh(0.5)
            make().run(level, 1)
            close(make().task.arrays.get("result", make().samples))

        return Contestant(
            f"native, {level}",
            repeat=lambda times: make().run(level, times),
            prepare=lambda: make().fresh(1.0),
            check=check,
        )

    return [one(level) for level in (_NATIVE, *_NARROW)]


# --- cases ------------------------------------------------------------------------------------------


def cases() -> list[Case]:
    return [_gain_case(), _fft_case()]


def _gain_case() -> Case:
    def close(found: Any) -> None:
        assert np.array_equal(found.astype(np.float32), _gain().noise * np.float32(0.5))

    forms = [_there(f"JavaScript, {form}", _works, f"gain: {form}", close) for form in _GAINS]
    return _case("gain", f"{SAMPLES} f32", _gain, close, forms, 0.1)


def _fft_case() -> Case:
    def close(found: Any) -> None:
        wanted = np.fft.rfft(_fft().noise.astype(np.float64))
        made = found[:_BINS] + 1j * found[_BINS:]
        assert np.linalg.norm(made - wanted) <= 1e-6 * np.linalg.norm(wanted)

    packages = [_there(f"npm, {form}", _npm, form, close) for form in _FFTS]
    return _case("fft", f"{POINTS} f32, real", _fft, close, packages, 0.2)


def _case(
    work: str,
    size: str,
    make: Callable[[], _Kernel],
    close: Callable[[Any], None],
    theirs: list[Contestant],
    limit: float,
) -> Case:
    ours = [_there(f"Node, {each}", _works, f"{work}: {each}", close) for each in _MODULES]
    native = _here(make, close)
    bars = [*(Bar(each.name, limit) for each in theirs), Bar(native[0].name, 2.5)]
    return Case(f"{work} kernel (web)", size, [*ours, *native, *theirs], bars)
