"""The compiler room: kernels, atomics, entry points, faults, the real-time check, the cache."""

from __future__ import annotations

import ctypes
import dataclasses
import importlib
import pkgutil
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import numpy as np
import pytest
from numba.core import ir, postproc
from numba.core.compiler import run_frontend

import zerocross
from conftest import EACH_LEVEL
from zerocross.compiler import (
    Entry,
    address_of,
    attempt,
    cache,
    dispatcher,
    entry,
    exchange,
    fence_acquire,
    fence_release,
    fetch_add,
    float32_array,
    flush_denormals,
    frontend,
    ir_passes,
    kernel,
    load_acquire,
    monotonic_ns,
    primitives,
    record_at,
    restore_float_mode,
    store_release,
    target,
)
from zerocross.compiler.kernel import Kernel
from zerocross.compiler.mode import NUMBA, check_numba
from zerocross.compiler.primitives.assembly import scale_blocks_avx
from zerocross.compiler.primitives.primitive import Primitive, primitive
from zerocross.errors import CompileError, KernelFault, RealtimeError
from zerocross.memory import Record, layout

CELLS = layout(shared=["value", "other", ("real", "f8")])


@kernel
def halve(x):
    for i in range(x.size):
        x[i] *= np.float32(0.5)


@kernel
def halve_positive(x, limit):
    if limit < 0:
        raise ValueError("negative")
    halve(x)


@entry("int64", "int64")
def halve_entry(address, count):
    halve(float32_array(address, count))


@entry("int64", "int64", "int64")
def guarded_entry(address, count, limit):
    return attempt(halve_positive, float32_array(address, count), limit)


@entry("int64")
def refuse_large(value):
    if value > 10:
        raise ValueError("too large")
    return value


@entry("int64")
def atomics_entry(address):
    record = record_at(address, CELLS)
    store_release(record, "value", load_acquire(record, "value") + 1)
    fence_release()
    fence_acquire()
    return fetch_add(record, "other", 5) + exchange(record, "value", 40)


def test_kernel_runs_from_python_and_inside_an_entry():
    x = np.ones(37, np.float32)
    halve(x)
    assert np.all(x == 0.5)
    halve_entry(x.ctypes.data, x.size)
    assert np.all(x == 0.25)


def test_kernel_without_the_compiler_gives_the_same(monkeypatch):
    rng = np.random.default_rng(3)
    compiled = rng.standard_normal(100).astype(np.float32)
    plain = compiled.copy()
    halve(compiled)
    monkeypatch.setenv("ZEROCROSS_COMPILER", "off")
    kernel(halve.function)(plain)
    assert np.array_equal(compiled, plain)


def test_host_kernels_are_cached_in_our_own_directory():
    halve(np.ones(4, np.float32))
    stored = len(list((cache.directory() / "code").glob("*.zxc")))
    twin = Kernel(halve.function)  # as another process has it
    twin(np.ones(4, np.float32))
    assert sum(twin.dispatcher().stats.cache_hits.values()) == 1
    assert len(list((cache.directory() / "code").glob("*.zxc"))) == stored


def test_a_fault_leaves_an_entry_as_a_number():
    assert refuse_large(10) == 10
    with pytest.raises(KernelFault) as caught:
        refuse_large(11)
    assert caught.value.status >= 1


def test_attempt_contains_a_fault():
    x = np.ones(8, np.float32)
    assert guarded_entry(x.ctypes.data, 8, 1) == 0
    assert np.all(x == 0.5)
    assert guarded_entry(x.ctypes.data, 8, -1) >= 1
    assert np.all(x == 0.5), "the kernel ended at the fault"


def test_atomics_do_what_they_say():
    record = Record(CELLS)
    record["value"], record["other"] = 7, 100
    assert atomics_entry(record.address) == 100 + 8
    assert (record["value"], record["other"]) == (40, 105)


def test_atomics_are_acquire_and_release_in_the_ir():
    ir = atomics_entry.emit(target.host()).ir
    assert "load atomic i64" in ir and "acquire, align 8" in ir
    assert "store atomic i64" in ir and "release, align 8" in ir
    assert "atomicrmw add" in ir and "atomicrmw xchg" in ir and "acq_rel" in ir
    assert "fence release" in ir and "fence acquire" in ir


def test_plain_accesses_are_not_atomic_in_the_ir():
    """The twin: the words looked for are not in every module."""
    ir = halve_entry.emit(target.host()).ir
    assert "atomic" not in ir and "fence" not in ir


