"""Commands that look at the machine: devices, doctor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from zerocross.cli.command import Command, progress_bar, progress_callback, refuse_to_replace
from zerocross.cli.figure import PICTURES
from zerocross.cli.options import BLOCK, JSON, finite
from zerocross.cli.printing import say, show
from zerocross.errors import UsageError
from zerocross.files import check_ending, printable

if TYPE_CHECKING:
    from zerocross.devices.discovery import DeviceInfo

__all__ = ["COMMANDS"]

_FORMATS_SHOWN = 3


@click.command(
    cls=Command,
    epilog="""
    zerocross devices
    zerocross devices --json
    """,
)
@JSON
def devices(as_json: bool) -> int:
    """List the backends, and the devices to play on and to record from."""
    from zerocross.devices.discovery import list_devices

    outputs, reasons = list_devices()
    inputs, _ = list_devices(inputs=True)
    if as_json:
        listed = {"devices": list(map(_as_dict, outputs)), "inputs": list(map(_as_dict, inputs))}
        say(json.dumps({**listed, "unavailable": reasons}, indent=2))
        return 0
    from rich.table import Table

    table = Table("backend", "device", "for", "default", "native formats")
    for kind, found in (("output", outputs), ("input", inputs)):
        for d in found:
            default = "yes" if d.is_default else ""
            table.add_row(d.backend, printable(d.name), kind, default, _formats(d))
    for backend, reason in reasons.items():
        table.add_row(backend, f"none: {printable(reason)}", "", "", "", style="dim")
    show(table)
    return 0


def _as_dict(device: DeviceInfo) -> dict[str, Any]:
    return {
        "backend": device.backend,
        "name": device.name,
        "default": device.is_default,
        "formats": list(device.formats),
    }


def _formats(device: DeviceInfo) -> str:
    shown = ", ".join(device.formats[:_FORMATS_SHOWN])
    more = len(device.formats) - _FORMATS_SHOWN
    return f"{shown}, {more} more" if more > 0 else shown


@click.command(
    cls=Command,
    epilog="""
    zerocross doctor
    zerocross doctor --json
    zerocross doctor --listen 30 -o machine.png
    """,
)
@JSON
@click.option(
    "--listen",
    "seconds",
    type=finite(0, 3600, min_open=True),
    metavar="SECONDS",
    help="Play silence for so long, and say how punctual this machine is.",
)
@click.option("--device", metavar="NAME", help="With --listen: as of play.")
@click.option("--block", type=BLOCK, metavar="FRAMES", help="With --listen.")
@click.option("-o", "--output", metavar="FILE", help="With --listen: draw it, as PNG or SVG.")
def doctor(as_json: bool, seconds: float | None, **options: Any) -> int:
    """Show what this machine has: versions, processor, audio, real-time rights, caches."""
    if seconds is not None:
        return _listen(as_json, seconds, **options)
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if given:
        raise UsageError(f"{given[0]} needs --listen SECONDS")
    from zerocross.cli.doctor import examine

    found = examine()
    if as_json:
        say(json.dumps(found, indent=2))
        return 0
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for topic, entries in found.items():
        table.add_row(Text(topic, style="bold"), "")
        for name, value in entries.items():
            table.add_row(f"  {name}", printable(str(value)))
    show(table)
    return 0


def _listen(
    as_json: bool, seconds: float, device: str | None, block: int | None, output: str | None
) -> int:
    """Listen to the machine, and print, draw and judge what was heard."""
    from zerocross.cli.tables import histogram_table
    from zerocross.lab.listen import listen

    if output:
        check_ending(output, PICTURES)  # before the minutes, not after them
        refuse_to_replace(output, force=True)
    with progress_bar("listening") as bar:
        heard = listen(seconds, device, block, progress_callback(bar))
    if output:
        from zerocross.cli.figure import save_figure
        from zerocross.cli.lab_pictures import listened_figure

        save_figure(listened_figure(heard), output)
    if as_json:
        say(json.dumps({"verdict": heard.verdict, **heard.report}, indent=2))
        return 0
    for title, counts in (
        ("time that callbacks took", heard.durations),
        ("how far from when they were due callbacks began", heard.arrivals),
    ):
        table = histogram_table(title, counts, heard.limits_ns, heard.report["deadline_ns"])
        show(table)
    for line in heard.verdict:
        say(line)
    return 0


#: The commands of this file.
COMMANDS: list[click.Command] = [devices, doctor]
