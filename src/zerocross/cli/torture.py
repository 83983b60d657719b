"""The command that counts missed deadlines: torture."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from zerocross.cli import interrupt
from zerocross.cli.command import CompilingCommand, progress_bar, refuse_to_replace
from zerocross.cli.figure import PICTURES, save_figure
from zerocross.cli.options import BLOCK, JSON, finite
from zerocross.cli.printing import say, show
from zerocross.files import check_ending

__all__ = ["COMMANDS"]


@click.command(
    cls=CompilingCommand,
    epilog="""
    zerocross torture
    zerocross torture --seconds 2 --block 64 --load gil --load gc -o torture.png
    zerocross torture --contestant zerocross --contestant sounddevice --json
    """,
)
@click.option("--seconds", type=finite(0.2, 3600), default=5.0, show_default=True, help="Of each.")
@click.option(
    "--block",
    "blocks",
    type=BLOCK,
    multiple=True,
    metavar="FRAMES",
    help="Frames in a callback; may be repeated.  [default: 64, 128, 512]",
)
@click.option("--load", "loads", multiple=True, metavar="NAME", help="May be repeated.")
@click.option("--contestant", "contestants", multiple=True, metavar="NAME", help="The same.")
@click.option("--device", metavar="NAME", help="A backend; a private JACK server where none is.")
@JSON
@click.option("-o", "--output", metavar="FILE", help="Draw it, as PNG or SVG.")
def torture(as_json: bool, output: str | None, blocks: tuple[int, ...], **options: Any) -> int:
    """Count missed deadlines of us and of others, under every load."""
    from zerocross.cli.tables import torture_tables
    from zerocross.lab.torture import BLOCKS
    from zerocross.lab.torture import torture as run_all

    if output:
        check_ending(output, PICTURES)  # before the minutes, not after them
        refuse_to_replace(output, force=True)
    with progress_bar("torture") as bar:
        tell = _teller(bar, quiet=as_json)
        results = run_all(blocks=blocks or BLOCKS, progress=tell, **options)
    if output:
        from zerocross.cli.lab_pictures import torture_figure

        save_figure(torture_figure(results), output)
    if as_json:
        say(json.dumps(results, indent=2))
        return 0
    show(*torture_tables(results))
    return 0


def _teller(bar: Callable[[float], None] | None, quiet: bool) -> Callable[[int, int, str], None]:
    """Return what is told of each run before it begins: a bar's step, or a line."""

    def tell(done: int, total: int, what: str) -> None:
        interrupt.check()
        if bar:
            bar(done / total)
        elif what and not quiet:
            say(f"{done + 1} of {total}: {what}", err=True)

    return tell


#: The commands of this file.
COMMANDS: list[click.Command] = [torture]
