"""What is given to play, found: directories, playlists and cue sheets become what is in them.

A disk is asked on a thread of its own. It may take its time as long as it answers; one that is silent
for a second, as a server's that is gone, is waited for no longer. What asks a server has limits of its own.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from zerocross.errors import SourceError
from zerocross.files import printable
from zerocross.sources.cue import Cut
from zerocross.sources.location import Part, Playable, as_location
from zerocross.sources.playlist_lines import is_list_address
from zerocross.sources.playlists import AUDIO_SUFFIXES, MORE_SUFFIXES, Entry, Expansion
from zerocross.system.background import BackgroundCall

__all__ = ["are_plain", "expanded"]

#: How long it is waited for a disk that says nothing.
_PATIENCE_S = 1.0
#: In so many looks: a program that holds the interpreter for long holds up the disk's thread as well.
_LOOKS = 10


def expanded(given: Sequence[Playable | Entry]) -> tuple[list[Entry], list[SourceError]]:
    """Return what is to be played, and what of it cannot be found.

    No disk is asked about names that end as those of audio do.

    Raises
    ------
    UsageError
        For what can be no source.

    """
    found = Expansion()
    if are_plain(given):
        return [_plain(each) for each in given], []
    call = BackgroundCall(lambda: found.take(given), "zerocross-expand")
    if _is_answered(call, found):
        call.result()
        return found.entries, found.problems
    return _found_so_far(given, found)


def _is_answered(call: BackgroundCall[None], found: Expansion) -> bool:
    """Wait until all is found, or a disk has been silent for too long."""
    silent, answers = 0, -1
    while silent < _LOOKS:
        if call.wait(_PATIENCE_S / _LOOKS):
            return True
        is_silent = found.is_asking and found.answers == answers
        silent, answers = silent + 1 if is_silent else 0, found.answers
    return False


def _found_so_far(
    given: Sequence[Playable | Entry], found: Expansion
) -> tuple[list[Entry], list[SourceError]]:
    """Return what was found of those that are done; of the others, those that stand for themselves."""
    done = len(found.done)
    many, several = found.done[-1] if done else (0, 0)
    entries, problems = found.entries[:many], found.problems[:several]
    for each in given[done:]:
        if _is_plain(each):
            entries.append(_plain(each))
        else:
            words = f"its disk has not answered for {_PATIENCE_S:g} s; give it again when it does"
            problems.append(SourceError(printable(os.fsdecode(each)), words))  # type: ignore[arg-type]
    return entries, problems


def are_plain(given: Sequence[Playable | Entry]) -> bool:
    """Return whether all are known to stand for themselves alone."""
    return all(map(_is_plain, given))


def _plain(given: Playable | Entry) -> Entry:
    return given if isinstance(given, Entry) else Entry(as_location(given))


def _is_plain(given: Playable | Entry) -> bool:
    if not isinstance(given, (str, bytes, os.PathLike)) or isinstance(given, (Cut, Part)):
        return True
    name = os.fsdecode(given).lower()
    if name.startswith(("http://", "https://")):
        return not is_list_address(name)
    suffix = os.path.splitext(name)[1]
    is_audio = suffix in AUDIO_SUFFIXES or suffix in MORE_SUFFIXES
    return is_audio and not name.startswith("file:")
