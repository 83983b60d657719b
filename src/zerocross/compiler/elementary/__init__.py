"""Elementary functions as kernels of vectors: what `math` and NumPy mean in compiled code.

Each file's docstring says how its functions are computed; `reduction` is what sine and its kin have
of their argument. The kernels take vectors of any width (`primitives.vector`) and register with
`functions.computes`; `linker` puts them in the place of the C library's. Their coefficients are
computed by ``tools/coefficients``.

No multiplication and addition is fused, nothing depends on other lanes: every level gives the same
bits.
"""

from zerocross.compiler.elementary import (
    bases,
    bits,
    exponential,
    fast,
    fast_sin,
    hyperbolic,
    inverse,
    logarithm,
    power,
    reduction,
    remainder,
    roots,
    rounding,
    sincos,
    trigonometric,
)

__all__ = [
    "bases",
    "bits",
    "exponential",
    "fast",
    "fast_sin",
    "hyperbolic",
    "inverse",
    "logarithm",
    "power",
    "reduction",
    "remainder",
    "roots",
    "rounding",
    "sincos",
    "trigonometric",
]
