"""The player's page for everybody: axe's rules, the keyboard, the size of what is pressed."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from conftest import music, need_npm, serving, wait_for

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
JUDGE = """
async (tags) => {
  const options = { runOnly: tags, rules: { "target-size": { enabled: true } }, resultTypes: ["violations"] };
  const { violations } = await axe.run(document, options);
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}: ${node.failureSummary}`));
}
"""
SCHEMES = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "more": {"color_scheme": "light", "contrast": "more"},
    "forced": {"color_scheme": "dark", "forced_colors": "active"},
    "forced light": {"color_scheme": "light", "forced_colors": "active"},
}
LEAST_PX = 24


@pytest.fixture(scope="module")
def url(player_page):
    with serving(player_page) as url:
        yield url


@pytest.fixture
def songs(tmp_path):
    made = []
    for k in range(3):
        path = tmp_path / f"{k} a song.wav"
        soundfile.write(path, music(20 * 8000, seed=k, sample_rate=8000), 8000, "PCM_16")
        made.append(path)
    return made


@pytest.fixture
def opened(chromium, url):
    """Return a function that opens the page in a context of its own."""
    contexts = []

    def opened(width=1280, scheme="light"):
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, reduced_motion="reduce", **SCHEMES[scheme]
        )
        contexts.append(context)
        page = context.new_page()
        page.goto(url)
        page.wait_for_selector("#equaliser:not([hidden]) tbody tr", state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()


def played(page, songs):
    """Let three files play, everything that can be opened open."""
    page.check("#measures")
    page.set_input_files("#file", songs)
    wait_for(lambda: page.inner_text("#play") == "Pause", 20.0, what="playing")
    wait_for(lambda: page.locator("#tracks li").count() == len(songs), what="the queue")
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    wait_for(lambda: page.locator("#facts dd").count() > 5, what="facts")


def judged(page):
    """Return what axe has against a page, in lines."""
    page.evaluate((need_npm("axe-core") / "axe.min.js").read_text("utf-8"))
    return page.evaluate(JUDGE, TAGS)


@pytest.mark.thorough
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(opened, songs, scheme, width):
    page = opened(width, scheme)
    assert judged(page) == []
    played(page, songs)
    assert judged(page) == []
    page.keyboard.press("Tab")
    page.locator(".curve .handle").first.focus()
    assert judged(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


STOPS = """
() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")]
  .filter((each) => !each.disabled && each.checkVisibility())
"""
#: What is pressed for an element: its label, where it has one, and a handle's whole reach.
SIZES = f"""
() => ({STOPS})().map((each) => {{
  const boxes = [each, each.closest("label")].filter(Boolean).map((one) => one.getBoundingClientRect());
  return [each.outerHTML.slice(0, 100), Math.max(...boxes.map((box) => Math.min(box.width, box.height)))];
}})
"""
FOCUSED = f"""
() => {{
  const each = document.activeElement, all = ({STOPS})();
  if (!all.includes(each)) return null;
  const box = (each.closest(".button") ?? each).getBoundingClientRect();
  return {{
    number: all.indexOf(each), html: each.outerHTML.slice(0, 100), isSeen: box.top + box.height / 2 >= 0 && box.bottom - box.height / 2 <= innerHeight,
    clip: {{ x: Math.max(0, box.x - 8), y: Math.max(0, box.y - 8), width: box.width + 16, height: box.height + 16 }},
  }};
}}
"""


@pytest.mark.thorough
@pytest.mark.parametrize("width", [200, 320])
def test_nothing_scrolls_sideways_however_narrow_it_is(opened, songs, width):
    page = opened(width)
    played(page, songs)
    page.click("#tracks .remove >> nth=0")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.thorough
@pytest.mark.parametrize("width", [390, 1280])
def test_what_is_pressed_is_large_enough(opened, songs, width):
    page = opened(width)
    played(page, songs)
    found = page.evaluate(SIZES)
    assert len(found) > 60
    assert [each for each in found if each[1] < LEAST_PX - 0.01] == []


def pixels(page, clip):
    shot = page.screenshot(clip=clip, animations="disabled")
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), np.int64)


def walked(page, most=1000):
    """Go on by Tab from the page's beginning; returns what was reached, and what is not shown or not seen there."""
    page.click("#play")  # nothing moves
    page.wait_for_timeout(300)
    page.evaluate("scrollTo(0, 0); document.body.tabIndex = -1; document.body.focus()")
    reached, missed = [], []
    while len(reached) < most:
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        if found is None or found["number"] in reached:
            break
        reached.append(found["number"])
        with_it = pixels(page, found["clip"])
        page.evaluate("window.was = document.activeElement; was.blur()")
        without = pixels(page, found["clip"])
        page.evaluate("was.focus({ preventScroll: true })")
        changed = (np.abs(with_it - without).max(axis=2) > 100).sum()
        if changed < 2 * LEAST_PX or not found["isSeen"]:
            missed.append(found["html"])
    return reached, missed


@pytest.mark.thorough
@pytest.mark.parametrize("scheme", ["dark", "forced"])
def test_the_keyboard_reaches_all_of_it_and_shows_where_it_is(opened, songs, scheme):
    page = opened(1280, scheme)
    played(page, songs)
    reached, missed = walked(page)
    assert reached == list(range(page.evaluate(f"({STOPS})().length"))), "in the page's order"
    assert missed == []


@pytest.mark.thorough
def test_what_is_wrong_would_be_found(opened, songs):
    """The twin of all above."""
    page = opened()
    played(page, songs)
    page.evaluate("""
      document.styleSheets[0].insertRule(":focus-visible { outline: none !important }", 0);
      document.getElementById("name").style.color = "var(--line)";
      document.getElementById("seek").removeAttribute("aria-label");
      document.getElementById("clear").style.cssText = "height: 20px; min-height: 0";
    """)
    found = "\n".join(judged(page))
    assert 'color-contrast: <p id="name"' in found
    assert 'label: <input id="seek"' in found
    assert [html for html, size in page.evaluate(SIZES) if size < LEAST_PX] == [
        '<button id="clear" type="button" class="small" style="height: 20px; min-height: 0px;">Clear</button>'
    ]
    assert any("previous" in each for each in walked(page, 4)[1])
