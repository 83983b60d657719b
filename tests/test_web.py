"""Chains as WebAssembly: the same bits as here, on memory that was prepared here.

Where kernels may fuse a multiplication with an addition (`multiply_add`), machines that can do: AVX2 and later.
There the results differ by roundings; those of the scalar level, which cannot, are the browser's to the bit.
"""

from __future__ import annotations

import gzip
import json
import os
import struct
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
from benchmarks import parity
from benchmarks.parity import (
    CHAINS,
    FUSED,
    ORACLES,
    RATE,
    Jobs,
    by_oracle,
    changes_for,
    natively,
    some_blocks,
)

from conftest import ON_CI, music, need, need_module
from test_biquad import _cascade_in_float32, filtered
from zerocross import Chain, RealtimeError, UsageError, processor
from zerocross.compiler import target
from zerocross.compiler.wasm import CODE, make_module
from zerocross.effects import Compressor, Gain, Limiter, Reverb
from zerocross.eq import Equalizer
from zerocross.errors import TargetError
from zerocross.graph.program import run_block, run_program_over
from zerocross.memory import Record, aligned_zeros, layout
from zerocross.web import web_chain
from zerocross.web.image import Reached
from zerocross.web.look import Look, look

DOCUMENT = Path(__file__).parents[1] / "docs" / "web.md"


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


@pytest.fixture
def jobs(node, tmp_path):
    return Jobs(node, tmp_path)


#: Those that are compiled in seconds.
QUICK = {"nothing", "one's own"}


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


@pytest.mark.parametrize(
    "name",
    [
        name if name == "nothing" else pytest.param(name, marks=pytest.mark.thorough)
        for name in CHAINS
    ],
)
def test_a_chain_has_the_same_bits_in_chromium_as_in_node(jobs, name):
    chromium, signal = need("chromium"), music(9_000, 2, seed=4)
    made, blocks = web_chain(CHAINS[name](), RATE), some_blocks(9_000, 4)
    changes = changes_for(name, len(blocks), 4)
    for level in target.WEB:
        jobs.add(made, level, signal, blocks, changes)
    for found, wanted in zip(jobs.run_in_chromium(chromium), jobs.run(), strict=True):
        assert found.tobytes() == wanted.tobytes()
        assert np.abs(found).max() > 0.01, "something is heard"


@pytest.mark.parametrize(
    "name",
    [
        name if name in {*QUICK, "looking"} else pytest.param(name, marks=pytest.mark.thorough)
        for name in ORACLES
    ],
)
def test_a_chain_gives_what_numpy_and_scipy_give(name):
    frames = 20_000  # longer than an echo's way, and than all responses
    signal = np.random.default_rng(5).standard_normal((frames, 2)).astype(np.float32) * 0.1
    blocks = some_blocks(frames, 5)
    changes = changes_for(name, len(blocks), 5)
    wanted = by_oracle(name, signal, blocks, changes)
    here = natively(CHAINS[name](), signal, blocks, changes)
    loudest = np.abs(wanted).max()
    assert loudest > 0.1, "something is heard"
    assert np.abs(here - wanted).max() < 2e-7 * max(1.0, loudest)


@pytest.mark.thorough
def test_an_equaliser_in_float32_has_the_bits_of_the_scalar_level(jobs):
    bands = [("peaking", 60.0 * 1.6**k, 1.2, 4.0 * (-1) ** k) for k in range(11)]
    equalizer, signal = Equalizer(bands, precision="float32"), music(3_000, 2)
    for level in target.WEB:
        jobs.add(web_chain(Chain(equalizer), RATE), level, signal, some_blocks(3_000, 6), {})
    rows = np.ascontiguousarray(signal.T)
    wanted = filtered(rows, equalizer.sos(RATE), level="scalar", kernel=_cascade_in_float32).T
    for found in jobs.run():
        assert np.array_equal(found, wanted)


@pytest.mark.thorough
@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000, 192_000])
def test_any_rate(jobs, rate):
    signal, blocks = music(2_000, 2, seed=3), some_blocks(2_000, 3)
    jobs.add(web_chain(CHAINS["all"](), rate), "wasm-simd", signal, blocks, {})
    here = natively(CHAINS["all"](), signal, blocks, {}, rate)
    assert np.abs(jobs.run()[0] - here).max() < 1e-6


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.skipif("avx2" not in target.available(), reason="the document's machine has AVX2")
def test_the_table_of_the_document_is_what_is_measured(node):
    """None of the scalar level's kernels fuses: in WebAssembly all has its bits."""
    need("chromium")
    rows = parity.measured(lambda _: None)
    assert parity.holds(rows)
    there = [f"{where}, {level}" for where in ("Node", "Chromium") for level in target.WEB]
    assert all(row[each] == 0.0 for row in rows.values() for each in there)
    assert {name for name, row in rows.items() if row["avx2"]} <= FUSED
    assert {name for name, row in rows.items() if row["NumPy, SciPy"] is not None} == set(ORACLES)
    shown = DOCUMENT.read_text().partition(parity.BEGIN)[2].partition(parity.END)[0]
    if set(target.available()) == {"scalar", "sse4.1", "avx2", "avx512"}:
        assert shown == parity.table(rows)


