"""The equaliser: any number of bands in a cascade, changed without a click while it plays.

Over 300 lines, with the documented public calls: kernel and control side share one layout.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross import units
from zerocross.compiler import entry, float32_rows, kernel, record_at
from zerocross.dsp.decibels import db_to_gain
from zerocross.dsp.fading_iir import FADING_IIR, fading_iir_by, make_fading_iir
from zerocross.dsp.iir import FORMS, IIR, design_iir, form_of, iir, iir_in_float32, make_iir
from zerocross.eq.design import design_band, frequency_response
from zerocross.eq.desk import Desk
from zerocross.eq.graphic import GRAPHIC_HZ, gains_for, graphic_q
from zerocross.eq.peak import highest, peak_grid
from zerocross.errors import UsageError
from zerocross.graph.block import MAX_CHANNELS
from zerocross.graph.decorator import processor
from zerocross.graph.params import param
from zerocross.units import (
    checked_flag,
    checked_number,
    checked_rate,
    checked_whole,
    shown,
)

__all__ = ["Equalizer"]

_DEFAULT_HZ = (60.0, 170.0, 310.0, 600.0, 1000.0, 3000.0, 6000.0, 12_000.0)
_FADE_S = 0.05
_BLOCK = 4096
_MOST_BANDS = 1024
_MOST_TRIM_DB = 120.0
_PASS = np.array([1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
Band = tuple[str, float, float, float]


@processor
class Equalizer:
    """Bands, all of them heard; in float64, unless float32 is asked for.

    They run in the form that is quicker (`dsp.iir`), and are changed without a click
    (`dsp.fading_iir`).

    Parameters
    ----------
    bands : int or sequence of (kind, frequency, q, gain_db)
        How many peaking bands (8 by default: 60 Hz to 12 kHz, all at 0 dB), or what they are.
    preamp_db : float or "auto"
        Gain before the bands; "auto" turns down by what the bands' common response has at its
        highest, so that nothing is louder than it was, and follows changes.
    definition : {"rbj", "webaudio"}
        Whose formulas (`design_band`).
    engine : {"auto", "cascade", "parallel"}
        How they run; what has no parallel form is a cascade all the same.
    room : int
        For how many bands there is room while it plays (`set_bands`); more than ``bands`` has pass.
    precision : {"float64", "float32"}
        What the bands are computed in. In float32 they are a cascade, which takes about half of the time;
        its noise is loud where bands are low and narrow (docs/eq.md), so it is for others only.

    """

    preamp_db: float = param(0.0, -60.0, 60.0, "dB")
    filters: int = 0

    def __init__(
        self,
        bands: Any = 8,
        preamp_db: float | str = 0.0,
        definition: str = "rbj",
        engine: str = "auto",
        room: int = 0,
        precision: str = "float64",
    ) -> None:
        if not isinstance(engine, str) or engine not in FORMS:
            raise UsageError(f"engine={shown(engine)}: give 'auto', 'cascade' or 'parallel'")
        if not isinstance(precision, str) or precision not in ("float64", "float32"):
            raise UsageError(f"precision={shown(precision)}: give 'float64' or 'float32'")
        if precision == "float32":
            if engine == "parallel":
                raise UsageError(f"engine={shown(engine)} is in float64; give 'cascade' or 'auto'")
            if type(self) not in (Equalizer, EqualizerInFloat32):
                raise UsageError(f"precision='float32' is for Equalizer, not {type(self).__name__}")
            self.__class__ = EqualizerInFloat32  # whose code is its own
        self._engine = "cascade" if isinstance(self, EqualizerInFloat32) else engine
        if isinstance(bands, int):
            bands = checked_whole("bands", bands, 0, _MOST_BANDS)
            spread = np.geomspace(_DEFAULT_HZ[0], _DEFAULT_HZ[-1], max(1, bands))
            places = _DEFAULT_HZ if bands == len(_DEFAULT_HZ) else spread[:bands]
            first = [("peaking", float(f), 1.0, 0.0) for f in places]
        else:
            first = _checked_bands(bands)
        self._room = checked_whole("room", room, 0, _MOST_BANDS)
        self._definition = definition
        self._each: list[list[Band]] = [first]
        self._trims: list[float] = [0.0]
        self._rate, self._bypass = 0.0, False
        self._auto = isinstance(preamp_db, str) and preamp_db == "auto"
        self._filters: Any = None
        for band in first:
            self._check(band)
        if not self._auto:
            self.preamp_db = preamp_db  # type: ignore[assignment]
        self._turn_down()

    @classmethod
    def graphic(cls, bands: int = 10, gains_db: Any = None, preamp_db: float | str = 0.0) -> Any:
        """Return a graphic equaliser with 10 (octaves), 15 or 31 (thirds of octaves) bands.

        With gains, the response has these levels at the bands' centres: what neighbours add to
        each other is made up for.
        """
        if not isinstance(bands, int) or bands not in GRAPHIC_HZ:
            raise UsageError(f"a graphic equaliser of {shown(bands)} bands; give 10, 15 or 31")
        q, hz = graphic_q(bands), GRAPHIC_HZ[bands]
        try:
            gains = np.zeros(bands) if gains_db is None else np.asarray(gains_db, np.float64)
        except (TypeError, ValueError):
            gains = np.zeros(0)
        if gains.shape != (bands,) or not (np.abs(gains) <= 24).all():
            raise UsageError(f"give {bands} gains of up to 24 dB, one for each band")
        if gains_db is not None:
            gains = gains_for(hz, gains, q, 48_000.0)
        made: Any = cls
        return made([("peaking", f, q, g) for f, g in zip(hz, gains, strict=True)], preamp_db)

    @classmethod
    def of_channels(cls, channels: Any) -> Any:
        """Return one with bands of its own for each channel: a list of (bands, preamp in dB)."""
        made: Any = cls([])
        try:
            each = [(bands, trim) for bands, trim in channels]
        except (TypeError, ValueError):
            each = []
        if not 1 <= len(each) <= MAX_CHANNELS:
            raise UsageError(
                f"{shown(channels)}: give (bands, preamp in dB) for each channel, 1 to {MAX_CHANNELS}"
            )
        made._each = [_checked_bands(bands) for bands, _ in each]
        made._trims = [
            checked_number("preamp_db", trim, -_MOST_TRIM_DB, _MOST_TRIM_DB, "dB")
            for _, trim in each
        ]
        for bands in made._each:
            for band in bands:
                made._check(band)
        return made

    def _check(self, band: Band) -> None:
        design_band(band[0], band[1], self._rate or 1e6, band[2], band[3], self._definition)

    # --- what it is -------------------------------------------------------------------------

    @property
    def bands(self) -> list[Band]:
        """Kind, frequency in Hz, Q and gain in dB of each band (of the first channel)."""
        return list(self._each[0])

    @property
    def is_linked(self) -> bool:
        """Whether all channels have the same bands."""
        return len(self._each) == 1

    def sos(self, sample_rate: float | None = None, channel: int = 0) -> npt.NDArray[np.float64]:
        """Return a channel's coefficients, shape (bands, 6), as SciPy has them.

        Bands at or above half the sample rate let everything pass.
        """
        rate = self._rate_of(sample_rate)
        place = checked_whole("channel", channel, 0, MAX_CHANNELS - 1)
        rows = []
        for kind, f, q, gain in self._each[min(place, len(self._each) - 1)]:
            inside = f < rate / 2 or self._definition == "webaudio"
            rows.append(design_band(kind, f, rate, q, gain, self._definition) if inside else _PASS)
        return np.array(rows).reshape(-1, 6)

    def _rate_of(self, sample_rate: float | None) -> float:
        if sample_rate is None:
            return float(self._rate or 48_000.0)
        return checked_rate(sample_rate)

    def response_db(
        self, frequencies: npt.ArrayLike, sample_rate: float | None = None, channel: int = 0
    ) -> npt.NDArray[np.float64]:
        """Return the gain at frequencies in Hz, in dB, the preamp included."""
        place = checked_whole("channel", channel, 0, MAX_CHANNELS - 1)
        trim = self._trims[min(place, len(self._trims) - 1)]
        return self._bands_db(frequencies, sample_rate, channel) + self.preamp_db + trim

    def _bands_db(
        self, frequencies: npt.ArrayLike, sample_rate: float | None, channel: int
    ) -> npt.NDArray[np.float64]:
        rate = self._rate_of(sample_rate)
        gain = np.abs(frequency_response(self.sos(rate, channel), frequencies, rate))
        levels: npt.NDArray[np.float64] = 20 * np.log10(np.maximum(gain, 1e-30))
        return levels

    @property
    def headroom_db(self) -> float:
        """How far below 0 dB the highest point of the response stays; below 0 it is above."""
        return -max(self._highest(c) + self._trims[c] for c in range(len(self._each))) - float(
            self.preamp_db
        )

    def _highest(self, channel: int) -> float:
        """Return the bands' common response at its highest, in dB."""
        rate = self._rate or 48_000.0
        grid = peak_grid(self.sos(rate, channel), rate)
        return highest(lambda hz: self._bands_db(hz, rate, channel), grid)

    # --- changing it ------------------------------------------------------------------------

    def set_band(
        self,
        index: int,
        frequency: float | None = None,
        q: float | None = None,
        gain_db: float | None = None,
        kind: str | None = None,
        channel: int | None = None,
    ) -> None:
        """Change a band; what is None stays. While it plays, it fades over in 50 ms.

        Parameters
        ----------
        index : int
            From 0.
        frequency, q, gain_db, kind
            As of `design_band`.
        channel : int or None
            Whose; None for all. A linked equaliser has the same bands for all.

        Raises
        ------
        UsageError
            For a band or a channel that does not exist or cannot be.

        """
        if channel is not None:
            channel = checked_whole("channel", channel, -(1 << 62), 1 << 62)
        if channel is not None and not 0 <= channel < len(self._each):
            hint = "; make it with Equalizer.of_channels" if self.is_linked else ""
            raise UsageError(f"channel {channel} has no bands of its own{hint}")
        index = checked_whole("band", index, -(1 << 62), 1 << 62)
        chosen = range(len(self._each)) if channel is None else [channel]
        changed = []
        for c in chosen:
            if not 0 <= index < len(self._each[c]):
                raise UsageError(f"band {index}: there are bands 0 to {len(self._each[c]) - 1}")
            now = self._each[c][index]
            new = (
                now[0] if kind is None else kind,
                now[1] if frequency is None else checked_number("frequency", frequency),
                now[2] if q is None else checked_number("q", q),
                now[3] if gain_db is None else checked_number("gain_db", gain_db),
            )
            self._check(new)
            changed.append((c, new))
        for c, new in changed:
            self._each[c][index] = new
        self._changed()

    def set_bands(self, bands: Any, gain_db: float | None = None) -> None:
        """Change all bands at once, and a gain with them; while it plays, they fade over in 50 ms.

        Parameters
        ----------
        bands : sequence of (kind, frequency, q, gain_db)
            What they are from now on; fewer or more, as far as there is room while it plays.
        gain_db : float or None
            A gain beside the preamp that changes with the bands, -120 to 120 dB; None for the one so far.

        Raises
        ------
        UsageError
            For bands that cannot be, more than there is room for, and an equaliser with bands of its
            own for each channel.

        """
        if not self.is_linked:
            raise UsageError("channels have bands of their own; change them by set_band")
        wanted = _checked_bands(bands)
        for band in wanted:
            self._check(band)
        trim = self._trims[0]
        if gain_db is not None:
            trim = checked_number("gain_db", gain_db, -_MOST_TRIM_DB, _MOST_TRIM_DB, "dB")
        longest = max(self._room, len(self._each[0]), 1)
        if self._filters is not None and len(wanted) > longest:
            raise UsageError(
                f"{len(wanted)} bands while it plays with {longest}; make one with room={len(wanted)}"
            )
        self._room = longest
        self._each, self._trims = [wanted], [trim]
        self._changed()

    @property
    def bypass(self) -> bool:
        """Whether everything passes unchanged; set it, and it fades over in 50 ms."""
        return self._bypass

    @bypass.setter
    def bypass(self, value: bool) -> None:
        self._bypass = checked_flag("bypass", value)
        self._changed()

    def _turn_down(self) -> None:
        if self._auto:
            self.preamp_db = -max(0.0, *(self._highest(c) for c in range(len(self._each))), 0.0)

    def _changed(self) -> None:
        self._turn_down()
        if self._filters is not None:
            self._filters.post(self._taps())

    def apply(
        self, signal: npt.ArrayLike, sample_rate: float = 48_000.0, threads: int | None = None
    ) -> npt.NDArray[np.float32]:
        """Equalise a whole signal of any number of channels, offline, on several threads.

        Parameters
        ----------
        signal : array, shape (frames,) or (frames, channels)
            Finite.
        sample_rate : float
            In Hz.
        threads : int or None
            None for as many as there are processors; pairs of channels are shared out.

        Returns
        -------
        ndarray, shape as the signal's, float32
            The same bits as in a chain.

        """
        rate = checked_rate(sample_rate)
        if threads is not None:
            threads = checked_whole("threads", threads, 1, 1024)
        try:
            with np.errstate(over="ignore"):
                data = np.asarray(signal, np.float32)
        except (TypeError, ValueError):
            raise UsageError(f"{shown(signal)} is not a signal; give an array of floats") from None
        if data.ndim not in (1, 2) or not np.isfinite(data).all():
            raise UsageError(f"shape {data.shape}: give finite (frames,) or (frames, channels)")
        rows = np.ascontiguousarray(np.atleast_2d(data.T)).copy()
        if not self.is_linked and len(self._each) != len(rows):
            raise UsageError(
                f"an equaliser for {len(self._each)} channels, a signal of {len(rows)}"
            )
        taps = self._taps(rate)
        step = 2 if self.is_linked else 1
        run_whole = _filter_in_float32 if isinstance(self, EqualizerInFloat32) else _filter_whole

        def run(first: int) -> None:
            part = rows[first : first + step]
            made = make_iir(taps[0 if self.is_linked else first], len(part), _BLOCK)
            run_whole(made.address, part.ctypes.data, *part.shape, self.preamp_db)

        with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
            list(pool.map(run, range(0, len(rows), step)))
        return rows[0] if data.ndim == 1 else np.ascontiguousarray(rows.T)

    def _taps(self, sample_rate: float | None = None) -> npt.NDArray[np.float64]:
        """Return coefficients, a row a channel (one for all if they are linked).

        The trims, and the preamp where it is not to be heard, are in the first band's.
        """
        longest = max(1, self._room, *(len(bands) for bands in self._each))
        rows = []
        for c, trim in enumerate(self._trims):
            sos = self.sos(sample_rate, c)
            if self._bypass:
                sos = np.tile(_PASS, (len(sos), 1))
            padded = np.concatenate([sos, np.tile(_PASS, (longest - len(sos), 1))])
            padded[0, :3] *= units.db_to_gain(-self.preamp_db if self._bypass else trim)
            rows.append(design_iir(padded, self._engine))
        return np.array(rows)

    def desk(self) -> Desk | None:
        """Return where compiled code changes the bands, once it is prepared; None for what it does not know.

        That is bands of each channel's own, and those of other definitions than ``rbj``.
        """
        if not self.is_linked or self._definition != "rbj" or self._filters is None:
            return None
        room = max(1, self._room, len(self._each[0]))
        gain = units.db_to_gain(self._trims[0])
        return Desk(self._filters, self._each[0], room, gain, self._rate)

    @property
    def engine(self) -> str:
        """How the first channel's bands run now: ``cascade`` or ``parallel``."""
        return form_of(self._taps()[0])

    # --- running it ---------------------------------------------------------------------------

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        self._rate = float(sample_rate)
        if not self.is_linked and len(self._each) != channels:
            raise UsageError(
                f"an equaliser for {len(self._each)} channels in a chain of {channels}"
            )
        self._turn_down()
        self._filters = make_fading_iir(
            self._taps(), channels, max_block, round(_FADE_S * sample_rate)
        )
        self.filters = self._filters.address

    def process(self, block: Any) -> None:
        _process_by(iir, self, block)


