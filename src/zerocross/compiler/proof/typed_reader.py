"""The proof's reader of Numba's typed code: what each user's function calls, reads and writes.

After type inference every name is an object and every value has a type, whatever the source looks
like and where there is none: an alias, a closure or a module's attribute is what it is. All
functions that an entry reaches are walked; in the user's own ones

- every call is of something that `may_call` allows, by identity;
- no value is a pointer, or a function that is not known by name;
- no field that is not the user's is read or written, and no array field is assigned;
- no array is looked at as another type.

One of the few files that import Numba (with `frontend`, `dispatcher` and the lowerings): the types that it
looks for are Numba's.
"""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from numba.core import ir, sigutils, types
from numba.core.types.functions import ObjModeDispatcher
from numba.core.types.npytypes import ArrayCTypes

from zerocross.compiler.callee import Callee
from zerocross.compiler.dispatcher import KernelDispatcher
from zerocross.compiler.kernel import Kernel
from zerocross.compiler.mode import CompilationMode, compiling_as
from zerocross.compiler.primitives.primitive import stub_of
from zerocross.compiler.proof.finding import CONTROL, FIELD, LOOP, Finding, finding_at
from zerocross.compiler.proof.forbidden import MODULES
from zerocross.compiler.proof.may_call import BY_ADDRESS, Words, is_users, judge, said_of_kernel

__all__ = ["UsersFunction", "finding_in", "strangers", "symbols_of", "users_functions"]

_FOREIGN = MODULES["ctypes"]
_BY_POINTER = ("calls through a pointer", "call kernels by name")
_RECURSION = ("calls itself; the depth of a recursion is not known", "write a loop")
_GENERATOR = ("is a generator", "process the whole block and return")
_HIDDEN = (
    "uses the field {0}, which is not the class's own",
    "declare a field: a number with its first value in the class, an array in prepare()",
)
_COPIED = (
    "assigns an array to the field {0}, which copies it; a swap would lose one of the two",
    "copy its elements in a loop, and swap by a number that says which is which",
)
_CUT_OFF = (
    "stores a number with a fraction in the whole-number field {0}, which cuts it off",
    "begin the field as a float, such as {0} = 0.0, or write int(...)",
)
_WHOLE_POWER = (
    "raises a whole number to a power that may be negative, which gives 0",
    "write one of them as a float, such as 2.0 ** n",
)
_VIEWED = ("looks at an array's memory as another type", "convert each number: np.int32(x)")

#: Kinds of values that nothing is known of, each with its words.
_REFUSED_VALUES: tuple[tuple[Any, Words], ...] = (
    (types.ExternalFunctionPointer, _FOREIGN),
    (types.ExternalFunction, _FOREIGN),
    (types.RawPointer, _FOREIGN),
    (types.CPointer, _FOREIGN),
    (ArrayCTypes, _FOREIGN),
    (types.FunctionType, _BY_POINTER),
    (types.UndefinedFunctionType, _BY_POINTER),
    (ObjModeDispatcher, ("calls the interpreter", CONTROL)),
    (types.Generator, _GENERATOR),
    (types.ClassType, ("makes an object of a class that Numba compiled", FIELD)),
    (types.ClassInstanceType, ("uses an object of a class that Numba compiled", FIELD)),
)


#: Names that Numba gives to functions of its own modules and of ours, and to array expressions.
_OWN = re.compile(r"_ZN0*(?:5numba|9zerocross)\d|_ZN13_3cdynamic_3e\d+__numba_array_expr_")


@dataclasses.dataclass(frozen=True)
class UsersFunction:
    """A function of the user's, as it was compiled for certain types.

    Attributes
    ----------
    function : callable
    symbol : str
        Its name in the module.
    typed : object
        Numba's typed code.

    """

    function: Callable[..., Any]
    symbol: str
    typed: Any


def users_functions(
    kernel: Callee, argument_types: list[str], mode: CompilationMode
) -> list[UsersFunction]:
    """Return the user's functions that a kernel reaches, which was compiled already."""
    signature, _ = sigutils.normalize_signature(f"({', '.join(argument_types)},)")
    with compiling_as(mode):
        dispatcher = kernel.for_numba()
    return [
        UsersFunction(_function_of(result), result.fndesc.llvm_func_name, result.type_annotation)
        for result in _walk(dispatcher.overloads[signature])
        if is_users(_function_of(result))
    ]


