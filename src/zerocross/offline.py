"""Offline rendering: the stream's own decode step and callback, driven by a loop.

What is rendered is what is played: the player's feed posts the files, the same kernels read, mix,
ramp and apply the volume; only the device is missing. One thread decodes and renders, another converts and writes what was rendered before.
Copies of 32-bit integers alone go round it, as its float32 would round them.

A little over 300 lines, because `render` documents each of its options.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from zerocross.dsp.polyphase import checked_quality
from zerocross.engine.file_stream import FileStream
from zerocross.errors import SourceError, UsageError
from zerocross.files import PathLike, check_output, printable
from zerocross.graph.block import MAX_BLOCK
from zerocross.graph.chain import Chain, chain_of
from zerocross.graph.fault import Fault, warn_of
from zerocross.graph.groups import Group
from zerocross.graph.processor import Processor
from zerocross.loudness.replaygain import GainTags, gain_for
from zerocross.player.budget import Budget
from zerocross.player.feed import Feed
from zerocross.player.opener import open_with_gain
from zerocross.player.queue import Queue, Track
from zerocross.sources.location import (
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    FileObject,
    Location,
    Playable,
    as_location,
    is_location,
    title_of,
)
from zerocross.sources.source import OpenSource
from zerocross.sources.written import check_form, choose_form, copied_frames, write_frames
from zerocross.system.background import made_ahead
from zerocross.units import checked_progress, checked_seconds, checked_volume, checked_whole

__all__ = ["Rendered", "render"]

_Frames = np.ndarray[Any, np.dtype[np.float32]]

#: Inputs that are posted and not yet decoded.
_OPEN_AHEAD = 4
#: Frames that are rendered at a time.
_PIECE = 4 * MAX_BLOCK


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
        ``16``, ``24``, ``32`` or ``float``.
    clipped : int
        Samples beyond full scale that an integer format could not hold.
    errors : list of str
        Inputs that were skipped or damaged (samples that are no numbers among them), and effects that
        failed, one line each.
    faults : list of Fault
        The effects that were bypassed or silenced.
    dither : str
        ``none``, ``tpdf`` or ``shaped``: what was done.

    """

    path: str
    frames: int
    sample_rate: int
    channels: int
    bits: str
    clipped: int
    errors: list[str]
    faults: list[Fault] = dataclasses.field(default_factory=list)
    dither: str = "none"


