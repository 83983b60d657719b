"""Fixtures: signals and files that the tests make themselves, sound servers without hardware."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

# Compiled code of a test run is kept apart from the user's, and made anew.
if "ZEROCROSS_CACHE_DIR" not in os.environ:
    os.environ["ZEROCROSS_CACHE_DIR"] = tempfile.mkdtemp(prefix="zerocross-test-cache-")

# Nothing of the user's is read, written or controlled.
os.environ.pop("DBUS_SESSION_BUS_ADDRESS", None)
os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="zx-")
os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_RUNTIME_DIR"] + "/config"
os.environ["XDG_STATE_HOME"] = os.environ["XDG_RUNTIME_DIR"] + "/state"

# What is tested is compiled from the sources; `test_shipped` is about what was compiled before.
os.environ.setdefault("ZEROCROSS_LIBRARY", "off")

from zerocross.compiler import target

atexit.register(shutil.rmtree, os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)
ON_CI = os.environ.get("CI", "").lower() in {"1", "true"}
_LOWER = [pytest.param(level, marks=pytest.mark.thorough) for level in target.available()[:-1]]
#: A parameter for each level of this machine; below the best one they are `thorough`.
EACH_LEVEL = [*_LOWER, target.available()[-1]]
MUSIC = Path(__file__).parents[1].parent / "shared" / "audio"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    """Compile what playing needs once, before the workers of a parallel run begin."""
    options = session.config.option
    if getattr(options, "numprocesses", None) and not options.collectonly:
        warm = "from zerocross.cli.warmup import warm_up; warm_up(with_spectrum=True)"
        subprocess.run([sys.executable, "-c", warm], check=True)


def need(program: str) -> str:
    """Return a program's path; without it the test is skipped, on CI it fails."""
    found = shutil.which(program)
    if not found:
        message = f"{program} is not installed; see CONTRIBUTING.md"
        if ON_CI:
            pytest.fail(message)
        pytest.skip(message)
    return found


def need_module(name: str) -> None:
    """Skip the test (on CI: fail it) where a module cannot be imported, tried in another process."""
    tried = subprocess.run(
        [sys.executable, "-c", f"import {name}"], capture_output=True, text=True, check=False
    )
    if tried.returncode != 0:
        last = (tried.stderr.strip().splitlines() or [f"exit {tried.returncode}"])[-1]
        message = f"{name} cannot be imported ({last}); see CONTRIBUTING.md"
        if ON_CI:
            pytest.fail(message)
        pytest.skip(message)


def need_npm(name: str) -> Path:
    """Return the folder of a package of npm; without it the test is skipped, on CI it fails.

    It is looked for where `npm install --global --prefix` of the virtual environment puts it, and in `NODE_PATH`.
    """
    places = [*os.environ.get("NODE_PATH", "").split(os.pathsep), f"{sys.prefix}/lib/node_modules"]
    for place in filter(None, places):
        if (Path(place) / name / "package.json").is_file():
            return Path(place) / name
    message = f"npm's {name} is not installed; see .ci/run"
    if ON_CI:
        pytest.fail(message)
    pytest.skip(message)


def need_node() -> Path:
    """Return the Node that Playwright has with it; without it the test is skipped, on CI it fails."""
    need_module("playwright")
    import playwright

    node = Path(playwright.__file__).parent / "driver" / "node"
    if not node.exists():
        message = "playwright has no node"
        if ON_CI:
            pytest.fail(message)
        pytest.skip(message)
    return node


def need_library(name: str) -> None:
    """Skip the test (on CI: fail it) where a shared library cannot be loaded."""
    try:
        ctypes.CDLL(name)
    except OSError:
        message = f"{name} is not installed; see CONTRIBUTING.md"
        if ON_CI:
            pytest.fail(message)
        pytest.skip(message)


def wait_for(condition, timeout_s=10.0, what="condition"):
    """Wait until a condition holds; fail with its name if it does not."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"timed out waiting for {what}")
        time.sleep(0.005)


def music(frames, channels=2, seed=1, sample_rate=48_000):
    """Return a seeded signal: gliding sines with noise, peak about 0.7, shape (frames, channels)."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / sample_rate
    rows = [
        0.5 * np.sin(2 * np.pi * (150 * (c + 1) * t + 40 * t * t))
        + 0.05 * rng.standard_normal(frames)
        for c in range(channels)
    ]
    return np.stack(rows, axis=1).astype(np.float32)


@pytest.fixture
def make_file(tmp_path):
    """Return a function that writes a file and returns its path and what it decodes to."""

    def make(
        name="song.wav",
        frames=48_000,
        channels=2,
        sample_rate=48_000,
        subtype=None,
        data=None,
        seed=1,
    ):
        path = tmp_path / name
        if data is None:
            data = music(frames, channels, seed, sample_rate)
        if subtype is None and path.suffix == ".wav":
            subtype = "FLOAT"
        soundfile.write(path, data, sample_rate, subtype)
        decoded, _ = soundfile.read(path, dtype="float32", always_2d=True)
        return path, decoded

    return make


