"""Chains as WebAssembly: the same bits as here, on memory that was prepared here.

Where kernels may fuse a multiplication with an addition (`multiply_add`), machines that can do: AVX2 and later.
There the results differ by roundings; those of the scalar level, which cannot, are the browser's to the bit.
"""

from __future__ import annotations

import json
import math
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zerocross.web
from conftest import ON_CI, music, need_module
from zerocross import Chain, Parallel, RealtimeError, UsageError, param, processor
from zerocross.compiler import target
from zerocross.compiler.wasm import CODE, make_module
from zerocross.effects import (
    Balance,
    Compressor,
    Convolver,
    Delay,
    Gain,
    Gate,
    Limiter,
    LoudnessMeter,
    Meter,
    Oscillator,
    Pan,
    Reverb,
    TapPoint,
)
from zerocross.eq import Equalizer
from zerocross.errors import TargetError
from zerocross.graph.program import run_block, run_program_over
from zerocross.memory import Record, aligned_zeros, layout
from zerocross.web import web_chain
from zerocross.web.image import image_of

PAGE = Path(zerocross.web.__file__).parent / "page"
BANDS = [("peaking", 60.0 * 2.1**k, 1.0 + 0.1 * k, 6.0 * (-1) ** k) for k in range(8)]
RATE = 48_000


@pytest.fixture(scope="module")
def node():
    """The Node that playwright brings; the linker is ziglang's."""
    need_module("ziglang")
    need_module("playwright")
    import playwright

    found = Path(playwright.__file__).parent / "driver" / "node"
    if not found.exists():
        (pytest.fail if ON_CI else pytest.skip)("playwright has no node")
    return found


class Jobs:
    """Chains that Node is to run, all in one process; and what came of them."""

    def __init__(self, node, folder):
        self._node, self._folder, self._jobs = node, folder, []

    def add(self, made, name, signal, blocks, changes):
        base = self._folder / str(len(self._jobs))
        paths = {key: f"{base}.{key}" for key in ("module", "image", "input", "output")}
        Path(paths["module"]).write_bytes(made.modules[name])
        Path(paths["image"]).write_bytes(made.image)
        np.ascontiguousarray(signal.T, "<f4").tofile(paths["input"])
        self._jobs.append({**paths, "blocks": blocks, "changes": changes, "shape": signal.T.shape})

    def run(self):
        subprocess.run(
            [self._node, Path(__file__).with_name("web_run.mjs"), PAGE],
            input=json.dumps(self._jobs),
            text=True,
            check=True,
        )
        return [np.fromfile(job["output"], "<f4").reshape(job["shape"]).T for job in self._jobs]


@pytest.fixture
def jobs(node, tmp_path):
    return Jobs(node, tmp_path)


def natively(chain, signal, blocks, changes, rate=RATE):
    """Run a chain here in the same blocks, with the same changes of its parameters."""
    rows = np.ascontiguousarray(signal.T)
    out = np.zeros_like(rows)
    at = 0
    with chain.rendering(rate, len(rows)) as program:
        for k, count in enumerate(blocks):
            for name, value in changes.get(k, []):
                number, _, word = name.partition(".")
                setattr(program.processors[int(number)], word, value)
            run_program_over(
                program.record.address,
                rows.ctypes.data + 4 * at,
                out.ctypes.data + 4 * at,
                rows.shape[1],
                count,
            )
            at += count
    return out.T


def some_blocks(frames, seed):
    """Return lengths of blocks that add up: of a worklet, longer ones, single frames."""
    random = np.random.default_rng(seed)
    blocks = []
    while (left := frames - sum(blocks)) > 0:
        blocks.append(min(left, int(random.choice([1, 7, 64, 128, 128, 500, 4096]))))
    return blocks


