"""The packages: who may import whom, and that the public names are what they are.

An arrow is any import that can run: at the top of a file, late inside a function, or by name as
a string. Imports under ``if TYPE_CHECKING`` never run; they count for the floors, not for circles.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import zerocross

SOURCE = Path(zerocross.__file__).parent

# From the ground up; a package may import from the floors below its own. A file beside the
# packages counts as one.
FLOORS = [
    {"errors"},
    {"units", "files", "folders", "closing", "attributes"},
    {"compiler", "system"},
    {"memory"},
    {"sync"},
    {"dsp"},
    {"sources", "devices"},
    {"graph"},
    {"engine"},
    {"eq", "effects", "spectrum", "loudness"},
    {"pipeline", "player", "demo", "gpu"},
    {"offline", "remote", "settings", "web"},
    {"terminal"},
    {"lab", "viz"},
    {"__init__"},
    {"cli", "build"},
    {"__main__"},
]

#: Imports between packages of one floor, each with its reason.
SAME_FLOOR = {
    ("eq", "effects"): "a preset may be an impulse response, which Convolver plays",
}

#: Files that import a module whose name is not written out in the call, each with its reason.
BY_A_VARIABLE = {
    "build/entries.py": "every module of the package, by its name in the folder",
    "__init__.py": "public names when they are first used; the strings of its table are read here",
    "terminal/app.py": "views when they are first shown; their table is tested in test_screen",
    "cli/command.py": "commands when they are asked for; their table is tested in test_cli",
    "compiler/functions.py": "the elementary functions, when code is first compiled",
    "compiler/beside.py": "entries are given to another process by the names of their modules",
    "sources/tags.py": "mutagen's kinds of files, one at a time",
    "lab/peers/__init__.py": "rivals are other people's packages, imported only where installed",
}

#: Who may import the compilers: the front end, the lowerings, the proof's reader of types, and for
#: LLVM the back end.
COMPILERS = {
    "numba": (
        "compiler/dispatcher.py",
        "compiler/frontend.py",
        "compiler/primitives/lowering/",
        "compiler/host_cache.py",
        "compiler/proof/typed_reader.py",
    ),
    "llvmlite": ("compiler/target.py", "compiler/primitives/lowering/"),
}

Arrows = dict[str, set[str]]


def module_of(name: str) -> str:
    """Return ``zerocross.dsp.gain`` for ``dsp/gain.py``, and the package for its ``__init__``."""
    parts = ["zerocross", *name.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """Return the package under ``zerocross`` that a module belongs to."""
    return module.split(".")[1] if "." in module else "__init__"


def running_nodes(tree: ast.AST, types_too: bool) -> Iterable[ast.AST]:
    """Walk a tree, leaving out what stands under ``if TYPE_CHECKING``."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not types_too:
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def imports_of(text: str, types_too: bool = True) -> set[str]:
    """Return all that a file imports, as ``package.module`` and ``package.module.name``.

    A string that is a module's full name counts: it is what a late import by name is made of.
    """
    found = set()
    for node in running_nodes(ast.parse(text), types_too):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "write imports out: from zerocross..."
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and str(node.value).startswith("zerocross."):
            found.add(str(node.value))
    return found


def arrows_of(files: dict[str, str], types_too: bool = False) -> Arrows:
    """Return for each module the modules that it imports; names inside modules are dropped."""
    known = {module_of(name) for name in files}
    arrows: Arrows = {}
    for name, text in files.items():
        arrows[module_of(name)] = reached = set()
        for imported in imports_of(text, types_too):
            home = imported if imported in known else imported.rpartition(".")[0]
            reached |= {home} & known
    return arrows


def circle_through(start: str, arrows: Arrows) -> list[str]:
    """Return the shortest way along the arrows from a module back to itself, or nothing."""
    came_from: dict[str, str] = {}
    waiting = [start]
    while waiting:
        here = waiting.pop(0)
        for there in sorted(arrows.get(here, ())):
            if there == start:
                way = [here]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return [*reversed(way), start]
            if there not in came_from:
                came_from[there] = here
                waiting.append(there)
    return []