def test_atomics_refuse_fields_that_are_not_int64():
    @entry("int64")
    def wrong(address):
        return load_acquire(record_at(address, CELLS), "real")

    with pytest.raises(Exception, match="int64"):
        _ = wrong.address


def test_entries_are_vectorised_and_call_nothing():
    emitted = halve_entry.emit(target.host())
    assert " x float>" in emitted.ir
    assert halve_entry.verdict["calls"] == []
    for word in ("PyErr", "gil", "NRT_", "numba_unpickle", "malloc"):
        assert word not in emitted.ir


def _allocates(count):
    return np.zeros(count).size


def _appends(count):
    items = [count]
    items.append(2)
    return len(items)


def _formats(count):
    return len(str(count))


def _uses_random(count):
    return int(np.random.random() * count)  # noqa: NPY002


def _prints(count):
    print(count)
    return count


def _builds_a_dict(count):
    table = {1: count}
    return table[1]


@pytest.mark.parametrize(
    "function", [_allocates, _appends, _formats, _uses_random, _prints, _builds_a_dict]
)
def test_what_may_wait_is_refused(function):
    with pytest.raises(RealtimeError, match="may allocate, lock or wait"):
        _ = entry("int64")(function).address


def test_a_raise_does_not_take_the_gil():
    """Kernels may raise: it becomes a status, with no call to Python."""
    assert refuse_large.verdict["calls"] == []


@entry("int64")
def _returns_a_pair(value):
    return value, value


def test_an_entry_returns_an_integer_or_nothing():
    with pytest.raises(CompileError, match="return an int64 or nothing"):
        _ = _returns_a_pair.address


def test_a_kernel_is_compiled_for_any_target():
    for level, word in (("scalar", "mulss"), ("avx2", "ymm"), ("neon", "fmul")):
        code = halve.compile(target.level(level), "float32[::1]")
        assert word in code.assembly
        assert code.object_code[:4] == b"\x7fELF"
        assert "call" not in code.assembly


@kernel
def _by(run, x):
    return run(x)


@kernel
def _inner_by(x):
    return _by(_inner, x)


@entry("int64")
def _entry_by(x):
    return _by(_inner, x)


def test_a_kernel_takes_kernels(monkeypatch):
    assert _inner_by(3) == _entry_by(3) == 4
    monkeypatch.setenv("ZEROCROSS_COMPILER", "off")
    assert kernel(_inner_by.function)(3) == 4


def test_code_that_takes_kernels_has_no_addresses_in_its_names():
    ir = _entry_by.ir(target.level("scalar"))
    assert "_inner_29" in ir and "0x" not in "".join(re.findall(r"@[\w.$-]+", ir))


@kernel
def _inner(x):
    return x + 1


@kernel
def _outer(x):
    return _inner(x) * 2


def test_content_key_sees_what_is_called():
    before = cache.content_key(_outer.function)
    original = _inner.function
    try:
        _inner.function = lambda x: x + 3
        assert cache.content_key(_outer.function) != before
    finally:
        _inner.function = original
    assert cache.content_key(_outer.function) == before
    assert cache.content_key(_outer.function, "avx2") != before


def stubs():
    """Return every primitive that a file of ``compiler/primitives`` declares."""
    names = [
        name for _, name, is_package in pkgutil.iter_modules(primitives.__path__) if not is_package
    ]
    modules = [importlib.import_module(f"{primitives.__name__}.{name}") for name in names]
    return {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Primitive)
    }


def without_lowering(found):
    return [name for name, stub in found.items() if not has_lowering(stub)]


def has_lowering(stub):
    try:
        return stub.for_numba() is not None
    except KeyError:
        return False


def test_every_primitive_has_a_lowering():
    importlib.import_module(f"{primitives.__name__}.lowering")
    found = stubs()
    assert len(found) > 50
    assert without_lowering(found) == []


def test_a_primitive_without_a_lowering_is_found():
    assert without_lowering({"forgotten": primitive(lambda: 0)}) == ["forgotten"]