@processor
class Wobble:
    """A user's own: elementary functions, an array, an if, scratch memory."""

    depth: float = param(0.5, 0.0, 1.0)
    hz: float = param(3.0, 0.1, 20.0, "Hz")
    phase: float = 0.0

    def prepare(self, sample_rate, channels, max_block):
        self.line = np.zeros((channels, 257))
        self.place = 0

    def process(self, block):
        held = block.scratch(block.frames)
        for i in range(block.frames):
            self.phase += self.hz / block.sample_rate
            if self.phase >= 1.0:
                self.phase -= 1.0
            held[i] = 1.0 - self.depth * (0.5 + 0.5 * math.sin(2.0 * math.pi * self.phase))
        for c in range(block.channels):
            at = self.place
            for i in range(block.frames):
                x = block.input[c, i] * held[i]
                block.output[c, i] = math.tanh(x + 0.3 * self.line[c, at])
                self.line[c, at] = x
                at = at + 1 if at < 256 else 0
        self.place = (self.place + block.frames) % 257


CHAINS = {
    "nothing": lambda: Chain(Gain()),
    "equaliser": lambda: Chain(Equalizer(BANDS)),
    "many bands": lambda: Chain(Equalizer([(k, f, q, g) for k, f, q, g in BANDS for _ in "12"])),
    "dynamics": lambda: Chain(Gate(), Compressor(), Limiter()),
    "space": lambda: Chain(Delay(), Reverb()),
    "levels": lambda: Chain(Gain(gain_db=-3.0), Pan(), Balance(), Meter()),
    "looking": lambda: Chain(LoudnessMeter(), TapPoint(4096)),
    "a tone": lambda: Chain(Oscillator()),
    "an impulse response": lambda: Chain(Convolver(music(3000, 1, seed=9)[:, 0] * 0.1)),
    "branches": lambda: Chain(Parallel(Gain(gain_db=-6.0), Chain(Limiter()), Equalizer(BANDS[:2]))),
    "one's own": lambda: Chain(Wobble()),
    "all": lambda: Chain(Equalizer(BANDS), Compressor(), Reverb(), Limiter()),
}
#: Chains with kernels that may fuse, where the machine can.
FUSED = {"equaliser", "many bands", "an impulse response", "branches", "all"}
#: Those that are compiled in seconds.
QUICK = {"nothing", "dynamics", "one's own"}
#: Parameters that move while a chain runs.
CHANGES = {
    "nothing": {"0.gain_db": (-60.0, 24.0)},
    "space": {"1.mix": (0.0, 1.0)},
    "one's own": {"0.depth": (0.0, 1.0), "0.hz": (0.1, 20.0)},
    "equaliser": {"0.preamp_db": (-20.0, 6.0)},
}


def changes_for(name, count, seed):
    random = np.random.default_rng(seed)
    ranges = CHANGES.get(name, {})
    return {
        int(k): [(each, float(random.uniform(*ends))) for each, ends in ranges.items()]
        for k in random.choice(count, min(count, 5), replace=False)
    }


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.thorough) for name in CHAINS],
)
def test_a_chain_has_the_same_bits_as_here(jobs, name):
    frames, wanted = 9_000, []
    for channels in (1, 2):
        signal = music(frames, channels, seed=channels)
        made = web_chain(CHAINS[name](), RATE, channels)
        blocks = some_blocks(frames, channels)
        changes = changes_for(name, len(blocks), channels)
        for level in target.WEB:
            jobs.add(made, level, signal, blocks, changes)
            wanted.append(natively(CHAINS[name](), signal, blocks, changes))
    for found, here in zip(jobs.run(), wanted, strict=True):
        assert np.isfinite(found).all() and np.abs(here).max() > 0.01, "something is heard"
        if name in FUSED:
            assert np.abs(found - here).max() < 1e-6
        else:
            assert np.array_equal(found, here), np.abs(found - here).max()


@pytest.mark.thorough
@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000, 192_000])
def test_any_rate(jobs, rate):
    signal, blocks = music(2_000, 2, seed=3), some_blocks(2_000, 3)
    jobs.add(web_chain(CHAINS["all"](), rate), "wasm-simd", signal, blocks, {})
    here = natively(CHAINS["all"](), signal, blocks, {}, rate)
    assert np.abs(jobs.run()[0] - here).max() < 1e-6


def scalar_of_all():
    """Print a sum of the bits of all chains, here, for the test below."""
    signal = music(3_000, 2, seed=5)
    blocks = some_blocks(3_000, 5)
    for name, chain in CHAINS.items():
        print(name, natively(chain(), signal, blocks, {}).tobytes().hex(), sep="\t")


