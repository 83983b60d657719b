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

from zerocross.compiler import cache, frontend, ir_passes, machine, target
from zerocross.compiler.functions import FUNCTIONS

__all__ = ["link_functions", "name_functions"]

_PREFIX = "elementary."
#: Numbers of lanes for which there are variants; the widest is compiled, the others are its text.
_LANES = (16, 8, 4, 2)
_WIDEST = _LANES[0]
#: C's functions that round to integers, for which some targets have no instruction.
_ROUNDING = frozenset(["ceil", "floor", "rint", "trunc"])
#: C's functions for which LLVM has its own operations, and their number of arguments.
_OPERATIONS = {**dict.fromkeys(_ROUNDING, 1), "copysign": 2, "fabs": 1, "sqrt": 1}
_OTHER_NAMES = {
    "nearbyint": "rint",
    "roundeven": "rint",
    "numba_ldexp": "ldexp",
}
#: A string, which is left as it is; or the name of a function that is called or declared.
_NAMED = re.compile(r'c"[^"]*"|@(?:llvm\.)?(\w+)(?:\.(f32|f64))?(?=\()')
_REMAINDER = re.compile(r'c"[^"]*"|= frem (?:\w+ )*?(float|double) (\S+), (\S+)')
_DECLARED = re.compile(r"^declare [^@\n]*@([\w.]+)\([^\n]*\n?", re.MULTILINE)
_DEFINED = re.compile(rf"^define [^@\n]*@({re.escape(_PREFIX)}\w+)\(", re.MULTILINE)


def link_functions(ir: str, chosen: target.Target | None = None) -> str:
    """Return a module in which elementary functions are kernels of ours.

    Parameters
    ----------
    ir : str
        A module, not yet optimised.
    chosen : Target
        What it is for: without vectors, functions have no variants. None: for this machine.

    """
    ir = machine.with_machine(ir, chosen or target.host())
    vectors, rounds = (True, True) if chosen is None else (chosen.vectors, chosen.rounds)
    linked = _linked(name_functions(ir, rounds), vectors)
    if rounds:
        return linked
    return _linked(name_functions(linked, rounds), vectors)  # functions round, too


def name_functions(ir: str, rounds: bool = True) -> str:
    """Return a module that calls elementary functions by the names of ours, and declares them.

    So nothing that knows the C library's functions computes them beforehand, of constants.
    """
    made = _Names(rounds)
    ir = _NAMED.sub(made.renamed, _REMAINDER.sub(_called_remainder, ir))
    if not made.declared:
        return ir
    ir = _DECLARED.sub(lambda match: "" if match.group(1) in made.declared else match.group(), ir)
    there = set(_DEFINED.findall(ir))
    declared = (text for symbol, text in made.declared.items() if symbol not in there)
    return "\n".join([ir, *declared, ""])


def _linked(ir: str, vectors: bool) -> str:
    wanted = sorted(
        symbol.removeprefix(_PREFIX)
        for symbol in _DECLARED.findall(ir)
        if symbol.startswith(_PREFIX)
    )
    if not wanted:
        return ir
    module = target.llvm().parse_assembly(ir)
    for name in wanted:
        module.link_in(target.llvm().parse_bitcode(_bitcode(name, vectors)))
    return str(module)


def _called_remainder(match: re.Match[str]) -> str:
    kind, x, y = match.groups()
    if kind is None:
        return match.group()
    return f"= call {kind} @fmod{'f' if kind == 'float' else ''}({kind} {x}, {kind} {y})"


