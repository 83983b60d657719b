"""The player of notebooks: what Python makes of a signal and a chain, and its module in Chromium, on a model of the test's own."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import music, need, need_module, wait_for
from test_web import natively
from zerocross import Chain, SourceError, UsageError
from zerocross.effects import Gain
from zerocross.graph.user_file import chain_of

EFFECT = Path(__file__).parent / "web_effect.py"
RATE = 48_000
FRAMES = 20_000
PAGE = Path(__file__).parents[1] / "src" / "zerocross" / "web" / "page"

#: A model as anywidget hands it over, without a kernel: what is saved is kept.
MODEL = """
window.modelOf = (state) => {
  const calls = {};
  return {
    state, saved: [], pending: {}, calls,
    get(name) { return this.state[name]; },
    set(name, value) {
      const was = this.state[name];
      this.state[name] = value;
      this.pending[name] = value;
      if (was !== value) for (const call of calls[name] ?? []) call();
    },
    save_changes() {
      this.saved.push(structuredClone(this.pending));
      this.pending = {};
    },
    on(event, call) { (calls[event.slice("change:".length)] ??= []).push(call); },
    off(event, call) {
      const name = event.slice("change:".length);
      calls[name] = calls[name].filter((each) => each !== call);
    },
  };
};
window.stateOf = (plain, packed) => {
  const state = structuredClone(plain);
  for (const [name, text] of Object.entries(packed)) {
    state[name] = new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  }
  return state;
};
window.moduleOf = async (text) => {
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const module = await import(url);
  URL.revokeObjectURL(url);
  return module;
};
window.shown = async (plain, packed) => {
  window.model = modelOf(stateOf(plain, packed));
  const widget = (await moduleOf(model.get("_esm"))).default();
  window.end = await widget.initialize({ model });
  window.leaves = [];
  window.again = async () => {
    const el = document.createElement("div");
    document.body.append(el);
    leaves.push(await widget.render({ model, el }));
  };
  await again();
};
"""
RENDER = """
async ([plain, packed, frames]) => {
  const model = modelOf(stateOf(plain, packed));
  const { laidOut } = await moduleOf(model.get("_esm"));
  const context = new OfflineAudioContext(2, frames, 48000);
  const { node, song } = await laidOut(context, model);
  await new Promise((done) => setTimeout(done, 100));
  const source = new AudioBufferSourceNode(context, { buffer: song });
  source.connect(node).connect(context.destination);
  source.start();
  const made = await context.startRendering();
  return [song.length, ...[0, 1].map((c) => Array.from(made.getChannelData(c)))];
}
"""
#: How loud it is behind everything: what a context would play.
METER = """
window.meters = [];
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...rest) {
  if (to === this.context.destination && this.context instanceof AudioContext) {
    const meter = new AnalyserNode(this.context, { fftSize: 2048 });
    connect.call(this, meter);
    meters.push(meter);
  }
  return connect.call(this, to, ...rest);
};
window.loud = () => {
  const rows = new Float32Array(2048);
  meters.at(-1)?.getFloatTimeDomainData(rows);
  return Math.hypot(...rows) / Math.sqrt(rows.length);
};
"""


@pytest.fixture(scope="module")
def make():
    """`Player`, where there is what it needs."""
    need_module("anywidget")
    need_module("ziglang")
    from zerocross.web import Player

    return Player


def saved(player):
    """A player's state as a notebook keeps it: what can be written as JSON, and bytes."""
    state = player.get_state()
    packed = {name: value for name, value in state.items() if isinstance(value, bytes | memoryview)}
    plain = {name: state[name] for name in state if name not in packed and name != "layout"}
    return json.loads(json.dumps(plain)), {
        name: base64.b64encode(value).decode() for name, value in packed.items()
    }


# --- in Python ------------------------------------------------------------------------------------


def test_importing_the_package_imports_no_widgets():
    script = (
        "import sys, zerocross.web; print(sorted({'anywidget', 'traitlets'} & set(sys.modules)));"
        "sys.modules['anywidget'] = None\n"
        "try: zerocross.web.Player\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "try: zerocross.web.player\n"
        "except AttributeError as error: print(error)"
    )
    told = subprocess.check_output([sys.executable, "-c", script], text=True).splitlines()
    assert told == [
        "[]",
        "MissingDependency a player in a notebook needs anywidget: pip install 'zerocross[notebook]'",
        "module 'zerocross.web' has no attribute 'player'",
    ]


