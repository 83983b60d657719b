"""Commands that look at presets and files: eq, loudness, spectrum, spectrogram."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any

import click
import numpy as np

from zerocross.cli.command import Command, console, progress, tick
from zerocross.errors import SourceError, UsageError
from zerocross.picture import PICTURES, check_ending

__all__ = ["COMMANDS"]


def _refuse_to_replace(output: str, force: bool) -> None:
    if os.path.exists(output) and not force:
        raise UsageError(f"{output}: exists already; give another name, or --force to replace it")


@click.command(
    cls=Command,
    epilog="""
    zerocross eq headphones.txt
    zerocross eq headphones.txt -o headphones.png
    zerocross eq GraphicEQ.txt --rate 44100 --json
    """,
)
@click.argument("file", metavar="FILE", type=click.Path())
@click.option("-o", "--output", metavar="PNG|SVG", type=click.Path(), help="Draw it.")
@click.option(
    "--rate",
    type=click.IntRange(8000, 384_000),
    default=48_000,
    show_default=True,
    metavar="HZ",
    help="Sample rate that it is looked at for.",
)
@click.option("--force", is_flag=True, help="Replace the picture if it exists.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def eq(file: str, output: str | None, rate: int, force: bool, as_json: bool) -> int:
    """Show what an equaliser preset does, its headroom, and what of it is not applied."""
    from zerocross.cli.pictures import draw_preset, plot_text
    from zerocross.eq.presets import read_preset

    if output:
        _refuse_to_replace(output, force)
    preset = read_preset(file)
    headroom = preset.headroom_db(rate)
    if output:
        draw_preset(preset, output, rate)
    hz = np.geomspace(20.0, min(20_000.0, 0.499 * rate), 400)
    channels = [preset.settings(c) for c in range(2)]
    if as_json:
        found = {
            "headroom_db": headroom,
            "channels": [dataclasses.asdict(c) for c in channels],
            "skipped": [dataclasses.asdict(s) for s in preset.skipped],
        }
        click.echo(json.dumps(found, indent=2))
        return 0
    same = channels[0] == channels[1]
    for c, settings in enumerate(channels[:1] if same else channels):
        name = "all channels" if same else ("left", "right")[c]
        curves = "".join(f", a curve of {len(points)} points" for points in settings.curves)
        click.echo(
            f"{name}: preamp {settings.preamp_db:+.1f} dB, {len(settings.bands)} bands{curves}"
        )
        for line in plot_text(hz, settings.response_db(hz, rate)):
            click.echo(line)
    if headroom >= 0:
        click.echo(f"headroom: {headroom:.2f} dB; nothing gets louder than it was")
    else:
        click.echo(
            f"headroom: {headroom:.2f} dB; full-scale music can clip, a preamp of "
            f"{channels[0].preamp_db + headroom:.1f} dB would do"
        )
    for skipped in preset.skipped:
        click.echo(f"warning: {skipped}", err=True)
    return 0


@click.command(
    cls=Command,
    epilog="""
    zerocross loudness song.flac
    zerocross loudness album/ --json
    """,
)
@click.argument("paths", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def loudness(paths: tuple[str, ...], as_json: bool) -> int:
    """Measure loudness and true peaks (EBU R 128), and the gain of ReplayGain 2.0."""
    from rich.table import Table

    from zerocross.cli.paths import expand
    from zerocross.loudness.files import measure

    files, problems = expand(paths)
    found = []
    with progress("measuring") as show:
        for place, path in enumerate(files):
            step = tick(show)
            try:
                found.append(
                    measure(path, lambda x, k=place, s=step: s((k + x) / len(files)))  # type: ignore[misc]
                )
            except SourceError as error:
                problems.append(error)
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    if as_json:
        listed = [
            {k: None if v == -math.inf else v for k, v in dataclasses.asdict(m).items()}
            | {"replaygain_db": m.replaygain_db}
            for m in found
        ]
        click.echo(json.dumps(listed, indent=2))
    elif found:
        table = Table(
            "file",
            "integrated",
            "range",
            "short-term max",
            "true peak",
            "ReplayGain",
            caption="LUFS, LU, LUFS, dBTP, dB",
        )
        for m in found:
            table.add_row(
                Path(m.path).name,
                f"{m.integrated_lufs:.1f}",
                f"{m.range_lu:.1f}",
                f"{m.short_term_max_lufs:.1f}",
                f"{m.true_peak_dbtp:+.1f}",
                f"{m.replaygain_db:+.2f}",
            )
        console().print(table)
    return 1 if problems else 0


@click.command(
    cls=Command,
    epilog="""
    zerocross spectrum song.flac -o song.png
    zerocross spectrum song.flac -o song.csv --fraction 1 --mix stereo
    """,
)
@click.argument("file", metavar="FILE", type=click.Path())
@click.option(
    "-o", "--output", required=True, metavar="PNG|SVG|CSV", type=click.Path(), help="What to write."
)
@click.option(
    "--fraction",
    type=click.IntRange(1, 24),
    default=3,
    show_default=True,
    help="Bands in an octave.",
)
@click.option(
    "--mix",
    type=click.Choice(["mono", "stereo", "mid-side"]),
    default="mono",
    show_default=True,
    help="Of which rows.",
)
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
def spectrum(file: str, output: str, fraction: int, mix: str, force: bool) -> int:
    """Write a file's average and peak spectrum in octave bands, as a picture or as numbers."""
    from zerocross.cli import pictures

    check_ending(output, (*PICTURES, ".csv"))
    _refuse_to_replace(output, force)
    with progress("reading") as show:
        found = pictures.spectrum_of_file(file, fraction, mix, tick(show))
    if output.lower().endswith(".csv"):
        pictures.write_spectrum_csv(found, output)
    else:
        pictures.draw_spectrum(found, output, Path(file).name, fraction)
    click.echo(f"{output}: {len(found.centres)} bands")
    return 0


@click.command(
    cls=Command,
    epilog="""
    zerocross spectrogram song.flac -o song.png
    """,
)
@click.argument("file", metavar="FILE", type=click.Path())
@click.option(
    "-o", "--output", required=True, metavar="PNG|SVG", type=click.Path(), help="What to draw."
)
@click.option("--force", is_flag=True, help="Replace the picture if it exists.")
def spectrogram(file: str, output: str, force: bool) -> int:
    """Draw a file's levels over time and frequency."""
    from zerocross.cli.pictures import draw_spectrogram

    _refuse_to_replace(output, force)
    with progress("reading") as show:
        draw_spectrogram(file, output, progress=tick(show))
    click.echo(output)
    return 0


#: The commands of this file.
COMMANDS: list[Any] = [eq, loudness, spectrum, spectrogram]