@kernel
def _process_by(run: Any, equalizer: Any, block: Any) -> None:
    """Apply the preamp, and filter by `iir` or `iir_in_float32`."""
    gain = np.float32(db_to_gain(equalizer.preamp_db))
    for c in range(block.channels):
        for i in range(block.frames):
            block.output[c, i] = gain * block.input[c, i]
    fading_iir_by(run, record_at(equalizer.filters, FADING_IIR), block.output, block.frames)


@kernel
def _process_in_float32(equalizer: Any, block: Any) -> None:
    _process_by(iir_in_float32, equalizer, block)


class EqualizerInFloat32(Equalizer):
    """What ``Equalizer(precision="float32")`` gives: only the code differs."""

    _kernel = _written = _process_in_float32


def _checked_bands(bands: Any) -> list[Band]:
    """Return bands as tuples of a kind and three finite numbers; `design_band` knows the ranges."""
    try:
        given = [(kind, f, q, gain) for kind, f, q, gain in bands]
    except (TypeError, ValueError):
        raise UsageError(
            f"bands={shown(bands)}: give a number of bands, or (kind, frequency, q, gain_db) for each"
        ) from None
    if len(given) > _MOST_BANDS:
        raise UsageError(f"{len(given)} bands: give up to {_MOST_BANDS}")
    return [
        (
            str(kind),
            checked_number("frequency", f),
            checked_number("q", q),
            checked_number("gain_db", gain),
        )
        for kind, f, q, gain in given
    ]


@entry("int64", "int64", "int64", "int64", "float64")
def _filter_whole(filters: int, rows: int, channels: int, frames: int, gain_db: float) -> None:
    _filter_by(iir, filters, rows, channels, frames, gain_db)


@entry("int64", "int64", "int64", "int64", "float64")
def _filter_in_float32(filters: int, rows: int, channels: int, frames: int, gain_db: float) -> None:
    _filter_by(iir_in_float32, filters, rows, channels, frames, gain_db)


@kernel
def _filter_by(run: Any, filters: Any, rows: Any, channels: Any, frames: Any, gain_db: Any) -> None:
    """Apply a gain to whole rows and filter them by a kernel, a block at a time."""
    gain = np.float32(db_to_gain(gain_db))
    done = 0
    while done < frames:
        count = min(frames - done, _BLOCK)
        part = float32_rows(rows + 4 * done, channels, frames)
        for c in range(channels):
            for i in range(count):
                part[c, i] *= gain
        run(record_at(filters, IIR), part, count)
        done += count
