"""Run benchmarks: ``python -m benchmarks [PATTERN] [--json FILE]``.

``python -m benchmarks accuracy [--write FILE.md]`` measures errors in place of times, and so do
``elementary-accuracy``, of elementary functions, and ``parity``, of chains in WebAssembly. ``python -m benchmarks start [--library FILE]`` measures
whole processes: how soon there is sound, how soon an effect, and what playing costs. ``python -m benchmarks
screen [--song FILE]`` measures the full screen, beside cava and cmus; ``python -m benchmarks browser`` the player's
page in Chromium: first sound, a quantum's time, and a worker beside the worklet; ``python -m benchmarks gpu
[--windows N]`` from how many windows on a graphics card pays, ``python -m benchmarks viz [--song FILE]`` how fast it draws
sound and what that costs. ``python -m benchmarks feed`` measures arrays written into a stream: gaps, flushes, and cost.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import signal
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import benchmarks
from zerocross.errors import UsageError
from zerocross.lab.harness import Case, measure


def cases_of(file: str) -> list[Case]:
    """Return the cases of a file of this folder."""
    module = importlib.import_module(f"benchmarks.{file}")
    made: list[Case] = module.cases() if file != "__main__" and hasattr(module, "cases") else []
    return made


def cases(pattern: str) -> list[Case]:
    """Return the cases whose work, size or file matches a pattern."""
    return [
        case
        for file in pkgutil.iter_modules(benchmarks.__path__)
        for case in cases_of(file.name)
        if pattern in f"{file.name} {case.work} {case.size}"
    ]


def table(rows: list[dict[str, Any]]) -> Table:
    shown = Table("work", "size", "contestant", "median", "p10 ... p90", "ours / it", "bar", "met")
    for row in rows:
        bar = "" if row["bar"] is None else f"<= {row['bar']:.3g}"
        met = {None: "", True: "yes", False: "[red]no[/red]"}[row["met"]]
        shown.add_row(
            row["work"],
            row["size"],
            row["contestant"],
            f"{row['median_ns']:,.1f} ns",
            f"{row['p10_ns']:,.1f} ... {row['p90_ns']:,.1f}",
            f"{row['ratio']:.3f}",
            bar,
            met,
        )
    return shown


def accuracy(path: str | None) -> int:
    """Measure the figures of docs/accuracy.md; returns 1 if one is over its bound."""
    from benchmarks import accuracy as figures

    shown = Table("what", "oracle", "measured", "bound", "met")
    measured = {}
    for part in figures.parts():
        print(part, file=sys.stderr)
        measured[part] = figures.rows_of(part)
        for row in measured[part]:
            met = "yes" if row.holds else "[red]no[/red]"
            unit = row.unit
            shown.add_row(
                row.what, row.oracle, f"{row.measured:.3g} {unit}", f"{row.bound:.3g} {unit}", met
            )
    Console(width=140).print(shown)
    if path:
        figures.write(Path(path), measured)
    return 0 if all(row.holds for rows in measured.values() for row in rows) else 1


def elementary_accuracy(path: str | None) -> int:
    """Measure the figures of docs/elementary.md; returns 1 if one is over its bound."""
    from benchmarks.ulps import document

    rows = document.measured(lambda name: print(name, file=sys.stderr))
    shown = Table("function", "type", "largest error", "bound", "at", "of", "met")
    for row in rows:
        shown.add_row(*document.cells(row), "yes" if document.holds(row) else "[red]no[/red]")
    Console(width=140).print(shown)
    if path:
        document.write(Path(path), rows)
    return 0 if all(map(document.holds, rows)) else 1


def parity(path: str | None) -> int:
    """Measure the table of docs/web.md; returns 1 if something is further off than its bound."""
    from benchmarks import parity

    rows = parity.measured(lambda name: print(name, file=sys.stderr))
    shown = Table("chain", *next(iter(rows.values())))
    for name, row in rows.items():
        shown.add_row(name, *map(parity.words, row.values()))
    Console(width=160).print(shown)
    if path:
        parity.write(Path(path), rows)
    return 0 if parity.holds(rows) else 1


def start(options: argparse.Namespace) -> int:
    """Measure whole processes; returns 1 if one is over its bar."""
    from benchmarks import start

    return _in_parts("start", start, start.prepared(options.library, options.short), options)


def screen(options: argparse.Namespace) -> int:
    """Measure the screen; returns 1 if a figure is over its bar."""
    from benchmarks import screen

    setting = screen.prepared(options.library, options.song, options.short)
    return _in_parts("screen", screen, setting, options)


def _in_parts(name: str, room: Any, setting: Any, options: argparse.Namespace) -> int:
    """Measure the parts of a room, or some of them, in a setting; returns the exit code."""
    from benchmarks.start import rows

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended
    try:
        with setting as given:
            print(f"{name}: {given.words()}", file=sys.stderr)
            made = list(room.measured(given, tuple(options.only or room.PARTS)))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    Console(width=160).print(rows.table(made))
    if options.json:
        Path(options.json).write_text(json.dumps([row.as_json() for row in made], indent=2))
    return 1 if any(row.is_met is False for row in made) else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "pattern", nargs="?", default="", help="part of a file's, work's or size's name"
    )
    parser.add_argument("--json", metavar="FILE", help="write the rows")
    parser.add_argument("--write", metavar="FILE.md", help="write the tables of accuracy")
    parser.add_argument(
        "--library", default="", metavar="FILE", help="of start, screen: machine code"
    )
    parser.add_argument(
        "--short", action="store_true", help="of start, screen, browser, feed: once, without sound"
    )
    parser.add_argument(
        "--song", default="", metavar="FILE", help="of screen and viz: a minute or more"
    )
    parser.add_argument(
        "--windows", type=int, metavar="N", help="of gpu: so many at once, in place of a million"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="PART",
        choices=["sound", "effect", "cost", "bars", "states", "keys", "usable"],
        help="of start and screen: some of its parts",
    )
    options = parser.parse_args()
    if options.pattern == "start":
        return start(options)
    if options.pattern == "screen":
        return screen(options)
    if options.pattern == "accuracy":
        return accuracy(options.write)
    if options.pattern == "elementary-accuracy":
        return elementary_accuracy(options.write)
    if options.pattern == "parity":
        return parity(options.write)
    if options.pattern == "browser":
        from benchmarks import browser

        return browser.main(*((2, 1.0, 1) if options.short else ()))
    if options.pattern == "gpu":
        from benchmarks import gpu

        return gpu.main(options.windows, options.json, table)
    if options.pattern == "feed":
        from benchmarks import feed

        return feed.main(options.short)
    if options.pattern == "viz":
        from benchmarks import viz

        return viz.main(options.song)
    chosen = cases(options.pattern)
    if not chosen:
        print(f"no benchmark matches {options.pattern!r}", file=sys.stderr)
        return 2
    rows: list[dict[str, Any]] = []
    for number, case in enumerate(chosen, 1):
        print(f"{number}/{len(chosen)} {case.work}, {case.size}", file=sys.stderr)
        rows += measure(case)
    Console(width=140).print(table(rows))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
