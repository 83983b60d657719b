"""From object files to one shared library, with an index and a table of what it calls elsewhere.

The index is JSON, in the library itself: which entries there are, what was found of each, and the
digest of the sources. Functions of other libraries, such as libsndfile's, are called through a
table that `compiler.shipped` fills; one that it was not told of does nothing and returns 0.
"""

from __future__ import annotations

import ctypes
import dataclasses
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from zerocross.build.objects import Built
from zerocross.compiler import shipped, target
from zerocross.compiler.primitives.external import FUNCTIONS
from zerocross.compiler.proof.allow_list import MEMORY
from zerocross.errors import ZerocrossError

__all__ = ["BuildError", "link"]

_TYPES = {"i": "i32", "l": "i64", "d": "double"}
#: What systems have that this one may not be, of all that entries call.
_OF_SYSTEM = {
    "darwin": frozenset(["clock_gettime", "getrusage", "pread", "usleep"]),
    "win32": frozenset(["QueryPerformanceCounter", "QueryPerformanceFrequency", "Sleep"]),
}
#: cpuid's registers, and which state the system saves.
_X86 = """
define void @zerocross_cpuid(i32 %leaf, ptr %to) {
  %r = call { i32, i32, i32, i32 } asm sideeffect "cpuid",
      "={ax},={bx},={cx},={dx},{ax},{cx},~{dirflag},~{fpsr},~{flags}"(i32 %leaf, i32 0)
  store { i32, i32, i32, i32 } %r, ptr %to, align 4
  ret void
}
define i64 @zerocross_xgetbv() {
  %r = call { i32, i32 } asm sideeffect "xgetbv", "={ax},={dx},{cx},~{dirflag},~{fpsr},~{flags}"(i32 0)
  %low = extractvalue { i32, i32 } %r, 0
  %out = zext i32 %low to i64
  ret i64 %out
}
"""
_IMPORT = """
@zerocross_import_{name} = global ptr @zerocross_missing
define hidden i64 @{name}({taken}) {{
  %to = load ptr, ptr @zerocross_import_{name}
  %out = tail call i64 %to({taken})
  ret i64 %out
}}
"""
_MISSING = """
define internal i64 @zerocross_missing() { ret i64 0 }
"""


class BuildError(ZerocrossError):
    """The library cannot be made; says why, and what helps."""


def link(built: list[Built], sources: str, triple: str, system: str, output: Path) -> None:
    """Link object code to a library.

    Parameters
    ----------
    built : list of Built
        All entries at all levels.
    sources : str
        `shipped.source_digest` from before they were compiled.
    triple : str
        LLVM's, of the platform.
    system : str
        As ``sys.platform`` has it.
    output : path
        The library's file.

    Raises
    ------
    BuildError
        If there is no linker, if it fails, or if sources have changed meanwhile.

    """
    if sources != shipped.source_digest():
        raise BuildError("sources have changed while they were compiled; run it again")
    chosen = dataclasses.replace(target.level("scalar", triple), shared=True)
    called = {name for one in built for name in one.facts["calls"]} - MEMORY
    imports = sorted(name for name in called if not _has(system, name))
    index: dict[str, object] = {
        "architecture": chosen.architecture,
        "imports": imports,
        "sources": sources,
    }
    entries: dict[str, dict[str, object]] = {}
    for one in built:
        entries.setdefault(one.place, {})[one.level] = one.facts
    ir = _own_module(json.dumps(index | {"entries": entries}).encode(), imports, chosen)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        objects = [Path(folder) / f"{k}.o" for k in range(len(built) + 1)]
        for path, one in zip(objects, built, strict=False):
            path.write_bytes(one.object_code)
        objects[-1].write_bytes(target.object_code(ir, chosen))
        made = Path(folder) / output.name
        command = _linker(chosen.architecture, system)
        _run([*command, "-o", str(made), *map(str, objects)])
        shutil.move(made, output)


def _has(system: str, name: str) -> bool:
    """Return whether a system's own library has a function."""
    if system in _OF_SYSTEM:
        return name in _OF_SYSTEM[system]
    return hasattr(ctypes.CDLL(None), name)


def _own_module(index: bytes, imports: list[str], chosen: target.Target) -> str:
    escaped = "".join(f"\\{byte:02x}" for byte in index)
    ir = _X86 if chosen.architecture == "x86_64" else ""
    ir += _MISSING + f"@zerocross_index_bytes = constant i64 {len(index)}\n"
    ir += f'@zerocross_index = constant [{len(index)} x i8] c"{escaped}"\n'
    for name in imports:
        kinds = [_TYPES[letter] for letter in FUNCTIONS[name].arguments]
        taken = ", ".join(f"{kind} %a{i}" for i, kind in enumerate(kinds))
        ir += _IMPORT.format(name=name, taken=taken)
    return ir


def _linker(architecture: str, system: str) -> list[str]:
    """Return the command that links for a platform, up to the output."""
    has_zig = importlib.util.find_spec("ziglang") is not None
    zig = [sys.executable, "-m", "ziglang"]
    if system == "linux":
        lld = [*zig, "ld.lld"] if has_zig else [shutil.which("ld.lld") or ""]
        own = shutil.which("ld" if architecture == _own() else f"{architecture}-linux-gnu-ld")
        command = lld if lld[0] else [own or ""]
        if command[0]:
            emulation = {"x86_64": "elf_x86_64", "aarch64": "aarch64linux"}[architecture]
            flags = ["-z", "now", "-z", "relro", "-z", "noexecstack", "--hash-style=gnu", "-s"]
            return [*command, "-m", emulation, "-shared", *flags]
    elif has_zig:
        name = {"darwin": "macos", "win32": "windows-gnu"}[system]
        more = ["-lc", "-lkernel32"] if system == "win32" else []
        return [*zig, "build-lib", "-dynamic", "-target", f"{architecture}-{name}", *more]
    raise BuildError(f"no linker for {architecture} {system}; pip install ziglang")


def _own() -> str:
    return target.level("scalar").architecture


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it says nothing"]
        raise BuildError(f"{command[0]} failed: {said[0]}")
