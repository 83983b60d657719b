"""Elementary functions in a module: our kernels in the place of the C library's.

Numba compiles `math.sin` to a call of a function of LLVM's or of the C library. Here such calls
become calls of the kernels in `functions.FUNCTIONS`, whose code is added to the module: the
function of one number, and its *variants* of 2 to 16 at once. The attribute
``vector-function-abi-variant`` tells LLVM's vectoriser which is which (LLVM's *Vector Function
ABI*); a loop that calls the one then becomes a loop that calls the other, and `target.emit` takes
its body into the loop.

The code of a function is kept in the cache as LLVM's bitcode, the same for every target.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from zerocross.compiler import cache, frontend, ir_passes, target
from zerocross.compiler.functions import FUNCTIONS

__all__ = ["link_functions"]

_PREFIX = "elementary."
#: Numbers of lanes for which there are variants; the widest is compiled, the others are its text.
_LANES = (16, 8, 4, 2)
_WIDEST = _LANES[0]
#: C's functions for which LLVM has its own operations, and their number of arguments.
_OPERATIONS = {"ceil": 1, "copysign": 2, "fabs": 1, "floor": 1, "rint": 1, "sqrt": 1, "trunc": 1}
_OTHER_NAMES = {"numba_ldexp": "ldexp", "numba_ldexpf": "ldexpf"}
_NAMED = re.compile(r"@(?:llvm\.)?(\w+)(?:\.(f32|f64))?(?=\()")
_DECLARED = re.compile(r"^declare [^@\n]*@([\w.]+)\([^\n]*\n", re.MULTILINE)
_REMAINDER = re.compile(r"= frem (?:\w+ )*?(float|double) (\S+), (\S+)")


def link_functions(ir: str, vectors: bool = True) -> str:
    """Return a module in which elementary functions are kernels of ours.

    Parameters
    ----------
    ir : str
        A module, not yet optimised.
    vectors : bool
        Whether loops may become vectors.

    """
    declared: dict[str, str] = {}
    linked: set[str] = set()
    ir = _REMAINDER.sub(_called_remainder, ir)
    ir = _NAMED.sub(functools.partial(_renamed, declared, linked), ir)
    if not declared:
        return ir
    ir = _DECLARED.sub(lambda match: "" if match.group(1) in declared else match.group(), ir)
    module = target.llvm().parse_assembly("\n".join([ir, *declared.values()]))
    for name in sorted(linked):
        module.link_in(target.llvm().parse_bitcode(_bitcode(name, vectors)))
    for function in module.functions:
        if function.name.startswith(_PREFIX):
            function.linkage = "internal"
    return str(module)


def _called_remainder(match: re.Match[str]) -> str:
    kind, x, y = match.groups()
    return f"= call {kind} @fmod{'f' if kind == 'float' else ''}({kind} {x}, {kind} {y})"


def _renamed(declared: dict[str, str], linked: set[str], match: re.Match[str]) -> str:
    """Return the name that is to be called, and note how it is declared and what is to be linked."""
    name, kind = match.groups()
    name = _OTHER_NAMES.get(name, name) + ("f" if kind == "f32" else "")
    if name in FUNCTIONS:
        symbol, item, arity = _PREFIX + name, FUNCTIONS[name].item, FUNCTIONS[name].arity
        linked.add(name)
    elif name in _OPERATIONS or name.removesuffix("f") in _OPERATIONS:
        item = "double" if name in _OPERATIONS else "float"
        plain = name if name in _OPERATIONS else name[:-1]
        symbol, arity = f"llvm.{plain}.{'f64' if item == 'double' else 'f32'}", _OPERATIONS[plain]
    else:
        return match.group()
    declared[symbol] = f"declare {item} @{symbol}({', '.join([item] * arity)})"
    return f"@{symbol}"


# --- the code of a function ---------------------------------------------------------------------

#: A function as the front end makes it, called with values and called for its value.
_CALLED = """
define {kind} @{symbol}({arguments}) {attributes} {{
  %result = alloca {made_kind}, align 8
  %error = alloca ptr, align 8
  {put}
  %status = call i32 @{made}(ptr %result, ptr %error, {passed})
  %value = load {kind}, ptr %result, align 8
  ret {kind} %value
}}
"""
#: The front end's single number is a structure of one.
_PUT = "%s{i} = insertvalue {{ {kind} }} undef, {kind} %a{i}, 0"
_PURE = "nounwind willreturn memory(none)"


@functools.cache
def _bitcode(name: str, vectors: bool) -> bytes:
    """Return a function's code, and that of its variants if there are to be vectors."""
    key = cache.content_key(FUNCTIONS[name].kernel.function, f"function {name} vectors={vectors}")
    stored = cache.load(key)
    if stored is None:
        code = _compiled(name, vectors).as_bitcode()
        cache.store(key, {}, code)
        return bytes(code)
    return stored.code


