"""Commands that look at presets and files: eq, loudness, spectrum, spectrogram."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zerocross.cli.command import (
    CompilingCommand,
    progress_bar,
    progress_callback,
    refuse_to_replace,
)
from zerocross.cli.figure import PICTURES, save_figure
from zerocross.cli.options import JSON
from zerocross.cli.printing import print_errors, say, show
from zerocross.files import check_ending, printable

if TYPE_CHECKING:
    from rich.table import Table

    from zerocross.eq.presets import Preset
    from zerocross.loudness.files import Album, Measured

__all__ = ["COMMANDS"]


@click.command(
    cls=CompilingCommand,
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
@JSON
def eq(file: str, output: str | None, rate: int, force: bool, as_json: bool) -> int:
    """Show what an equaliser preset does, its headroom, and what of it is not applied."""
    from zerocross.cli.pictures import preset_figure
    from zerocross.eq.presets import read_preset

    if output:
        check_ending(output, PICTURES)
        refuse_to_replace(output, force, [file])
    preset = read_preset(file)
    if output:
        save_figure(preset_figure(preset, rate), output)
    if as_json:
        found = {
            "headroom_db": preset.headroom_db(rate),
            "channels": [dataclasses.asdict(preset.settings(c, rate, 2)) for c in range(2)],
            "skipped": [dataclasses.asdict(s) for s in preset.at(rate, 2).skipped],
        }
        say(json.dumps(found, indent=2))
        return 0
    _print_preset(preset, rate)
    for skipped in preset.at(rate, 2).skipped:
        say(f"warning: {skipped}", err=True)
    return 0


def _print_preset(preset: Preset, rate: int) -> None:
    """Print each channel's settings and response (once if they are the same), and the headroom."""
    import numpy as np

    from zerocross.cli.pictures import plot_text

    hz = np.geomspace(20.0, min(20_000.0, 0.499 * rate), 400)
    channels = [preset.settings(c, rate, 2) for c in range(2)]
    levels = [preset.response_db(hz, rate, c) for c in range(2)]
    same = channels[0] == channels[1] and np.array_equal(levels[0], levels[1])
    for c, settings in enumerate(channels[:1] if same else channels):
        name = "all channels" if same else ("left", "right")[c]
        curves = "".join(f", a curve of {len(points)} points" for points in settings.curves)
        say(f"{name}: preamp {settings.preamp_db:+.1f} dB, {len(settings.bands)} bands{curves}")
        for line in plot_text(hz, levels[c]):
            say(line)
    headroom = round(preset.headroom_db(rate), 2) + 0.0  # as it is shown; never -0
    if headroom >= 0:
        say(f"headroom: {headroom:.2f} dB; nothing gets louder than it was")
    else:
        enough = round(100 * (channels[0].preamp_db + headroom)) // 10 / 10  # down: it is enough
        say(
            f"headroom: {headroom:.2f} dB; full-scale music can clip, a preamp of "
            f"{enough:.1f} dB would do"
        )


