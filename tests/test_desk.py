"""Bands designed in compiled code: as Python designs them, and heard as its are."""

from __future__ import annotations

import numpy as np
import pytest

from conftest import music
from zerocross import Chain
from zerocross.eq import KINDS, Equalizer
from zerocross.eq.desk import POINTS, design_bands, draw_curve
from zerocross.graph.program import run_program_over

BANDS = [
    (kind, float(hz), q, gain)
    for (kind, hz), q, gain in zip(
        zip(KINDS, np.geomspace(35, 14_000, len(KINDS)), strict=True),
        [0.3, 0.7, 2.0, 9.0, 1.0, 0.5, 0.9, 0.7],
        [3.0, -3.0, 0.0, 6.0, -9.0, 12.0, -15.0, 4.5],
        strict=True,
    )
]


def written(desk, bands):
    """Write bands as a page writes them."""
    desk.record["wanted_count"] = len(bands)
    desk.wanted[:] = 999.0  # of what is behind them nothing is heard
    for row, (kind, *numbers) in zip(desk.wanted, bands, strict=False):
        row[:] = [list(KINDS).index(kind), *numbers]


@pytest.mark.parametrize("rate", [44_100, 192_000])
@pytest.mark.parametrize("count", [0, 1, 8, 19])
def test_its_coefficients_are_those_of_python(rate, count):
    bands = (BANDS * 3)[:count]
    part = Equalizer(4, room=19, engine="cascade")
    with Chain(part).rendering(rate, 2):
        desk = part.desk()
        written(desk, bands)
        before = int(part._filters["version"])
        design_bands(desk.record.address)
        number = int(part._filters["version"])
        assert number == before + 1 and int(part._filters["writing"]) == number
        found = part._filters.arrays["pending"][number & 1].copy()
        part.set_bands(bands)
        wanted = part._filters.arrays["pending"][(number + 1) & 1]
        assert np.allclose(found, wanted, rtol=1e-12, atol=1e-13)
        assert np.ptp(found) > 1.0 or count < 8


@pytest.mark.parametrize("rate", [8000, 48_000, 192_000])
def test_its_curve_is_the_response(rate):
    part = Equalizer(BANDS, engine="cascade")
    with Chain(part).rendering(rate, 1):
        desk = part.desk()
        draw_curve(desk.record.address)
        wanted = part.response_db(desk.hz)
        assert len(desk.hz) == POINTS and desk.hz[0] == pytest.approx(20.0)
        assert desk.hz[-1] == pytest.approx(min(20_000.0, 0.4999 * rate))
        seen = wanted > -100.0
        assert seen.sum() > POINTS // 2
        assert np.abs(desk.curve_db - wanted)[seen].max() < 1e-5


def test_it_begins_with_the_bands_that_are_there():
    part = Equalizer(BANDS[:3], room=8)
    with Chain(part).rendering(48_000, 2):
        desk = part.desk()
        assert desk.record["wanted_count"] == 3 and len(desk.wanted) == 8
        assert [list(KINDS)[int(row[0])] for row in desk.wanted[:3]] == [b[0] for b in BANDS[:3]]
        assert np.array_equal(desk.wanted[:3, 1:], [band[1:] for band in BANDS[:3]])


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_what_is_posted_is_heard(precision):
    signal, bands = music(24_000), BANDS[4:]
    part = Equalizer(8, room=8, engine="cascade", precision=precision)
    chain = Chain(part)
    with chain.rendering(48_000, 2) as program:
        desk = part.desk()
        written(desk, bands)
        design_bands(desk.record.address)
        rows = np.ascontiguousarray(signal.T)
        found = np.zeros_like(rows)
        run_program_over(
            program.record.address, rows.ctypes.data, found.ctypes.data, 24_000, 24_000
        )
    wanted = Equalizer(bands, engine="cascade", precision=precision).apply(signal).T
    late = slice(12_000, None)  # they fade in
    assert np.abs(found - wanted)[:, late].max() < 1e-5
    assert np.abs(found - rows)[:, late].max() > 0.05


def test_what_it_cannot_change_has_none():
    own = Equalizer.of_channels([([], 0.0), (BANDS, 0.0)])
    web = Equalizer(BANDS, definition="webaudio")
    with Chain(own).rendering(48_000, 2), Chain(web).rendering(48_000, 2):
        assert own.desk() is None and web.desk() is None
    assert Equalizer(8).desk() is None, "before it is prepared"
