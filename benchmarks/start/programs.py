"""Programs that play: ours, and others where they are installed; each with a terminal or without."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from benchmarks.start.setting import Setting

__all__ = ["Program", "Running", "ours", "rivals", "running"]

_ROWS, _COLUMNS = 24, 120


class Program(NamedTuple):
    """A program that plays the setting's song.

    Attributes
    ----------
    name : str
    command : list of str
    env : dict
    has_screen : bool
        Whether it is given a terminal.
    keys : bytes
        What is pressed at once.

    """

    name: str
    command: list[str]
    env: dict[str, str]
    has_screen: bool = False
    keys: bytes = b""


class Running:
    """A program that runs.

    Attributes
    ----------
    process : Popen
    terminal : int or None
        The other end of its terminal.

    """

    def __init__(
        self, process: subprocess.Popen[bytes], terminal: int | None, errors: IO[bytes]
    ) -> None:
        self.process, self.terminal, self._errors = process, terminal, errors

    def is_alive(self) -> bool:
        """Return whether it has not ended."""
        return self.process.poll() is None

    def press(self, key: bytes) -> None:
        """Press a key."""
        assert self.terminal is not None
        os.write(self.terminal, key)

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def wait_for(self, start: str, never: str = "not taken") -> None:
        """Wait until it prints a line that starts so.

        Raises
        ------
        RuntimeError
            If it ends before, or says what it should ``never``.

        """
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith(start.encode()):
                return
            if line.startswith(never.encode()):
                raise RuntimeError(line.decode())
        raise RuntimeError(f"it did not say {start!r}; {self.last_words()}")

    def last_words(self) -> str:
        """Return the last line that it wrote to standard error."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it says nothing"


@contextlib.contextmanager
def running(program: Program, talks: bool = False) -> Iterator[Running]:
    """Run a program; at the end it is told to stop, and stopped where it does not.

    One that ``talks`` can be told lines, and what it prints can be waited for.
    """
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(tempfile.TemporaryFile())
        terminal, inner = _terminal(stack) if program.has_screen else (None, subprocess.DEVNULL)
        process = subprocess.Popen(
            program.command,
            env=program.env,
            stdin=subprocess.PIPE if talks else inner,
            stdout=subprocess.PIPE if talks else inner,
            stderr=subprocess.STDOUT if talks else errors,
        )
        run = Running(process, terminal, errors)
        try:
            if program.keys:
                run.press(program.keys)
            yield run
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in filter(None, (process.stdin, process.stdout)):
                pipe.close()


def _terminal(stack: contextlib.ExitStack) -> tuple[int, int]:
    """Return both ends of a terminal; what is written to it is read and forgotten."""
    outer, inner = os.openpty()
    termios.tcsetwinsize(inner, (_ROWS, _COLUMNS))

    def forget() -> None:
        with contextlib.suppress(OSError):
            while os.read(outer, 1 << 16):
                pass

    reader = threading.Thread(target=forget, daemon=True)
    reader.start()
    stack.callback(os.close, outer)
    stack.callback(reader.join, 5)
    stack.callback(os.close, inner)  # when nobody has it any more, reading ends
    return outer, inner


def ours(
    setting: Setting,
    name: str,
    cache: str,
    library: str,
    *more: str,
    screen: bool = False,
    song: Path | None = None,
) -> Program:
    """Return `zerocross play` with a cache, and a library or ``off``; of the setting's song, or another."""
    command = [sys.executable, "-m", "zerocross", "play", str(song or setting.song)]
    command += ["--device", setting.device, *([] if screen else ["--no-ui"]), *more]
    env = setting.environment(cache, library) | {"TERM": "xterm-256color"}
    return Program(name, command, env, screen)


def rivals(setting: Setting) -> list[Program]:
    """Return the others that are installed; none without a server."""
    if setting.monitor is None or not setting.rivals:
        return []
    found = [_mpv(setting), _sox(setting), _cmus(setting)]
    return [program for program in found if program and shutil.which(program.command[0])]


def _mpv(setting: Setting) -> Program:
    command = ["mpv", "--no-config", "--no-video", "--no-terminal", "--ao=pulse"]
    return Program("mpv", [*command, str(setting.song)], setting.env)


def _sox(setting: Setting) -> Program | None:
    driver = _sox_driver()
    if driver is None:
        return None
    env = setting.env | {"AUDIODRIVER": driver, "AUDIODEV": "default"}
    if driver == "alsa":
        env["AUDIODEV"] = "pulse"
    name = "sox" if driver == "pulseaudio" else "sox, by ALSA's pulse"
    return Program(name, ["play", "-q", str(setting.song)], env)


@functools.cache
def _sox_driver() -> str | None:
    """Return the driver by which SoX finds PulseAudio, or None."""
    if not shutil.which("play"):
        return None
    told = subprocess.run(["sox", "--help"], capture_output=True, text=True, check=False).stdout
    drivers = next((line for line in told.splitlines() if "AUDIO DEVICE DRIVERS" in line), "")
    if "pulseaudio" in drivers:
        return "pulseaudio"
    plugin = "libasound_module_pcm_pulse.so"
    has_plugin = any(Path("/usr/lib").glob(f"*/alsa-lib/{plugin}"))
    return "alsa" if "alsa" in drivers and has_plugin else None


def _cmus(setting: Setting) -> Program:
    folder = setting.folder / "home" / "cmus"
    folder.mkdir(exist_ok=True)
    (folder / "rc").write_text("set output_plugin=pulse\nset mpris=false\n")
    env = setting.env | {"CMUS_HOME": str(folder), "TERM": "xterm"}
    return Program("cmus", ["cmus"], env, True, f":player-play {setting.song}\r".encode())
