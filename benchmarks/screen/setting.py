"""What is measured with: a song, a folder, the environment of programs, and how long."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.start.server import can_serve, sound_server
from benchmarks.start.setting import library_of
from zerocross.compiler import cache
from zerocross.demo import compose
from zerocross.demo.composition import SAMPLE_RATE
from zerocross.errors import UsageError
from zerocross.files import printable

__all__ = ["Setting", "prepared"]


@dataclasses.dataclass
class Setting:
    """A setting.

    Attributes
    ----------
    folder : path
        Has the files that the benchmark makes.
    env : dict
        Of every process that is measured.
    song : path
        What everybody is given, from its beginning.
    library : str
        The machine code made beforehand, or ``off``.
    device : str
        What ours plays on.
    columns, rows : int
        Of the terminals.
    rounds : int
        How often everything is measured.
    seconds, settle_s : float
        For how long each time, and how long after the start.
    presses : int
        Of keys, in a round.
    rivals : bool
        Whether others are measured, too.

    """

    folder: Path
    env: dict[str, str]
    song: Path
    library: str
    device: str
    columns: int = 120
    rows: int = 40
    rounds: int = 5
    seconds: float = 10.0
    settle_s: float = 4.0
    presses: int = 100
    rivals: bool = True

    def words(self) -> str:
        """Return in a line what it measures with."""
        with_library = self.library if self.library != "off" else "code compiled on first use"
        size = f"{self.columns} x {self.rows} cells"
        return f"{self.song.name}, {size}, on {self.device}; {with_library}"


@contextlib.contextmanager
def prepared(library: str = "", song: str = "", short: bool = False) -> Iterator[Setting]:
    """Make the files and, unless it is to be short, start a sound server of its own.

    Parameters
    ----------
    library : str
        As of `benchmarks.start.prepared`.
    song : str
        A file of at least a minute; where empty, the demo's music, again and again.
    short : bool
        One round of a moment, of ours alone, on the null device.

    Raises
    ------
    UsageError
        If the library is none, or the song cannot be read.

    """
    chosen = library_of(library) or "off"
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zerocross-screen-")))
        given = _given(song) if song else _music(folder / "music.flac", 20.0 if short else 120.0)
        code = os.environ.get("ZEROCROSS_CACHE_DIR") or str(cache.directory())
        # As a user starts it: Python keeps the bytecode of modules.
        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        env |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        env |= {"ZEROCROSS_CACHE_DIR": code, "ZEROCROSS_LIBRARY": chosen}
        env.pop("LC_ALL", None)
        env.pop("NO_COLOR", None)
        device = "null"
        if not short and can_serve():
            env, device = stack.enter_context(sound_server(folder, env)), "pulseaudio"
        for name in ("CONFIG", "STATE"):
            env[f"XDG_{name}_HOME"] = str(folder / name.lower())
        made = Setting(folder, env, given, chosen, device)
        if short:
            made.rounds, made.seconds, made.settle_s, made.presses = 1, 0.5, 0.5, 3
            made.rivals = False
        yield made


def _given(song: str) -> Path:
    try:
        info = soundfile.info(song)
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{printable(song)}: cannot be read ({error}); give music") from None
    if info.duration < 60.0:
        raise UsageError(f"{printable(song)}: has {info.duration:.0f} s; give a minute or more")
    return Path(song).absolute()


def _music(path: Path, seconds: float) -> Path:
    """Write the demo's music again and again, at 16 bits."""
    piece = compose()
    whole = round(seconds * SAMPLE_RATE)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 2, "PCM_16") as file:
        while whole:
            frames = min(whole, len(piece))
            file.write(np.ascontiguousarray(piece[:frames]))
            whole -= frames
    return path
