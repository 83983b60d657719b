"""The command line: thin commands over the player, the renderer and the examiners."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zerocross import __version__
from zerocross.cli import analysis, interrupt
from zerocross.cli.command import Command, Examples, console, progress, tick
from zerocross.errors import SourceError, UsageError, ZerocrossError
from zerocross.picture import check_ending
from zerocross.units import format_time

if TYPE_CHECKING:
    from zerocross.player import Event, Player

__all__ = ["cli", "run"]

_INTERRUPTED = 130


@click.group(
    cls=Examples,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""
    zerocross demo
    zerocross play music/ --volume 0.8
    zerocross render song.flac song.wav
    zerocross devices
    """,
)
@click.version_option(__version__, prog_name="zerocross")
@click.option("--debug", is_flag=True, help="Print tracebacks of errors.")
def cli(debug: bool) -> None:
    """Real-time audio whose whole path is Python and runs without the interpreter."""
    del debug  # read by run(), which also sees errors from before this is called


def _sound_options() -> list[Callable[..., Any]]:
    """Return the options of everything that makes sound of files."""
    return [
        click.option(
            "--eq",
            type=click.Path(),
            metavar="FILE",
            help="An equaliser preset: Equalizer APO, AutoEq.",
        ),
        click.option(
            "--replaygain",
            type=click.Choice(["track", "album", "off"]),
            default="off",
            show_default=True,
            help="Apply the files' ReplayGain, without clipping.",
        ),
    ]


def _equalizer_of(path: str | None) -> Any:
    """Return a chain that applies a preset, or None; says which lines are not applied."""
    if path is None:
        return None
    from zerocross.eq.presets import read_preset
    from zerocross.graph.chain import Chain

    preset = read_preset(path)
    for skipped in preset.skipped:
        click.echo(f"warning: {skipped}", err=True)
    return Chain(*preset.processors())


