"""The front end: from Python functions to unoptimised LLVM IR, by way of Numba.

Imported only when something has to be compiled: a warm start never gets here. It teaches Numba
that kernels and primitives are functions, makes dispatchers with the one set of options, and
hands IR to the back end in `compiler.target`. Numba is imported here, in
`compiler.primitives.lowering` and in `compiler.proof.typed_reader`, and nowhere else.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from numba.core import config, errors, ir, sigutils, types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.dispatcher import Dispatcher
from numba.core.registry import CPUDispatcher, cpu_target
from numba.core.typed_passes import NopythonTypeInference
from numba.extending import overload_method, typeof_impl

from zerocross.compiler.callee import METHODS, Callee
from zerocross.compiler.content import read_once
from zerocross.compiler.host_cache import HostCache
from zerocross.compiler.mode import CompilationMode, compiling_as
from zerocross.compiler.primitives import lowering  # noqa: F401  ties each primitive to its own
from zerocross.compiler.proof.numba_words import Failure, refusal_of_numba
from zerocross.errors import CompileError, ZerocrossError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["KernelDispatcher", "make_dispatcher", "portable_ir"]

_OPTIONS = {"nopython": True, "nogil": True, "error_model": "numpy", "fastmath": False}


@typeof_impl.register(Callee)
def _typeof_callee(value: Callee, _context: Any) -> Any:
    found = value.for_numba()
    if isinstance(found, Dispatcher):
        return types.Dispatcher(found)
    context = cpu_target.typing_context
    context.refresh()  # an intrinsic built just now is not known yet
    return context.resolve_value_type(found)


class _Attempt:
    """What is being compiled: how deep, and what failed in it, the innermost first."""

    def __init__(self) -> None:
        self.depth = 0
        self.failed: list[tuple[int, Failure]] = []

    @contextmanager
    def of(self, function: Callable[..., Any]) -> Iterator[None]:
        """Compile a function in the block; what failed inside and was got over is forgotten."""
        before = len(self.failed)
        self.depth += 1
        try:
            yield
        except errors.ForceLiteralArg:  # Numba's wish to begin again with constants
            raise
        except Exception as error:
            self.failed.append((self.depth, (function, error)))
            raise
        else:
            del self.failed[before:]
        finally:
            self.depth -= 1

    def chain(self) -> list[Failure]:
        """Return the failures of which each was inside the next, the innermost first."""
        found: list[Failure] = []
        for depth, failure in reversed(self.failed):
            if depth != len(found) + 1:
                break
            found.insert(0, failure)
        return found


_attempt: ContextVar[_Attempt | None] = ContextVar("_attempt", default=None)


@contextmanager
def _told_in_words(function: Callable[..., Any]) -> Iterator[None]:
    """Turn whatever Numba raises in the block into a `CompileError` of one line."""
    attempt = _Attempt()
    token = _attempt.set(attempt)
    try:
        yield
    except ZerocrossError:
        raise
    except Exception as error:  # noqa: BLE001  Numba has many; all mean that it cannot be compiled
        chain = attempt.chain() or [(function, error)]
        finding = refusal_of_numba(chain, function)
        raise CompileError(str(finding), finding) from None
    finally:
        _attempt.reset(token)


@register_pass(mutates_CFG=False, analysis_only=True)
class _NoFunctionValues(FunctionPass):
    """Refuses functions that are values before they become code.

    A kernel chosen at run time would be called through a pointer to a wrapper that is not made
    here, and for want of that LLVM would end the process.
    """

    _name = "zerocross_no_function_values"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        for block in state.func_ir.blocks.values():
            for statement in block.find_insts(ir.Assign):
                kind = state.typemap.get(statement.target.name)
                if isinstance(kind, types.FunctionType):
                    raise errors.UnsupportedError("chosen at run time", statement.loc)
        return False


class _KernelCompiler(CompilerBase):
    """Numba's own way from a function to LLVM IR, with one more look in the middle."""

    def define_pipelines(self) -> list[Any]:
        steps = DefaultPassBuilder.define_nopython_pipeline(self.state)
        steps.add_pass_after(_NoFunctionValues, NopythonTypeInference)
        steps.finalize()
        return [steps]


class KernelDispatcher(CPUDispatcher):
    """Numba's dispatcher of a kernel, which says which of the kernels could not be compiled."""

    def compile(self, sig: Any) -> Any:
        attempt = _attempt.get()
        if attempt is None:
            return super().compile(sig)
        with attempt.of(self.py_func):
            return super().compile(sig)

    def _compile_for_args(self, *args: Any, **kws: Any) -> Any:
        with _told_in_words(self.py_func):  # called from Python with values of new types
            return super()._compile_for_args(*args, **kws)


def make_dispatcher(function: Callable[..., Any], mode: CompilationMode) -> Any:
    """Return a Numba dispatcher for a Python function in one compilation mode."""
    _teach_methods()
    if mode != "host":
        options = _OPTIONS | {"debug": mode == "lines", "boundscheck": mode == "checked"}
        options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        return KernelDispatcher(
            py_func=function, targetoptions=options, pipeline_class=_KernelCompiler
        )
    dispatcher = KernelDispatcher(py_func=function, targetoptions=dict(_OPTIONS))
    dispatcher._cache = HostCache(function)
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
    kernel: Callee, argument_types: list[str], mode: CompilationMode = "portable"
) -> tuple[str, str, str]:
    """Compile a kernel to unoptimised LLVM IR.

    Parameters
    ----------
    kernel : Kernel
        The kernel; everything that it calls is compiled into the same module.
    argument_types : list of str
        Numba's names of the argument types, such as ``"int64"``.
    mode : str
        ``portable``, or ``scalar`` to take explicit vectors apart.

    Returns
    -------
    ir : str
        The text of the whole module.
    symbol : str
        The name of the kernel's native function in it.
    returned : str
        Numba's name of the return type.

    Raises
    ------
    CompileError
        If Numba cannot compile it, with the line of the user's, the reason and the cure.

    """
    signature, _ = sigutils.normalize_signature(f"({', '.join(argument_types)},)")
    told = _told_in_words(kernel.function)
    with compiling_as(mode), _unoptimised(), read_once(), told:
        dispatcher = kernel.for_numba()
        dispatcher.compile(signature)
        result = dispatcher.overloads[signature]
    returned = str(types.unliteral(result.signature.return_type))
    return result.library.get_llvm_str(), result.fndesc.llvm_func_name, returned


#: Methods that Numba was told of; it looks them up by name.
_taught: set[str] = set()


def _teach_methods() -> None:
    """Let compiled code call the kernels that were given as methods, see `callee.give_method`."""
    for name in METHODS.keys() - _taught:
        _taught.add(name)
        _teach_method(name)


def _teach_method(name: str) -> None:
    owners = METHODS[name]

    @overload_method(types.NamedTuple, name)
    def method(block, first, second=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        owner = getattr(block, "instance_class", None)
        if owner not in owners:
            return None
        of_one, of_two = owners[owner]
        if second is None or isinstance(second, types.Omitted | types.NoneType):
            return lambda block, first, second=None: of_one(block, first)  # noqa: ARG005
        return lambda block, first, second=None: of_two(block, first, second)
