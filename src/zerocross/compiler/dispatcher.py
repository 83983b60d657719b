"""Numba's dispatchers of kernels: its own way from a function to code, with looks of ours within.

Imported only when something has to be compiled, as `frontend`.

Over 300 lines: each method of Numba that is replaced says what is kept of it and why.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from types import BuiltinFunctionType, CodeType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numba.core import errors, ir, types
from numba.core.cgutils import normalize_ir_text
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.ir_utils import get_definition, guard, replace_vars_inner, replace_vars_stmt
from numba.core.registry import CPUDispatcher
from numba.core.typed_passes import NopythonTypeInference
from numba.core.untyped_passes import InlineClosureLikes, IRProcessing, LiteralUnroll
from numba.extending import overload_method

from zerocross.compiler import linker, target
from zerocross.compiler.callee import METHODS
from zerocross.compiler.frontend import attempted, told_in_words
from zerocross.compiler.host_cache import HostCache
from zerocross.compiler.mode import CompilationMode
from zerocross.compiler.primitives.elementary import cbrt, fmod

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KernelDispatcher", "make_dispatcher"]

_OPTIONS = {"nopython": True, "nogil": True, "error_model": "numpy", "fastmath": False}


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


#: What `math` or NumPy have and Numba does not know, or makes of something less exact.
_OURS: dict[Any, Any] = {math.cbrt: cbrt, np.cbrt: cbrt, math.fmod: fmod}


@register_pass(mutates_CFG=False, analysis_only=False)
class _OurFunctions(FunctionPass):
    """Puts our functions in the place of some of other modules, before types are inferred."""

    _name = "zerocross_our_functions"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        changed = False
        for block in state.func_ir.blocks.values():
            for statement in block.find_insts(ir.Assign):
                ours = _OURS.get(_named(state.func_ir, statement.value))
                if ours is not None:
                    statement.value = ir.Global(ours.name, ours, statement.loc)
                    state.func_ir._definitions[statement.target.name] = [statement.value]
                    changed = True
        return changed


@register_pass(mutates_CFG=False, analysis_only=False)
class _OneNameForEach(FunctionPass):
    """Gives each assignment within a basic block a variable of its own, but for the last one.

    Numba's construction of SSA form comes after it and does the same, and all between blocks; but it
    looks through the whole block for each use of a variable, and hundreds of lines in a row that
    assign the same few names take seconds.
    """

    _name = "zerocross_one_name_for_each"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        for block in state.func_ir.blocks.values():
            _rename_within(block)
        return True


def _rename_within(block: Any) -> None:
    """Rename the variables that a block assigns again; what follows the block sees the last one."""
    assigned = Counter(one.target.name for one in block.find_insts(ir.Assign))
    arguments = (one for one in block.find_insts(ir.Assign) if isinstance(one.value, ir.Arg))
    to_come = assigned - Counter({one.target.name: assigned[one.target.name] for one in arguments})
    now: dict[str, Any] = {}
    for statement in block.body:
        if not isinstance(statement, ir.Assign):
            replace_vars_stmt(statement, now)
            continue
        value, target = statement.value, statement.target
        if isinstance(value, ir.Var):
            statement.value = now.get(value.name, value)
        elif now and isinstance(value, ir.Expr):
            statement.value = copy.copy(value)
            replace_vars_inner(statement.value, now)
        to_come[target.name] -= 1
        now.pop(target.name, None)
        if to_come[target.name] > 0:
            statement.target = now[target.name] = block.scope.redefine(target.name, target.loc)


def _named(function: Any, value: Any) -> Any:
    """Return the function of another module that a value of Numba's IR names, or None."""
    found = _meant(function, value)
    return found if isinstance(found, BuiltinFunctionType | np.ufunc) else None


def _meant(function: Any, value: Any) -> Any:
    """Return the object that a global, or an attribute of a module, is; None for all else."""
    if isinstance(value, ir.Global | ir.FreeVar):
        return value.value
    if isinstance(value, ir.Expr) and value.op == "getattr":
        module = _meant(function, guard(get_definition, function, value.value))
        return getattr(module, value.attr, None) if isinstance(module, ModuleType) else None
    return None


