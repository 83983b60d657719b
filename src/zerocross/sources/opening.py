"""The one door to every source: a path, the text of a URL, samples in memory, an open file.

What libsndfile reads is read by the decode thread itself. All else is memory ahead of the ear: the
modules for it are imported when there is something for them.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import soundfile

from zerocross.errors import SourceError
from zerocross.files import PathLike
from zerocross.sources.cue import Cut
from zerocross.sources.file import NOT_KNOWN, format_of, not_playable, open_file
from zerocross.sources.location import FileObject, Location, Samples
from zerocross.sources.source import OpenSource, problem_of
from zerocross.sources.window import Decoder, OpenWindow

__all__ = ["open_source", "open_whole", "read_audio"]

_WHOLE = 1 << 20
_URL = re.compile("https?://", re.IGNORECASE)


def open_source(location: Location) -> OpenSource:
    """Open a source for playing, wherever it is.

    Raises
    ------
    SourceError
        With one line that says what is wrong with it and what to do.
    UsageError
        For what is no location.

    """
    if isinstance(location, Samples):
        from zerocross.sources.array import OpenSamples

        source: OpenSource = OpenSamples(location)
    elif isinstance(location, Cut):
        from zerocross.sources.cut import OpenCut

        source = OpenCut(location, open_source(location.location))
    elif isinstance(location, FileObject):
        source = OpenWindow(location, _decoder_of(location))
    elif isinstance(location, str) and _URL.match(location):
        from zerocross.sources.http import open_url

        source = OpenWindow(location, open_url(location))
    else:
        source = open_file(location, _open_otherwise)
    problem = problem_of(source)
    if problem:
        source.close()
        raise SourceError(source.path, problem)
    return source


def _open_otherwise(path: PathLike, is_unknown: bool) -> OpenSource | None:
    """Open a file that libsndfile cannot; None where nobody can."""
    from zerocross.sources.formats import open_other

    decoder = open_other(path, is_unknown)
    return OpenWindow(path, decoder) if decoder else None


def _decoder_of(location: FileObject) -> Decoder:
    """Return what decodes a file that a program has open: libsndfile where it can, else PyAV."""
    from zerocross.sources.formats import AvDecoder, open_other
    from zerocross.sources.objects import SndfileDecoder

    if not location.is_seekable:
        return AvDecoder(location.reader(), location.title)
    try:
        return SndfileDecoder(location)
    except soundfile.LibsndfileError as error:
        if found := open_other(location, error.code in NOT_KNOWN):
            return found
        raise SourceError(location.title, not_playable(error)) from None


def open_whole(location: Location) -> OpenSource:
    """Open a source of which all is to be measured or taken as one signal.

    Raises
    ------
    SourceError
        As `open_source`, and for a chained file of several formats or with a link that cannot be
        read.

    """
    source = open_source(location)
    problem, rest = source.problem, source.rest
    while rest and not problem:
        try:
            part = open_source(rest)
        except SourceError:
            source.close()
            raise
        part.close()
        if format_of(part) != format_of(source):
            problem = (
                f"its format changes after {source.duration_s:.2f} s (link {rest.first_link + 1} "
                "of a chained file); render it to one file first"
            )
        source.following.append(rest)
        if source.frames is not None:
            source.frames = None if part.frames is None else source.frames + part.frames
        problem, rest = problem or part.problem, part.rest
    source.rest = None
    if problem:
        source.close()
        raise SourceError(source.path, problem)
    return source


def read_audio(
    path: PathLike, most_s: float = 3600.0
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], int]:
    """Return a whole file's samples, shape (channels, frames), float32, and its sample rate.

    Parameters
    ----------
    path : path-like
        The file.
    most_s : float
        A longer one, in seconds, is refused from its header: all of it would be in memory.

    Raises
    ------
    SourceError
        As `open_source`, and for a file that is too long.

    """
    source = open_whole(path)
    try:
        pieces = _pieces(source, most_s)
    finally:
        source.close()
    samples = np.concatenate(pieces) if pieces else np.zeros((0, source.channels), np.float32)
    return np.ascontiguousarray(samples.T), source.sample_rate


def _pieces(source: OpenSource, most_s: float) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """Return all of a file, in pieces, if it is no longer than it may be."""
    pieces, frames, most = [], source.frames or 0, most_s * source.sample_rate
    if frames <= most:
        frames = 0
        for samples in source.chunks(_WHOLE):
            frames += len(samples)
            if frames > most:  # its header does not say, or says less
                break
            pieces.append(samples)
    if frames > most:
        seconds = frames / source.sample_rate
        raise SourceError(source.path, f"{seconds:.0f} s; up to {most_s:.0f} s fit, cut it first")
    return pieces