def test_stubs_and_the_proof_import_neither_numba_nor_llvm():
    script = textwrap.dedent(
        """
        import importlib, pkgutil, sys
        import zerocross.compiler.proof.verdict
        from zerocross.compiler import primitives
        for _, name, is_package in pkgutil.iter_modules(primitives.__path__):
            if not is_package:
                importlib.import_module(f"{primitives.__name__}.{name}")
        print(sorted({"numba", "llvmlite"} & set(sys.modules)))
        """
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"


def test_an_entry_at_a_level_is_made_as_the_entry_is():
    made = entry("int64")(lambda value: value)
    made.checked = made.strict_aliasing = True
    beside = made.at("scalar")
    assert (beside.checked, beside.strict_aliasing) == (True, True)
    assert not entry("int64")(lambda value: value).at("scalar").checked


def test_a_warm_start_does_not_import_numba(tmp_path):
    script = textwrap.dedent(
        """
        import sys
        from zerocross.memory.record import shared_load
        import numpy as np
        cell = np.array([41], np.int64)
        assert shared_load(cell.ctypes.data) == 41
        print("numba" in sys.modules)
        """
    )
    import os

    environment = {**os.environ, "ZEROCROSS_CACHE_DIR": str(tmp_path)}
    answers = [
        subprocess.check_output([sys.executable, "-c", script], text=True, env=environment).strip()
        for _ in range(2)
    ]
    assert answers == ["True", "False"]


def test_an_unwritable_cache_costs_time_only(tmp_path):
    import os

    (tmp_path / "code").write_text("in the way")
    script = (
        "from zerocross.memory.record import shared_load; import numpy as np;"
        "c = np.array([5], np.int64); print(shared_load(c.ctypes.data))"
    )
    environment = {**os.environ, "ZEROCROSS_CACHE_DIR": str(tmp_path)}
    out = subprocess.check_output([sys.executable, "-c", script], text=True, env=environment)
    assert out.strip() == "5"


@entry("int64", "int64")
def _scale_denormal(address, flush):
    x = float32_array(address, 1)
    mode = flush_denormals() if flush else 0
    x[0] = x[0] * np.float32(0.5)
    if flush:
        restore_float_mode(mode)


def test_denormals_are_flushed_and_the_mode_is_restored():
    tiny = np.array([1e-39], np.float32)
    assert tiny[0] != 0
    _scale_denormal(tiny.ctypes.data, 0)
    assert tiny[0] != 0
    _scale_denormal(tiny.ctypes.data, 1)
    assert tiny[0] == 0
    after = np.array([1e-39], np.float32) * np.float32(0.5)
    assert after[0] != 0, "the caller's mode is back"


@entry("int64")
def _clock(offset):
    return monotonic_ns() + offset


def test_the_compiled_clock_is_pythons_clock():
    import time

    before = time.monotonic_ns()
    now = _clock(0)
    assert before <= now <= time.monotonic_ns()


@entry("int64")
def _same_address(address):
    return address_of(record_at(address, CELLS))


def test_address_of():
    record = Record(CELLS)
    assert _same_address(record.address) == record.address


def test_an_entry_can_be_called_by_address():
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(refuse_large.address)
    assert function(3) == 3
    assert function(11) < -(1 << 40), "a fault comes out as a number"


def test_machine_code_has_a_body_in_python():
    x = np.arange(80, dtype=np.float32)
    scale_blocks_avx.function(x.ctypes.data, 2, 0.5)
    assert np.array_equal(x[:64], 0.5 * np.arange(64)), "two blocks of 32"
    assert np.array_equal(x[64:], np.arange(64, 80)), "and no more"


#: What the C library's part for arithmetic has.
LIBM = {
    name + kind
    for name in [
        "exp",
        "exp2",
        "exp10",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "pow",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "asin",
        "acos",
        "atan",
        "atan2",
        "asinh",
        "acosh",
        "atanh",
        "cbrt",
        "hypot",
        "fmod",
        "remainder",
        "fma",
        "ldexp",
        "frexp",
        "modf",
        "floor",
        "ceil",
        "trunc",
        "round",
        "rint",
        "nearbyint",
        "roundeven",
        "sqrt",
        "sincos",
        "erf",
        "tgamma",
        "lgamma",
    ]
    for kind in ("", "f")
}


def entries_of_ours():
    """Return the entries that stand in modules."""
    names = [
        found.name
        for found in pkgutil.walk_packages(zerocross.__path__, "zerocross.")
        if not found.name.startswith(("zerocross.lab", "zerocross.cli", "zerocross.__main__"))
    ]
    modules = [importlib.import_module(name) for name in names]
    found = {v.name: v for module in modules for v in vars(module).values() if isinstance(v, Entry)}
    return list(found.values())


def called_of_libm(code):
    """Return the functions of libm that an object file names."""
    sections = target.llvm().ObjectFileRef.from_data(code).sections()
    text = b"\0".join(one.data() for one in sections if one.name() == b".strtab")
    return sorted(LIBM & set(text.decode().split("\0")))


@pytest.mark.thorough
@pytest.mark.parametrize("level", EACH_LEVEL)
def test_no_entry_of_ours_needs_libm(level):
    found = entries_of_ours()
    assert len(found) > 30
    for one in found:
        best = level == target.available()[-1]
        made, chosen = (one, target.host()) if best else (one.at(level), target.level(level))
        _ = made.address  # compiles it, if nobody has
        stored = cache.load(made.key(chosen))
        assert stored is not None, one.name
        assert called_of_libm(stored.code) == [], one.name


_NEEDS_FLOOR = """
declare float @llvm.floor.f32(float)
define float @f(float %x) {
  %y = call float @llvm.floor.f32(float %x)
  ret float %y
}
"""


def test_a_function_of_libm_that_llvm_calls_is_found():
    """x86-64 has an instruction for it from SSE4.1 on."""
    x86 = target.level("sse4.1")
    for features, found in (("", ["floorf"]), (x86.features, [])):
        chosen = dataclasses.replace(x86, features=features)
        assert called_of_libm(target.emit(_NEEDS_FLOOR, chosen).object_code) == found


# --- long functions -------------------------------------------------------------------------------


def test_a_long_row_of_assignments_is_computed_as_by_python():
    body = ["a = x"] + [
        f"a = a * {1 + k % 7 / 10} + b" if k % 3 else f"b = b * 0.5 - a * {0.1 + k % 5 / 10}"
        for k in range(60)
    ]
    lines = [
        "def long(x, b):",
        *body,
        "if a > 0.0:",
        " a = -a",
        " a = a * 0.5",
        "b = a",
        "return a - b / 3",
    ]
    source = "\n".join([lines[0], *(f" {line}" for line in lines[1:])])
    made = {}
    exec(source, made)
    compiled = kernel(made["long"])
    for x, b in ((0.3, 0.7), (-2.0, 0.1), (1e-3, -5.0)):
        assert compiled(x, b) == made["long"](x, b)


def test_variables_in_a_row_are_told_apart_before_numba_does():
    def row(x):
        a = x
        a = a * 2.0
        a = a + x
        return a  # noqa: RET504

    function = run_frontend(row)
    (block,) = function.blocks.values()
    dispatcher._rename_within(block)
    names = [one.target.name for one in block.find_insts(ir.Assign)]
    assert len(names) == len(set(names))


def test_lifetimes_are_found_at_first_and_for_what_reads_them(monkeypatch):
    found = []
    real = postproc.VariableLifetime
    monkeypatch.setattr(postproc, "VariableLifetime", lambda b: found.append(b) or real(b))
    frontend.portable_ir(kernel(lambda x: x + 1.0), ["float64"])
    assert 0 < len(found) <= 3, "Numba has nine of them"


def test_a_function_within_a_kernel_is_a_part_of_it():
    def outer(x):
        inner = lambda y: y * 2.0  # noqa: E731
        return inner(x) + 1.0

    assert kernel(outer)(1.5) == 4.0


def test_faults_are_taken_out_of_the_functions_that_are_named_alone():
    body = "  br i1 %c, label %a, label %b\na:\n  ret i32 1\nb:\n  ret i32 0\n}\n"
    ir = f"define i32 @first(i1 %c) {{\n{body}define i32 @second(i1 %c) {{\n{body}"
    changed = ir_passes.never_failing(ir, ["first", "nowhere"])
    first, second = changed.split("define i32 @second")
    assert "ret i32 1" not in first and first.count("unreachable") == 1 and "ret i32 0" in first
    assert second == ir.split("define i32 @second")[1]


@pytest.mark.parametrize("version", ["0.55.2", "0.62.1", "0.69.0", "1.0.0"])
def test_a_numba_that_does_not_fit_is_told_with_the_versions_that_do(version, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda _: version)
    check_numba.cache_clear()
    words = rf"numba {version} does not fit: .* 0\.63 .* 0\.69; pip install 'numba>=0.63,<0.69'"
    with pytest.raises(CompileError, match=words):
        check_numba()
    monkeypatch.setattr("importlib.metadata.version", lambda _: "0.63.0rc1")
    check_numba()
    check_numba.cache_clear()


def test_the_versions_that_fit_are_those_that_are_asked_for():
    asked = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"][
        "dependencies"
    ]
    low, high = (".".join(map(str, each)) for each in NUMBA)
    assert f"numba>={low},<{high}" in asked
