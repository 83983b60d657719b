"""Offline rendering: the stream's own decode step and callback, driven by a loop.

What is rendered is what is played: the same kernels read the files, mix, ramp and apply the
volume; only the device is missing.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from zerocross.dsp.convert import to_integers
from zerocross.engine.file_stream import FileStream
from zerocross.errors import SourceError, UsageError, ZerocrossError
from zerocross.graph.block import MAX_BLOCK
from zerocross.graph.chain import Chain
from zerocross.loudness.replaygain import GainTags, gain_for, read_gain_tags
from zerocross.sources.file import (
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    OpenSource,
    open_source,
    printable,
)

__all__ = ["Rendered", "render"]

PathLike = str | bytes | os.PathLike[str]

_OPEN_AHEAD = 4
_SUBTYPES = {"16": "PCM_16", "24": "PCM_24", "float": "FLOAT"}


@dataclasses.dataclass(frozen=True)
class Rendered:
    """What a rendering wrote.

    Attributes
    ----------
    path : str
        The file.
    frames, sample_rate, channels : int
        Of the file.
    bits : str
        ``16``, ``24`` or ``float``.
    clipped : int
        Samples beyond full scale that an integer format could not hold.
    errors : list of str
        Inputs that were skipped or damaged, one line each.

    """

    path: str
    frames: int
    sample_rate: int
    channels: int
    bits: str
    clipped: int
    errors: list[str]


def render(
    inputs: Sequence[PathLike],
    output: PathLike,
    *,
    volume: float = 1.0,
    start_s: float = 0.0,
    duration_s: float | None = None,
    channels: int | None = None,
    bits: str | None = None,
    sample_rate: int | None = None,
    effects: Chain | None = None,
    replaygain: str = "off",
    progress: Callable[[float], None] | None = None,
) -> Rendered:
    """Render files, joined without a gap, into one WAV or FLAC file.

    Parameters
    ----------
    inputs : sequence of path-like
        Files; those of another sample rate than the output's are resampled.
    output : path-like
        Ends in ``.wav`` or ``.flac``; written under another name first, so that a failure
        leaves nothing half done.
    volume : float
        Gain from 0 to 1.
    start_s, duration_s : float
        Where the first file begins and how much is rendered, in seconds.
    channels : {1, 2} or None
        None keeps mono if all inputs are mono, else stereo.
    bits : {"16", "24", "float"} or None
        None: 16 if all inputs have 16 bits or fewer and none is resampled, else 24 for FLAC
        and float for WAV.
    sample_rate : int or None
        Of the output, 8000 to 384000 Hz; None takes the first input's.
    effects : Chain or None
        What everything goes through, before the volume; its latency is made up for.
    replaygain : {"off", "track", "album"}
        Which of the files' gains is applied.
    progress : callable or None
        Called with the share that is done, from 0 to 1.

    Raises
    ------
    SourceError
        If no input can be played.
    UsageError
        For an output that is neither WAV nor FLAC, or an impossible sample rate.

    """
    if not 0.0 <= volume <= 1.0:
        raise UsageError(f"volume {volume}: give a number from 0 to 1")
    if sample_rate and not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise UsageError(
            f"sample rate {sample_rate} Hz: give {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE}"
        )
    container = _container(output)
    probed, errors = _probe(inputs)
    rate = sample_rate or probed[0].sample_rate
    channels = channels or min(2, max(source.channels for source in probed))
    bits = bits or _default_bits(probed, container, rate)
    if container == "FLAC" and bits == "float":
        raise UsageError("FLAC holds integers; give --bits 16 or 24, or render to .wav")
    stream = FileStream(rate, channels, volume=volume)
    stream.set_playing(True)
    latency = 0
    if effects is not None:
        program = effects.prepare(rate, channels)
        program.record["budget_share"] = np.inf  # offline nothing is late
        stream.set_program(program)
        latency = program.latency_frames
    for source in probed:
        gain_for(GainTags(), replaygain)  # complains
        source.gain = gain_for(read_gain_tags(source.location), replaygain)
    feed = _Feed(stream, probed, start_s, duration_s)
    try:
        frames, clipped = _write(stream, feed, output, container, bits, latency, progress)
    finally:
        feed.close()
    return Rendered(
        printable(output), frames, stream.sample_rate, channels, bits, clipped, errors + feed.errors
    )


def _container(output: PathLike) -> str:
    container = {".wav": "WAV", ".flac": "FLAC"}.get(Path(os.fsdecode(output)).suffix.lower())
    if container is None:
        raise UsageError(f"{printable(output)}: the output must end in .wav or .flac")
    return container


def _probe(inputs: Sequence[PathLike]) -> tuple[list[OpenSource], list[str]]:
    """Look at all inputs; returns the good ones, closed again, and the errors of the others."""
    sources: list[OpenSource] = []
    problems: list[SourceError] = []
    for path in inputs:
        try:
            source = open_source(path)
        except SourceError as error:
            problems.append(error)
            continue
        source.close()
        sources.append(source)
    if not sources:
        raise problems[0] if problems else UsageError("nothing to render; give at least one file")
    return sources, [str(problem) for problem in problems]


def _default_bits(sources: list[OpenSource], container: str, rate: int) -> str:
    if all(
        source.subtype in {"PCM_16", "PCM_U8", "PCM_S8"} and source.sample_rate == rate
        for source in sources
    ):
        return "16"
    return "24" if container == "FLAC" else "float"


class _Feed:
    """Opens the inputs one after the other and posts them while the stream runs."""

    def __init__(
        self, stream: FileStream, inputs: list[OpenSource], start_s: float, duration_s: float | None
    ) -> None:
        self._stream, self._inputs = stream, inputs
        self._start_s, self._left_s = start_s, duration_s
        self._open: dict[int, OpenSource] = {}
        self._serial = 0
        self._ended = False
        self.errors: list[str] = []

    @property
    def total(self) -> int | None:
        """Frames that will be rendered, about; None if a file does not say."""
        lengths = [source.duration_s for source in self._inputs]
        left = math.inf if self._left_s is None else self._left_s
        if None not in lengths:
            left = min(left, sum(s for s in lengths if s is not None) - self._start_s)
        return None if math.isinf(left) else max(0, round(left * self._stream.sample_rate))

    def step(self) -> None:
        """Close what is done and post what fits."""
        for outcome in self._stream.outcomes():
            source = self._open.pop(outcome.serial, None)
            if source is None:
                continue
            if outcome.error:
                self.errors.append(f"{source.path}: {outcome.words}")
            source.close()
        while not self._ended and len(self._open) < _OPEN_AHEAD:
            if self._serial == len(self._inputs) or self._is_full():
                self._stream.post_end()
                self._ended = True
            else:
                self._post(self._inputs[self._serial])

    def _post(self, probed: OpenSource) -> None:
        self._serial += 1
        source = open_source(probed.location)
        source.gain = probed.gain
        start = round(self._start_s * source.sample_rate)
        if source.frames is not None:
            start = min(start, source.frames)
        end = None
        if self._left_s is not None:
            end = start + round(self._left_s * source.sample_rate)
            if source.frames is not None:
                end = min(end, source.frames)
            self._left_s -= (end - start) / source.sample_rate
        self._open[self._serial] = source
        self._stream.post(self._serial, source, start, end)
        self._start_s = 0.0

    def _is_full(self) -> bool:
        return self._left_s is not None and self._left_s < 0.5 / self._stream.sample_rate

    def close(self) -> None:
        """Close what is still open."""
        for source in self._open.values():
            source.close()


def _write(
    stream: FileStream,
    feed: _Feed,
    output: PathLike,
    container: str,
    bits: str,
    latency: int,
    progress: Callable[[float], None] | None,
) -> tuple[int, int]:
    """Run the stream to its end into a file; returns frames and clipped samples."""
    name = os.fsdecode(output)
    part = name + ".part"
    total = feed.total
    written = clipped = 0
    try:
        with soundfile.SoundFile(
            os.fsencode(part) if os.name != "nt" else part,
            "w",
            stream.sample_rate,
            stream.channels,
            _SUBTYPES[bits],
            format=container,
        ) as file:
            for frames in _blocks(stream, feed, latency):
                data, over = (frames, 0) if bits == "float" else to_integers(frames, int(bits))
                clipped += over
                file.write(data)
                written += len(frames)
                if progress and total:
                    progress(min(1.0, written / total))
        os.replace(part, name)
    except (OSError, soundfile.SoundFileError) as error:
        reason = str(getattr(error, "strerror", "") or getattr(error, "error_string", error))
        raise ZerocrossError(
            f"{printable(output)}: cannot be written ({reason.rstrip('.')}); check the folder and its free space"
        ) from None
    finally:
        if os.path.exists(part):
            os.unlink(part)
    return written, clipped


def _blocks(
    stream: FileStream, feed: _Feed, latency: int
) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
    """Yield what the stream plays: as many frames as the files have, ``latency`` frames later."""
    block = np.empty((MAX_BLOCK, stream.channels), np.float32)
    played = 0
    late = latency  # frames at the start that are only the chain's delay
    while not stream.ended:
        feed.step()
        stream.decode()
        there = min(MAX_BLOCK, max(1, stream.ring.readable))  # never an underrun
        stream.render(block[:there])
        count = stream.frames_played - played  # what follows is the last silence
        played += count
        dropped = min(late, count)
        late -= dropped
        yield block[dropped:count]
    held_back = min(latency, played)
    if held_back:
        rest = [
            block[count:there].copy()
        ]  # through the chain already: it begins what was held back
        while sum(map(len, rest)) < held_back + late:
            stream.render(block)
            rest.append(block.copy())
        yield np.concatenate(rest)[late : late + held_back]
