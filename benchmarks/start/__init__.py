"""How soon there is sound, how soon an effect, and what playing costs: whole processes, measured.

A part is a module beside this one with ``rows(setting)``. ``python -m benchmarks start`` runs them all,
beside mpv, SoX and cmus where those are installed; docs/lab.md says what is measured, and how.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator

from benchmarks.start.rows import Row
from benchmarks.start.setting import Setting, prepared

__all__ = ["PARTS", "Row", "Setting", "measured", "prepared"]

#: In the order in which they are measured.
PARTS = ("sound", "effect", "cost")


def measured(given: Setting, parts: tuple[str, ...] = PARTS) -> Iterator[Row]:
    """Measure parts, and tell on standard error which."""
    for part in parts:
        print(f"start: {part}", file=sys.stderr, flush=True)
        yield from importlib.import_module(f"benchmarks.start.{part}").rows(given)
