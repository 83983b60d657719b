"""Options that commands share, and what is made of them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from zerocross.cli.printing import say
from zerocross.errors import UsageError, ZerocrossError
from zerocross.units import parse_time, parse_volume

if TYPE_CHECKING:
    from zerocross.graph.chain import Chain
    from zerocross.player import Player

__all__ = [
    "BLOCK",
    "BLOCK_SIZE",
    "DEVICE",
    "GAIN",
    "JSON",
    "LENGTH",
    "MPRIS",
    "SHUFFLE",
    "TIME",
    "VOLUME",
    "effects_of",
    "finite",
    "noticed_if_configured",
    "player_of",
    "sound_options",
    "with_options",
]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class _FiniteRange(click.FloatRange):
    """A range that NaN is not in: no comparison with it is true."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def finite(low: float, high: float, min_open: bool = False) -> click.FloatRange:
    """Return click's type for finite numbers within limits."""
    return _FiniteRange(low, high, min_open=min_open)


class _Written(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # in click's later ones
    """What people write in a way of its own: a function makes a number of it, or a UsageError."""

    def __init__(self, name: str, read: Callable[[str], float], zero: bool = True) -> None:
        self.name, self._read, self._zero = name, read, zero

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            number = self._read(str(value))
        except UsageError as error:
            self.fail(f"{error}.", param, ctx)
        if number == 0.0 and not self._zero:
            self.fail(f"{value} is no length; give more than 0.", param, ctx)
        return number


#: A time, how long something is, and a gain, as click's types.
TIME, LENGTH = _Written("time", parse_time), _Written("length", parse_time, zero=False)
VOLUME = _Written("volume", parse_volume)

#: Frames in a callback, as click's type.
BLOCK = click.IntRange(16, 65_536)

JSON = click.option("--json", "as_json", is_flag=True, help="For programs.")

_EQ = click.option(
    "--eq",
    type=click.Path(),
    metavar="FILE",
    help="An equaliser preset: Equalizer APO, AutoEq.",
)
_EFFECTS = click.option(
    "--effects",
    type=click.Path(),
    metavar="FILE.py",
    help="A Python file's chain or processors, before the equaliser.",
)
_REPLAYGAIN = click.option(
    "--replaygain",
    type=click.Choice(["track", "album", "off"]),
    default="off",
    show_default=True,
    help="Apply the files' ReplayGain, without clipping.",
)
#: The names of `dsp.polyphase.QUALITIES`, which brings NumPy: without a blank, as words of a shell.
_QUALITY = click.option(
    "--resample-quality",
    "quality",
    type=click.Choice(["medium", "high", "very-high"]),
    default="high",
    show_default=True,
    help="Of files whose sample rate is not the output's.",
)

#: Options of everything that plays files, each where its help wants it.
GAIN = click.option(
    "--volume",
    type=VOLUME,
    default=1.0,
    show_default=True,
    help="Gain: 80% or 0.8.",
)
SHUFFLE = click.option("--shuffle/--no-shuffle", help="Play in a random order.")
DEVICE = click.option(
    "--device",
    metavar="NAME|null",
    help="A device, a part of its name, a backend, or null for no sound.",
)
BLOCK_SIZE = click.option(
    "--block",
    type=BLOCK,
    metavar="FRAMES",
    help="Frames in a callback.  [default: 512, or 2048 on PulseAudio]",
)
MPRIS = click.option(
    "--mpris/--no-mpris",
    default=None,
    help="Media keys, over D-Bus.  [default: where zerocross[remote] is installed]",
)


def with_options(*options: Decorator) -> Decorator:
    """Return a decorator that adds options in the order that help shows them."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return add


#: Options of everything that makes sound of files.
sound_options = with_options(_EQ, _EFFECTS, _REPLAYGAIN, _QUALITY)


def player_of(options: dict[str, Any], effects: Any) -> Player:
    """Return a player as the options of a command want it."""
    from zerocross.player import Player

    return Player(
        options["device"],
        options["block"],
        options["volume"],
        effects,
        options["replaygain"],
        quality=options["quality"],
    )


def effects_of(eq: str | None, effects: str | Chain | None) -> tuple[Any, Any]:
    """Return the chain that files go through, or None, and the part of it that equalises.

    ``effects`` is a user's file, or the chain that it defines.

    What a user's file does comes first, the equaliser after it. It says which lines of a preset are
    not applied.
    """
    if eq is None and effects is None:
        return None, None
    from zerocross.graph.chain import Chain

    parts, equalizer = [], None
    if effects is not None:
        from zerocross.graph.user_file import chain_of

        with noticed_if_configured("effects"):
            parts.append(chain_of(effects) if isinstance(effects, str) else effects)
    if eq is not None:
        from zerocross.eq.presets import read_preset

        with noticed_if_configured("eq"):
            preset = read_preset(eq)
            for skipped in preset.skipped:
                say(f"warning: {skipped}", err=True)
            equalizer = Chain(*preset.processors())
            parts.append(equalizer)
    return (Chain(*parts) if parts else None), equalizer


@contextlib.contextmanager
def noticed_if_configured(option: str) -> Iterator[None]:
    """Tell what is wrong with a file that the configuration names; that never holds the start up."""
    from zerocross.cli.configured import is_given, notice

    try:
        yield
    except ZerocrossError as error:
        if is_given(option):
            raise
        notice(f"{option}: {error}; it is not used")
