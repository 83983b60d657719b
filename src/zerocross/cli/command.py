"""What all commands share: help with examples, progress, the console, errors in a line."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click

from zerocross.cli import interrupt
from zerocross.cli.printing import has_screen
from zerocross.errors import UsageError
from zerocross.files import check_output, printable

__all__ = [
    "Command",
    "CommandGroup",
    "CompilingCommand",
    "progress_bar",
    "progress_callback",
    "refuse_to_replace",
]


class CommandGroup(click.Group):
    """A group that imports a command when it is asked for, by a table of names and modules.

    Its help keeps the examples' lines as they are.
    """

    def __init__(self, *args: Any, homes: dict[str, str] | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._homes = homes or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._homes})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._homes and cmd_name not in self.commands:
            module = importlib.import_module(f"zerocross.cli.{self._homes[cmd_name]}")
            for command in module.COMMANDS:
                self.add_command(command)
        return super().get_command(ctx, cmd_name)

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_epilog(self.epilog, formatter)


class Command(click.Command):
    """A command whose help does the same."""

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_epilog(self.epilog, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UsageError as error:
            raise _in_its_words(error, ctx.command.params) from error.__cause__


class CompilingCommand(Command):
    """A command that may come to compile something: it tells of it."""

    def invoke(self, ctx: click.Context) -> Any:
        from zerocross.cli.warmup import compilation_told  # brings the compiler

        with compilation_told():
            return super().invoke(ctx)


def _in_its_words(error: UsageError, options: Iterable[click.Parameter]) -> UsageError:
    """Return an error that says ``--start`` where the function that was called says ``start_s=``."""
    for option in options:
        said = f"{option.name}="
        if isinstance(option, click.Option) and str(error).startswith(said):
            return type(error)(f"{max(option.opts, key=len)} {str(error).removeprefix(said)}")
    return error


def _write_epilog(epilog: str | None, formatter: click.HelpFormatter) -> None:
    if epilog:
        with formatter.section("Examples"):
            for line in epilog.strip().splitlines():
                formatter.write(f"  {line.strip()}\n")


@contextlib.contextmanager
def progress_bar(words: str) -> Iterator[Callable[[float], None] | None]:
    """Show a progress bar on a terminal's standard error; yields what sets it, or None."""
    if not has_screen(sys.stderr):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(words, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def progress_callback(show: Callable[[float], None] | None) -> Callable[[float], None]:
    """Return what long work calls with the share that is done: it lets Ctrl-C through."""

    def step(share: float) -> None:
        interrupt.check()
        if show:
            show(share)

    return step


def refuse_to_replace(output: str, force: bool, inputs: Iterable[str] = ()) -> None:
    """Raise where a file cannot be written, is read too, or is in the way and is to stay."""
    check_output(output, inputs)
    if os.path.exists(output) and not force:
        raise UsageError(
            f"{printable(output)}: exists already; give another name, or --force to replace it"
        )
