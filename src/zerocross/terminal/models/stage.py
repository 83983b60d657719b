"""Where a player's chain has the equaliser that is edited: found, taken over, or put in.

What equalises already (``--eq FILE``) is taken over when it is first edited, if it is bands that are
the same for all channels. The stage that takes its place has room for more bands, and looks at what
goes in and what comes out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from zerocross.effects.metering import TapPoint
from zerocross.eq.equalizer import Equalizer
from zerocross.graph.chain import Chain
from zerocross.graph.groups import Bypassed, Group
from zerocross.graph.hot_reload import standing_for
from zerocross.terminal.models.presets import MOST_BANDS, Setting

if TYPE_CHECKING:
    from zerocross.player import Player
    from zerocross.sync import Tap

__all__ = ["EqualizerStage", "find_equalizer", "find_stage", "put_stage", "setting_in"]

#: Bands that there is room for without another stage: the lanes of one vector, and twice that.
_ROOMS = (8, 16, 32, MOST_BANDS)


class EqualizerStage(Group):
    """An equaliser between two taps.

    Parameters
    ----------
    bands : int
        How many it has room for, at least.

    """

    def __init__(self, bands: int = 0) -> None:
        self.room = next(room for room in _ROOMS if room >= bands)
        made: Any = (
            Equalizer  # one form for all changes: its memory then goes over to the new bands
        )
        self.equalizer: Equalizer = made([], room=self.room, engine="cascade")
        point: Any = TapPoint
        self._before, self._after = point(), point()
        super().__init__(self._before, self.equalizer, self._after)

    @property
    def before(self) -> Tap | None:
        """What goes in; None before the chain was prepared."""
        return getattr(self._before, "_tap", None)

    @property
    def after(self) -> Tap | None:
        """What comes out."""
        return getattr(self._after, "_tap", None)


def _parts_below(group: Group) -> Iterator[Any]:
    for part in group.parts:
        yield part
        if isinstance(part, Bypassed):
            yield part.part
        elif isinstance(part, Group):
            yield from _parts_below(part)


def find_stage(player: Player) -> EqualizerStage | None:
    """Return the stage that a player's chain has, also where it is bypassed there; None for none."""
    chain = player.effects
    if chain is None:
        return None
    return next((part for part in _parts_below(chain) if isinstance(part, EqualizerStage)), None)


def find_equalizer(player: Player) -> Any:
    """Return the part of a player's chain that is one equaliser and can be taken over, or None."""
    chain = player.effects
    if chain is None:
        return None
    for part in _parts_below(chain):
        if isinstance(part, Chain):  # whoever put it there still finds it, and the part within
            continue
        inside = list(part.processors()) if isinstance(part, Group) else [part]
        if len(inside) == 1 and _can_be_edited(inside[0]) and standing_for(chain, part) is part:
            return part
    return None


def _can_be_edited(part: Any) -> bool:
    is_one = isinstance(part, Equalizer) and part.is_linked and len(part.bands) <= MOST_BANDS
    return is_one and part._definition == "rbj"


def setting_in(part: Any) -> Setting:
    """Return what a part does that `find_equalizer` found."""
    equalizer: Any = next(part.processors()) if isinstance(part, Group) else part
    gain = float(equalizer.preamp_db) + equalizer._trims[0]
    return Setting(tuple(equalizer.bands), gain)


def put_stage(player: Player, stage: EqualizerStage) -> None:
    """Put a stage into a player's chain: in the place of one, or of an equaliser, else at its end.

    It waits for the crossfade; not on an event loop's thread.
    """
    chain = player.effects
    if chain is None:
        player.effects = Chain(stage)
        return
    before = find_stage(player)
    old = find_equalizer(player) if before is None else standing_for(chain, before)
    if old is None:
        chain.append(stage)
    else:
        chain.replace(old, Bypassed(stage) if isinstance(old, Bypassed) else stage)
