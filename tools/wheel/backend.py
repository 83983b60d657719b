"""The build backend: hatchling's, which needs more where a wheel is to carry machine code.

An editable installation (`pip install -e .`) needs nothing more than hatchling, and compiles on
first use. A wheel's code is compiled by the package itself, so that what it depends on is needed,
and linkers: of this system, and of WebAssembly.
"""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

from hatchling.build import *
from hatchling.build import get_requires_for_build_wheel as _hatchlings

__all__ = ["get_requires_for_build_wheel"]

_PROJECT = Path(__file__).parents[2] / "pyproject.toml"
_LINKER = "ziglang>=0.13,<1"


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Return what has to be installed before a wheel is built (PEP 517)."""
    if os.environ.get("ZEROCROSS_BUILD", "").lower() in {"off", "0", "no"}:
        return _hatchlings(config_settings)
    depends: list[str] = tomllib.loads(_PROJECT.read_text("utf-8"))["project"]["dependencies"]
    has_linker = sys.platform == "linux" and (shutil.which("ld.lld") or shutil.which("ld"))
    has_both = has_linker and shutil.which("wasm-ld")
    return [*_hatchlings(config_settings), *depends, *([] if has_both else [_LINKER])]
