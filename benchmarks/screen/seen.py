"""Bars read back from what a terminal shows: how high each stands, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.screen.terminal import Emulator, Piece

__all__ = ["CELLS_OF_A_BAR", "Motion", "heights", "motion"]

#: Eighths of a cell that a glyph fills from below.
_EIGHTHS = {chr(0x2580 + k): k for k in range(1, 9)}
#: Pieces that come closer together are of one frame.
_ONE_FRAME_S = 0.004
FPS = 60.0
#: Of everybody's bars, and one between two of them.
CELLS_OF_A_BAR = 2


class Motion(NamedTuple):
    """What was seen in a time.

    Attributes
    ----------
    bars : int
        Groups of columns in which anything stood.
    change : float
        Mean absolute change of a bar in a 60th of a second, in eighths of a cell.
    height : float
        Mean height of a bar, in eighths of a cell.
    frames : float
        Frames a second in which anything changed.

    """

    bars: int
    change: float
    height: float
    frames: float


def heights(screen: Any) -> npt.NDArray[np.int64]:
    """Return how many eighths of cells are filled in each column."""
    found = np.zeros(screen.columns, np.int64)
    for y in range(screen.lines):
        for x, cell in screen.buffer[y].items():
            if x < screen.columns:
                part = _EIGHTHS.get(cell.data, 0)
                found[x] += 8 - part if cell.reverse and (part or cell.data == " ") else part
    return found


def motion(
    pieces: Sequence[Piece], begin_s: float, end_s: float, size: tuple[int, int], bars: int
) -> Motion:
    """Replay what a program wrote, and see how so many bars moved in a time, silent ones too."""
    emulator = Emulator(*size)
    shown: list[npt.NDArray[np.int64]] = []
    at_s = -np.inf
    for piece in pieces:
        if piece.at_s >= end_s:
            break
        if piece.at_s >= begin_s and piece.at_s - at_s > _ONE_FRAME_S:
            shown.append(heights(emulator.screen))
        emulator.feed(piece.data)
        at_s = piece.at_s
    shown.append(heights(emulator.screen))
    frames = np.stack(shown)
    stands = frames.max(axis=0) > 0
    moved = np.abs(np.diff(frames, axis=0))[:, stands]
    seconds, columns = end_s - begin_s, CELLS_OF_A_BAR * bars
    return Motion(
        bars=int((np.diff(stands.astype(int), prepend=0) == 1).sum()),
        change=float(moved.sum()) / columns / (seconds * FPS),
        height=float(frames.sum(axis=1).mean()) / columns,
        frames=float((moved.sum(axis=1) > 0).sum()) / seconds,
    )
