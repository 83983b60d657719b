"""The pages in Firefox: the same bits, and a file that plays."""

from __future__ import annotations

from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile

from bidi import BidiError, Firefox
from conftest import music, need, need_module, serving, wait_for
from test_web import natively
from test_web_page import EFFECT, FRAMES, RATE, RENDER
from zerocross.graph.user_file import chain_of
from zerocross.web import export

TRIES = 4


@contextmanager
def opened(folder):
    """Firefox, which must not complain, nor ask for anything elsewhere."""
    program = need("firefox-esr")
    need_module("websockets")
    folder.mkdir()
    firefox = Firefox(program, folder)
    try:
        yield firefox
        firefox.evaluate("() => 0")  # what has happened by now is told before
    finally:
        firefox.close()
    assert firefox.complaints == []
    asked = [urlsplit(each) for each in firefox.asked]
    assert {each.hostname for each in asked if each.scheme.startswith("http")} == {"127.0.0.1"}


@pytest.fixture
def heard(tmp_path):
    with opened(tmp_path / "profile") as firefox:
        yield firefox


@pytest.fixture(scope="module")
def effect_page(tmp_path_factory):
    """The page of an effect, and one that renders on demand."""
    need_module("ziglang")
    folder = tmp_path_factory.mktemp("page") / "effect"
    export(lambda: chain_of(str(EFFECT)), folder, "Tremolo & <echo>", [RATE])
    (folder / "render.js").write_text(f"window.render = {RENDER}")
    (folder / "render.html").write_text(
        '<!doctype html><script type="module" src="render.js"></script>'
    )
    return folder


@pytest.mark.thorough
@pytest.mark.parametrize("changes", [[], [("0.depth", 1.0), ("1.feedback", 0.7)]], ids=str)
def test_what_is_rendered_has_the_same_bits_as_here(heard, effect_page, changes):
    signal = music(FRAMES)
    with serving(effect_page) as url:
        heard.go(url + "render.html")
        made = heard.evaluate("(...given) => render(given)", RATE, signal.T.tolist(), changes)
    found = np.array(made, np.float32).T
    blocks = [128] * (FRAMES // 128) + [FRAMES % 128] * bool(FRAMES % 128)
    assert np.array_equal(found, natively(chain_of(str(EFFECT)), signal, blocks, {0: changes}))


def play(firefox, url, song):
    firefox.go(url)
    ready = "() => document.querySelectorAll('tbody.bands tr').length"
    wait_for(lambda: firefox.evaluate(ready) == 10, 20.0, what="the page")
    assert firefox.evaluate("() => crossOriginIsolated")
    firefox.give("#file", song)
    wait_for(lambda: firefox.text("#time") != "0:00", 20.0, what="a second of it")
    assert firefox.text("#name") == "a song.wav" and firefox.text("#play") == "Pause"
    firefox.evaluate("() => { document.getElementById('engine').open = true; }")
    wait_for(lambda: "in shared memory" in firefox.text("#facts"), what="facts")
    drawn = "() => document.querySelector('.curve .heard').getAttribute('d').length"
    assert firefox.evaluate(drawn) > 50
    firefox.evaluate("() => document.getElementById('play').click()")
    assert firefox.text("#play") == "Play"
    assert firefox.text("#told") == ""


@pytest.mark.thorough
@pytest.mark.timeout(240)
def test_a_file_plays_on_the_page(player_page, pulse, tmp_path):
    """To a null sink: without a device Firefox's contexts stay suspended.

    One time in five Firefox waits for its own sound thread for ever, as soon as a page makes a context, and answers
    nothing any more; then it is begun anew.
    """
    song = tmp_path / "a song.wav"
    soundfile.write(song, music(20 * RATE), RATE, "PCM_16")
    with serving(player_page) as url:
        for attempt in range(TRIES):
            try:
                with opened(tmp_path / f"profile {attempt}") as firefox:
                    play(firefox, url, song)
            except TimeoutError:
                if attempt == TRIES - 1:
                    raise
            else:
                break


@pytest.mark.thorough
def test_a_script_that_throws_is_told(heard, effect_page):
    """The twin: what goes wrong in the page is no silence."""
    with serving(effect_page) as url:
        heard.go(url + "render.html")
        with pytest.raises(BidiError, match="no such thing"):
            heard.evaluate("() => { throw new Error('no such thing'); }")
        heard.evaluate("() => { setTimeout(() => { throw new Error('later'); }); }")
        wait_for(lambda: heard.evaluate("() => 1") and heard.complaints, what="the console")
        assert "later" in heard.complaints.pop()
