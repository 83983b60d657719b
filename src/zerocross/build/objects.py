"""From an entry to object code, for every level of a platform: compiled and proven as ever."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import hashlib
import multiprocessing
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from zerocross.build.entries import Unit, units
from zerocross.compiler import target
from zerocross.compiler.proof import allow_list
from zerocross.compiler.proof.ir import Module
from zerocross.compiler.proof.verdict import examine

__all__ = ["Built", "build_objects", "levels_of"]


class Built(NamedTuple):
    """An entry for one level.

    Attributes
    ----------
    place, level : str
    object_code : bytes
    facts : dict
        What the library's index says of it.

    """

    place: str
    level: str
    object_code: bytes
    facts: dict[str, Any]


def levels_of(triple: str) -> tuple[str, ...]:
    """Return the levels of a platform, the best last."""
    mine = target.level("scalar", triple).architecture
    return tuple(n for n, (needs, *_) in target.LEVELS.items() if needs in ("", mine))


def build_objects(
    triple: str,
    levels: tuple[str, ...],
    jobs: int,
    tell: Callable[[int, int, str], None],
    places: Sequence[str] | None = None,
) -> list[Built]:
    """Compile entries for some levels, in several processes.

    Parameters
    ----------
    triple : str
        LLVM's, of the platform.
    levels : tuple of str
        Which.
    jobs : int
        Processes at a time.
    tell : callable
        Called with how many entries are done, of how many, and the last one.
    places : sequence of str or None
        Only the entries whose places contain one of these.

    Raises
    ------
    RealtimeError, CompileError
        If an entry cannot be compiled or proven.

    """
    wanted = [u.place for u in units() if places is None or any(one in u.place for one in places)]
    context = multiprocessing.get_context("spawn")  # as a user's process: nothing compiled before
    made: list[Built] = []
    with concurrent.futures.ProcessPoolExecutor(jobs, context, _begin) as pool:
        work = {pool.submit(_build, place, triple, levels): place for place in wanted}
        for done, future in enumerate(concurrent.futures.as_completed(work), 1):
            made += future.result()
            tell(done, len(wanted), work[future])
    return sorted(made, key=lambda built: (built.place, built.level))


@functools.cache
def _units() -> dict[str, Unit]:
    return {unit.place: unit for unit in units()}


def _begin() -> None:
    _units()


def _build(place: str, triple: str, levels: tuple[str, ...]) -> list[Built]:
    unit = _units()[place]
    return [
        _at_level(unit, dataclasses.replace(target.level(n, triple), shared=True)) for n in levels
    ]


def _at_level(unit: Unit, chosen: target.Target) -> Built:
    entry, first = unit.entry, unit.entry.name
    digest = hashlib.sha256(unit.place.encode()).hexdigest()[:8]
    entry.name = f"{first}_{digest}_{chosen.name.replace('.', '')}"
    try:
        if unit.proof:
            emitted, facts = examine(*unit.proof, chosen)
        else:
            emitted = entry.emit(chosen)
            facts = allow_list.check(Module(emitted.ir), entry.name, entry.dispatches)
        return Built(unit.place, chosen.name, emitted.object_code, facts | {"symbol": entry.name})
    finally:
        entry.name = first
