"""Torture: the same stream through us and through others, under every load.

Without a sound device a private JACK server with its dummy driver is run, one for each block
size: it has a clock of its own and no hardware, so anybody's missed deadlines can be counted.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from zerocross.devices.discovery import find_devices
from zerocross.engine.live_stream import LiveStream
from zerocross.errors import DeviceError, MissingDependency, UsageError
from zerocross.graph.chain import Chain
from zerocross.lab.contestants import CONTESTANTS, is_installed, needs
from zerocross.lab.deadlines import RATE
from zerocross.lab.loads import LOADS

__all__ = ["BLOCKS", "private_jack", "torture"]

#: Block sizes in frames.
BLOCKS = (64, 128, 512)
_START_TIMEOUT_S = 20.0
_PATIENCE_S = 60.0

Result = dict[str, Any]


def torture(
    seconds: float = 5.0,
    blocks: Sequence[int] = BLOCKS,
    loads: Sequence[str] | None = None,
    contestants: Sequence[str] | None = None,
    device: str | None = None,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> list[Result]:
    """Run contestants at block sizes under loads, each in a process of its own.

    Parameters
    ----------
    seconds : float
        Under each load.
    blocks : sequence of int
        Frames in a callback.
    loads, contestants : sequence of str or None
        Names from `LOADS` and `CONTESTANTS`; None for all (and all that are installed).
    device : str or None
        A backend; None for the default one, or a private JACK server where there is none.
    progress : callable
        Told how many runs are done, of how many, and which comes next.

    Returns
    -------
    list of dict
        For each run ``contestant``, ``block``, ``load``, ``device`` and either ``error`` or
        ``callbacks``, ``due``, ``missed``, ``late``, ``longest_gap_ms``.

    Raises
    ------
    UsageError
        For a name that is not known.
    DeviceError
        If there is nothing to play on.

    """
    wanted = _known(contestants, [n for n in CONTESTANTS if is_installed(n)], CONTESTANTS)
    under = _known(loads, list(LOADS), LOADS)
    total = len(wanted) * len(under) * len(blocks)
    results: list[Result] = []
    for block in blocks:
        with _device(device, block) as name:
            for load in under:
                for contestant in wanted:
                    what = f"{CONTESTANTS[contestant].name}, {block} frames, {LOADS[load][0]}"
                    progress(len(results), total, what)
                    results.append(_run_apart(contestant, block, seconds, load, name))
    progress(total, total, "")
    return results


def _known(names: Sequence[str] | None, default: list[str], there: dict[str, Any]) -> list[str]:
    for name in names or ():
        if name not in there:
            raise UsageError(f"{name!r} is not known; there are: {', '.join(there)}")
        if there is CONTESTANTS and not is_installed(name):
            modules = ", ".join(needs(name))
            raise MissingDependency(f"{name} needs {modules}; pip install zerocross[torture]")
    return list(names) if names else default


@contextlib.contextmanager
def _device(name: str | None, block: int) -> Iterator[str]:
    """Yield the backend to play on; runs a private server where there is none."""
    if name is not None:
        yield find_devices(name)[0].backend
        return
    with LiveStream(Chain()) as stream:  # the first that can really be opened
        found = str(stream.report()["backend"])
    if found != "null":
        yield found
        return
    with private_jack(block):
        yield "jack"


@contextlib.contextmanager
def private_jack(block: int) -> Iterator[None]:
    """Run JACK's dummy driver, of real-time priority if that is granted.

    Raises
    ------
    DeviceError
        If jackd is not installed or does not come up.

    """
    program = shutil.which("jackd")
    if program is None:
        raise DeviceError(
            "no sound device with a clock of its own; install jackd2, whose dummy driver needs no "
            "hardware, or name a --device"
        )
    name = f"zerocross-lab{os.getpid() % 4}"
    changes = {"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
    with _environment(changes), contextlib.ExitStack() as stack:
        for priority in (["-R", "-P", "70"], ["-r"]):
            command = [program, *priority, "-n", name, "-d", "dummy"]
            command += ["-r", str(RATE), "-p", str(block)]
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            stack.callback(_end, process)
            if _answers(process):
                break
        else:
            raise DeviceError("jackd does not come up; try: jackd -r -d dummy")
        yield


@contextlib.contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """Set environment variables, and put them back."""
    before = {key: os.environ.get(key) for key in changes}
    os.environ |= changes
    try:
        yield
    finally:
        for key, value in before.items():
            os.environ.pop(key)
            if value is not None:
                os.environ[key] = value


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    process.kill()
    process.wait()


def _answers(process: subprocess.Popen[bytes]) -> bool:
    """Ask from another process until the server answers: libjack crashes while it comes up."""
    script = (
        "import sys; from zerocross.devices.discovery import find_devices;"
        "sys.exit(not find_devices('jack'))"
    )
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        asked = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
        if asked.returncode == 0:
            return True
        time.sleep(0.1)
    process.kill()
    process.wait()
    return False


def _run_apart(contestant: str, block: int, seconds: float, load: str, device: str) -> Result:
    command = [sys.executable, "-m", "zerocross.lab.contestants", contestant]
    command += [str(block), str(seconds), load, device]
    result: Result = {"contestant": contestant, "block": block, "load": load}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + _PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return result | {"device": device, "error": "it did not come to an end"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if lines:
        result |= json.loads(lines[-1])
    else:
        said = done.stderr.strip().splitlines()
        result["error"] = said[-1] if said else f"it died (exit status {done.returncode})"
    return result | {"device": device}
