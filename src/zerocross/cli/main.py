"""The command line: the group of all commands, and how an error becomes a line and an exit code."""

from __future__ import annotations

import errno
import io
import os
import sys
import warnings
from typing import Any

import click

from zerocross import __version__
from zerocross.cli import interrupt
from zerocross.cli.command import Command, CommandGroup
from zerocross.cli.printing import lose, lost_output, prepare, print_error, say
from zerocross.errors import UsageError, ZerocrossError

__all__ = ["cli", "run"]

_INTERRUPTED = 130
#: What writing to standard output fails with.
_STREAM = {errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF}
#: In which module each command is; see `CommandGroup`.
_HOMES = {
    "play": "play",
    "screen": "screen",
    "demo": "play",
    "ctl": "ctl",
    "config": "config",
    "render": "render",
    "devices": "machine",
    "doctor": "machine",
    "cache": "cache",
    "torture": "torture",
    "prove": "prove",
    "live": "live",
    "eq": "analysis",
    "loudness": "analysis",
    "spectrum": "analysis",
    "spectrogram": "analysis",
    "viz": "viz",
    "web": "web",
}


#: Commands of this file, and what the group knows itself.
_HERE = ("completion", "-h", "--help", "--version")


@click.group(
    cls=CommandGroup,
    homes=_HOMES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""
    zerocross music/
    zerocross demo
    zerocross play music/ --volume 0.8
    zerocross render song.flac song.wav
    zerocross devices
    """,
)
@click.version_option(__version__, prog_name="zerocross")
@click.option("--debug", is_flag=True, help="Print tracebacks of errors.")
def cli(debug: bool) -> None:
    """Real-time audio whose whole path is Python and runs without the interpreter.

    zerocross [PATH]... without a command opens the full screen.
    """
    del debug  # read by run(), which also sees errors from before this is called


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

    kind: Any = get_completion_class(shell)  # of the three that it knows itself
    say(kind(cli, {}, "zerocross", "_ZEROCROSS_COMPLETE").source())
    return 0


def run(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns the exit code: 0, 1 failure, 2 usage, 130 interrupted, 143 terminated, 129 hung up.
    """
    prepare()
    code = _run(sys.argv[1:] if arguments is None else arguments)
    return (1 if lost_output() else 0) if code == 0 else code


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    if debug:  # takes effect wherever it stands
        arguments = [a for a in arguments if a != "--debug"]
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        return _invoke(arguments, debug)


def _with_command(arguments: list[str]) -> list[str]:
    """Return arguments that begin with a command: the screen's, where they name none."""
    if arguments and (arguments[0] in _HOMES or arguments[0] in _HERE):
        return arguments
    from zerocross.cli.screen import for_screen

    return for_screen(arguments, [*_HOMES, *_HERE])


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning as the line that it is, without the place in the code."""
    say(f"warning: {message}", err=True)


def _invoke(arguments: list[str], debug: bool) -> int:
    try:
        if "_ZEROCROSS_COMPLETE" not in os.environ:
            arguments = _with_command(arguments)
        code = cli.main(arguments, prog_name="zerocross", standalone_mode=False)
        return int(code or 0)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except (click.Abort, KeyboardInterrupt):
        say("stopped", err=True)
        return interrupt.exit_code() or _INTERRUPTED
    except click.ClickException as error:
        lines = io.StringIO()
        error.show(lines)
        say(lines.getvalue().rstrip("\n").replace("\n\t", " "), err=True)
        return error.exit_code
    except ZerocrossError as error:
        if debug:
            raise
        print_error(error)
        return 2 if isinstance(error, UsageError) else 1
    except Exception as error:
        if interrupt.exit_code():  # the terminal went away, and its device with it
            return interrupt.exit_code()
        if isinstance(error, OSError) and error.filename is None and error.errno in _STREAM:
            lose(sys.stdout, error)
            return 0  # until it is asked whether all was written
        if debug:
            raise
        print_error(f"{type(error).__name__}: {error}; run again with --debug for details")
        return 1
