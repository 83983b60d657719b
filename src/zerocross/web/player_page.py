"""The player as a page: equaliser, compressor, reverb and limiter, for files that are opened in a browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from zerocross.effects import Compressor, Limiter, Reverb
from zerocross.eq import Equalizer
from zerocross.files import PathLike
from zerocross.graph.chain import Chain
from zerocross.web.export import RATES, checked_folder, export, written

__all__ = ["build", "player_chain"]

#: The page as a wheel carries it.
CARRIED = Path(__file__).parent / "carried"
_TITLE = "Zerocross"
_HZ = (32.0, 64.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16_000.0)
#: For all bands that a curve is fitted by.
_ROOM = 32
_Q = 1.41
#: At which nothing is heard of an effect.
_OFF = {"Compressor": {"ratio": 1.0, "makeup_db": 0.0}, "Reverb": {"mix": 0.0}}


def player_chain() -> Chain:
    """Return a new chain of the player's page."""
    bands = [("peaking", hz, _Q, 0.0) for hz in _HZ]
    return Chain(Equalizer(bands, room=_ROOM, engine="cascade"), Compressor(), Reverb(), Limiter())


def build(
    folder: PathLike,
    rates: Sequence[int] = RATES,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Write the player's page into a folder: as the wheel carries it, or compiled anew.

    Parameters are those of `export`; a wheel carries a page for `RATES`, for which nothing is compiled.

    Raises
    ------
    UsageError
        For no rate, and for a folder that cannot be written or has other things in it.
    TargetError
        If it is to be compiled, and there is no linker for WebAssembly.

    """
    if tuple(rates) == RATES and CARRIED.is_dir():
        output = checked_folder(folder)
        return written(output, {path.name: path.read_bytes() for path in CARRIED.iterdir()})
    return export(player_chain, folder, _TITLE, rates, tell, _OFF)
