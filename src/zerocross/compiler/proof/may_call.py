"""What a user's function may call, judged by the object itself and not by how it is named.

It is an allow-list: kernels, the primitives below, arithmetic of Python, `math` and NumPy. All
else is refused: whatever takes or gives an address, waits, or was compiled by somebody else.
"""

from __future__ import annotations

import builtins
import ctypes
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zerocross.compiler.callee import Callee
from zerocross.compiler.primitives.primitive import Primitive
from zerocross.compiler.proof.finding import CONTROL, FIELD, LOOP, listed
from zerocross.compiler.proof.forbidden import ARRAY_MAKERS, BUILTINS, MODULES

__all__ = ["BY_ADDRESS", "Words", "is_users", "judge", "module_of", "said_of_kernel"]

#: The reason and the cure.
Words = tuple[str, str]

_PACKAGE = Path(__file__).parents[2]

#: Primitives that anybody's kernel may say: they work on arrays, fields and numbers.
_PRIMITIVES = listed(
    "load_acquire store_release exchange fetch_add fetch_or compare_exchange fence_acquire "
    "fence_release monotonic_ns thread_time_ns "
    "load load_aligned load_first store store_aligned store_streaming store_first prefetch splat lane "
    "with_lane shuffle fma multiply_add minimum maximum absolute square_root round_even select convert "
    "saturate bit_cast sum_lanes max_lanes min_lanes any_lane gather "
    "cbrt exp10 fmod rsqrt fast_cos fast_exp2 fast_log2 fast_sin fast_tanh"
)
#: Primitives that make memory, or a call, of a number.
BY_ADDRESS = listed(
    "record_at records_at float32_array float64_array int16_array int32_array int64_array uint8_array "
    "float32_rows float64_rows invoke"
)
_BUILTINS = listed(
    "range len abs min max round int float bool complex enumerate zip sum pow divmod slice reversed "
    "any all tuple isinstance"
)
#: Modules of arithmetic: all of them may be called; what is proven of the code decides.
_ARITHMETIC = frozenset(["math", "cmath", "operator", "_operator"])
#: What NumPy has and no array stands behind.
_NUMPY_BY_ADDRESS = frozenset(
    ["as_strided", "frombuffer", "fromiter", "fromstring", "from_dlpack", "ctypeslib", "memmap"]
)
_AS_KERNEL = "write a @zerocross.kernel, without Numba's own decorators"
_ADDRESS = (
    "reads or writes memory by its address, which nothing can prove",
    "use fields of the class, block.input, block.output and block.scratch(n)",
)


def is_users(function: Callable[..., Any]) -> bool:
    """Return whether a function is not Zerocross's own: by the module that it lives in."""
    scope = function.__globals__
    name = str(scope.get("__name__"))
    if name.partition(".")[0] != "zerocross":
        return True
    module = sys.modules.get(name)
    if module is None or vars(module) is not scope:
        return True
    return _PACKAGE not in Path(function.__code__.co_filename).parents


def judge(called: Any, name: str = "") -> Words | None:
    """Return what stands against calling an object from a user's function; None for nothing.

    Parameters
    ----------
    called : object
        A function, a class, a primitive, a kernel.
    name : str
        How it is called there.

    """
    name = name or str(getattr(called, "__name__", type(called).__name__))
    if isinstance(called, Primitive):
        return _of_primitive(called)
    if isinstance(called, Callee):
        return None
    if str(type(called).__module__).partition(".")[0] == "numba":
        return f"calls {name}, which Numba made and of which nothing was proven", _AS_KERNEL
    root = module_of(called)
    if root in MODULES:
        return MODULES[root]
    if root == "builtins":
        return _of_builtin(called, name)
    if root == "numpy":
        return _of_numpy(called)
    if root in _ARITHMETIC:
        return None
    if root == "numba":
        return f"calls {name} of Numba, of which nothing was proven", _AS_KERNEL
    if isinstance(called, types.FunctionType):
        return f"uses {name}, which is not a kernel", "decorate it with @zerocross.kernel"
    if isinstance(called, type):
        if issubclass(called, tuple) and root != "zerocross":
            return None
        return f"makes an object of the class {name}", FIELD
    return f"calls {name}, a Python object", CONTROL


def module_of(called: Any) -> str:
    """Return the package that an object comes from: of a function its own, else of its class."""
    if isinstance(called, types.ModuleType):
        return called.__name__.partition(".")[0]
    if isinstance(called, _CFUNC | ctypes.CDLL):
        return "ctypes"
    of_class = isinstance(called, types.MethodType | types.BuiltinMethodType)
    owner = getattr(called, "__self__", None) if of_class else None
    if owner is not None and not isinstance(owner, types.ModuleType):
        return str(type(owner).__module__).partition(".")[0]
    name = getattr(called, "__module__", None) or type(called).__module__
    return str(name).partition(".")[0]


_CFUNC: Any = ctypes._CFuncPtr  # type: ignore[attr-defined]  # what every C function is one of


def _of_primitive(called: Primitive) -> Words | None:
    if type(called) is Primitive and called.name in _PRIMITIVES and not is_users(called.function):
        return None
    if called.name == "sleep_us":
        return MODULES["time"]
    if type(called) is not Primitive:
        return f"calls {called.name}: C or machine code of which nothing was proven", CONTROL
    if called.name in BY_ADDRESS or "address" in called.name:
        return _ADDRESS
    return f"calls {called.name}, which only Zerocross's own code may", LOOP


def _of_builtin(called: Any, name: str) -> Words | None:
    own = getattr(called, "__name__", name)
    if getattr(builtins, own, None) is called:
        return None if own in _BUILTINS else BUILTINS.get(own, ("needs Python objects", LOOP))
    return f"calls {name}, a Python object", CONTROL


def _of_numpy(called: Any) -> Words | None:
    own = getattr(called, "__name__", "")
    module = str(getattr(called, "__module__", "") or "")
    owner = getattr(called, "__self__", None)
    if any("random" in place for place in (module, *(type(o).__module__ for o in (owner, called)))):
        return MODULES["random"]
    if own in _NUMPY_BY_ADDRESS:
        return _ADDRESS
    if own in ARRAY_MAKERS:
        return "makes an array, which allocates", "use block.scratch(n), or " + LOOP
    return None


def said_of_kernel(name: str) -> Words:
    """Return the words for a kernel of ours that reaches memory by address."""
    return f"calls {name}: it {_ADDRESS[0]}", _ADDRESS[1]
