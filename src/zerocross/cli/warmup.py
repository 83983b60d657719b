"""Compiling what playing needs, with a word about it when it takes a while."""

from __future__ import annotations

import time

from zerocross.cli import interrupt
from zerocross.cli.printing import say
from zerocross.compiler.beside import compiled_beside
from zerocross.compiler.entry import Entry, announce

__all__ = ["warm_up"]


def _needed(with_spectrum: bool) -> list[Entry]:
    from zerocross.devices.miniaudio import miniaudio_callback, miniaudio_notification
    from zerocross.engine.callback import file_callback
    from zerocross.engine.decode import decode_loop
    from zerocross.memory.record import shared_load, shared_store
    from zerocross.sources.links import provide_libsndfile
    from zerocross.sync.latest import latest_read

    provide_libsndfile()
    needed = [
        file_callback,
        miniaudio_callback,
        decode_loop,
        miniaudio_notification,
        shared_load,
        shared_store,
        latest_read,
    ]
    if with_spectrum:
        from zerocross.spectrum.frame import spectrum_frame

        needed.append(spectrum_frame)
    return needed


def warm_up(with_spectrum: bool = False) -> None:
    """Load the machine code of the playing path; compile it on the first run, with progress."""
    needed = _needed(with_spectrum)
    started = time.monotonic()
    compiled: list[str] = []

    def tell(name: str) -> None:
        if not compiled:
            say("compiling kernels for this machine (the first run only)", err=True)
        compiled.append(name)
        done = next(i for i, item in enumerate(needed, 1) if item.name == name)
        say(f"  {done}/{len(needed)} {name.removeprefix('zerocross_')}", err=True)

    missing = [item for item in needed if not item.is_stored]
    with compiled_beside(missing[1:]) as beside, announce(tell):
        for item in missing[:1]:  # the largest, while another process compiles the others
            _ = item.address
            interrupt.check()
        for name in beside:
            tell(name)
            interrupt.check()
        for item in needed:
            _ = item.address
            if compiled:  # Python may have dropped the exception of a Ctrl-C meanwhile
                interrupt.check()
    if compiled:
        say(f"  done in {time.monotonic() - started:.1f} s", err=True)
