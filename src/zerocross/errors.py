"""Every error that Zerocross raises.

::

    ZerocrossError
    |-- UsageError          the caller asked for something that cannot be (exit code 2)
    |   |-- DeviceNotFound  no device of that name; the near ones are listed
    |   |-- UserFileError   a user's Python file that cannot be run; ``line`` is where
    |   `-- TargetError     a processor level this machine or build does not have
    |-- SourceError         a file that cannot be played; ``path`` names it
    |-- DeviceError         a device that is there and refuses
    |-- MemoryRefused       the system has no memory, or allows no more
    |-- CacheRefused        the folder of compiled code cannot be used; code is compiled anew
    |-- PoolEmpty           a buffer pool has nothing left
    |-- MissingDependency   an optional package is not installed; names the extra
    |-- CompileError        a kernel that cannot be compiled
    |   `-- RealtimeError   a kernel that may allocate, lock, raise or wait
    `-- KernelFault         a compiled kernel ended with a fault status

``CacheWarning``, a warning, tells of compiled code that cannot be kept, or was damaged.
FaultWarning is no error: a rendering went on without an effect that failed. Nor is LossWarning: a
recording has silence where its threads were held up for too long.

All messages are one line that says what happened and what to do next.
"""

from __future__ import annotations

__all__ = [
    "CacheRefused",
    "CacheWarning",
    "CompileError",
    "DeviceError",
    "DeviceNotFound",
    "FaultWarning",
    "KernelFault",
    "LossWarning",
    "MemoryRefused",
    "MissingDependency",
    "PoolEmpty",
    "RealtimeError",
    "SourceError",
    "TargetError",
    "UsageError",
    "UserFileError",
    "ZerocrossError",
]


class ZerocrossError(Exception):
    """Base of all errors raised by Zerocross."""


class CacheWarning(UserWarning):
    """Compiled code that cannot be kept or was damaged: it costs time, once in a process."""


class FaultWarning(RuntimeWarning):
    """An effect failed in a rendering, and was bypassed or silenced from there on."""


class LossWarning(RuntimeWarning):
    """Frames of a recording were lost: its threads were held up for longer than they are prepared for."""


class UsageError(ZerocrossError):
    """The caller asked for something that cannot be done as asked."""


class DeviceNotFound(UsageError):
    """No audio device of the given name."""


class UserFileError(UsageError):
    """A user's file, in Python or WGSL, that cannot be run, or defines nothing to be used.

    Attributes
    ----------
    line : int
        Where in the file; 0 for the file as a whole.

    """

    def __init__(self, message: str, line: int = 0) -> None:
        self.line = line
        super().__init__(message)


class TargetError(UsageError):
    """A compilation target that this machine or this LLVM cannot serve."""


class SourceError(ZerocrossError):
    """A file that cannot be played.

    Attributes
    ----------
    path : str
        The file, as it was given.
    reason : str
        What is wrong and what to do, without the path.

    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path or repr(path)}: {reason}")


class DeviceError(ZerocrossError):
    """An audio device that exists and cannot be used."""


class MemoryRefused(ZerocrossError):
    """Memory that the system does not give.

    Attributes
    ----------
    size : int
        What was asked for, in bytes.

    """

    def __init__(self, size: int, error: BaseException) -> None:
        self.size = size
        reason = getattr(error, "strerror", None) or str(error) or "out of memory"
        super().__init__(
            f"{size / 1e6:.1f} MB of memory were refused ({reason.lower()}); ask for less, close "
            "other programs, or raise the limit (ulimit -v)"
        )


class CacheRefused(ZerocrossError):
    """A cache directory that cannot be used; names it, and the way to another."""


class PoolEmpty(ZerocrossError):
    """A buffer pool that has nothing left and may not grow."""


class MissingDependency(ZerocrossError):
    """An optional package that is not installed."""


class CompileError(ZerocrossError):
    """A kernel that cannot be compiled.

    Attributes
    ----------
    finding : Finding or None
        File, line, expression, reason and cure, where they are known.

    """

    def __init__(self, message: str, finding: object = None) -> None:
        self.finding = finding
        super().__init__(message)


class RealtimeError(CompileError):
    """A kernel that was refused because it may allocate, lock, raise or wait; see CompileError."""


class KernelFault(ZerocrossError):
    """A compiled kernel ended with a fault status.

    Attributes
    ----------
    status : int
        The kernel's status; 1 and above are exceptions that it raised.

    """

    def __init__(self, name: str, status: int) -> None:
        self.status = status
        super().__init__(f"kernel {name} ended with fault status {status}")
