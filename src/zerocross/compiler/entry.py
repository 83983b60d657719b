"""Entry points: kernels that C code, a device or a thread can call by address.

An entry is compiled as one module: the kernel, everything that it calls and a thin C
wrapper. The module is optimised as a whole, checked (`proof.allow_list`), turned into an
object file and cached. Those of Zerocross itself are compiled beforehand (`shipped`): they are
looked for there first, and neither Numba nor LLVM is imported. What was compiled here is loaded from
the cache with llvmlite alone.

The wrapper never touches Python. A fault inside the kernel comes out of it as a negative
return value, `FAULT` minus the status; callers that must not see it (device callbacks)
return nothing and contain faults themselves with `attempt`.

Over 300 lines: one class, from a function to an address, and its wrapper.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from zerocross.closing import free_in_forks
from zerocross.compiler import shipped, target
from zerocross.compiler.kernel import Kernel
from zerocross.compiler.mode import (
    CompilationMode,
    check_numba,
    compiler_off,
    require_compiler,
)
from zerocross.compiler.primitives.external import PROVIDED
from zerocross.errors import CompileError, KernelFault, TargetError

__all__ = ["FAULT", "Entry", "announce", "entry", "tell"]

#: A fault status ``s`` leaves an entry point as ``FAULT - s``.
FAULT = -(1 << 48)

_LLVM_TYPES = {"int64": "i64", "int32": "i32", "uint32": "i32", "float64": "double"}
_C_TYPES: dict[str, Any] = {
    "int64": ctypes.c_int64,
    "int32": ctypes.c_int32,
    "uint32": ctypes.c_uint32,
    "float64": ctypes.c_double,
}

#: Called with an entry's name before a compilation that takes a while; see `announce`.
_listeners: list[Callable[[str], None]] = []
_lock = free_in_forks(threading.RLock())


@contextmanager
def announce(listener: Callable[[str], None]) -> Iterator[None]:
    """Within the block, call `listener` with an entry's name when one has to be compiled."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def tell(name: str) -> None:
    """Tell those who listen that an entry is about to be compiled."""
    for listener in _listeners:
        listener(name)


