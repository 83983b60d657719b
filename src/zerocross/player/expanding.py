"""What is given to play, found: directories, playlists and cue sheets become what is in them.

A disk is asked on a thread of its own, which nobody waits for longer than a second; a server, for a
playlist of its own, no longer than ten.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from zerocross.errors import SourceError
from zerocross.sources.location import Playable, as_location
from zerocross.sources.playlist_lines import is_list_address
from zerocross.sources.playlists import AUDIO_SUFFIXES, Entry, expand
from zerocross.system.background import BackgroundCall

__all__ = ["are_plain", "expanded"]

#: How long it is waited for a disk to tell what is a folder or a playlist.
_PATIENCE_S = 1.0
_SERVERS_PATIENCE_S = 10.0


def expanded(given: Sequence[Playable | Entry]) -> tuple[list[Entry], list[SourceError]]:
    """Return what is to be played, and what of it cannot be found.

    What a disk or a server does not answer for in time is taken for a file; no disk is asked about names that end
    as those of audio do.

    Raises
    ------
    UsageError
        For what can be no source.

    """
    if not are_plain(given):
        call = BackgroundCall(lambda: expand(given), "zerocross-expand")
        if call.wait(_SERVERS_PATIENCE_S if any(map(_is_remote_list, given)) else _PATIENCE_S):
            return call.result()
    return [each if isinstance(each, Entry) else Entry(as_location(each)) for each in given], []


def are_plain(given: Sequence[Playable | Entry]) -> bool:
    """Return whether all are known to stand for themselves alone."""
    return all(map(_is_plain, given))


def _is_plain(given: Playable | Entry) -> bool:
    if not isinstance(given, (str, bytes, os.PathLike)):
        return True
    name = os.fsdecode(given).lower()
    if name.startswith(("http://", "https://")):
        return not is_list_address(name)
    return os.path.splitext(name)[1] in AUDIO_SUFFIXES and not name.startswith("file:")


def _is_remote_list(given: Playable | Entry) -> bool:
    if not isinstance(given, (str, bytes, os.PathLike)):
        return False
    name = os.fsdecode(given)
    return "://" in name and is_list_address(name)
