"""The full screen as a person has it: in a terminal of its own or under tmux, with keys and a mouse.

Run as ``python screens.py DEVICE BLOCK HOLD_S FILE...`` it is a screen whose player says at its end, as a
line of JSON in the file that ``ZEROCROSS_TOLD`` names, what its report counted. For HOLD_S of every two
seconds another thread holds the GIL.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

VIEWS = ("playing", "queue", "files", "visual", "equalizer", "effects", "engine")
SIZES = ((80, 24), (120, 40), (200, 60), (40, 15))
#: Private modes that a program has to leave as they were: mouse, focus, pasting, the other screen.
_BORROWED = (1000, 1002, 1003, 1004, 1006, 2004, 1049)
_PATIENCE_S = 20.0
#: xterm's sixteen colours, by pyte's names.
_NAMED = {
    "black": "000000", "red": "cd0000", "green": "00cd00", "brown": "cdcd00",
    "blue": "0000ee", "magenta": "cd00cd", "cyan": "00cdcd", "white": "e5e5e5",
    "brightblack": "7f7f7f", "brightred": "ff0000", "brightgreen": "00ff00",
    "brightbrown": "ffff00", "brightblue": "5c5cff", "brightmagenta": "ff00ff",
    "brightcyan": "00ffff", "brightwhite": "ffffff",
}  # fmt: skip


async def until(pilot, is_so):
    """Wait until something holds, while the pilot's app goes on."""
    for _ in range(500):
        if is_so():
            return
        await asyncio.sleep(0.01)
        await pilot.pause()
    raise AssertionError("it did not come")


def environment(folder, **more):
    """Return the variables of a screen whose settings are a folder's; None takes one away."""
    env = os.environ | {
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT / "src"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "PYTHONWARNINGS": "error",
    }
    for name in ("LC_ALL", "LC_CTYPE", "NO_COLOR", "TMUX", "TERM_PROGRAM"):
        env.pop(name, None)
    for name, value in more.items():
        env[name] = value
        if value is None:
            del env[name]
    return env


def command(*files, device="null", block=512, hold_s=0.0):
    """Return the command of a screen with a player of its own, for tests."""
    numbers = [device, str(block), str(hold_s)]
    return [sys.executable, __file__, *numbers, *map(str, files)]


def cli(*files):
    """Return the command that users give."""
    return [sys.executable, "-m", "zerocross", "--device", "null", *map(str, files)]


@contextlib.contextmanager
def shown(folder, *files, columns=80, rows=24, env=None, as_users=False, **options):
    """Run a screen in a terminal until it shows its views; ``as_users`` by the command line."""
    from benchmarks.screen.terminal import Terminal

    env = environment(folder) if env is None else env
    words = cli(*files) if as_users else command(*files, **options)
    with Terminal(words, env, columns, rows, cwd=folder) as terminal:
        terminal.wait_for("Que", 60)
        yield terminal


def is_sane(terminal):
    """Say whether a terminal is as it was before a program had it."""
    return not wrongs(terminal)


def wrongs(terminal):
    """Return what of a terminal is not as it was before a program had it."""
    screen, attributes = terminal.emulator.screen, terminal.emulator.screen.cursor.attrs
    found = [f"mode {mode} is set" for mode in _BORROWED if screen.is_set(mode)]
    found += [] if screen.is_set(25) else ["no cursor"]
    found += [] if screen.is_set(7) else ["lines are not broken"]
    is_plain = (attributes.fg, attributes.bg, attributes.reverse) == ("default", "default", False)
    return found if is_plain else [*found, "colours are left"]


def unreadable(emulator, least):
    """Return the rows with letters that stand out from their paper by less (WCAG's contrast ratio).

    What is drawn of blocks, lines and dots is no letter; neither is what has the terminal's own colours.
    """
    screen, found = emulator.screen, {}
    for y in range(screen.lines):
        for cell in (screen.buffer[y][x] for x in range(screen.columns)):
            is_drawn = 0x2500 <= ord(cell.data[:1] or " ") < 0x2900
            if not cell.data.strip() or is_drawn or (cell.fg, cell.bg) == ("default", "default"):
                continue
            ratio = contrast(cell.fg, cell.bg)
            if ratio < least:
                found[y] = f"{found.get(y, f'{cell.fg} on {cell.bg}, {ratio:.1f}: ')}{cell.data}"
    return list(found.values())


