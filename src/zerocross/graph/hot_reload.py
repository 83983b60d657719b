"""A user's file that plays, taken anew at every save: what did not change plays on as it is.

Parts of two versions are matched, first those that are made of the same code and the same values,
then those of one class. What matches in all but its parameters keeps its state and is given the new
values; what is of another code is exchanged with a crossfade. Nothing is changed before all of a
version was proven.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zerocross.compiler.content import content_of, content_of_value
from zerocross.errors import CompileError, UserFileError
from zerocross.files import printable
from zerocross.graph.chain import Chain
from zerocross.graph.groups import Bypassed, Group, Parallel
from zerocross.graph.processor import OWN_ATTRIBUTES, Processor
from zerocross.graph.user_file import chain_of, line_in, words_of

__all__ = ["Refusal", "UserParts", "Version", "file_version", "refusal_of", "standing_for"]

_RATE, _CHANNELS = 48_000, 2
_MOST_SHOWN = 200

#: Time of the last change, and size.
Version = tuple[int, int]


def file_version(path: str) -> Version | None:
    """Return what tells one version of a file from the next; None where there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


@dataclasses.dataclass(frozen=True)
class Refusal:
    """Why a version of a file was not taken.

    Attributes
    ----------
    path : str
    line : int
        Where in the file; 0 for the file as a whole.
    words : str
        One line, with the file and the way out.

    """

    path: str
    line: int
    words: str

    def excerpt(self, around: int = 2) -> list[tuple[int, str]]:
        """Return the file's lines about that one, with their numbers; none for a whole file."""
        try:
            lines = Path(self.path).read_text("utf-8", "replace").splitlines()
        except OSError:
            return []
        if not 1 <= self.line <= len(lines):
            return []
        first = max(1, self.line - around)
        shown = lines[first - 1 : self.line + around]
        return [
            (first + k, printable(text.expandtabs(4))[:_MOST_SHOWN]) for k, text in enumerate(shown)
        ]


def refusal_of(path: str, error: BaseException) -> Refusal:
    """Return what an error says of a file: of running it, or of a processor that it defines."""
    if isinstance(error, UserFileError):
        return Refusal(path, error.line, str(error))
    if isinstance(error, CompileError):
        return Refusal(path, getattr(error.finding, "line", 0), str(error))
    return Refusal(path, line_in(error, path), words_of(error))


@dataclasses.dataclass(frozen=True)
class _Made:
    """A part as a file made it: its code and fields as digests, and its parameters' values."""

    part: Any
    name: str
    code: bytes
    targets: dict[str, float]


class UserParts:
    """The parts of a chain that a file defines.

    Parameters
    ----------
    path : str
        The file; run at once.

    Attributes
    ----------
    chain : Chain
        The one that the first version defines; `take` changes a chain that has its parts.
    version : tuple or None
        The `file_version` that was looked at last.

    Raises
    ------
    UserFileError
        If the file cannot be run, or defines neither a chain nor a processor.

    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.version = file_version(path)
        self.chain = chain_of(path)
        self._made = [_made(part) for part in self.chain.parts]

    @property
    def parts(self) -> list[Any]:
        """What the file defines, in order; some may have been taken out of the chain."""
        return [made.part for made in self._made]

    def has_changed(self) -> bool:
        """Return whether there is a version that was not looked at; from now on it was."""
        found = file_version(self.path)
        if found is None or found == self.version:
            return False
        self.version = found
        return True

    def take(self, chain: Chain) -> list[str]:
        """Bring a chain to what the file says now; it waits for the crossfades.

        Returns the names of the parts that were made anew.

        Raises
        ------
        Exception
            Whatever the file or its processors raise; `refusal_of` puts it in words. The chain is
            then as it was.

        """
        new = [_made(part) for part in chain_of(self.path).parts]
        _prove(new, chain)
        matches = _matched(self._made, new)
        old = {id(made) for made in matches if made}
        for made in self._made:
            if id(made) not in old:
                standing = standing_for(chain, made.part)
                if standing is not None:
                    chain.remove(standing)
        taken: list[_Made] = []
        names = []
        for made, before in zip(new, matches, strict=True):
            is_kept = before is not None and before.code == made.code
            if before is not None and is_kept:
                _give_values(before, made)
                taken.append(dataclasses.replace(made, part=before.part))
                continue
            taken.append(made)
            names.append(made.name)
            if before is not None:
                _keep_turned(before, made)
                _exchange(chain, before.part, made.part)
            else:
                chain.insert(_place_after(chain, [each.part for each in taken[:-1]]), made.part)
        self._made = taken
        _put_in_order(chain, [made.part for made in taken])
        return names


def _made(part: Any) -> _Made:
    if isinstance(part, Processor):
        return _Made(part, type(part).__name__, _code_of(part), dict(part._targets))
    return _Made(part, type(part).__name__, _code_of(part), {})


def _code_of(part: Any) -> bytes:
    """Return a digest of all that a part is made of, but for its own parameters' values."""
    if isinstance(part, Processor):
        kind = type(part)
        functions = sorted(
            (name, value) for name, value in vars(kind).items() if inspect.isfunction(value)
        )
        read = [content_of(function).digest for _, function in functions]
        declared = {name: dataclasses.astuple(p) for name, p in kind._params.items()}
        own = {n: v for n, v in vars(part).items() if n not in OWN_ATTRIBUTES}
        facts = (
            kind.__name__,
            kind.is_instrument,
            [name for name, _ in functions],
            [*read, content_of(kind._written.function).digest],
            declared,
            dict(kind._defaults),
            own,
        )
        return content_of_value(facts).digest
    inside = [(_code_of(each), dict(getattr(each, "_targets", {}))) for each in part.parts]
    gains = part.gains if isinstance(part, Parallel) else ()
    own = {n: v for n, v in vars(part).items() if _is_plain_of_group(part, n)}
    return content_of_value((type(part).__name__, gains, inside, own)).digest


