"""The player's page in Chromium: how soon there is sound, what a quantum costs, and whether a worker pays.

``python -m benchmarks browser`` prints it. A chain in a worker is behind by whole quanta, so that it has time; a
quantum that is not back by then is late. Worklet and worker alternate, idle and with a busy page.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from rich.console import Console
from rich.table import Table

from zerocross.web import PageServer
from zerocross.web.player_page import build

RATE = 48_000
PAGES = Path(__file__).with_name("browser_page")
#: Bars: first sound in ms, a quantum's p99 as a share of the quantum.
FIRST_SOUND_MS, QUANTUM_SHARE = 150.0, 0.05
_CATCH = """
const Node_ = AudioWorkletNode;
window.AudioWorkletNode = class extends Node_ { constructor(...given) { super(...given); window.node = this; } };
document.addEventListener("change", (event) => {
  if (event.target.id !== "file") return;
  const clicked = performance.now();
  const look = () => {
    if (window.node?.shown?.peak.some((each) => each > 1e-3)) window.took = performance.now() - clicked;
    else setTimeout(look, 1);
  };
  look();
}, true);
"""
_BUSY = "window.busy = setInterval(() => { const t = performance.now(); while (performance.now() < t + 100); }, 1000)"


def first_sounds(browser: Any, url: str, song: Path, times: int) -> list[float]:
    """Return ms from a file's choice to its first sound behind the chain; the page was there before."""
    found = []
    for _ in range(times + 1):
        page = browser.new_page()
        page.add_init_script(_CATCH)
        page.goto(url)
        page.wait_for_selector(".bands tr", state="attached")
        page.wait_for_timeout(300)
        page.set_input_files("#file", song)
        while (took := page.evaluate("window.took ?? null")) is None:
            time.sleep(0.01)
        found.append(float(took))
        page.close()
    return found[1:]  # the first one warms what the browser keeps


def processor_s(profile: str) -> float:
    """Return the seconds of processor time of the browser with a profile, and of all that it started."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    root = -1
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            command = path.with_name("cmdline").read_bytes().decode()
        except OSError:
            continue
        process = int(path.parent.name)
        parents[process] = int(fields[1])
        ticks[process] = int(fields[11]) + int(fields[12])
        if f"--user-data-dir={profile}" in command and "--type=" not in command:
            root = process
    used = 0
    for process, spent in ticks.items():
        above = process
        while above not in {root, 0, 1}:
            above = parents.get(above, 0)
        used += spent if above == root else 0
    return used / os.sysconf("SC_CLK_TCK")


def compared(
    page: Any, profile: str, length: float, rounds: int
) -> list[tuple[str, str, float, float, float]]:
    """Return a line for worklet and worker: who, page, late quanta in a million, glitches, per cent of a core."""
    ways: dict[str, str] = {"worklet": f"inWorklet({RATE}, {length})"}
    ways |= {
        f"worker, {behind} quanta behind": f"inWorker({RATE}, {length}, {behind})"
        for behind in (1, 2, 4, 8)
    }
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for _ in range(rounds):
        for state in ("idle", "blocked 100 ms a second"):
            if state != "idle":
                page.evaluate(_BUSY)
            for name, call in ways.items():
                before = processor_s(profile)
                told = page.evaluate(call)
                used = 100.0 * (processor_s(profile) - before) / length
                share = 1e6 * told["late"] / max(1, told["quanta"])
                glitches = float("nan") if told["glitches"] is None else told["glitches"]
                found.setdefault((name, state), []).append((share, glitches, used))
            if state != "idle":
                page.evaluate("clearInterval(window.busy)")
    return [
        (name, state, *(float(statistics.median(column)) for column in zip(*rows, strict=True)))
        for (name, state), rows in found.items()
    ]


def main(times: int = 15, length: float = 5.0, rounds: int = 5) -> int:
    """Measure and print; returns 1 if something is over its bar."""
    from playwright.sync_api import sync_playwright

    console = Console(width=120)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "page"
        build(folder, [RATE])
        for path in PAGES.iterdir():
            shutil.copy(path, folder)
        song = Path(name) / "song.flac"
        noise = 0.2 * np.random.default_rng(1).standard_normal((240 * RATE, 2))
        soundfile.write(song, noise, RATE)
        server = PageServer(folder)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            with sync_playwright() as runs:
                profile = str(Path(name) / "profile")
                browser = runs.chromium.launch_persistent_context(
                    profile,
                    executable_path=shutil.which("chromium"),
                    args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
                )
                took = first_sounds(browser, server.url, song, times)
                page = browser.new_page()
                page.goto(server.url + "bench.html")
                page.wait_for_function("() => window.quanta")
                quanta = np.array(page.evaluate(f"quanta({RATE}, 20000)"))
                lines = compared(page, profile, length, rounds)
                browser.close()
        finally:
            server.stop()
            thread.join()
    quantum_us = 1e6 * 128 / RATE
    p50, p99 = np.percentile(quanta, [50, 99])
    met = {True: "met", False: "NOT met"}
    console.print(
        f"first sound of a FLAC of 4 minutes: median {statistics.median(took):.0f} ms, "
        f"{min(took):.0f} to {max(took):.0f} (bar {FIRST_SOUND_MS:.0f}: "
        f"{met[statistics.median(took) <= FIRST_SOUND_MS]})"
    )
    console.print(
        f"a quantum of the player's chain with its spectrum: median {p50:.1f} us, p99 {p99:.1f} us, "
        f"{100 * p99 / quantum_us:.2f} % of it (bar {100 * QUANTUM_SHARE:.0f} %: "
        f"{met[p99 <= QUANTUM_SHARE * quantum_us]})"
    )
    table = Table(
        "chain in", "page", "late, in a million", "glitches", "% of a core", "added latency"
    )
    for who, state, late, glitches, used in lines:
        behind = int(who.split()[1]) if who.startswith("worker") else 0
        added = f"{behind * 128 / RATE * 1000:.1f} ms" if behind else "none"
        table.add_row(who, state, f"{late:.0f}", f"{glitches:.0f}", f"{used:.1f}", added)
    console.print(table)
    is_met = statistics.median(took) <= FIRST_SOUND_MS and p99 <= QUANTUM_SHARE * quantum_us
    return 0 if is_met else 1