def contrast(ink, paper):
    """Return WCAG's contrast ratio of two colours, by pyte's names; 0 where one is the terminal's own."""
    if "default" in (ink, paper):
        return 0.0
    darker, lighter = sorted(map(_luminance, (ink, paper)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(name):
    digits = _NAMED.get(name, name)
    shares = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(w * s for w, s in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def let_rest(terminal, seconds=1.0, patience_s=30.0):
    """Wait until nothing was written for a while; fail where it never ends."""
    deadline = time.monotonic() + patience_s
    while terminal.wait_for_bytes(len(terminal.pieces), seconds):
        assert time.monotonic() < deadline, "it writes on"


def leave(terminal):
    """Quit, and check what is left behind; returns the exit status."""
    terminal.press("q")
    status = terminal.wait()
    assert is_sane(terminal), terminal.text
    check_quiet(terminal)
    return status


def check_quiet(terminal):
    """Fail where anything was raised."""
    written = b"".join(piece.data for piece in terminal.pieces)
    assert b"Traceback" not in written, terminal.text
    assert b"Error:" not in written, terminal.text


class Tmux:
    """A tmux server of its own, with one window of a size."""

    def __init__(self, folder, columns, rows, env):
        self._base = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        self._env, self._folder = env, folder
        size = ["-x", str(columns), "-y", str(rows)]
        self.run("new-session", "-d", "-c", str(folder), *size, "sh")
        self.run("set", "-g", "default-terminal", "tmux-256color")
        self.run("set", "-ga", "terminal-overrides", ",*:Tc")

    def run(self, *words):
        told = subprocess.run(
            [*self._base, *words], env=self._env, capture_output=True, text=True, check=True
        )
        return told.stdout

    def start(self, words):
        """Run a program in the window, in place of the shell."""
        self.run("respawn-window", "-k", "-c", str(self._folder), *words)

    def press(self, *keys):
        """Press keys, by tmux's names."""
        self.run("send-keys", *keys)

    def resize(self, columns, rows):
        self.run("resize-window", "-x", str(columns), "-y", str(rows))

    @property
    def text(self):
        return self.run("capture-pane", "-p")

    def wait_for(self, words, timeout_s=_PATIENCE_S):
        deadline = time.monotonic() + timeout_s
        while words not in self.text:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{words!r} is not shown, but:\n{self.text}")
            time.sleep(0.05)

    def close(self):
        subprocess.run(
            [*self._base, "kill-server"], env=self._env, capture_output=True, check=False
        )


@contextlib.contextmanager
def tmux(folder, columns=80, rows=24, **env):
    """Run a tmux of its own."""
    runs = Tmux(folder, columns, rows, environment(folder, **env))
    try:
        yield runs
    finally:
        runs.close()


def has(program):
    return shutil.which(program) is not None


def cpu_s(pid):
    """Return the CPU time of a process's threads so far; one that ends meanwhile has none."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def wait_until_idle(pid, share=0.15, patience_s=60.0):
    """Wait until a process takes less than a share of a core: it has done what it was asked for.

    A small one: of a full machine a busy process has not much more.
    """
    deadline = time.monotonic() + patience_s
    while True:
        before_s, at_s = cpu_s(pid), time.monotonic()
        time.sleep(0.2)
        if cpu_s(pid) - before_s < share * (time.monotonic() - at_s):
            return
        assert time.monotonic() < deadline, "it is busy on and on"


def resident_mb(pid):
    """Return how much of a process is in memory, its own pages alone."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return (sizes["Private_Dirty"] + sizes["Private_Clean"]) / 1024


def _hold(seconds, stop):
    """Hold the GIL in turns, as a C extension would that forgets to let go."""
    library = ctypes.PyDLL(None)
    while not stop.wait(2.0 - seconds):
        library.usleep(int(seconds * 1e6))


def main():
    device, block, hold_s, *files = sys.argv[1:]
    from zerocross.player import Player
    from zerocross.terminal.app import run_screen

    stop = threading.Event()
    with Player(device, int(block)) as player:
        if files:
            player.play(*files)
        if float(hold_s):
            threading.Thread(target=_hold, args=(float(hold_s), stop), daemon=True).start()
        code = run_screen(player)
        stop.set()
        report = player.report(tracks=False)
    if told := os.environ.get("ZEROCROSS_TOLD"):
        keys = ("underruns", "stalls", "faults", "callbacks", "late_callbacks", "frames_played")
        Path(told).write_text(json.dumps({key: report[key] for key in keys}))
    sys.exit(code)


if __name__ == "__main__":
    main()
