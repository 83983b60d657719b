"""Every command and snippet that the documents show is run, and the examples too."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from conftest import music

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def marks_of(text):
    """Return what a command or a snippet is marked with; what compiles a page takes long."""
    return [pytest.mark.thorough] if " web " in text or "zerocross.web" in text else []


def blocks(language):
    found = []
    for path in DOCUMENTS:
        for text in re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL):
            id_ = f"{path.name}-{len(found)}"
            found.append(pytest.param(text, id=id_, marks=marks_of(text)))
    return found


def shown_commands():
    """The lines of all shell blocks, without comments."""
    found = []
    for block in blocks("sh"):
        found += [
            line.split("  #")[0].strip() for line in block.values[0].splitlines() if line.strip()
        ]
    return found


@pytest.fixture
def folder(tmp_path):
    """Make a working directory with the files that the documents speak of."""
    soundfile.write(tmp_path / "song.flac", music(96_000), 48_000)
    preset = "Preamp: -3 dB\nFilter 1: ON PK Fc 1000 Hz Gain 3 dB Q 1\n"
    (tmp_path / "headphones.txt").write_text(preset)
    (tmp_path / "my_effect.py").write_text((ROOT / "tests" / "web_effect.py").read_text())
    (tmp_path / "album").mkdir()
    soundfile.write(tmp_path / "album" / "1.ogg", music(96_000), 48_000)
    return tmp_path


def run(arguments, folder):
    done = subprocess.run(
        arguments, cwd=folder, capture_output=True, timeout=100, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(line, marks=marks_of(line))
        for line in dict.fromkeys(shown_commands())
        if line.startswith("zerocross ")
    ],
)
def test_commands_shown_run(line, folder):
    arguments = shlex.split(line)[1:]
    if arguments[0] in {"play", "demo"} and "--device" not in arguments:
        arguments += ["--device", "null", "--no-ui"]
    run([sys.executable, "-m", "zerocross", *arguments], folder)


def test_the_two_commands_are_what_ci_runs():
    first, second = [c for c in shown_commands() if c.startswith("python3 -m venv")]
    assert first.endswith(".venv/bin/zerocross demo")
    assert f"\n{second}\n" in (ROOT / ".ci" / "run").read_text()


def test_other_commands_shown_are_known():
    """Nothing is shown that no test runs: these are the test suite and the linters themselves."""
    rest = [c for c in shown_commands() if not c.startswith(("zerocross ", "python3 -m venv"))]
    assert len(rest) >= 3
    assert all(
        c.startswith((".venv/bin/python -m pytest", ".venv/bin/ruff", ".venv/bin/mypy"))
        for c in rest
    )


@pytest.mark.parametrize("text", blocks("python"))
def test_snippets_run(text, folder):
    path = folder / "snippet.py"
    path.write_text(text)
    run([sys.executable, path], folder)


def test_the_service_shown_serves(folder, monkeypatch):
    import asyncio

    import httpx

    (text,) = [b.values[0] for b in blocks("python") if "FastAPI(" in b.values[0]]
    monkeypatch.chdir(folder)
    service = {}
    exec(text, service)
    app = service["app"]

    async def ask():
        transport = httpx.ASGITransport(app)
        async with (
            service["lifespan"](app),
            httpx.AsyncClient(transport=transport, base_url="http://player") as client,
        ):
            assert (await client.get("/status")).json()["state"] == "stopped"
            played = await client.post("/play", params={"path": "song.flac"})
            assert (played.json()["state"], played.json()["title"]) == ("playing", "song.flac")
            refused = await client.post("/play", params={"path": "missing.flac"})
            assert (refused.status_code, "missing.flac" in refused.json()["detail"]) == (400, True)

    asyncio.run(ask())
    assert service["player"].state == "stopped"


#: Examples for other people's audio I/O, which `test_live` runs on a server of its own.
ELSEWHERE = {"jack_client.py", "sounddevice_expert.py"}
HERE = sorted(p for p in (ROOT / "examples").glob("*.py") if p.name not in ELSEWHERE)


@pytest.mark.parametrize("path", HERE, ids=lambda p: p.name)
def test_examples_run(path, folder, monkeypatch):
    soundfile.write(folder / "long.flac", music(48_000 * (5 if "gil" in path.name else 1)), 48_000)
    # No sound in tests: the default device is the null device.
    script = (
        "import runpy, sys\n"
        "import zerocross.devices.discovery as d\n"
        "d._default_of = lambda b, i=False: d.NULL_DEVICE if b == 'null' else None\n"
        f"sys.argv = [{str(path)!r}, 'long.flac']\n"
        f"runpy.run_path({str(path)!r}, run_name='__main__')\n"
    )
    out = run([sys.executable, "-c", script], folder)
    expected = {
        "ring_between_threads.py": r"^480000 frames, RMS 0\.999$",
        "windows_from_a_tap.py": r"\b0 torn",
        "spectrum_of_arrays.py": r"-20\.0 dBFS",
        "normalise_files.py": r"-18\.0 LUFS",
    }
    assert re.search(expected.get(path.name, r"\b0 underruns"), out, re.MULTILINE), out


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_the_first_command_in_a_fresh_clone(tmp_path):
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    first = next(c for c in shown_commands() if c.endswith("zerocross demo"))
    environment = {
        k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "ZEROCROSS_CACHE_DIR"}
    }
    environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    environment["XDG_RUNTIME_DIR"] = str(tmp_path)
    done = subprocess.run(
        first,
        shell=True,
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1000,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no sound device found" in done.stderr
