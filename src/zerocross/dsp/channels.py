"""Where channels are: the one table that the weights of loudness and every downmix follow from.

A channel's *position* is a name. Its azimuth is that of ITU-R BS.2051-3 and BS.775-4 (0 is in front,
to the left is positive); `dsp.bs1770` weighs it by that. Its shares in stereo are those of BS.775-4,
Table 2: the centre at -3 dB to both sides, what surrounds at -3 dB to its own side, a single channel
in the rear at -6 dB to both (it feeds both surrounds at -3 dB, and they stereo at -3 dB), no LFE.
BS.775 has no more than two surrounds: of the four of 7.1 (BS.2051, system I) each is taken like them,
and what stands beside the centre goes to its own side whole.

An *order* is a tuple of positions, one for each channel of a file. A new layout is one row below; a
file whose header has a mask of positions needs none (`sources.channel_order`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["MAX_PLACED", "POSITIONS", "VORBIS_ORDERS", "WAV_ORDERS", "Position"]

#: Most channels that are told apart by their places.
MAX_PLACED = 8


class Position(NamedTuple):
    """A place of a channel.

    Attributes
    ----------
    azimuth : float or None
        In degrees from the front, to the left positive; None for the LFE, which has no direction.
    to_left, to_right : float
        Gains into stereo.

    """

    azimuth: float | None
    to_left: float
    to_right: float


_HALF_POWER = math.sqrt(0.5)

#: Every position that can be played and measured. All are at the height of the ears.
POSITIONS = {
    "mono": Position(0, 1.0, 1.0),
    "left": Position(30, 1.0, 0.0),
    "right": Position(-30, 0.0, 1.0),
    "centre": Position(0, _HALF_POWER, _HALF_POWER),
    "lfe": Position(None, 0.0, 0.0),
    "left of centre": Position(15, 1.0, 0.0),
    "right of centre": Position(-15, 0.0, 1.0),
    "left surround": Position(110, _HALF_POWER, 0.0),
    "right surround": Position(-110, 0.0, _HALF_POWER),
    "left side": Position(90, _HALF_POWER, 0.0),
    "right side": Position(-90, 0.0, _HALF_POWER),
    "left rear": Position(135, _HALF_POWER, 0.0),
    "right rear": Position(-135, 0.0, _HALF_POWER),
    "rear centre": Position(180, 0.5, 0.5),
}

_FRONT = ("left", "right")
_FRONT_VORBIS = ("left", "centre", "right")
_SURROUND = ("left surround", "right surround")
_SIDE, _REAR = ("left side", "right side"), ("left rear", "right rear")

#: Orders by number of channels in FLAC (RFC 9639, section 9.1.3), and in WAV, AIFF, CAF and AU where
#: the file does not say: the order of WAVE_FORMAT_EXTENSIBLE's bits.
WAV_ORDERS: dict[int, tuple[str, ...]] = {
    1: ("mono",),
    2: _FRONT,
    3: (*_FRONT, "centre"),
    4: (*_FRONT, *_SURROUND),
    5: (*_FRONT, "centre", *_SURROUND),
    6: (*_FRONT, "centre", "lfe", *_SURROUND),
    7: (*_FRONT, "centre", "lfe", "rear centre", *_SURROUND),
    8: (*_FRONT, "centre", "lfe", *_REAR, *_SIDE),
}
#: Orders by number of channels of Vorbis (specification I, section 4.3.9) and Opus (RFC 7845, 5.1.1).
VORBIS_ORDERS: dict[int, tuple[str, ...]] = {
    1: ("mono",),
    2: _FRONT,
    3: _FRONT_VORBIS,
    4: (*_FRONT, *_SURROUND),
    5: (*_FRONT_VORBIS, *_SURROUND),
    6: (*_FRONT_VORBIS, *_SURROUND, "lfe"),
    7: (*_FRONT_VORBIS, *_SURROUND, "rear centre", "lfe"),
    8: (*_FRONT_VORBIS, *_SIDE, *_REAR, "lfe"),
}
