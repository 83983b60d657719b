"""Presets: against Equalizer APO's own source and AutoEq's own package, their outputs as numbers.

``benchmarks/data`` holds what they gave and how that was made.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal

from benchmarks.accuracy.row import Row
from zerocross.eq import Equalizer, fit_error_db, minimum_phase
from zerocross.eq.graphic import curve_db
from zerocross.eq.presets import parse_preset

_DATA = Path(__file__).parents[1] / "data"
_RATES = (44_100, 48_000, 96_000)
_HEARD = np.geomspace(20, 20_000, 300)
_LOUDEST_NEIGHBOURS = 12


def _given(name: str) -> Any:
    return json.loads((_DATA / name).read_text())


def _level_db(sos: Any, hz: Any, rate: float) -> Any:
    _, response = scipy.signal.sosfreqz(np.atleast_2d(sos), hz, fs=rate)
    return 20 * np.log10(np.abs(response) + 1e-30)


def _filters() -> Row:
    """Levels of every kind of filter line, at three rates, where they are above -100 dB."""
    given, worst, count = _given("equalizerapo.json"), 0.0, 0
    for each in given["filters"]:
        if each["sos"] is None:
            continue
        preset = parse_preset(f"Filter: {each['line']}")
        for rate, theirs in zip(given["rates_hz"], each["sos"], strict=True):
            wanted = _level_db(theirs, _HEARD, rate)
            found = preset.settings(0, rate).response_db(_HEARD)
            heard = wanted > -100
            worst = max(worst, float(np.abs(found - wanted)[heard].max()))
            count += 1
    return Row(
        f"{count} filters of presets: level, 20 Hz to 20 kHz",
        "Equalizer APO 1.4, its source compiled",
        worst,
        1e-6,
        "dB",
    )


def _curves() -> Row:
    given = _given("equalizerapo.json")
    worst = max(
        float(
            np.abs(
                curve_db(
                    parse_preset(f"GraphicEQ: {each['text']}").settings().curves[0],
                    given["frequencies_hz"],
                )
                - each["levels_db"]
            ).max()
        )
        for each in given["curves"]
    )
    return Row(
        "GraphicEQ: level of the curve", "Equalizer APO 1.4's GainIterator", worst, 1e-6, "dB"
    )


def _autoeq() -> Row:
    given, worst = _given("autoeq.json"), 0.0
    for each in given["presets"]:
        preset = parse_preset(each["text"])
        found = preset.response_db(given["frequencies_hz"], each["rate"] or 48_000)
        worst = max(worst, float(np.abs(found - each["levels_db"]).max()))
    what = f"{len(given['presets'])} responses of AutoEq's presets"
    return Row(what, "autoeq 4.1.2's own filters and curves", worst, 1e-6, "dB")


def _automatic_preamp() -> Row:
    """Narrow neighbours at random: what is left over 0 dB, or turned down without need."""
    random = np.random.default_rng(12)
    worst = 0.0
    for _ in range(_LOUDEST_NEIGHBOURS):
        middle = 10 ** random.uniform(1.5, 4.2)
        q = 10 ** random.uniform(1, 3, 4)
        bands = [
            ("peaking", middle * (1 + random.uniform(-2, 2) / q[k]), q[k], random.uniform(-9, 12))
            for k in range(4)
        ]
        equalizer = Equalizer([*bands, ("highshelf", 3000, 0.7, 3.0)], preamp_db="auto")
        narrow = middle * (1 + np.linspace(-4, 4, 80_001) / q.min())
        hz = np.concatenate([narrow, np.geomspace(5, 23_990, 20_001)])
        hz = hz[(hz > 1) & (hz < 24_000)]
        highest = float(_level_db(equalizer.sos(48_000), hz, 48_000).max())
        worst = max(worst, abs(max(0.0, highest) + float(equalizer.preamp_db)))
    return Row(
        "Automatic preamp: Q of 10 to 1000 side by side", "SciPy, 100,000 points", worst, 0.01, "dB"
    )


def _points() -> list[Any]:
    texts = [each["text"] for each in _given("autoeq.json")["presets"] if each["rate"] is None]
    return [parse_preset(text).settings().curves[0] for text in texts]


def _filter_of_curve() -> Row:
    hz, worst = np.geomspace(30, 20_000, 1000), 0.0
    for points in _points():
        for rate in _RATES:
            spectrum = np.abs(np.fft.rfft(minimum_phase(points, rate), 1 << 18))
            found = np.interp(hz, np.fft.rfftfreq(1 << 18, 1 / rate), 20 * np.log10(spectrum))
            worst = max(worst, float(np.abs(found - curve_db(points, hz)).max()))
    return Row(
        "GraphicEQ as a filter, 30 Hz to 20 kHz", "the curve of an AutoEq file", worst, 0.1, "dB"
    )


def _fitted() -> list[Row]:
    return [
        Row(
            f"GraphicEQ as 31 bands at {rate / 1000:g} kHz, 20 Hz to 20 kHz",
            "the curve of an AutoEq file, jagged ones too",
            max(fit_error_db(points, rate) for points in _points()),
            2.5,
            "dB",
        )
        for rate in _RATES
    ]


def rows() -> list[Row]:
    """Measure all of them."""
    return [
        _filters(),
        _curves(),
        _autoeq(),
        _automatic_preamp(),
        _filter_of_curve(),
        *_fitted(),
    ]
