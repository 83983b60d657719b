"""The shipped library: machine code of Zerocross's own entries, made when the wheel was built.

`zerocross.build` compiles every built-in entry for every level of a platform and links them into
one shared library, ``zerocross/native/linux-x86_64.so`` and its kin. It is loaded by ctypes, so
that neither Numba nor LLVM has to be imported before a user's own code needs compiling.

The library says from which sources it was made. Where those of the package are others, as they are
after an edit, it is not used: stale code never runs. ``ZEROCROSS_LIBRARY=off`` leaves it alone,
and ``ZEROCROSS_LIBRARY=FILE`` names another one.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import platform
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from zerocross.errors import UsageError

__all__ = [
    "UNSHIPPED",
    "Library",
    "Shipped",
    "architecture",
    "file_name",
    "library",
    "place_of",
    "source_digest",
]

_PACKAGE = Path(__file__).parents[1]
#: Folders of which nothing is shipped.
UNSHIPPED = frozenset(["__pycache__", "build", "demo", "lab", "native", "web"])

#: Where x86-64 tells of its instructions: (leaf of cpuid, register, bit).
_X86_BITS = {
    "sse4.1": (1, 2, 19),
    "fma": (1, 2, 12),
    "f16c": (1, 2, 29),
    "avx2": (7, 1, 5),
    "bmi2": (7, 1, 8),
    "avx512f": (7, 1, 16),
    "avx512dq": (7, 1, 17),
    "avx512cd": (7, 1, 28),
    "avx512bw": (7, 1, 30),
    "avx512vl": (7, 1, 31),
}
_OSXSAVE = 27
#: State that the system has to save: of vectors of 256 bits, and of those of 512.
_YMM, _ZMM = 0x06, 0xE6


class Shipped(NamedTuple):
    """An entry of the library.

    Attributes
    ----------
    address : int
        Of its machine code.
    facts : dict
        What the real-time check, or the proof, found when it was built.

    """

    address: int
    facts: dict[str, Any]


class Library:
    """A shared library of entries.

    Parameters
    ----------
    path : path
        The file.

    Raises
    ------
    OSError, ValueError
        If it cannot be loaded, or is none of ours.

    Attributes
    ----------
    architecture : str
        ``x86_64`` or ``aarch64``.
    sources : str
        The digest of what it was made of.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not _is_whole(path):
            raise ValueError("it is cut short")
        self._handle = ctypes.CDLL(str(path))
        try:
            size = ctypes.c_int64.in_dll(self._handle, "zerocross_index_bytes").value
            text = (ctypes.c_char * size).in_dll(self._handle, "zerocross_index").raw
        except ValueError:
            raise ValueError(f"{path} is no library of zerocross.build") from None
        index = json.loads(text)
        self.architecture: str = index["architecture"]
        self.sources: str = index["sources"]
        self._imports: frozenset[str] = frozenset(index["imports"])
        self._entries: dict[str, dict[str, Any]] = index["entries"]

    @property
    def places(self) -> tuple[str, ...]:
        """What it has, as `find` wants it."""
        return tuple(self._entries)

    def find(self, place: str | None, level: str) -> Shipped | None:
        """Return an entry for a level, or None if it is not in the library."""
        facts = self._entries.get(place or "", {}).get(level)
        if facts is None:
            return None
        symbol = ctypes.c_char.in_dll(self._handle, facts["symbol"])
        return Shipped(ctypes.addressof(symbol), facts)

    def provide(self, name: str, address: int) -> None:
        """Say where a C function is that entries call."""
        if name in self._imports:
            ctypes.c_void_p.in_dll(self._handle, f"zerocross_import_{name}").value = address

    def features(self) -> frozenset[str]:
        """Return which instructions the machine has, of those that levels ask for."""
        if self.architecture != "x86_64":
            return frozenset(["neon"])
        cpuid = self._handle.zerocross_cpuid
        registers = {leaf: (ctypes.c_uint32 * 4)() for leaf in (0, 1, 7)}
        for leaf, to in registers.items():
            if leaf <= registers[0][0]:
                cpuid(ctypes.c_uint32(leaf), to)
        saved = 0
        if registers[1][2] >> _OSXSAVE & 1:
            self._handle.zerocross_xgetbv.restype = ctypes.c_uint64
            saved = self._handle.zerocross_xgetbv()
        return frozenset(
            name
            for name, (leaf, register, bit) in _X86_BITS.items()
            if registers[leaf][register] >> bit & 1 and _is_saved(name, saved)
        )


