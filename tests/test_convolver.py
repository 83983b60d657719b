"""The convolver: against SciPy at every length and block, in any split, from files."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import soundfile

from conftest import music, wait_for
from zerocross import Chain, Parallel, Player, UsageError, render
from zerocross.dsp.partitions import design_partitions
from zerocross.effects import Convolver, Gain
from zerocross.eq import minimum_phase

RATE = 48_000


def response(taps, channels=2, seed=3):
    noise = np.random.default_rng(seed).standard_normal((taps, channels))
    return noise * np.exp(-5 * np.arange(taps) / taps)[:, None]


def error_db(out, impulse, signal, latency):
    """Return the largest error against SciPy in float64, relative to the largest sample."""
    wanted = scipy.signal.oaconvolve(signal.astype(float), impulse, axes=0)[: len(signal) - latency]
    return 20 * np.log10(np.abs(out[latency:] - wanted).max() / np.abs(wanted).max())


@pytest.mark.parametrize(
    "taps", [1, 2, 17, 64, 65, 1_000, 2_047, 4_096, 4_097, 20_000, 65_536, 100_001]
)
def test_every_length_equals_scipy(taps):
    impulse, signal = response(taps), music(min(taps, 40_000) + 9_000, 2, seed=taps)
    out = Chain(Convolver(impulse)).render(signal, RATE)
    assert error_db(out, impulse, signal, 64) < -130


@pytest.mark.parametrize("block", [16, 128, 1024, 8192])
def test_every_block_size_equals_scipy(block):
    impulse, signal = response(30_000), music(60_000, 2)
    chain = Chain(Convolver(impulse, block_size=block))
    out = chain.render(signal, RATE)
    assert chain.latency_frames == block
    assert error_db(out, impulse, signal, block) < -130


def test_any_sequence_of_blocks_gives_the_same_bits():
    impulse, signal = response(70_000), music(90_000, 2)
    whole = Chain(Convolver(impulse)).render(signal, RATE)
    rng = np.random.default_rng(5)
    from zerocross.graph.program import run_program_over

    chain = Chain(Convolver(impulse))
    address = chain.prepare(RATE, 2).record.address
    rows, out, done = np.ascontiguousarray(signal.T), np.zeros((2, 90_000), np.float32), 0
    while done < 90_000:
        count = min(int(rng.choice([1, 7, 63, 64, 65, 480, 512, 4096])), 90_000 - done)
        at = 4 * done
        run_program_over(address, rows.ctypes.data + at, out.ctypes.data + at, 90_000, count)
        done += count
    assert np.array_equal(out.T, whole)


def test_partitions_cover_every_tap_once():
    for taps in [1, 63, 64, 65, 4_095, 4_096, 65_535, 65_536, 65_537, 500_000]:
        parts = design_partitions(taps, 64)
        end = 0
        for size, first, count in parts:
            assert first == end and (first == 0 or first == 2 * size)
            end = first + size * count
        assert taps <= end < taps + parts[-1][0]


def test_one_response_for_all_channels_and_mono():
    impulse, signal = response(5_000, 1), music(9_000, 2)
    out = Chain(Convolver(impulse[:, 0])).render(signal, RATE)
    for c in range(2):
        alone = Chain(Convolver(impulse)).render(signal[:, c], RATE)
        assert np.array_equal(out[:, c], alone)


def test_a_file_is_resampled_to_the_rate(tmp_path):
    """A band-limited response at 24 kHz sounds the same at 48 kHz: its spectrum is the same."""
    window = np.hanning(4_801)[:, None]
    impulse = scipy.signal.firwin(4_801, 5_000, fs=24_000)[:, None] * window / window.max()
    soundfile.write(tmp_path / "room.wav", impulse, 24_000, "FLOAT")
    signal = np.zeros(20_000)
    signal[0] = 1.0
    out = Chain(Convolver(tmp_path / "room.wav")).render(signal, RATE)
    got = np.abs(np.fft.rfft(out, 1 << 16))[: (1 << 16) * 4_000 // 48_000]
    want = np.abs(np.fft.rfft(impulse[:, 0], 1 << 15))[: len(got)]
    assert np.abs(20 * np.log10(got / want)).max() < 0.01


def test_latency_is_made_up_for_beside_a_dry_branch():
    delta, signal = np.r_[1.0, np.zeros(99)], music(5_000, 2)
    out = Chain(Parallel(Convolver(delta), Gain(), gains=[1.0, -1.0])).render(signal, RATE)
    assert np.abs(out).max() < 1e-6


def test_the_dry_share_is_as_late_as_the_wet():
    signal = music(5_000, 1)[:, 0]
    out = Chain(Convolver([1.0], mix=0.0)).render(signal, RATE)
    assert np.array_equal(out[64:], signal[:-64])


@pytest.mark.parametrize(
    ("impulse", "options", "words"),
    [
        ([], {}, "empty"),
        ([1.0, np.nan], {}, "not finite"),
        ([1.0], {"block_size": 100}, "power of two"),
        ([2e30], {}, "adds up to 2e.30; give up to 1e.30"),
        (np.zeros(61 * 8_000), {"sample_rate": 8_000}, "up to 60"),
        ("no such file.wav", {}, "(?i)no such file"),
    ],
)
def test_bad_responses_are_told(impulse, options, words):
    with pytest.raises(Exception, match=words) as caught:
        Convolver(impulse, **options)
    assert "\n" not in str(caught.value)


def test_a_response_too_long_for_the_rate_of_the_stream_is_told():
    with pytest.raises(UsageError, match="up to 60"):
        Chain(Convolver(np.ones(61 * 8_000))).render(np.zeros((64, 1), np.float32), 8_000)


def test_a_response_of_too_many_channels_is_told():
    with pytest.raises(UsageError, match="3 channels for 2"):
        Chain(Convolver(np.ones((10, 3)))).render(music(100, 2), RATE)


def graphic(rate=RATE):
    """An equaliser from a curve: a GraphicEQ line's."""
    return Convolver(minimum_phase([(20.0, -6.0), (200.0, 4.0), (16_000.0, 5.0)], rate))


