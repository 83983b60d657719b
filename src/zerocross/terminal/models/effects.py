"""A player's chain of effects as it is shown and changed, and the files that parts of it come from.

What waits for the audio thread or compiles is a job (`terminal.models.jobs`); parameters are set at once.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zerocross import effects
from zerocross.dsp.resample import resample_response
from zerocross.effects.convolver import Convolver
from zerocross.errors import UsageError, ZerocrossError
from zerocross.graph.chain import Chain
from zerocross.graph.groups import Bypassed, Group
from zerocross.graph.hot_reload import Refusal, UserParts, refusal_of, standing_for
from zerocross.graph.user_file import words_of
from zerocross.sources.opening import read_audio
from zerocross.terminal.models.jobs import Submit, at_once
from zerocross.terminal.models.rows import Row, name_of, rows_of
from zerocross.terminal.models.stage import EqualizerStage
from zerocross.terminal.models.values import step

if TYPE_CHECKING:
    from zerocross.player import Player

__all__ = ["BUILT_IN", "EffectsModel"]

_MOST_IMPULSE_S = 60.0


def _is_offered(kind: Any) -> bool:
    """Return whether a class is an effect that can be made without anything else."""
    needed = [
        p
        for p in list(inspect.signature(kind.__init__).parameters.values())[1:]
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return not needed and not kind.is_instrument and kind is not effects.TapPoint


#: What can be added by its name.
BUILT_IN: dict[str, Callable[[], Any]] = {
    **{
        name: getattr(effects, name)
        for name in effects.__all__
        if _is_offered(getattr(effects, name))
    },
    "Equalizer": EqualizerStage,
}


class EffectsModel:
    """A player's chain.

    Parameters
    ----------
    player : Player
        Whose.
    submit : callable or None
        As of `EqualizerModel`.
    user : UserParts or None
        A file whose parts are in the chain already.

    Attributes
    ----------
    files : list of UserParts
        Files that parts come from, looked at by `look`.
    refusals : dict
        For a file's path the `Refusal` of the version that was not taken.
    tell : callable
        Given a line about what was done or could not be.
    is_done : callable
        Called when a job has changed something, or could not.

    """

    def __init__(
        self, player: Player, submit: Submit | None = None, user: UserParts | None = None
    ) -> None:
        self._player, self._submit = player, submit or at_once
        self.files = [user] if user else []
        self.refusals: dict[str, Refusal] = {}
        self.tell: Callable[[str], None] = lambda _: None
        self.is_done: Callable[[], None] = lambda: None
        self._forgiven: dict[int, int] = {}
        self._waiting = 0

    # --- what there is ------------------------------------------------------------------------

    @property
    def chain(self) -> Chain | None:
        """The player's."""
        return self._player.effects

    @property
    def is_busy(self) -> bool:
        """Whether something is being changed."""
        return self._waiting > 0

    def rows(self) -> list[Row]:
        """Return all lines, in order."""
        chain = self.chain
        return [] if chain is None else list(rows_of(chain, self._faults(chain)))

    def _faults(self, chain: Chain) -> dict[int, tuple[int, str]]:
        """Return for each part that failed how often, and the words of the last time."""
        found: dict[int, tuple[int, str]] = {}
        for fault in chain.faults_of_run():
            count = found.get(id(fault.processor), (0, ""))[0]
            found[id(fault.processor)] = count + 1, f"{fault.outcome}: {fault.cause}"
        return {
            part: (count, words)
            for part, (count, words) in found.items()
            if count > self._forgiven.get(part, 0)
        }

    # --- values -------------------------------------------------------------------------------

    def set_value(self, row: Row, value: float) -> None:
        """Set a parameter; while it plays, it moves there within its smoothing.

        Raises
        ------
        UsageError
            For what is no number, and outside the range.

        """
        if row.param is not None:
            setattr(row.part, row.name, value)

    def type_value(self, row: Row, text: str) -> None:
        """Set a parameter to what was typed, with its unit or without."""
        plain = text.strip().removesuffix(row.param.unit if row.param else "").replace(",", ".")
        try:
            value = float(plain)
        except ValueError:
            raise UsageError(f"{row.name}: {text.strip()!r} is no number") from None
        self.set_value(row, value)

    def turn(self, row: Row, steps: float) -> None:
        """Turn a parameter by steps, as far as it goes."""
        if row.param is not None:
            now = float(getattr(row.part, row.name))
            self.set_value(row, step(row.param, now, steps))

    def to_default(self, row: Row) -> None:
        """Set a parameter to its default."""
        if row.param is not None:
            self.set_value(row, row.param.default)

    # --- parts --------------------------------------------------------------------------------

    def add(self, what: str, behind: Any = None) -> None:
        """Add an effect behind a part, at the end for None.

        Parameters
        ----------
        what : str
            One of `BUILT_IN`, a path of a Python file, or of an impulse response.
        behind : Processor or Group or None
            A part.

        """
        what = what.strip()
        name = next((each for each in BUILT_IN if each.lower() == what.lower()), None)
        path = os.path.expanduser(what)

        def work() -> str:
            if name is not None:
                self._insert([BUILT_IN[name]()], behind)
                return f"added: {name}"
            if path.endswith(".py"):
                return self._add_file(path, behind)
            self._insert([self._convolver(path)], behind)
            return "added: Convolver"

        if name is None and self._is_there(path):
            self.tell(f"not taken: {path}: is in the chain already")
            return
        self._do(work, path if path.endswith(".py") else "")

    def _is_there(self, path: str) -> bool:
        """Return whether parts of a file are in the chain."""
        if not os.path.exists(path):
            return False
        return any(os.path.exists(e.path) and os.path.samefile(path, e.path) for e in self.files)

    def _convolver(self, path: str) -> Any:
        made: Any = Convolver
        rows, rate = read_audio(Path(path), _MOST_IMPULSE_S)
        wanted, _ = (self.chain and self.chain.format) or (rate, 2)
        if rate != wanted:
            rows = np.array([resample_response(row, rate, wanted)[0] for row in rows])
        return made(rows.T)

    def _add_file(self, path: str, behind: Any) -> str:
        if self._is_there(path):  # it was added twice while it was compiled
            raise UsageError(f"{path}: is in the chain already")
        user = UserParts(path)
        Chain(*user.parts).prepare(*((self.chain and self.chain.format) or (48_000, 2)))
        self._insert(user.parts, behind)
        self.files.append(user)
        return f"added: {', '.join(map(name_of, user.parts))}"

    def _insert(self, parts: list[Any], behind: Any) -> None:
        chain = self.chain
        if chain is None:
            self._player.effects = Chain(*parts)
            return
        place = len(chain.parts) if behind is None else _place_of(chain, behind) + 1
        for k, part in enumerate(parts):
            chain.insert(place + k, part)

    def remove(self, part: Any) -> None:
        """Take a part out of the chain."""

        def work(chain: Chain) -> str:
            chain.remove(standing_for(chain, part))
            return f"removed: {name_of(part)}"

        self._change(work)

    def move(self, part: Any, step: int) -> None:
        """Move a part of the chain's own by places; at an end it stays."""

        def work(chain: Chain) -> str:
            place = _place_of(chain, part)
            standing = chain.parts[place]
            target = min(max(place + step, 0), len(chain.parts) - 1)
            if standing_for(chain, part) is standing and target != place:
                chain.move(standing, target)
            return ""

        self._change(work)

    def set_bypass(self, part: Any, value: bool) -> None:
        """Leave a part out, or let it be heard again, from rest; one that failed runs anew."""

        def work(chain: Chain) -> str:
            standing = standing_for(chain, part)
            is_bypassed = isinstance(standing, Bypassed)
            if value and not is_bypassed:
                chain.replace(standing, Bypassed(part))
            elif not value and is_bypassed:
                self._forgive(chain, part)
                chain.replace(standing, part)
            return ""

        self._change(work)

    def try_again(self, part: Any) -> None:
        """Let a part that failed run again, from rest."""

        def work(chain: Chain) -> str:
            standing = standing_for(chain, part)
            if standing is part:
                away = Bypassed(part)
                chain.replace(part, away)
                self._forgive(chain, part)
                chain.replace(away, part)
            return ""

        self._change(work)

    def _forgive(self, chain: Chain, part: Any) -> None:
        own = list(part.processors()) if isinstance(part, Group) else [part]
        counts = [fault.processor for fault in chain.faults_of_run()]
        for each in [*own, part]:
            self._forgiven[id(each)] = sum(1 for failed in counts if failed is each)

    # --- files --------------------------------------------------------------------------------

    def look(self) -> bool:
        """Take files that were saved again; returns whether there are any. A few times a second."""
        found = False
        for user in self.files:
            if user.has_changed():
                found = True
                self._take(user)
        return found

    def _take(self, user: UserParts) -> None:
        def work() -> str:
            chain = self.chain
            if chain is None:
                return ""
            names = user.take(chain)
            return f"taken: {', '.join(names) or 'nothing was made anew'}"

        self._do(work, user.path)

    # --- jobs ---------------------------------------------------------------------------------

    def _change(self, work: Callable[[Chain], str]) -> None:
        chain = self.chain
        if chain is not None:
            self._do(lambda: work(chain))

    def _do(self, work: Callable[[], str], path: str = "") -> None:
        """Have work done; what it raises is told, and where it is of a file, shown at its line."""
        self._waiting += 1

        def guarded() -> tuple[str, Refusal | None]:
            try:
                return work(), None
            except ZerocrossError as error:
                return f"not taken: {error}", refusal_of(path, error) if path else None
            except Exception as error:  # noqa: BLE001  a user's file, or its processors' Python
                return f"not taken: {words_of(error)}", refusal_of(path, error) if path else None

        self._submit(guarded, lambda found: self._end(path, *found))

    def _end(self, path: str, words: str, refusal: Refusal | None) -> None:
        self._waiting -= 1
        watched = {user.path for user in self.files}
        for other in (
            self.refusals.keys() - watched
        ):  # nobody looks at that file: it was read by now
            del self.refusals[other]
        if refusal is None:
            self.refusals.pop(path, None)
        elif refusal.line or path in watched:  # else there is nothing in the file to be repaired
            self.refusals[path] = refusal
        if words:
            self.tell(words)
        self.is_done()


def _place_of(chain: Chain, part: Any) -> int:
    """Return the index of the chain's own part that a part is or is within."""
    for place, each in enumerate(chain.parts):
        own = each.part if isinstance(each, Bypassed) else each
        inside = list(own.processors()) if isinstance(own, Group) else []
        if own is part or any(part is one for one in inside):
            return place
    raise UsageError(f"{name_of(part)} is not in the chain any more")
