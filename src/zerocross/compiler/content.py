"""The content of a function: a digest of everything that its machine code is made of.

Numba freezes what a kernel names: globals, what a closure holds, default arguments, and what it
reaches through modules (``settings.GAIN``, ``helpers.smooth``). All of it is read here as the
bytecode names it, and hashed by value: exact numbers, arrays with type, shape and strides, classes
by what is compiled of them, kernels by their own content. Nothing of it depends on the process:
no address, no order of a set.

What cannot be hashed is *opaque*, such as a module that is handed on, or an intrinsic of the
user's: only its identity is known, so that the digest holds within this process, and code that is
made of it is never stored. Whatever is not known to be sound is opaque; this costs time only.

One file, because how each kind of value is read is one table, to be judged as a whole.
"""

from __future__ import annotations

import builtins
import dataclasses
import enum
import functools
import hashlib
import marshal
import struct
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from zerocross.compiler.bytecode import uses
from zerocross.compiler.callee import METHODS, HasContent

__all__ = ["Content", "content_of", "content_of_value", "read_once"]

#: Packages whose functions and classes are known by name: their versions are in the key.
_LIBRARIES = {"_operator", "builtins", "cmath", "math", "numba", "numpy", "operator"}
#: Numba's types that are told by their names alone.
_PLAIN_TYPES = {"Boolean", "Complex", "Float", "Integer"}


@dataclasses.dataclass(frozen=True)
class Content:
    """What a function is made of.

    Attributes
    ----------
    digest : bytes
        Equal for what gives equal code; with something opaque, within this process only.
    opaque : tuple
        What could not be hashed. Held, so that its identity is not given to another object.
    by_width : bool
        Whether the code may be another for another width of the target's registers.

    """

    digest: bytes
    opaque: tuple[Any, ...]
    by_width: bool


_known: ContextVar[dict[int, tuple[Any, Content]] | None] = ContextVar("known", default=None)


@contextmanager
def read_once() -> Iterator[None]:
    """Within the block, read each function once: its kernels are asked for at every call."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def content_of(function: Callable[..., Any]) -> Content:
    """Return the content of a function and of everything that it calls."""
    known = _known.get()
    if known is not None and id(function) in known:
        return known[id(function)][1]
    reader = _Reader()
    try:
        reader.function(function)
    except RecursionError:
        reader.unknown(function)
    content = reader.content()
    if known is not None:
        known[id(function)] = function, content
    return content


def content_of_value(value: Any) -> Content:
    """Return the content of any value that a function could name."""
    reader = _Reader()
    try:
        reader.value(value)
    except RecursionError:
        reader.unknown(value)
    return reader.content()


class _Reader:
    """Reads values into one digest; every item with its kind and length, so that none runs on."""

    def __init__(self) -> None:
        self.opaque: list[Any] = []
        self.by_width = False
        self._hash = hashlib.sha256()
        self._seen: dict[int, tuple[int, Any]] = {}

    def digest(self) -> bytes:
        return self._hash.digest()

    def content(self) -> Content:
        by_width = self.by_width or bool(self.opaque)
        return Content(self.digest(), tuple(self.opaque), by_width)

    def put(self, kind: str, data: bytes = b"") -> None:
        self._hash.update(f"{kind} {len(data)} ".encode() + data)

    def text(self, kind: str, *texts: str) -> None:
        for text in texts:
            self.put(kind, text.encode("utf-8", "surrogatepass"))

    def is_new(self, value: Any) -> bool:
        """Return whether an object comes for the first time; else put down which one it is."""
        if id(value) not in self._seen:
            self._seen[id(value)] = len(self._seen), value
            return True
        self.put("again", str(self._seen[id(value)][0]).encode())
        return False

    def value(self, value: Any) -> None:
        """Read any value that a kernel names."""
        read = _BY_TYPE.get(type(value)) or next(
            (read for kind, read in _BY_KIND if isinstance(value, kind)), _read_named
        )
        read(self, value)

    def items(self, kind: str, values: Iterable[Any]) -> None:
        values = tuple(values)
        self.put(kind, str(len(values)).encode())
        for value in values:
            self.value(value)

    def unknown(self, value: Any) -> None:
        """Put down an object that cannot be hashed."""
        self.opaque.append(value)
        self.put("opaque", str(id(value)).encode())

    def function(self, function: Any) -> None:
        """Read a function that is compiled: its code, its defaults, and all that it names."""
        if not isinstance(function, types.FunctionType):
            self.value(function)
        elif self.is_new(function):
            self.items("defaults", function.__defaults__ or ())
            self.value(function.__kwdefaults__)
            self.value(function.__code__)
            for use in uses(function.__code__):
                self.text(*use)
                self._used(function, *use)

    def _used(self, function: types.FunctionType, kind: str, *path: str) -> None:
        """Read what a function finds at the end of a path, through modules only."""
        name, *attributes = path
        scope = _cells(function) if kind == "free" else function.__globals__
        if kind == "opcode":
            self.unknown(function)
        elif name in scope:
            found = scope[name]
            try:
                for attribute in attributes:
                    if not isinstance(found, types.ModuleType):
                        break  # an attribute of a value, all of which is read
                    found = getattr(found, attribute)
            except Exception:  # noqa: BLE001  a module may make its attributes, and fail in any way
                self.unknown(found)
                return
            self.value(found)
        elif kind == "global" and hasattr(builtins, name):
            self.value(getattr(builtins, name))
        else:
            self.put("nothing")


def _cells(function: types.FunctionType) -> dict[str, Any]:
    """Return what a function's closure holds; a cell may be empty yet."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


