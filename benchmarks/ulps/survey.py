"""Long searches for the largest error, block by block; what was found is kept and gone on with.

Of one float32 a search tries all 2^32, of two 2^30 stratified pairs, of float64 10^7 stratified
arguments. What is kept counts only as long as nothing that goes into the function's code changes.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.ulps.arguments import all_patterns, sample
from benchmarks.ulps.calls import evaluate
from benchmarks.ulps.errors import Worst, worst_against_mpfr, worst_against_numpy
from benchmarks.ulps.functions import Registered, by_name
from zerocross.compiler.content import content_of

__all__ = ["FOLDER", "Plan", "Search", "plan_of", "search"]

#: Where what was found is kept.
FOLDER = Path(__file__).parents[2] / ".elementary"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is tried: so many blocks of so many arguments."""

    blocks: int
    size: int
    what: str


_EVERY = Plan(1 << 10, 1 << 22, "all 2^32")
_PAIRS = Plan(1 << 10, 1 << 20, "2^30 stratified pairs")
_WIDE = Plan(1000, 10_000, "10^7 stratified")


def plan_of(one: Registered) -> Plan:
    """Return what is tried of a function."""
    if one.dtype.itemsize == 8:
        return _WIDE
    return _EVERY if one.function.arguments == 1 else _PAIRS


def worst_of_block(one: Registered, block: int, plan: Plan) -> Worst:
    """Return the largest error of a block."""
    if plan is _EVERY:
        arrays = [all_patterns(block, plan.size)]
    else:
        arrays = sample(one.function, one.dtype, plan.size, 1 + block)
    worst = worst_against_numpy if one.dtype.itemsize == 4 else worst_against_mpfr
    return worst(one.function, arrays, evaluate(one, *arrays))


def _named_block(name: str, block: int) -> Worst:
    """Do the same in a process of its own, which knows functions by their names."""
    one = by_name(name)
    return worst_of_block(one, block, plan_of(one))


class Search:
    """A search and its file.

    Parameters
    ----------
    one : Registered
    folder : Path
        Of the file; it is made.
    plan : Plan or None
        By default what is due to the function.

    Attributes
    ----------
    worst : Worst
        So far.
    done : set of int
        Blocks.

    """

    def __init__(self, one: Registered, folder: Path = FOLDER, plan: Plan | None = None) -> None:
        self.one, self.plan = one, plan or plan_of(one)
        self._path = folder / f"{one.name}.json"
        self.done: set[int] = set()
        self.worst = Worst()
        content = content_of(one.kernel.function)
        told = f"{content.digest.hex()} {dataclasses.astuple(self.plan)}"
        self._code = hashlib.sha256(told.encode()).hexdigest()
        if self._path.exists():
            self._take(json.loads(self._path.read_text()))

    @property
    def is_over(self) -> bool:
        """Whether all blocks are done."""
        return len(self.done) == self.plan.blocks

    def _take(self, kept: dict[str, Any]) -> None:
        if kept["code"] == self._code:
            self.done = set(range(kept["first"])) | set(kept["also"])
            where = tuple(float.fromhex(x) for x in kept["arguments"])
            self.worst = Worst(float(kept["error"]), where, kept["count"])

    def add(self, block: int, worst: Worst) -> None:
        """Keep what was found in a block."""
        self.done.add(block)
        self.worst = self.worst.joined(worst)

    def write(self) -> None:
        """Write the file, whole or not at all."""
        first = next(k for k in range(self.plan.blocks + 1) if k not in self.done)
        row = {
            "code": self._code,
            "what": self.plan.what,
            "first": first,
            "also": sorted(k for k in self.done if k > first),
            "blocks": self.plan.blocks,
            "error": self.worst.error,
            "arguments": [float(x).hex() for x in self.worst.arguments],
            "at": [repr(x) for x in self.worst.arguments],
            "count": self.worst.count,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(row, indent=1))
        part.replace(self._path)

    def run(self, jobs: int = 1, most_blocks: int | None = None) -> Worst:
        """Go on with the search until it is over, or for so many blocks.

        With more than one job the blocks run in processes, which find the function by its name.
        """
        left = [k for k in range(self.plan.blocks) if k not in self.done][:most_blocks]
        if jobs == 1:
            results = ((k, worst_of_block(self.one, k, self.plan)) for k in left)
            return self._keep(results)
        fresh = multiprocessing.get_context("spawn")  # a fork of what has threads may not go on
        with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=fresh) as pool:
            try:
                return self._keep(_in_turn(pool, self.one.name, left, 2 * jobs))
            finally:
                pool.shutdown(cancel_futures=True)

    def _keep(self, results: Iterator[tuple[int, Worst]]) -> Worst:
        try:
            for number, (block, worst) in enumerate(results, 1):
                self.add(block, worst)
                if number % 8 == 0:
                    self.write()
        finally:
            self.write()
        return self.worst


def _in_turn(
    pool: concurrent.futures.Executor, name: str, blocks: list[int], ahead: int
) -> Iterator[tuple[int, Worst]]:
    """Yield blocks with what was found, a few of them under way at a time."""
    waiting = iter(blocks)
    running: dict[concurrent.futures.Future[Worst], int] = {}
    while True:
        for block in waiting:
            running[pool.submit(_named_block, name, block)] = block
            if len(running) >= ahead:
                break
        if not running:
            return
        ready, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
        for future in ready:
            yield running.pop(future), future.result()


def search(one: Registered, jobs: int = 0, say: Callable[[str], None] = print) -> Worst:
    """Search on, from where it was left, to the end."""
    found = Search(one)
    say(f"{one.name}: {len(found.done)} of {found.plan.blocks} blocks are done")
    return found.run(jobs or os.cpu_count() or 1)
