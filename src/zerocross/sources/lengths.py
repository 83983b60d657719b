"""How long is what FFmpeg reads, where a header says it roughly, or not at all: its last packets tell."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

__all__ = ["Length", "is_known", "measured", "told"]

#: Streams whose length FFmpeg guesses from the first packets, and which are gone through instead, if they are
#: no longer than so many seconds: an hour's 150,000 packets take a second.
_COUNTED, _MOST_COUNTED_S = {"aac", "ac3", "eac3"}, 1800.0
#: Codecs whose first packet is decoded to nothing.
_WITHOUT_FIRST = {"wmav1", "wmav2"}
#: FFmpeg writes an MP4's length in milliseconds.
_MP4_TICKS = 1000
#: A timestamp beyond any end: FFmpeg goes to the last block before it.
_LAST_PLACE = 1 << 50


@dataclasses.dataclass(frozen=True)
class Length:
    """A length.

    Attributes
    ----------
    frames : int or None
        How many there are about; None if nobody says.
    end : float
        The frame to cut it at.
    is_guess : bool
        Whether the length is what FFmpeg guesses.

    """

    frames: int | None
    end: float = math.inf
    is_guess: bool = False


def told(container: Any, stream: Any, sample_rate: int, block: int) -> Length:
    """Return what the headers say; ``block`` is how many frames a packet has."""
    if stream.duration:
        frames = round(stream.duration * stream.time_base * sample_rate)
        if stream.codec_context.name in _WITHOUT_FIRST:
            frames -= block
        is_exact = "mp4" in container.format.name and frames > 0
        is_guess = container.format.name in _COUNTED
        return Length(frames, frames if is_exact else math.inf, is_guess)
    if container.duration is not None and container.duration > 0:
        return Length(round(container.duration * sample_rate / 1_000_000))
    return Length(None)


def is_known(container: Any, header: Length) -> bool:
    """Return whether the headers know the length, or it takes too long to find it."""
    kind = container.format.name
    if kind in _COUNTED:
        return (container.duration or 0) > _MOST_COUNTED_S * 1_000_000
    return header.frames is not None and "mp4" not in kind


def measured(
    container: Any, stream: Any, sample_rate: int, block: int, origin: int, header: Length
) -> Length | None:
    """Return what the last packets say, None where the header knows better; the container is elsewhere then.

    Parameters
    ----------
    container, stream
        PyAV's.
    sample_rate : int
        Of what is decoded.
    block : int
        How many frames a packet has.
    origin : int
        The timestamp of frame 0.
    header : Length
        What the headers say.

    """
    if container.format.name in _COUNTED:
        container.seek(0, stream=stream)
        return Length(block * sum(1 for packet in container.demux(stream) if packet.size))
    container.seek(_LAST_PLACE, stream=stream)
    end = origin
    for packet in container.demux(stream):
        if packet.pts is not None:
            end = max(end, packet.pts + (packet.duration or 0))
    frames = round(float((end - origin) * stream.time_base * sample_rate))
    if header.frames is None:
        return Length(frames) if frames > 0 else None
    # FFmpeg's last packet is as long as the sound that it holds. Others cut theirs by the header, to the frame.
    tick = sample_rate / _MP4_TICKS
    is_rounded = round(round(header.frames / tick) * tick) == header.frames
    return Length(frames, frames) if is_rounded and abs(frames - header.frames) <= tick else None
