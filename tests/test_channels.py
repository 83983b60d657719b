"""Where a file's channels are: orders, masks and tags; how loud each counts; mono once or twice.

What layouts sound like as a whole is measured against ffmpeg and libebur128 in
`benchmarks.accuracy.channels`, by test_accuracy.
"""

from __future__ import annotations

import json
import math
import struct
import subprocess

import numpy as np
import pytest
import soundfile

from conftest import need
from zerocross import Chain, SourceError, UsageError, render
from zerocross.cli.file_spectrum import spectrum_of_file
from zerocross.dsp.bs1770 import design_weights
from zerocross.dsp.r128 import Loudness
from zerocross.effects import LoudnessMeter
from zerocross.loudness.files import measure
from zerocross.sources.opening import open_source

RATE = 48_000
L, R, C, LFE, LS, RS = "left", "right", "centre", "lfe", "left surround", "right surround"
SIDES, REARS = ("left side", "right side"), ("left rear", "right rear")


def order_of(path):
    source = open_source(path)
    source.close()
    return source.order


def tone(seconds=1.0, level=0.1):
    return level * np.sin(np.arange(round(seconds * RATE)) * 0.13)


# --- what the file says ---------------------------------------------------------------------------


def masked_wav(path, channels, mask):
    """Write a WAVE_FORMAT_EXTENSIBLE file with a mask; its place in the header is fixed."""
    soundfile.write(path, np.zeros((480, channels)), RATE, format="WAVEX")
    data = bytearray(path.read_bytes())
    assert data[8:16] == b"WAVEfmt " and data[20:22] == b"\xfe\xff"
    struct.pack_into("<I", data, 40, mask)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("channels", "mask", "order"),
    [
        (3, 0x00B, (L, R, LFE)),
        (3, 0x103, (L, R, "rear centre")),
        (4, 0x107, (L, R, C, "rear centre")),
        (4, 0x033, (L, R, LS, RS)),
        (4, 0x603, (L, R, LS, RS)),
        (5, 0x607, (L, R, C, LS, RS)),
        (6, 0x60F, (L, R, C, LFE, LS, RS)),
        (6, 0x13F & ~8, (L, R, C, LS, RS, "rear centre")),
        (7, 0x637, (L, R, C, *REARS, *SIDES)),
        (8, 0x63F, (L, R, C, LFE, *REARS, *SIDES)),
        (8, 0x0FF, (L, R, C, LFE, LS, RS, "left of centre", "right of centre")),
        (6, 0x63F, (L, R, C, LFE, LS, RS)),  # too many bits: the first count
        (6, 0x003, (L, R, C, LFE, LS, RS)),  # too few: as if there were none
        (4, 0, (L, R, LS, RS)),
        (7, 0, (L, R, C, LFE, "rear centre", LS, RS)),
        (8, 0, (L, R, C, LFE, *REARS, *SIDES)),
        (2, 0x030, (L, R)),  # stereo is stereo
    ],
)
def test_masks_of_wav(tmp_path, channels, mask, order):
    assert order_of(masked_wav(tmp_path / "a.wav", channels, mask)) == order


@pytest.mark.parametrize(
    ("tag", "order"),
    [
        ("0x107", (L, R, C, "rear centre")),
        ("0X00000603", (L, R, LS, RS)),
        ("0x63f", (L, R, C, LFE)),
        ("0x3", (L, R, LS, RS)),
        ("107", (L, R, LS, RS)),
        ("0xfffffffff", (L, R, LS, RS)),
        (None, (L, R, LS, RS)),
    ],
)
def test_flac_tells_its_mask_in_a_tag(tmp_path, tag, order):
    import mutagen

    soundfile.write(tmp_path / "a.flac", np.zeros((4800, 4)), RATE)
    if tag is not None:
        file = mutagen.File(tmp_path / "a.flac")
        file["WAVEFORMATEXTENSIBLE_CHANNEL_MASK"] = tag
        file.save()
    assert order_of(tmp_path / "a.flac") == order


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize(
    ("channels", "order"),
    [
        (3, (L, C, R)),
        (4, (L, R, LS, RS)),
        (5, (L, C, R, LS, RS)),
        (6, (L, C, R, LS, RS, LFE)),
        (7, (L, C, R, LS, RS, "rear centre", LFE)),
        (8, (L, C, R, *SIDES, *REARS, LFE)),
    ],
)
def test_ogg_has_orders_of_its_own(tmp_path, subtype, channels, order):
    soundfile.write(tmp_path / "a.ogg", np.zeros((4800, channels)), RATE, subtype)
    assert order_of(tmp_path / "a.ogg") == order


