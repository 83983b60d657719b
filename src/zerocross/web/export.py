"""A page that plays through a chain: static files, for any server."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zerocross.effects import LoudnessMeter
from zerocross.errors import UsageError
from zerocross.files import PathLike, printable
from zerocross.units import checked_whole
from zerocross.web.icon import icons
from zerocross.web.image import header_of
from zerocross.web.module import web_chain

__all__ = ["RATES", "checked_folder", "export", "written"]

#: Sample rates that browsers' devices have.
RATES = (44_100, 48_000)
_PAGE = Path(__file__).parent / "page"
_CHANNELS = 2
#: Of the spectrum on the page.
_BANDS = 64
_ABOUT = "about.json"
#: Before the name of a folder inside, while it is written.
_ASIDE = ".zerocross-"


def export(
    make: Callable[[], Any],
    folder: PathLike,
    title: str,
    rates: Sequence[int] = RATES,
    tell: Callable[[str], None] = lambda _: None,
    off: Mapping[str, Mapping[str, float]] | None = None,
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
    off : mapping of str to mapping of str to float
        For processors by their name, parameters at which nothing is heard of them: the page begins
        with these, and has a switch for each.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    UsageError
        For no rate, for a folder that cannot be written, and for one with other things in it, which
        stay as they are.
    RealtimeError
        If a processor is refused.
    TargetError
        If there is no linker for WebAssembly.

    """
    chosen = sorted({checked_whole("rate", rate, 8_000, 768_000, "Hz") for rate in rates})
    if not chosen:
        raise UsageError("no sample rate: give one or more, such as 48000")
    output = checked_folder(folder)
    files: dict[str, bytes] = {path.name: path.read_bytes() for path in sorted(_PAGE.iterdir())}
    files |= icons()
    modules: dict[int, dict[str, bytes]] = {}
    for rate in chosen:
        tell(f"the chain at {rate} Hz")
        made = web_chain(make(), rate, _CHANNELS, bands=_BANDS)
        files[f"chain-{rate}.zci"] = made.image
        modules[rate] = made.modules
        parts = header_of(made.image)["parts"]
        if rate == chosen[0]:
            for part in made.instruments:
                tell(f"notice: {part} plays notes, and the page has no keys for them yet")
    for part in parts:
        if off and part["name"] in off:
            part["off"] = off[part["name"]]
    names = _module_names(modules)
    metered, meters = _metered(chosen)
    files |= metered
    for rate, code in modules.items():
        files |= {names[rate][name]: data for name, data in code.items()}
    digest = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()[:16]
    about = {"title": title, "version": digest, "rates": chosen, "parts": parts}
    about |= {"modules": names, "loudness": meters, "files": sorted(files)}
    files[_ABOUT] = json.dumps(about, indent=1).encode()
    return written(output, files)


def _metered(rates: Sequence[int]) -> tuple[dict[str, bytes], dict[int, dict[str, str]]]:
    """Return the files of a meter of loudness, and its modules' names: a chain apart, which runs while it is asked for."""
    made = {rate: web_chain(LoudnessMeter(), rate, _CHANNELS) for rate in rates}
    files = {f"loudness-{rate}.zci": each.image for rate, each in made.items()}
    names = _module_names({rate: each.modules for rate, each in made.items()}, "loudness-")
    for rate, each in made.items():
        files |= {names[rate][name]: code for name, code in each.modules.items()}
    return files, names


def _module_names(
    modules: dict[int, dict[str, bytes]], before: str = ""
) -> dict[int, dict[str, str]]:
    """Return names of files for modules: one for all rates where it is the same, else one for each.

    The sizes of a processor's own arrays are in its code.
    """
    first = next(iter(modules.values()))
    return {
        rate: {
            name: f"{before}{name}.wasm"
            if all(each[name] == first[name] for each in modules.values())
            else f"{before}{name}-{rate}.wasm"
            for name in code
        }
        for rate, code in modules.items()
    }


def checked_folder(folder: PathLike) -> Path:
    """Return a folder that a page may be written into.

    Raises
    ------
    UsageError
        For a file, for a folder with other things in it, and for one that cannot be made or written.

    """
    if not os.fsdecode(folder):
        raise UsageError("no folder: give its name, such as page")
    output = Path(os.fsdecode(folder))
    if output.exists() and not output.is_dir():
        raise UsageError(f"{printable(str(output))} is a file; give a folder")
    _check_free(output)
    there = next(each for each in (output, *output.absolute().parents) if each.exists())
    try:  # before a minute is spent: nothing else tells of all that can be in the way
        tempfile.TemporaryDirectory(dir=there, prefix=_ASIDE).cleanup()
    except OSError as error:
        raise _unwritable(output, error) from None
    return output


def _check_free(output: Path) -> None:
    """Raise for a folder with things in it that are not this one's."""
    try:
        inside = [each for each in output.iterdir() if not each.name.startswith(_ASIDE)]
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(
            f"{printable(str(output))} cannot be read: {error.strerror}; give another folder"
        ) from None
    if inside and not _is_page(output):
        raise UsageError(
            f"{printable(str(output))} has other things in it; give a new folder, or an empty one"
        )


def _is_page(folder: Path) -> bool:
    """Return whether a folder was written by `export`; others' pages have an about.json too."""
    try:
        about = json.loads((folder / _ABOUT).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(about, dict) and {"title", "rates", "parts"} <= about.keys()


def written(output: Path, files: dict[str, bytes]) -> list[Path]:
    """Write a page's files; returns where.

    Raises
    ------
    UsageError
        If they cannot be written.

    """
    try:
        return _written(output, files)
    except OSError as error:
        raise _unwritable(output, error) from None


def _unwritable(output: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{printable(str(output))} cannot be written: {error.strerror}; give another folder"
    )


def _written(output: Path, files: dict[str, bytes]) -> list[Path]:
    """Write all files aside first, on the same disk, so that a failure leaves nothing half done."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=_ASIDE) as name:
        for each, data in files.items():
            (Path(name) / each).write_bytes(data)
        made = [(Path(name) / each).replace(output / each) for each in sorted(files)]
    for old in [*output.glob("*.zci"), *output.glob("*wasm*.wasm")]:
        if old.name not in files:  # of a rate that it had before
            old.unlink(missing_ok=True)
    return made
