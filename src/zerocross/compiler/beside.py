"""Compiling in two processes at once: most of a compilation is Python, which threads cannot share.

`compiled_beside` starts another interpreter that compiles entries into the cache, from where this
one loads them. Whatever goes wrong there costs time only: what is not in the cache then is compiled
here, and fails here.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from zerocross.compiler.entry import Entry

__all__ = ["compiled_beside"]

_PATIENCE_S = 5.0


@contextmanager
def compiled_beside(entries: Sequence[Entry]) -> Iterator[Iterator[str]]:
    """Within the block, let another process compile entries, in order; left early, it ends.

    Parameters
    ----------
    entries : sequence of Entry
        Of modules that can be imported, each under its function's name. None: nothing is started.

    Yields
    ------
    iterator of str
        The names of the entries, each once it is compiled; waits for the next one.

    """
    if not entries or not sys.executable or (os.cpu_count() or 1) < 2:
        yield iter(())
        return
    import subprocess  # only where something is missing

    names = [f"{e.kernel.function.__module__}:{e.kernel.function.__name__}" for e in entries]
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, *names],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert child.stdout is not None
    with child.stdout:
        try:
            yield (line.strip() for line in child.stdout)
        finally:
            child.terminate()
            try:
                child.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _compile(names: Sequence[str]) -> None:
    for name in names:
        module, _, attribute = name.partition(":")
        made: Entry = getattr(importlib.import_module(module), attribute)
        made.compile_to_cache()
        print(made.name, flush=True)


if __name__ == "__main__":
    _compile(sys.argv[1:])
