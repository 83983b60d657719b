"""The peers: other people's audio software, each in a file of its own.

A file imports its peer at the top and is imported only where that is installed (`find`). Every
public function gives a `Contestant` for one work, by the peer's fastest documented call; ``play``
is what takes part in the torture. To add a peer, write its file and its line in `PEERS`.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import shutil
from typing import Any

__all__ = ["PEERS", "Peer", "find"]


@dataclasses.dataclass(frozen=True)
class Peer:
    """What has to be installed for a file of this folder: Python modules and programs."""

    modules: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    def is_installed(self) -> bool:
        """Return whether all of it is there."""
        modules = all(importlib.util.find_spec(name) for name in self.modules)
        return modules and all(shutil.which(name) for name in self.programs)


#: The files of this folder. Players need SciPy for what their callbacks in Python compute.
PEERS = {
    "c": Peer(programs=("gcc",)),
    "cupy": Peer(("cupy",)),
    "fftw": Peer(("pyfftw",)),
    "miniaudio": Peer(("miniaudio", "scipy")),
    "mkl": Peer(("mkl_fft",)),
    "numpy": Peer(("numpy",)),
    "pedalboard": Peer(("pedalboard",)),
    "pyaudio": Peer(("pyaudio", "scipy")),
    "pyloudnorm": Peer(("pyloudnorm",)),
    "scipy": Peer(("scipy",)),
    "sounddevice": Peer(("sounddevice", "scipy")),
    "soxr": Peer(("soxr",)),
    "torch": Peer(("torch",)),
    "vkfft": Peer(("pyvkfft",)),
}


def find(name: str) -> Any:
    """Return the file of a peer as a module, or None where the peer is not installed."""
    if not PEERS[name].is_installed():
        return None
    return importlib.import_module(f"{__name__}.{name}")
