"""The shipped library: what is in it, when it is taken, and that it gives the same bits."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import zerocross
from zerocross.build.__main__ import PLATFORMS, main, this_platform
from zerocross.build.entries import units
from zerocross.build.linking import BuildError, link
from zerocross.build.objects import Built, build_objects, levels_of
from zerocross.compiler import entry, external, shipped, target
from zerocross.effects import Gain, Reverb
from zerocross.eq import Equalizer
from zerocross.sync.latest import latest_read
from zerocross.sync.ring import ring_push

BEST = target.available()[-1]
#: Enough to render an effect, and one that calls what another library has.
SOME = ["Gain.process of 2", "graph.program.", "memory.record", "latest_read"]


@pytest.fixture(scope="session")
def small(tmp_path_factory, request):
    """A library of some entries, at the machine's best levels."""
    output = tmp_path_factory.mktemp("library") / "small.so"
    is_thorough = "thorough" in request.config.option.markexpr.replace("not thorough", "")
    levels = ["--levels", *target.available()[-2 if is_thorough else -1 :]]
    assert main(["--only", *SOME, *levels, "--output", str(output), "--jobs", "1"]) == 0
    return output


@pytest.fixture
def library(small):
    return shipped.Library(small)


def run(library, code, **environment):
    """Run code in a process of its own, with a library; returns what it prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=os.environ | {"ZEROCROSS_LIBRARY": str(library)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


RENDER = """
    import json, sys
    import numpy as np
    from zerocross import Chain
    from zerocross.effects import Gain
    noise = np.random.default_rng(1).standard_normal((5000, 2)).astype(np.float32)
    made = Chain(Gain(gain_db=-7.5)).render(noise, 48_000)
    heavy = [name for name in ("numba", "llvmlite") if name in sys.modules]
    maps = open("/proc/self/maps").read() if sys.platform == "linux" else ""
    print(json.dumps([made.tobytes().hex(), heavy, "llvm" in maps.lower()]))