def symbols_of(kernels: Iterable[Kernel[Any]]) -> list[str]:
    """Return the names that kernels have in modules, for all types they were compiled for so far.

    Of all modes: Numba keeps what it made of a method, such as ``block.scratch``, for the next one.
    """
    made = (result for k in kernels for one in k.dispatchers() for result in one.overloads.values())
    return [result.fndesc.llvm_func_name for result in made]


def finding_in(made: UsersFunction) -> Finding | None:
    """Return the first thing that stands against a user's function, by line; None for nothing."""
    found = sorted(_refusals(made.typed), key=lambda refusal: refusal[0])
    if not found:
        return None
    line, words = found[0]
    return finding_at(made.function.__code__.co_filename, line, *words)


def strangers(symbols: list[str], known: list[UsersFunction]) -> list[str]:
    """Return the functions of a module that are neither Numba's, nor ours, nor among those known.

    Somebody's extension of Numba, whose code nobody has read.
    """
    read = {one.symbol for one in known}
    return [s for s in symbols if s not in read and s.startswith("_ZN") and not _OWN.match(s)]


# --- walking --------------------------------------------------------------------------------


def _function_of(result: Any) -> Callable[..., Any]:
    function: Callable[..., Any] = result.type_annotation.func_id.func
    return function


def _walk(first: Any) -> list[Any]:
    """Return the results of compiling a function and all that it calls, in order of the calls."""
    found: list[Any] = []
    waiting = [first]
    while waiting:
        result = waiting.pop(0)
        if not any(result is other for other in found):
            found.append(result)
            waiting += _called_by(result.type_annotation)
    return found


def _called_by(typed: Any) -> Iterator[Any]:
    """Return the results of the kernels that a function calls; of one that is passed on, all."""
    called = {}
    for expression, signature in typed.calltypes.items():
        if isinstance(expression, ir.Expr) and expression.op == "call":
            kind = typed.typemap[expression.func.name]
            if isinstance(kind, types.Dispatcher) and signature is not None:
                one = kind.dispatcher.overloads.get(tuple(signature.args))
                called[expression.func.name] = one
                yield from [one] if one is not None else kind.dispatcher.overloads.values()
    for name, kind in typed.typemap.items():
        if isinstance(kind, types.Dispatcher) and name not in called:
            yield from kind.dispatcher.overloads.values()


# --- judging --------------------------------------------------------------------------------


def _refusals(typed: Any) -> Iterator[tuple[int, Words]]:
    for block in typed.blocks.values():
        for statement in block.body:
            words = _words_of(statement, typed)
            if words:
                yield statement.loc.line, words


def _words_of(statement: Any, typed: Any) -> Words | None:
    kinds = typed.typemap
    if isinstance(statement, ir.SetAttr):
        target, value = kinds[statement.target.name], kinds[statement.value.name]
        if isinstance(target, types.Record) and isinstance(value, types.Array):
            return _with(_COPIED, statement.attr)
        if _is_cut_off(target, statement.attr, value):
            return _with(_CUT_OFF, statement.attr)
        return _of_field(target, statement.attr)
    if isinstance(statement, ir.SetItem | ir.StaticSetItem):
        index = getattr(statement, "index", None)
        key = kinds[index.name] if isinstance(index, ir.Var) else index
        return _of_field(kinds[statement.target.name], key)
    if not isinstance(statement, ir.Assign):
        return None
    kind = kinds.get(statement.target.name)
    words = next((words for refused, words in _REFUSED_VALUES if isinstance(kind, refused)), None)
    if words or not isinstance(statement.value, ir.Expr):
        return _GENERATOR if isinstance(statement.value, ir.Yield) else words
    return _of_expression(statement.value, kind, typed)


