"""The files of a preset: texts in any coding, and impulse responses, each read once."""

from __future__ import annotations

import codecs
import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zerocross.dsp.partitions import check_response
from zerocross.eq.presets.values import Unapplied
from zerocross.errors import UsageError
from zerocross.files import printable, read_small

__all__ = ["Impulse", "Library"]

_MOST_BYTES = 1 << 20
_MOST_IMPULSES_S = 60.0


@dataclasses.dataclass(frozen=True)
class Impulse:
    """An impulse response from a file, shape (channels, frames), for channels in order."""

    name: str
    rows: npt.NDArray[np.float32]
    sample_rate: int


class Library:
    """A preset's files, each read once."""

    def __init__(self) -> None:
        self._texts: dict[str, tuple[str, tuple[int, int]]] = {}
        self._impulses: dict[str, Impulse] = {}

    def text(self, path: Path) -> tuple[str, tuple[int, int]]:
        """Return a file's text, and what tells it from other files."""
        if str(path) not in self._texts:
            raw = read_small(path, _MOST_BYTES, "preset")
            status = path.stat()
            self._texts[str(path)] = _decoded(raw), (status.st_dev, status.st_ino)
        return self._texts[str(path)]

    def impulse(self, path: Path) -> Impulse:
        """Return an impulse response; all of them together have a bound."""
        from zerocross.sources.opening import read_audio

        if str(path) not in self._impulses:
            left = _MOST_IMPULSES_S - sum(
                each.rows.shape[1] / each.sample_rate for each in self._impulses.values()
            )
            rows, rate = read_audio(path, left)
            try:
                check_response(rows)
            except UsageError as error:
                raise Unapplied(str(error)) from None
            self._impulses[str(path)] = Impulse(printable(path), rows, rate)
        return self._impulses[str(path)]


def _decoded(raw: bytes) -> str:
    for mark, coding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if raw.startswith(mark):
            return raw.decode(coding, "replace")
    if len(raw) >= 4 and raw[1::2].count(0) > len(raw) // 4:
        return raw.decode("utf-16-le", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
