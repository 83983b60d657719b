"""A Python program with a note of which threads are Python's: ``named.py FILE CODE ARGUMENTS``.

Each thread that Python starts writes its number and its name into the file once, as it begins; so
does the main thread. What is not in it is a thread of a library's.
"""

from __future__ import annotations

import sys
import threading

_run = threading.Thread.run


def _note(path: str, name: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"{threading.get_native_id()} {name}\n")


def _install(path: str) -> None:
    def run(thread: threading.Thread) -> None:
        _note(path, thread.name)
        _run(thread)

    threading.Thread.run = run  # type: ignore[method-assign]
    _note(path, "main")


if __name__ == "__main__":
    _install(sys.argv.pop(1))
    exec(sys.argv.pop(1), {"__name__": "__main__"})
