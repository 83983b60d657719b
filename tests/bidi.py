"""Firefox, driven by WebDriver BiDi: what tests of pages need of it."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import subprocess

#: Sound without a click, and nothing asked for that the page does not ask for.
PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "media.autoplay.blocking_policy": 0,
    "media.autoplay.default": 0,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}

#: So long a page may take to answer.
ANSWER_S = 20


class BidiError(Exception):
    """What Firefox has against a command, or what a script has thrown."""


class Firefox:
    """A Firefox of the test's own, with one page.

    Attributes
    ----------
    asked : list of str
        URLs that the page has asked for.
    complaints : list of str
        Errors that it has told the console.

    """

    def __init__(self, program, profile):
        from websockets.sync.client import connect

        lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items())
        (profile / "user.js").write_text("\n".join(lines))
        self._process = subprocess.Popen(
            [
                program,
                "--headless",
                "--no-remote",
                "--profile",
                profile,
                "--remote-debugging-port=0",
            ],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self.asked, self.complaints = [], []
        self._closes = contextlib.ExitStack()
        self._numbers = itertools.count(1)
        try:
            place = self._place() + "/session"
            self._socket = self._closes.enter_context(
                connect(place, max_size=None, open_timeout=60)
            )
            self.ask("session.new", capabilities={})
            (tree,) = self.ask("browsingContext.getTree")["contexts"]
            self._page = tree["context"]
            self.ask("session.subscribe", events=["network.beforeRequestSent", "log.entryAdded"])
        except BaseException:
            self.close()
            raise

    def _place(self):
        said = []
        for line in self._process.stderr:
            said.append(line)
            if found := re.search(r"BiDi listening on (ws://\S+)", line):
                return found[1]
        raise BidiError(f"Firefox has ended: {''.join(said)}")

    def ask(self, method, **params):
        """Send a command; returns its answer. What happens in between is kept."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            found = json.loads(self._socket.recv(timeout=ANSWER_S))
            if found.get("id") == number:
                break
            self._happened(found)
        if found["type"] == "error":
            raise BidiError(f"{method}: {found['error']}: {found['message']}")
        return found["result"]

    def _happened(self, found):
        if found.get("method") == "network.beforeRequestSent":
            self.asked.append(found["params"]["request"]["url"])
        elif found.get("method") == "log.entryAdded" and found["params"]["level"] == "error":
            self.complaints.append(found["params"]["text"])

    def go(self, url):
        self.ask("browsingContext.navigate", context=self._page, url=url, wait="complete")

    def evaluate(self, function, *given):
        """Call a function in the page, with what JSON can tell; returns what it returns."""
        found = self.ask(
            "script.callFunction",
            functionDeclaration=f"async (t) => JSON.stringify(await ({function})(...JSON.parse(t)) ?? null)",
            arguments=[{"type": "string", "value": json.dumps(given)}],
            awaitPromise=True,
            target={"context": self._page},
        )
        if found["type"] == "exception":
            raise BidiError(found["exceptionDetails"]["text"])
        return json.loads(found["result"]["value"])

    def text(self, selector):
        return self.evaluate("(s) => document.querySelector(s).innerText", selector)

    def give(self, selector, *paths):
        """Give files to an input."""
        (found,) = self.ask(
            "browsingContext.locateNodes",
            context=self._page,
            locator={"type": "css", "value": selector},
        )["nodes"]
        self.ask(
            "input.setFiles",
            context=self._page,
            element={"sharedId": found["sharedId"]},
            files=[str(each) for each in paths],
        )

    def close(self):
        self._closes.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stderr.close()
