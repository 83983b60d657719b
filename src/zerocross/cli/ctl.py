"""The command that controls a player in another process."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from zerocross.cli.command import Command
from zerocross.cli.printing import print_error, say
from zerocross.errors import UsageError, ZerocrossError
from zerocross.files import printable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["COMMANDS"]

#: Commands that are followed by files, as the shell that they are typed in names them.
_WITH_FILES = {"eq", "append"}


class _CtlCommand(Command):
    """A command whose help tells of all words."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from zerocross.remote.commands import WORDS

        super().format_help_text(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl(
                [(f"{name} {word.arguments}".rstrip(), word.help) for name, word in WORDS.items()]
            )


def _complete(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    from zerocross.remote.commands import WORDS

    return [name for name in WORDS if name.startswith(begun)]


@click.command(
    cls=_CtlCommand,
    context_settings={"ignore_unknown_options": True},  # seek -5
    epilog="""
    zerocross ctl toggle
    zerocross ctl seek -10
    zerocross ctl volume +5%
    zerocross ctl status --json
    zerocross ctl --player all pause
    """,
)
@click.argument(
    "words", nargs=-1, required=True, metavar="COMMAND [ARG]...", shell_complete=_complete
)
@click.option(
    "--player",
    metavar="N|all",
    help="Which one, by its process.  [default: the one that started last]",
)
@click.option("--json", "as_json", is_flag=True, help="Answers for programs, a line each.")
def ctl(words: tuple[str, ...], player: str | None, as_json: bool) -> int:
    """Control a zerocross that plays."""
    from zerocross.remote.places import CAN_LISTEN, sockets

    if not CAN_LISTEN:
        raise ZerocrossError("this system's Python has no local sockets; use the player's own keys")
    command = _with_whole_names(words)
    return max(_ask(path, command, as_json) for path in _chosen(sockets(), player))


def _chosen(players: list[Path], player: str | None) -> list[Path]:
    """Return the sockets of the players that are meant."""
    from zerocross.remote.places import check_folder

    if not players:
        check_folder()
        raise ZerocrossError("no player is there; start one: zerocross play song.flac")
    if player == "all":
        return players
    if player is None:
        return players[:1]
    found = [path for path in players if path.stem == player]
    if not found:
        names = ", ".join(path.stem for path in players)
        raise UsageError(f"no player {printable(player)}; there are {names}")
    return found


def _with_whole_names(words: tuple[str, ...]) -> list[str]:
    """Return a command whose files are named from the root: the player has another folder."""
    name, *rest = words
    if name in _WITH_FILES and (name, *rest) != ("eq", "off"):
        rest = [word if ":/" in word else os.path.abspath(word) for word in rest]
    return [name, *rest]


def _ask(path: Path, command: list[str], as_json: bool) -> int:
    """Send a command to a player, and print what it answers; returns the exit code."""
    from zerocross.remote.control import ask

    answer = ask(path, command)
    if as_json:
        data = answer.get("data")
        found = data if isinstance(data, dict) else {**answer}
        say(json.dumps({"player": path.stem, **found}))
    if not answer.get("ok"):
        if not as_json:
            print_error(printable(answer["error"]))
        return 2 if answer.get("is_usage") else 1
    if not as_json:
        _tell(path, command[0], answer.get("data"))
    return 0


def _tell(path: Path, name: str, data: Any) -> None:
    from zerocross.remote.commands import in_a_line

    if name == "status":
        say(f"{path.stem}: {in_a_line(data)}")
    for line in data if isinstance(data, list) else ():
        say(f"warning: {line}", err=True)


#: The commands of this file.
COMMANDS: list[click.Command] = [ctl]
