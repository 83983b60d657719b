"""Where threads run and where memory lies: NUMA nodes, CPU affinity.

Read from the system (Linux: ``/sys/devices/system/node``); where there is one node, or the
system does not say, everything works and there is nothing to decide.
"""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from zerocross.system.grant import Grant
from zerocross.system.pages import bind, libc

__all__ = ["Node", "current_node", "node_of_cpu", "pin", "place_here", "topology"]

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
        Where the system describes its nodes.

    """
    nodes = []
    for folder in sorted(root.glob("node[0-9]*"), key=lambda path: int(path.name[4:])):
        cpus = parse_cpu_list((folder / "cpulist").read_text())
        memory = None
        for line in (folder / "meminfo").read_text().splitlines():
            if "MemTotal:" in line:
                memory = int(line.split()[-2]) * 1024
        nodes.append(Node(int(folder.name[4:]), cpus, memory))
    return tuple(nodes) or (Node(0, frozenset(range(os.cpu_count() or 1))),)


def node_of_cpu(cpu: int, nodes: tuple[Node, ...] | None = None) -> int:
    """Return the node that a CPU belongs to; 0 if none says so."""
    return next((n.number for n in nodes or topology() if cpu in n.cpus), 0)


def current_node(nodes: tuple[Node, ...]) -> int:
    """Return the node that the calling thread runs on now."""
    try:
        cpu = int(libc().sched_getcpu())
    except (AttributeError, OSError):
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
    here = current_node(nodes)
    return [bind(address, size, here) for address, size in regions]


def pin(thread: threading.Thread | int | None, cpus: Iterable[int]) -> Grant:
    """Let a thread run on some CPUs only; the answer is read back from the system.

    Parameters
    ----------
    thread : Thread, int or None
        A running thread, a native thread number, or None for the calling one.
    cpus : iterable of int
        The CPUs.

    """
    wanted = frozenset(cpus)
    what = "affinity to CPU " + ",".join(map(str, sorted(wanted)))
    if not hasattr(os, "sched_setaffinity"):
        return Grant(what, False, "this system has no affinity that can be set")
    number = thread.native_id if isinstance(thread, threading.Thread) else thread
    if isinstance(thread, threading.Thread) and not thread.is_alive():
        return Grant(what, False, "the thread is not running")
    try:
        os.sched_setaffinity(number or 0, wanted)
        found = os.sched_getaffinity(number or 0)
    except (OSError, ValueError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        there = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        return Grant(what, False, f"{reason}; this process may use CPU {there}")
    return Grant(what, found == wanted, "CPU " + ",".join(map(str, sorted(found))) + ", read back")