def _is_plain_of_group(part: Group, name: str) -> bool:
    """Return whether an attribute of a group is of its making: a chain's are of its running."""
    return not isinstance(part, Chain) and name not in ("_parts", "_attributes_are_fixed")


def _prove(new: list[_Made], chain: Chain) -> None:
    """Prove parts in a chain of their own, in the format that a chain has."""
    rate, channels = chain.format or (_RATE, _CHANNELS)
    Chain(*(made.part for made in new)).prepare(rate, channels)


def _matched(old: list[_Made], new: list[_Made]) -> list[_Made | None]:
    """Return for each new part the old one that it stands for, or None."""
    left = list(old)
    found: list[_Made | None] = [None] * len(new)
    alike: tuple[Callable[[_Made, _Made], bool], ...] = (
        lambda a, b: a.code == b.code and a.targets == b.targets,
        lambda a, b: a.code == b.code,
        lambda a, b: a.name == b.name,
    )
    for is_alike in alike:
        for k, made in enumerate(new):
            if found[k] is None:
                found[k] = next((each for each in left if is_alike(each, made)), None)
                left = [each for each in left if each is not found[k]]
    return found


def _give_values(before: _Made, made: _Made) -> None:
    """Give a part that plays on the values that the file has changed."""
    for name, value in made.targets.items():
        if value != before.targets[name]:
            setattr(before.part, name, value)


def _keep_turned(before: _Made, made: _Made) -> None:
    """Give a new part the values that were turned by hand and that the file has not changed."""
    now = getattr(before.part, "_targets", {})
    for name, value in made.targets.items():
        param = type(made.part)._params[name]
        turned = now.get(name, value)
        is_by_hand = name in before.targets and turned != before.targets[name] == value
        if is_by_hand and param.min <= turned <= param.max:
            setattr(made.part, name, turned)


# --- where they stand -----------------------------------------------------------------------------


def standing_for(chain: Chain, part: Any) -> Any:
    """Return what stands in a chain for a part: itself, or that it is bypassed; None for neither."""
    waiting: list[Any] = list(chain.parts)
    while waiting:
        each = waiting.pop()
        if each is part or (isinstance(each, Bypassed) and each.part is part):
            return each
        if isinstance(each, Group):
            waiting += each.parts
    return None


def _exchange(chain: Chain, old: Any, new: Any) -> None:
    """Put a part in the place of another one, bypassed if that was; what was taken out stays out."""
    standing = standing_for(chain, old)
    if standing is not None:
        chain.replace(standing, new if standing is old else Bypassed(new))


def _place_after(chain: Chain, before: list[Any]) -> int:
    """Return the place behind the last of some parts that stands in a chain, else the first."""
    for part in reversed(before):
        standing = standing_for(chain, part)
        for place, each in enumerate(chain.parts):
            if each is standing:
                return place + 1
    return 0


def _put_in_order(chain: Chain, parts: list[Any]) -> None:
    """Move parts until they stand in this order, between whatever else is in the chain."""
    standing = [each for each in (standing_for(chain, part) for part in parts) if each is not None]
    wanted = [each for each in standing if any(each is own for own in chain.parts)]
    for before, part in itertools.pairwise(wanted):
        first, second = _place_of(chain, before), _place_of(chain, part)
        if second < first:
            chain.move(part, first)  # which is behind the other, once it is taken out


def _place_of(chain: Chain, part: Any) -> int:
    return next(k for k, each in enumerate(chain.parts) if each is part)
