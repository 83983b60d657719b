"""The command that shows the configuration, and makes or edits it."""

from __future__ import annotations

import functools
import json
from typing import Any

import click

from zerocross.cli.command import Command
from zerocross.cli.configured import configurable, configured_defaults
from zerocross.cli.options import JSON
from zerocross.cli.printing import say
from zerocross.errors import UsageError
from zerocross.settings.config import config_path, write_template

__all__ = ["COMMANDS"]


@click.command(
    cls=Command,
    epilog="""
    zerocross config
    zerocross config --init
    zerocross config --json
    """,
)
@click.option("--init", "make", is_flag=True, help="Write a file that explains every key.")
@click.option("--edit", is_flag=True, help="Open it in $VISUAL or $EDITOR; it is made if need be.")
@JSON
def config(make: bool, edit: bool, as_json: bool) -> int:
    """Show the configuration: where it is, every key, and what holds.

    Its keys are the options of zerocross play and of the screen, which win where they are given.
    """
    path = config_path()
    if make or (edit and not path.exists()):
        write_template(path, _explained(), _KEYS)
        say(f"{path}: written; all in it is commented out")
    if edit:
        _edit(str(path))
    elif as_json:
        values = {key: each["value"] for key, each in _effective().items()}
        say(json.dumps({"path": str(path), "values": values}, indent=2))
    elif not make:
        _show(str(path), is_there=path.exists())
    return 0


def _edit(path: str) -> None:
    try:
        click.edit(filename=path)
    except click.ClickException as error:
        raise UsageError(f"{error.format_message()}; set EDITOR") from None
    except ValueError as error:  # of its quotes
        raise UsageError(f"EDITOR: {str(error).lower()}; set it anew") from None


def _show(path: str, is_there: bool) -> None:
    say(f"# {path}" + ("" if is_there else "  (not there; zerocross config --init makes it)"))
    for key, each in _effective().items():
        where = "" if each["is_set"] else "# "
        say(f"\n# {each['help']}\n{where}{key} = {each['toml']}")


def _effective() -> dict[str, dict[str, Any]]:
    """Return for each key its words, its value, and whether the configuration sets it."""
    found = configured_defaults(_all_options(), click.Context(_all_options()))
    result = {}
    for key, option in configurable(_all_options()).items():
        is_set = option.name in found
        value = found.get(option.name) if is_set else _default(option)
        result[key] = {
            "help": _words(option),
            "value": value,
            "toml": _as_toml(option, value),
            "is_set": is_set,
        }
    return result


def _explained() -> dict[str, tuple[str, str]]:
    return {
        key: (_words(option), _as_toml(option, _default(option)))
        for key, option in configurable(_all_options()).items()
    }


@functools.cache
def _all_options() -> click.Command:
    """Return what has all options that may stand in a configuration."""
    from zerocross.cli.play import play
    from zerocross.cli.screen import screen

    names = {option.name for option in play.params}
    own = [option for option in screen.params if option.name not in names]
    return click.Command("", params=[*play.params, *own])


def _words(option: click.Option) -> str:
    """Return what an option does, and what it takes."""
    words = option.help or ""
    if isinstance(option.type, click.Choice):
        words += f"  ({', '.join(map(str, option.type.choices))})"
    return words


def _default(option: click.Option) -> Any:
    """Return an option's own default; None for none."""
    value = option.to_info_dict().get("default")
    return value if isinstance(value, (str, int, float)) else None


def _as_toml(option: click.Option, value: Any) -> str:
    """Return a value as TOML has it; an example where there is none."""
    if value is None and isinstance(option.type, click.Choice):
        value = option.type.choices[0]
    elif value is None:
        value = _EXAMPLES.get(option.name or "", True)
    return json.dumps(value, ensure_ascii=False)  # of text, numbers and booleans TOML's own form


_EXAMPLES = {"device": "null", "block": 512, "eq": "headphones.txt", "effects": "mine.py"}

#: How keys of the screen are changed.
_KEYS = ("", "Keys of the screen, by the names that docs/screen.md has:", "[keys]", 'next = "n b"')

#: The commands of this file.
COMMANDS: list[click.Command] = [config]