@pytest.mark.parametrize("make", [lambda: Convolver(response(5_000), mix=0.7), graphic])
@pytest.mark.parametrize("silence", [1, 63, 64, 960, 5_003])
def test_silence_before_the_music_moves_the_bits_and_changes_none(make, silence):
    """A device is given silence first, of any length; a rendering is not."""
    signal = music(20_000, 2)
    wanted = Chain(make()).render(signal, RATE)
    out = Chain(make()).render(np.r_[np.zeros((silence, 2), np.float32), signal], RATE)
    assert not out[:silence].any()
    assert np.array_equal(out[silence:], wanted)


def test_a_file_is_heard_with_the_bits_of_its_rendering(tmp_path):
    """The null device gets silence, then the file: what it got is found in the rendering."""
    soundfile.write(tmp_path / "song.wav", music(30_000, 2), RATE, "FLOAT")
    chain = Chain(Convolver(response(9_000)), graphic())
    render([tmp_path / "song.wav"], tmp_path / "out.wav", effects=chain)
    wanted, _ = soundfile.read(tmp_path / "out.wav", dtype="float32")
    chain = Chain(Convolver(response(9_000)), graphic())
    with Player("null", effects=chain) as player:
        player._output.capture_s = 3.0
        player.play(tmp_path / "song.wav")
        wait_for(lambda: player.state == "stopped")
        out = player._output.captures[0].captured()
    begun = int(np.argmax(out.any(axis=1)))
    first = int(np.argmax(wanted.any(axis=1)))
    heard = out[begun : begun + 25_000]
    assert len(heard) == 25_000
    assert np.array_equal(heard, wanted[first : first + 25_000])