# --- how each kind of value is read -----------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def _code_digest(code: types.CodeType) -> bytes | None:
    """Return the digest of a code object, which never changes; None with a strange constant."""
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars)
    reader = _Reader()
    reader.put("code", marshal.dumps((code.co_qualname, counts, names), 2))
    reader.put("code", code.co_code)
    reader.put("code", code.co_exceptiontable)
    reader.items("code", code.co_consts)
    return None if reader.opaque else reader.digest()


def _read_code(reader: _Reader, code: types.CodeType) -> None:
    digest = _code_digest(code)
    if digest is None:
        reader.unknown(code)
    else:
        reader.put("code", digest)


def _read_list(reader: _Reader, value: Any) -> None:
    if reader.is_new(value):
        reader.items("list", value)


def _read_dict(reader: _Reader, value: Any) -> None:
    if reader.is_new(value):
        reader.items("dict", (item for pair in value.items() for item in pair))


def _read_set(reader: _Reader, value: Any) -> None:
    """Read a set of plain values, whatever order they come in."""
    digests = []
    for item in value:
        if type(item) not in _IN_SETS:
            reader.unknown(value)
            return
        of_item = _Reader()
        of_item.value(item)
        digests.append(of_item.digest())
    reader.put(type(value).__name__, b"".join(sorted(digests)))


@functools.lru_cache(maxsize=1024)
def _dtype_digest(dtype: np.dtype[Any], *size: Any) -> bytes:
    reader = _Reader()
    if dtype.fields is not None:
        fields = [(name, *dtype.fields[name]) for name in dtype.names or ()]
        reader.items("record", (*size, *fields))
    elif dtype.subdtype is not None:
        reader.items("items", (*size, *dtype.subdtype))
    else:
        reader.items("dtype", size)
    return reader.digest()


def _read_dtype(reader: _Reader, dtype: np.dtype[Any]) -> None:
    size = (dtype.str, dtype.itemsize, dtype.alignment, dtype.isalignedstruct)
    reader.put("dtype", _dtype_digest(dtype, *size))


def _read_array(reader: _Reader, array: Any) -> None:
    if array.dtype.hasobject:
        reader.unknown(array)
        return
    shape = (array.shape, array.strides, array.flags.writeable, array.flags.aligned)
    reader.items("array", (array.dtype, *shape))
    reader.put(type(array).__qualname__, array.tobytes())