def settings_differ(first, count):
    """Compare settings at random with the scalar level, in a process of its own; say which differ."""
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.parity", "differing", str(first), str(count)],
        env=os.environ | {"ZEROCROSS_SIMD": "scalar"},
        cwd=DOCUMENT.parents[1],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert told.returncode in {0, 1}
    return told.stdout.split()


@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_settings_at_random_have_the_same_bits(node):
    assert settings_differ(0, 100) == []


@pytest.mark.soak
@pytest.mark.timeout(6 * 3600)
def test_ten_thousand_settings_have_the_same_bits(node, request):
    """Goes on where it was interrupted."""
    cache, key = request.config.cache, "zerocross/web-soak"
    for piece in range(0 if ON_CI else cache.get(key, 0), 10):
        assert settings_differ(100 + 1000 * piece, 1000) == []
        cache.set(key, piece + 1)
    cache.set(key, 0)


@pytest.mark.thorough
@pytest.mark.parametrize("level", target.WEB)
def test_what_is_shown_is_what_the_display_shows_here(jobs, tmp_path, level):
    bands, signal = 40, music(60_000)
    blocks = [*[800] * 60, *some_blocks(12_000, 8)]
    made = web_chain(Chain(Gain(gain_db=-3.0)), RATE, bands=bands, targets=(level,))
    jobs.add(made, level, signal, blocks, {})
    jobs._jobs[0]["heights"] = str(tmp_path / "heights")
    jobs.run()
    found = np.fromfile(tmp_path / "heights").reshape(len(blocks), 2, bands)
    seen = Look(bands)
    here, rows, at = [], np.ascontiguousarray(signal.T), 0
    with Chain(Gain(gain_db=-3.0), *seen.parts).rendering(RATE, 2) as program:
        seen.prepare(RATE)
        display = seen.displays["logarithmic"]
        for count in blocks:
            place = rows.ctypes.data + 4 * at
            run_program_over(program.record.address, place, place, rows.shape[1], count)
            look(seen.record.address, display.record.address, 0)
            here.append([display.heights[0].copy(), display.peaks[0].copy()])
            at += count
    assert np.max(here) > 0.8 and len(np.unique(found)) > 1000
    assert np.abs(found - here).max() < 1e-4


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


@pytest.mark.thorough
def test_the_module_of_the_players_chain_is_small():
    """With meter, tap and spectra of five scales, and what designs bands and draws their curve."""
    equalizer = Equalizer(parity.BANDS, room=32, engine="cascade")
    chain = Chain(equalizer, Gain(), Compressor(), Reverb(), Limiter())
    module = web_chain(chain, RATE, bands=96, targets=("wasm-simd",)).modules["wasm-simd"]
    assert len(module) <= 60_000
    assert len(gzip.compress(module, 9)) <= 25_000


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
    reached = Reached(held.root, held, {77: "code"})
    made, at = reached.image(), reached.place(held.root.address)
    word = lambda place: struct.unpack_from("<q", made.data, place)[0]  # noqa: E731
    assert sorted(made.pointers) == made.pointers and len(made.pointers) == 3
    inner, middle = word(at), word(at + 8)
    assert word(inner) == at, "a circle"
    assert struct.unpack_from("<d", made.data, middle)[0] == 10.0
    assert made.code == [(at + 16, "code")] and word(at + 16) == 0
    assert word(at + 24) == 12_345, "a number stays"
    assert made.size < 3000, "what nobody reaches is left out"


def test_what_holds_no_memory_is_passed_over():
    held = Held()
    gone = Held()
    held.others = [weakref.proxy(gone), run_block, parity, len, Held, 5, "x", None]
    del gone
    assert (
        Reached(held.root, held, {}).image().data == Reached(held.root, vars(held), {}).image().data
    )


def test_a_packed_image_is_the_image():
    held = Held()
    reached = Reached(held.root, held, {})
    reached.place(held.unreached.ctypes.data)
    made = reached.image()
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
        Reached(held.root, held, {}).place(aligned_zeros(10).ctypes.data)


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
        [
            node,
            "--input-type=module",
            "-e",
            SPOILT,
            parity.PAGE,
            tmp_path / "module",
            tmp_path / "image",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    beside = "it is cut off, or its header is not its own"
    foreign = "the module has no another: it is another chain's"
    assert json.loads(told.stdout) == ["no parameter 0.none", *[beside] * 6, foreign]