def test_a_player_has_parameters_that_are_checked(make):
    player = make(music(RATE), chain=chain_of(str(EFFECT)), title="A tremolo")
    first = {"0.depth": 0.5, "0.rate": 4.0, "1.feedback": 0.3}
    assert player.values == first
    assert (player.title, player.position, player.playing, player.duration_s) == (
        "A tremolo",
        0.0,
        False,
        1.0,
    )
    player.set("0.depth", 1)
    assert player.values == first | {"0.depth": 1.0}
    player.values = {"1.feedback": 0.0}
    assert player.values == first | {"1.feedback": 0.0}, (
        "those that are left out are as they were made"
    )
    with pytest.raises(UsageError, match=r"no parameter '0.deep'; there are 0.depth, 0.rate, 1.f"):
        player.set("0.deep", 0.3)
    with pytest.raises(UsageError, match=r"0.depth=1.5: give 0 to 1"):
        player.set("0.depth", 1.5)
    with pytest.raises(UsageError, match=r"position=2\.0: give 0 to 1"):
        player.position = 2.0
    player.position = 0.25
    assert player.values["1.feedback"] == 0.0 and player.position == 0.25


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        (np.zeros(0), "the signal is empty; give one frame"),
        (np.zeros((10, 3)), r"has 3 channels; give one or two, such as signal\[:, :2\]"),
        (np.zeros((2, 9)), "as signal.T"),
        (np.array([0.0, np.inf]), "frame 1 of the signal is not finite"),
        (np.ma.masked_array([1, 2], [0, 1]), "the signal is masked"),
        (np.zeros(4, complex), "give an array of floats"),
        (3.0, r"shape \(\): give \(frames,\)"),
        (
            np.zeros(600 * 8000 + 1, np.int8),
            r"600 s: .* give up to 600 s, such as signal\[:4800000\]",
        ),
    ],
    ids=str,
)
def test_what_is_no_signal_is_refused(make, signal, words):
    with pytest.raises(UsageError, match=words):
        make(signal, 8_000)


def test_other_things_that_cannot_be_are_refused(make, tmp_path):
    with pytest.raises(UsageError, match="sample_rate=7: give a whole number, 8000 to 768000 Hz"):
        make(np.zeros(4), 7)
    with pytest.raises(UsageError, match="3 is not a processor"):
        make(np.zeros(4), chain=3)
    with pytest.raises(SourceError, match="no such file"):
        make(tmp_path / "none.wav")
    long = tmp_path / "long.wav"
    soundfile.write(long, np.zeros(601 * 8000, np.int16), 8000)
    with pytest.raises(SourceError, match="601 s; up to 600 s fit"):
        make(long)


def heard(player):
    """What the saved bytes are, as 64-bit floats, and the rate that they have."""
    if player._form == "float32":
        return np.frombuffer(player._audio, np.float32).reshape(player._shape[::-1]).T, None
    return soundfile.read(io.BytesIO(player._audio), always_2d=True)


@pytest.mark.thorough
def test_integers_are_kept_to_the_bit(make):
    rng = np.random.default_rng(1)
    small = rng.integers(-(2**15), 2**15, (RATE, 2)).astype(np.int16)
    found, rate = heard(make(small, 44_100))
    assert rate == 44_100 and np.array_equal(found * 2**15, small)
    large = rng.integers(-(2**23), 2**23, 5000).astype(np.int32) << 8
    found, _ = heard(make(large))
    assert np.array_equal(found[:, 0] * 2.0**31, large)


def test_16_bits_take_no_more_room_than_they_need(make, tmp_path):
    small = np.rint(music(RATE) * 32767).astype(np.int16)
    soundfile.write(tmp_path / "small.flac", small, RATE, "PCM_16")
    assert len(make(small)._audio) < 1.01 * (tmp_path / "small.flac").stat().st_size


def test_floats_are_kept_within_24_bits_or_as_they_are(make):
    signal = music(5000)
    signal[7] = [1.0, -1.0]
    found, _ = heard(make(signal))
    assert np.abs(found - signal).max() <= 2.0**-23
    loud = 2.0 * signal
    player = make(loud)
    assert player._form == "float32" and np.array_equal(heard(player)[0], loud)
    player = make(signal, 700_000)
    assert player._form == "float32" and np.array_equal(heard(player)[0], signal)


