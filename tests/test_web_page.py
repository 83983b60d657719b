"""The page of an exported chain, in Chromium: what is heard, what is told, who may use it."""

from __future__ import annotations

import errno
import functools
import json
import math
import shutil
import socket
import struct
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import music, need, need_module, wait_for
from test_web import natively
from zerocross import UsageError
from zerocross.errors import UserFileError
from zerocross.graph.user_file import chain_of
from zerocross.web import PageServer, export
from zerocross.web.serve import HEADERS

EFFECT = Path(__file__).parent / "web_effect.py"
EXPORT = sys.modules["zerocross.web.export"]
RATE = 48_000
FRAMES = 20_000
RENDER = """
async ([rate, channels, changes]) => {
  const { about, makeNode } = await import("/engine.js");
  const context = new OfflineAudioContext(2, channels[0].length, rate);
  const buffer = new AudioBuffer({ length: channels[0].length, numberOfChannels: channels.length, sampleRate: rate });
  channels.forEach((each, c) => buffer.copyToChannel(Float32Array.from(each), c));
  const node = await makeNode(context, await about());
  for (const [name, value] of changes) node.port.postMessage({ kind: "set", name, value });
  await new Promise((done) => setTimeout(done, 100));
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(node).connect(context.destination);
  source.start();
  const made = await context.startRendering();
  return [0, 1].map((c) => Array.from(made.getChannelData(c)));
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An exported page."""
    need_module("ziglang")
    made = tmp_path_factory.mktemp("page") / "of an effect"
    export(lambda: chain_of(str(EFFECT)), made, "Tremolo & <echo>", [RATE])
    return made


@pytest.fixture(scope="module")
def url(folder):
    server = PageServer(folder)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server.url
    server.stop()
    thread.join()