def render(
    inputs: Sequence[Playable],
    output: PathLike,
    *,
    volume: float = 1.0,
    start_s: float = 0.0,
    duration_s: float | None = None,
    channels: int | None = None,
    bits: str | None = None,
    sample_rate: int | None = None,
    effects: Chain | Processor | Sequence[Processor | Group] | None = None,
    replaygain: str = "off",
    quality: str = "high",
    dither: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> Rendered:
    """Render files, joined without a gap, into one WAV or FLAC file.

    Parameters
    ----------
    inputs : sequence of path-like, Samples, (array, sample_rate) or binary file
        Files and other sources (docs/formats.md), or one; those of another sample rate than the
        output's are resampled.
    output : path-like
        Ends in ``.wav`` or ``.flac``; written under another name first, so that a failure
        leaves nothing half done.
    volume : float
        Gain from 0 to 1.
    start_s, duration_s : float
        Where the first file begins and how much is rendered, in seconds.
    channels : {1, 2} or None
        None keeps mono if all inputs are mono, else stereo.
    bits : {"16", "24", "32", "float"} or None
        None: 16 if all inputs have 16 bits or fewer and none is resampled; in WAV, 32 if all are
        integers, some of 32 bits, and nothing is done but joining, so that no bit is lost; else
        24 for FLAC and float for WAV.
    sample_rate : int or None
        Of the output, 8000 to 384000 Hz; None takes the first input's.
    effects : Chain, Processor, list of them, or None
        What everything goes through, before the volume; its latency is made up for.
    replaygain : {"off", "track", "album"}
        Which of the files' gains is applied.
    quality : {"medium", "high", "very high"}
        Of the resampling of files of another sample rate; a player's is the same by default.
    dither : {"none", "tpdf", "shaped"} or None
        For 16 and 24 bits: triangular noise of one step to either side, or the same shaped by
        Lipshitz's filter, at 44.1 to 48 kHz (`dsp.dither`). None: ``tpdf`` for 16 bits, ``none``
        for 24, whose step is that of a loud float32; float and 32 bits have none. The same input
        gives the same file. Integers that fit and to which nothing is done are copied, without
        dither.
    progress : callable or None
        Called with the share that is done, from 0 to 1.

    Raises
    ------
    SourceError
        If no input can be played.
    UsageError
        For an output that is neither WAV nor FLAC or is one of the inputs, an impossible sample
        rate, volume, time or quality, or a chain that plays.

    Warns
    -----
    FaultWarning
        For each effect that failed; ``errors`` has the same lines.

    """
    locations = _checked_inputs(inputs)
    volume = checked_volume(volume)
    start_s = checked_seconds("start_s", start_s)
    if duration_s is not None:
        duration_s = checked_seconds("duration_s", duration_s)
    if sample_rate is not None:
        sample_rate = checked_whole(
            "sample_rate", sample_rate, MIN_SAMPLE_RATE, MAX_SAMPLE_RATE, "Hz"
        )
    if channels is not None:
        channels = checked_whole("channels", channels, 1, 2)
    progress = checked_progress(progress)
    check_form(output, bits, dither)
    quality = checked_quality(quality)
    bits = None if bits is None else str(bits)
    chain = None if effects is None else chain_of(effects)
    check_output(output, [i for i in locations if isinstance(i, (str, bytes, os.PathLike))])
    gain_for(GainTags(), replaygain)  # complains
    probed, errors = _probe(locations, replaygain)
    probed, start_s = _first_heard(probed, start_s)
    is_whole = start_s == 0.0 and duration_s is None
    form = choose_form(
        probed,
        output,
        sample_rate=sample_rate,
        channels=channels,
        bits=bits,
        dither=dither,
        is_processed=chain is not None or volume != 1.0,
        is_whole=is_whole,
    )
    total = _expected_frames(probed, start_s, duration_s, form.sample_rate)
    faults = list[Fault]()
    if is_whole and form.is_copy and form.bits == "32":
        blocks = copied_frames(probed, errors)
        frames, clipped = write_frames(blocks, output, form, total, progress)
    else:
        stream = FileStream(form.sample_rate, form.channels, volume=volume, quality=quality)
        budget = Budget(duration_s)
        feed = _make_feed(stream, probed, budget, replaygain, errors)
        try:
            with _running(chain, stream, faults) as latency:
                if not budget.is_spent(form.sample_rate):
                    first = feed.queue[0]
                    feed.begin(first, open_with_gain(probed[0].location, replaygain), start_s)
                blocks = made_ahead(_blocks(stream, feed, latency), "zerocross-render")
                with contextlib.closing(blocks):
                    frames, clipped = write_frames(blocks, output, form, total, progress)
        finally:
            feed.close()
    errors += map(str, faults)
    warn_of(faults)
    kind = form.sample_rate, form.channels, form.bits
    return Rendered(printable(output), frames, *kind, clipped, errors, faults, form.dither)


def _checked_inputs(inputs: Any) -> list[Location]:
    """Return a list of locations; one input alone is a list of it."""
    if is_location(inputs) or not isinstance(inputs, Iterable):
        inputs = [inputs]
    return [_again(as_location(one)) for one in inputs]


def _again(location: Location) -> Location:
    """Return what can be read twice: a rendering looks at its inputs first."""
    if isinstance(location, FileObject) and not location.is_seekable:
        return FileObject(io.BytesIO(location.file.read()), location.title)
    return location


def _probe(inputs: Sequence[Location], replaygain: str) -> tuple[list[OpenSource], list[str]]:
    """Look at all inputs; returns the good ones, closed again, and the errors of the others."""
    sources: list[OpenSource] = []
    problems: list[SourceError] = []
    for path in inputs:
        location: Location | None = path
        while location is not None:
            try:
                source = open_with_gain(location, replaygain)
            except SourceError as error:
                problems.append(error)
                break
            source.close()
            sources.append(source)
            location = source.rest
    if not sources:
        raise problems[0] if problems else UsageError("nothing to render; give at least one file")
    return sources, [str(problem) for problem in problems]


def _first_heard(probed: list[OpenSource], start_s: float) -> tuple[list[OpenSource], float]:
    """Leave out what of the first file's parts is before a start; returns it within the rest."""
    before = 0.0
    for number, source in enumerate(probed):
        length = source.duration_s
        if length is None or start_s - before < length or start_s == 0.0:
            return probed[number:], start_s - before
        before += length
        if source.rest is None or [source.rest] != [p.location for p in probed[number + 1 :][:1]]:
            break
    raise UsageError(
        f"start_s={start_s:g} is not within {title_of(probed[0].location)}: it has "
        f"{before:.2f} s; give less"
    )


@contextlib.contextmanager
def _running(chain: Chain | None, stream: FileStream, faults: list[Fault]) -> Iterator[int]:
    """Let a stream play, with the effects in it; yields their latency in frames.

    In the end it adds to the faults.
    """
    stream.set_playing(True)
    if chain is None:
        yield 0
        return
    with chain.rendering(stream.sample_rate, stream.channels) as program:
        stream.set_program(program)
        yield program.latency_frames
        faults += chain.faults_of_run()


def _make_feed(
    stream: FileStream,
    inputs: list[OpenSource],
    budget: Budget,
    replaygain: str,
    errors: list[str],
) -> Feed:
    """Return a feed of the inputs, which adds the errors that it finds to a list."""
    queue = Queue()
    queue.extend(source.location for source in inputs)

    def tell(kind: str, track: Track, words: str) -> None:
        if kind != "notice":
            errors.append(f"{track.path}: {words}")

    return Feed(
        stream,
        queue,
        budget,
        open_track=lambda track: open_with_gain(track.location, replaygain),
        tell=tell,
        ahead=_OPEN_AHEAD,
        seekable=False,
    )


def _expected_frames(
    inputs: list[OpenSource], start_s: float, duration_s: float | None, rate: int
) -> int | None:
    """Return how many frames will be rendered, about; None if a file does not say."""
    lengths = [source.duration_s for source in inputs]
    left = math.inf if duration_s is None else duration_s
    if None not in lengths:
        left = min(left, sum(s for s in lengths if s is not None) - start_s)
    return None if math.isinf(left) else max(0, round(left * rate))


def _blocks(stream: FileStream, feed: Feed, latency: int) -> Generator[_Frames, None, None]:
    """Yield what the stream plays: as many frames as the files have, ``latency`` frames later."""
    late = latency  # frames at the start that are only the chain's delay
    played = 0
    while not stream.ended:
        feed.collect()
        feed.fill()
        stream.decode()
        there = min(_PIECE, max(1, stream.ring.readable))  # never an underrun
        there -= (
            there % MAX_BLOCK if there > MAX_BLOCK else 0
        )  # the callback's own blocks are all as long
        block = np.empty((there, stream.channels), np.float32)
        stream.render(block)
        count = stream.frames_played - played  # what follows is the last silence
        played += count
        dropped = min(late, count)
        late -= dropped
        yield block[dropped:count]
    feed.collect()  # what became of the last
    held_back = min(latency, played)
    if held_back:
        rest = [block[count:]]  # through the chain already: it begins what is held back
        while sum(map(len, rest)) < held_back + late:
            rest.append(np.empty((MAX_BLOCK, stream.channels), np.float32))
            stream.render(rest[-1])
        yield np.concatenate(rest)[late : late + held_back]
