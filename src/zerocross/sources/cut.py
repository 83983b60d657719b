"""Cuts that are open: a source whose frame 0 is somewhere in a file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from zerocross.errors import SourceError
from zerocross.sources.cue import CD_FRAMES, Cut
from zerocross.sources.source import OpenSource
from zerocross.sync.signal import Signal

__all__ = ["OpenCut"]


class _Shared:
    """The file of cuts that follow each other; closed with the last of them."""

    def __init__(self, source: OpenSource) -> None:
        self.source = source
        self._users = 1

    def take(self) -> _Shared:
        """Use it as well."""
        self._users += 1
        return self

    def leave(self) -> None:
        """Use it no more."""
        self._users -= 1
        if self._users == 0:
            self.source.close()


class OpenCut(OpenSource):
    """A part of an open source.

    Parameters
    ----------
    cut : Cut
        Which.
    source : OpenSource
        The whole file, open; it belongs to the cut from here on.

    Raises
    ------
    SourceError
        For a cut that begins after the file's end; the file is closed.

    """

    def __init__(self, cut: Cut, source: OpenSource) -> None:
        rate, whole = source.sample_rate, source.frames
        first = (cut.start * rate + CD_FRAMES // 2) // CD_FRAMES
        end = whole if cut.end is None else (cut.end * rate + CD_FRAMES // 2) // CD_FRAMES
        if whole is not None and first >= whole:
            source.close()
            raise SourceError(
                source.path,
                f"the cue sheet's track begins at {cut.start / CD_FRAMES:.2f} s, and the file has "
                f"{whole / rate:.2f} s; give it the file that it was made for",
            )
        problem = ""
        if end is not None and whole is not None and end > whole:
            if end - whole > rate // CD_FRAMES:
                problem = f"the file ends {(end - whole) / rate:.2f} s before the cue sheet's track"
            end = whole
        frames = None if end is None else end - first
        super().__init__(cut, rate, source.channels, frames, source.order)
        self.first_frame, self.has_end = first, cut.end is not None
        self.subtype, self.format = source.subtype, source.format
        self.problem = problem or source.problem
        self._cut = cut
        self._use(_Shared(source))
        self._is_closed = False

    def _use(self, shared: _Shared) -> None:
        source = shared.source
        self._shared = shared
        self.handle, self.links, self.window = source.handle, source.links, source.window
        self.preroll, self.near = source.preroll, source.near

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        """Close the file, unless it is another cut's, too. No decode thread may be using it."""
        if not self._is_closed:
            self._is_closed = True
            self._shared.leave()

    def chunks(self, frames: int, dtype: str = "float32") -> Iterator[np.ndarray[Any, Any]]:
        """Yield the cut's samples; the file is read from its beginning."""
        at, end = 0, None if self.frames is None else self.first_frame + self.frames
        for samples in self._shared.source.chunks(frames, dtype):
            here = samples[
                max(0, self.first_frame - at) : None if end is None else max(0, end - at)
            ]
            at += len(samples)
            if len(here):
                yield here
            if end is not None and at >= end:
                return
        self.problem = self.problem or self._shared.source.problem

    # --- what goes on from what was before ----------------------------------------------------

    def share(self) -> OpenSource:
        """Return this cut once more, to be closed as well: it keeps the file open."""
        other = object.__new__(OpenCut)
        other.__dict__.update(self.__dict__)
        self._shared.take()
        return other

    def goes_on_from(self, before: OpenSource | None) -> bool:
        """Return whether this begins where another one ends, and if so read on in that one's file."""
        if not isinstance(before, OpenCut) or before.is_closed or before.frames is None:
            return False
        is_next = before.first_frame + before.frames == self.first_frame
        if not is_next or os.fspath(before._cut) != os.fspath(self._cut):
            return False
        mine = self._shared
        self._use(before._shared.take())
        mine.leave()
        return True

    # --- what its file has to say -------------------------------------------------------------

    def serve(self, wake: Signal, news: Signal | None) -> None:
        self._shared.source.serve(wake, news)
        self.window = self._shared.source.window

    def nearest(self, frame: int) -> int:
        inside = frame if self.frames is None else min(frame, self.frames)
        return max(0, self._shared.source.nearest(self.first_frame + inside) - self.first_frame)

    @property
    def failure(self) -> str:
        return self._shared.source.failure

    @failure.setter
    def failure(self, words: str) -> None:
        """Do nothing: the file has the words."""

    def notices(self) -> Sequence[str]:
        return self._shared.source.notices()

    @property
    def named(self) -> str:
        return self._shared.source.named

    @property
    def decoded_ahead_s(self) -> float | None:
        return self._shared.source.decoded_ahead_s
