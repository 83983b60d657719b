"""What playing costs: CPU time and wake-ups by thread, and memory; paused and stopped, too."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.start.proc import Thread, cpu_and_wakes, memory_mb
from benchmarks.start.programs import Program, Running, ours, running
from benchmarks.start.rows import Bar, Row, with_ratios
from benchmarks.start.setting import Setting
from benchmarks.start.sound import heard_rivals

__all__ = ["rows"]

_PLAYING, _PAUSED_AT_ONCE, _PAUSED, _STOPPED = "playing", "paused just now", "paused", "stopped"
#: CPU-seconds a minute, and Python's wake-ups a second, without a screen and with the live line.
_CPU_BARS = {"no UI": Bar(0.3), "live line": Bar(0.6)}
_WAKE_BARS = {"no UI": Bar(2.0), "live line": Bar(25.0)}
_MEMORY_BAR = Bar(45.0)
#: From the first sound to where nothing is left to be loaded; longer than a pause keeps the device.
_SETTLE_S = 4.0
_LONG_PAUSE_S = 7.0
#: Runs in compiled code alone.
_DECODER = "zerocross-decode"
_LEAST_SHARE = 0.01
_NAMED = Path(__file__).with_name("named.py")
_PATIENCE_S = 300.0
_COMMAND = "import sys; from zerocross.__main__ import main; sys.exit(main())"
_PLAYER = """
import sys
import zerocross
with zerocross.Player(sys.argv[1]) as player:
    player.play(sys.argv[2])
    print("playing", flush=True)
    for line in sys.stdin:
        getattr(player, line.strip())()
        print("done", flush=True)
