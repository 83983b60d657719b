"""What a track's frames come from: the base of all open sources.

An open source is either read by compiled code alone (`sources.file`), or it is memory that is ahead of
the ear (`sources.window`). Who plays one needs to know no more than what stands here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from zerocross.dsp.channels import MAX_PLACED, POSITIONS
from zerocross.dsp.mix import design_mix
from zerocross.sources.location import (
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    Location,
    Part,
    title_of,
)
from zerocross.sync.signal import Signal

__all__ = ["OpenSource", "problem_of"]


class OpenSource:
    """An open source of frames.

    Parameters
    ----------
    location : Location
        As it was given.
    sample_rate, channels : int
        Of the source.
    frames : int or None
        Its length.
    order : tuple of str
        The channels' positions (`dsp.channels`); empty where they have none.

    Attributes
    ----------
    location : Location
        As it was given.
    path : str
        The same, fit for printing.
    sample_rate, channels : int
        Of the source.
    frames : int or None
        Length; None if nobody says. Of a window it may be an estimate.
    first_frame : int
        Where in the file its frame 0 is; all other frames are counted from there.
    has_end : bool
        Whether it ends before its file does.
    handle : int
        libsndfile's ``SNDFILE*``; belongs to one decode thread at a time. 0 for a window.
    window : int
        The address of a `window.WINDOW`, where frames are in memory; else 0.
    preroll : int
        Frames to decode before a seek's target for the target to be exact.
    near : int
        Frames ahead up to which the decoder's own seek is not exact.
    order : tuple of str
        The channels' positions (`dsp.channels`).
    subtype, format : str
        libsndfile's words for the samples and the container; empty for what is no such file.
    gain : float
        Factor by which it is played; set before it is posted.
    links : int
        The address of a `links.LINKS` where a file has several; else 0.
    rest : Part or None
        What follows in another format, or after 256 links.
    following : list of Part
        What follows in the same format and is read by `chunks`; `frames` counts it in.
    problem : str
        What of it cannot be played, in words; else empty. `chunks` adds here that a file ends early.
    failure : str
        What went wrong while it was decoded into a window, in words; else empty.

    """

    def __init__(
        self,
        location: Location,
        sample_rate: int,
        channels: int,
        frames: int | None,
        order: tuple[str, ...],
    ) -> None:
        self.location = location
        self.path = title_of(location)
        self.sample_rate, self.channels, self.frames = sample_rate, channels, frames
        self.order = order
        self.first_frame, self.has_end = 0, False
        self.handle = self.window = self.preroll = self.near = self.links = 0
        self.subtype = self.format = ""
        self.gain = 1.0
        self.rest: Part | None = None
        self.following: list[Part] = []
        self.problem = self.failure = ""

    @property
    def duration_s(self) -> float | None:
        """Length in seconds, or None if nobody says."""
        return None if self.frames is None else self.frames / self.sample_rate

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        raise NotImplementedError

    def close(self) -> None:
        """Close it. No decode thread may be using it."""
        raise NotImplementedError

    def chunks(self, frames: int, dtype: str = "float32") -> Iterator[np.ndarray[Any, Any]]:
        """Yield the source's samples, shape (up to frames, channels), on the control thread.

        ``dtype`` is soundfile's: float32 with full scale 1, or int32, left-justified.

        Raises
        ------
        SourceError
            Where the data are damaged.

        """
        raise NotImplementedError

    def matrix(self, outputs: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the mix to a number of channels, shape (outputs, channels), the gain included."""
        return design_mix(self.order, outputs) * np.float32(self.gain)

    # --- what a cut has beside -----------------------------------------------------------------

    def share(self) -> OpenSource | None:
        """Return what keeps its file open for what may go on from it, to be closed; None for nothing."""
        return None

    def goes_on_from(self, before: OpenSource | None) -> bool:  # noqa: ARG002  a cut does
        """Return whether this begins where another one ends, and if so read on in that one's file."""
        return False

    # --- what a window has beside --------------------------------------------------------------

    def serve(self, wake: Signal, news: Signal | None) -> None:
        """Know the signals of a decode thread that will read, and of those who are told."""

    def nearest(self, frame: int) -> int:
        """Return the frame to which a seek can go that is asked to go to one."""
        return frame if self.frames is None else min(frame, self.frames)

    def notices(self) -> Sequence[str]:
        """Return what is to be told since the last call: lines for people."""
        return ()

    @property
    def named(self) -> str:
        """What the source says is on, as radio does; empty where it says nothing."""
        return ""

    @property
    def decoded_ahead_s(self) -> float | None:
        """How much of it is in memory ahead of the decode thread; None where none need be."""
        return None


def problem_of(source: OpenSource) -> str:
    """Return what stands against playing a source, or an empty string."""
    if source.frames == 0:
        return "holds no audio (0 frames); record or copy it again"
    if not MIN_SAMPLE_RATE <= source.sample_rate <= MAX_SAMPLE_RATE:
        return (
            f"sample rate {source.sample_rate} Hz; devices take {MIN_SAMPLE_RATE} to "
            f"{MAX_SAMPLE_RATE} Hz, resample it first"
        )
    if not source.order:
        return f"{source.channels} channels; 1 to {MAX_PLACED} can be played, mix it down first"
    for name in source.order:
        if name not in POSITIONS:
            return f"a channel at the {name}; those at the ears' height can be played, mix it down first"
    return ""
