"""Files that are written: the form of their samples, their dither, and what is a copy of what was read.

A rendering is a copy where all inputs are integers that fit the output, at its rate and with its
channels, and nothing is done to them. What of a copy is exact stays as it is, without dither: only
the fades at a cut are something else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from zerocross.dsp.convert import to_integers
from zerocross.dsp.dither import Quantizer, check_dither, design_shaping
from zerocross.errors import SourceError, UsageError, ZerocrossError
from zerocross.files import PathLike, printable, written_aside
from zerocross.sources.opening import open_source
from zerocross.sources.source import OpenSource
from zerocross.units import shown

__all__ = [
    "Form",
    "check_form",
    "choose_form",
    "copied_frames",
    "plain_form",
    "write_frames",
]

_Frames = np.ndarray[Any, Any]

_SUBTYPES = {"16": "PCM_16", "24": "PCM_24", "32": "PCM_32", "float": "FLOAT"}
#: Bits of the integers that files hold, or decode to.
_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "ULAW": 16, "ALAW": 16}
#: Bits that float32 holds, and so the way through the engine.
_EXACT_BITS = 24
_CHUNK = 1 << 16
#: A disk with less than this is full.
_FULL_BYTES = 1 << 16


@dataclasses.dataclass(frozen=True)
class Form:
    """What an output's samples are like.

    Attributes
    ----------
    sample_rate, channels : int
        Of the file.
    bits : str
        ``16``, ``24``, ``32`` or ``float``.
    container : str
        ``WAV`` or ``FLAC``.
    dither : str
        ``none``, ``tpdf`` or ``shaped``.
    is_copy : bool
        Whether what is exact stays as it is.

    """

    sample_rate: int
    channels: int
    bits: str
    container: str
    dither: str
    is_copy: bool


def check_form(output: Any, bits: Any, dither: Any) -> None:
    """Refuse what no file is written as, before any is read; raises UsageError."""
    _container(output)
    if bits is not None and str(bits) not in _SUBTYPES:
        raise UsageError(f"bits={shown(bits)}: give '16', '24', '32' or 'float'")
    if dither is not None:
        check_dither(dither)


def choose_form(
    sources: Sequence[OpenSource],
    output: PathLike,
    *,
    sample_rate: int | None,
    channels: int | None,
    bits: str | None,
    dither: str | None,
    is_processed: bool,
    is_whole: bool,
) -> Form:
    """Return the form that follows from what was asked for and from the sources.

    Parameters
    ----------
    sources : sequence of OpenSource
        With their gains; closed or not.
    output : path-like
        Ends in ``.wav`` or ``.flac``.
    sample_rate, channels, bits, dither
        As `offline.render` has them; None for what follows.
    is_processed : bool
        Whether there are effects, or a volume.
    is_whole : bool
        Whether the sources are neither begun late nor cut.

    Raises
    ------
    UsageError
        For what does not go together.

    """
    container = _container(output)
    rate = sample_rate or sources[0].sample_rate
    channels = channels or min(2, max(source.channels for source in sources))
    kept = not is_processed and all(_is_kept(source, rate, channels) for source in sources)
    most = max(_BITS.get(source.subtype, 99) for source in sources)
    if bits is None:
        same_rate = all(source.sample_rate == rate for source in sources)
        bits = _default_bits(most, container, same_rate, kept and is_whole)
    is_copy = kept and bits != "float" and most <= int(bits) and (is_whole or most <= _EXACT_BITS)
    is_same = is_copy and is_whole
    form = plain_form(
        output, rate, channels, bits, None if is_same and bits in ("16", "24") else dither
    )
    return dataclasses.replace(form, dither="none" if is_same else form.dither, is_copy=is_copy)


def plain_form(
    output: PathLike, sample_rate: int, channels: int, bits: str | None, dither: str | None
) -> Form:
    """Return the form of what comes as float32: 24 bits for FLAC and float for WAV, if not asked.

    Raises
    ------
    UsageError
        For what does not go together.

    """
    check_form(output, bits, dither)
    container = _container(output)
    bits = str(bits) if bits is not None else "24" if container == "FLAC" else "float"
    if container == "FLAC" and bits in ("float", "32"):
        raise UsageError("FLAC holds 16 or 24 bits; give --bits 16 or 24, or render to .wav")
    if bits in ("float", "32") and dither not in (None, "none"):
        raise UsageError(
            f"dither={shown(dither)} is for 16 and 24 bits, and this is {bits}; give bits=16 or 24"
        )
    kind = dither or ("tpdf" if bits == "16" else "none")
    if kind == "shaped":
        design_shaping(sample_rate)  # complains
    return Form(sample_rate, channels, bits, container, kind, is_copy=False)


def _container(output: PathLike) -> str:
    if not isinstance(output, (str, bytes, os.PathLike)):
        raise UsageError(f"output={shown(output)}: give a path that ends in .wav or .flac")
    container = {".wav": "WAV", ".flac": "FLAC"}.get(Path(os.fsdecode(output)).suffix.lower())
    if container is None:
        raise UsageError(
            f"{printable(output) or repr(output)}: the output must end in .wav or .flac"
        )
    return container


def _is_kept(source: OpenSource, rate: int, channels: int) -> bool:
    """Return whether a source's samples come out as they went in."""
    same = source.sample_rate == rate and source.channels == channels and source.gain == 1.0
    return same and source.subtype in _BITS