def circles(arrows: Arrows) -> list[str]:
    """Return every circle once, as ``a -> b -> a``."""
    found = {}
    for start in sorted(arrows):
        way = circle_through(start, arrows)
        if way:
            found.setdefault(frozenset(way), " -> ".join(way))
    return list(found.values())


def between_rooms(arrows: Arrows) -> Arrows:
    """Return the arrows between packages."""
    joined: Arrows = {}
    for module, imported in arrows.items():
        room = room_of(module)
        joined.setdefault(room, set()).update({room_of(m) for m in imported} - {room})
    return joined


def wrong_imports(
    arrows: Arrows, floors: list[set[str]], declared: Iterable[tuple[str, str]]
) -> list[str]:
    """Return arrows that go up, or to an undeclared package of the same floor."""
    floor = {room: level for level, rooms in enumerate(floors) for room in rooms}
    wrong = []
    for module, imported in arrows.items():
        here = room_of(module)
        for other in sorted(imported):
            there = room_of(other)
            same = floor[there] == floor[here] and there != here and (here, there) not in declared
            if floor[there] > floor[here] or same:
                wrong.append(f"{module} imports {other}")
    return wrong


def all_files() -> dict[str, str]:
    return {p.relative_to(SOURCE).as_posix(): p.read_text() for p in sorted(SOURCE.rglob("*.py"))}


def test_the_floors_know_every_package():
    files = all_files()
    assert len(files) > 30
    assert unknown_rooms(files, FLOORS) == []
    rooms = [room for floor in FLOORS for room in floor]
    assert len(rooms) == len(set(rooms))


def unknown_rooms(files: dict[str, str], floors: list[set[str]]) -> list[str]:
    """Return packages that have no floor, and floors' packages that do not exist."""
    rooms = {name.split("/")[0].removesuffix(".py") for name in files}
    return sorted(rooms ^ set().union(*floors))


def test_an_unknown_package_is_found():
    files = {"dsp/gain.py": "", "terminal/screen.py": ""}
    assert unknown_rooms(files, [{"dsp"}]) == ["terminal"]
    assert unknown_rooms({"dsp/gain.py": ""}, [{"dsp"}, {"gone"}]) == ["gone"]


def test_imports_run_downwards():
    arrows = arrows_of(all_files(), types_too=True)
    assert wrong_imports(arrows, FLOORS, SAME_FLOOR) == []


def test_an_upward_import_is_found():
    files = {
        "dsp/gain.py": "def f():\n    from zerocross.engine import file_stream",
        "engine/file_stream.py": "from zerocross.dsp.gain import f",
    }
    assert wrong_imports(arrows_of(files), [{"dsp"}, {"engine"}], ()) == [
        "zerocross.dsp.gain imports zerocross.engine.file_stream"
    ]


def test_what_is_declared_on_a_floor_is_there():
    rooms = between_rooms(arrows_of(all_files(), types_too=True))
    for (here, there), reason in SAME_FLOOR.items():
        assert there in rooms[here], f"{here} does not import {there} any more"
        assert reason


def test_an_undeclared_import_on_a_floor_is_found():
    files = {
        "eq/equalizer.py": "import zerocross.effects.gain",
        "effects/gain.py": "",
    }
    floors = [{"eq", "effects"}]
    assert wrong_imports(arrows_of(files), floors, ()) == [
        "zerocross.eq.equalizer imports zerocross.effects.gain"
    ]
    assert wrong_imports(arrows_of(files), floors, [("eq", "effects")]) == []
    assert wrong_imports(arrows_of(files), floors, [("effects", "eq")]) != []


def test_there_is_no_circle_of_files():
    assert circles(arrows_of(all_files())) == []


def test_there_is_no_circle_of_packages():
    rooms = between_rooms(arrows_of(all_files(), types_too=True))
    assert circles(rooms) == []


def test_circles_are_found():
    files = {
        "compiler/__init__.py": "",
        "compiler/cache.py": "from zerocross.compiler.kernel import Kernel",
        "compiler/kernel.py": "def late():\n    from zerocross.compiler import bridge",
        "compiler/bridge.py": "from zerocross.compiler import cache",
        "compiler/vector.py": "import importlib\nimportlib.import_module('zerocross.compiler.low')",
        "compiler/low.py": "from zerocross.compiler.vector import load",
    }
    found = [circle.replace("zerocross.compiler.", "") for circle in circles(arrows_of(files))]
    assert found == ["bridge -> cache -> kernel -> bridge", "low -> vector -> low"]
    assert circles({"a": {"b"}, "b": {"c", "d"}, "c": {"d"}, "d": set()}) == []


