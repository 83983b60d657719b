"""What is measured with: the library, the folder of files and caches, and how long."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.start import material
from benchmarks.start.server import Monitor, can_serve, sound_server
from zerocross.compiler import shipped, target
from zerocross.errors import UsageError

__all__ = ["Setting", "prepared"]

_VARIABLE = "ZEROCROSS_LIBRARY"


@dataclasses.dataclass
class Setting:
    """A setting.

    Attributes
    ----------
    folder : path
        Has the files that the benchmark makes, and the caches.
    env : dict
        Of every process that is measured.
    library : str
        The machine code made beforehand, or an empty string.
    monitor : Monitor or None
        What the null sink plays; None without a server.
    rounds, slow_rounds : int
        How often what is quick is measured, and what compiles.
    cost_rounds : int
        How often costs are counted.
    seconds : float
        For how long each time.
    lines : tuple of int
        Of the effects that are compiled.
    rivals : bool
        Whether others are measured, too.

    """

    folder: Path
    env: dict[str, str]
    library: str
    monitor: Monitor | None
    rounds: int = 9
    slow_rounds: int = 3
    cost_rounds: int = 2
    seconds: float = 20.0
    lines: tuple[int, ...] = (12, 100, 400)
    rivals: bool = True

    @property
    def device(self) -> str:
        return "null" if self.monitor is None else "pulseaudio"

    @property
    def song(self) -> Path:
        return self.folder / "noise.flac"

    @property
    def preset(self) -> Path:
        return self.folder / "preset.txt"

    @property
    def threads(self) -> Path:
        """Where a process notes which threads are Python's."""
        return self.folder / "threads"

    def environment(self, cache: str, library: str) -> dict[str, str]:
        """Return the variables of a process of ours with a cache, and a library or ``off``."""
        folder = self.folder / "caches" / cache
        folder.mkdir(parents=True, exist_ok=True)
        own = {"ZEROCROSS_CACHE_DIR": str(folder), _VARIABLE: library}
        return self.env | own

    def words(self) -> str:
        """Return in a line what it measures with."""
        library = self.library or "no library: make one, python -m zerocross.build --output FILE"
        sound = "observed on a null sink" if self.monitor else "not observed, on the null device"
        return f"{library}; level {target.active_level()}; sound is {sound}"

    def libraries(self) -> dict[str, str]:
        """Return the ways of being installed, by their names: without the library, and with it."""
        return {"clone": "off"} | ({"wheel": self.library} if self.library else {})


@contextlib.contextmanager
def prepared(library: str = "", short: bool = False) -> Iterator[Setting]:
    """Make the files and, unless it is to be short, start a sound server of its own.

    Parameters
    ----------
    library : str
        A file of ``python -m zerocross.build``; where empty, what ``ZEROCROSS_LIBRARY`` names, or
        what lies in the package. ``off`` is none.
    short : bool
        One round of ours alone with short files on the null device.

    Raises
    ------
    UsageError
        If the library is none, or made of other sources, or for other levels.

    """
    chosen = library_of(library)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zerocross-start-")))
        env, monitor = dict(os.environ), None
        if not short and can_serve():
            env = stack.enter_context(sound_server(folder, env))
            monitor = stack.enter_context(Monitor(env))
        made = Setting(folder, env, chosen, monitor)
        if short:
            made.rounds = made.slow_rounds = made.cost_rounds = 1
            made.seconds, made.lines, made.rivals = 0.5, (12,), False
        material.write_noise(made.song, 10.0 if short else 150.0)
        material.write_preset(made.preset)
        yield made


def library_of(given: str) -> str:
    """Return the path of the library that is measured, or an empty string."""
    named = os.environ.get(_VARIABLE, "")
    os.environ[_VARIABLE] = given or named
    shipped.library.cache_clear()
    try:
        found, level = shipped.library(), target.active_level()
    finally:
        os.environ[_VARIABLE] = named
        shipped.library.cache_clear()
    if found and not any(found.find(place, level) for place in found.places):
        raise UsageError(f"the library has nothing for {level}, this machine's level; build it")
    place = Path(shipped.__file__).parents[1] / "native" / shipped.file_name()
    return str(Path(given or named or place).absolute()) if found else ""
