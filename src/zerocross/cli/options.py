"""Options that commands share, and what is made of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click

from zerocross.cli.printing import say

__all__ = [
    "BLOCK",
    "JSON",
    "LENGTH",
    "SECONDS",
    "VOLUME",
    "equalizer_chain",
    "finite",
    "sound_options",
    "with_options",
]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_MOST_S = 1e9  # thirty years


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


#: A time, how long something is, and a gain, as click's types.
SECONDS, LENGTH, VOLUME = finite(0, _MOST_S), finite(0, _MOST_S, min_open=True), finite(0, 1)

#: Frames in a callback, as click's type.
BLOCK = click.IntRange(16, 65_536)

JSON = click.option("--json", "as_json", is_flag=True, help="For programs.")

_EQ = click.option(
    "--eq",
    type=click.Path(),
    metavar="FILE",
    help="An equaliser preset: Equalizer APO, AutoEq.",
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


def with_options(*options: Decorator) -> Decorator:
    """Return a decorator that adds options in the order that help shows them."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return add


#: Options of everything that makes sound of files.
sound_options = with_options(_EQ, _REPLAYGAIN, _QUALITY)


def equalizer_chain(preset_path: str | None) -> Any:
    """Return a chain that applies a preset, or None; says which lines are not applied."""
    if preset_path is None:
        return None
    from zerocross.eq.presets import read_preset
    from zerocross.graph.chain import Chain

    preset = read_preset(preset_path)
    for skipped in preset.skipped:
        say(f"warning: {skipped}", err=True)
    return Chain(*preset.processors())
