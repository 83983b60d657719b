"""The compiled code that the screen's loop calls: all of it is there before the loop runs.

Later the loop would wait for whatever else is being compiled, and no key would be taken meanwhile.
"""

from __future__ import annotations

from zerocross.compiler.entry import Entry
from zerocross.memory.record import shared_load, shared_store
from zerocross.sync.mutex import give, take
from zerocross.terminal.cells.emit import emit_cells

__all__ = ["ON_THE_LOOP", "make_ready"]

ON_THE_LOOP: list[Entry] = [emit_cells, take, give, shared_load, shared_store]


def make_ready() -> None:
    """Have it there: where it is not shipped it is compiled."""
    for each in ON_THE_LOOP:
        _ = each.address
