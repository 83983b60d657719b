"""The commands of the browser: the player and one's own effects as pages, and a server for them."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from zerocross.cli.command import Command, CommandGroup, CompilingCommand
from zerocross.cli.printing import say

__all__ = ["COMMANDS"]


@click.group(
    cls=CommandGroup,
    epilog="""
    zerocross web build -o player
    zerocross web export my_effect.py -o page
    zerocross web serve page
    """,
)
def web() -> None:
    """Make pages: the player, or one's own effects, in a browser as WebAssembly."""


@web.command(
    cls=CompilingCommand,
    epilog="""
    zerocross web export my_effect.py -o page
    zerocross web export my_effect.py -o page --rate 96000 --title "My effect"
    """,
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("-o", "--output", required=True, type=click.Path(), help="Folder of the page.")
@click.option("--title", help="Of the page; the file's name if it is not given.")
@click.option(
    "--rate",
    "rates",
    type=int,
    multiple=True,
    help="A sample rate that it can run at, in Hz; may be given several times. 44100 and 48000.",
)
def export(file: str, output: str, title: str | None, rates: tuple[int, ...]) -> int:
    """Make a page of FILE.py's chain, or of its processors in order.

    All of it is proven first, and compiled to WebAssembly with and without vectors. The page has a slider
    for each parameter, plays audio files through the chain, and needs no server but one of static files.
    """
    from zerocross.graph.user_file import chain_of
    from zerocross.web.export import RATES, export

    made = export(
        lambda: chain_of(file),
        output,
        Path(file).stem if title is None else title,
        rates or RATES,
        lambda words: say(words, err=True),
    )
    _say_made(output, made)
    return 0


@web.command(
    cls=CompilingCommand,
    epilog="""
    zerocross web build -o player
    zerocross web serve player
    """,
)
@click.option("-o", "--output", required=True, type=click.Path(), help="Folder of the page.")
@click.option(
    "--rate",
    "rates",
    type=int,
    multiple=True,
    help="A sample rate that it can run at, in Hz; may be given several times. 44100 and 48000.",
)
def build(output: str, rates: tuple[int, ...]) -> int:
    """Make the player's page: queue, equaliser, effects and visualiser, for files that are opened in it.

    Nothing leaves the browser that it is opened in. Installed from a wheel, the page is there already; from
    a clone it is compiled first.
    """
    from zerocross.web.export import RATES
    from zerocross.web.player_page import build

    made = build(output, rates or RATES, lambda words: say(words, err=True))
    _say_made(output, made)
    return 0


def _say_made(output: str, made: list[Path]) -> None:
    size = sum(path.stat().st_size for path in made)
    shows = f"zerocross web serve {shlex.quote(output)} shows it"
    say(f"{output}: {len(made)} files, {size / 1024:.0f} KiB; {shows}")


@web.command(cls=Command, epilog="zerocross web serve page --port 8000")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--port", default=0, show_default="a free one", help="Of this machine.")
def serve(folder: str, port: int) -> int:
    """Serve FOLDER on this machine alone, until Ctrl-C."""
    from zerocross.web.serve import PageServer

    server = PageServer(folder, port)
    try:
        say(f"{folder} is at {server.url}  (Ctrl-C ends it)")
        server.run()
    except KeyboardInterrupt:
        return 0  # that is how it ends
    finally:
        server.stop()
    return 0


COMMANDS: list[click.Command] = [web]
