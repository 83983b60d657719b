"""Figures: an empty one, and a picture of it in a file."""

from __future__ import annotations

import os
import warnings
from typing import Any

from zerocross.errors import MissingDependency, ZerocrossError
from zerocross.files import check_ending, printable, written_aside

__all__ = ["PICTURES", "new_figure", "save_figure"]

#: Endings of pictures.
PICTURES = (".png", ".svg")


def new_figure(width: float, height: float) -> Any:
    """Return an empty matplotlib figure, in inches: white, to be read on light and dark pages.

    Raises
    ------
    MissingDependency
        Without matplotlib.

    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependency(
            "pictures need matplotlib; pip install zerocross[pictures]"
        ) from None
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def save_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG or SVG; a failure leaves nothing half done.

    Raises
    ------
    UsageError
        For another ending.
    ZerocrossError
        If the file cannot be written.

    """
    ending = check_ending(path, PICTURES)
    try:
        with written_aside(path) as part, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # letters of a name that the font does not have
            figure.savefig(part, dpi=120, format=ending[1:])
    except ValueError as error:  # matplotlib's, of a size that it cannot draw
        raise ZerocrossError(
            f"{printable(path)}: cannot be drawn ({printable(str(error))}); give another file"
        ) from None
