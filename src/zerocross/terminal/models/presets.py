"""Settings of the equaliser: read from presets of any kind that is bands, kept as Equalizer APO's.

What is saved is a file that every reader of such presets reads, also ``zerocross play --eq``.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from zerocross.eq.graphic import fit_bands, fit_error_db
from zerocross.eq.presets import Preset, read_preset
from zerocross.errors import UsageError, ZerocrossError
from zerocross.files import PathLike, printable, written_aside
from zerocross.settings.config import config_path

__all__ = ["MOST_BANDS", "Band", "PresetFolder", "Setting", "setting_of", "text_of"]

#: Kind, Hz, Q, dB.
Band = tuple[str, float, float, float]

MOST_BANDS = 64
_WORDS = {
    "peaking": "PK",
    "lowshelf": "LSC",
    "highshelf": "HSC",
    "lowpass": "LPQ",
    "highpass": "HPQ",
    "bandpass": "BP",
    "notch": "NO",
    "allpass": "AP",
}
_MOST_LETTERS = 100
_ENDING = ".txt"


@dataclasses.dataclass(frozen=True)
class Setting:
    """What an equaliser does.

    Attributes
    ----------
    bands : tuple of (kind, frequency in Hz, Q, gain in dB)
    preamp_db : float
        Gain before them.
    name : str
        What it was loaded from or saved as; empty for neither.

    """

    bands: tuple[Band, ...] = ()
    preamp_db: float = 0.0
    name: str = ""


def setting_of(preset: Preset, sample_rate: float, name: str = "") -> tuple[Setting, list[str]]:
    """Return a preset as bands, and a line for each thing of it that is not as it says.

    Curves become bands a third of an octave wide.

    Raises
    ------
    UsageError
        If it is more than bands that are the same for both channels.

    """
    shown = name or printable(preset.name)
    sections = preset.sections(sample_rate, 2)
    left, right = sections[0][0]
    reason = ""
    if len(sections) > 1 or left.delay_frames or right.delay_frames:
        reason = "copies or delays channels"
    elif left.responses or right.responses:
        reason = "is an impulse response"
    elif (left.bands, left.preamp_db, left.curves) != (right.bands, right.preamp_db, right.curves):
        reason = "has other bands for each channel"
    bands: list[Band] = list(left.bands)
    notes = [str(skipped) for skipped in preset.at(sample_rate, 2).skipped]
    for curve in left.curves:
        bands += fit_bands(curve, sample_rate)
        error = fit_error_db(curve, sample_rate)
        notes.append(f"{shown}: its curve is 31 bands now, within {error:.1f} dB")
    if len(bands) > MOST_BANDS:
        reason = f"has {len(bands)} bands, of {MOST_BANDS} at most"
    if reason:
        raise UsageError(f"{shown}: {reason}, which cannot be edited here; play it with --eq")
    return Setting(tuple(bands), float(left.preamp_db), name), notes


def text_of(setting: Setting) -> str:
    """Return a setting as the text of a preset: lines as Equalizer APO has them."""
    lines = [f"Preamp: {_number(setting.preamp_db)} dB"]
    for number, (kind, hz, q, gain) in enumerate(setting.bands, 1):
        has_gain = kind == "peaking" or kind.endswith("shelf")
        level = f" Gain {_number(gain)} dB" if has_gain else ""
        lines.append(
            f"Filter {number}: ON {_WORDS[kind]} Fc {_number(hz)} Hz{level} Q {_number(q)}"
        )
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    # Never three digits behind the point: readers take those for thousands.
    return f"{np.round(value, 6):.6f}"


class PresetFolder:
    """The user's own settings, beside the configuration.

    Parameters
    ----------
    folder : Path or None
        Where they are; None for ``presets`` beside the user's configuration.

    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where they are; it need not be there."""
        return self._folder or config_path().parent / "presets"

    def names(self) -> list[str]:
        """Return the names of those that there are, in order."""
        try:
            found = [p for p in self.folder.iterdir() if p.suffix == _ENDING and p.is_file()]
        except OSError:
            return []
        return sorted((p.stem for p in found), key=str.casefold)

    def load(self, name: PathLike, sample_rate: float = 48_000.0) -> tuple[Setting, list[str]]:
        """Read one by its name, or any preset by its path, as `setting_of`.

        Raises
        ------
        SourceError
            If it cannot be read.
        UsageError
            If it is more than bands.

        """
        own = str(name) in self.names()
        path = self.folder / f"{name!s}{_ENDING}" if own else Path(str(name)).expanduser()
        return setting_of(read_preset(path), sample_rate, path.stem)

    def save(self, name: str, setting: Setting, *, replace: bool = False) -> Setting:
        """Keep a setting under a name; returns it with that.

        Raises
        ------
        UsageError
            For what is no name, and where there is one already that is not to be replaced.
        ZerocrossError
            If it cannot be written.

        """
        name = name.strip()
        is_name = name.isprintable() and not set(name) & set('/\\:*?"<>|') and name[:1] != "."
        if not name or not is_name or len(name) > _MOST_LETTERS:
            raise UsageError(
                f"{printable(name)!r} is no name for a preset; give one of up to {_MOST_LETTERS} "
                "letters without slashes"
            )
        path = self.folder / f"{name}{_ENDING}"
        if path.exists() and not replace:
            raise UsageError(f"{name}: is there already; save it again to replace it")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ZerocrossError(
                f"{printable(str(self.folder))}: cannot be made ({(error.strerror or '').lower()})"
            ) from None
        with written_aside(path) as part:
            Path(part).write_text(text_of(setting), encoding="utf-8")
        return dataclasses.replace(setting, name=name)
