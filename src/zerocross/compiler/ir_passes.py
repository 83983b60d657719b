"""Passes over a module's LLVM IR as text, before LLVM's own: what Numba does not say of it.

`closed_world` hides all functions but the entry, so that LLVM optimises across them, and
`with_strict_aliasing` tags loads and stores by their type.
"""

from __future__ import annotations

import re

__all__ = ["closed_world", "with_strict_aliasing"]

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
_OWNERSHIP_DECLARATION = re.compile(
    r"^declare [^\n]*@NRT_(?:incref|decref)\([^\n]*\n"
    r"|^define internal [^\n]*@NRT_(?:incref|decref)\([^\n]*\n.*?\n}\n",
    re.MULTILINE | re.DOTALL,
)
_OWNERSHIP = """
define internal void @NRT_incref(ptr %p) alwaysinline { ret void }
define internal void @NRT_decref(ptr %p) alwaysinline { ret void }
"""


def closed_world(ir: str, keep: str | None = None) -> str:
    """Hide all functions of a module but one, so that the optimiser sees a closed world."""
    ir = re.sub(
        r"^define (?:linkonce_odr |weak_odr |internal )?",
        "define internal ",
        ir,
        flags=re.MULTILINE,
    )
    if keep:
        ir = re.sub(
            rf'^define internal ([^\n]*@"?{re.escape(keep)}"?\()',
            r"define \1",
            ir,
            flags=re.MULTILINE,
        )
    ir = re.sub(r"= (?:common|linkonce|linkonce_odr) global", "= internal global", ir)
    return _OWNERSHIP_DECLARATION.sub("", ir) + _OWNERSHIP
