"""`python -m zerocross.build`: compile every built-in entry into one shared library.

Where nothing else is said it is made for this machine's platform, in the place in which Zerocross
looks for it; ``--target`` makes one for another. A wheel's is made by its build hook.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from zerocross.build.linking import link
from zerocross.build.objects import build_objects, levels_of
from zerocross.compiler import shipped
from zerocross.errors import ZerocrossError

#: Platforms: the system as ``sys.platform`` has it, the machine, LLVM's triple.
PLATFORMS = {
    "linux-x86_64": ("linux", "x86_64", "x86_64-unknown-linux-gnu"),
    "linux-aarch64": ("linux", "aarch64", "aarch64-unknown-linux-gnu"),
    "macos-aarch64": ("darwin", "aarch64", "arm64-apple-macosx11.0.0"),
    "macos-x86_64": ("darwin", "x86_64", "x86_64-apple-macosx11.0.0"),
    "windows-x86_64": ("win32", "x86_64", "x86_64-pc-windows-msvc"),
}


def this_platform() -> str:
    """Return the name of this machine's platform."""
    mine = shipped.file_name()
    return next(
        (
            name
            for name, (system, machine, _) in PLATFORMS.items()
            if shipped.file_name(system, machine) == mine
        ),
        "linux-x86_64",
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser("python -m zerocross.build", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--target", choices=PLATFORMS, default=this_platform())
    parser.add_argument(
        "--levels", nargs="+", metavar="LEVEL", help="some of the platform's levels"
    )
    parser.add_argument(
        "--only", nargs="+", metavar="PLACE", help="entries that contain one of these"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to write the library")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    chosen = parser.parse_args(arguments)
    system, machine, triple = PLATFORMS[chosen.target]
    name = shipped.file_name(system, machine)
    output = chosen.output or Path(shipped.__file__).parents[1] / "native" / name
    started, sources = time.monotonic(), shipped.source_digest()
    levels = levels_of(triple)
    wanted = tuple(level for level in levels if not chosen.levels or level in chosen.levels)
    if len(wanted) < len(chosen.levels or ()):
        parser.error(f"{chosen.target} has no other levels than {', '.join(levels)}")
    try:
        built = build_objects(triple, wanted, max(1, chosen.jobs), _tell, chosen.only)
        link(built, sources, triple, system, output)
    except ZerocrossError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    count, size = len({one.place for one in built}), output.stat().st_size
    print(
        f"{output}: {count} entries at {', '.join(wanted)}, {size / 1024:.0f} KiB, "
        f"{time.monotonic() - started:.0f} s"
    )
    return 0


def _tell(done: int, count: int, place: str) -> None:
    print(f"  {done}/{count} {place}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
