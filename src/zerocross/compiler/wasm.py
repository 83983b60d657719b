"""WebAssembly modules: entries compiled for one of `target.WEB` as one, linked, with nothing imported but memory.

JavaScript calls an entry by its exported name with 32-bit numbers: an i64 would be a BigInt there, which
is allocated at each call. Entries that are called by address are put into the module's table by who
loads it, as functions of the same name with ``.code`` behind it.

The linker is LLVM's ``wasm-ld``: the system's, or that in PyPI's ziglang (extra ``[web]``).
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from zerocross.compiler import cache, ir_passes, target
from zerocross.compiler.entry import Entry
from zerocross.errors import TargetError

__all__ = ["CODE", "make_module"]

#: Behind the name of an entry as a table has it.
CODE = ".code"
_STACK_BYTES = 1 << 16
_CALL = """
define i32 @"{name}"({taken}) {{
{widened}  %out = call i64 @"{symbol}"({given})
  %short = trunc i64 %out to i32
  ret i32 %short
}}
declare i64 @"{symbol}"({kinds})
"""
#: What LLVM calls of C's: loops of some kinds are made calls of these.
_MEMORY = """
define hidden ptr @memset(ptr %to, i32 %value, i32 %count) "no-builtin-memset" {
  %byte = trunc i32 %value to i8
  br label %check
check:
  %i = phi i32 [ 0, %0 ], [ %next, %body ]
  %more = icmp ult i32 %i, %count
  br i1 %more, label %body, label %end
body:
  %place = getelementptr i8, ptr %to, i32 %i
  store volatile i8 %byte, ptr %place
  %next = add i32 %i, 1
  br label %check
end:
  ret ptr %to
}
define hidden ptr @memcpy(ptr %to, ptr %from, i32 %count) "no-builtin-memcpy" {
  br label %check
check:
  %i = phi i32 [ 0, %0 ], [ %next, %body ]
  %more = icmp ult i32 %i, %count
  br i1 %more, label %body, label %end
body:
  %source = getelementptr i8, ptr %from, i32 %i
  %byte = load i8, ptr %source
  %place = getelementptr i8, ptr %to, i32 %i
  store volatile i8 %byte, ptr %place
  %next = add i32 %i, 1
  br label %check
end:
  ret ptr %to
}
"""


def make_module(
    entries: Mapping[str, Entry], chosen: target.Target, small: Collection[str] = ()
) -> bytes:
    """Compile entries and link them.

    Parameters
    ----------
    entries : mapping of str to Entry
        By the names that are exported. They were proven before.
    chosen : Target
        One of `target.WEB`.
    small : collection of str
        Entries that are made small rather than fast.

    Returns
    -------
    bytes
        A module that imports ``env.memory`` and exports the entries, ``__heap_base`` (where its own
        memory ends) and ``__indirect_function_table``.

    Raises
    ------
    TargetError
        If there is no linker, or it fails.

    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [folder / "code.o", folder / "memory.o"]
        files[0].write_bytes(_together(entries, chosen, small))
        files[1].write_bytes(target.object_code(_MEMORY, chosen))
        for k, (exported, one) in enumerate(entries.items()):
            files.append(folder / f"{k}.o")
            called = _calling(exported, exported + CODE, one)
            files[-1].write_bytes(target.object_code(called, chosen))
        output = folder / "module.wasm"
        exports = [f"--export={each}{end}" for each in entries for end in ("", CODE)]
        command = [
            *_linker(),
            *("--no-entry", "--import-memory", "--export-table", "--growable-table"),
            *("--stack-first", "-z", f"stack-size={_STACK_BYTES}", "--export=__heap_base"),
            *("--gc-sections", "--strip-all", "-O2", *exports),
            *map(str, files),
            *("-o", str(output)),
        ]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        if told.returncode:
            words = " ".join(told.stderr.split())
            raise TargetError(f"the module for {chosen.name} cannot be linked: {words}")
        return output.read_bytes()


def _together(entries: Mapping[str, Entry], chosen: target.Target, small: Collection[str]) -> bytes:
    """Return the object code of entries as one module: what they share is there once. Kept in the cache."""
    small = [name + CODE for name in small]
    named = [one.known_as(exported + CODE) for exported, one in entries.items()]
    key = _key(named, chosen, small)
    stored = cache.load(key)
    if stored is not None:
        code: bytes = stored.code
        return code
    # It brings Numba, which who has the page already does without.
    from zerocross.compiler import linker

    modules = [
        ir_passes.with_strict_aliasing(one.ir(chosen)) if one.strict_aliasing else one.ir(chosen)
        for one in named
    ]
    kept = [one.name for one in named]
    whole = linker.link_functions(ir_passes.joined(modules, kept), chosen)
    whole = ir_passes.made_small(ir_passes.closed_world(whole, *kept), small)
    code = target.emit(whole, chosen).object_code
    if key == _key(named, chosen, small):  # nothing that they froze has changed meanwhile
        cache.store(key, {}, code)
    return code


def _key(entries: Iterable[Entry], chosen: target.Target, small: Iterable[str]) -> str | None:
    """Return the key of entries as one module; None if it cannot be kept."""
    keys = [one.key(chosen) for one in entries]
    text = repr((keys, sorted(small)))
    return None if None in keys else hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def _linker() -> tuple[str, ...]:
    """Return the command of a linker."""
    found = shutil.which("wasm-ld") or next(
        (path for n in range(30, 13, -1) if (path := shutil.which(f"wasm-ld-{n}"))), None
    )
    if importlib.util.find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang", "wasm-ld")
    if found:
        return (found,)
    raise TargetError(
        "WebAssembly needs a linker: pip install 'zerocross[web]', or install lld (wasm-ld)"
    )


def _calling(name: str, symbol: str, one: Entry) -> str:
    """Return the function that takes 32-bit numbers."""
    taken: list[str] = []
    given: list[str] = []
    kinds: list[str] = []
    widened = ""
    for i, kind in enumerate(one.argument_types):
        is_float = kind == "float64"
        taken.append(f"{'double' if is_float else 'i32'} %a{i}")
        widened += "" if is_float else f"  %w{i} = zext i32 %a{i} to i64\n"
        given.append(f"double %a{i}" if is_float else f"i64 %w{i}")
        kinds.append("double" if is_float else "i64")
    return _CALL.format(
        name=name,
        symbol=symbol,
        taken=", ".join(taken),
        widened=widened,
        given=", ".join(given),
        kinds=", ".join(kinds),
    )