def _of_expression(expression: Any, kind: Any, typed: Any) -> Words | None:
    kinds = typed.typemap
    if expression.op == "getattr":
        return _of_field(kinds[expression.value.name], expression.attr)
    if expression.op in {"static_getitem", "getitem"}:
        index = expression.index
        key = kinds[index.name] if isinstance(index, ir.Var) else index
        return _of_field(kinds[expression.value.name], key)
    if expression.op == "call":
        signature = typed.calltypes[expression]
        words = _of_call(kinds[expression.func.name], signature, kind)
        arguments = signature.args if signature else ()
        names = [a for a in arguments if isinstance(a, types.StringLiteral)]
        records = [a for a in arguments if isinstance(a, types.Record)]
        return words or next((w for r in records for n in names if (w := _of_field(r, n))), None)
    if expression.op in {"binop", "inplace_binop"} and _may_be_lost(expression, typed):
        return _WHOLE_POWER
    return None


def _is_cut_off(owner: Any, name: str, value: Any) -> bool:
    """Return whether a float is stored in a field of whole numbers."""
    if not isinstance(owner, types.Record) or name not in owner.fields:
        return False
    return isinstance(owner.typeof(name), types.Integer) and isinstance(value, types.Float)


def _may_be_lost(expression: Any, typed: Any) -> bool:
    """Return whether an operation is a power of whole numbers whose exponent may be negative."""
    parts = expression._kws  # an attribute that is not there is a KeyError
    if operator.pow not in {parts["fn"], parts.get("immutable_fn")}:
        return False
    kinds = [typed.typemap[parts[side].name] for side in ("lhs", "rhs")]
    if not all(isinstance(types.unliteral(kind), types.Integer) for kind in kinds):
        return False
    return getattr(kinds[1], "literal_value", -1) < 0


def _with(words: Words, name: str) -> Words:
    return words[0].format(name), words[1].format(name)


def _of_field(owner: Any, name: Any) -> Words | None:
    """Return what stands against a field: it is one of ours, or it holds an address."""
    if isinstance(name, types.StringLiteral):
        name = name.literal_value
    is_ours = isinstance(name, str) and name.startswith("_")
    if isinstance(owner, types.Record) and is_ours:
        return _with(_HIDDEN, name)
    if isinstance(owner, types.BaseNamedTuple) and name == "arena":
        return _with(_HIDDEN, name)
    return None


def _of_call(called: Any, signature: Any, returned: Any) -> Words | None:
    if isinstance(called, types.RecursiveCall):
        return _RECURSION
    if isinstance(called, types.Dispatcher):
        return _of_kernel(called.dispatcher, signature)
    if isinstance(called, types.BoundFunction):
        return _of_method(called, returned)
    if isinstance(called, types.NumberClass | types.DType):
        return None
    if isinstance(called, types.NamedTupleClass):
        owner = str(called.instance_class.__module__).partition(".")[0]
        return ("makes a block of its own", FIELD) if owner == "zerocross" else None
    if isinstance(called, types.Function):
        key = called.typing_key
        return judge(stub_of(key) or key)
    return f"calls {called}", LOOP


def _of_kernel(dispatcher: Any, signature: Any) -> Words | None:
    """Return what stands against calling a kernel: only one that we proved, or that is ours."""
    stub = stub_of(dispatcher)
    if stub is not None:
        return judge(stub)
    if not isinstance(dispatcher, KernelDispatcher):
        name = getattr(dispatcher, "__name__", "a function")
        return (
            f"calls {name}, which Numba compiled by itself",
            "decorate it with @zerocross.kernel and nothing else",
        )
    if is_users(dispatcher.py_func):
        return None
    result = dispatcher.overloads.get(tuple(signature.args)) if signature else None
    if result is None or any(_takes_addresses(other) for other in _walk(result)):
        return said_of_kernel(dispatcher.py_func.__name__)
    return None


def _takes_addresses(result: Any) -> bool:
    """Return whether a function of ours makes memory of a number."""
    for kind in result.type_annotation.typemap.values():
        if isinstance(kind, types.Dispatcher):
            stub = stub_of(kind.dispatcher)
        elif isinstance(kind, types.Function):
            stub = stub_of(kind.typing_key)
        else:
            continue
        if stub is not None and stub.name in BY_ADDRESS:
            return True
    return False


def _of_method(called: Any, returned: Any) -> Words | None:
    owner, name = called.this, str(called.typing_key).rpartition(".")[2]
    if isinstance(called.typing_key, tuple):
        name = called.typing_key[1]
    if name == "view" and isinstance(owner, types.Array):
        return None if getattr(returned, "dtype", None) == owner.dtype else _VIEWED
    return None
