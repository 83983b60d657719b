"""A real Chromium as the oracle: its filters, its panner and its analyser against ours."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import scipy.signal

from conftest import need, need_module
from zerocross import Chain
from zerocross.effects import Pan
from zerocross.eq import KINDS, Equalizer, frequency_response
from zerocross.spectrum import Analyser

RATE, FRAMES = 48_000, 4_096
SETS = 30

FILTERS = """
async ([kinds, sets, noise, rate, hz]) => {
  const samples = new Float32Array(noise);
  const out = {};
  for (const kind of kinds) {
    const parts = [];
    for (const [frequency, q, gain] of sets) {
      const context = new OfflineAudioContext(1, samples.length, rate);
      const buffer = context.createBuffer(1, samples.length, rate);
      buffer.copyToChannel(samples, 0);
      const source = new AudioBufferSourceNode(context, { buffer });
      const filter = new BiquadFilterNode(context, { type: kind, frequency, Q: q, gain });
      source.connect(filter).connect(context.destination);
      source.start();
      const made = (await context.startRendering()).getChannelData(0);
      const mag = new Float32Array(hz.length), phase = new Float32Array(hz.length);
      filter.getFrequencyResponse(new Float32Array(hz), mag, phase);
      parts.push([Array.from(mag), Array.from(phase), btoa(String.fromCharCode(...new Uint8Array(made.buffer.slice(0))))]);
    }
    out[kind] = parts;
  }
  return out;
}
"""

ANALYSERS = """
async ([left, right, times, sizes, smoothing, rate]) => {
  const context = new OfflineAudioContext(2, left.length, rate);
  const buffer = context.createBuffer(2, left.length, rate);
  buffer.copyToChannel(new Float32Array(left), 0);
  buffer.copyToChannel(new Float32Array(right), 1);
  const source = new AudioBufferSourceNode(context, { buffer });
  const nodes = sizes.map((fftSize) => {
    const node = new AnalyserNode(context, { fftSize, smoothingTimeConstant: smoothing });
    source.connect(node);
    return node;
  });
  source.connect(context.destination);
  source.start();
  const reads = [];
  for (const time of times) {
    context.suspend(time / rate).then(() => {
      reads.push(nodes.map((node) => {
        const db = new Float32Array(node.frequencyBinCount);
        const bytes = new Uint8Array(node.frequencyBinCount);
        const wave = new Float32Array(node.fftSize);
        const waveBytes = new Uint8Array(node.fftSize);
        node.getFloatFrequencyData(db);
        node.getByteFrequencyData(bytes);
        node.getFloatTimeDomainData(wave);
        node.getByteTimeDomainData(waveBytes);
        const silent = Array.from(db, (x) => (Number.isFinite(x) ? x : -1e9));
        return [silent, Array.from(bytes), Array.from(wave), Array.from(waveBytes)];
      }));
      context.resume();
    });
  }
  await context.startRendering();
  return reads;
}
"""

pytestmark = pytest.mark.thorough


PANNERS = """
async ([rows, pans, rate]) => {
  const out = [];
  for (const pan of pans) {
    const context = new OfflineAudioContext(2, rows[0].length, rate);
    const buffer = context.createBuffer(rows.length, rows[0].length, rate);
    rows.forEach((row, c) => buffer.copyToChannel(new Float32Array(row), c));
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(new StereoPannerNode(context, { pan })).connect(context.destination);
    source.start();
    const made = await context.startRendering();
    out.push([Array.from(made.getChannelData(0)), Array.from(made.getChannelData(1))]);
  }
  return out;
}
"""


@pytest.fixture(scope="module")
def page():
    need_module("playwright")
    program = need("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto("about:blank")
        yield page
        browser.close()


def on_grid(hz):
    """Round to frequencies whose share of half the rate is a float32: Chromium rounds it to one."""
    return np.maximum(1, np.rint(np.asarray(hz) * 4096 / 24_000)) * 24_000 / 4096


def parameter_sets():
    rng = np.random.default_rng(7)
    sets = [
        (float(f), float(q), float(g))
        for f, q, g in zip(
            on_grid(np.exp(rng.uniform(np.log(20), np.log(23_000), SETS - 8))),
            rng.uniform(0.05, 12.0, SETS - 8),
            rng.uniform(-24, 24, SETS - 8),
            strict=True,
        )
    ]
    sets += [(0.0, 1.0, 6.0), (24_000.0, 1.0, -6.0), (750.0, 0.0, 6.0), (750.0, -3.0, -6.0)]
    sets += [
        (750.0, 1e-3, 0.0),
        (23.4375, 20.0, 3.0),
        (23_976.5625, 0.5, 12.0),
        (30_000.0, 2.0, 4.0),
    ]
    return [tuple(float(np.float32(x)) for x in one) for one in sets]


def rounded_each_sample(row, signal):
    """Filter as Chromium does it: each output sample is float32 before it is fed back."""
    b0, b1, b2, _, a1, a2 = map(float, row)
    x1 = x2 = y1 = y2 = 0.0
    out = np.empty(len(signal), np.float32)
    for i, x in enumerate(signal.tolist()):
        y = float(np.float32(b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2))
        out[i] = y
        x1, x2, y1, y2 = x, x1, y, y1
    return out


def error_db(found, wanted):
    scale = max(np.abs(wanted).max(), 1e-3)
    return 20 * np.log10(max(np.abs(found - wanted).max() / scale, 1e-12))


@pytest.mark.parametrize("mono", [False, True])
def test_pan_is_chromiums(page, mono):
    noise = np.random.default_rng(2).uniform(-0.5, 0.5, (500, 2)).astype(np.float32)
    if mono:
        noise[:, 1] = noise[:, 0]
    pans = [-1.0, -0.6, -0.125, 0.0, 0.3, 0.875, 1.0]
    found = page.evaluate(PANNERS, [noise.T.tolist()[: 2 - mono], pans, RATE])
    for pan, theirs in zip(pans, found, strict=True):
        ours = Chain(Pan(mono=mono, pan=pan)).render(noise, RATE)
        assert np.abs(ours - np.array(theirs).T).max() < 1e-6, pan


@pytest.mark.timeout(300)
def test_every_filter_is_chromiums(page):
    """Responses agree below -110 dB, and so does noise that was filtered.

    Chromium rounds what it feeds back to float32, which for low frequencies adds noise at up to
    -80 dB. How much is known by running our coefficients that way: no more may be between the two.
    """
    noise = (0.5 * np.random.default_rng(1).standard_normal(FRAMES)).astype(np.float32)
    sets = parameter_sets()
    hz = on_grid(np.geomspace(10, 23_990, 200))
    found = page.evaluate(FILTERS, [list(KINDS), sets, noise.tolist(), RATE, hz.tolist()])
    direct, worst = 0, -999.0
    for kind in KINDS:
        for (f, q, gain), (mag, phase, encoded) in zip(sets, found[kind], strict=True):
            equalizer = Equalizer([(kind, f, q, gain)], definition="webaudio")
            row = equalizer.sos(RATE)[0]
            theirs = np.array(mag) * np.exp(1j * np.array(phase))
            response = error_db(frequency_response([row], hz, RATE), theirs)
            assert response < -110, (kind, f, q, gain, response)
            worst = max(worst, response)
            rendered = np.frombuffer(base64.b64decode(encoded), np.float32)
            ours = Chain(equalizer).render(noise, 48_000)
            exact = scipy.signal.sosfilt([row], noise.astype(float))
            assert error_db(ours, exact) < -140
            rounding = error_db(rounded_each_sample(row, noise), exact)
            between = error_db(ours, rendered)
            assert between < max(-110.0, rounding + 10.0), (kind, f, q, gain, between)
            direct += between < -110
    print(f"responses within {worst:.0f} dB; {direct} of {len(KINDS) * SETS} renderings below -110")
    assert direct > 150


@pytest.mark.timeout(300)
@pytest.mark.parametrize("smoothing", [0.0, 0.8])
def test_the_analyser_is_chromiums(page, smoothing):
    rng = np.random.default_rng(2)
    frames = 40_960
    t = np.arange(frames) / RATE
    left = (0.3 * np.sin(2 * np.pi * 1000.5 * t) + 0.05 * rng.standard_normal(frames)).astype("f4")
    right = (0.2 * np.sin(2 * np.pi * 3000 * t) + 0.02 * rng.standard_normal(frames)).astype("f4")
    left[30_000:32_000] = 1.5  # beyond what a byte holds
    times, sizes = [128, 1_024, 2_048, 10_240, 31_872, 40_832], [32, 256, 2_048, 32_768]
    reads = page.evaluate(ANALYSERS, [left.tolist(), right.tolist(), times, sizes, smoothing, RATE])
    assert len(reads) == len(times)
    ours = [Analyser(fft_size=size, smoothing=smoothing) for size in sizes]
    before = 0
    for time, read in zip(times, reads, strict=True):
        for analyser, (db, levels, wave, wave_bytes) in zip(ours, read, strict=True):
            analyser.push(np.stack([left[before:time], right[before:time]]))
            mine = np.maximum(analyser.float_frequency_data(), -1e9)
            wanted = np.array(db)
            loud = wanted > -90
            assert time < 10_240 or loud.any(), "there is something to compare"
            assert np.abs(mine - wanted)[loud].max(initial=0.0) < 0.01
            differs = analyser.byte_frequency_data() != np.array(levels)
            scaled = 255.0 / 70.0 * (wanted + 100.0)
            tie = np.abs(scaled - np.rint(scaled)) < 1e-2
            assert not (differs & ~tie).any()
            assert np.abs(analyser.float_time_domain_data() - np.array(wave)).max() < 1e-6
            scaled = 128.0 * (1.0 + np.array(wave))
            tie = np.abs(scaled - np.rint(scaled)) < 1e-4
            assert not ((analyser.byte_time_domain_data() != np.array(wave_bytes)) & ~tie).any()
        before = time