@pytest.mark.thorough
def test_all_chains_have_the_bits_of_the_scalar_level(jobs):
    """None of its kernels fuses."""
    script = "import test_web; test_web.scalar_of_all()"
    env = os.environ | {"ZEROCROSS_SIMD": "scalar"}
    told = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parent,
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )
    here = dict(line.split("\t") for line in told.stdout.splitlines())
    signal = music(3_000, 2, seed=5)
    blocks = some_blocks(3_000, 5)
    order = [(name, level) for name in CHAINS for level in target.WEB]
    for name, level in order:
        jobs.add(web_chain(CHAINS[name](), RATE), level, signal, blocks, {})
    found = {each: data.tobytes().hex() for each, data in zip(order, jobs.run(), strict=True)}
    assert [each for each in order if found[each] != here[each[0]]] == []


def test_a_processor_that_fails_is_bypassed_there_as_here(jobs):
    @processor
    class Fails:
        def process(self, block):
            for c in range(block.channels):
                for i in range(block.frames):
                    block.output[c, i] = block.input[c, i] / np.float32(block.position < 500)

    signal, blocks = music(3_000, 2, seed=4), [128] * 23
    here = natively(Chain(Fails()), signal[: sum(blocks)], blocks, {})
    jobs.add(web_chain(Chain(Fails()), RATE), "wasm-simd", signal[: sum(blocks)], blocks, {})
    found = jobs.run()[0]
    assert np.isfinite(found).all() and np.array_equal(found, here)


# --- modules --------------------------------------------------------------------------------------


def sections(module):
    """Yield number and content of a module's sections."""
    assert module[:8] == b"\0asm\1\0\0\0"
    at = 8
    while at < len(module):
        number, at = module[at], at + 1
        length, at = leb(module, at)
        yield number, module[at : at + length]
        at += length


