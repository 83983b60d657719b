"""`zerocross doctor`: what this machine has and what it would grant."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import threading
from pathlib import Path
from typing import Any

import soundfile

from zerocross.compiler import cache, shipped, target
from zerocross.devices.discovery import list_devices
from zerocross.errors import CacheRefused
from zerocross.memory import AlignedBuffer, MirroredBuffer
from zerocross.memory.record import LINE
from zerocross.system import Grant, topology
from zerocross.system.pages import HUGE_PAGE
from zerocross.system.priority import elevate

__all__ = ["examine"]

_STREAM_BYTES = 2 << 20

_SETS = {  # what LLVM calls it -> what people call it
    "sse4.1": "SSE4.1",
    "avx": "AVX",
    "avx2": "AVX2",
    "fma": "FMA",
    "avx512f": "AVX-512F",
    "avx512bw": "AVX-512BW",
    "avx512vl": "AVX-512VL",
    "neon": "NEON",
    "sve": "SVE",
}


def examine() -> dict[str, dict[str, Any]]:
    """Return what was found, by topic; values are fit for people and for JSON."""
    return {
        "software": _software(),
        "processor": _processor(),
        "audio": _audio(),
        "real time": {"priority": real_time_priority(), "locked memory": locked_memory()},
        "memory": _memory(),
        "cache": _cache(),
    }


def _software() -> dict[str, str]:
    from importlib.metadata import version

    return {
        "zerocross": version("zerocross") if _is_installed("zerocross") else "source tree",
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "numba": version("numba"),
        "llvm": ".".join(map(str, target.llvm().llvm_version_info))
        + f" (llvmlite {version('llvmlite')})",
        "machine code": _machine_code(),
        "numpy": version("numpy"),
        "libsndfile": f"{soundfile.__libsndfile_version__} (soundfile {version('soundfile')})",
        "miniaudio": version("miniaudio"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _machine_code() -> str:
    """Return whether the built-in entries were compiled beforehand."""
    library = shipped.library()
    if library:
        return f"{library.path.name}, {len(library.places)} entries compiled beforehand"
    return "none came along, or it is of other sources: compiled on first use"


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _processor() -> dict[str, str]:
    features = target.host().features.split(",")
    sets = [name for feature, name in _SETS.items() if f"+{feature}" in features]
    return {
        "name": _processor_name(),
        "LLVM calls it": target.host().cpu,
        "cores": str(os.cpu_count()),
        "instruction sets": ", ".join(sets) or "the base set only",
        "SIMD level": f"{target.active_level()} (of {', '.join(target.available())})",
    }


def _processor_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _audio() -> dict[str, str]:
    devices, reasons = list_devices()
    found: dict[str, str] = {}
    for backend in dict.fromkeys(device.backend for device in devices):
        mine = [device for device in devices if device.backend == backend]
        default = next((d.name for d in mine if d.is_default), "none")
        found[backend] = f"{len(mine)} device{'s'[: len(mine) > 1]}, default: {default}"
    return found | reasons


def real_time_priority() -> str:
    """Ask for what the audio thread gets, on a thread of its own; returns the answer."""
    answers: list[Grant] = []
    thread = threading.Thread(target=lambda: answers.append(elevate(threading.get_native_id())))
    thread.start()
    thread.join()
    return _answer(answers[0])


def locked_memory() -> str:
    """Ask to lock about as much as a stream needs; returns the answer."""
    with AlignedBuffer(_STREAM_BYTES, "u1", lock=True) as buffer:
        return _answer(buffer.grants[0])


def _answer(grant: Grant) -> str:
    return str(grant).removeprefix(f"{grant.what}: ")


def _memory() -> dict[str, str]:
    nodes = topology()
    if len(nodes) == 1:
        numa = "one node: not applicable"
    else:
        numa = "; ".join(f"node {n.number}: CPU {_ranges(n.cpus)}" for n in nodes)
    with MirroredBuffer(1) as ring:
        mirrored = "granted" if ring.is_mirrored else f"refused ({ring.refusal}): plain memory"
    size = 4 * HUGE_PAGE
    with AlignedBuffer(size, "u1", huge_pages=True, prefault=True) as buffer:
        huge = _answer(buffer.grants[0])
    return {
        "NUMA": numa,
        "mirrored rings": mirrored,
        "huge pages": huge,
        "writers kept apart by": f"{LINE} bytes",
    }


def _ranges(cpus: frozenset[int]) -> str:
    return f"{min(cpus)}-{max(cpus)} ({len(cpus)})"


def _cache() -> dict[str, str]:
    try:
        files = cache.inventory()
    except CacheRefused as error:
        return {"compiled code": str(error)}
    size = sum(file.size for file in files)
    return {"compiled code": str(cache.directory()), "size": f"{size / 1e6:.1f} MB"}
