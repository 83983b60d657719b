"""The command that shows sound on the graphics card: in a window, as a picture, as a film.

Over 300 lines, the half of them options.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import re
import warnings
from typing import TYPE_CHECKING, Any

import click

from zerocross.cli import interrupt
from zerocross.cli.command import (
    CompilingCommand,
    progress_bar,
    progress_callback,
    refuse_to_replace,
)
from zerocross.cli.options import (
    BLOCK_SIZE,
    DEVICE,
    GAIN,
    LENGTH,
    MPRIS,
    SHUFFLE,
    TIME,
    effects_of,
    finite,
    player_of,
    sound_options,
    with_options,
)
from zerocross.cli.printing import print_errors, say
from zerocross.errors import SourceError, UsageError
from zerocross.files import printable

if TYPE_CHECKING:
    from zerocross.viz.window import Heard, Window

__all__ = ["COMMANDS"]

#: The names of `gpu.scenes.MODES` and of `viz.show.SCALE_NAMES`, which bring NumPy.
MODES = ("bars", "line", "waterfall", "spectrogram", "wave", "goniometer", "tunnel")
SCALES = ("linear", "logarithmic", "mel", "bark", "quadratic")


def _size(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Read a width and a height."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", value.strip())
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(16 <= side <= 8192 for side in size):
        raise click.BadParameter(
            f"{value!r}: give a width and a height from 16 to 8192, such as 1280x720."
        )
    return size


@click.command(
    cls=CompilingCommand,
    epilog="""
    zerocross viz song.flac
    zerocross viz music/ --mode goniometer --fullscreen
    zerocross viz --input --shader mine.wgsl
    zerocross viz song.flac --record song.mp4 --mode tunnel --size 1920x1080
    zerocross viz song.flac -o song.png --mode spectrogram
    zerocross viz song.flac -o moment.png --mode line --at 1:23
    """,
)
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path())
@with_options(
    click.option(
        "--mode",
        type=click.Choice([*MODES, "shader"]),
        help="What is shown first.  [default: bars, or the shader]",
    ),
    click.option(
        "--shader",
        type=click.Path(),
        metavar="FILE.wgsl",
        help="Your own, with Shadertoy's inputs; taken anew at every save.",
    ),
    click.option(
        "--scale",
        type=click.Choice(SCALES),
        default="logarithmic",
        show_default=True,
        help="Of frequencies.",
    ),
    click.option(
        "--low",
        "low_db",
        type=finite(-190, 80),
        default=-80.0,
        show_default=True,
        metavar="DB",
        help="What is drawn at the bottom, or darkest.",
    ),
    click.option(
        "--high",
        "high_db",
        type=finite(-190, 100),
        default=-10.0,
        show_default=True,
        metavar="DB",
        help="What is drawn at the top, or lightest.",
    ),
    click.option(
        "--fft",
        "fft_size",
        type=click.Choice(["256", "512", "1024", "2048", "4096", "8192", "16384", "32768"]),
        default="4096",
        show_default=True,
        help="Samples of a window: more are finer in frequency, fewer in time.",
    ),
    click.option(
        "--seconds",
        type=finite(0.5, 60),
        default=10.0,
        show_default=True,
        help="Of a waterfall and a spectrogram.",
    ),
    click.option("--labels/--no-labels", default=True, help="Frequencies, levels and times."),
    click.option(
        "--size",
        callback=_size,
        metavar="WxH",
        help="In pixels.  [default: 960x540, of files 1280x720]",
    ),
    click.option(
        "--fps",
        type=click.IntRange(1, 240),
        default=60,
        show_default=True,
        help="Frames a second, at most.",
    ),
    click.option("--fullscreen", "full_screen", is_flag=True, help="Begin with the whole screen."),
    click.option("--software", is_flag=True, help="Draw without the card, where there is one."),
    click.option(
        "--input",
        "input_",
        is_flag=False,
        flag_value="",
        metavar="[NAME]",
        help="Show what comes in: of the default input, or of a device.",
    ),
    click.option(
        "--record",
        type=click.Path(),
        metavar="FILE.mp4|.webm",
        help="Write a film, with the sound.",
    ),
    click.option("-o", "--output", type=click.Path(), metavar="FILE.png", help="Write a picture."),
    click.option(
        "--at",
        "at_s",
        type=TIME,
        metavar="TIME",
        help="Of the picture.  [default: a spectrogram of all, else the middle]",
    ),
    click.option("--force", is_flag=True, help="Replace a file that exists."),
    click.option(
        "--start", "start_s", type=TIME, default=0.0, metavar="TIME", help="Where it begins."
    ),
    click.option("--duration", "duration_s", type=LENGTH, metavar="TIME", help="So much of it."),
    GAIN,
    click.option("--loop", is_flag=True, help="Play all again and again."),
    SHUFFLE,
    DEVICE,
    BLOCK_SIZE,
    MPRIS,
    sound_options,
)
def viz(paths: tuple[str, ...], **options: Any) -> int:
    """Show sound on the graphics card: in a window while it plays, as a picture, or as a film.

    Keys are those of the full screen: x the next mode, f the scale, k peaks, g labels, w or F11 the whole
    screen, ( and ) the range; space, arrows, n, p, m and q as in play.
    """
    if options["low_db"] > options["high_db"] - 20:
        raise UsageError(
            f"--low {options['low_db']:g} --high {options['high_db']:g}: give a range of 20 dB or more"
        )
    options["fft_size"] = int(options["fft_size"])
    _quieten_drivers()
    if options["record"] is not None or options["output"] is not None:
        return _write(paths, options)
    if options["at_s"] is not None:
        raise UsageError("--at is of a picture: add -o picture.png")
    if options["input_"] is not None:
        if paths:
            raise UsageError(f"--input and {printable(paths[0])}: give one of them")
        return _show_input(options)
    if not paths:
        raise UsageError("nothing to show: give a file, or --input for what comes in")
    return _show_files(paths, options)


def _quieten_drivers() -> None:
    """Keep off standard error what drivers and their libraries say; what matters of it is told in a line.

    Vulkan's drivers alone are asked: OpenGL's, and Mesa's choice of a card, complain of displays.
    """
    os.environ.setdefault("NODEVICE_SELECT", "1")
    with contextlib.suppress(ImportError):
        import rendercanvas  # noqa: F401  both make loggers of their own kind
        from wgpu.backends.wgpu_native.extras import set_instance_extras

        set_instance_extras(backends=["Vulkan", "Metal", "DX12"])
    with contextlib.suppress(ImportError):
        import glfw

        warnings.filterwarnings("ignore", category=glfw.GLFWError)
    for name in ("wgpu", "rendercanvas"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _look_of(options: dict[str, Any]) -> dict[str, Any]:
    names = ("scale", "low_db", "high_db", "fft_size", "seconds")
    return {**{name: options[name] for name in names}, "has_labels": options["labels"]}


# --- files ----------------------------------------------------------------------------------------


def _write(paths: tuple[str, ...], options: dict[str, Any]) -> int:
    from zerocross.gpu.card import Card
    from zerocross.sources.playlists import expand_paths
    from zerocross.viz.film import check_film, record_film, save_picture

    record, output = options["record"], options["output"]
    if record is not None and output is not None:
        raise UsageError("--record and -o: give one of them")
    if options["input_"] is not None or not paths:
        raise UsageError("a film or picture is of a file: give one")
    if record is not None and options["at_s"] is not None:
        raise UsageError("--at is of a picture; a film has --start and --duration")
    width, height = options["size"] or (1280, 720)
    if record is not None:
        check_film(record, width, height)
    given = [options[name] for name in ("eq", "effects", "shader") if options[name]]
    refuse_to_replace(output if record is None else record, options["force"], [*paths, *given])
    files, problems = expand_paths(paths)
    print_errors(problems)
    if not files:
        return 1
    chain, _ = effects_of(options["eq"], options["effects"])
    names = ("volume", "start_s", "duration_s", "replaygain", "quality", "mode", "shader")
    card = Card(options["software"])
    how: dict[str, Any] = {name: options[name] for name in names}
    how |= {"effects": chain, "width": width, "height": height}
    told: list[str] = []
    how |= {"card": card, "look": _look_of(options), "tell": told.append}
    if output is not None:
        save_picture(files, output, at_s=options["at_s"], **how)
        print_errors(told)
        say(f"{printable(output)}: {width} x {height}, drawn by {card.name}")
        return 1 if problems or told else 0
    with progress_bar("drawing") as show:
        frames = record_film(
            files, record, fps=options["fps"], progress=progress_callback(show), **how
        )
    print_errors(told)
    seconds = frames / options["fps"]
    say(
        f"{printable(record)}: {seconds:.2f} s, {frames} frames of {width} x {height}, "
        f"drawn by {card.name}"
    )
    return 1 if problems or told else 0


# --- windows --------------------------------------------------------------------------------------


def _window(source: Heard, session: Any, options: dict[str, Any]) -> Window:
    from zerocross.cli.showing import own_keys
    from zerocross.viz.window import Window

    keys, notices = own_keys()
    for notice in notices:
        say(f"notice: {notice}", err=True)
    return Window(
        source,
        session,
        keys,
        options["size"] or (960, 540),
        options["fps"],
        options["full_screen"],
        options["software"],
        tell=lambda words: say(words, err=True),
        mode=options["mode"],
        shader=options["shader"],
        **_look_of(options),
    )


def _show_files(paths: tuple[str, ...], options: dict[str, Any]) -> int:
    from zerocross.cli.memory import begin
    from zerocross.cli.playing import print_event_or_track
    from zerocross.cli.warmup import warm_up
    from zerocross.remote import Remote
    from zerocross.sources.playlists import expand
    from zerocross.terminal.session import Session

    entries, problems = expand(paths)
    print_errors(problems)
    if not entries:
        return 1
    effects, equalizer = effects_of(options["eq"], options["effects"])
    with player_of(options, effects) as player:
        warm_up()
        player.events.subscribe(print_event_or_track)
        try:
            begin(player, entries, {**options, "loop": "all" if options["loop"] else "off"})
            window = _window(player, Session(player, equalizer=equalizer), options)
            ended: list[bool] = []
            quit_player = functools.partial(ended.append, True)
            mpris = options["mpris"]
            with Remote(player, mpris, quit_player=quit_player, equalizer=equalizer) as remote:
                if remote.problem:
                    say(f"notice: {remote.problem}", err=True)
                _run(window, lambda: player.state != "stopped" and not ended)
        except SourceError:
            pass  # told as an event
        finally:
            player.stop()
        failed = problems or any(track.error for track in player.queue)
    return interrupt.exit_code() or (1 if failed else 0)


def _show_input(options: dict[str, Any]) -> int:
    from zerocross import Stream
    from zerocross.cli.warmup import warm_up

    warm_up()
    stream = Stream(
        input=options["input_"] or True,
        output=False,
        device=options["device"],
        block_size=options["block"],
    )
    with stream:
        window = _window(stream, None, options)
        say(f"showing what comes in from {stream.device}", err=True)
        _run(window, lambda: stream.is_running)
    return interrupt.exit_code()


def _run(window: Window, goes_on: Any) -> None:
    def look() -> bool:
        interrupt.check()
        return bool(goes_on())

    try:
        with interrupt.handed_to(lambda _number: None):  # an exception would be lost in the loop
            window.run(look)
    except KeyboardInterrupt:
        say("stopped", err=True)


#: The commands of this file.
COMMANDS: list[click.Command] = [viz]