def _compiled(name: str, vectors: bool) -> Any:
    binding, symbol, (_, item, arity) = target.llvm(), _PREFIX + name, FUNCTIONS[name]
    variants = {lanes: f"{symbol}.{lanes}" for lanes in _LANES} if vectors else {}
    shape = "v" * arity
    mapped = ",".join(f"_ZGV_LLVM_N{n}{shape}_{symbol}({v})" for n, v in variants.items())
    attributes = f'{_PURE} noinline "vector-function-abi-variant"="{mapped}"'
    module = binding.parse_assembly(_one_width(name, 1, attributes if vectors else _PURE))
    widest = _one_width(name, _WIDEST, f"{_PURE} alwaysinline") if vectors else ""
    for lanes in variants:
        module.link_in(binding.parse_assembly(_of_width(widest, lanes)))
    if variants:
        kept = ", ".join(f"ptr @{variant}" for variant in variants.values())
        declared = "".join(
            f"declare {kind} @{variant}({', '.join([kind] * arity)})\n"
            for lanes, variant in variants.items()
            for kind in [f"<{lanes} x {item}>"]
        )
        table = f"@{target.KEPT} = appending global [{len(variants)} x ptr] [{kept}]"
        module.link_in(binding.parse_assembly(f'{declared}{table}, section "llvm.metadata"'))
    return module


def _one_width(name: str, lanes: int, attributes: str) -> str:
    """Return a module with a function of one number of lanes, optimised for no target."""
    kernel, item, arity = FUNCTIONS[name]
    symbol = _PREFIX + name + (f".{lanes}" if lanes > 1 else "")
    ir, made = frontend.lanes_ir(kernel, item, lanes, arity)
    kind, made_kind, value = f"<{lanes} x {item}>", f"<{lanes} x {item}>", "%a"
    if lanes == 1:
        kind, made_kind, value = item, f"{{ {item} }}", "%s"
    each = range(arity)
    called = _CALLED.format(
        kind=kind,
        symbol=symbol,
        arguments=", ".join(f"{kind} %a{i}" for i in each),
        attributes=attributes,
        made_kind=made_kind,
        put="\n  ".join(_PUT.format(i=i, kind=kind) for i in each if lanes == 1),
        made=made,
        passed=", ".join(f"{made_kind} {value}{i}" for i in each),
    )
    return target.simplify(ir_passes.closed_world(ir + called, keep=symbol))


def _of_width(ir: str, lanes: int) -> str:
    """Return the text of the widest variant with another number of lanes."""
    ir = re.sub(rf"<{_WIDEST} x ", f"<{lanes} x ", ir)
    ir = re.sub(rf"\.v{_WIDEST}(?=[a-z])", f".v{lanes}", ir)
    ir = re.sub(rf"\bi{_WIDEST}\b", f"i{lanes}", ir)  # a mask of all lanes as one number
    return re.sub(rf"@({re.escape(_PREFIX)}\w+)\.{_WIDEST}\b", rf"@\1.{lanes}", ir)
