"""Every figure of docs/accuracy.md: measured again, within its bound, and told in the document."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import accuracy  # noqa: E402

from conftest import need, need_library  # noqa: E402


@pytest.mark.parametrize("part", accuracy.parts())
def test_every_figure_is_within_its_bound(part):
    module = importlib.import_module(f"benchmarks.accuracy.{part}")
    for program in getattr(module, "PROGRAMS", ()):
        need(program)
    for library in getattr(module, "LIBRARIES", ()):
        need_library(library)
    rows = accuracy.rows_of(part)
    assert rows
    over = [row for row in rows if not row.holds]
    assert not over
