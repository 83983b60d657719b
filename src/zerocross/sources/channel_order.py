"""Which channel of a file is where: what the file says, else the order that its format has.

WAV, RF64, W64 (WAVE_FORMAT_EXTENSIBLE's mask) and CAF say it through libsndfile; of FLAC it is a tag
(``WAVEFORMATEXTENSIBLE_CHANNEL_MASK``, RFC 9639, section 8.6.2); Ogg Vorbis and Opus have one order
for each number of channels. What a file says counts only where it names a place for every channel.
Mono and stereo are that, whatever their file says.
"""

from __future__ import annotations

import re

import soundfile

from zerocross.dsp.channels import VORBIS_ORDERS, WAV_ORDERS
from zerocross.files import PathLike
from zerocross.sources.tags import read_tags

__all__ = ["channel_order", "surrounded"]

_GET_CHANNEL_MAP = 0x1100  # SFC_GET_CHANNEL_MAP_INFO
_MASK_TAG = "waveformatextensible_channel_mask"

# In the order of the mask's bits. Those above the ears are read, to be told: none can be played.
_SPEAKERS = (
    *("left", "right", "centre", "lfe", "left rear", "right rear"),
    *("left of centre", "right of centre", "rear centre", "left side", "right side"),
    *("top centre", "top front left", "top front centre", "top front right"),
    *("top rear left", "top rear centre", "top rear right"),
)
# libsndfile's SF_CHANNEL_MAP_* from 2 on.
_MAP_NAMES = (
    *("left", "right", "centre", "left", "right", "centre", "rear centre", "left rear"),
    *("right rear", "lfe", "left of centre", "right of centre", "left side", "right side"),
    *("top centre", "top front left", "top front right", "top front centre"),
    *("top rear left", "top rear right", "top rear centre"),
)
_MAP = dict(enumerate(_MAP_NAMES, 2))


def channel_order(file: soundfile.SoundFile, location: PathLike | None) -> tuple[str, ...]:
    """Return the positions of an open file's channels; empty for more than have places known.

    Parameters
    ----------
    file : soundfile.SoundFile
        The file.
    location : path-like or None
        Where it is, if it has a name: tags are read there.

    """
    channels: int = file.channels
    usual = VORBIS_ORDERS if file.subtype in ("VORBIS", "OPUS") else WAV_ORDERS
    if channels <= 2 or channels not in usual:
        return usual.get(channels, ())
    told = _of_flac(location, channels) if file.format == "FLAC" else _of_map(file)
    return surrounded(told) if len(told) == channels else usual[channels]


def _of_map(file: soundfile.SoundFile) -> list[str]:
    """Return the positions that libsndfile tells, as far as they are known.

    Of AIFF 1.2.2 tells addresses of its own, and zeros, which are no positions.
    """
    ffi, library = soundfile._ffi, soundfile._snd
    numbers = ffi.new("int[]", file.channels)
    size = ffi.sizeof("int") * file.channels
    if not library.sf_command(file._file, _GET_CHANNEL_MAP, numbers, size):
        return []
    return [_MAP[n] for n in numbers if n in _MAP]


def _of_flac(location: PathLike | None, channels: int) -> list[str]:
    """Return the positions that a FLAC file's tag tells; of too many the first."""
    if location is None:
        return []
    match = re.fullmatch(r"0x([0-9a-f]{1,8})", read_tags(location).get(_MASK_TAG, "").lower())
    mask = int(match.group(1), 16) if match else 0
    return [name for bit, name in enumerate(_SPEAKERS) if mask >> bit & 1][:channels]


def surrounded(told: list[str]) -> tuple[str, ...]:
    """Return positions with the surrounds called so.

    A pair at the sides or in the rear is the surround pair of BS.775 where the other is not there.
    """
    if {"left side", "left rear"} <= set(told):
        return tuple(told)
    return tuple(re.sub("^(left|right) (side|rear)$", r"\1 surround", name) for name in told)
