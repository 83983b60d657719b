"""A system library of the tests' own, called through the C calling convention.

A function has the prototype that the system's documentation gives, and the code under test calls
it by the prototype that it declares itself: a forgotten ``restype`` cuts a handle to 32 bits here
as it does there, and a type of another size fails at once.
"""

import contextlib
import ctypes


class FakeLibrary:
    """The functions of `machine`, a Python object, behind C functions of `prototypes`."""

    def __init__(self, machine, prototypes):
        self._machine, self._prototypes = machine, prototypes

    def __getattr__(self, name):
        if name not in self._prototypes or name in self._machine.missing:
            raise AttributeError(name)
        return FakeFunction(self._machine, name, *self._prototypes[name])


class FakeFunction:
    """One C function; what it is called with is noted in ``machine.calls``."""

    def __init__(self, machine, name, result, *arguments):
        self._machine, self._name = machine, name
        self._result, self._arguments = result, arguments
        self.argtypes, self.restype = None, ctypes.c_int

    def __call__(self, *arguments):
        declared = sizes(self.restype, *(self.argtypes or ()))
        assert declared == sizes(self._result, *self._arguments), f"{self._name} is declared wrong"
        raised = []

        def body(*received):
            try:
                self._machine.calls.append((self._name, *received))
                if self._name in self._machine.refused:
                    return self._machine.refuse(self._name)
                return getattr(self._machine, self._name)(*received)
            except Exception as error:
                raised.append(error)
                return 0

        kind = ctypes.CFUNCTYPE(self._result, *self._arguments, use_errno=True)
        compiled = kind(body)
        address = ctypes.cast(compiled, ctypes.c_void_p).value
        call = ctypes.CFUNCTYPE(self.restype, *self.argtypes, use_errno=True)(address)
        found = call(*arguments)
        if raised:
            raise raised[0]
        return found


def sizes(*kinds):
    return [kind and ctypes.sizeof(kind) for kind in kinds]


@contextlib.contextmanager
def nothing_else(machine, *names):
    """Expect these calls, in this order, and no others."""
    machine.calls.clear()
    yield
    assert [call[0] for call in machine.calls] == list(names)
