"""What proves a user's processors, in a process of its own: see `prove`.

Answers are lines of JSON on a descriptor that was inherited: the names of the processors, then what
was found of each. Whatever the user's code does to this process, the one that waits for the answers
tells it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerocross.cli.prove import Proven
from zerocross.cli.warmup import compilation_told
from zerocross.errors import RealtimeError, UsageError
from zerocross.files import printable
from zerocross.graph.user_file import load_file, processors_of, words_of

if TYPE_CHECKING:
    from zerocross.graph.chain import Chain
    from zerocross.graph.processor import Processor

__all__ = ["main"]

_RATE, _CHANNELS, _BLOCK = 48_000, 2, 512
_ROUNDS = 40
_MOST_BYTES = 2 << 30  # beyond what the libraries have mapped


def main() -> None:
    """Prove the processors of the file in ``sys.argv``, from the one of a number on."""
    path, first, descriptor = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.set_inheritable(descriptor, False)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = [path]

    def answer(content: dict[str, Any]) -> None:
        with open(os.dup(descriptor), "w", encoding="utf-8") as file:
            file.write(json.dumps(content) + "\n")

    _limit_memory()
    try:
        found = processors_of(load_file(path))
    except UsageError as error:
        answer({"error": str(error)})
        return
    if not found:
        words = "defines no processor; decorate a class with zerocross.processor"
        answer({"error": f"{printable(path)}: {words}"})
        return
    answer({"names": [(made.__name__, _line_of(made)) for made in found]})
    with compilation_told():
        for made in found[first:]:
            answer(dataclasses.asdict(_prove_one(made)))


def _end_with_parent() -> None:
    """End when standard input does: whoever waited for the answers is gone."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _limit_memory() -> None:
    """Make memory run out here before it does for the machine."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (mapped + _MOST_BYTES, most))


def _line_of(made: type[Processor]) -> int:
    return made._written.function.__code__.co_firstlineno


def _prove_one(made: type[Processor]) -> Proven:
    code = made._written.function.__code__
    try:
        one = made()
        chain = _render_noise(one)
    except RealtimeError as error:
        line = getattr(error.finding, "line", code.co_firstlineno)
        return Proven(made.__name__, line, False, str(error))
    except Exception as error:  # noqa: BLE001  its __init__ or prepare: the user's Python
        reason = f"{code.co_filename}: {words_of(error)}"
        return Proven(made.__name__, code.co_firstlineno, False, reason)
    faults = chain.faults()
    if faults:
        return Proven(made.__name__, code.co_firstlineno, False, str(faults[0]))
    verdict = one.verdict
    assert verdict
    slowest = chain.longest_ns(one) / _BLOCK
    clock = _clock_ghz()
    return Proven(
        made.__name__,
        verdict.line,
        True,
        "",
        verdict.instructions,
        verdict.stack_bytes,
        round(slowest, 2),
        round(slowest * clock, 1) if clock else None,
        list(verdict.warnings),
    )


def _render_noise(one: Any) -> Chain:
    """Return a chain of a processor that has rendered blocks of noise."""
    import numpy as np

    from zerocross.graph.chain import Chain

    chain = Chain(one)
    rng = np.random.default_rng(1)
    noise = (0.1 * rng.standard_normal((_ROUNDS * _BLOCK, _CHANNELS))).astype(np.float32)
    chain.render(noise, _RATE, block_size=_BLOCK)
    return chain


def _clock_ghz() -> float | None:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("cpu MHz"):
                return float(line.partition(":")[2]) / 1000
    return None
