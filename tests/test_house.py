"""The rooms: who may import whom, and that the public names are what they are."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import zerocross

SOURCE = Path(zerocross.__file__).parent

# From the ground up; a room may import from its own floor and from those before it.
FLOORS = [
    {"errors", "units", "closing", "picture"},
    {"compiler", "system"},
    {"memory"},
    {"sync"},
    {"dsp"},
    {"sources"},
    {"graph"},
    {"engine", "devices"},
    {"eq", "effects", "spectrum", "loudness"},
    {"pipeline", "player", "offline", "demo"},
    {"lab"},
    {"cli"},
    {"__main__", "__init__"},
]


def room_of(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def upward_imports(files: dict[str, set[str]]) -> list[str]:
    floor = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
    wrong = []
    for name, imported in files.items():
        room = name.split("/")[0].removesuffix(".py")
        for module in imported:
            parts = module.split(".")
            if parts[0] != "zerocross" or len(parts) < 2 or parts[1] not in floor:
                continue
            if floor[parts[1]] > floor[room]:
                wrong.append(f"{name} imports {module}")
    return wrong


def all_files() -> dict[str, set[str]]:
    return {str(p.relative_to(SOURCE)): imports_of(p) for p in sorted(SOURCE.rglob("*.py"))}


def test_imports_run_downwards():
    files = all_files()
    assert len(files) > 30
    assert upward_imports(files) == []


def test_an_upward_import_is_found():
    assert upward_imports({"dsp/gain.py": {"zerocross.engine.file_stream"}}) == [
        "dsp/gain.py imports zerocross.engine.file_stream"
    ]


def test_only_the_compiler_room_knows_numba_and_llvm():
    for name, imported in all_files().items():
        if not name.startswith("compiler/"):
            assert not {m for m in imported if m.split(".")[0] in {"numba", "llvmlite"}}, name


def test_public_names():
    assert set(zerocross.__all__) == {
        "Callback",
        "Chain",
        "DeviceError",
        "DeviceNotFound",
        "Event",
        "Fault",
        "Parallel",
        "Pipeline",
        "Player",
        "Processor",
        "RealtimeError",
        "Rendered",
        "SourceError",
        "Split",
        "Stream",
        "Track",
        "UsageError",
        "ZerocrossError",
        "NOTE_OFF",
        "NOTE_ON",
        "__version__",
        "callback",
        "kernel",
        "param",
        "processor",
        "render",
    }
    for name in zerocross.__all__:
        value = getattr(zerocross, name)
        if callable(value):
            assert value.__module__.startswith("zerocross.")
        else:
            assert isinstance(value, (int, str)), name


def test_importing_is_cheap():
    """Neither Numba nor NumPy is imported before it is needed."""
    script = "import sys, zerocross; print(sorted({'numba', 'numpy', 'rich'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"
