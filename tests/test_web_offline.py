"""The player's page without a net, and on servers that know nothing of it: its service worker, its manifest."""

from __future__ import annotations

import functools
import io
import json
import shutil
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

import zerocross.web
from conftest import music, serving, wait_for
from zerocross.web.icon import icons

PAGE = Path(zerocross.web.__file__).parent / "page"
READY = (
    "() => navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null)"
)
KEPT = "() => caches.keys()"


@contextmanager
def plain(folder):
    """Serve a folder as any server of static files does: none of the page's headers."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "a song.wav"
    soundfile.write(path, music(20 * 48_000), 48_000, "PCM_16")
    return path


@pytest.fixture
def context(chromium):
    """A browser that has never been anywhere, and asks for nothing elsewhere."""
    made = chromium.new_context()
    asked = []
    made.on("request", lambda each: asked.append((each.url, each.service_worker is not None)))
    yield made
    made.close()
    assert any(is_workers for _, is_workers in asked), "what it asks for is seen, too"
    hosts = {url.split("/")[2].split(":")[0] for url, _ in asked if url.startswith("http")}
    assert hosts == {"127.0.0.1"}


def plays(page, song):
    """A file is heard: its position moves, and bars are shown."""
    page.set_input_files("#file", song)
    wait_for(lambda: page.inner_text("#time") != "0:00", 60.0, what="a second of it")
    assert page.inner_text("#told") == ""


def opened(context, url):
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#equaliser:not([hidden]) tbody tr", state="attached")
    return page


def kept(page):
    """Wait until the service worker has the page, and has all of it."""
    wait_for(lambda: page.evaluate(READY), 20.0, what="the service worker")
    wait_for(lambda: len(page.evaluate(KEPT)) == 1, 20.0, what="what is kept")
    (name,) = page.evaluate(KEPT)
    return name


@pytest.mark.thorough
def test_the_page_loads_and_plays_without_its_server(context, player_page, song):
    with serving(player_page) as url:
        page = opened(context, url)
        name = kept(page)
        version = json.loads((player_page / "about.json").read_text())["version"]
        assert name.endswith(version)
        files = page.evaluate(
            "(name) => caches.open(name).then((one) => one.keys()).then((all) => all.length)", name
        )
        assert files == len(list(player_page.iterdir())) + 1, "and the folder itself"
    page.reload()  # the server is gone
    page.wait_for_selector("#equaliser:not([hidden]) tbody tr", state="attached")
    assert page.evaluate("crossOriginIsolated")
    plays(page, song)
    page.close()
    again = opened(context, url)  # as an app begins
    plays(again, song)


@pytest.mark.thorough
def test_without_a_net_it_is_as_it_was(context, player_page, song):
    with serving(player_page) as url:
        page = opened(context, url)
        kept(page)
        context.set_offline(True)
        page.reload()
        page.wait_for_selector("#equaliser:not([hidden]) tbody tr", state="attached")
        plays(page, song)


@pytest.mark.thorough
def test_without_the_service_worker_there_is_no_page(chromium, player_page):
    """The twin: what loads in the tests above is not the browser's own cache."""
    context = chromium.new_context(service_workers="block")
    with serving(player_page) as url:
        page = opened(context, url)
    with pytest.raises(Exception, match="ERR_CONNECTION_REFUSED"):
        page.reload()
    context.close()


@pytest.mark.thorough
def test_a_new_version_takes_the_place_of_the_old_one(context, player_page, tmp_path, song):
    folder = tmp_path / "page"
    shutil.copytree(player_page, folder)
    with serving(folder) as url:
        page = opened(context, url)
        old = kept(page)
        about = json.loads((folder / "about.json").read_text())
        (folder / "about.json").write_text(
            json.dumps(about | {"title": "Newer", "version": "newer"})
        )
        page.reload()
        wait_for(lambda: page.title() == "Newer", 20.0, what="the new one")
        wait_for(lambda: page.evaluate(KEPT) == [old.replace(about["version"], "newer")], 20.0)
    page.reload()
    wait_for(lambda: page.title() == "Newer", 20.0, what="the new one without a server")
    plays(page, song)


