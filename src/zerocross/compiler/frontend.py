"""The front end: from Python functions to unoptimised LLVM IR, by way of Numba.

Imported only when something has to be compiled: a warm start never gets here. It teaches Numba
that kernels and primitives are functions, and hands IR to the back end in `compiler.target`. Numba
is imported here, in `compiler.dispatcher`, `compiler.host_cache`, `compiler.primitives.lowering` and
`compiler.proof.typed_reader`, and nowhere else.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from numba.core import config, errors, sigutils, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.postproc import PostProcessor
from numba.core.registry import cpu_target
from numba.core.transforms import canonicalize_cfg
from numba.extending import typeof_impl

from zerocross.compiler import functions
from zerocross.compiler.callee import Callee
from zerocross.compiler.content import read_once
from zerocross.compiler.mode import CompilationMode, compiling_as
from zerocross.compiler.primitives import lowering  # noqa: F401  ties each primitive to its own
from zerocross.compiler.primitives.lowering.vector_types import VectorType
from zerocross.compiler.proof.numba_words import Failure, refusal_of_numba
from zerocross.errors import CompileError, ZerocrossError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["attempted", "lanes_ir", "portable_ir", "told_in_words"]

functions.fill()


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
def attempted(function: Callable[..., Any]) -> Iterator[None]:
    """Within `told_in_words`, note what fails in the block and is not got over."""
    attempt = _attempt.get()
    if attempt is None:
        yield
        return
    with attempt.of(function):
        yield


@contextmanager
def told_in_words(function: Callable[..., Any]) -> Iterator[None]:
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


_post_process = PostProcessor.run


def _post_process_once(self: Any, emit_dels: bool = False, extend_lifetimes: bool = False) -> None:
    """Do what Numba does after each of its passes, without finding the lifetimes anew each time.

    Nothing reads them in between, and in a function of many blocks they take longer than the rest.
    """
    made = self.func_ir
    if emit_dels or made.is_generator or made.variable_lifetime is None:
        _post_process(self, emit_dels, extend_lifetimes)
    else:
        made.blocks = canonicalize_cfg(made.blocks)


@contextmanager
def _in_our_way() -> Iterator[None]:
    """Compile in the block without optimising, and nobody else meanwhile: what is set is global."""
    with global_compiler_lock:
        before = config.OPT, PostProcessor.run
        config.OPT, PostProcessor.run = config._OptLevel("0"), _post_process_once
        try:
            yield
        finally:
            config.OPT, PostProcessor.run = before


def _compiled(kernel: Callee, signature: tuple[Any, ...], mode: CompilationMode) -> Any:
    """Return what Numba makes of a kernel for some types, in a mode."""
    with compiling_as(mode), _in_our_way(), read_once(), told_in_words(kernel.function):
        dispatcher = kernel.for_numba()
        dispatcher.compile(signature)
        return dispatcher.overloads[signature]


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
        ``portable``, for narrower registers, or ``scalar`` to take explicit vectors apart.

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
    result = _compiled(kernel, signature, mode)
    returned = str(types.unliteral(result.signature.return_type))
    return result.library.get_llvm_str(), result.fndesc.llvm_func_name, returned


_ITEMS = {"float": types.float32, "double": types.float64, "i32": types.int32}


def lanes_ir(
    function: Callee, item: str, arguments: tuple[str, ...], lanes: int
) -> tuple[str, str]:
    """Compile a kernel of vectors to unoptimised LLVM IR, for one number of lanes.

    Parameters
    ----------
    function : Kernel
        Of vectors of any width.
    item : str
        LLVM's name of what the vectors are made of that it returns, such as ``float``.
    arguments : tuple of str
        The same of those that it takes.
    lanes : int
        1 for a function of single numbers.

    Returns
    -------
    ir : str
    symbol : str
        The name of the kernel's native function in it.

    """
    result, *taken = (VectorType(_ITEMS[one], lanes, scalar=False) for one in (item, *arguments))
    made = _compiled(function, tuple(taken), "portable")
    if made.signature.return_type != result:
        raise CompileError(f"{function!r} returns {made.signature.return_type}, not {result}")
    return made.library.get_llvm_str(), made.fndesc.llvm_func_name