class _NoEnvironment:
    """A code generator of Numba's that has no machine code to tell of Python's globals."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        """Do nothing: what is compiled here runs without Python."""


class _IrLibrary(JITCodeLibrary):
    """Numba's module of a kernel for some target: LLVM IR, and no machine code, which nobody calls.

    It stays by itself as text. Numba would link into each module all that it calls, and so on up,
    and look at the whole each time; here the modules meet once, in `get_llvm_str`.
    """

    _linking_libraries: list[Any]

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(codegen, name)
        self._texts: list[str] = []

    @property
    def codegen(self) -> Any:
        return _NoEnvironment(self._codegen)

    def add_ir_module(self, ir_module: Any) -> None:
        self._texts.append(normalize_ir_text(str(ir_module)))

    def finalize(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:  # noqa: ARG002
        return 0

    def get_llvm_str(self) -> str:
        """Return the module with all that it calls, directly and through others."""
        whole = self._whole()
        whole.verify()
        return str(whole)

    def _get_module_for_linking(self) -> Any:
        """Return the whole module, for a function of Numba's own that calls the kernel."""
        return _to_share(self._whole())

    def _whole(self) -> Any:
        whole, done = self._alone(), {self}
        waiting = list(self._linking_libraries)
        while waiting:
            library = waiting.pop(0)
            if library in done:
                continue
            done.add(library)
            if isinstance(library, _IrLibrary):
                waiting += library._linking_libraries
                whole.link_in(_to_share(library._alone()))
            else:
                whole.link_in(library._get_module_for_linking(), preserve=True)
        return whole

    def _alone(self) -> Any:
        first, *others = map(target.llvm().parse_assembly, self._texts)
        for other in others:
            first.link_in(other)
        return first


def _to_share(module: Any) -> Any:
    """Return a module, its functions such that several modules may bring them."""
    for function in module.functions:
        if not function.is_declaration and function.linkage.name == "external":
            function.linkage = "linkonce_odr"
    return module


class _HostLibrary(JITCodeLibrary):
    """Numba's module of what is called from Python, with elementary functions of ours."""

    _final_module: Any

    def add_llvm_module(self, ll_module: Any) -> None:
        before = str(ll_module)
        named = linker.name_functions(before)
        if named is not before:
            name = ll_module.name
            ll_module = target.llvm().parse_assembly(named)
            ll_module.name = name
        super().add_llvm_module(ll_module)

    def _optimize_final_module(self) -> None:
        before = str(self._final_module)
        linked = linker.link_functions(before)
        if linked is before:
            super()._optimize_final_module()
            return
        name = self._final_module.name
        self._final_module = target.llvm().parse_assembly(linked)
        self._final_module.name = name
        super()._optimize_final_module()
        machine = self._codegen._tm
        self._final_module = target.take_in_variants(self._final_module, machine)


class _IntoLibrary(FunctionPass):
    """Puts what is compiled into a library of some class."""

    library: type[JITCodeLibrary]

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        state.library = self.library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return False


@register_pass(mutates_CFG=False, analysis_only=True)
class _IntoIrLibrary(_IntoLibrary):
    _name = "zerocross_into_ir_library"
    library = _IrLibrary


@register_pass(mutates_CFG=False, analysis_only=True)
class _IntoHostLibrary(_IntoLibrary):
    _name = "zerocross_into_host_library"
    library = _HostLibrary


class _Compiler(CompilerBase):
    """Numba's own way from a function to code, with looks of ours after it knows the types."""

    looks: tuple[type[FunctionPass], ...]

    def define_pipelines(self) -> list[Any]:
        steps = DefaultPassBuilder.define_nopython_pipeline(self.state)
        steps.add_pass_after(_OurFunctions, IRProcessing)
        steps.add_pass_after(_OneNameForEach, LiteralUnroll)
        for look in self.looks:
            steps.add_pass_after(look, NopythonTypeInference)
        if not _has_closures(self.state.func_id.code):
            steps.passes = [each for each in steps.passes if each[0] is not InlineClosureLikes]
        steps.finalize()
        return [steps]


def _has_closures(code: CodeType) -> bool:
    """Return whether there are functions in a function, or lists that become arrays."""
    return any(isinstance(each, CodeType) for each in code.co_consts) or "array" in code.co_names


class _KernelCompiler(_Compiler):
    """To LLVM IR."""

    looks = (_NoFunctionValues, _IntoIrLibrary)


class _HostCompiler(_Compiler):
    """To a call from Python."""

    looks = (_IntoHostLibrary,)


class KernelDispatcher(CPUDispatcher):
    """Numba's dispatcher of a kernel, which says which of the kernels could not be compiled."""

    def __repr__(self) -> str:
        """Without an address: it is part of the names of functions that take a kernel."""
        return f"kernel({self.py_func.__module__}.{self.py_func.__qualname__})"

    def compile(self, sig: Any) -> Any:
        with attempted(self.py_func):
            return super().compile(sig)

    def _compile_for_args(self, *args: Any, **kws: Any) -> Any:
        with told_in_words(self.py_func):  # called from Python with values of new types
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
    dispatcher = KernelDispatcher(
        py_func=function, targetoptions=dict(_OPTIONS), pipeline_class=_HostCompiler
    )
    dispatcher._cache = HostCache(function)
    return dispatcher


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
