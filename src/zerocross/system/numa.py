"""NUMA nodes: processors, and the memory that is near to them.

Read from the system; where there is one node, or the system does not say, everything works and
there is nothing to decide.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

from zerocross.system import linux, windows
from zerocross.system.grant import Answer, Grant, ask, here

__all__ = ["Node", "bind", "current_node", "node_of_cpu", "place_here", "topology"]

_NODES = Path("/sys/devices/system/node")


@dataclasses.dataclass(frozen=True)
class Node:
    """A NUMA node: processors and the memory that is near to them.

    Attributes
    ----------
    number : int
    cpus : frozenset of int
    memory_bytes : int or None
        None where the system does not say.

    """

    number: int
    cpus: frozenset[int]
    memory_bytes: int | None = None


def parse_cpu_list(text: str) -> frozenset[int]:
    """Return the numbers of a list as the kernel writes it: ``0-3,8,10-11``.

    >>> sorted(parse_cpu_list("0-2,7"))
    [0, 1, 2, 7]

    """
    found: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def topology(root: Path = _NODES) -> tuple[Node, ...]:
    """Return the machine's nodes; one with all CPUs where the system does not say.

    Parameters
    ----------
    root : Path
        Where Linux describes its nodes.

    """
    nodes: tuple[Node, ...] = ()
    with contextlib.suppress(OSError):
        nodes = here(linux=_nodes_on_linux, windows=_nodes_on_windows)(root)
    return nodes or (Node(0, frozenset(range(os.cpu_count() or 1))),)


def _nodes_on_linux(root: Path) -> tuple[Node, ...]:
    nodes = []
    for folder in sorted(root.glob("node[0-9]*"), key=lambda path: int(path.name[4:])):
        cpus = parse_cpu_list((folder / "cpulist").read_text())
        memory = None
        for line in (folder / "meminfo").read_text().splitlines():
            if "MemTotal:" in line:
                memory = int(line.split()[-2]) * 1024
        nodes.append(Node(int(folder.name[4:]), cpus, memory))
    return tuple(nodes)


def _nodes_on_windows(_root: Path) -> tuple[Node, ...]:
    return tuple(Node(number, cpus) for number, cpus in windows.nodes().items())


def node_of_cpu(cpu: int, nodes: tuple[Node, ...] | None = None) -> int:
    """Return the node that a CPU belongs to; 0 if none says so."""
    return next((n.number for n in nodes or topology() if cpu in n.cpus), 0)


def current_node(nodes: tuple[Node, ...]) -> int:
    """Return the node that the calling thread runs on now."""
    try:
        cpu = here(linux=linux.current_cpu, windows=windows.current_cpu)()
    except OSError:
        return nodes[0].number
    return node_of_cpu(cpu, nodes)


def place_here(
    regions: Iterable[tuple[int, int]], nodes: tuple[Node, ...] | None = None
) -> list[Grant]:
    """Bind memory to the calling thread's node; nothing to do where there is one node.

    Parameters
    ----------
    regions : iterable of (int, int)
        Address and size in bytes.
    nodes : tuple of Node or None
        The machine's; None to read them.

    """
    nodes = nodes or topology()
    if len(nodes) < 2:
        return []
    node = current_node(nodes)
    return [bind(address, size, node) for address, size in regions]


def bind(address: int, size: int, node: int) -> Grant:
    """Bind pages to a NUMA node, and read back where the first one lies.

    Parameters
    ----------
    address, size : int
        The range, in bytes.
    node : int
        Its number.

    Notes
    -----
    Windows binds no pages that are there already: `Pages` takes them on a node, and otherwise the
    first touch decides. Written, not yet run.

    """
    return ask(f"memory on node {node}", address, size, node, linux=_on_linux, windows=_on_windows)


def _on_linux(address: int, size: int, node: int) -> Answer:
    try:
        linux.bind(address, size, node)
    except OSError as error:
        return (
            False,
            f"{error.strerror.lower() if error.strerror else error}; the first touch decides",
        )
    ctypes.memset(address, 0, 1)
    found = linux.node_of(address)
    return found == node, f"the first page lies on node {found}, read back"


def _on_windows(address: int, _size: int, node: int) -> Answer:
    ctypes.memset(address, 0, 1)
    found = windows.node_of(address)
    detail = f"the first page lies on node {found}, read back"
    return found == node, detail if found == node else detail + "; the first touch decides"