def test_aiff_is_taken_in_wav_order_whatever_libsndfile_says(tmp_path):
    """Asked for the channels of an AIFF file with a CHAN chunk, it answers with addresses."""
    make = [need("ffmpeg"), "-v", "error", "-f", "lavfi", "-i", "anullsrc=cl=5.1:d=0.1"]
    subprocess.run([*make, tmp_path / "a.aiff"], check=True)
    assert b"CHAN" in (tmp_path / "a.aiff").read_bytes()
    assert order_of(tmp_path / "a.aiff") == (L, R, C, LFE, LS, RS)


def test_what_cannot_be_placed_is_refused(tmp_path):
    path = masked_wav(tmp_path / "a.wav", 8, 0x503F)
    with pytest.raises(SourceError, match="a channel at the top front left; those"):
        open_source(path)
    soundfile.write(tmp_path / "b.wav", np.zeros((480, 9)), RATE)
    with pytest.raises(SourceError, match="9 channels; 1 to 8 can be played"):
        open_source(tmp_path / "b.wav")


# --- what follows from it -------------------------------------------------------------------------


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_the_lfe_of_ogg_is_not_measured_and_its_surround_is(tmp_path, subtype):
    """Of 5.1 in Ogg the fourth channel is the left surround, and the last one the LFE."""
    found = {}
    for channel in (0, 3, 5):
        data = np.zeros((RATE, 6))
        data[:, channel] = tone()
        soundfile.write(tmp_path / "a.ogg", data, RATE, subtype)
        found[channel] = measure(tmp_path / "a.ogg").integrated_lufs
    assert found[3] == pytest.approx(found[0] + 10 * math.log10(1.41), abs=0.2)
    assert found[5] < -60, "but for what leaks into other channels"


def test_the_weights_are_those_of_bs1770():
    """Annexes 1 and 3: 1.41 between 60 and 120 degrees, 1 elsewhere, an LFE not at all."""
    places = (L, R, C, LFE, LS, RS, *SIDES, *REARS, "rear centre", "left of centre")
    assert design_weights(places) == (1, 1, 1, 0, 1.41, 1.41, 1.41, 1.41, 1, 1, 1, 1)
    assert design_weights(["mono"]) == (1,) and design_weights(["mono"], dual_mono=True) == (2,)


def test_a_meter_takes_an_order_that_fits():
    signal = np.zeros((6, RATE), np.float32)
    signal[3] = tone()
    silent, heard = Loudness(RATE, 6), Loudness(RATE, 6, order=(L, C, R, LS, RS, LFE))
    for meter in (silent, heard):
        meter.push(signal)
    assert silent.integrated_lufs == -math.inf < heard.integrated_lufs
    with pytest.raises(UsageError, match="an order of 2 channels for 6"):
        Loudness(RATE, 6, order=(L, R))
    with pytest.raises(UsageError, match="a channel at the ceiling: give mono, left, "):
        Loudness(RATE, 2, order=(L, "ceiling"))