def _read_scalar(reader: _Reader, scalar: Any) -> None:
    if scalar.dtype.hasobject:
        reader.unknown(scalar)
        return
    reader.items("scalar", (scalar.dtype, scalar.tobytes()))


def _read_with_content(reader: _Reader, value: HasContent) -> None:
    content = value.content
    reader.by_width |= value.by_width
    if content is None:
        reader.unknown(value)
    else:
        reader.text("callee", type(value).__qualname__)
        reader.function(content)


def _read_member(reader: _Reader, member: enum.Enum) -> None:
    _read_class(reader, type(member))
    reader.text("member", member.name)


def _read_class(reader: _Reader, kind: Any) -> None:
    """Read a class, by what is compiled of its kind."""
    if not reader.is_new(kind):
        return
    name = f"{kind.__module__}.{kind.__qualname__}"
    if issubclass(kind, enum.Enum):
        members = kind.__members__.items()
        reader.items("enum", (name, *((key, member.value) for key, member in members)))
        reader.items("bases", (base.__qualname__ for base in kind.__mro__))
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        reader.items("tuple class", (name, kind._fields, getattr(kind, "_field_defaults", {})))
        for method, owners in sorted(METHODS.items()):
            reader.items(f"method {method}", owners.get(kind, ()))
    elif issubclass(kind, BaseException):
        reader.text("exception", name)
    else:
        _read_named(reader, kind)


def _read_named(reader: _Reader, value: Any) -> None:
    """Read what a library has under its name; anything else is opaque."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        _read_class(reader, type(value))
        reader.items("tuple", value)
    elif type(value).__module__ == "numba.core.types.scalars":
        plain = type(value).__name__ in _PLAIN_TYPES
        reader.text("type", value.name) if plain else reader.unknown(value)
    elif (name := _library_name(value)) is not None:
        reader.text("library", name)
    else:
        reader.unknown(value)


def _library_name(value: Any) -> str | None:
    """Return the name under which a library's module has this very object."""
    module: Any = getattr(value, "__module__", None) or "numpy"  # NumPy 1's ufuncs do not say it
    name: Any = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if isinstance(value, types.ModuleType):
        module, name = value.__name__, ""
    if not isinstance(module, str) or not isinstance(name, str):
        return None
    if module.partition(".")[0] not in _LIBRARIES:
        return None
    found: Any = sys.modules.get(module)
    for part in filter(None, name.split(".")):
        found = getattr(found, part, None)
    return f"{module}.{name}" if found is value else None


#: How values of exactly these types are read; a subclass may mean something else.
_BY_TYPE: dict[type, Callable[[_Reader, Any], None]] = {
    type(None): lambda reader, _: reader.put("None"),
    type(...): lambda reader, _: reader.put("..."),
    bool: lambda reader, value: reader.text("bool", str(value)),
    int: lambda reader, value: reader.text("int", format(value, "x")),
    float: lambda reader, value: reader.put("float", struct.pack("<d", value)),
    complex: lambda reader, v: reader.put("complex", struct.pack("<2d", v.real, v.imag)),
    str: lambda reader, value: reader.text("str", value),
    bytes: lambda reader, value: reader.put("bytes", value),
    tuple: lambda reader, value: reader.items("tuple", value),
    range: lambda reader, v: reader.items("range", (v.start, v.stop, v.step)),
    slice: lambda reader, v: reader.items("slice", (v.start, v.stop, v.step)),
    list: _read_list,
    dict: _read_dict,
    set: _read_set,
    frozenset: _read_set,
    types.CodeType: _read_code,
}
_IN_SETS = {type(None), bool, int, float, complex, str, bytes}
#: How values of these types and of what is made of them are read, the first that fits.
_BY_KIND: tuple[tuple[type, Callable[[_Reader, Any], None]], ...] = (
    (HasContent, _read_with_content),
    (enum.Enum, _read_member),
    (np.generic, _read_scalar),
    (np.ndarray, _read_array),
    (np.dtype, _read_dtype),
    (type, _read_class),
)
