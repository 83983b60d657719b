"""``python -m tools.screens``: press keys, and write what is shown; see the package."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from benchmarks.screen.terminal import Terminal
from tools.screens.picture import picture

_DEPTHS = {
    "true": {"COLORTERM": "truecolor"},
    "256": {},
    "16": {"TERM": "xterm"},
    "monochrome": {"NO_COLOR": "1"},
    "ascii": {"LANG": "C"},
}


def main() -> int:
    """Write ``PREFIX-1.txt``, ``PREFIX-1.png`` and so on, one for each group of keys."""
    parser = argparse.ArgumentParser(prog="python -m tools.screens", description=__doc__)
    parser.add_argument("prefix", help="of the files that are written")
    parser.add_argument("files", nargs="+", help="given to the screen")
    parser.add_argument("--size", default="120x40", help="columns x rows")
    parser.add_argument(
        "--keys", default="1,2,3,4,5,6,7", help="groups with commas between; \\x1b is escape"
    )
    parser.add_argument("--depth", choices=_DEPTHS, default="true", help="what the terminal has")
    parser.add_argument("--wait", type=float, default=1.5, help="seconds after each group")
    parser.add_argument("--light", action="store_true", help="a light terminal")
    parser.add_argument("--svg", action="store_true", help="SVG in place of PNG")
    options = parser.parse_args()
    env = os.environ | {"TERM": "xterm-256color", "LANG": "C.UTF-8"} | _DEPTHS[options.depth]
    if options.depth != "monochrome":
        env.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "zerocross", "--device", "null", *options.files]
    columns, rows = map(int, options.size.split("x"))
    with Terminal(command, env, columns, rows) as terminal:
        terminal.wait_for("Que", 120.0)
        time.sleep(options.wait)
        for number, keys in enumerate(options.keys.split(","), 1):
            terminal.press(keys.encode().decode("unicode_escape"))
            time.sleep(options.wait)
            name = f"{options.prefix}-{number}"
            Path(f"{name}.txt").write_text(terminal.text, encoding="utf-8")
            ending = "svg" if options.svg else "png"
            picture(terminal.emulator.screen, Path(f"{name}.{ending}"), options.light)
            print(f"{name}.txt {name}.{ending}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
