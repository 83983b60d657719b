"""Signs and powers of two by the bits of floats."""

from __future__ import annotations

from typing import Any

from zerocross.compiler.kernel import kernel
from zerocross.compiler.primitives.vector import bit_cast, convert, f32, f64, i32, i64

__all__ = ["SIGN_F32", "SIGN_F64", "power_of_two", "signed_f32", "signed_f64"]

SIGN_F32 = -(2**31)
SIGN_F64 = -(2**63)


@kernel
def signed_f32(magnitude: Any, x: Any) -> Any:
    """Return float32 magnitudes with the signs of other numbers; one that is negative stays so."""
    return bit_cast(f32, bit_cast(i32, magnitude) | (bit_cast(i32, x) & SIGN_F32))


@kernel
def signed_f64(magnitude: Any, x: Any) -> Any:
    """Return float64 magnitudes with the signs of other numbers; one that is negative stays so."""
    return bit_cast(f64, bit_cast(i64, magnitude) | (bit_cast(i64, x) & SIGN_F64))


@kernel
def power_of_two(n: Any) -> Any:
    """Return ``2 ** n`` as float64, n from -1022 to 1023."""
    return bit_cast(f64, convert(i64, n + 1023) << 52)