"""


def test_an_effect_is_rendered_without_a_compiler_and_with_the_same_bits(small, tmp_path):
    bits, heavy, is_mapped = run(small, RENDER, ZEROCROSS_CACHE_DIR=str(tmp_path))
    assert heavy == [] and not is_mapped
    assert not (tmp_path / "code").exists(), "nothing was compiled"
    compiled, heavy, _ = run("off", RENDER)
    assert "llvmlite" in heavy, "the test can tell"
    assert bits == compiled


@pytest.mark.thorough
def test_another_level_of_it_gives_the_same_bits(small):
    level = target.available()[-2]
    bits, heavy, _ = run(small, RENDER, ZEROCROSS_SIMD=level)
    assert heavy == []
    assert bits == run("off", RENDER, ZEROCROSS_SIMD=level)[0]


def test_what_is_not_in_it_is_compiled_as_ever(small):
    code = """
        import json, sys
        import numpy as np
        import zerocross

        @zerocross.processor
        class Mine:
            def process(self, block):
                for c in range(block.channels):
                    for i in range(block.frames):
                        block.output[c, i] = 3.0 * block.input[c, i]

        made = zerocross.Chain(Mine()).render(np.ones(4, np.float32), 48_000)
        print(json.dumps([made.tolist(), "llvmlite" in sys.modules]))
    """
    assert run(small, code) == [[3.0] * 4, True]


def test_its_features_are_those_that_llvm_finds(library):
    has = target.llvm().get_host_cpu_features()
    named = {name for *_, needed in target.LEVELS.values() for name in needed}
    assert library.features() & named == {name for name in named if has.get(name)}


def test_what_it_says_of_an_entry(library):
    found = library.find("zerocross.sync.latest.latest_read", BEST)
    assert found.facts["calls"] == []
    assert found.facts["instructions"] > 0
    gain = next(place for place in library.places if "Gain.process of 2" in place)
    assert library.find(gain, BEST).facts["proven"]
    assert library.find(gain, "no level") is None
    assert library.find("zerocross.sync.latest.other", BEST) is None
    assert library.find(None, BEST) is None


def test_a_library_of_other_sources_is_not_taken(small, tmp_path, monkeypatch):
    shipped.library.cache_clear()
    monkeypatch.delenv("ZEROCROSS_LIBRARY")
    try:
        monkeypatch.setattr(shipped, "_PACKAGE", tmp_path)
        (tmp_path / "native").mkdir()
        (tmp_path / "native" / shipped.file_name()).write_bytes(small.read_bytes())
        assert shipped.library() is None
        shipped.library.cache_clear()
        monkeypatch.setattr(shipped, "source_digest", lambda: shipped.Library(small).sources)
        assert shipped.library() is not None, "the test can tell"
    finally:
        shipped.library.cache_clear()


def test_an_edit_changes_the_digest(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path)
    for name in ("dsp", "lab", "native"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text("A = 1\n")
    first = shipped.source_digest()
    (tmp_path / "lab" / "a.py").write_text("A = 2\n")
    assert shipped.source_digest() == first, "the lab is in no machine code that is shipped"
    (tmp_path / "dsp" / "a.py").write_text("A = 2\n")
    second = shipped.source_digest()
    (tmp_path / "dsp" / "a.py").rename(tmp_path / "dsp" / "b.py")
    assert len({first, second, shipped.source_digest()}) == 3


@pytest.mark.parametrize("content", [None, b"", b"not a library", b"\x7fELF" + bytes(100)])
def test_a_library_that_is_none_is_told_in_a_line(content, tmp_path):
    path = tmp_path / "x.so"
    if content is not None:
        path.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-m", "zerocross", "doctor"],
        env=os.environ | {"ZEROCROSS_LIBRARY": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: ZEROCROSS_LIBRARY={path}: ")
    assert "unset it" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("kept", [0.01, 0.5, 0.999])
def test_a_library_that_is_cut_short_crashes_nothing(kept, small, tmp_path):
    whole = small.read_bytes()
    path = tmp_path / "cut.so"
    path.write_bytes(whole[: round(kept * len(whole))])
    with pytest.raises(ValueError, match="cut short"):
        shipped.Library(path)


def test_a_shared_library_of_somebody_else_is_none_of_ours():
    with pytest.raises(ValueError, match=r"no library of zerocross\.build"):
        shipped.Library(Path(np._core._multiarray_umath.__file__))


def test_only_what_the_package_has_in_its_place_is_looked_for(monkeypatch):
    assert shipped.place_of(latest_read.function) == "zerocross.sync.latest.latest_read"
    assert shipped.place_of(Gain._kernel.function) == "zerocross.effects.gain.Gain.process"
    assert shipped.place_of(test_an_edit_changes_the_digest) is None
    monkeypatch.setattr("zerocross.sync.latest.latest_read", ring_push)
    assert shipped.place_of(latest_read.function) is None


def test_a_kind_of_a_built_in_effect_is_not_it():
    @zerocross.processor
    class Louder(Gain):
        def process(self, block):
            for c in range(block.channels):
                for i in range(block.frames):
                    block.output[c, i] = 2.0 * block.input[c, i]

    assert Louder().unproven(48_000.0, 2, 512).entry.place is None
    assert Gain().unproven(48_000.0, 2, 512).entry.place is not None


def test_indices_that_are_checked_are_not_in_it(small):
    code = """
        import json, sys
        import numpy as np
        from zerocross import Chain
        from zerocross.effects import Gain
        Chain(Gain(), debug=True).render(np.ones(4, np.float32), 48_000)
        print(json.dumps("llvmlite" in sys.modules))
    """
    assert run(small, code) is True


def test_usual_shapes_are_among_the_units():
    places = {unit.place for unit in units()}
    for part in (Gain(), Equalizer(31), Reverb()):
        for rate in (44_100.0, 48_000.0, 88_200.0, 96_000.0):
            for channels in (1, 2):
                assert part.unproven(rate, channels, 4096).entry.place in places
    assert any("_Delay.process of 2" in place for place in places), "latency compensation"
    assert "zerocross.engine.callback.file_callback" in places


twice = external("twice_of_another_library", "l", lambda x: 2 * x)


@entry("int64")
def asks(x):
    return twice(x) + 1


def test_functions_of_other_libraries_are_called_once_it_is_told_where_they_are(tmp_path):
    chosen = dataclasses.replace(target.level(BEST), shared=True)
    facts = {"calls": ["twice_of_another_library"], "symbol": asks.name}
    built = Built("asks", BEST, asks.emit(chosen).object_code, facts)
    _, _, triple = PLATFORMS[this_platform()]
    link([built], shipped.source_digest(), triple, sys.platform, tmp_path / "asks.so")
    made = shipped.Library(tmp_path / "asks.so")
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    run_it = call(made.find("asks", BEST).address)
    assert run_it(20) == 1, "what it was not told of gives 0"
    there = call(lambda x: 2 * x)
    made.provide("twice_of_another_library", ctypes.cast(there, ctypes.c_void_p).value)
    made.provide("something_else", 4711)
    assert run_it(20) == 41


def test_platforms_and_their_levels(capsys):
    assert levels_of("x86_64-unknown-linux-gnu") == ("scalar", "sse4.1", "avx2", "avx512")
    assert levels_of("aarch64-unknown-linux-gnu") == ("scalar", "neon")
    assert {shipped.file_name(s, m) for s, m, _ in PLATFORMS.values()} == {
        "linux-x86_64.so",
        "linux-aarch64.so",
        "darwin-aarch64.dylib",
        "darwin-x86_64.dylib",
        "win32-x86_64.dll",
    }
    with pytest.raises(SystemExit):
        main(["--target", "linux-aarch64", "--levels", "avx2"])
    assert "linux-aarch64 has no other levels than scalar, neon" in capsys.readouterr().err


def test_no_linker_is_told_with_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setattr("zerocross.build.linking.shutil.which", lambda _: None)
    monkeypatch.setattr("zerocross.build.linking.importlib.util.find_spec", lambda _: None)
    triple = PLATFORMS["linux-x86_64"][2]
    with pytest.raises(BuildError, match="no linker for x86_64 linux; pip install ziglang"):
        link([], shipped.source_digest(), triple, "linux", tmp_path / "x.so")
    with pytest.raises(BuildError, match="have changed while they were compiled"):
        link([], "others", triple, "linux", tmp_path / "x.so")


def test_another_machines_objects_are_made_here():
    triple = PLATFORMS["linux-aarch64"][2]
    told = []
    built = build_objects(triple, ("neon",), 1, lambda *what: told.append(what), ["latest_read"])
    assert [one.level for one in built] == ["neon"]
    assert built[0].object_code[:4] == b"\x7fELF"
    assert int.from_bytes(built[0].object_code[18:20], "little") == 183, "EM_AARCH64"
    assert told == [(1, 1, "zerocross.sync.latest.latest_read")]
