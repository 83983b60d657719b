"""Commands that look at presets and files, and presets and gains while playing and rendering."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
import soundfile

from conftest import music, wait_for
from zerocross import Chain, render
from zerocross.cli.file_spectrum import FileSpectrogram, spectrogram_of_file, spectrum_of_file
from zerocross.cli.pictures import plot_text, preset_figure, spectrogram_figure, spectrum_figure
from zerocross.effects import Convolver
from zerocross.eq import Equalizer, read_preset
from zerocross.spectrum import Spectrum

RATE = 48_000
PRESET = """Preamp: -6.0 dB
Filter 1: ON PK Fc 1000 Hz Gain 6.0 dB Q 1.0
Filter 2: ON LSC Fc 100 Hz Gain 4.0 dB Q 0.7
Filter 3: OFF PK Fc 50 Hz Gain 2.0 dB Q 1.0
"""


@pytest.fixture
def preset(tmp_path):
    path = tmp_path / "phones.txt"
    path.write_text(PRESET)
    return path


def test_eq_shows_a_preset(cli, preset, tmp_path):
    done = cli("eq", preset, "-o", tmp_path / "phones.png")
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert "all channels: preamp -6.0 dB, 2 bands" in text
    assert "•" in text and "20k Hz" in text and "headroom: " in text
    assert "phones.txt:4" in done.stderr.decode() and "switched off" in done.stderr.decode()
    assert (tmp_path / "phones.png").read_bytes().startswith(b"\x89PNG")
    again = cli("eq", preset, "-o", tmp_path / "phones.png")
    assert again.returncode == 2 and b"--force to replace it" in again.stderr
    assert cli("eq", preset, "-o", tmp_path / "phones.svg").returncode == 0
    assert "frequency in Hz" in (tmp_path / "phones.svg").read_text()
    wrong = cli("eq", preset, "-o", tmp_path / "phones.doc")
    assert wrong.returncode == 2 and b".png or .svg" in wrong.stderr
    found = json.loads(cli("eq", preset, "--json").stdout)
    assert found["channels"][0]["preamp_db"] == -6.0 and len(found["skipped"]) == 1
    assert found["headroom_db"] == pytest.approx(read_preset(preset).headroom_db())


def test_eq_says_when_music_can_clip(cli, tmp_path):
    path = tmp_path / "loud.txt"
    path.write_text("Filter: ON PK Fc 1000 Hz Gain 6.0 dB Q 1.0\nChannel: L\nPreamp: -2\n")
    done = cli("eq", path)
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    headroom = read_preset(path).headroom_db()
    assert headroom == pytest.approx(-6.0, abs=0.1), "of the channel without a preamp"
    assert f"headroom: {headroom:.2f} dB; full-scale music can clip" in text
    assert "left: preamp -2.0 dB" in text and "right: preamp +0.0 dB" in text
    assert "a preamp of" in text


def test_a_preset_that_is_missing_or_none(cli, tmp_path, preset):
    for command in (["eq"], ["play", "x.wav", "--eq"], ["render", "x.wav", "y.wav", "--eq"]):
        done = cli(*command, tmp_path / "no.txt", cwd=tmp_path)
        assert done.returncode == 1 and done.stderr.count(b"\n") <= 2, done.stderr
        assert b"no.txt" in done.stderr or b"x.wav" in done.stderr
    (tmp_path / "empty.txt").write_text("nothing\n")
    done = cli("eq", tmp_path / "empty.txt")
    assert done.returncode == 1 and b"not a command" in done.stderr


def test_render_with_a_preset_is_the_chain(cli, preset, tmp_path):
    signal = music(30_000)
    soundfile.write(tmp_path / "a.wav", signal, RATE, "FLOAT")
    done = cli("render", tmp_path / "a.wav", tmp_path / "b.wav", "--eq", preset)
    assert done.returncode == 0, done.stderr
    out = soundfile.read(tmp_path / "b.wav", dtype="float32")[0]
    bands = [("peaking", 1000, 1.0, 6.0), ("lowshelf", 100, 0.7, 4.0)]
    assert np.array_equal(out, Chain(Equalizer(bands, preamp_db=-6.0)).render(signal, RATE))


@pytest.mark.thorough
@pytest.mark.parametrize("frames", [1, 63, 64, 65, 4_096, 10_001])
def test_rendering_makes_up_for_a_chains_latency(tmp_path, frames):
    signal = music(frames)
    soundfile.write(tmp_path / "a.wav", signal, RATE, "FLOAT")
    chain = Chain(Convolver([1.0]))
    done = render([tmp_path / "a.wav"], tmp_path / "b.wav", effects=chain, bits="float")
    assert done.frames == frames and chain.latency_frames == 64
    out = soundfile.read(tmp_path / "b.wav", dtype="float32", always_2d=True)[0]
    assert np.abs(out - signal).max() < 1e-6


def test_rendering_a_curve_from_a_preset(cli, tmp_path):
    (tmp_path / "g.txt").write_text("GraphicEQ: 20 -6; 1000 -6; 20000 -6\n")
    signal = music(20_000)
    soundfile.write(tmp_path / "a.wav", signal, RATE, "FLOAT")
    assert (
        cli("render", tmp_path / "a.wav", tmp_path / "b.wav", "--eq", tmp_path / "g.txt").returncode
        == 0
    )
    out = soundfile.read(tmp_path / "b.wav", dtype="float32")[0]
    assert np.abs(out - signal * 10 ** (-6 / 20)).max() < 1e-5


def test_play_with_a_preset(cli, preset, tmp_path):
    soundfile.write(tmp_path / "a.wav", music(20_000), RATE)
    done = cli(
        "play", tmp_path / "a.wav", "--eq", preset, "--replaygain", "track", "--device", "null"
    )
    assert done.returncode == 0, done.stderr
    assert b"switched off" in done.stderr
    assert cli("play", tmp_path / "a.wav", "--replaygain", "loud").returncode == 2


def test_spectra_of_files(cli, tmp_path):
    t = np.arange(5 * RATE) / RATE
    tone = np.stack([np.sin(2 * np.pi * 1000 * t), 0.1 * np.sin(2 * np.pi * 100 * t)], axis=1)
    soundfile.write(tmp_path / "a.wav", tone, RATE, "FLOAT")
    done = cli(
        "spectrum",
        tmp_path / "a.wav",
        "-o",
        tmp_path / "a.csv",
        "--fraction",
        "1",
        "--mix",
        "stereo",
    )
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    by_band = {round(float(row["centre_hz"])): row for row in rows}
    assert float(by_band[1000]["left_average_dbfs"]) == pytest.approx(0.0, abs=0.5)
    assert float(by_band[1000]["left_peak_dbfs"]) == pytest.approx(0.0, abs=0.1)
    assert float(by_band[126]["right_peak_dbfs"]) == pytest.approx(-20.0, abs=0.3)
    assert float(by_band[4000 - 19]["left_average_dbfs"]) < -60
    for name in ("a.png", "a.svg"):
        assert cli("spectrum", tmp_path / "a.wav", "-o", tmp_path / name).returncode == 0
        assert (tmp_path / name).stat().st_size > 10_000
    done = cli("spectrogram", tmp_path / "a.wav", "-o", tmp_path / "s.png")
    assert done.returncode == 0 and (tmp_path / "s.png").stat().st_size > 10_000
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["spectrum", "a.wav", "-o", "a.txt"], 2, b".png or .svg or .csv"),
        (["spectrum", "missing.wav", "-o", "a.png"], 1, b"missing.wav"),
        (["spectrum", "a.wav", "-o", "no/folder.png"], 2, b"cannot be written"),
        (["spectrum", "a.wav", "-o", "no/folder.csv"], 2, b"cannot be written"),
        (["spectrogram", "a.wav", "-o", "a.gif"], 2, b".png or .svg"),
        (["spectrogram", "empty.wav", "-o", "e.png"], 1, b"holds no audio"),
        (["spectrum", "a.wav"], 2, b"-o"),
        (["loudness"], 2, b"FILE"),
    ],
)
def test_mistakes_are_told_in_a_line(cli, tmp_path, arguments, code, words):
    soundfile.write(tmp_path / "a.wav", music(4_800), RATE)
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 2)), RATE)
    done = cli(*arguments, cwd=tmp_path)
    assert done.returncode == code and words in done.stderr, done.stderr


def test_a_spectrum_of_many_channels(tmp_path):
    """It is of what mono plays: half the sum of the downmix, in which the left is whole."""
    signal = np.zeros((48_000, 6))
    signal[:, 0] = np.sin(2 * np.pi * 1000 * np.arange(48_000) / RATE)
    soundfile.write(tmp_path / "six.wav", signal, RATE, "FLOAT")
    found = spectrum_of_file(tmp_path / "six.wav")
    assert found.peak_dbfs[0].max() == pytest.approx(20 * np.log10(1 / 2), abs=0.3)


def test_the_average_is_over_spectra_2048_frames_apart(tmp_path):
    noise = music(30_000, 1, seed=3)
    soundfile.write(tmp_path / "noise.wav", noise, RATE, "FLOAT")
    spectrum = Spectrum(
        scale="octave", per="band", fft_size=4096, long_fft_size=32_768, decay_s=0, channels=1
    )
    found = spectrum_of_file(tmp_path / "noise.wav")
    powers = []
    for start in range(0, 30_000, 2048):
        spectrum.push(noise[start : start + 2048].T)
        spectrum.update()
        powers.append(10 ** (spectrum.now.astype(float) / 10))
    assert np.allclose(found.average_dbfs, 10 * np.log10(np.mean(powers, axis=0)), atol=1e-9)
    assert np.allclose(found.peak_dbfs, 10 * np.log10(np.max(powers, axis=0)), atol=1e-5)


def test_a_curve_as_text():
    hz = np.geomspace(20, 20_000, 100)
    lines = plot_text(hz, 6 * np.sin(np.log(hz)), columns=40, rows=9)
    assert len(lines) == 10 and all(len(line) <= 40 + 20 for line in lines)
    assert sum(line.count("•") for line in lines) == 40
    assert lines[0].startswith("  +6.0 dB")


def test_a_preset_is_drawn_as_it_answers(preset):
    (ax,) = preset_figure(read_preset(preset)).axes
    (curve, _zero) = ax.lines
    hz, levels = curve.get_data()
    assert np.array_equal(levels, read_preset(preset).settings(0).response_db(hz, 48_000))
    assert curve.get_label() == "all channels"


def tone_file(path, frequency):
    t = np.arange(3 * RATE) / RATE
    soundfile.write(path, np.sin(2 * np.pi * frequency * t), RATE, "FLOAT")
    return path


def test_a_files_spectrum_is_drawn_as_it_was_measured(tmp_path):
    found = spectrum_of_file(tone_file(tmp_path / "a.wav", 1000.0), 3, "mono")
    (ax,) = spectrum_figure(found, "a.wav").axes
    tops = [bar.get_y() + bar.get_height() for bar in ax.containers[0]]
    assert np.allclose(tops, found.average_dbfs[0])
    highest = ax.containers[0][int(np.argmax(tops))]
    assert highest.get_x() < 1000.0 < highest.get_x() + highest.get_width()


def test_a_spectrogram_is_levels_over_time_and_frequency(tmp_path):
    found = spectrogram_of_file(tone_file(tmp_path / "a.wav", 1000.0), columns=100)
    bands, columns = found.levels_dbfs.shape
    assert (len(found.edges_hz), len(found.times_s)) == (bands + 1, columns + 1)
    assert found.times_s[0] == 0.0 and found.times_s[-1] == 3.0
    loudest = found.levels_dbfs[:, 20:].argmax(axis=0)
    assert np.all(found.edges_hz[loudest - 1] < 1000.0)
    assert np.all(found.edges_hz[loudest + 2] > 1000.0)
    ax, scale = spectrogram_figure(found).axes
    assert ax.collections[0].get_array().size == bands * columns
    assert scale.get_ylabel() == "level in dBFS"


@pytest.mark.parametrize("frames", [100_000, 3_000])
def test_a_click_is_where_it_was_over_all_frequencies(tmp_path, frames):
    signal = np.zeros(frames)
    signal[frames * 3 // 4] = 1.0
    soundfile.write(tmp_path / "a.wav", signal, RATE, "FLOAT")
    found = spectrogram_of_file(tmp_path / "a.wav")
    assert found.times_s[-1] == pytest.approx(frames / RATE)
    loudest = found.levels_dbfs[40:].argmax(axis=1)
    assert np.abs(found.times_s[loudest] - frames * 0.75 / RATE).max() < 1.5 * 512 / RATE


def test_the_status_line_has_a_spectrum(make_file):
    from zerocross import Player
    from zerocross.cli.painter import Painter
    from zerocross.cli.status_line import StatusLine

    with Player("null") as player:
        status = StatusLine(player, Painter(colours=False))

        def bars(width):
            line = re.sub("\x1b\\[[0-9]+m", "", status.paint(width).decode())
            return re.search("(?:[0-9]|-:--) ([ ▁-█]{10}) (.*)", line).groups()

        assert bars(80)[0].strip() == ""
        player.play(make_file(frames=96_000)[0])
        wait_for(lambda: bars(80)[0].strip(), what="a spectrum")
        for width in (60, 80, 99, 100, 120):
            assert set(bars(width)[0]) & set("▁▂▃▄▅▆▇█"), "beside the meter, or in its place"
            assert bool(set("▮▯") & set(bars(width)[1])) == (width >= 100)
        player.stop()
        assert bars(80)[0].strip() == ""


def test_a_spectrogram_of_silence_is_dark():
    silent = FileSpectrogram(
        "x", np.arange(3.0), np.array([20.0, 200, 2000]), np.full((2, 2), -300.0)
    )
    (mesh,) = spectrogram_figure(silent).axes[0].collections
    assert mesh.get_clim()[0] > -300


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (7.37, "headroom: 0.03 dB; nothing gets louder"),
        (7.4, "headroom: 0.00 dB; nothing gets louder"),
        (7.43, "headroom: -0.03 dB; full-scale music can clip, a preamp of -7.5 dB would do"),
        (7.5, "headroom: -0.10 dB; full-scale music can clip, a preamp of -7.5 dB would do"),
        (8.5, "headroom: -1.10 dB; full-scale music can clip, a preamp of -8.5 dB would do"),
    ],
)
def test_the_preamp_that_would_do_is_enough(cli, tmp_path, gain, words):
    """Not the one that is there and leaves 0.03 dB; and as little as is enough, in tenths."""
    path = tmp_path / "phones.txt"
    path.write_text(f"Preamp: -7.4 dB\nFilter: ON PK Fc 1000 Hz Gain {gain} dB Q 1\n")
    assert words in cli("eq", path).stdout.decode()
