"""Listening to the machine: silence is played, and every callback is looked at."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from zerocross.engine.counters import bucket_limits_ns
from zerocross.engine.live_stream import LiveStream
from zerocross.graph.chain import Chain

__all__ = ["Listened", "listen"]

_CURES = {
    "preempted": "other programs were let run first: give the stream real-time priority (see "
    "zerocross doctor), or close them",
    "page fault": "memory had to be fetched: raise memlock in /etc/security/limits.d",
    "held up": "the thread was not let run (the host of a virtual machine, interrupts): take a larger "
    "--block",
    "own work": "the work itself took too long: take a larger --block",
    "woken late": "the system or the sound server came late: take a larger --block, or give the "
    "server real-time priority",
}


@dataclasses.dataclass(frozen=True)
class Listened:
    """What was heard of a machine.

    Attributes
    ----------
    report : dict
        As `LiveStream.report` has it.
    durations, arrivals : ndarray, int
        Histograms: time that callbacks took, distance from when they were due.
    limits_ns : ndarray
        The upper limit of each count of both, in nanoseconds.
    verdict : list of str
        In plain words.

    """

    report: dict[str, Any]
    durations: np.ndarray[Any, Any]
    arrivals: np.ndarray[Any, Any]
    limits_ns: np.ndarray[Any, Any]
    verdict: list[str]


def listen(
    seconds: float,
    device: str | None = None,
    block_size: int | None = None,
    progress: Callable[[float], None] | None = None,
    sample_rate: int = 48_000,
) -> Listened:
    """Play silence for a while and return what was seen.

    Raises
    ------
    DeviceNotFound, DeviceError
        As `LiveStream`.

    """
    with LiveStream(
        Chain(), device=device, block_size=block_size, sample_rate=sample_rate
    ) as stream:
        time.sleep(min(0.5, seconds / 4))  # what happens while it starts is not the question
        stream.restart_counters()
        started = time.monotonic()
        while (past := time.monotonic() - started) < seconds:
            if progress:
                progress(past / seconds)
            time.sleep(min(0.1, seconds - past))
        report = stream.report()
        durations, arrivals = stream.histograms()
    return Listened(report, durations, arrivals, bucket_limits_ns(), _words(report))


def _words(report: dict[str, Any]) -> list[str]:
    calls, late, causes = report["callbacks"], report["late_callbacks"], report["late_causes"]
    if calls == 0:
        return ["no callback at all: the device does not run; choose another --device"]
    block, rate = report["block_size"], report["sample_rate"]
    ms = 1e3 * block / rate
    worst = 100 * report["share_of_deadline"]["max"]
    gap = report["arrival_jitter_ns"]["longest_gap"] / 1e6
    woken = causes["woken late"]
    counted = f"{calls} callbacks of {block} frames ({ms:.2f} ms)"
    lateness = f"{late} too long, {woken} woken late"
    longest = f"the longest took {worst:.1f} % of its time, the longest gap was {gap:.1f} ms"
    said = [f"{counted}: {lateness}; {longest}"]
    if report["backend"] == "null":
        said.append(
            "this is the null device, which calls back in bursts: it says nothing about a sound "
            "card; install a sound server, or name a --device"
        )
    elif late + woken == 0:
        said.append("good: this machine plays at this block size without a dropout")
    else:
        bad = 100 * (late + woken) / calls
        said.append(f"not good: {bad:.3g} % of the callbacks came or ended too late")
        enough = 1 << math.ceil(math.log2(max(block, gap / 1e3 * rate)))
        said.append(f"blocks of {enough} frames would have held out (--block {enough})")
        worst_cause = max(causes, key=lambda name: causes[name])
        said.append(f"mostly {worst_cause}: {_CURES[worst_cause]}")
    refused = [g for g in report["realtime"] if not g["granted"]]
    said += [f"{g['what']}: {g['detail']}" for g in refused]
    return said
