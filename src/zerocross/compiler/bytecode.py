"""What a function's bytecode takes from outside.

Globals and the cells of a closure, with the attributes that are taken of them at once: the path
``settings.GAIN``.
"""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Iterator

__all__ = ["uses"]

_CACHE, _EXTENDED = dis.opmap["CACHE"], dis.opmap["EXTENDED_ARG"]
_GLOBAL, _FREE = dis.opmap["LOAD_GLOBAL"], dis.opmap["LOAD_DEREF"]
_ATTRIBUTE, _METHOD = dis.opmap["LOAD_ATTR"], dis.opmap.get("LOAD_METHOD")
#: From 3.12 on the index of an attribute's name stands above a bit; there is no LOAD_METHOD then.
_SHIFT = 0 if _METHOD else 1
#: What has a name in it and may freeze something that is not read here, such as an import.
_STRANGE = set(dis.hasname) - {
    dis.opmap["STORE_ATTR"],
    dis.opmap["DELETE_ATTR"],
    _ATTRIBUTE,
    _METHOD,
    _GLOBAL,
}


@functools.lru_cache(maxsize=4096)
def uses(code: types.CodeType) -> tuple[tuple[str, ...], ...]:
    """Return what a code object takes from outside, in order.

    Each is a kind (``global``, ``free``, or ``opcode`` for what cannot be followed), a name, and
    the attributes that are taken of it at once.
    """
    ops, arguments = code.co_code[::2], code.co_code[1::2]  # inline caches are 0 here
    found: set[tuple[str, ...]] = {("opcode", dis.opname[op]) for op in _STRANGE.intersection(ops)}
    for k in _places_of(_GLOBAL, ops):
        name = code.co_names[_argument(ops, arguments, k) >> 1]
        found.add(("global", name, *_attributes(code, ops, arguments, k)))
    if code.co_freevars:
        cells = tuple(name for name in code.co_cellvars if name not in code.co_varnames)
        places = code.co_varnames + cells + code.co_freevars
        for k in _places_of(_FREE, ops):
            name = places[_argument(ops, arguments, k)]
            found.add(("free", name, *_attributes(code, ops, arguments, k)))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):  # a function inside, which names our locals too
            found.update(uses(constant))
    kept = {use for use in found if use[0] != "free" or use[1] in code.co_freevars}
    followed = {use[1] for use in kept if use[0] == "free"}
    kept |= {("free", name) for name in code.co_freevars if name not in followed}
    return tuple(sorted(kept))


def _places_of(op: int, ops: bytes) -> Iterator[int]:
    k = ops.find(op)
    while k >= 0:
        yield k
        k = ops.find(op, k + 1)


def _argument(ops: bytes, arguments: bytes, k: int) -> int:
    """Return an instruction's whole argument: what stands before it may extend it."""
    argument, shift = arguments[k], 8
    while k and ops[k - 1] == _EXTENDED:
        k -= 1
        argument |= arguments[k] << shift
        shift += 8
    return argument


def _attributes(code: types.CodeType, ops: bytes, arguments: bytes, k: int) -> Iterator[str]:
    """Yield the names of the attributes that are taken of what an instruction loads."""
    for j in range(k + 1, len(ops)):
        if ops[j] in (_ATTRIBUTE, _METHOD):
            shift = _SHIFT if ops[j] == _ATTRIBUTE else 0
            yield code.co_names[_argument(ops, arguments, j) >> shift]
        elif ops[j] not in (_CACHE, _EXTENDED):
            return
