"""Contestants of the torture: one sine through an eight-band equaliser, each by its own audio I/O.

Each runs in a process of its own (``python -m zerocross.lab.contestants NAME ...``) under one
load and prints one line of JSON: how many callbacks were made of those that were due, how many
took longer than their block, and the longest time without one.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import Any

from zerocross.lab import peers
from zerocross.lab.deadlines import BANDS_HZ, RATE, SETTLE_S, TONE_HZ, count_deadlines
from zerocross.lab.harness import Contestant, Play
from zerocross.lab.loads import LOADS, Load

__all__ = ["CONTESTANTS", "is_installed", "needs", "run"]


def needs(name: str) -> tuple[str, ...]:
    """Return the Python modules that a contestant imports."""
    return peers.PEERS[name].modules if name in peers.PEERS else ()


def is_installed(name: str) -> bool:
    """Return whether all that a contestant needs can be imported."""
    return name not in peers.PEERS or peers.PEERS[name].is_installed()


def run(name: str, block: int, seconds: float, load: str, device: str) -> dict[str, Any]:
    """Play a contestant under a load in this process and return its result."""
    play = CONTESTANTS[name].play
    assert play
    counted = play(block, seconds, LOADS[load][1], device)
    return counted | {
        "contestant": name,
        "block": block,
        "played_block": counted["block"],
        "load": load,
    }


def _peer(name: str) -> Play:
    """Return what imports a peer only when it plays."""

    def play(block: int, seconds: float, load: Load, device: str) -> dict[str, Any]:
        counted: dict[str, Any] = peers.find(name).play(block, seconds, load, device)
        return counted

    return play


def _play_plain(block: int, seconds: float, load: Load, device: str) -> dict[str, Any]:
    from zerocross.lab.chains import plain_chain

    return _play_ours(plain_chain(TONE_HZ, BANDS_HZ), block, seconds, load, device)


def _play_full(block: int, seconds: float, load: Load, device: str) -> dict[str, Any]:
    from zerocross.lab.chains import full_chain

    return _play_ours(full_chain(RATE), block, seconds, load, device)


def _play_ours(chain: Any, block: int, seconds: float, load: Load, device: str) -> dict[str, Any]:
    from zerocross.engine.live_stream import LiveStream

    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(LiveStream(chain, device=device, block_size=block))
        time.sleep(SETTLE_S)
        timer = _timer_beside(stack, stream.report()["block_size"])
        stack.enter_context(load())
        stream.restart_counters()
        before = timer.counts() if timer else {}
        started = time.monotonic_ns()
        time.sleep(seconds)
        elapsed = time.monotonic_ns() - started
        report = stream.report()
        after = timer.counts() if timer else {}
    counted = _counted(report, elapsed)
    counted["realtime"] = [str(grant) for grant in stream.realtime]
    if timer:
        counted["bare_timer"] = {
            "missed": after["missed"] - before["missed"],
            "longest_gap_ns": after["longest_gap_ns"],
        }
    return counted


def _counted(report: dict[str, Any], elapsed_ns: int) -> dict[str, Any]:
    """Return the result that a stream's report amounts to."""
    counted = count_deadlines(
        report["callbacks"],
        report["late_callbacks"],
        report["arrival_jitter_ns"]["longest_gap"],
        elapsed_ns,
        report["block_size"],
    )
    return counted | {
        "causes": report["late_causes"],
        "share_of_deadline": report["share_of_deadline"],
    }


def _timer_beside(stack: contextlib.ExitStack, block: int) -> Any:
    if sys.platform != "linux":
        return None
    from zerocross.lab.timer import BareTimer

    return stack.enter_context(BareTimer(block / RATE))


#: Who can take part, in the order of the table; a peer has the name of its file in `peers`.
CONTESTANTS: dict[str, Contestant] = {
    "zerocross": Contestant("Zerocross", play=_play_plain),
    "zerocross-full": Contestant("Zerocross, full chain", play=_play_full),
    "sounddevice": Contestant("sounddevice, Python callback", play=_peer("sounddevice")),
    "pyaudio": Contestant("PyAudio, Python callback", play=_peer("pyaudio")),
    "miniaudio": Contestant("python-miniaudio, generator", play=_peer("miniaudio")),
    "pedalboard": Contestant("pedalboard AudioStream", play=_peer("pedalboard")),
}


def main(arguments: list[str]) -> None:
    """Run one contestant: NAME BLOCK SECONDS LOAD DEVICE."""
    name, block, seconds, load, device = arguments
    print("\n" + json.dumps(run(name, int(block), float(seconds), load, device)))


if __name__ == "__main__":
    main(sys.argv[1:])
