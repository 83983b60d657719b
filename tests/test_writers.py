"""Who writes what, the other way round: Python's own writes to fields that compiled code owns.

`memory.record.audit` shows that no line has two writers, as far as layouts tell. It cannot see that
Python writes a field of the audio thread's group. This reads the source for such writes: each has to
be declared here, with the reason for which it is sound. A field is known by its name alone, so one
that has the name of another record's field is declared as well.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import zerocross
from test_memory import layouts
from zerocross.graph.params import Param
from zerocross.graph.state import state_dtype

SOURCE = Path(zerocross.__file__).parent

#: Groups of a layout that Python writes.
PYTHONS = {"setup", "control"}

#: Fields of other groups that Python writes by name, and why that is sound.
AT_REST = "before anything runs on the record, or after it"
BETWEEN = "the screen's, between two frames, by whoever asks for them"
DECLARED = {
    "_frames": AT_REST,
    "_left": AT_REST,
    "_step": AT_REST,
    "ages": "an address; the callback writes what lies there",
    "end": "a window's, which is control; a feed's is its writer's, and not written",
    "epoch": "the transport's, which is control; the decoder's own copy is not written",
    "frames": f"a chain's clock: {AT_REST}; a ring's, a tap's and a pool's are setup",
    "gain": AT_REST,
    "gate": f"a transport's: {AT_REST}; a client's is written by compiled code alone",
    "input": "one callback's exchange, before it runs",
    "kept_serial": "the transport's, which is control; the decoder's own copy is not written",
    "last_ns": AT_REST,
    "levels": "an address; the callback writes what lies there",
    "lead_frames": AT_REST,
    "low_water_frames": AT_REST,
    "is_parallel": AT_REST,
    "looked_ns": AT_REST,
    "memory": "an address; the kernel writes what lies there",
    "next_frame": AT_REST,
    "now": "an address; the callback writes what lies there",
    "output": "one callback's exchange, before it runs",
    "peaks": "an address; the callback writes what lies there",
    "run_count": BETWEEN,
    "rows": "a tap's, which is setup; a program's are the callback's",
    "sample_peak": BETWEEN,
    "seen": f"an equaliser's coefficients: {AT_REST}; a display's and its spectrum's: between two frames",
    "serial": "a source's and an outcome's, which are none of these records; the transport's is not written",
    "shown_glyphs": BETWEEN,
    "shown_inks": BETWEEN,
    "shown_papers": BETWEEN,
    "starts_at_once": AT_REST,
    "state": "an address, or words of a pool that nobody uses yet",
    "stopped": AT_REST,
    "sums": "an address; the kernel writes what lies there",
    "sunk": BETWEEN,
    "thread": AT_REST,
    "total": "a window's, which is control; another record's is not written",
    "true_peak": BETWEEN,
    "wake_at": f"a feed's and an intake's: {AT_REST}; a decoder's is not written",
}
#: Functions that write fields whose names are only known when they run, and why that is sound.
DYNAMIC = {
    "memory/record.py Record.__setitem__": "what the others call",
    "memory/record.py Record.fill": "what the others call",
    "engine/chain_host.py ChainHost.restart_counters": "while it counts: a callback may be lost",
    "graph/nodes.py Nodes.reset": AT_REST,
    "terminal/cells/cells.py Cells.__init__": AT_REST,
    "graph/state.py fill_state": AT_REST,
    "graph/processor.py Processor.__setattr__": (
        "while it plays: a number is one store, and where the audio side writes too, the last stays"
    ),
}


def is_record(node: ast.expr) -> bool:
    """Whether an expression is a record, going by its name."""
    return ast.unparse(node).rpartition(".")[2] in {"record", "_record", "_row", "node", "clock"}


def targets(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from target.elts if isinstance(target, ast.Tuple) else [target]
        elif isinstance(node, ast.AugAssign):
            yield node.target


def named_writes(tree: ast.AST) -> Iterator[frozenset[str]]:
    """Yield the fields of each write by name: ``x["f"] =``, ``fill(f=, g=)``, ``store("f", n)``."""
    for target in targets(tree):
        at = target
        while isinstance(at, ast.Subscript):
            if isinstance(at.slice, ast.Constant) and isinstance(at.slice.value, str):
                yield frozenset([at.slice.value])
            at = at.value
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "fill":
                yield frozenset(keyword.arg for keyword in node.keywords if keyword.arg)
            elif node.func.attr == "store" and node.args and isinstance(node.args[0], ast.Constant):
                yield frozenset([node.args[0].value])


def dynamic_writers(tree: ast.AST, inside: str = "") -> set[str]:
    """Return the functions with ``record[name] = `` for a name that is not in the source."""
    found = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            found |= dynamic_writers(node, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            for target in targets(node):
                at = target
                while isinstance(at, ast.Subscript):
                    if is_record(at.value) and not isinstance(at.slice, ast.Constant):
                        found.add(f"{inside}{node.name}")
                    at = at.value
    return found


@functools.cache
def records() -> list[dict[str, str]]:
    """Return the writer of each field, for every record of the package and a processor's."""
    processors = state_dtype({"gain": Param(0, 0, 1, "", 0)}, {"place": 0})
    return [dict(dtype.metadata or {})["writers"] for dtype in (*layouts().values(), processors)]


def taken(tree: ast.AST) -> set[str]:
    """Return the fields that are written and that compiled code owns, in a record that has them."""
    return {
        field
        for written in named_writes(tree)
        for writers in records()
        if written <= writers.keys()
        for field in written
        if writers[field] not in PYTHONS
    }


def sources() -> dict[str, ast.AST]:
    """Return all files but the compiler's: what writes there is what kernels are made of."""
    return {
        str(path.relative_to(SOURCE)): ast.parse(path.read_text())
        for path in sorted(SOURCE.rglob("*.py"))
        if "compiler" not in path.parts
    }


def test_python_writes_to_the_audio_sides_fields_are_declared():
    assert set().union(*map(taken, sources().values())) == set(DECLARED)


def test_writes_by_a_name_that_is_computed_are_declared():
    found = {f"{file} {name}" for file, tree in sources().items() for name in dynamic_writers(tree)}
    assert found == set(DYNAMIC)


@pytest.mark.parametrize(
    "planted",
    [
        "stream.record['callbacks'] = 0",
        "stream.record['callbacks'] += 1",
        "a, record['callbacks'] = 1, 2",
        "record['callbacks'][3] = 0",
        "self.record.fill(callbacks=0)",
        "self.record.store('callbacks', 0)",
    ],
)
def test_a_planted_write_is_seen(planted):
    assert taken(ast.parse(planted)) == {"callbacks"}


def test_a_planted_write_by_a_computed_name_is_seen():
    tree = ast.parse("class A:\n    def f(self, name):\n        self.record[name][0] = 1")
    assert dynamic_writers(tree) == {"A.f"}
