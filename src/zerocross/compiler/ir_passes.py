"""Passes over a module's LLVM IR, before LLVM's own: what Numba does not say of it.

`closed_world` hides all functions but the entries, so that LLVM optimises across them, `joined` makes one
module of those of several entries, `made_small` asks for small code, `never_failing` takes faults out of some functions for the proof, and
`with_strict_aliasing` tags loads and stores by their type: as text, because llvmlite has no
object for a tag. It judges nothing: an access without one is only slower.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from zerocross.compiler import target

__all__ = ["closed_world", "joined", "made_small", "never_failing", "with_strict_aliasing"]

_ACCESS = re.compile(
    r"^(\s+(?:%\S+ = load|store) (?:<\d+ x )?(float|double|i\d+|ptr)>?[ ,][^\n]*)$", re.MULTILINE
)
_KINDS = {"float": 900_002, "double": 900_003, "ptr": 900_004}
_INTEGER = 900_005
_ROOT = """
!900000 = !{!"memory of a zerocross processor"}
!900001 = !{!"float", !900000, i64 0}
!900006 = !{!"double", !900000, i64 0}
!900007 = !{!"pointer", !900000, i64 0}
!900008 = !{!"integer", !900000, i64 0}
!900002 = !{!900001, !900001, i64 0}
!900003 = !{!900006, !900006, i64 0}
!900004 = !{!900007, !900007, i64 0}
!900005 = !{!900008, !900008, i64 0}
"""


def with_strict_aliasing(ir: str) -> str:
    """Return a module with strict aliasing: memory written as one type is not read as another.

    As C compilers assume it (type-based alias analysis, LLVM's ``!tbaa``): a float64 state field
    then stays in a register while float32 samples are written. Numba itself says nothing of the
    kind, because an array may be viewed as another type; a processor's arrays and fields cannot.
    """

    def tag(match: re.Match[str]) -> str:
        if "!tbaa" in match.group(1) or " atomic " in match.group(1):
            return match.group(1)
        return f"{match.group(1)}, !tbaa !{_KINDS.get(match.group(2), _INTEGER)}"

    return _ACCESS.sub(tag, ir) + _ROOT


# Kernels own no memory, so counting references is nothing to do. An allocation would call
# NRT_Allocate or its kin, which the check refuses.
_OWNERSHIP = """
define void @NRT_incref(ptr %p) alwaysinline { ret void }
define void @NRT_decref(ptr %p) alwaysinline { ret void }
"""
_OWNERS = ("NRT_incref", "NRT_decref")
#: Linkages of globals that other modules could share.
_SHARED = {"common", "linkonce_any", "linkonce_odr"}


def joined(modules: Iterable[str], kept: Collection[str]) -> str:
    """Return one module of several, in which a function that many of them have is there once.

    All were compiled in this process, where a function's name is its own; ``kept`` are in one of them each.
    """
    whole = target.llvm().parse_assembly("")
    for ir in modules:
        module = target.llvm().parse_assembly(ir)
        for function in module.functions:
            if not function.is_declaration and function.name not in kept:
                function.linkage = "linkonce_odr"
        whole.link_in(module)
    return str(whole)


def closed_world(ir: str, *kept: str) -> str:
    """Hide all functions of a module but those that are kept: the optimiser sees a closed world.

    Functions with variants stay visible until loops are vectors (`target.take_in_variants`): of a
    hidden one the optimiser would make others, for constant arguments, which have no variants.
    """
    module = target.llvm().parse_assembly(ir)
    for function in module.functions:
        if function.name in _OWNERS and not function.is_declaration:
            function.linkage = "weak_any"  # gives way to the one that does nothing
    module.link_in(target.llvm().parse_assembly(_OWNERSHIP))
    for function in module.functions:
        if function.is_declaration or function.name in kept:
            continue
        if not target.has_variants(function):
            function.linkage = "internal"
    for variable in module.global_variables:
        if variable.linkage.name in _SHARED:
            variable.linkage = "internal"
    return str(module)


def made_small(ir: str, symbols: Iterable[str]) -> str:
    """Return a module in which some functions are made small rather than fast."""
    module = target.llvm().parse_assembly(ir)
    for symbol in symbols:
        module.get_function(symbol).add_function_attribute("optsize")
    return str(module)


_RAISES = re.compile(r"^  ret i32 [1-9]\d*$", re.MULTILINE)


def never_failing(ir: str, symbols: Collection[str]) -> str:
    """Return a module, as Numba makes it, in which some functions never raise by themselves.

    Where they would, what follows cannot be reached. A ``raise`` that is not found stays a fault.
    """
    for symbol in symbols:
        start = re.search(rf"^define [^@\n]*@\"?{re.escape(symbol)}\"?\(", ir, re.MULTILINE)
        if start:
            end = ir.index("\n}", start.end())
            ir = ir[: start.end()] + _RAISES.sub("  unreachable", ir[start.end() : end]) + ir[end:]
    return ir