def _playing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of everything that plays."""
    options = [
        click.option(
            "--volume",
            type=click.FloatRange(0, 1),
            default=1.0,
            show_default=True,
            help="Gain, 0 to 1.",
        ),
        click.option(
            "--start",
            type=click.FloatRange(0),
            default=0.0,
            metavar="SECONDS",
            help="Where the first track begins.",
        ),
        click.option(
            "--duration",
            type=click.FloatRange(0, min_open=True),
            metavar="SECONDS",
            help="Stop after so much audio.",
        ),
        click.option(
            "--device",
            metavar="NAME|null",
            help="A device, a part of its name, a backend, or null for no sound.",
        ),
        click.option(
            "--block",
            type=click.IntRange(16, 65536),
            metavar="FRAMES",
            help="Frames in a callback.  [default: 512, or 2048 on PulseAudio]",
        ),
        click.option(
            "--report",
            type=click.Path(dir_okay=False),
            metavar="FILE.json",
            help="Write what was counted.",
        ),
        click.option("--no-ui", is_flag=True, help="No live line and no keys."),
        *_sound_options(),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@cli.command(
    cls=Command,
    epilog="""
    zerocross play song.flac
    zerocross play album/ more.m3u8 --device null
    zerocross play song.ogg --start 60 --duration 30 --report report.json
    zerocross play song.flac --eq headphones.txt --replaygain track
    """,
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@_playing_options
def play(paths: tuple[str, ...], **options: Any) -> int:
    """Play files, directories and playlists (.m3u, .m3u8).

    Keys: space pauses, left and right go 5 seconds, up and down change the volume, n and p
    the track, m mutes, q quits.
    """
    from zerocross.cli.paths import expand

    files, problems = expand(paths)
    for problem in problems:
        _complain(problem)
    if not files:
        return 1
    return _play(files, problems, **options)


@cli.command(
    cls=Command,
    epilog="""
    zerocross demo
    zerocross demo --device null --duration 5 --no-ui
    """,
)
@_playing_options
def demo(**options: Any) -> int:
    """Play a short piece of music that Zerocross composes and synthesises itself."""
    from zerocross.demo import composed_file

    return _play([str(composed_file())], [], **options)


@cli.command(
    cls=Command,
    epilog="""
    zerocross render song.mp3 song.wav
    zerocross render part1.flac part2.flac whole.flac --bits 24
    zerocross render song.flac song48.wav --rate 48000
    zerocross render album/ album.flac --replaygain album --eq headphones.txt
    """,
)
@click.argument("inputs", nargs=-1, required=True, metavar="IN...", type=click.Path())
@click.argument("output", metavar="OUT", type=click.Path())
@click.option(
    "--volume", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="Gain, 0 to 1."
)
@click.option(
    "--start",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="Where the first file begins.",
)
@click.option(
    "--duration", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Render so much."
)
@click.option("--channels", type=click.IntRange(1, 2), help="1 or 2.  [default: as the files]")
@click.option(
    "--bits",
    type=click.Choice(["16", "24", "float"]),
    help="Sample format.  [default: 16 for 16-bit files, else float or, in FLAC, 24]",
)
@click.option(
    "--rate",
    "sample_rate",
    type=click.IntRange(8000, 384_000),
    metavar="HZ",
    help="Sample rate of OUT.  [default: the first file's]",
)
@click.option("--force", is_flag=True, help="Replace OUT if it exists.")
@_sound_options()[0]
@_sound_options()[1]
def render(inputs: tuple[str, ...], output: str, **options: Any) -> int:
    """Render files through the playing path into one WAV or FLAC file, without a gap."""
    from zerocross.cli.paths import expand
    from zerocross.offline import render as render_files

    if os.path.exists(output) and not options.pop("force"):
        raise UsageError(f"{output}: exists already; give another name, or --force to replace it")
    options.pop("force", None)
    options["effects"] = _equalizer_of(options.pop("eq"))
    options["start_s"], options["duration_s"] = options.pop("start"), options.pop("duration")
    files, problems = expand(inputs)
    for problem in problems:
        _complain(problem)
    if not files:
        return 1
    with progress("rendering") as show:
        done = render_files(files, output, progress=tick(show), **options)
    for line in done.errors:
        click.echo(f"error: {line}", err=True)
    if done.clipped:
        click.echo(
            f"warning: {done.clipped} samples were beyond full scale and saturated; "
            "lower --volume or use --bits float",
            err=True,
        )
    seconds = done.frames / done.sample_rate
    click.echo(
        f"{done.path}: {seconds:.2f} s, {done.sample_rate} Hz, "
        f"{'mono' if done.channels == 1 else 'stereo'}, "
        f"{done.bits if done.bits == 'float' else done.bits + ' bit'}"
    )
    return 1 if done.errors or problems else 0


@cli.command(
    cls=Command,
    epilog="""
    zerocross devices
    zerocross devices --json
    """,
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def devices(as_json: bool) -> int:
    """List the backends, and the devices to play on and to record from."""
    from zerocross.devices.discovery import list_devices

    outputs, reasons = list_devices()
    inputs, _ = list_devices(inputs=True)
    if as_json:
        listed = {
            kind: [
                {
                    "backend": d.backend,
                    "name": d.name,
                    "default": d.is_default,
                    "formats": list(d.formats),
                }
                for d in found
            ]
            for kind, found in (("devices", outputs), ("inputs", inputs))
        }
        click.echo(json.dumps({**listed, "unavailable": reasons}, indent=2))
        return 0
    from rich.table import Table

    table = Table("backend", "device", "for", "default", "native formats")
    for kind, found in (("output", outputs), ("input", inputs)):
        for d in found:
            few = ", ".join(d.formats[:3]) + (
                f", {len(d.formats) - 3} more" if len(d.formats) > 3 else ""
            )
            table.add_row(d.backend, d.name, kind, "yes" if d.is_default else "", few)
    for backend, reason in reasons.items():
        table.add_row(backend, f"none: {reason}", "", "", "", style="dim")
    console().print(table)
    return 0


@cli.command(
    cls=Command,
    epilog="""
    zerocross doctor
    zerocross doctor --json
    zerocross doctor --listen 30 -o machine.png
    """,
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option(
    "--listen",
    "seconds",
    type=click.FloatRange(0, 3600, min_open=True),
    metavar="SECONDS",
    help="Play silence for so long, and say how punctual this machine is.",
)
@click.option("--device", metavar="NAME", help="With --listen: as of play.")
@click.option("--block", type=click.IntRange(16, 65_536), metavar="FRAMES", help="With --listen.")
@click.option("-o", "--output", metavar="FILE", help="With --listen: draw it, as PNG or SVG.")
def doctor(as_json: bool, seconds: float | None, **options: Any) -> int:
    """Show what this machine has: versions, processor, audio, real-time rights, caches."""
    if seconds is not None:
        return _listen(as_json, seconds, **options)
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if given:
        raise UsageError(f"{given[0]} needs --listen SECONDS")
    from zerocross.cli.doctor import examine

    found = examine()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return 0
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for topic, entries in found.items():
        table.add_row(f"[bold]{topic}[/bold]", "")
        for name, value in entries.items():
            table.add_row(f"  {name}", str(value))
    console().print(table)
    return 0


def _listen(
    as_json: bool, seconds: float, device: str | None, block: int | None, output: str | None
) -> int:
    from zerocross.cli.tables import histogram
    from zerocross.lab.listen import draw, listen

    if output:
        check_ending(output)  # before the minutes, not after them
    with progress("listening") as show:
        heard = listen(seconds, device, block, tick(show))
    if output:
        draw(heard, output)
    if as_json:
        click.echo(json.dumps({"verdict": heard.verdict, **heard.report}, indent=2))
        return 0
    for title, counts in (
        ("time that callbacks took", heard.durations),
        ("how far from when they were due callbacks began", heard.arrivals),
    ):
        console().print(histogram(title, counts, heard.report["deadline_ns"]))
    for line in heard.verdict:
        click.echo(line)
    return 0


@cli.command(
    cls=Command,
    epilog="""
    zerocross torture
    zerocross torture --seconds 2 --block 64 --load gil --load gc -o torture.png
    zerocross torture --contestant zerocross --contestant sounddevice --json
    """,
)
@click.option(
    "--seconds", type=click.FloatRange(0.2, 3600), default=5.0, show_default=True, help="Of each."
)
@click.option(
    "--block",
    "blocks",
    type=click.IntRange(16, 65_536),
    multiple=True,
    metavar="FRAMES",
    help="Frames in a callback; may be repeated.  [default: 64, 128, 512]",
)
@click.option("--load", "loads", multiple=True, metavar="NAME", help="May be repeated.")
@click.option("--contestant", "contestants", multiple=True, metavar="NAME", help="The same.")
@click.option("--device", metavar="NAME", help="A backend; a private JACK server where none is.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("-o", "--output", metavar="FILE", help="Draw it, as PNG or SVG.")
def torture(seconds: float, as_json: bool, output: str | None, **options: Any) -> int:
    """Count missed deadlines of us and of others, under every load."""
    from zerocross.cli.tables import torture_tables
    from zerocross.lab.torture import BLOCKS, draw
    from zerocross.lab.torture import torture as run_all

    if output:
        check_ending(output)  # before the minutes, not after them
    blocks = options["blocks"] or BLOCKS
    with progress("torture") as show:

        def tell(done: int, total: int, what: str) -> None:
            interrupt.check()
            if show:
                show(done / total)
            elif what and not as_json:
                click.echo(f"{done + 1} of {total}: {what}", err=True)

        results = run_all(
            seconds, blocks, options["loads"], options["contestants"], options["device"], tell
        )
    if output:
        draw(results, output)
    if as_json:
        click.echo(json.dumps(results, indent=2))
        return 0
    for table in torture_tables(results):
        console().print(table)
    return 0


@cli.command(
    cls=Command,
    epilog="""
    zerocross prove effect.py
    zerocross prove effect.py --json
    """,
)
@click.argument("file", metavar="FILE.py")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def prove(file: str, as_json: bool) -> int:
    """Say of every processor in a file whether it may play, and what it costs."""
    import dataclasses

    from zerocross.cli.prove import prove_file

    found = prove_file(file)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(p) for p in found], indent=2))
    for p in () if as_json else found:
        if not p.accepted:
            click.echo(f"refused   {p.name}: {p.reason}")
            continue
        cycles = "" if p.cycles_per_frame is None else f" ({p.cycles_per_frame:g} cycles)"
        click.echo(
            f"accepted  {p.name}: {p.instructions} instructions, {p.stack_bytes} bytes of stack, "
            f"at most {p.ns_per_frame:g} ns a frame{cycles}"
        )
        for warning in p.warnings:
            click.echo(f"  warning: {warning}")
    return 0 if all(p.accepted for p in found) else 1


@cli.command(
    cls=Command,
    epilog="""
    zerocross live effect.py --input song.flac
    zerocross live effect.py --input song.flac --device null --duration 2
    """,
)
@click.argument("file", metavar="FILE.py")
@click.option("--input", "song", required=True, metavar="SONG", help="What goes through it.")
@click.option("--device", metavar="NAME", help="As of play.")
@click.option("--block", type=click.IntRange(16, 65_536), metavar="FRAMES", help="As of play.")
@click.option(
    "--duration", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Play so much."
)
def live(file: str, song: str, **options: Any) -> int:
    """Play a song through a file's processors, and take the file anew at every save."""
    from zerocross.cli.prove import chain_of, stamp, watch
    from zerocross.graph.chain import Chain
    from zerocross.player import Player

    seen = stamp(file)
    chain = Chain(chain_of(file))
    with Player(options["device"], options["block"], effects=chain) as player:
        player.events.subscribe(_tell_plainly)
        with contextlib.suppress(SourceError):  # told as an event
            player.play(song, duration_s=options["duration"])

        def go_on() -> bool:
            interrupt.check()
            return player.state != "stopped"

        watch(file, seen, chain, lambda line: click.echo(line, err=True), go_on)
        return 1 if any(track.status == "failed" for track in player.queue) else 0


