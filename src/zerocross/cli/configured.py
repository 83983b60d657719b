"""Commands whose options have their defaults from the user's configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from zerocross.cli.command import CompilingCommand
from zerocross.cli.printing import say
from zerocross.errors import DeviceNotFound
from zerocross.settings.config import config_path, read_config
from zerocross.units import shown

__all__ = [
    "ConfiguredCommand",
    "configurable",
    "configured_defaults",
    "is_given",
    "notice",
    "notices_so_far",
]

#: Options that are of one run, and of no configuration.
_OF_ONE_RUN = {"start_s", "duration_s", "report", "help"}
#: The keys of all commands.
_known: set[str] = {"view", "theme", "fps"}  # the screen's, which is not imported for the others
#: Of the screen: names of actions, and keys.
_TABLES = ("keys",)
_NOTICES = "zerocross.notices"


class ConfiguredCommand(CompilingCommand):
    """A command that takes what the user's configuration says for options that are not given.

    What is wrong there is a notice on standard error.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _known.update(configurable(self))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            ctx.default_map = {**(ctx.default_map or {}), **configured_defaults(self, ctx)}
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DeviceNotFound as error:
            if ctx.get_parameter_source("device") is ParameterSource.DEFAULT_MAP:
                raise DeviceNotFound(f"{error} (it is the device of {config_path()})") from None
            raise


def _key_of(option: click.Parameter) -> str:
    """Return an option's name in a configuration: that of the command line."""
    return max(option.opts, key=len).removeprefix("--")


def configurable(command: click.Command) -> dict[str, click.Option]:
    """Return a command's options that may stand in a configuration, by their keys."""
    return {
        _key_of(option): option
        for option in command.params
        if isinstance(option, click.Option) and option.name not in _OF_ONE_RUN
    }


def is_given(name: str) -> bool:
    """Return whether an option of the command that runs was given on the command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def notice(line: str, ctx: click.Context | None = None) -> None:
    """Tell a line on standard error, and keep it: a screen that opens next would cover it."""
    words = f"notice: {line}"
    say(words, err=True)
    (ctx or click.get_current_context()).meta.setdefault(_NOTICES, []).append(words)


def notices_so_far() -> list[str]:
    """Return what the command that runs was given notice of."""
    ctx = click.get_current_context(silent=True)
    return [] if ctx is None else list(ctx.meta.get(_NOTICES, ()))


def configured_defaults(command: click.Command, ctx: click.Context) -> dict[str, Any]:
    """Return what the configuration says for a command's options; tells what is wrong there."""
    path, options = config_path(), configurable(command)
    found, notices = read_config(path, _known, _TABLES)
    values: dict[str, Any] = {}
    for key, value in found.items():
        option = options.get(key)
        if option is None or option.name is None:  # a key of another command
            continue
        try:
            values[option.name] = _checked(option, ctx, _in_place(option, value, path))
        except click.BadParameter as error:
            notices.append(f"{path}: {key}: {error.message.rstrip('.')}; it is not used")
    for line in notices:
        notice(line, ctx)
    return values


def _in_place(option: click.Option, value: Any, config: Path) -> Any:
    """Return a value; a file's name is meant beside the configuration."""
    if isinstance(option.type, click.Path) and isinstance(value, str):
        return os.path.join(config.parent, os.path.expanduser(value))
    return value


def _checked(option: click.Option, ctx: click.Context, value: Any) -> Any:
    if option.is_flag != isinstance(value, bool):
        raise click.BadParameter("give true or false" if option.is_flag else f"{value}: no switch")
    if isinstance(option.type, click.Path):
        if not isinstance(value, str):
            raise click.BadParameter(f"{shown(value)}: give the name of a file")
        if not os.path.exists(value):
            raise click.BadParameter(f"{value}: no such file")
    try:
        option.type_cast_value(ctx, value)  # complains
    except (ValueError, OverflowError):  # infinite, or of thousands of digits
        raise click.BadParameter(f"{shown(value)} is not a valid {option.type.name}") from None
    return value