@click.command(
    cls=CompilingCommand,
    epilog="""
    zerocross loudness song.flac
    zerocross loudness album/ --json
    """,
)
@click.argument("paths", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option(
    "--dual-mono",
    is_flag=True,
    help="Count mono twice (+3.01 LU), as stereo plays it; ReplayGain stays.",
)
@JSON
def loudness(paths: tuple[str, ...], dual_mono: bool, as_json: bool) -> int:
    """Measure loudness and true peaks (EBU R 128), and the gain of ReplayGain 2.0.

    Files of one album (by their tags, or else of one folder) are measured as one, too.
    """
    from zerocross.loudness.files import measure_albums
    from zerocross.sources.playlists import expand_paths

    files, problems = expand_paths(paths)
    with progress_bar("measuring") as bar:
        found, unread = measure_albums(files, progress_callback(bar), dual_mono=dual_mono)
    problems += unread
    print_errors(problems)
    for measured, _ in found:
        _warn(measured.path, measured.problem)
    if as_json:
        listed = [_plain(m) | {"album": _plain(album) if album else None} for m, album in found]
        say(json.dumps(listed, indent=2))
    elif found:
        show(_loudness_table(found))
    return 1 if problems else 0


def _plain(figures: Measured | Album) -> dict[str, object]:
    """Return figures for JSON, which has neither infinity nor what is no number."""
    return {
        k: None if isinstance(v, float) and not math.isfinite(v) else v
        for k, v in dataclasses.asdict(figures).items()
    }


def _warn(path: str, problem: str) -> None:
    """Tell of a file that was measured as far as it goes."""
    if problem:
        say(f"warning: {printable(path)}: {problem}", err=True)


def _words_on_mono(found: list[Measured]) -> str:
    """Return how mono was counted, where there is any."""
    if any(m.dual_mono for m in found):
        return "; mono counted twice, but for ReplayGain"
    if any(m.channels == ("mono",) for m in found):
        return "; mono counted once (BS.1770), see --dual-mono"
    return ""


def _loudness_table(found: list[tuple[Measured, Album | None]]) -> Table:
    from rich.table import Table

    table = Table(
        "file",
        "integrated",
        "range",
        "short-term max",
        "true peak",
        "ReplayGain",
        caption="LUFS, LU, LUFS, dBTP, dB" + _words_on_mono([m for m, _ in found]),
    )
    for m, _ in found:
        table.add_row(Path(m.path).name, *_cells(m, f"{m.short_term_max_lufs:.1f}"))
    table.add_section()
    for album in dict.fromkeys(album for _, album in found if album):
        table.add_row(f"{album.name} ({album.files} files as one)", *_cells(album, ""))
    return table


def _cells(m: Measured | Album, short_term: str) -> list[str]:
    return [
        "too short" if math.isnan(m.integrated_lufs) else f"{m.integrated_lufs:.1f}",
        f"{m.range_lu:.1f}",
        short_term,
        f"{m.true_peak_dbtp:+.1f}",
        "-" if math.isnan(m.replaygain_db) else f"{m.replaygain_db:+.2f}",
    ]


@click.command(
    cls=CompilingCommand,
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
@click.option(
    "--per",
    type=click.Choice(["band", "bin"]),
    default="band",
    show_default=True,
    help="Show the power within a band, or a sine's level however narrow its band is.",
)
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
def spectrum(file: str, output: str, fraction: int, mix: str, per: str, force: bool) -> int:
    """Write a file's average and peak spectrum in octave bands, as a picture or as numbers."""
    from zerocross.cli.file_spectrum import spectrum_of_file, write_spectrum_csv
    from zerocross.cli.pictures import spectrum_figure

    check_ending(output, (*PICTURES, ".csv"))
    refuse_to_replace(output, force, [file])
    with progress_bar("reading") as bar:
        found = spectrum_of_file(file, fraction, mix, progress_callback(bar), per)
    if output.lower().endswith(".csv"):
        write_spectrum_csv(found, output)
    else:
        save_figure(spectrum_figure(found, printable(Path(file).name), fraction), output)
    _warn(file, found.problem)
    say(f"{output}: {len(found.centres)} bands")
    return 0


@click.command(
    cls=CompilingCommand,
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
    from zerocross.cli.file_spectrum import spectrogram_of_file
    from zerocross.cli.pictures import spectrogram_figure

    check_ending(output, PICTURES)
    refuse_to_replace(output, force, [file])
    with progress_bar("reading") as bar:
        found = spectrogram_of_file(file, progress=progress_callback(bar))
    save_figure(spectrogram_figure(found), output)
    _warn(file, found.problem)
    say(output)
    return 0


#: The commands of this file.
COMMANDS: list[click.Command] = [eq, loudness, spectrum, spectrogram]