class _Names:
    """What is called in place of C's functions.

    Attributes
    ----------
    declared : dict
        By symbol: its declaration.

    """

    def __init__(self, rounds: bool) -> None:
        self._rounds = rounds
        self.declared: dict[str, str] = {}

    def renamed(self, match: re.Match[str]) -> str:
        """Return the symbol that is to be called."""
        name, kind = match.groups()
        if name is None:
            return match.group()
        is_single = kind == "f32" or (kind is None and name.endswith("f"))
        plain = name.removesuffix("f") if kind is None and is_single else name
        plain = _OTHER_NAMES.get(plain, plain)
        if plain in _OPERATIONS and (self._rounds or plain not in _ROUNDING):
            item, kind = ("float", "f32") if is_single else ("double", "f64")
            symbol, arguments = f"llvm.{plain}.{kind}", [item] * _OPERATIONS[plain]
        elif plain + "f" * is_single in FUNCTIONS:
            name = plain + "f" * is_single
            symbol, (_, item, arguments) = _PREFIX + name, FUNCTIONS[name]  # type: ignore[assignment]
        else:
            return match.group()
        if f"@{symbol}" != match.group():  # else it is declared as it is
            self.declared[symbol] = f"declare {item} @{symbol}({', '.join(arguments)})"
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
    binding, symbol, function = target.llvm(), _PREFIX + name, FUNCTIONS[name]
    variants = {lanes: f"{symbol}.{lanes}" for lanes in _LANES} if vectors else {}
    shape = "v" * len(function.arguments)
    mapped = ",".join(f"_ZGV_LLVM_N{n}{shape}_{symbol}({v})" for n, v in variants.items())
    attributes = f'{_PURE} noinline "vector-function-abi-variant"="{mapped}"'
    module = binding.parse_assembly(_one_width(name, 1, attributes if vectors else _PURE))
    widest = _one_width(name, _WIDEST, f"{_PURE} alwaysinline") if vectors else ""
    for lanes in variants:
        module.link_in(binding.parse_assembly(_of_width(widest, lanes)))
    if variants:
        kept = ", ".join(f"ptr @{variant}" for variant in variants.values())
        declared = "".join(
            f"declare {_wide(function.item, lanes)} @{variant}"
            f"({', '.join(_wide(one, lanes) for one in function.arguments)})\n"
            for lanes, variant in variants.items()
        )
        table = f"@{target.KEPT} = appending global [{len(variants)} x ptr] [{kept}]"
        module.link_in(binding.parse_assembly(f'{declared}{table}, section "llvm.metadata"'))
    return module


def _wide(item: str, lanes: int) -> str:
    return f"<{lanes} x {item}>" if lanes > 1 else item


def _one_width(name: str, lanes: int, attributes: str) -> str:
    """Return a module with a function of one number of lanes, optimised for no target."""
    function, symbol = FUNCTIONS[name], _PREFIX + name + (f".{lanes}" if lanes > 1 else "")
    ir, made = frontend.lanes_ir(function.kernel, function.item, function.arguments, lanes)
    kinds = [_wide(item, lanes) for item in function.arguments]
    kind = made_kind = _wide(function.item, lanes)
    passed, put = [f"{one} %a{i}" for i, one in enumerate(kinds)], ""
    if lanes == 1:  # the front end's single number is a structure of one
        made_kind = f"{{ {kind} }}"
        put = "\n  ".join(
            f"%s{i} = insertvalue {{ {one} }} undef, {one} %a{i}, 0" for i, one in enumerate(kinds)
        )
        passed = [f"{{ {one} }} %s{i}" for i, one in enumerate(kinds)]
    called = _CALLED.format(
        kind=kind,
        symbol=symbol,
        arguments=", ".join(f"{one} %a{i}" for i, one in enumerate(kinds)),
        attributes=attributes,
        made_kind=made_kind,
        put=put,
        made=made,
        passed=", ".join(passed),
    )
    return target.simplify(ir_passes.closed_world(ir + called, symbol), inline_into=symbol)


#: A constant of all lanes that LLVM writes out.
_ALL_ALIKE = re.compile(rf"<(?P<item>[^<>\n]+?)(?:, (?P=item)){{{_WIDEST - 1}}}>")


def _of_width(ir: str, lanes: int) -> str:
    """Return the text of the widest variant with another number of lanes."""
    ir = _ALL_ALIKE.sub(lambda match: f"<{', '.join([match['item']] * lanes)}>", ir)
    ir = re.sub(rf"<{_WIDEST} x ", f"<{lanes} x ", ir)
    ir = re.sub(rf"\.v{_WIDEST}(?=[a-z])", f".v{lanes}", ir)
    # A mask of all lanes as one number; not within names.
    ir = re.sub(rf"(?<![.\w])i{_WIDEST}\b(?!\.)", f"i{lanes}", ir)
    return re.sub(rf"@({re.escape(_PREFIX)}\w+)\.{_WIDEST}\b", rf"@\1.{lanes}", ir)