def _default_bits(most: int, container: str, same_rate: bool, kept: bool) -> str:
    if most <= 16 and same_rate:
        return "16"
    if container == "FLAC":
        return "24"
    return "32" if kept and most == 32 else "float"


def copied_frames(sources: Iterable[OpenSource], errors: list[str]) -> Iterator[_Frames]:
    """Yield the samples of files as left-justified integers, shape (frames, channels), int32.

    A copy without the engine, whose float32 holds 24 bits; damage is added to the errors.
    """
    for probed in sources:
        try:
            source = open_source(probed.location)
            try:
                yield from source.chunks(_CHUNK, "int32")
            finally:
                source.close()
            if source.problem:
                errors.append(f"{source.path}: {source.problem}")
        except SourceError as error:
            errors.append(str(error))


def write_frames(
    blocks: Iterable[_Frames],
    output: PathLike,
    form: Form,
    total: int | None = None,
    progress: Callable[[float], None] | None = None,
    keeps: bool = False,
) -> tuple[int, int]:
    """Write blocks of float32 frames, or of integers as they are; returns frames and clipped samples.

    With ``keeps`` what was written before a disk was full is kept: it comes but once.

    Raises
    ------
    ZerocrossError
        If the file cannot be written, or not to its end.

    """
    convert = _converter(form)
    written = clipped = 0
    with (
        _told(output),
        contextlib.ExitStack() as later,
        written_aside(output) as part,
        _opened(part, form) as file,
    ):
        try:
            for frames in blocks:
                data, over = convert(frames)
                clipped += over
                file.write(data)
                written += len(frames)
                if progress and total:
                    progress(min(1.0, written / total))
        except soundfile.SoundFileError as error:
            if not keeps or not written:
                raise
            later.callback(_raise_cut, output, written / form.sample_rate, error)
    return written, clipped


def _raise_cut(output: PathLike, seconds: float, error: soundfile.SoundFileError) -> None:
    words = f"ends after {seconds:.1f} s ({_reason(output, error)}); give it a disk with more space"
    raise ZerocrossError(f"{printable(output)}: {words}")


@contextlib.contextmanager
def _told(output: PathLike) -> Iterator[None]:
    """Raise what libsndfile says as a `ZerocrossError`."""
    try:
        yield
    except soundfile.SoundFileError as error:
        raise ZerocrossError(
            f"{printable(output)}: cannot be written ({_reason(output, error)}); "
            "check the folder and its free space"
        ) from None


def _reason(output: PathLike, error: soundfile.SoundFileError) -> str:
    """Return why a file was not written; of a full disk libsndfile says ``System error``."""
    with contextlib.suppress(OSError):
        folder = os.path.dirname(os.path.realpath(os.fsdecode(output)))
        if shutil.disk_usage(folder).free < _FULL_BYTES:
            return "no space left on device"
    return str(getattr(error, "error_string", error)).rstrip(".").lower()


def _converter(form: Form) -> Callable[[_Frames], tuple[_Frames, int]]:
    """Return what makes a block's samples those of the file, and counts the clipped ones."""
    if form.bits == "float":
        return lambda frames: (frames, 0)
    bits = int(form.bits)
    quantizer = Quantizer(bits, form.channels, form.dither, form.sample_rate)

    def convert(frames: _Frames) -> tuple[_Frames, int]:
        if frames.dtype == np.int32:
            return frames, 0
        data, clipped = quantizer.convert(frames)
        if form.is_copy and form.dither != "none":
            plain = to_integers(frames, bits)[0].astype(np.int32)
            plain <<= 16 if bits == 16 else 0
            data = np.where(plain / 2.0**31 == frames, plain, data)
        return data, clipped

    return convert


def _opened(part: str, form: Form) -> soundfile.SoundFile:
    """Open a file of a form for writing."""
    return soundfile.SoundFile(
        os.fsencode(part) if os.name != "nt" else part,
        "w",
        form.sample_rate,
        form.channels,
        _SUBTYPES[form.bits],
        format=form.container,
    )
