"""Locked memory: pages that stay, so that the audio thread waits for none. Asked and read back."""

from __future__ import annotations

from collections.abc import Iterable

from zerocross.system import linux, macos, posix, windows
from zerocross.system.grant import Answer, Grant, ask

__all__ = ["keep_in_memory"]


def keep_in_memory(regions: Iterable[tuple[int, int]]) -> Grant:
    """Lock memory, and read back whether it is locked.

    Parameters
    ----------
    regions : iterable of (int, int)
        Address and size in bytes; whole pages are locked.

    Returns
    -------
    Grant
        On Linux refused beyond ``RLIMIT_MEMLOCK``, which ordinary users have at 64 KiB to 8 MiB.

    Notes
    -----
    Real-time: no; it touches every page. Windows and macOS: written, not yet run.

    """
    return ask(
        "locked memory", list(regions), linux=_on_linux, windows=_on_windows, macos=_on_macos
    )


def _on_linux(regions: list[tuple[int, int]]) -> Answer:
    size = _total(regions)
    before = linux.locked_bytes()
    reasons = posix.lock_all(regions)
    locked = linux.locked_bytes() - before
    if reasons:
        return False, (
            f"{', '.join(sorted(reasons))} after {_kib(locked)} of {_kib(size)} KiB at "
            f"{posix.locking_limit()}; raise memlock in /etc/security/limits.d"
        )
    if locked >= size:
        return True, f"{_kib(locked)} KiB more than before, read back"
    # Part of it was locked already. Reading the maps tells, and takes milliseconds.
    return _of(linux.locked_bytes_of(regions), size)


def _on_windows(regions: list[tuple[int, int]]) -> Answer:
    size = _total(regions)
    reasons = set()
    for address, length in regions:
        try:
            _lock_on_windows(address, length)
        except OSError as error:
            reasons.add(str(error))
    held = sum(windows.locked_bytes_of(address, length) for address, length in regions)
    if reasons:
        return False, (
            f"{', '.join(sorted(reasons))} after {_kib(held)} of {_kib(size)} KiB; give the user "
            "the right 'Increase a process working set' (secpol.msc)"
        )
    return _of(held, size)


def _lock_on_windows(address: int, size: int) -> None:
    try:
        windows.lock(address, size)
    except OSError:  # most often the quota, which a process may raise for itself
        windows.allow_locking(size)
        windows.lock(address, size)


def _on_macos(regions: list[tuple[int, int]]) -> Answer:
    size = _total(regions)
    reasons = posix.lock_all(regions)
    held = sum(macos.wired_bytes_of(address, length) for address, length in regions)
    if reasons:
        return False, (
            f"{', '.join(sorted(reasons))} after {_kib(held)} of {_kib(size)} KiB at "
            f"{posix.locking_limit()}; raise vm.user_wire_limit with sysctl"
        )
    return _of(held, size)


def _of(held: int, size: int) -> Answer:
    return held >= size, f"{_kib(held)} of {_kib(size)} KiB, read back"


def _total(regions: list[tuple[int, int]]) -> int:
    return sum(size for _, size in regions)


def _kib(size: int) -> int:
    return -(-size // 1024)
