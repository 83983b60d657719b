"""The build hook: compiles the built-in entries and the page of the player, and puts them into the wheel.

``ZEROCROSS_BUILD=off`` makes a wheel without machine code, the same for every platform.
``ZEROCROSS_BUILD=linux-aarch64``, or another of `zerocross.build`'s platforms, makes one for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: What pip calls the platforms. The library asks for nothing newer than glibc 2.31.
_TAGS = {
    "linux-x86_64": "manylinux_2_31_x86_64",
    "linux-aarch64": "manylinux_2_31_aarch64",
    "macos-aarch64": "macosx_11_0_arm64",
    "macos-x86_64": "macosx_11_0_x86_64",
    "windows-x86_64": "win_amd64",
}


class MachineCode(BuildHookInterface):  # type: ignore[type-arg]
    """Adds ``zerocross/native/`` and ``zerocross/web/carried/`` to a wheel that is not editable."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        chosen = os.environ.get("ZEROCROSS_BUILD", "")
        if version != "standard" or chosen.lower() in {"off", "0", "no"}:
            return
        sources = Path(self.root) / "src"
        sys.path.insert(0, str(sources))
        from zerocross.build.__main__ import PLATFORMS, this_platform
        from zerocross.compiler.shipped import file_name

        platform = chosen or this_platform()
        system, machine, _ = PLATFORMS[platform]
        self._folder = tempfile.TemporaryDirectory()
        library = Path(self._folder.name) / file_name(system, machine)
        command = ["-m", "zerocross.build", "--target", platform, "--output", str(library)]
        environment = os.environ | {"PYTHONPATH": str(sources)}
        subprocess.run([sys.executable, *command], check=True, env=environment)
        build_data["force_include"][str(library)] = f"zerocross/native/{library.name}"
        page = Path(self._folder.name) / "page"
        command = ["-m", "zerocross", "web", "build", "-o", str(page)]
        subprocess.run([sys.executable, *command], check=True, env=environment)
        for path in page.iterdir():
            build_data["force_include"][str(path)] = f"zerocross/web/carried/{path.name}"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{_TAGS[platform]}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        folder = getattr(self, "_folder", None)
        if folder:
            folder.cleanup()
