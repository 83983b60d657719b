"""The equaliser as it is edited: two settings to compare, the bands of one, and what is heard.

A change is heard at once: `Equalizer.set_bands` lets all bands and the gain fade over in one. Where a
player has no stage yet, or one with too little room, a job puts one in; it runs beside the screen.

A is heard as it is set. While loudness is matched, B and the bypass are brought to the loudness of A
(`terminal.models.loudness`), so that switching does not change it.

Over 300 lines: all that keys and the mouse do is here, and each of it is short.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from zerocross.eq.design import KINDS, design_band, frequency_response
from zerocross.eq.equalizer import Equalizer
from zerocross.errors import UsageError, ZerocrossError
from zerocross.terminal.models.headroom import Headroom
from zerocross.terminal.models.jobs import Submit, at_once
from zerocross.terminal.models.loudness import LoudnessMatch
from zerocross.terminal.models.presets import MOST_BANDS, Band, PresetFolder, Setting
from zerocross.terminal.models.stage import (
    EqualizerStage,
    find_equalizer,
    find_stage,
    put_stage,
    setting_in,
)

if TYPE_CHECKING:
    from zerocross.files import PathLike
    from zerocross.player import Player

__all__ = ["GAIN_DB", "HZ", "PREAMP_DB", "EqualizerModel", "Q"]

Side = Literal["A", "B"]
#: What a band can be brought to by hand.
HZ, GAIN_DB, Q, PREAMP_DB = (20.0, 20_000.0), (-24.0, 24.0), (0.1, 30.0), (-30.0, 12.0)
_KINDS = tuple(sorted(KINDS, key=("peaking", "lowshelf", "highshelf").__contains__, reverse=True))
_FLAT: Band = ("peaking", 1000.0, 1.0, 0.0)
#: Smaller differences of loudness are not followed.
_FOLLOWED_DB = 0.02
_RATE = 48_000.0


class EqualizerModel:
    """A player's equaliser.

    Parameters
    ----------
    player : Player
        Whose; its chain is changed once something is.
    submit : callable or None
        How work is done that waits for the audio thread; None for at once, by the caller.
    presets : PresetFolder or None
        The user's own; None for those beside the configuration.

    Attributes
    ----------
    settings : dict
        The `Setting` of ``A`` and of ``B``.
    side : {"A", "B"}
        Which is edited.
    is_bypassed : bool
        Whether neither is heard.
    is_matched : bool
        Whether B and the bypass are as loud as A.
    selected : int or None
        The band that keys change.
    headroom : Headroom
        The light.
    tell : callable
        Given a line about what could not be done beside the screen.

    """

    def __init__(
        self, player: Player, submit: Submit | None = None, presets: PresetFolder | None = None
    ) -> None:
        self._player, self._submit = player, submit or at_once
        self.presets = presets or PresetFolder()
        self.settings: dict[Side, Setting] = {}
        self.side: Side = "A"
        self.is_bypassed, self.is_matched = False, True
        self.selected: int | None = None
        self.headroom = Headroom()
        self.tell: Callable[[str], None] = lambda _: None
        self._match: LoudnessMatch | None = None
        self._has_b = self._is_putting = False
        self._heard: tuple[Any, ...] = ()
        self._begin()

    def _begin(self) -> None:
        """Begin with what the player's chain has."""
        found = find_equalizer(self._player)
        self.settings = {"A": Setting() if found is None else setting_in(found), "B": Setting()}
        self.side, self.is_bypassed, self._has_b, self._heard = "A", False, False, ()
        self._select_nearest()

    # --- what there is ------------------------------------------------------------------------

    @property
    def setting(self) -> Setting:
        """What is edited."""
        return self.settings[self.side]

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands of what is edited."""
        return self.setting.bands

    @property
    def band(self) -> Band | None:
        """The selected band."""
        return None if self.selected is None else self.bands[self.selected]

    @property
    def sample_rate(self) -> float:
        """For which curves are drawn, in Hz: the player's, 48 kHz where nothing plays."""
        try:
            return float(self._player.sample_rate)
        except UsageError:
            return _RATE

    @property
    def stage(self) -> EqualizerStage | None:
        """What equalises in the player's chain; None before anything was changed."""
        return find_stage(self._player)

    def response_db(self, hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the response of what is edited, preamp included, at frequencies in Hz."""
        found: npt.NDArray[np.float64] = _equalizer(self.setting).response_db(hz, self.sample_rate)
        return found

    def band_db(self, index: int, hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the response of one band."""
        kind, at, q, gain = self.bands[index]
        rate = self.sample_rate
        if at >= rate / 2:
            return np.zeros(np.shape(hz))
        row = design_band(kind, at, rate, q, gain)[None]
        found: npt.NDArray[np.float64] = 20 * np.log10(
            np.maximum(np.abs(frequency_response(row, hz, rate)), 1e-10)
        )
        return found

    @property
    def room_db(self) -> float:
        """How far below 0 dB the highest point of the response stays; below 0 it is above."""
        return _room_db(self.setting.bands) - self.setting.preamp_db

    # --- bands --------------------------------------------------------------------------------

    def select(self, step: int) -> None:
        """Select the next band, or the one before, by frequency."""
        order = sorted(range(len(self.bands)), key=lambda k: self.bands[k][1])
        if not order:
            self.selected = None
        elif self.selected is None:
            self.selected = order[0 if step > 0 else -1]
        else:
            self.selected = order[(order.index(self.selected) + step) % len(order)]

    def add(self, hz: float | None = None, gain_db: float = 0.0) -> None:
        """Add a peaking band, and select it; without a frequency in the widest gap between others.

        Raises
        ------
        UsageError
            If there are as many as there can be.

        """
        if len(self.bands) >= MOST_BANDS:
            raise UsageError(f"there are {MOST_BANDS} bands; remove one first")
        at = self._widest_gap() if hz is None else hz
        band = ("peaking", _within(at, HZ), _FLAT[2], _within(gain_db, GAIN_DB))
        self._put((*self.bands, band), len(self.bands))

    def _widest_gap(self) -> float:
        edges = [HZ[0], *sorted(_within(band[1], HZ) for band in self.bands), HZ[1]]
        low, high = max(itertools.pairwise(edges), key=lambda pair: pair[1] / pair[0])
        return float(f"{math.sqrt(low * high):.3g}")

    def remove(self) -> None:
        """Remove the selected band, and select the nearest."""
        if self.selected is None:
            return
        hz = self.bands[self.selected][1]
        self._put(tuple(b for k, b in enumerate(self.bands) if k != self.selected), None)
        self._select_nearest(hz)

    def _select_nearest(self, hz: float = _FLAT[1]) -> None:
        near = sorted(range(len(self.bands)), key=lambda k: abs(math.log(self.bands[k][1] / hz)))
        self.selected = near[0] if near else None

    def set(
        self,
        hz: float | None = None,
        gain_db: float | None = None,
        q: float | None = None,
        kind: str | None = None,
    ) -> None:
        """Change the selected band, as far as values can be; what is None stays."""
        if self.band is None or self.selected is None:
            return
        now = self.band
        new: Band = (
            now[0] if kind is None else kind,
            now[1] if hz is None else _within(hz, HZ),
            now[2] if q is None else _within(q, Q),
            now[3] if gain_db is None else _within(gain_db, GAIN_DB),
        )
        self._put(
            tuple(new if k == self.selected else b for k, b in enumerate(self.bands)), self.selected
        )

    def turn(self, what: Literal["hz", "gain_db", "q"], steps: float) -> None:
        """Change a value of the selected band by steps: 1/24 octave, 0.5 dB, 1/8 of twice the Q."""
        if self.band is None:
            return
        _, hz, q, gain = self.band
        if what == "hz":
            self.set(hz=hz * 2 ** (steps / 24))
        elif what == "q":
            self.set(q=q * 2 ** (steps / 8))
        else:
            self.set(gain_db=round(gain + 0.5 * steps, 2))

    def next_kind(self, step: int = 1) -> None:
        """Make the selected band one of the next kind."""
        if self.band is not None:
            self.set(kind=_KINDS[(_KINDS.index(self.band[0]) + step) % len(_KINDS)])

    @property
    def has_gain(self) -> bool:
        """Whether the selected band's gain means anything."""
        return self.band is not None and (
            self.band[0] == "peaking" or self.band[0].endswith("shelf")
        )

    def set_preamp(self, preamp_db: float | None) -> None:
        """Set the gain before the bands, in dB; None for what keeps the response below 0 dB."""
        if preamp_db is None:
            preamp_db = min(0.0, self.setting.preamp_db + self.room_db)
        self._change(
            dataclasses.replace(self.setting, preamp_db=round(_within(preamp_db, PREAMP_DB), 2))
        )

    def flatten(self) -> None:
        """Take all bands away."""
        self._change(Setting())
        self.selected = None

    def _put(self, bands: tuple[Band, ...], selected: int | None) -> None:
        self.selected = selected
        self._change(dataclasses.replace(self.setting, bands=bands))

    def _change(self, setting: Setting) -> None:
        """Let a setting be that of this side, and be heard."""
        self.settings[self.side] = setting
        self.is_bypassed = False
        self._has_b = self._has_b or self.side == "B"
        if self.selected is not None and self.selected >= len(setting.bands):
            self.selected = None
        self.apply()

    # --- settings -----------------------------------------------------------------------------

    def load(self, name: PathLike) -> list[str]:
        """Load one of the user's own presets, or any by its path; returns what is to be told.

        Raises
        ------
        SourceError, UsageError
            If it cannot be read, or is more than bands.

        """
        setting, notes = self.presets.load(name, self.sample_rate)
        self.use(setting)
        return notes

    def use(self, setting: Setting) -> None:
        """Let a setting be that of this side."""
        self._change(setting)
        self._select_nearest()

    def save(self, name: str, *, replace: bool = False) -> None:
        """Keep what is edited as a preset of the user's own; as `PresetFolder.save`."""
        self.settings[self.side] = self.presets.save(name, self.setting, replace=replace)

    def switch(self) -> None:
        """Go to the other side; B begins as a copy of A."""
        if not self._has_b:
            self._has_b, self.settings["B"] = True, self.settings["A"]
        self.side = "B" if self.side == "A" else "A"
        self.is_bypassed = False
        if self.selected is None or self.selected >= len(self.bands):
            self._select_nearest()
        self.apply()

    def set_bypass(self, value: bool) -> None:
        """Hear neither, or this side again."""
        self.is_bypassed = value
        self.apply()

    def set_matched(self, value: bool) -> None:
        """Bring B and the bypass to the loudness of A, or not."""
        self.is_matched = value
        self.apply()

    @property
    def heard(self) -> Setting:
        """What is heard but for the gain that matches it."""
        return Setting() if self.is_bypassed else self.setting

    @property
    def match_db(self) -> float:
        """The gain with which what is heard is as loud as A, in dB; 0 where it is not matched."""
        if not self.is_matched or (self.side == "A" and not self.is_bypassed):
            return 0.0
        return self._loudness().gain_db(self.heard, self.settings["A"])

    @property
    def is_measured(self) -> bool:
        """Whether loudness was measured of what plays; else it is that of pink noise."""
        return self._loudness().is_measured

    def _loudness(self) -> LoudnessMatch:
        rate, tap = self.sample_rate, self.stage.before if self.stage else None
        channels = tap.channels if tap else 2
        match = self._match
        if match is None or (match.sample_rate, match.channels) != (rate, channels):
            self._match = match = LoudnessMatch(rate, channels)
        return match

    # --- what is heard ------------------------------------------------------------------------

    def apply(self) -> None:
        """Let the player be as this is."""
        stage = self.stage
        if stage is None or stage.room < len(self.heard.bands):
            if stage is None and self._is_as_found():
                return
            self._put_stage()
            return
        wanted = (id(stage), self.heard.bands, self.heard.preamp_db, self.match_db)
        if self._heard[:3] == wanted[:3] and abs(self._heard[3] - wanted[3]) < _FOLLOWED_DB:
            return
        stage.equalizer.set_bands(wanted[1], wanted[2] + wanted[3])
        self._heard = wanted

    def _is_as_found(self) -> bool:
        """Return whether the player does without a stage what is wanted."""
        found = find_equalizer(self._player)
        now = Setting() if found is None else setting_in(found)
        return (now.bands, now.preamp_db) == (self.heard.bands, self.heard.preamp_db)

    def _put_stage(self) -> None:
        if self._is_putting:
            return  # what is wanted by then is heard when it is there
        self._is_putting = True
        stage = EqualizerStage(len(self.heard.bands))
        stage.equalizer.set_bands(self.heard.bands, self.heard.preamp_db + self.match_db)

        def work() -> ZerocrossError | None:
            try:
                put_stage(self._player, stage)
            except ZerocrossError as error:
                return error
            return None

        self._submit(work, self._is_put)

    def _is_put(self, error: ZerocrossError | None) -> None:
        self._is_putting, self._heard = False, ()
        if error is not None:
            self.tell(str(error))
        elif self.stage is not None:
            self.apply()

    def look(self) -> None:
        """Measure what passed since the last time; B and the bypass follow. A few times a second.

        Where the stage was taken out elsewhere, begin with what there is in its place.
        """
        stage = self.stage
        if stage is None and self._heard and not self._is_putting:
            self._begin()
        if stage is None or stage.before is None or stage.after is None:
            return
        self.headroom.look(stage.after, self.sample_rate)
        if self._loudness().look(stage.before) and not self._is_putting:
            self.apply()


@functools.lru_cache(maxsize=64)
def _room_db(bands: tuple[Band, ...]) -> float:
    """Return how far below 0 dB bands stay; looked for once, for a screen asks again and again."""
    return float(_equalizer(Setting(bands)).headroom_db) if bands else 0.0


def _equalizer(setting: Setting) -> Any:
    made: Any = Equalizer
    equalizer = made([])
    equalizer.set_bands(setting.bands, setting.preamp_db)
    return equalizer


def _within(value: float, ends: tuple[float, float]) -> float:
    return float(min(max(value, ends[0]), ends[1]))
