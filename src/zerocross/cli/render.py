"""The command that renders files into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from zerocross.cli.command import (
    CompilingCommand,
    progress_bar,
    progress_callback,
    refuse_to_replace,
)
from zerocross.cli.options import LENGTH, TIME, VOLUME, effects_of, sound_options
from zerocross.cli.printing import print_error, print_errors, say

if TYPE_CHECKING:
    from zerocross.offline import Rendered

__all__ = ["COMMANDS"]


@click.command(
    cls=CompilingCommand,
    epilog="""
    zerocross render song.mp3 song.wav
    zerocross render part1.flac part2.flac whole.flac --bits 24
    zerocross render song.flac song48.wav --rate 48000
    zerocross render album/ album.flac --replaygain album --eq headphones.txt
    zerocross render song.flac part.wav --start 1:30 --duration 30 --effects mine.py
    """,
)
@click.argument("inputs", nargs=-1, required=True, metavar="IN...", type=click.Path())
@click.argument("output", metavar="OUT", type=click.Path())
@click.option("--volume", type=VOLUME, default=1.0, show_default=True, help="Gain: 80% or 0.8.")
@click.option(
    "--start",
    "start_s",
    type=TIME,
    default=0.0,
    metavar="TIME",
    help="Where the first file begins.",
)
@click.option(
    "--duration",
    "duration_s",
    type=LENGTH,
    metavar="TIME",
    help="Render so much.",
)
@click.option("--channels", type=click.IntRange(1, 2), help="1 or 2.  [default: as the files]")
@click.option(
    "--bits",
    type=click.Choice(["16", "24", "32", "float"]),
    help="Sample format.  [default: 16 if all files have 16 bits or fewer and none is resampled, 32 "
    "for copies of 32-bit ones, else float or, in FLAC, 24]",
)
@click.option(
    "--dither",
    type=click.Choice(["none", "tpdf", "shaped"]),
    help="Of 16 and 24 bits; copies have none.  [default: tpdf for 16]",
)
@click.option(
    "--rate",
    "sample_rate",
    type=click.IntRange(8000, 384_000),
    metavar="HZ",
    help="Sample rate of OUT.  [default: the first file's]",
)
@click.option("--force", is_flag=True, help="Replace OUT if it exists.")
@sound_options
def render(
    inputs: tuple[str, ...],
    output: str,
    force: bool,
    eq: str | None,
    effects: str | None,
    **options: Any,
) -> int:
    """Render files through the playing path into one WAV or FLAC file, without a gap."""
    from zerocross.offline import render as render_files
    from zerocross.sources.playlists import expand_paths

    refuse_to_replace(output, force, [*inputs, *filter(None, (eq, effects))])
    chain, _ = effects_of(eq, effects)
    files, problems = expand_paths(inputs)
    print_errors(problems)
    if not files:
        return 1
    with progress_bar("rendering") as show:
        done = render_files(
            files, output, progress=progress_callback(show), effects=chain, **options
        )
    _tell(done)
    return 1 if done.errors or problems else 0


def _tell(done: Rendered) -> None:
    """Print what was rendered, and what is wrong with it."""
    for line in done.errors:
        print_error(line)
    if done.clipped:
        say(
            f"warning: {done.clipped} samples were beyond full scale and saturated; "
            "lower --volume or use --bits float",
            err=True,
        )
    seconds = done.frames / done.sample_rate
    say(
        f"{done.path}: {seconds:.2f} s, {done.sample_rate} Hz, "
        f"{'mono' if done.channels == 1 else 'stereo'}, "
        f"{done.bits if done.bits == 'float' else done.bits + ' bit'}"
        f"{'' if done.dither == 'none' else f', {done.dither} dither'}"
    )


#: The commands of this file.
COMMANDS: list[click.Command] = [render]
