"""The one place where Zerocross meets Numba's front end.

Imported only when something has to be compiled: a warm start never gets here. It teaches
Numba that our kernels and primitives are functions, makes dispatchers with the one set of
options, and hands unoptimised IR to the back end in `compiler.target`.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numba
from numba.core import caching, config, sigutils, types
from numba.core.registry import cpu_target
from numba.extending import typeof_impl

from zerocross.compiler import cache
from zerocross.compiler.kernel import Kernel
from zerocross.compiler.mode import Flavour, flavour
from zerocross.compiler.primitives import vector_lowering as vector_numba
from zerocross.compiler.primitives.primitive import Primitive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "closed_world",
    "give_method",
    "make_dispatcher",
    "portable_ir",
    "symbols_of",
    "vector_numba",
    "with_types_of_memory",
]

_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": False}


@typeof_impl.register(Kernel)
def _typeof_kernel(value: Kernel[Any], _context: Any) -> Any:
    return types.Dispatcher(value.dispatcher())


@typeof_impl.register(Primitive)
def _typeof_primitive(value: Primitive, _context: Any) -> Any:
    context = cpu_target.typing_context
    compiled = value.compiled()
    context.refresh()  # an intrinsic built just now is not known yet
    return context.resolve_value_type(compiled)


class _ContentLocator(caching._CacheLocator):
    """Keeps Numba's files in our cache, keyed by the content of all that a kernel calls.

    Numba's own key looks at one source file only, so a change in a kernel that is called
    from another file would go unseen.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def get_cache_path(self) -> str:
        return str(cache.directory() / "numba")

    def get_source_stamp(self) -> str:
        return self._key

    def get_disambiguator(self) -> str:
        return self._key[:16]

    @classmethod
    def from_function(cls, py_func: Any, _py_file: str) -> _ContentLocator:
        return cls(cache.content_key(py_func))


class _KernelCacheImpl(caching.CompileResultCacheImpl):
    _locator_classes = (_ContentLocator,)


class _KernelCache(caching.FunctionCache):
    _impl_class = _KernelCacheImpl


def make_dispatcher(kernel: Kernel[Any], kind: Flavour) -> Any:
    """Return a Numba dispatcher for a kernel in one flavour."""
    if kind != "host":
        options = _OPTIONS | {"debug": kind == "lines", "boundscheck": kind == "checked"}
        return numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)(
            kernel.function
        )
    dispatcher = numba.njit(**_OPTIONS)(kernel.function)
    dispatcher._cache = _KernelCache(kernel.function)
    return dispatcher


@contextmanager
def _unoptimised() -> Iterator[None]:
    before = config.OPT
    config.OPT = config._OptLevel("0")
    try:
        yield
    finally:
        config.OPT = before


def portable_ir(
    kernel: Kernel[Any], argument_types: list[str], kind: Flavour = "portable"
) -> tuple[str, str, str]:
    """Compile a kernel to unoptimised LLVM IR.

    Parameters
    ----------
    kernel : Kernel
        The kernel; everything that it calls is compiled into the same module.
    argument_types : list of str
        Numba's names of the argument types, such as ``"int64"``.
    kind : str
        ``portable``, or ``scalar`` to take explicit vectors apart.

    Returns
    -------
    ir : str
        The text of the whole module.
    symbol : str
        The name of the kernel's native function in it.
    returned : str
        Numba's name of the return type.

    """
    signature, _ = sigutils.normalize_signature(f"({', '.join(argument_types)},)")
    with flavour(kind), _unoptimised():
        dispatcher = kernel.dispatcher()
        dispatcher.compile(signature)
        result = dispatcher.overloads[signature]
    returned = str(types.unliteral(result.signature.return_type))
    return result.library.get_llvm_str(), result.fndesc.llvm_func_name, returned


def symbols_of(kernel: Kernel[Any], kind: Flavour) -> list[str]:
    """Return the names of the native functions that a kernel was compiled to so far."""
    return [r.fndesc.llvm_func_name for r in kernel.dispatcher(kind).overloads.values()]


def give_method(
    owner: type, name: str, field: str, choose: Callable[[bool, int], Kernel[Any]]
) -> None:
    """Let compiled code call a kernel as a method of a named tuple.

    ``choose`` is told whether a field of the tuple is an integer, and how many arguments the
    call has, and returns the kernel.
    """
    from numba.extending import overload_method

    @overload_method(types.NamedTuple, name)
    def method(block, first, second=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        if getattr(block, "instance_class", None) is not owner:
            return None
        kind = block.types[block.fields.index(field)]
        alone = second is None or isinstance(second, types.Omitted | types.NoneType)
        made = choose(isinstance(kind, types.Integer), 1 if alone else 2)
        if alone:
            return lambda block, first, second=None: made(block, first)  # noqa: ARG005
        return lambda block, first, second=None: made(block, first, second)


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


def with_types_of_memory(ir: str) -> str:
    """Tell the optimiser that memory written as one type is not read as another.

    As C compilers assume it (type-based alias analysis): a float64 state field then stays in a
    register while float32 samples are written. Numba itself says nothing of the kind, because an
    array may be viewed as another type; a processor's arrays and fields cannot.
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
