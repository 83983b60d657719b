"""Denormal numbers on the audio thread: flushed to zero while a callback runs.

A decaying filter or reverb ends in denormals, which cost some processors a hundred times
an ordinary operation. `flush_denormals` sets the processor's flush-to-zero (and on x86
denormals-are-zero) bits and returns what was set before; `restore_float_mode` puts it back,
because the thread belongs to the device, not to us.

Real-time: safe.
"""

from __future__ import annotations

from zerocross.compiler.primitives.primitive import primitive

__all__ = ["flush_denormals", "restore_float_mode"]


@primitive
def flush_denormals() -> int:
    """Flush denormals to zero from here on; returns the mode that was set before."""
    return 0


@primitive
def restore_float_mode(mode: int) -> None:
    """Set the floating-point mode that `flush_denormals` returned."""
    del mode