@pytest.fixture(scope="module")
def browser():
    chromium = need("chromium")
    need_module("playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as runs:
        made = runs.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        yield made
        made.close()


@pytest.fixture
def page(browser, url):
    """The page, which must not complain to the console, nor ask for anything elsewhere."""
    context = browser.new_context(viewport={"width": 900, "height": 700})
    made = context.new_page()
    complaints, asked = [], []
    made.on("console", lambda each: complaints.append(each.text) if each.type == "error" else None)
    made.on("pageerror", lambda each: complaints.append(str(each)))
    made.on("request", lambda each: asked.append(each.url))
    made.complaints = complaints
    made.goto(url)
    made.wait_for_selector("fieldset")
    yield made
    context.close()
    assert complaints == []
    assert [each for each in asked if not each.startswith((url, "data:", "blob:"))] == []


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "a song.wav"
    soundfile.write(path, music(20 * RATE), RATE, "PCM_16")
    return path


def shows(page, name, words):
    """Wait until words are shown."""
    wait_for(lambda: page.text_content(f"#{name}") == words, 20.0, what=words)


@pytest.mark.thorough
@pytest.mark.parametrize("changes", [[], [("0.depth", 1.0), ("1.feedback", 0.7)]], ids=str)
def test_what_is_rendered_has_the_same_bits_as_here(page, changes):
    signal = music(FRAMES)
    found = np.array(page.evaluate(RENDER, [RATE, signal.T.tolist(), changes]), np.float32).T
    blocks = [128] * (FRAMES // 128) + [FRAMES % 128] * bool(FRAMES % 128)
    assert np.array_equal(found, natively(chain_of(str(EFFECT)), signal, blocks, {0: changes}))


@pytest.mark.thorough
def test_mono_is_heard_on_both_sides(page):
    signal = music(FRAMES, 1)
    found = page.evaluate(RENDER, [RATE, signal.T.tolist(), []])
    assert found[0] == found[1] and np.abs(found[0]).max() > 0.1


@pytest.mark.thorough
def test_a_file_is_opened_played_paused_and_sought(page, song):
    assert page.title() == "Tremolo & <echo>"
    assert page.inner_text("h1") == "Tremolo & <echo>"
    assert page.is_disabled("#play")
    page.set_input_files("#file", song)
    wait_for(lambda: page.inner_text("#time") != "0:00", 20.0, what="a second of it")
    shows(page, "length", "0:20")
    assert page.inner_text("#name") == "a song.wav" and page.inner_text("#play") == "Pause"
    assert page.title() == "a song.wav · Tremolo & <echo>"
    page.click("#play")
    assert page.inner_text("#play") == "Play"
    stands = page.inner_text("#time")
    page.wait_for_timeout(600)
    assert page.inner_text("#time") == stands
    page.evaluate(
        "const s = document.getElementById('seek'); s.value = 18.5; s.dispatchEvent(new Event('change'))"
    )
    assert page.inner_text("#time") == "0:18"
    page.locator("h1").click()
    page.keyboard.press(" ")
    assert page.inner_text("#play") == "Pause"
    shows(page, "play", "Play")
    assert page.inner_text("#time") == "0:00", "from its beginning again"


@pytest.mark.thorough
def test_the_position_stays_in_the_hand_that_holds_it(page, song):
    page.set_input_files("#file", song)
    shows(page, "play", "Pause")
    place = page.locator("#seek").bounding_box()
    page.mouse.move(place["x"] + 5, place["y"] + place["height"] / 2)
    page.mouse.down()
    page.mouse.move(place["x"] + 0.6 * place["width"], place["y"] + place["height"] / 2)
    held = page.input_value("#seek")
    page.wait_for_timeout(600)
    assert page.input_value("#seek") == held
    page.mouse.up()
    wait_for(lambda: page.inner_text("#time") > "0:11", 20.0, what="to be where it was let go")
    wait_for(lambda: float(page.input_value("#seek")) > float(held), 20.0)


@pytest.mark.thorough
def test_sliders_are_the_parameters(page):
    sliders = page.locator("fieldset input[type=range]")
    found = sliders.evaluate_all("all => all.map(s => [s.min, s.max, s.value].map(Number))")
    rate = [math.log(value) for value in (0.1, 20.0, 4.0)]  # a ratio of 200: by its logarithm
    assert found == [[0, 1, 0.5], pytest.approx(rate), [0, 0.9, 0.3]]
    assert page.locator("fieldset output").all_inner_texts() == ["0.5", "4 Hz", "0.3"]
    assert page.locator("legend").all_inner_texts() == ["Tremolo", "Echo"]
    page.focus("fieldset input >> nth=1")
    page.keyboard.press("End")
    assert page.locator("fieldset output").nth(1).inner_text() == "20 Hz"
    assert sliders.nth(1).get_attribute("aria-valuetext") == "20 Hz"
    sliders.nth(1).dispatch_event("dblclick")
    assert page.locator("fieldset output").nth(1).inner_text() == "4 Hz"


@pytest.mark.thorough
def test_what_is_wrong_has_a_sentence_on_the_page(page, tmp_path):
    (tmp_path / "no.mp3").write_bytes(b"no audio at all" * 100)
    page.set_input_files("#file", tmp_path / "no.mp3")
    shows(page, "told", "no.mp3 is no audio that this browser can decode.")
    page.evaluate(
        "const d = new DataTransfer(); d.items.add(new File([], 'empty.wav'));"
        "document.dispatchEvent(new DragEvent('drop', {dataTransfer: d}))"
    )
    shows(page, "told", "empty.wav is no audio that this browser can decode.")


@pytest.mark.thorough
@pytest.mark.parametrize("missing", ["about.json", "wasm-simd.wasm", f"chain-{RATE}.zci"])
def test_a_file_of_the_page_that_is_missing_is_named(browser, folder, song, tmp_path, missing):
    shutil.copytree(folder, tmp_path / "page")
    (tmp_path / "page" / missing).unlink()
    server = PageServer(tmp_path / "page")
    thread = threading.Thread(target=server.run)
    thread.start()
    page = browser.new_page()
    try:
        page.goto(server.url)
        if missing != "about.json":
            page.wait_for_selector("fieldset")
            page.set_input_files("#file", song)
        shows(page, "told", f"{missing} cannot be had (404): export the page again")
    finally:
        page.close()
        server.stop()
        thread.join()


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["about.json", "wasm-simd.wasm", f"chain-{RATE}.zci"])
def test_a_file_of_the_page_that_is_damaged_is_named(browser, folder, song, tmp_path, name):
    shutil.copytree(folder, tmp_path / "page")
    damaged = tmp_path / "page" / name
    damaged.write_bytes(damaged.read_bytes()[:-100])
    server = PageServer(tmp_path / "page")
    thread = threading.Thread(target=server.run)
    thread.start()
    page = browser.new_page()
    try:
        page.goto(server.url)
        if name != "about.json":
            page.wait_for_selector("fieldset")
            page.set_input_files("#file", song)
        wait_for(lambda: name in page.inner_text("#told"), 20.0)
        assert "is damaged" in page.inner_text("#told")
    finally:
        page.close()
        server.stop()
        thread.join()


@pytest.mark.thorough
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [200, 320, 1200])
def test_it_fits_the_screen(browser, url, scheme, width):
    page = browser.new_page(viewport={"width": width, "height": 700}, color_scheme=scheme)
    page.goto(url)
    page.wait_for_selector("fieldset")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