def test_a_file_has_its_own_rate_and_name(make, tmp_path):
    path = tmp_path / "a song.wav"
    signal = np.rint(music(4410, 1) * 32767).astype(np.int16)
    soundfile.write(path, signal, 44_100)
    player = make(path)
    found, rate = heard(player)
    assert (player.title, player.duration_s, rate) == ("a song.wav", 0.1, 44_100)
    assert np.array_equal(found * 2**15, signal)


@pytest.mark.thorough
def test_what_is_saved_is_all_that_a_page_needs(make):
    from ipywidgets.embed import dependency_state

    player = make(music(RATE), chain=[Gain(gain_db=-6.0)])
    player.set("0.gain_db", -3.0)
    kept = dependency_state([player])[player.model_id]
    assert kept["model_module"] == "anywidget"
    assert kept["state"]["_view_name"] == "AnyView" and kept["state"]["position"] == 0.0
    assert kept["state"]["values"] == {"0.gain_db": -3.0}
    assert kept["state"]["_esm"] == player._esm and kept["state"]["_shape"] == (RATE, 2)
    packed = {each["path"][0]: base64.b64decode(each["data"]) for each in kept["buffers"]}
    assert packed == {"_audio": player._audio, "_code": player._code, "_image": player._image}
    json.dumps(kept)


def test_the_module_is_made_of_the_pages_own(make):
    """Nothing is left that imports a file which is not there, nor is anything exported twice."""
    text = make(music(10))._esm
    first, second, rest = text.split("\n", 2)
    worklet = json.loads(first.removeprefix("const WORKLET = ").removesuffix(";"))
    style = json.loads(second.removeprefix("const STYLE = ").removesuffix(";"))
    assert "fieldset" in style
    for each in (worklet, rest):
        assert re.search(r"^[ \t]*import\b", each, re.MULTILINE) is None
    assert re.findall(r"^[ \t]*export\b.*", rest, re.MULTILINE) == [
        "export { laidOut };",
        "export default () => {",
    ]
    assert re.search(r"^[ \t]*export\b", worklet, re.MULTILINE) is None
    for name in ("chain.js", "worklet.js"):
        assert last_lines(name) in worklet
    for name in ("chain.js", "controls.js", "engine.js"):
        assert last_lines(name) in rest
        assert " as " not in "".join(
            re.findall(r"^import.*", (PAGE / name).read_text(), re.MULTILINE)
        )


def last_lines(name):
    return (PAGE / name).read_text()[-400:].partition("\n")[2]


# --- in Chromium ----------------------------------------------------------------------------------


#: A policy of pages that takes no script from a URL that is its own text.
STRICT = "script-src 'unsafe-inline' 'unsafe-eval' blob:"


class Empty(BaseHTTPRequestHandler):
    """A page with nothing on it, on this machine: a browser trusts it, so that it may have worklets."""

    def do_GET(self):
        self.send_response(200)
        if self.path == "/strict":
            self.send_header("Content-Security-Policy", STRICT)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(
            b"<!doctype html><html lang=en><title>A notebook</title><link rel=icon href=data:,><body>"
        )

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def launch():
    """Start browsers, with words for their command line."""
    chromium = need("chromium")
    need_module("playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as runs:
        yield lambda *words: runs.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", *words]
        )


@pytest.fixture(scope="module")
def browser(launch):
    made = launch("--autoplay-policy=no-user-gesture-required")
    yield made
    made.close()


@pytest.fixture
def page(browser, url):
    """A page, which must not complain to the console, nor ask for anything elsewhere."""
    with a_page(browser, url) as made:
        yield made


@contextlib.contextmanager
def a_page(browser, url, **options):
    context = browser.new_context(viewport={"width": 900, "height": 900}, **options)
    made = context.new_page()
    complaints, asked = [], []
    made.on("console", lambda each: complaints.append(each.text) if each.type == "error" else None)
    made.on("pageerror", lambda each: complaints.append(str(each)))
    made.on("request", lambda each: asked.append(each.url))
    made.add_init_script(MODEL + METER)
    made.goto(url)
    try:
        yield made
    finally:
        context.close()
    assert complaints == []
    assert [each for each in asked if not each.startswith((url, "data:", "blob:"))] == []


def show(page, player, **changed):
    plain, packed = saved(player)
    page.evaluate("([plain, packed]) => shown(plain, packed)", [plain | changed, packed])
    page.wait_for_selector("button")


def put(page, name, value):
    """Do what Python does when it sets a trait."""
    page.evaluate("([name, value]) => model.set(name, value)", [name, value])


def told(page, name):
    """What Python knows."""
    return page.evaluate(
        "(name) => model.saved.map((each) => each[name]).filter((each) => each !== undefined).at(-1)",
        name,
    )