@cli.command(
    cls=Command,
    epilog="""
    eval "$(zerocross completion bash)"
    zerocross completion fish > ~/.config/fish/completions/zerocross.fish
    """,
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print a shell's completion script."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"{shell}: no completion for this shell; use bash, zsh or fish")
    click.echo(kind(cli, {}, "zerocross", "_ZEROCROSS_COMPLETE").source())
    return 0


# --- playing ------------------------------------------------------------------------------


def _play(files: list[str], problems: list[SourceError], **options: Any) -> int:
    """Play files with the live line and the report; returns the exit code."""
    from zerocross.cli.warmup import warm_up
    from zerocross.player import Player

    report = options["report"]
    if report and not Path(report).absolute().parent.is_dir():
        raise UsageError(f"{report}: no such directory; make it first")
    show = not options["no_ui"] and sys.stdout.isatty()
    warm_up(with_spectrum=show)
    effects = _equalizer_of(options["eq"])
    with Player(
        options["device"],
        options["block"],
        options["volume"],
        effects,
        options["replaygain"],
    ) as player:
        player.events.subscribe(_tell if show else _tell_plainly)
        try:
            with contextlib.suppress(SourceError):  # told as an event
                interrupt.check()
                player.play(*files, start_s=options["start"], duration_s=options["duration"])
            code = _watch(player, show)
        except KeyboardInterrupt:
            click.echo(f"stopped at {player.position:.1f} s", err=True)
            code = _INTERRUPTED
        finally:
            player.stop()
            _write_report(report, player, problems)
    failed = problems or any(track.error for track in player.queue)
    return code or (1 if failed else 0)


def _watch(player: Player, show: bool) -> int:
    """Wait until the player stops, with the live line where there is a terminal."""
    if show and player.state != "stopped":
        from zerocross.cli.status_line import run_live

        run_live(player, console())
        counted = player.report()
        click.echo(
            f"played {format_time(counted['seconds'])}, {counted['underruns']} underruns, "
            f"{counted['late_callbacks']} of {counted['callbacks']} callbacks late"
        )
        return 0
    while not player.wait(0.2):
        interrupt.check()
    return 0


def _tell(event: Event) -> None:
    """Print the events that a listener should know of."""
    if event.kind in ("error", "warning", "fault", "notice", "underrun"):
        click.echo(f"{event.kind}: {event.message}", err=True)


def _tell_plainly(event: Event) -> None:
    """Print the same, and each track, where there is no live line."""
    _tell(event)
    if event.kind == "track":
        click.echo(event.message)


def _write_report(report: str | None, player: Player, problems: list[SourceError]) -> None:
    if not report:
        return
    content = player.report()
    content["tracks"] += [
        {"path": p.path, "frames": 0, "status": "failed", "error": p.reason} for p in problems
    ]
    part = f"{report}.part"
    try:
        Path(part).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        os.replace(part, report)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise ZerocrossError(
            f"{report}: the report cannot be written ({error.strerror}); give another file"
        ) from None


# --- shared -------------------------------------------------------------------------------


def _complain(error: Exception) -> None:
    click.echo(f"error: {error}", err=True)


for command in analysis.COMMANDS:
    cli.add_command(command)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 failure, 2 usage, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    if debug:  # takes effect wherever it stands
        arguments = [a for a in arguments if a != "--debug"]
    try:
        code = cli.main(arguments, prog_name="zerocross", standalone_mode=False)
        return int(code or 0)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.Abort:
        return _INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ZerocrossError as error:
        if debug:
            raise
        _complain(error)
        return 2 if isinstance(error, UsageError) else 1
    except Exception as error:
        if debug:
            raise
        _complain(f"{type(error).__name__}: {error}; run again with --debug for details")  # type: ignore[arg-type]
        return 1
