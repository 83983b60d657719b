"""The lowerings of all primitives: importing this package ties each to its stub.

The rule is in the docstring of `compiler.primitives`. Only the front end imports this package,
when something has to be compiled.
"""

from zerocross.compiler.primitives.lowering import (
    assembly,
    atomic,
    call,
    elementary,
    external,
    float_mode,
    planes,
    pointer,
    vector_arithmetic,
    vector_conversion,
    vector_lanes,
    vector_memory,
    vector_operators,
)

__all__ = [
    "assembly",
    "atomic",
    "call",
    "elementary",
    "external",
    "float_mode",
    "planes",
    "pointer",
    "vector_arithmetic",
    "vector_conversion",
    "vector_lanes",
    "vector_memory",
    "vector_operators",
]
