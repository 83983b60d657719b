"""The shipped library for AArch64, run under qemu: the demo has the bits that it has here.

The short form builds a few entries and runs a second through one effect; the soak builds all that
a wheel has, and runs the whole demo through equaliser, compressor, reverb and limiter.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile

from conftest import need
from fixed_memory import FixedMemory
from zerocross import Chain
from zerocross.build.__main__ import PLATFORMS, main
from zerocross.build.entries import units
from zerocross.build.objects import levels_of
from zerocross.compiler import target
from zerocross.compiler.shipped import place_of
from zerocross.demo.composition import SAMPLE_RATE, composed_file
from zerocross.dsp.convert import convert_samples
from zerocross.dsp.polyphase import design_phases
from zerocross.dsp.resample import make_resampler, resample_rows
from zerocross.effects import Compressor, Gain, Limiter, Reverb
from zerocross.eq import Equalizer
from zerocross.graph.block import MAX_BLOCK
from zerocross.graph.program import NODE, run_block, run_program_over
from zerocross.memory import Arena, aligned_zeros

LEVELS = levels_of(PLATFORMS["linux-aarch64"][2])
RATE, TO_RATE, PIECE = float(SAMPLE_RATE), 44_100, 4096
AT_ENTRY = NODE.fields["entry"][1]
#: What is run beside the processors, and their places in the library.
PLAIN = {
    entry: place_of(entry.function)
    for entry in (run_program_over, run_block, resample_rows, convert_samples)
}


#: `multiply_add` rounds once there. Where it does here as well, all bits are the same.
FUSES = target.active_level() in {"avx2", "avx512", "neon"}
#: Where it does not: two steps of float32 below full scale, one of the integers.
BOUNDS = {"chain": 2**-23, "resampled": 2**-23, "16 bits": 1.0, "24 bits": 2.0**8}


class Work(NamedTuple):
    """What is to be run: the entries and their places, the calls, and what they write."""

    places: dict[Any, str]
    calls: list[tuple[Any, tuple[int, ...]]]
    results: dict[str, np.ndarray]


def build(output, *only):
    """Build the library, or one of some entries; returns its file."""
    need("aarch64-linux-gnu-ld")
    chosen = ["--only", *only, "--jobs", "1"] if only else []
    assert main(["--target", "linux-aarch64", "--output", str(output), *chosen]) == 0
    return output


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    gain = Gain().unproven(RATE, 2, MAX_BLOCK).entry.place
    return build(tmp_path_factory.mktemp("few") / "few.so", gain, *PLAIN.values())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return build(tmp_path_factory.mktemp("whole") / "whole.so")


@pytest.fixture(scope="module")
def caller(tmp_path_factory):
    """The program that calls a library's entries, for AArch64."""
    program = tmp_path_factory.mktemp("caller") / "caller"
    source = Path(__file__).with_name("foreign_library.c")
    command = [need("aarch64-linux-gnu-gcc"), "-O1", source, "-o", program, "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return program


def entries_of(library):
    """Return what a library's index says of its entries; it cannot be loaded here."""
    content = library.read_bytes()
    text = content[content.index(b'{"architecture": "aarch64"') :].partition(b"\0")[0]
    return json.JSONDecoder().raw_decode(text.decode("ascii", "replace"))[0]["entries"]


# --- laying out, running here and there, comparing ----------------------------------------------


def lay_out(make_parts, demo):
    """Lay out all that there is to run over planar rows, in memory that is taken now."""
    chain, frames = Chain(*make_parts()), demo.shape[1]
    rows, out = aligned_zeros(demo.shape), aligned_zeros(demo.shape)
    narrow, wide = aligned_zeros(demo.shape, np.int16), aligned_zeros(demo.shape, np.int32)
    pieces = aligned_zeros((-(-frames // PIECE), 2, PIECE))
    rows[...] = demo
    for k, piece in enumerate(pieces):
        part = demo[:, k * PIECE : (k + 1) * PIECE]
        piece[:, : part.shape[1]] = part
    design_phases.cache_clear()  # what was designed before lies in other memory
    resampler = make_resampler(SAMPLE_RATE, TO_RATE, 2, PIECE)
    room = resampler.most_frames_out(PIECE)
    resampled = aligned_zeros((len(pieces), 2, room))
    with chain.rendering(RATE, 2) as program:
        places = {part.entry: part.entry.place for part in program.processors}
    start, end, in_16, in_24 = (array.ctypes.data for array in (rows, out, narrow, wide))
    calls = [(run_program_over, (program.record.address, start, end, frames, frames))]
    for piece, to in zip(pieces, resampled, strict=True):
        values = piece.ctypes.data, PIECE, to.ctypes.data, room
        calls.append((resample_rows, (resampler.address, *values)))
    calls.append((convert_samples, (end, in_16, out.size, 16)))
    calls.append((convert_samples, (end, in_24, out.size, 24)))
    results = {"chain": out, "resampled": resampled, "16 bits": narrow, "24 bits": wide}
    return Work(places | PLAIN, calls, results)


def code_in(memory, work):
    """Return where memory holds the address of an entry, by the entry."""
    content = memory.content()
    words = content[: len(content) // 8 * 8].view(np.int64)
    return {
        entry: [memory.address + 8 * int(k) for k in np.flatnonzero(words == entry.address)]
        for entry in work.places
    }


def run_there(caller, library, level, work, memory, image):
    """Run the work under qemu, on a file of memory; returns what the calls return."""
    facts = entries_of(library)
    symbols = {entry: facts[place][level]["symbol"] for entry, place in work.places.items()}
    words = [("at", at, symbols[e]) for e, found in code_in(memory, work).items() for at in found]
    words += [("call", symbols[e], len(values), *values) for e, values in work.calls]
    command = [need("qemu-aarch64"), "-L", "/usr/aarch64-linux-gnu", caller, library, image]
    command += [memory.address, *itertools.chain(*words)]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]


def same_everywhere(image, code, memory):
    """Return memory without what is not the same elsewhere: addresses of code, and times."""
    for entry, found in code.items():
        for at in np.subtract(found, memory.address).astype(int):
            image[at : at + 8] = 0
            if entry not in PLAIN:
                node = image[at - AT_ENTRY :][: NODE.itemsize].view(NODE)
                node["longest_ns"] = node["total_ns"] = 0
    return image


def compare(make_parts, demo, library, caller, tmp_path, monkeypatch):
    """Run all over the demo, there at each level and here, and compare what came of it."""
    memory = FixedMemory(1 << 30)
    with memory.taken(monkeypatch):
        work = lay_out(make_parts, demo)
    code, there = code_in(memory, work), {}
    assert all(code[entry] for entry in work.places if entry not in PLAIN)
    for level in LEVELS:
        image = memory.copy(tmp_path / level)
        returned = run_there(caller, library, level, work, memory, image)
        there[level] = returned, np.fromfile(image, np.uint8)
        image.unlink()
    returned = [entry(*values) for entry, values in work.calls]
    assert returned[0] == demo.shape[1] and sum(returned[1:-2]) > 0.9 * demo.shape[1]
    for array in work.results.values():
        assert np.count_nonzero(array) > 0.9 * array.size * TO_RATE / RATE, "something is heard"
    here = same_everywhere(memory.content(), code, memory)
    for level, (also_returned, image) in there.items():
        compare_results(level, image, memory, work.results)
        if FUSES:
            assert also_returned == returned, level
            assert np.array_equal(same_everywhere(image, code, memory), here), f"{level}: states"


def compare_results(level, image, memory, results):
    for name, array in results.items():
        start = array.ctypes.data - memory.address
        found = image[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
        worst = np.abs(found.astype(np.float64) - array).max()
        print(f"{level}, {name}, {array.size} samples: differs by {worst:g} at most")
        assert worst <= (0.0 if FUSES else BOUNDS[name]), f"{level}: {name}"


def demo_rows(frames=-1):
    data, _ = soundfile.read(composed_file(), frames, dtype="float32", always_2d=True)
    return data.T


def one_effect():
    return (Gain(gain_db=-7.5),)


def master():
    equalizer = Equalizer(8)
    for band, gain_db in enumerate([3.0, -2.0, 1.5, 0.0, -4.0, 2.5, -1.0, 4.0]):
        equalizer.set_band(band, gain_db=gain_db)
    return equalizer, Compressor(), Reverb(), Limiter()


@pytest.mark.thorough
def test_a_second_of_the_demo_there(few, caller, tmp_path, monkeypatch):
    compare(one_effect, demo_rows(SAMPLE_RATE), few, caller, tmp_path, monkeypatch)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_the_whole_demo_there(whole, caller, tmp_path, monkeypatch):
    compare(master, demo_rows(), whole, caller, tmp_path, monkeypatch)


@pytest.mark.thorough
def test_the_comparison_sees_a_bit(monkeypatch):
    memory = FixedMemory(1 << 20)
    with memory.taken(monkeypatch):
        before, array, room = np.ones(100), np.ones(100, np.float32), Arena(5000)
    outside = np.ones(100)
    for start in (before.ctypes.data, array.ctypes.data, room.region[0]):
        assert memory.address <= start < memory.end
    assert not memory.address <= outside.ctypes.data < memory.end
    image, at = memory.content(), array.ctypes.data - memory.address
    compare_results("same", image, memory, {"chain": array})
    image[at + 4 * 99 + 2] ^= 1
    with pytest.raises(AssertionError, match="other: chain"):
        compare_results("other", image, memory, {"chain": array})


# --- what is in the file ------------------------------------------------------------------------


def symbols_of(library, which):
    command = [need("aarch64-linux-gnu-nm"), "-D", which, library]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].partition("@")[0] for line in lines.splitlines()}


def lacking(library):
    """Return what a library calls and C's own libraries have not."""
    libc = Path("/usr/aarch64-linux-gnu/lib/libc.so.6")
    return symbols_of(library, "--undefined-only") - symbols_of(libc, "--defined-only")


def check_file(library, places):
    """Check that nothing is missing in it, and that all its entries are in the index and there."""
    assert lacking(library) == set()
    entries = entries_of(library)
    assert set(entries) == set(places)
    defined = symbols_of(library, "--defined-only")
    for place, levels in entries.items():
        assert sorted(levels) == sorted(LEVELS), place
        symbols = {facts["symbol"] for facts in levels.values()}
        assert len(symbols) == len(LEVELS) and symbols <= defined, place


@pytest.mark.thorough
def test_nothing_is_missing(few):
    gain = Gain().unproven(RATE, 2, MAX_BLOCK).entry.place
    check_file(few, [gain, *PLAIN.values()])


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_nothing_is_missing_in_the_whole(whole):
    check_file(whole, [unit.place for unit in units()])


@pytest.mark.thorough
def test_what_is_missing_is_found(tmp_path):
    source, library = tmp_path / "x.c", tmp_path / "x.so"
    source.write_text("double of_nobody(double); double f(double x) { return of_nobody(x); }")
    flags = ["-shared", "-fPIC", "-nostdlib"]
    subprocess.run([need("aarch64-linux-gnu-gcc"), *flags, source, "-o", library], check=True)
    assert lacking(library) == {"of_nobody"}