def _is_saved(feature: str, saved: int) -> bool:
    """Return whether the system saves the registers that a feature of x86-64 needs."""
    needed = 0 if feature.startswith("sse") else _ZMM if feature.startswith("avx512") else _YMM
    return saved & needed == needed


def _is_whole(path: Path) -> bool:
    """Return whether a file has all that its ELF header promises: a part of one crashes the loader."""
    with path.open("rb") as file:
        head, size = file.read(64), os.fstat(file.fileno()).st_size
    if head[:4] != b"\x7fELF":
        return True
    if len(head) < 64:
        return False
    sections = int.from_bytes(head[0x28:0x30], "little")
    each, count = (int.from_bytes(head[at : at + 2], "little") for at in (0x3A, 0x3C))
    return size >= sections + each * count


@functools.cache
def library() -> Library | None:
    """Return the library that belongs to the sources as they are, or None.

    Raises
    ------
    UsageError
        If ``ZEROCROSS_LIBRARY`` names a file that is none, or is made of other sources.

    """
    chosen = os.environ.get("ZEROCROSS_LIBRARY", "")
    if chosen.lower() in {"off", "0", "no"}:
        return None
    if chosen:
        return _chosen_library(chosen)
    path = _PACKAGE / "native" / file_name()
    if not path.exists():
        return None
    try:
        found = Library(path)
    except (OSError, ValueError):
        return None
    return found if found.sources == source_digest() else None


def _chosen_library(path: str) -> Library:
    cure = "unset it, or make one with python -m zerocross.build --output FILE"
    try:
        found = Library(Path(path).absolute())
    except (OSError, ValueError) as error:
        raise UsageError(f"ZEROCROSS_LIBRARY={path}: {error}; {cure}") from None
    if found.sources != source_digest():
        raise UsageError(f"ZEROCROSS_LIBRARY={path}: it is made of other sources; {cure}")
    return found


def architecture(name: str) -> str:
    """Return an architecture's name as LLVM has it, of the names that systems give it."""
    name = name.lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)


def file_name(system: str = sys.platform, machine: str = "") -> str:
    """Return the library's name for a system, as ``sys.platform`` has it, and a machine."""
    machine = architecture(machine or platform.machine())
    ending = {"darwin": "dylib", "win32": "dll"}.get(system, "so")
    return f"{system}-{machine}.{ending}"


def source_digest() -> str:
    """Return what tells the sources that machine code may be made of from those of another state.

    Lengths and checksums, not a cryptographic hash: whoever writes the package's files may write
    its library as well, and OpenSSL would be 3 MB of a player's memory.
    """
    crc, adler, size = 0, 1, 0
    for path in _sources(str(_PACKAGE)):
        with open(path, "rb", buffering=0) as file:
            text = file.read()
        text = f"{path[len(str(_PACKAGE)) :]} {len(text)} ".encode() + text
        crc, adler, size = zlib.crc32(text, crc), zlib.adler32(text, adler), size + len(text)
    return f"{size} bytes, crc32 {crc:08x}, adler32 {adler:08x}"


def _sources(folder: str) -> Iterator[str]:
    with os.scandir(folder) as found:
        items = sorted(found, key=lambda item: item.name)
    for item in items:
        if item.name.endswith(".py"):
            yield item.path.replace(os.sep, "/")
        elif item.name not in UNSHIPPED and item.is_dir():
            yield from _sources(item.path)


def place_of(function: Callable[..., Any]) -> str | None:
    """Return where the package has a function, such as ``zerocross.effects.gain.Gain.process``.

    None for what is not the package's own, or has been put in the place of it.
    """
    module, name = function.__module__, function.__qualname__
    found: Any = sys.modules.get(module) if module.partition(".")[0] == _PACKAGE.name else None
    for part in name.split("."):
        found = getattr(found, part, None)
    is_there = found is function or getattr(found, "function", None) is function
    return f"{module}.{name}" if is_there else None