@contextlib.contextmanager
def serving(folder):
    """Serve a folder as `zerocross web serve` does; gives the page's address."""
    from zerocross.web import PageServer

    server = PageServer(folder)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.url
    finally:
        server.stop()
        thread.join()


@pytest.fixture(scope="session")
def card():
    """Software in place of a graphics card: the same everywhere."""
    need_module("wgpu")
    from zerocross.errors import DeviceNotFound
    from zerocross.gpu import Card

    try:
        return Card(software=True)
    except DeviceNotFound as error:
        if ON_CI:
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def player_page(tmp_path_factory):
    """The player's page, compiled from the sources."""
    need_module("ziglang")
    from zerocross.web import player_page

    folder = tmp_path_factory.mktemp("player") / "page"
    player_page.export(player_page.player_chain, folder, "Zerocross", off=player_page._OFF)
    return folder


@pytest.fixture(scope="module")
def chromium():
    """Chromium, where pages may play without a click."""
    program = need("chromium")
    need_module("playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as runs:
        made = runs.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        yield made
        made.close()


class Server:
    """A sound server of the tests' own."""

    def __init__(self, process):
        self.process = process

    def kill(self):
        """Let the server die without a word."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """End the server in order."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()


def start_jack():
    """Run JACK's dummy driver with 64 frames at 48 kHz, on the server that the environment names."""
    name = os.environ["JACK_DEFAULT_SERVER"]
    command = ["jackd", "-r", "-n", name, "-d", "dummy", "-r", "48000", "-p", "64"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # Asked from a process of its own: libjack crashes at times while the server comes up.
    script = (
        "import sys; from zerocross.devices.discovery import _default_of;"
        "sys.exit(_default_of('jack') is None)"
    )
    probe = [sys.executable, "-c", script]
    server = Server(process)
    try:
        wait_for(
            lambda: subprocess.run(probe, capture_output=True, check=False).returncode == 0,
            what="jackd",
            timeout_s=30,
        )
    except BaseException:
        server.stop()
        raise
    return server


@pytest.fixture
def jack(monkeypatch):
    """A JACK of the test's own."""
    need("jackd")
    worker = os.environ.get("PYTEST_XDIST_WORKER", f"gw{os.getpid()}")
    # JACK has room for eight servers, dead or alive.
    monkeypatch.setenv("JACK_DEFAULT_SERVER", f"zerocross{int(worker[2:]) % 4}")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    server = start_jack()
    try:
        yield server
    finally:
        server.stop()


def start_pulse(folder):
    """Run PulseAudio with a null sink, float32 at 44.1 kHz, on a socket in a folder."""
    command = [
        "pulseaudio",
        "-n",
        "--daemonize=no",
        "--exit-idle-time=-1",
        "--use-pid-file=no",
        "-L",
        f"module-native-protocol-unix socket={folder}/native auth-anonymous=1",
        "-L",
        "module-null-sink sink_name=zx rate=44100 format=float32le channels=2",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    from zerocross.devices.discovery import _default_of

    server = Server(process)
    server.folder = folder
    try:
        wait_for(lambda: _default_of("pulseaudio") is not None, what="pulseaudio")
    except BaseException:
        server.stop()
        raise
    return server


@pytest.fixture
def pulse(monkeypatch, tmp_path_factory):
    """A PulseAudio of the test's own."""
    need("pulseaudio")
    need("parec")
    folder = tmp_path_factory.mktemp("pulse")
    folder.chmod(0o700)
    for variable in ("XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH", "HOME"):
        monkeypatch.setenv(variable, str(folder))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{folder}/native")
    server = start_pulse(folder)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def cli():
    """Return a function that runs the command line in a process of its own."""

    def run(*arguments, timeout=120, **options):
        return subprocess.run(
            [sys.executable, "-m", "zerocross", *map(str, arguments)],
            capture_output=True,
            timeout=timeout,
            check=False,
            **options,
        )

    return run


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Give the test folders of its own for what is configured, remembered and running."""
    for name in ("config", "state"):
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(tmp_path / name))
    with tempfile.TemporaryDirectory(
        prefix="zx-", dir="/tmp"
    ) as runtime:  # sockets' names are short
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        yield tmp_path


@pytest.fixture
def bus(home, monkeypatch):
    """A session's D-Bus of the test's own."""
    daemon = need("dbus-daemon")
    address = f"unix:path={os.environ['XDG_RUNTIME_DIR']}/session"
    process = subprocess.Popen(
        [daemon, "--session", "--nofork", f"--address={address}"], stderr=subprocess.DEVNULL
    )
    wait_for(Path(address.removeprefix("unix:path=")).exists, what="dbus-daemon")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    yield process
    process.kill()
    process.wait()
