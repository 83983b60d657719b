"""What the screen costs and how soon it answers, beside cava and cmus: whole processes, measured.

A part is a module beside this one with ``rows(setting)``. ``python -m benchmarks screen`` runs them all;
docs/lab.md says what is measured, and how.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator

from benchmarks.screen.programs import warm_up
from benchmarks.screen.setting import Setting, prepared
from benchmarks.start.rows import Row

__all__ = ["PARTS", "Row", "Setting", "measured", "prepared"]

#: In the order in which they are measured.
PARTS = ("bars", "states", "keys", "usable")


def measured(given: Setting, parts: tuple[str, ...] = PARTS) -> Iterator[Row]:
    """Measure parts, and tell on standard error which."""
    print("screen: every view is shown once", file=sys.stderr, flush=True)
    warm_up(given)
    for part in parts:
        print(f"screen: {part}", file=sys.stderr, flush=True)
        yield from importlib.import_module(f"benchmarks.screen.{part}").rows(given)
