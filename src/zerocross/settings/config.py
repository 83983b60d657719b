"""The configuration: a TOML file of the command line's own words, which the command line beats.

It is the user's file: it is read, and written only where there is none yet. What is wrong with it is
a notice; the start goes on without.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from zerocross.errors import SourceError, UsageError
from zerocross.files import printable, read_small, written_aside
from zerocross.folders import user_folder
from zerocross.units import shown

__all__ = ["config_path", "read_config", "write_template"]

_MOST_BYTES = 1 << 20


def config_path() -> Path:
    """Return where the user's configuration is, or would be."""
    return user_folder("config") / "config.toml"


def read_config(
    path: Path, known: Collection[str], tables: Collection[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """Read a configuration.

    Parameters
    ----------
    path : Path
        The file; it need not be there.
    known : collection of str
        The keys that there are.
    tables : collection of str
        The keys that stand for tables.

    Returns
    -------
    values : dict
        Of the known keys: text, numbers, booleans; of tables: dicts. Nothing else is checked.
    notices : list of str
        A line for each thing that is wrong.

    """
    if not os.path.lexists(path):
        return {}, []
    import tomllib

    name = printable(str(path))
    try:
        found = tomllib.loads(read_small(path, _MOST_BYTES, "configuration").decode("utf-8-sig"))
    except SourceError as error:
        is_empty = path.is_file() and path.stat().st_size == 0
        return {}, [] if is_empty else [str(error)]
    except UnicodeDecodeError:
        return {}, [f"{name}: is no UTF-8, so none of it is used; repair it"]
    except (ValueError, RecursionError) as error:  # also of numbers with thousands of digits
        words = printable(str(error)).lower()
        return {}, [f"{name}: is no TOML ({words}), so none of it is used; repair it"]
    values: dict[str, Any] = {}
    notices = []
    for key, value in found.items():
        if key in tables and isinstance(value, dict):
            values[key] = value
        elif key not in known:
            notices.append(f"{name}: no key {shown(key)}; {_near(key, known)}")
        elif isinstance(value, (str, int, float)):
            values[key] = value
        else:
            notices.append(f"{name}: {key} is not used; give text, a number, true or false")
    return values, notices


def _near(key: str, known: Collection[str]) -> str:
    import difflib  # only where something is wrong

    near = difflib.get_close_matches(key, known, 1) or difflib.get_close_matches(
        key.replace("_", "-").lower(), known, 1
    )
    return f"did you mean {near[0]}?" if near else "zerocross config lists those there are"


def write_template(
    path: Path, keys: Mapping[str, tuple[str, str]], more: Iterable[str] = ()
) -> None:
    """Write a configuration that says what each key does, and sets none.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    keys : mapping
        For each key what it does, and a value as TOML has it.
    more : iterable of str
        Lines that follow, commented out too.

    Raises
    ------
    UsageError
        If there is one already.

    """
    if path.exists():
        raise UsageError(f"{printable(str(path))}: is there already; edit it, or move it away")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{printable(str(path.parent))}: cannot be made ({(error.strerror or '').lower()})"
        ) from None
    lines = [
        "# Zerocross: every option of `zerocross play` and of the screen may stand here; options given there win."
    ]
    for key, (words, value) in keys.items():
        lines += ["", f"# {words}", f"# {key} = {value}"]
    lines += [f"# {line}" if line else "" for line in more]
    with written_aside(path) as part:
        Path(part).write_text("\n".join(lines) + "\n", encoding="utf-8")