def leb(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at


def test_a_module_imports_nothing_but_memory(node):
    module = make_module({"run": run_program_over, "block": run_block}, target.WEB["wasm"])
    parts = dict(sections(module))
    assert leb(parts[2], 0)[0] == 1 and b"\x03env\x06memory\x02" in parts[2]
    names = {"run", "run" + CODE, "block", "block" + CODE}
    exported = {*names, "__heap_base", "__indirect_function_table"}
    assert leb(parts[7], 0)[0] == len(exported)
    assert all(each.encode() in parts[7] for each in exported)


def test_one_has_vectors_and_the_other_has_none():
    code = {
        name: Gain().unproven(RATE, 2, 4096).entry.emit(each) for name, each in target.WEB.items()
    }
    assert "f32x4." in code["wasm-simd"].assembly
    assert not any(each in code["wasm"].assembly for each in ("f32x4.", "f64x2.", "v128."))


@pytest.mark.thorough
def test_the_modules_of_a_usual_chain_are_small(node):
    made = web_chain(CHAINS["all"](), RATE)
    assert all(len(module) <= 60_000 for module in made.modules.values())


# --- images ---------------------------------------------------------------------------------------

INNER = layout(setup=["next", ("table", "i8", (3,))])


class Held:
    """A record that points to another, to the middle of an array, and to code."""

    def __init__(self):
        self.inner, self.root = Record(INNER), Record(INNER)
        self.numbers = aligned_zeros(100, np.float64)
        self.numbers[:] = np.arange(100)
        self.root.fill(next=self.inner.address)
        self.root["table"][:] = [self.numbers.ctypes.data + 80, 77, 12_345]
        self.inner["next"] = self.root.address
        self.unreached = aligned_zeros(5000)


def test_an_image_has_what_is_reached_and_its_addresses():
    held = Held()
    made = image_of(held.root, held, {77: "code"})
    at = made.places[held.root.address]
    word = lambda place: struct.unpack_from("<q", made.data, place)[0]  # noqa: E731
    assert sorted(made.pointers) == made.pointers and len(made.pointers) == 3
    inner, middle = word(at), word(at + 8)
    assert word(inner) == at, "a circle"
    assert struct.unpack_from("<d", made.data, middle)[0] == 10.0
    assert made.code == [(at + 16, "code")] and word(at + 16) == 0
    assert word(at + 24) == 12_345, "a number stays"
    assert made.size < 3000, "what nobody reaches is left out"


def test_a_packed_image_is_the_image():
    held = Held()
    made = image_of(held.root, held, {}, [held.unreached.ctypes.data])
    packed = made.pack({"more": [1, 2]})
    assert packed[:4] == b"ZCI1"
    length = struct.unpack_from("<I", packed, 4)[0]
    header, payload = json.loads(packed[8 : 8 + length]), packed[8 + length :]
    whole = bytearray(header["size"])
    for start, count in header["ranges"]:
        whole[start : start + count], payload = payload[:count], payload[count:]
    assert bytes(whole) == made.data and not payload
    assert header["more"] == [1, 2] and header["pointers"] == made.pointers
    assert len(packed) < 2500, "zeros are left out"


def test_memory_that_nobody_holds_is_an_error():
    held = Held()
    with pytest.raises(UsageError, match="nobody of Held holds the memory at 0x"):
        image_of(held.root, held, {}, [aligned_zeros(10).ctypes.data])


# --- what is refused ------------------------------------------------------------------------------


def test_a_processor_that_is_refused_is_refused_here_too(node):
    @processor
    class Allocates:
        def process(self, block):
            block.output[0, 0] = len([block.frames])

    with pytest.raises(RealtimeError, match="allocates"):
        web_chain(Chain(Allocates()), RATE)


def test_targets_that_there_are_not():
    with pytest.raises(UsageError, match="no target 'wasm64'; there are wasm, wasm-simd"):
        web_chain(Chain(Gain()), RATE, targets=("wasm64",))


def test_without_a_linker_it_is_told_what_to_install(monkeypatch):
    from zerocross.compiler import wasm

    wasm._linker.cache_clear()
    monkeypatch.setattr(wasm.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setitem(os.environ, "PATH", "")
    with pytest.raises(TargetError, match=r"pip install 'zerocross\[web\]'"):
        wasm._linker()
    wasm._linker.cache_clear()


SPOILT = """
const { Chain } = await import(process.argv[1] + "/chain.js");
const { readFileSync } = await import("node:fs");
const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const image = readFileSync(process.argv[3]);
const length = image.readUInt32LE(4);
const told = (change) => {
  const header = JSON.parse(image.subarray(8, 8 + length).toString());
  const { payload = image.subarray(8 + length) } = change(header) ?? {};
  const text = Buffer.from(JSON.stringify(header));
  const head = Buffer.from(image.subarray(0, 8));
  head.writeUInt32LE(text.length, 4);
  const all = Buffer.concat([head, text, payload]);
  try {
    const chain = new Chain(module, all.buffer.slice(all.byteOffset, all.byteOffset + all.length));
    chain.set("0.gain_db", NaN);
    for (const frames of [0, 1, header.mostFrames]) chain.run(frames);
    for (const frames of [-1, NaN, header.mostFrames + 1]) {
      try { chain.run(frames); return `ran ${frames}`; } catch (error) { if (!(error instanceof RangeError)) throw error; }
    }
    try { chain.set("0.none", 1); return "set"; } catch (error) { return error.message; }
  } catch (error) { return error.message; }
};
console.log(JSON.stringify([
  told(() => {}),
  told(() => ({ payload: image.subarray(8 + length, image.length - 8) })),
  told((header) => { header.ranges[0][0] = header.size; }),
  told((header) => { header.pointers[0] = 1e9; }),
  told((header) => { header.pointers[0] = -8; }),
  told((header) => { header.output = header.size; }),
  told((header) => { header.parts[0].params[0].at = 1e12; }),
  told((header) => { header.code[0][1] = "another"; }),
]));
"""


def test_an_image_that_is_not_whole_is_refused_before_it_is_laid_out(node, tmp_path):
    made = web_chain(Chain(Gain()), RATE, 2, ("wasm",))
    (tmp_path / "module").write_bytes(made.modules["wasm"])
    (tmp_path / "image").write_bytes(made.image)
    told = subprocess.run(
        [node, "--input-type=module", "-e", SPOILT, PAGE, tmp_path / "module", tmp_path / "image"],
        capture_output=True,
        text=True,
        check=True,
    )
    beside = "it is cut off, or its header is not its own"
    foreign = "the module has no another: it is another chain's"
    assert json.loads(told.stdout) == ["no parameter 0.none", *[beside] * 6, foreign]