"""


class Cost(NamedTuple):
    """What was counted of a program once."""

    threads: list[Thread]
    python: dict[int, str]
    rss_mb: float
    pss_mb: float

    @property
    def cpu_s(self) -> float:
        return sum(thread.cpu_s for thread in self.threads)

    @property
    def python_wakes(self) -> float:
        """Wake-ups a second of the threads in which Python runs."""
        return sum(t.wakes for t in self.threads if self.python.get(t.number, _DECODER) != _DECODER)

    def name_of(self, thread: Thread) -> str:
        return self.python.get(thread.number, f"{thread.name} (not Python's)")


def rows(setting: Setting) -> list[Row]:
    """Measure everybody in turns, then ours paused and stopped."""
    if sys.platform != "linux":
        print("  only Linux tells what a thread costs", file=sys.stderr)
        return []
    others = heard_rivals(setting)
    if setting.monitor:
        setting.monitor.rest()  # its 5 ms would be everybody's
    try:
        return [*_playing(setting, others), *_states(setting)]
    finally:
        if setting.monitor:
            setting.monitor.listen()


def _playing(setting: Setting, others: list[Program]) -> list[Row]:
    programs = []
    for name, library in setting.libraries().items():
        for ui in _CPU_BARS:
            screen = ui == "live line"
            program = ours(setting, f"{name}, {ui}", f"{name}-warm", library, screen=screen)
            _fill(program)
            programs.append(program)
    programs += others
    costs: dict[str, list[Cost]] = {program.name: [] for program in programs}
    for turn in range(setting.cost_rounds):
        for program in programs[:: -1 if turn % 2 else 1]:
            costs[program.name].append(_cost_of(setting, program))
            _tell(program.name, costs[program.name][-1])
    return with_ratios([row for name, each in costs.items() for row in _rows_of(name, each)])


def _fill(program: Program) -> None:
    """Play a moment, so that what a program of ours needs is compiled."""
    # The live line's kernels come after the sound.
    seconds = "20" if program.has_screen else "0.5"
    with running(program._replace(command=[*program.command, "--duration", seconds])) as run:
        if run.process.wait(_PATIENCE_S):
            raise RuntimeError(f"{program.name}: {run.last_words()}")


def _noted(setting: Setting, code: str, *arguments: str) -> list[str]:
    """Return the command that runs code of ours and notes its threads, from the beginning."""
    setting.threads.unlink(missing_ok=True)
    return [sys.executable, "-P", str(_NAMED), str(setting.threads), code, *arguments]


def _cost_of(setting: Setting, program: Program) -> Cost:
    """Play for a while and count."""
    if program.command[1:3] == ["-m", "zerocross"]:
        program = program._replace(command=_noted(setting, _COMMAND, *program.command[3:]))
    else:
        setting.threads.unlink(missing_ok=True)
    with running(program) as run:
        time.sleep(_SETTLE_S)
        return _counted(run, setting.seconds, setting.threads)


def _counted(run: Running, seconds: float, note: Path) -> Cost:
    pid = run.process.pid
    threads = cpu_and_wakes(pid, seconds)
    rss_mb, pss_mb = memory_mb(pid)
    if not run.is_alive():
        raise RuntimeError(f"it ended while it was to play; {run.last_words()}")
    lines = note.read_text().splitlines() if note.exists() else []
    python = {int(number): name for number, _, name in (line.partition(" ") for line in lines)}
    return Cost(threads, python, rss_mb, pss_mb)


def _rows_of(name: str, costs: list[Cost], state: str = _PLAYING) -> list[Row]:
    """Return the rows of a program."""
    ui = name.rpartition(", ")[2]
    made = [Row(f"{state}: CPU", name, "s/min", [c.cpu_s for c in costs], _CPU_BARS.get(ui))]
    if any(cost.python for cost in costs):
        wakes = [cost.python_wakes for cost in costs]
        bar = _WAKE_BARS.get(ui) if state == _PLAYING else None
        made.append(Row(f"{state}: Python wake-ups", name, "1/s", wakes, bar))
        made += _rows_of_threads(name, costs, state)
    bar = _MEMORY_BAR if ui == "no UI" and state == _PLAYING else None
    made.append(Row(f"{state}: RSS", name, "MB", [cost.rss_mb for cost in costs], bar))
    made.append(Row(f"{state}: PSS", name, "MB", [cost.pss_mb for cost in costs]))
    return made


def _rows_of_threads(name: str, costs: list[Cost], state: str) -> list[Row]:
    """Return a row for each thread that costs anything, of all rounds."""
    made = []
    for thread in dict.fromkeys(cost.name_of(t) for cost in costs for t in cost.threads):
        parts = [[t for t in cost.threads if cost.name_of(t) == thread] for cost in costs]
        cpu_s = [sum(t.cpu_s for t in part) for part in parts]
        wakes = [sum(t.wakes for t in part) for part in parts]
        if statistics.median(cpu_s) > _LEAST_SHARE * statistics.median(c.cpu_s for c in costs):
            made.append(Row(f"{state}: CPU of {thread}", name, "s/min", cpu_s))
            made.append(Row(f"{state}: wake-ups of {thread}", name, "1/s", wakes))
    return made


def _states(setting: Setting) -> list[Row]:
    """Return the rows of a player, steered from Python: paused, paused for long, stopped."""
    made: list[Row] = []
    steps: list[tuple[str, str, float, float]] = [
        (_PAUSED_AT_ONCE, "pause", 0.3, min(4.0, setting.seconds)),
        (_PAUSED, "", _LONG_PAUSE_S, setting.seconds),
        (_STOPPED, "stop", 2.0, setting.seconds),
    ]
    for name, library in setting.libraries().items():
        env = setting.environment(f"{name}-warm", library)
        command = _noted(setting, _PLAYER, setting.device, str(setting.song))
        program = Program(name, command, env)
        with running(program, talks=True) as run:
            run.wait_for("playing")
            time.sleep(_SETTLE_S)
            for state, call, wait_s, seconds in steps:
                if call:
                    run.tell(call)
                    run.wait_for("done")
                time.sleep(wait_s)
                cost = _counted(run, seconds, setting.threads)
                _tell(f"{name}, {state}", cost)
                made += _rows_of(name, [cost], state)
    return made


def _tell(name: str, cost: Cost) -> None:
    print(f"  {name}: {cost.cpu_s:.3f} s/min, {cost.rss_mb:.0f} MB", file=sys.stderr, flush=True)
