"""A page that plays through a chain: static files, for any server."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from zerocross.errors import UsageError
from zerocross.files import PathLike, printable
from zerocross.units import checked_whole
from zerocross.web.image import header_of
from zerocross.web.module import web_chain

__all__ = ["RATES", "export"]

#: Sample rates that browsers' devices have.
RATES = (44_100, 48_000)
_PAGE = Path(__file__).parent / "page"
_CHANNELS = 2
_ABOUT = "about.json"


def export(
    make: Callable[[], Any],
    folder: PathLike,
    title: str,
    rates: Sequence[int] = RATES,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Write a page into a folder.

    Parameters
    ----------
    make : callable
        Returns the chain, a new one at each call; all of it is proven first.
    folder : path-like
        A new or an empty one, or one that was written by this before.
    title : str
        Of the page.
    rates : sequence of int
        Sample rates that it can run at, in Hz; browsers resample from and to others.
    tell : callable
        Told what is made, in a line.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    UsageError
        For no rate, and for a folder with other things in it, which stay as they are.
    RealtimeError
        If a processor is refused.
    TargetError
        If there is no linker for WebAssembly.

    """
    chosen = sorted({checked_whole("rate", rate, 8_000, 768_000, "Hz") for rate in rates})
    if not chosen:
        raise UsageError("no sample rate: give one or more, such as 48000")
    output = Path(os.fsdecode(folder))
    if output.exists() and not output.is_dir():
        raise UsageError(f"{printable(str(output))} is a file; give a folder")
    if output.is_dir() and any(output.iterdir()) and not (output / _ABOUT).is_file():
        raise UsageError(
            f"{printable(str(output))} has other things in it; give a new folder, or an empty one"
        )
    files: dict[str, bytes] = {path.name: path.read_bytes() for path in sorted(_PAGE.iterdir())}
    for rate in chosen:
        tell(f"the chain at {rate} Hz")
        made = web_chain(make(), rate, _CHANNELS)
        files[f"chain-{rate}.zci"] = made.image
        parts = header_of(made.image)["parts"]
        if rate == chosen[0]:
            files |= {f"{name}.wasm": code for name, code in made.modules.items()}
        elif any(files[f"{name}.wasm"] != code for name, code in made.modules.items()):
            raise UsageError(
                f"the chain's code at {rate} Hz is another than at {chosen[0]}: its arrays have other "
                "sizes; give one rate"
            )
    about = {"title": title, "rates": chosen, "parts": parts}
    files[_ABOUT] = json.dumps(about, indent=1).encode()
    return _written(output, files)


def _written(output: Path, files: dict[str, bytes]) -> list[Path]:
    """Write all files beside the folder first, so that a failure leaves nothing half done."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".zerocross-") as name:
        for each, data in files.items():
            (Path(name) / each).write_bytes(data)
        return [Path(shutil.move(Path(name) / each, output / each)) for each in sorted(files)]