@pytest.mark.thorough
def test_a_version_that_is_half_there_leaves_the_old_one(context, player_page, tmp_path, song):
    folder = tmp_path / "page"
    shutil.copytree(player_page, folder)
    with serving(folder) as url:
        page = opened(context, url)
        old = kept(page)
        about = json.loads((folder / "about.json").read_text())
        files = [*about["files"], "missing.js"]
        (folder / "about.json").write_text(json.dumps(about | {"version": "newer", "files": files}))
        page.reload()
        page.wait_for_selector("#equaliser:not([hidden]) tbody tr", state="attached")
        page.wait_for_timeout(1000)
        assert old in page.evaluate(KEPT)
    page.reload()
    page.wait_for_selector("#equaliser:not([hidden]) tbody tr", state="attached")
    plays(page, song)


@pytest.mark.thorough
def test_any_server_of_files_isolates_it_at_the_second_load(context, player_page, song):
    with plain(player_page) as url:
        page = context.new_page()
        page.goto(url)
        assert not page.evaluate("crossOriginIsolated")
        page.wait_for_function("crossOriginIsolated", timeout=20_000)  # it loads itself once more
        page.wait_for_selector("#equaliser:not([hidden]) tbody tr", state="attached")
        plays(page, song)
        page.evaluate("document.getElementById('engine').open = true")
        wait_for(lambda: "in shared memory" in page.inner_text("#facts"), 20.0)


# --- as an app ------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_manifest_is_whole_and_chromium_would_install_it(context, player_page):
    with serving(player_page) as url:
        page = opened(context, url)
        kept(page)
        session = context.new_cdp_session(page)
        found = session.send("Page.getAppManifest")
        # In a window that keeps nothing, as these contexts are, nothing is installed; that is all there is against it.
        left = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert found["url"] == url + "manifest.webmanifest" and found["errors"] == []
    assert {each["errorId"] for each in left} <= {"in-incognito"}
    manifest = json.loads(found["data"])
    for name in ("name", "short_name", "description", "background_color", "theme_color", "icons"):
        assert manifest[name]
    assert manifest["display"] == "standalone"
    assert {manifest[each] for each in ("id", "start_url", "scope")} == {"./"}


def test_icons_have_the_sizes_that_the_manifest_tells():
    manifest = json.loads((PAGE / "manifest.webmanifest").read_text("utf-8"))
    drawn = icons()
    listed = {each["src"]: each for each in manifest["icons"]}
    assert listed.keys() == {"icon.svg", "icon-192.png", "icon-512.png", "icon-masked.png"}
    assert drawn.keys() == (listed.keys() - {"icon.svg"}) | {"icon-180.png"}
    for name, data in drawn.items():
        with Image.open(io.BytesIO(data)) as image:
            pixels = np.asarray(image, np.int64)
        size = len(pixels)
        assert pixels.shape == (size, size, 4)
        assert listed.get(name, {"sizes": "180x180"})["sizes"] == f"{size}x{size}"
        is_whole = name in {"icon-masked.png", "icon-180.png"}
        assert (pixels[0, 0, 3] == 255) == is_whole, "corners are the mask's"
        inked = np.argwhere(pixels[:, :, 2] > 0x80) - (size - 1) / 2
        reach = np.hypot(*inked.T).max() / size
        assert 0.3 < reach < (0.4 if is_whole else 0.5), "in the circle that a mask leaves"


@pytest.mark.thorough
def test_icons_are_the_picture_that_browsers_draw(chromium):
    """Against Chromium's own drawing of icon.svg."""
    context = chromium.new_context(viewport={"width": 192, "height": 192})
    page = context.new_page()
    style = "<style>body { margin: 0; overflow: hidden } svg { display: block; width: 192px; height: 192px }</style>"
    page.set_content(style + (PAGE / "icon.svg").read_text("utf-8"))
    shot = page.screenshot(omit_background=True)
    context.close()
    theirs, ours = (
        np.asarray(Image.open(io.BytesIO(each)).convert("RGBA"), np.int64)
        for each in (shot, icons()["icon-192.png"])
    )
    theirs, ours = (  # what is not covered has no colour
        np.dstack([each[:, :, :3] * each[:, :, 3:] // 255, each[:, :, 3]])
        for each in (theirs, ours)
    )
    apart = np.abs(theirs - ours).max(axis=2)
    assert apart[:-1].max() <= 64, "a quarter of a pixel on an edge"
    assert apart[-1].max() <= 80, "Chromium's lower corners begin later than its upper ones"
    assert apart.mean() < 1.0