def shows(page, selector, words):
    wait_for(lambda: page.inner_text(selector) == words, 20.0, what=words)


@pytest.mark.thorough
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_what_is_rendered_has_the_same_bits_as_here(make, page, channels, scale):
    signal = scale * np.rint(music(FRAMES, channels) * 2**15) / np.float32(2**15)
    signal[:2] = [[0.999], [-1.0]]
    signal = (np.rint(signal * 2**15) / 2**15).astype(np.float32)
    player = make(signal, chain=chain_of(str(EFFECT)))
    assert player._form == ("flac" if scale == 1.0 else "float32")
    player.set("0.depth", 0.9)
    length, *found = page.evaluate(RENDER, [*saved(player), FRAMES])
    blocks = [128] * (FRAMES // 128) + [FRAMES % 128] * bool(FRAMES % 128)
    both = np.repeat(signal, 2, axis=1) if channels == 1 else signal
    wanted = natively(chain_of(str(EFFECT)), both, blocks, {0: [("0.depth", 0.9)]})
    assert length == FRAMES and np.array_equal(np.array(found, np.float32).T, wanted)


@pytest.mark.thorough
@pytest.mark.parametrize("frames", [1, 2, 15, 16, 17, 4097])
def test_short_signals_are_whole(make, page, frames):
    signal = np.full(frames, 0.5)
    length, *found = page.evaluate(RENDER, [*saved(make(signal)), frames])
    assert length == frames and found[0] == found[1] == signal.tolist()


@pytest.mark.thorough
def test_it_is_played_paused_and_sought(make, page):
    show(page, make(music(3 * RATE), title="A <signal>"))
    assert page.inner_text(".title") == "A <signal>"
    assert page.get_attribute("section", "aria-label") == "A <signal>"
    assert page.inner_text(".time") == "0:00 / 0:03" and not page.is_visible(".bypass")
    page.click("button")
    shows(page, "button", "Pause")
    assert told(page, "playing") is True
    wait_for(lambda: page.evaluate("loud()") > 0.1, what="sound")
    wait_for(lambda: (told(page, "position") or 0.0) > 0.4, what="the position")
    page.click("button")
    assert page.inner_text("button") == "Play" and told(page, "playing") is False
    stands = told(page, "position")
    page.wait_for_timeout(600)
    assert told(page, "position") == stands
    page.focus(".seek")
    page.keyboard.press("End")
    shows(page, ".time", "0:03 / 0:03")
    assert told(page, "position") == 3.0
    page.focus("button")
    page.keyboard.press("Space")
    shows(page, "button", "Pause")
    shows(page, "button", "Play")
    assert told(page, "position") == 3.0 and page.inner_text(".time") == "0:03 / 0:03"


@pytest.mark.thorough
def test_python_plays_pauses_and_seeks_it(make, page):
    show(page, make(music(20 * RATE)), position=10.5)
    assert page.inner_text(".time") == "0:10 / 0:20"
    put(page, "playing", True)
    shows(page, "button", "Pause")
    shows(page, ".time", "0:11 / 0:20")
    put(page, "position", 15.0)
    assert page.inner_text(".time") == "0:15 / 0:20" and page.inner_text("button") == "Pause"
    put(page, "playing", False)
    assert page.inner_text("button") == "Play" and 15.0 <= told(page, "position") < 19.0
    put(page, "title", "Another")
    assert page.inner_text(".title") == "Another"


@pytest.mark.thorough
def test_a_slider_moves_the_sound_and_python_the_slider(make, page):
    show(page, make(music(60 * RATE), chain=Chain(Gain(gain_db=0.0))))
    page.click("button")
    wait_for(lambda: page.evaluate("loud()") > 0.2, what="sound")
    page.focus("fieldset input")
    page.keyboard.press("Home")
    low = float(page.get_attribute("fieldset input", "min"))
    assert told(page, "values") == {"0.gain_db": low}
    assert page.inner_text("fieldset output") == f"{low:g} dB"
    wait_for(lambda: page.evaluate("loud()") < 0.01, what="silence")
    put(page, "values", {"0.gain_db": -6.0})
    assert page.inner_text("fieldset output") == "-6 dB"
    wait_for(lambda: 0.1 < page.evaluate("loud()") < 0.25, what="half of it")
    page.dispatch_event("fieldset input", "dblclick")
    assert told(page, "values") == {"0.gain_db": 0.0}
    page.focus("fieldset input")
    page.keyboard.press("Home")
    wait_for(lambda: page.evaluate("loud()") < 0.01, what="silence")
    page.check(".bypass")
    wait_for(lambda: page.evaluate("loud()") > 0.2, what="what is not processed")
    page.focus(".volume")
    page.keyboard.press("Home")
    wait_for(lambda: page.evaluate("loud()") < 0.001, what="silence")


INKED = """
() => {
  const canvas = document.querySelector("body > div > div").shadowRoot.querySelector("canvas");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let inked = 0;
  for (let k = 3; k < data.length; k += 4) inked += data[k] > 0;
  return inked / (canvas.width * canvas.height);
}
"""


@pytest.mark.thorough
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_spectrum_moves_unless_nothing_is_to_move(make, browser, url, motion):
    with a_page(browser, url, reduced_motion=motion) as page:
        show(page, make(music(60 * RATE)))
        page.click("button")
        shows(page, ".time", "0:02 / 1:00")
        seen = {page.evaluate(INKED) for _ in range(20) if not page.wait_for_timeout(20)}
        assert len(seen) > 3 if motion == "no-preference" else len(seen) == 1


@pytest.mark.thorough
def test_the_sound_ends_with_the_last_view(make, page):
    show(page, make(music(60 * RATE)))
    page.click("button")
    wait_for(lambda: page.evaluate("loud()") > 0.1, what="sound")
    page.evaluate("again()")
    assert page.locator("button").all_inner_texts() == ["Pause", "Pause"]
    page.evaluate("leaves.pop()()")
    assert page.locator("button").all_inner_texts() == ["Pause"] and told(page, "playing") is True
    page.evaluate("leaves.pop()()")
    assert told(page, "playing") is False and page.locator("button").count() == 0
    page.evaluate("end()")
    assert page.evaluate("Object.values(model.calls).flat().length") == 0
    assert page.evaluate("meters[0].context.state") == "closed"


@pytest.mark.thorough
def test_a_browser_that_wants_a_click_says_so_and_then_plays(make, launch, url):
    browser = launch()
    plain, packed = saved(make(music(5 * RATE)))
    with a_page(browser, url) as page:
        given = json.dumps([plain | {"playing": True}, packed])
        page.add_init_script(f"addEventListener('load', () => shown(...{given}))")
        page.reload()
        page.wait_for_timeout(3000)  # the first question to the page counts as a click
        wait_for(lambda: page.text_content(".told").startswith("The browser wants a click"), 20.0)
        assert told(page, "playing") is False and page.inner_text("button") == "Play"
        page.click("button")
        shows(page, "button", "Pause")
        assert not page.is_visible(".told")
    browser.close()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "words"),
    [("_code", "WebAssembly is not allowed here, or the code is damaged"), ("_audio", "Unable to")],
)
def test_what_is_damaged_is_told(make, page, name, words):
    plain, packed = saved(make(music(RATE)))
    packed[name] = packed[name][: len(packed[name]) // 8 * 4]
    if name == "_audio":
        packed[name] = base64.b64encode(b"no audio").decode()
    page.evaluate("([plain, packed]) => shown(plain, packed)", [plain, packed])
    page.click("button")
    wait_for(lambda: page.inner_text(".told").startswith(words), 20.0, what=words)
    assert told(page, "playing") is False


@pytest.mark.thorough
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_the_screen(make, browser, url, scheme, width):
    with a_page(browser, url, color_scheme=scheme) as page:
        page.set_viewport_size({"width": width, "height": 700})
        show(page, make(music(RATE), chain=chain_of(str(EFFECT)), title="long" * 100))
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.thorough
def test_a_page_with_a_policy_plays_it_from_a_blob(make, browser, url):
    page = browser.new_page()
    page.add_init_script(MODEL + METER)
    page.goto(url + "strict")
    show(page, make(music(5 * RATE)))
    page.click("button")
    wait_for(lambda: page.evaluate("loud()") > 0.1, what="sound")
    page.close()


@pytest.mark.thorough
def test_a_page_that_is_opened_from_the_disk_plays(make, browser, tmp_path):
    (tmp_path / "saved.html").write_text("<!doctype html><html lang=en><title>saved</title><body>")
    with a_page(browser, (tmp_path / "saved.html").as_uri()) as page:
        show(page, make(music(5 * RATE)))
        page.click("button")
        wait_for(lambda: page.evaluate("loud()") > 0.1, what="sound")
        assert page.inner_text("button") == "Pause" and not page.is_visible(".told")
