"""What all commands share: help with examples, progress, the console."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from zerocross.cli import interrupt

__all__ = ["Command", "Examples", "console", "progress", "tick"]


class Examples(click.Group):
    """A group whose help keeps the examples' lines as they are."""

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_epilog(self.epilog, formatter)


class Command(click.Command):
    """A command whose help does the same."""

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_epilog(self.epilog, formatter)


def _write_epilog(epilog: str | None, formatter: click.HelpFormatter) -> None:
    if epilog:
        with formatter.section("Examples"):
            for line in epilog.strip().splitlines():
                formatter.write(f"  {line.strip()}\n")


def console() -> Any:
    """Return a console for tables."""
    from rich.console import Console

    return Console(highlight=False)


@contextlib.contextmanager
def progress(words: str) -> Iterator[Callable[[float], None] | None]:
    """Show a progress bar on a terminal's standard error."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(words, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def tick(show: Callable[[float], None] | None) -> Callable[[float], None]:
    """Return what long work calls with the share that is done: it lets Ctrl-C through."""

    def step(share: float) -> None:
        interrupt.check()
        if show:
            show(share)

    return step