INKED = """
() => {
  const canvas = document.getElementById("spectrum");
  if (!canvas.width) return [crossOriginIsolated, 0];
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let inked = 0; // of another colour than the paper
  for (let k = 0; k < data.length; k += 4) inked += data[k + 2] !== data[2] || data[k] !== data[0];
  return [crossOriginIsolated, inked / (canvas.width * canvas.height)];
}
"""


@pytest.mark.thorough
@pytest.mark.parametrize("isolated", [True, False])
def test_the_spectrum_moves_while_something_plays(browser, folder, song, isolated):
    """By shared memory where the page is isolated, else by messages."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=folder)
    handler.func.log_message = lambda *_: None
    server = PageServer(folder) if isolated else ThreadingHTTPServer(("127.0.0.1", 0), handler)
    run, stop = (
        (server.run, server.stop)
        if isolated
        else (server.serve_forever, lambda: (server.shutdown(), server.server_close()))
    )
    thread = threading.Thread(target=run)
    thread.start()
    page = browser.new_page(service_workers="block")
    try:
        page.goto(server.url if isolated else f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_selector("fieldset")
        assert page.evaluate(INKED) == [isolated, 0]
        page.set_input_files("#file", song)
        wait_for(lambda: page.evaluate(INKED)[1] > 0.02, what="bars")
        seen = {page.evaluate(INKED)[1] for _ in range(20) if not page.wait_for_timeout(50)}
        assert len(seen) > 3, "it moves"
    finally:
        page.close()
        stop()
        thread.join()


# --- exporting and serving ------------------------------------------------------------------------


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(UsageError, match="has other things in it"):
        export(lambda: chain_of(str(EFFECT)), tmp_path, "t")
    assert [each.name for each in tmp_path.iterdir()] == ["letters.txt"]
    with pytest.raises(UsageError, match="is a file; give a folder"):
        export(lambda: chain_of(str(EFFECT)), tmp_path / "letters.txt", "t")
    with pytest.raises(UsageError, match="rate=7: give"):
        export(lambda: chain_of(str(EFFECT)), tmp_path / "page", "t", [7])


def test_another_ones_page_is_left_alone(tmp_path):
    (tmp_path / "about.json").write_text('{"name": "mine"}')
    with pytest.raises(UsageError, match="has other things in it"):
        export(lambda: chain_of(str(EFFECT)), tmp_path, "t")
    assert len(list(tmp_path.iterdir())) == 1


class Made:
    """What `web_chain` returns, of no chain."""

    instruments = ("Piano",)

    def __init__(self, rate):
        text = b'{"parts": []} ' + b" " * 2
        self.image = b"ZCI1" + len(text).to_bytes(4, "little") + text
        self.modules = {"wasm": b"code at %d" % rate}


def test_each_rate_has_its_own_code(tmp_path, monkeypatch):
    monkeypatch.setattr(EXPORT, "web_chain", lambda _, rate, __, **___: Made(rate))
    told, versions = [], []
    for rates in ([44_100, 48_000], [48_000], [48_000]):
        export(lambda: None, tmp_path, "t", rates, told.append)
        about = json.loads((tmp_path / "about.json").read_text())
        for rate in rates:
            name = "wasm.wasm" if len(rates) == 1 else f"wasm-{rate}.wasm"
            assert about["modules"][str(rate)] == {"wasm": name}
            assert (tmp_path / name).read_bytes() == b"code at %d" % rate
        codes = {each.name for each in tmp_path.iterdir() if each.suffix in {".wasm", ".zci"}}
        images = {f"{name}-{rate}.zci" for rate in rates for name in ("chain", "loudness")}
        parts = [*about["modules"].values(), *about["loudness"].values()]
        assert codes == images | {each["wasm"] for each in parts}
        assert set(about["files"]) == {each.name for each in tmp_path.iterdir()} - {"about.json"}
        versions.append(about["version"])
    assert versions[0] != versions[1] == versions[2]
    assert told[1] == "notice: Piano plays notes, and the page has no keys for them yet"


def test_a_folder_that_cannot_be_written_is_told_and_left_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(EXPORT, "web_chain", lambda _, rate, __, **___: Made(rate))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot be .*: Not a directory; give another folder"):
        export(lambda: None, tmp_path / "file" / "page", "t", [RATE])
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="cannot be written: File exists"):
        export(lambda: None, tmp_path / "dangling", "t", [RATE])

    def full(path, data):
        del path, data
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UsageError, match="cannot be written: No space left"):
        export(lambda: None, tmp_path / "page", "t", [RATE])
    assert list((tmp_path / "page").iterdir()) == []


@pytest.mark.parametrize("folder", ["", "/proc/nothing/page"])
def test_a_folder_that_cannot_be_is_refused_before_anything_is_compiled(folder):
    made = []
    with pytest.raises(UsageError, match=r"give another folder|give its name"):
        export(lambda: made.append(1), folder, "t", [RATE])
    assert made == []


def test_what_is_no_text_is_told_to_be_no_python_file(song, tmp_path):
    with pytest.raises(UserFileError, match=": no Python file; give one"):
        export(lambda: chain_of(str(song)), tmp_path / "page", "t", [RATE])


def command(*words):
    return subprocess.run(
        [sys.executable, "-m", "zerocross", *map(str, words)], capture_output=True, text=True
    )


@pytest.mark.thorough
def test_the_command_writes_it_again_and_refuses_what_is_refused(tmp_path):
    page = tmp_path / "page"
    for _ in range(2):
        told = command("web", "export", EFFECT, "-o", page, "--rate", RATE)
        assert told.returncode == 0, told.stderr
        assert "files" in told.stdout and f"zerocross web serve {page}" in told.stdout
    names = {each.name for each in page.iterdir()}
    code = {"wasm.wasm", "wasm-simd.wasm"}
    assert {"index.html", *code, f"chain-{RATE}.zci", "about.json"} <= names
    assert json.loads((page / "about.json").read_text())["title"] == "web_effect"
    bad = tmp_path / "bad.py"
    bad.write_text(
        "from zerocross import processor\n@processor\nclass Bad:\n"
        "    def process(self, block):\n        print(block.frames)\n"
    )
    before = {each: each.read_bytes() for each in page.iterdir()}
    told = command("web", "export", bad, "-o", page)
    assert told.returncode == 1 and f"{bad}:5" in told.stderr
    assert {each: each.read_bytes() for each in page.iterdir()} == before, "nothing is half done"


def test_the_server_isolates_the_page_and_lists_nothing(tmp_path):
    (tmp_path / "index.html").write_text("<p>here")
    (tmp_path / "inner").mkdir()
    server = PageServer(tmp_path)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with urllib.request.urlopen(server.url) as found:
            assert found.read() == b"<p>here"
            assert all(found.headers[name] == value for name, value in HEADERS.items())
        for place in ("inner/", "../../../../etc/passwd", "none.js"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(server.url + place)
        port = int(server.url.rsplit(":", 1)[1].strip("/"))
        with pytest.raises(UsageError, match=rf"port {port}: .*give another one"):
            PageServer(tmp_path, port)
    finally:
        server.stop()
        thread.join()
    with pytest.raises(UsageError, match=r"has no index\.html"):
        PageServer(tmp_path / "inner")


def test_a_browser_that_leaves_and_a_name_that_no_file_has_are_no_traceback(tmp_path, capfd):
    (tmp_path / "index.html").write_text("here" * 1_000_000)
    server = PageServer(tmp_path)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(server.url + "%00")
        for _ in range(5):
            with socket.create_connection(server._server.server_address) as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.send(b"GET / HTTP/1.0\r\n\r\n")
        with urllib.request.urlopen(server.url) as found:
            assert found.status == 200
    finally:
        server.stop()
        thread.join()
    assert capfd.readouterr() == ("", "")


def test_a_server_that_never_ran_stops(tmp_path):
    (tmp_path / "index.html").write_text("")
    thread = threading.Thread(target=PageServer(tmp_path).stop, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
