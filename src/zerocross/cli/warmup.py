"""Compiling, with a word about it: what playing needs, and whatever else a command comes to need."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from zerocross.cli import interrupt
from zerocross.cli.printing import say
from zerocross.compiler.beside import compiled_beside
from zerocross.compiler.entry import Entry, announce

__all__ = [
    "Told",
    "compilation_told",
    "compilation_told_to",
    "warm_up",
    "warm_up_line",
    "warm_up_screen",
]


class Told:
    """What was compiled so far, and told on standard error: a heading, then a line for each."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.listener: Callable[[str], None] | None = None  # has them in place of standard error

    def __call__(self, name: str) -> None:
        if self.listener is not None:
            self.names.append(name)
            self.listener(name)
            return
        if not self.names:
            say("compiling for this machine (the first run only)", err=True)
        self.names.append(name)
        say(f"  {name.removeprefix('zerocross_').removeprefix('process_')}", err=True)


_told: Told | None = None


@contextlib.contextmanager
def compilation_told() -> Iterator[Told]:
    """Within the block, tell of what is compiled; where nothing is, nothing is said.

    Blocks within blocks are one.
    """
    global _told  # noqa: PLW0603  there is one standard error
    if _told is not None:
        yield _told
        return
    _told = Told()
    try:
        with announce(_told):
            yield _told
    finally:
        _told = None


@contextlib.contextmanager
def compilation_told_to(listener: Callable[[str], None]) -> Iterator[None]:
    """Within the block, call a listener with the name of what is compiled, in place of standard error."""
    with compilation_told() as told:
        before, told.listener = told.listener, listener
        try:
            yield
        finally:
            told.listener = before


def warm_up(with_spectrum: bool = False) -> None:
    """Load the machine code of the playing path; compile it on the first run, with progress."""
    _load([*_for_playing(), *(_for_line() if with_spectrum else [])])


def warm_up_line() -> None:
    """Do the same for the status line, which comes after the sound."""
    _load(_for_line())


def warm_up_screen() -> None:
    """Do the same for the full screen, before it is there."""
    from zerocross.terminal.ready import ON_THE_LOOP

    _load(list(dict.fromkeys([*_for_playing(), *ON_THE_LOOP])))


def _for_playing() -> list[Entry]:
    from zerocross.devices.miniaudio import miniaudio_callback, miniaudio_notification
    from zerocross.engine.callback import file_callback
    from zerocross.engine.decode import decode_loop
    from zerocross.memory.record import shared_load, shared_store
    from zerocross.sources.links import provide_libsndfile
    from zerocross.sync.latest import latest_read
    from zerocross.sync.signal import raise_signal, wait_for_signal

    provide_libsndfile()
    return [
        file_callback,
        miniaudio_callback,
        decode_loop,
        miniaudio_notification,
        shared_load,
        shared_store,
        latest_read,
        raise_signal,
        wait_for_signal,
    ]


def _for_line() -> list[Entry]:
    from zerocross.cli.paint import paint_line
    from zerocross.spectrum.display import display_frame
    from zerocross.spectrum.frame import spectrum_frame

    return [spectrum_frame, display_frame, paint_line]


def _load(needed: list[Entry]) -> None:
    started = time.monotonic()
    missing = [item for item in needed if not item.is_stored]
    with compilation_told() as told, compiled_beside(missing[1:]) as beside:
        before = len(told.names)
        for item in missing[:1]:  # the largest, while another process compiles the others
            _ = item.address
            interrupt.check()
        for name in beside:
            told(name)
            interrupt.check()
        for item in needed:
            _ = item.address
            if len(told.names) > before:  # Python may have dropped a Ctrl-C's exception meanwhile
                interrupt.check()
        if len(told.names) > before:
            say(f"  done in {time.monotonic() - started:.1f} s", err=True)
