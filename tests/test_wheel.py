"""The wheel in a clean environment: it plays, renders, equalises and measures without a compiler."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[1]
#: Every entry is compiled for every level.
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(1800)]

#: Runs the command line, and then says what was imported and mapped.
WATCHED = """
import json, sys
from zerocross.cli.main import run
code = run(sys.argv[2:])
maps = open("/proc/self/maps").read().lower() if sys.platform == "linux" else ""
found = [name for name in ("numba", "llvmlite", "textual") if name in sys.modules]
open(sys.argv[1], "w").write(json.dumps([code, found, "llvm" in maps]))
"""
PRESET = """\
Preamp: -6 dB
Filter 1: ON PK Fc 1000 Hz Gain 6 dB Q 1
Filter 2: ON LSC Fc 105 Hz Gain 3 dB Q 0.7
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the wheel: one of the workers builds it, which takes minutes, the others wait."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "built"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(folder.glob("*.whl")):
            command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    [made] = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """Return a function that runs the wheel's command line, from an empty cache."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", built], check=True)
    (folder / "watched.py").write_text(WATCHED)
    rng = np.random.default_rng(3)
    soundfile.write(folder / "noise.flac", 0.1 * rng.standard_normal((48_000, 2)), 48_000)
    (folder / "preset.txt").write_text(PRESET)
    left_out = ("ZEROCROSS_", "PYTHONPATH")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}

    def run(*arguments):
        command = [python, folder / "watched.py", folder / "said.json", *arguments]
        environment = clean | {"ZEROCROSS_CACHE_DIR": str(folder / "cache")}
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        return json.loads((folder / "said.json").read_text())

    run.folder = folder
    return run


def test_it_says_for_which_machines_it_is(built):
    assert built.name.endswith(("manylinux_2_31_x86_64.whl", "manylinux_2_31_aarch64.whl"))
    names = zipfile.ZipFile(built).namelist()
    assert sum(name.startswith("zerocross/native/linux-") for name in names) == 1
    packed = {name for name in names if name.endswith(".py")}
    sources = {str(p.relative_to(ROOT / "src")) for p in (ROOT / "src").rglob("*.py")}
    assert packed == sources
    carried = {name for name in names if name.startswith("zerocross/web/carried/")}
    about = json.loads(zipfile.ZipFile(built).read("zerocross/web/carried/about.json"))
    assert {Path(name).name for name in carried} == {*about["files"], "about.json"}


@pytest.mark.parametrize(
    "line",
    [
        "play noise.flac --device null --no-ui",
        "play noise.flac --device null --no-ui --eq preset.txt",
        "render noise.flac out.wav --force",
        "render noise.flac out.wav --rate 44100 --bits 16 --force",
        "render noise.flac out.wav --eq preset.txt --force",
        "loudness noise.flac",
        "eq preset.txt",
        "demo --device null --no-ui --duration 0.3",
        "web build -o page",
    ],
)
def test_commands_need_no_compiler(installed, line):
    assert installed(*line.split()) == [0, [], False]


def test_it_renders_what_the_sources_render(installed):
    folder = installed.folder
    line = ["render", "noise.flac", "out.wav", "--eq", "preset.txt", "--rate", "44100", "--force"]
    assert installed(*line)[0] == 0
    line[2] = "sources.wav"
    subprocess.run([sys.executable, "-m", "zerocross", *line], cwd=folder, check=True)
    found, expected = (soundfile.read(folder / name)[0] for name in ("out.wav", "sources.wav"))
    assert len(found) == 44_100  # the files differ in the time that libsndfile writes into them
    assert np.array_equal(found, expected)
