"""The command that shows and clears the cache of compiled code."""

from __future__ import annotations

import json

import click

from zerocross.cli.command import Command
from zerocross.cli.options import JSON
from zerocross.cli.printing import say

__all__ = ["COMMANDS"]

_DAY_S = 86_400


@click.command(
    cls=Command,
    epilog="""
    zerocross cache
    zerocross cache --json
    zerocross cache --clear
    """,
)
@JSON
@click.option("--clear", "remove", is_flag=True, help="Remove the compiled code, and nothing else.")
def cache(as_json: bool, remove: bool) -> int:
    """Show the compiled code that is kept: where, how much, how old, what no version asks for."""
    from zerocross.compiler import cache as kept

    files = kept.clear() if remove else kept.inventory()
    found = {
        "folder": str(kept.directory() / "code"),
        "files": len(files),
        "bytes": sum(file.size for file in files),
        "oldest_s": round(max((file.age_s for file in files), default=0.0)),
        "stale_files": sum(file.stale for file in files),
        "stale_bytes": sum(file.size for file in files if file.stale),
        "removed": remove,
    }
    say(json.dumps(found, indent=2) if as_json else _in_words(found))
    return 0


def _in_words(found: dict[str, object]) -> str:
    files, size = found["files"], int(str(found["bytes"])) / 1e6
    if found["removed"]:
        return f"removed {files} files, {size:.1f} MB, from {found['folder']}"
    days = int(str(found["oldest_s"])) // _DAY_S
    stale_mb = int(str(found["stale_bytes"])) / 1e6
    return (
        f"folder  {found['folder']}\n"
        f"files   {files}, {size:.1f} MB, the oldest {days} days old\n"
        f"stale   {found['stale_files']}, {stale_mb:.1f} MB, of other versions"
    )


COMMANDS = [cache]