class Entry:
    """A kernel with a C calling convention; made by `entry`.

    Calling it from Python calls the machine code through ctypes, which releases the GIL
    for as long as it runs.

    Attributes
    ----------
    name : str
        The C symbol.
    kernel : Kernel
        The kernel behind it.
    dispatches : bool
        Whether it calls other entries by address.
    checked : bool
        Whether every index is checked; set before the first use.
    strict_aliasing : bool
        Whether no memory is accessed as two types (`ir_passes.with_strict_aliasing`), which makes
        for better code; as `checked`.
    place : str or None
        The name of its code in the shipped library. None for what is not Zerocross's own; an entry
        that is made within a function has one only if it is given.

    """

    def __init__(
        self,
        function: Callable[..., Any],
        argument_types: tuple[str, ...],
        dispatches: bool = False,
    ) -> None:
        self.dispatches = dispatches
        self.checked = self.strict_aliasing = False
        self.kernel: Kernel[Any] = Kernel(function)
        self.name = f"zerocross_{function.__name__.strip('_')}"
        self.place: str | None = None
        self.__doc__ = function.__doc__
        self.argument_types = argument_types
        self._target: target.Target | None = None
        self._address = 0
        self._engine: Any = None
        self._call: Any = None
        self._verdict: dict[str, Any] = {}
        self._emitted_of: str | None = None

    def __repr__(self) -> str:
        return f"<entry {self.name}({', '.join(self.argument_types)})>"

    @property
    def function(self) -> Callable[..., Any]:
        """The Python function behind it."""
        return self.kernel.function

    @property
    def address(self) -> int:
        """The address of the machine code, compiled or loaded on first use."""
        if not self._address:
            require_compiler("audio without Python")
            with _lock:
                if not self._address:
                    self._load()
        return self._address

    @property
    def verdict(self) -> dict[str, Any]:
        """What the real-time check found: external calls and instruction count."""
        _ = self.address
        return self._verdict

    def __call__(self, *args: Any) -> int:
        """Run the entry.

        Raises
        ------
        KernelFault
            If the kernel ended with a fault status.

        """
        if self._call is None:
            if compiler_off():
                result = self.function(*args)
                return 0 if result is None else int(result)
            kind = ctypes.CFUNCTYPE(
                ctypes.c_int64, *(_C_TYPES[name] for name in self.argument_types)
            )
            self._call = kind(self.address)
        value: int = self._call(*args)
        if value < FAULT:
            raise KernelFault(self.name, FAULT - value)
        return value

    def mode(self, chosen: target.Target) -> CompilationMode:
        """Return the mode in which it is compiled for a target."""
        if self.checked:
            return "checked"
        return chosen.mode

    def emit(
        self, chosen: target.Target, look: Callable[[str, CompilationMode], None] | None = None
    ) -> target.Emitted:
        """Compile for a target and return object code and IR, without the cache.

        ``look`` is called with the module before anything is optimised, and its mode.
        """
        if not chosen.shared:
            self._emitted_of = self.key(chosen)
        ir = self.ir(chosen)
        if look is not None:
            look(ir, self.mode(chosen))
        return target.emit(self.closed(ir, chosen), chosen)

    def ir(self, chosen: target.Target) -> str:
        """Return its module for a target as Numba makes it, with its C function."""
        check_numba()
        from zerocross.compiler import frontend

        mode, taken = self.mode(chosen), list(self.argument_types)
        ir, symbol, returned = frontend.portable_ir(self.kernel, taken, mode)
        if returned not in ("int64", "none"):
            raise CompileError(f"{self.name} returns {returned}; return an int64 or nothing")
        return ir + self._wrapper(symbol)

    def closed(self, ir: str, chosen: target.Target) -> str:
        """Return its unoptimised module with elementary functions, closed but for itself."""
        from zerocross.compiler import ir_passes, linker

        whole = ir_passes.closed_world(linker.link_functions(ir, chosen), self.name)
        return ir_passes.with_strict_aliasing(whole) if self.strict_aliasing else whole

    def known_as(self, name: str) -> Entry:
        """Return the entry with another C symbol."""
        other = self._copy()
        other.name = name
        return other

    def _copy(self) -> Entry:
        other = Entry(self.function, self.argument_types, self.dispatches)
        other.checked, other.strict_aliasing = self.checked, self.strict_aliasing
        other.place = self.place
        return other

    def at(self, level: str) -> Entry:
        """Return the entry compiled for a level that this machine has, beside the default.

        Raises
        ------
        TargetError
            If the machine does not have it.

        """
        if level not in target.available():
            target.level(level)
            raise TargetError(
                f"this machine cannot run {level}; it has {', '.join(target.available())}"
            )
        other = self._copy()
        other._target = target.level(level)
        return other

    def _load(self) -> None:
        if self._take_shipped():
            return
        from zerocross.compiler import cache

        chosen = self._target or target.active()
        stored = cache.load(self.key(chosen))
        if stored is None:
            tell(self.name)
            self.adopt(*self._compile(chosen), chosen)
            return
        self._verdict = stored.facts
        self._link(stored.code, chosen)

    def _take_shipped(self) -> bool:
        """Take the code of the shipped library, if it is there; returns whether it is."""
        library = shipped.library()
        if library is None or self.checked:
            return False
        level = self._target.name if self._target else target.active_level()
        found = library.find(self.place or shipped.place_of(self.function), level)
        if found is None:
            return False
        self._address, self._verdict = found
        return True

    def _compile(self, chosen: target.Target) -> tuple[target.Emitted, dict[str, Any]]:
        from zerocross.compiler.proof import allow_list
        from zerocross.compiler.proof.ir import Module

        emitted = self.emit(chosen)
        return emitted, allow_list.check(Module(emitted.ir), self.name, self.dispatches)

    @property
    def is_stored(self) -> bool:
        """Whether its code is loaded, or was compiled before."""
        with _lock:
            if self._address or self._take_shipped():
                return True
        from zerocross.compiler import cache

        return cache.load(self.key(self._target or target.active())) is not None

    def compile_to_cache(self) -> None:
        """Compile it for another process: into the cache, without loading it."""
        chosen = self._target or target.active()
        self._store(*self._compile(chosen), chosen)

    def proven(self) -> dict[str, Any] | None:
        """Load code that was proven before; returns what the proof found, or None."""
        with _lock:
            if not self._address and not self._take_shipped():
                from zerocross.compiler import cache

                chosen = self._target or target.active()
                stored = cache.load(self.key(chosen))
                if stored is None or not stored.facts.get("proven"):
                    return None
                self._verdict = stored.facts
                self._link(stored.code, chosen)
            return self._verdict if self._verdict.get("proven") else None

    def key(self, chosen: target.Target) -> str | None:
        """Return the key of the entry's code in the cache; None if it cannot be kept there."""
        from zerocross.compiler import cache

        return cache.content_key(
            self.function,
            self.name,
            ",".join(self.argument_types),
            chosen.key,
            f"checked={self.checked} strict_aliasing={self.strict_aliasing}",
            f"dispatches={self.dispatches}",  # what was checked under another rule was not checked
        )

    def adopt(self, emitted: target.Emitted, facts: dict[str, Any], chosen: target.Target) -> None:
        """Take code that was compiled and checked already: store it and load it.

        It is not stored where a value that it froze has changed since its compilation began.
        """
        self._store(emitted, facts, chosen)
        self._verdict = facts
        self._link(emitted.object_code, chosen)

    def _store(self, emitted: target.Emitted, facts: dict[str, Any], chosen: target.Target) -> None:
        from zerocross.compiler import cache

        key = self.key(chosen)
        if key == self._emitted_of:
            cache.store(key, facts, emitted.object_code)

    def _link(self, code: bytes, chosen: target.Target) -> None:
        binding = target.llvm()
        for name, address in PROVIDED.items():
            binding.add_symbol(name, address)
        empty = binding.parse_assembly(f'target triple = "{chosen.triple}"')
        self._engine = binding.create_mcjit_compiler(empty, target.target_machine(chosen))
        self._engine.add_object_file(binding.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        self._address = self._engine.get_function_address(self.name)

    def _wrapper(self, symbol: str) -> str:
        """Return the C function around the kernel's native one."""
        arguments = [f"{_LLVM_TYPES[kind]} %a{i}" for i, kind in enumerate(self.argument_types)]
        passed = ", ".join(["ptr %result", "ptr %excinfo", *arguments])
        return _WRAPPER.format(
            name=self.name,
            arguments=", ".join(arguments),
            passed=passed,
            symbol=symbol,
            fault=FAULT,
        )


_WRAPPER = """
define i64 @{name}({arguments}) {{
  %result = alloca i64, align 8
  %excinfo = alloca ptr, align 8
  store i64 0, ptr %result, align 8
  store ptr null, ptr %excinfo, align 8
  %status = call i32 @{symbol}({passed})
  %good = icmp eq i32 %status, 0
  %none = icmp eq i32 %status, -2
  %fine = or i1 %good, %none
  %value = load i64, ptr %result, align 8
  %wide = sext i32 %status to i64
  %fault = sub i64 {fault}, %wide
  %out = select i1 %fine, i64 %value, i64 %fault
  ret i64 %out
}}
"""


def entry(*argument_types: str, dispatches: bool = False) -> Callable[[Callable[..., Any]], Entry]:
    """Turn a Python function into a C-callable entry point.

    Parameters
    ----------
    *argument_types : str
        ``int64`` (also for pointers), ``int32``, ``uint32`` or ``float64``, one for each
        argument. The function returns an int64 or nothing.
    dispatches : bool
        Whether it calls other entries by address (`invoke`).

    """

    def decorate(function: Callable[..., Any]) -> Entry:
        return Entry(function, argument_types, dispatches)

    return decorate