def test_rendering_mixes_down_and_chains_keep_the_order(tmp_path):
    data = np.random.default_rng(3).uniform(-0.2, 0.2, (RATE // 10, 8)).astype(np.float32)
    soundfile.write(tmp_path / "a.flac", data, RATE, "PCM_24")
    assert render(tmp_path / "a.flac", tmp_path / "a.wav").channels == 2
    through = Chain(LoudnessMeter()).render(tmp_path / "a.flac")
    assert np.abs(through - data).max() < 1e-6


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_spectra_of_files_are_of_the_downmix(tmp_path, subtype):
    """A tone in the left surround alone: 3 dB lower in the left row, and not in the right one."""
    data = np.zeros((RATE, 6))
    data[:, 3] = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    soundfile.write(tmp_path / "a.ogg", data, RATE, subtype)
    left, right = spectrum_of_file(tmp_path / "a.ogg", mix="stereo").peak_dbfs
    assert left.max() == pytest.approx(-23.0, abs=0.3) and right.max() < -60
    mono = spectrum_of_file(tmp_path / "a.ogg").peak_dbfs[0]
    assert mono.max() == pytest.approx(-29.0, abs=0.3)


# --- mono -----------------------------------------------------------------------------------------


def test_dual_mono_is_as_loud_as_the_same_in_stereo(tmp_path, cli):
    quiet_first = np.concatenate([tone(4, 0.03), tone(4)])
    soundfile.write(tmp_path / "1.wav", quiet_first, RATE, "FLOAT")
    soundfile.write(tmp_path / "2.wav", np.stack([quiet_first] * 2, axis=1), RATE, "FLOAT")
    once, twice = (measure(tmp_path / "1.wav", dual_mono=each) for each in (False, True))
    stereo = measure(tmp_path / "2.wav", dual_mono=True)
    names = "integrated_lufs", "range_lu", "momentary_max_lufs", "short_term_max_lufs"
    for name in names:
        assert getattr(twice, name) == pytest.approx(getattr(stereo, name), abs=1e-9), name
    assert once.integrated_lufs == pytest.approx(stereo.integrated_lufs - 3.0103, abs=1e-4)
    assert twice.replaygain_db == once.replaygain_db == -18.0 - once.integrated_lufs
    assert twice.true_peak_dbtp == once.true_peak_dbtp
    assert (once.dual_mono, twice.dual_mono, stereo.dual_mono) == (False, True, False)

    for options, dual in ((), False), (("--dual-mono",), True):
        done = cli("loudness", tmp_path, "--json", *options)
        mono, two = json.loads(done.stdout)
        assert (mono["dual_mono"], two["dual_mono"]) == (dual, False)
        assert (mono["channels"], mono["weights"]) == (["mono"], [2.0 if dual else 1.0])
        assert (two["channels"], two["weights"]) == ([L, R], [1.0, 1.0])
        words = " ".join(cli("loudness", tmp_path, *options).stdout.decode().split())
        assert ("mono counted twice, but for ReplayGain" in words) is dual
        assert ("mono counted once (BS.1770), see --dual-mono" in words) is not dual
    assert "mono" not in cli("loudness", tmp_path / "2.wav").stdout.decode()


def test_the_gate_of_replaygain_hears_mono_once(tmp_path):
    """At -69 LUFS twice, at -72 once: below the absolute gate."""
    soundfile.write(tmp_path / "a.wav", tone(2, 10 ** (-69 / 20) / 1.02), RATE, "FLOAT")
    found = measure(tmp_path / "a.wav", dual_mono=True)
    assert found.integrated_lufs == pytest.approx(-69.0, abs=0.5)
    assert found.replaygain_db == 0.0


def test_a_chain_measures_dual_mono_too():
    meters = [LoudnessMeter(), LoudnessMeter(dual_mono=True)]
    for meter in meters:
        Chain(meter).render(tone().astype(np.float32)[:, None], sample_rate=RATE)
    once, twice = (meter.loudness.integrated_lufs for meter in meters)
    assert twice == pytest.approx(once + 3.0103, abs=1e-4)
