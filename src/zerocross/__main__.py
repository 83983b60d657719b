"""The command line's door: everything heavy is imported inside, so that Ctrl-C is always caught."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its code."""
    from zerocross.cli import interrupt  # small: what is heavy comes after it

    try:
        interrupt.install()
        from zerocross.cli.main import run

        code = run()
    except KeyboardInterrupt:
        from zerocross.cli.printing import say

        say("stopped", err=True)
        code = interrupt.exit_code()
    sys.exit(code)


if __name__ == "__main__":
    main()