def test_circles_of_packages_are_found():
    files = {
        "a/one.py": "import zerocross.b.one",
        "a/two.py": "",
        "b/one.py": "",
        "b/two.py": "import zerocross.a.two",
    }
    assert circles(arrows_of(files)) == []
    assert circles(between_rooms(arrows_of(files))) == ["a -> b -> a"]


def test_imports_for_types_only_make_no_circle():
    files = {
        "a.py": "if TYPE_CHECKING:\n    from zerocross.b import B\nelse:\n    import zerocross.c",
        "b.py": "import zerocross.a",
        "c.py": "",
    }
    assert circles(arrows_of(files)) == []
    assert circles(arrows_of(files, types_too=True)) == [
        "zerocross.a -> zerocross.b -> zerocross.a"
    ]
    assert arrows_of(files)["zerocross.a"] == {"zerocross.c"}


def imports_by_a_variable(files: dict[str, str]) -> list[str]:
    """Return the files that import what no reader of the file can name."""
    found = []
    for name, text in files.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and node.args:
                called = ast.unparse(node.func).split(".")[-1]
                late = called in {"import_module", "__import__"}
                if late and not isinstance(node.args[0], ast.Constant):
                    found.append(name)
    return found


def test_imports_by_name_name_a_module():
    assert set(imports_by_a_variable(all_files())) == set(BY_A_VARIABLE)


def test_an_import_by_a_variable_is_found():
    files = {"a.py": "import_module(f'zerocross.{x}')", "b.py": "importlib.import_module('msvcrt')"}
    assert imports_by_a_variable(files) == ["a.py"]


def compiler_imports(files: dict[str, str]) -> list[str]:
    """Return the files that import Numba or LLVM and may not."""
    return [
        f"{name} imports {compiler}"
        for name, text in files.items()
        for compiler, allowed in COMPILERS.items()
        if any(module.split(".")[0] == compiler for module in imports_of(text))
        and not name.startswith(allowed)
    ]


def test_only_the_front_end_and_the_lowerings_know_numba():
    assert compiler_imports(all_files()) == []


def test_an_import_of_numba_elsewhere_is_found():
    files = {
        "compiler/kernel.py": "def f():\n    from numba import njit",
        "compiler/frontend.py": "import numba",
        "compiler/primitives/lowering/atomic.py": "from llvmlite import ir",
        "dsp/gain.py": "import llvmlite.binding",
    }
    assert compiler_imports(files) == [
        "compiler/kernel.py imports numba",
        "dsp/gain.py imports llvmlite",
    ]


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
        "Samples",
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
            assert value.__name__ == {"Stream": "LiveStream"}.get(name, name)
            assert value.__module__.startswith("zerocross.")
        else:
            assert isinstance(value, (int, str)), name


def test_importing_is_cheap():
    """Neither Numba nor NumPy is imported before it is needed."""
    script = "import sys, zerocross; print(sorted({'numba', 'numpy', 'rich'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"


# --- the picture ----------------------------------------------------------------------------------


def floors_in(text: str) -> list[set[str]]:
    """Return the floors of a picture, from the ground up: names that stand beside each other."""
    picture = text.partition("```text\n")[2].partition("```")[0]
    known = set().union(*FLOORS)
    drawn = [set(line[:42].split()) & known for line in picture.splitlines()]
    return [floor for floor in reversed(drawn) if floor]


def test_the_picture_in_contributing_is_true():
    drawn = floors_in((SOURCE.parents[1] / "CONTRIBUTING.md").read_text())
    assert drawn == [floor for floor in FLOORS if not {"__init__", "__main__"} & floor]


def test_a_picture_that_is_not_true_is_found():
    assert floors_in("```text\n  cli\n   |\n  engine   dsp\n```") == [{"engine", "dsp"}, {"cli"}]
