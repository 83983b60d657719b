"""Every figure of docs/accuracy.md: measured again, within its bound, and told in the document."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import accuracy  # noqa: E402
from benchmarks.__main__ import main  # noqa: E402

from conftest import need, need_library  # noqa: E402

DOCUMENT = ROOT / "docs" / "accuracy.md"


@pytest.mark.thorough
@pytest.mark.parametrize("part", accuracy.parts())
def test_every_figure_is_within_its_bound_and_told(part):
    module = importlib.import_module(f"benchmarks.accuracy.{part}")
    for program in getattr(module, "PROGRAMS", ()):
        need(program)
    for library in getattr(module, "LIBRARIES", ()):
        need_library(library)
    rows = accuracy.rows_of(part)
    assert rows
    over = [row for row in rows if not row.holds]
    assert not over
    told = DOCUMENT.read_text().partition(f"## {part.capitalize()}\n")[2].partition("\n## ")[0]
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in told.splitlines()]
    cells = [(line[0], _name(line[1]), line[3]) for line in lines[3:] if len(line) == 4]
    wanted = [(row.what, _name(row.oracle), f"{row.bound:.3g} {row.unit}".strip()) for row in rows]
    assert cells == wanted, "python -m benchmarks accuracy --write docs/accuracy.md"


@pytest.mark.thorough
def test_the_command_writes_the_document(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(accuracy, "parts", lambda: ["effects"])
    monkeypatch.setattr(sys, "argv", ["benchmarks", "accuracy", "--write", str(tmp_path / "a.md")])
    assert main() == 0
    written, whole = (tmp_path / "a.md").read_text(), DOCUMENT.read_text()
    assert written.partition("## ")[0] == whole.partition("## ")[0]
    assert [line.split("|")[1] for line in written.splitlines() if line.startswith("| ")] == [
        line.split("|")[1]
        for line in whole.partition("## Effects")[2].partition("\n## ")[0].splitlines()
        if line.startswith("| ")
    ]
    assert "decay" in capsys.readouterr().out


def _name(oracle):
    """Return an oracle without the figure of its own that it may have in brackets."""
    return oracle.partition(" (")[0]
