"""More of what the proof refuses: seen by what things are, with the user's line and a way out.

Each entry is what stands at the top of the user's file, what stands in ``process``, and words of
the message. The line that it has to name is marked ``# here``. The second half of the tests runs
the same without source: the words are worse there, the verdict is the same.
"""

from __future__ import annotations

import importlib.util
import itertools
import textwrap

import numpy as np
import pytest

import zerocross
from zerocross import Chain, RealtimeError
from zerocross.errors import CompileError

pytestmark = pytest.mark.thorough
_numbers = itertools.count()

HEAD = """
import cmath, ctypes, math, operator, time
import numba
import numpy as np
import zerocross
from time import sleep as nap
from zerocross import compiler
from zerocross.compiler.primitives import vector as v
"""
CLASS = """

@zerocross.processor
class Under:
    level: float = zerocross.param(0.5)
    total: float = 0.0
    count: int = 0

    def prepare(self, sample_rate, channels, max_block):
        self.p, self.q = np.zeros(4), np.ones(4)
        self.line = np.zeros((channels, 64), np.float32)
        self.numbers = np.zeros(8, np.int64)

    def process(self, block):
        n = block.frames
        for c in range(block.channels):
            for i in range(n):
                block.output[c, i] = block.input[c, i]
"""


def written(top, body):
    """Return a module's text: a head, what is on top, and a processor with a body."""
    inside = textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8)
    return HEAD + textwrap.dedent(top) + CLASS + inside + "\n"


def load(folder, top, body):
    """Return a module that was written to a file, its path, and the lines marked ``# here``."""
    path = folder / f"refused_{next(_numbers)}.py"
    text = written(top, body)
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, path, [k for k, line in enumerate(text.splitlines(), 1) if "# here" in line]


def kernel(body, arguments="x"):
    return f"@zerocross.kernel\ndef inner({arguments}):\n{textwrap.indent(body, '    ')}\n"


INNER = "self.total = inner(self.total)"
C = "libc = ctypes.CDLL(None)\nusleep = libc.usleep\n"
TYPED_C = C + "usleep.argtypes, usleep.restype = [ctypes.c_uint], ctypes.c_int\n"

REFUSED = {
    # --- foreign code --------------------------------------------------------------------
    "a C function": (TYPED_C, "usleep(1000)  # here", "foreign"),
    "a C function of its library": (TYPED_C, "libc.usleep(1000)  # here", "foreign"),
    "a C function by another name": (TYPED_C + "rest = usleep", "rest(1000)  # here", "foreign"),
    "a C function in a kernel": (
        TYPED_C + kernel("usleep(9)  # here\nreturn x"),
        INNER,
        "foreign",
    ),
    "a C function as a local": (TYPED_C, "rest = usleep\nrest(1000)  # here", "foreign"),
    "a C prototype": (
        (
            "proto = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)\n"
            "root = proto(('sqrt', ctypes.CDLL('libm.so.6')))"
        ),
        "self.total = root(2.0)  # here",
        "foreign",
    ),
    "Numba's C callback": (
        "@numba.cfunc('float64(float64)')\ndef back(x):\n    return x\n",
        "self.total = back(self.total)  # here",
        "Numba",
    ),
    "Numba's own njit": (
        "@numba.njit\ndef fast(x):\n    return 2 * x\n",
        "self.total = fast(self.total)  # here",
        "zerocross.kernel",
    ),
    "Numba's vectorize": (
        "@numba.vectorize\ndef wide(x):\n    return 2 * x\n",
        "self.total = wide(self.total)  # here",
        "zerocross.kernel",
    ),
    "Numba's carray": (
        "from numba import carray",
        "self.total = carray(self.p, 3)[0]  # here",
        "Numba",
    ),
    "Numba's objmode": ("", "with numba.objmode():  # here\n    pass", "context"),
    "Numba's prange": ("", "for i in numba.prange(n):  # here\n    self.count += i", "Numba"),
    "Numba's literal_unroll": (
        "",
        "for x in numba.literal_unroll((1, 2.0)):  # here\n    self.total += x",
        "Numba",
    ),
    "an intrinsic": (
        (
            "from numba.extending import intrinsic\n\n@intrinsic\ndef one(context):\n"
            "    return numba.int64(), lambda c, b, s, a: c.get_constant(numba.int64, 1)\n"
        ),
        "self.count = one()  # here",
        "Numba",
    ),
    "a jitclass": (
        (
            "from numba.experimental import jitclass\n\n@jitclass([('x', numba.float64)])\n"
            "class Boxed:\n    def __init__(self):\n        self.x = 1.0\n"
        ),
        "self.total = Boxed().x  # here",
        "",
    ),
    "a typed list": ("", "x = numba.typed.List()  # here\nx.append(1)", "Numba"),
    # --- by another name -----------------------------------------------------------------
    "sleep by another name": ("", "nap(0.001)  # here", "may wait"),
    "sleep by an assigned name": ("wait = time.sleep", "wait(0.001)  # here", "may wait"),
    "sleep by a local name": ("", "wait = time.sleep\nwait(0.001)  # here", "may wait"),
    "a module by another name": ("import time as math2", "math2.sleep(0.1)  # here", "may wait"),
    "print by another name": ("show = print", "show(n)  # here", "interpreter"),
    "a method by another name": (
        "import random\ndraw = random.random",
        "self.total = draw()  # here",
        "generator",
    ),
    "a generator's method": (
        "rng = np.random.default_rng(1)",
        "self.total = rng.random()  # here",
        "generator",
    ),
    "a Python object": (
        "class Thing:\n    def go(self):\n        return 1\nthing = Thing()",
        "self.count = thing.go()  # here",
        "thing.go",
    ),
    "a class": ("class Thing:\n    pass", "Thing()  # here", "object of the class"),
    "a partial": (
        "import functools\nless = functools.partial(max, 1)",
        "self.count = less(n)  # here",
        "less",
    ),
    "a bound logger": (
        "import logging\nlog = logging.getLogger('x')",
        "log.info(n)  # here",
        "system",
    ),
    "a function of another of our modules": (
        "from zerocross.units import db_to_gain as to_gain",
        "self.total = to_gain(self.total)  # here",
        "not a kernel",
    ),
    # --- kernels -------------------------------------------------------------------------
    "a list in a kernel": (kernel("y = [x]  # here\nreturn y[0]"), INNER, "list"),
    "an array in a kernel": (kernel("y = np.zeros(3)  # here\nreturn x + y[0]"), INNER, "array"),
    "a sleep in a kernel": (kernel("nap(0.1)  # here\nreturn x"), INNER, "may wait"),
    "a raise in a kernel": (kernel("raise ValueError  # here"), INNER, "exception"),
    "a kernel in a kernel": (
        kernel("print(x)  # here\nreturn x")
        + "\n@zerocross.kernel\ndef outer(x):\n    return inner(x)\n",
        "self.total = outer(self.total)",
        "interpreter",
    ),
    "an array expression in a kernel": (
        kernel("y = x * 2  # here\nreturn y[0]"),
        "self.total = inner(self.p)",
        "allocates",
    ),
    "a matrix product in a kernel": (
        kernel("return x @ x  # here"),
        "self.total = inner(self.p)",
        "",
    ),
    "two kernels that call each other": (
        (
            "@zerocross.kernel\ndef even(n):\n    return n == 0 or odd(n - 1)\n\n"
            "@zerocross.kernel\ndef odd(n):\n    return n != 0 and even(n - 1)  # here\n"
        ),
        "self.count = even(n)",
        "calls itself",
    ),
    "a kernel that grows its types": (
        kernel("return inner((x,))  # here"),
        INNER,
        "calls itself",
    ),
    "a coroutine kernel": (
        "@zerocross.kernel\nasync def inner(x):  # here\n    return x\n",
        INNER,
        "coroutine",
    ),
    "a generator kernel": (
        kernel("yield x  # here"),
        "for y in inner(1.0):\n    self.total += y",
        "generator",
    ),
    "a keyword-only kernel": (
        "@zerocross.kernel\ndef inner(x, *, y=1.0):  # here\n    return x\n",
        INNER,
        "keyword",
    ),
    "a kernel with a string for a default": (
        "@zerocross.kernel\ndef inner(x, y='a'):  # here\n    return x\n",
        INNER,
        "default",
    ),
    "a kernel with too many arguments": (
        kernel("return x"),
        "self.total = inner(1.0, 2.0)  # here",
        "arguments",
    ),
    "a kernel with too few": (kernel("return x"), "self.total = inner()  # here", "arguments"),
    "a kernel of a wrong kind": (
        kernel("return x[0]  # here"),
        INNER,
        "",
    ),
    "a kernel chosen at run time": (
        kernel("return x") + "\n@zerocross.kernel\ndef other(x):\n    return -x\n",
        "f = inner if n > 2 else other  # here\nself.total = f(self.total)",
        "",
    ),
    "a kernel that swaps arrays": (
        kernel("x.p, x.q = x.q, x.p  # here\nreturn 0", "x"),
        "inner(self)",
        "copies",
    ),
    # --- memory by address ---------------------------------------------------------------
    "memory by address": (
        "from zerocross.compiler import float32_array",
        "self.total = float32_array(64, 10)[0]  # here",
        "address",
    ),
    "memory through a module": ("", "x = compiler.int64_array(8, 2)  # here\nx[0] = 1", "address"),
    "a record by address": (
        "from zerocross.memory.arena import ARENA",
        "self.count = compiler.record_at(8, ARENA).used  # here",
        "address",
    ),
    "an address": ("", "self.count = compiler.array_address(self.p)  # here", "address"),
    "an address of the state": ("", "self.count = compiler.address_of(self)  # here", "address"),
    "memory by address in a kernel": (
        kernel("return compiler.float64_array(x, 1)[0]  # here"),
        "self.total = inner(n)",
        "address",
    ),
    "memory by address, aliased": (
        "peek = compiler.float64_array",
        "f = peek\nself.total = f(n, 1)[0]  # here",
        "address",
    ),
    "a kernel of ours that takes addresses": (
        "from zerocross.memory.arena import arena_take",
        "self.count = arena_take(self, 4)  # here",
        "",
    ),
    "attempt": (kernel("return x"), "self.count = compiler.attempt(inner, 1.0)  # here", "attempt"),
    "the float mode": ("", "compiler.restore_float_mode(-1)  # here", "only Zerocross's own"),
    "a C function of ours": ("", "self.count = compiler.thread_number(0)  # here", "proven"),
    "a C function declared": (
        "getpid = compiler.external('getpid', 'l', lambda _: 0)",
        "self.count = getpid(0)  # here",
        "proven",
    ),
    "machine code": (
        (
            "from zerocross.compiler.primitives.assembly import assembly\n\n"
            "@assembly({'x86_64': ('nop', 'r'), 'aarch64': ('nop', 'r')}, 'l')\ndef nop(x):\n    pass\n"
        ),
        "nop(n)  # here",
        "machine code",
    ),
    "strides": (
        "from numpy.lib.stride_tricks import as_strided",
        "x = as_strided(self.p, (100000,), (8,))  # here\nself.total = x[0]",
        "address",
    ),
    "an array's address": ("", "self.count = self.p.ctypes.data  # here", ""),
    "a block of its own": (
        "from zerocross.graph.block import Block",
        "b = Block(block.input, block.output, n, 1, 1.0, 0, 8, block.events)  # here\nb.scratch(4)",
        "",
    ),
    "the block's arena": ("", "self.count = block.arena  # here", "arena"),
    # --- fields --------------------------------------------------------------------------
    "a hidden field written": ("", "self._queue = 8  # here", "field"),
    "a hidden field read": ("", "self.total = self._value[0]  # here", "field"),
    "a hidden array written": ("", "self._left[0] = 9  # here", "field"),
    "a hidden field by a local name": ("", "s = self\ns._queue = 8  # here", "field"),
    "a hidden field in a kernel": (
        kernel("x._queue = 8  # here\nreturn 0"),
        "inner(self)",
        "field",
    ),
    "a hidden field by getattr": ("", "self.count = getattr(self, '_queue')  # here", ""),
    "a hidden field by a string": ("", "self.count = self['_queue']  # here", "string"),
    "a hidden field by an atomic": (
        "",
        "self.count = compiler.exchange(self, '_queue', 8)  # here",
        "string",
    ),
    "an array swap": ("", "self.p, self.q = self.q, self.p  # here", "copies"),
    "an array field assigned": ("", "self.p = self.q  # here", "copies"),
    "an array as another type": (
        "",
        "x = self.line[0].view(np.int32)  # here\nx[0] = 1\nself.total = self.line[0, 0]",
        "another type",
    ),
    "an array as another type in a kernel": (
        kernel("y = x.view(np.int64)  # here\nreturn y[0]"),
        "self.count = inner(self.p)",
        "another type",
    ),
    "a field of a list": ("", "self.things = [1]  # here", "list"),
    "a field that is not declared": ("", "self.other = 1.0  # here", "other"),
    "an array for a number": ("", "self.total = self.p  # here", ""),
    "a number for an array": ("", "self.p = 1.0  # here", ""),
    # --- types and names -----------------------------------------------------------------
    "a name before its value": ("", "if n > 1:\n    k = 1.0\nself.total = m  # here\nm = 1", ""),
    "None": ("", "x = None\nself.total = x + 1  # here", ""),
    "an index that is a float": ("", "self.total = self.p[0.5]  # here", ""),
    "too many indices": ("", "self.total = self.p[0, 1]  # here", ""),
    "an unknown method": ("", "self.total = self.p.mittel()  # here", ""),
    "an unknown attribute of math": ("", "self.total = math.sinn(1.0)  # here", ""),
    "an array compared": ("", "if self.p > 0:  # here\n    self.count = 1", ""),
    "a call of a number": ("", "self.total = self.level(2)  # here", ""),
    "star arguments": (kernel("return x"), "self.total = inner(*(1.0,))  # here", "unpacks"),
    "an async loop": ("", "async def f():  # here\n    pass", "coroutine"),
    "a table of strings": (
        "names = np.array(['a', 'b'])",
        "self.count = names.size",
        "names",
    ),
    "a table of objects": (
        "things = np.array([None, 1], dtype=object)",
        "self.count = things.size",
        "things",
    ),
    "a table that is too large": (
        "large = np.zeros(1 << 22)",
        "self.total = large[n]",
        "prepare",
    ),
    "a tuple that is too long": ("many = (1,) * 5000", "self.total = many[3]", "tuple"),
}
#: What is told of the function as a whole.
OF_WHOLE = {
    "a table of strings",
    "a table of objects",
    "a table that is too large",
    "a tuple that is too long",
}


def refused(one):
    """Return the error that refuses a processor, after a look at how it is told."""
    with pytest.raises(RealtimeError) as caught:
        one.make_ready(48_000, 2, 512)
    message, finding = str(caught.value), caught.value.finding
    assert "\n" not in message
    assert "nopython" not in message and "numba.core" not in message
    assert caught.value.__cause__ is None
    assert finding.reason and finding.cure
    return message, finding


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_at_its_line_with_a_cure(tmp_path, name):
    top, body, words = REFUSED[name]
    module, path, marked = load(tmp_path, top, body)
    message, finding = refused(module.Under())
    assert finding.file == str(path), message
    if name not in OF_WHOLE:
        assert finding.line in marked, message
    assert message.startswith(f"{path}:{finding.line}: ")
    assert words in message


WITHOUT_SOURCE = (
    *("a C function by another name", "a C function in a kernel", "Numba's own njit"),
    *("an intrinsic", "a kernel chosen at run time", "memory through a module"),
    *("memory by address, aliased", "a C function declared", "machine code", "strides"),
    *("a block of its own", "a hidden field written", "a hidden field by getattr"),
    *("a hidden field by an atomic", "an array swap", "an array as another type"),
    *("two kernels that call each other", "a kernel that grows its types", "a coroutine kernel"),
)


@pytest.mark.parametrize("name", WITHOUT_SOURCE)
def test_the_same_is_refused_without_any_source(name):
    """What the source says gives words; what the objects are decides."""
    top, body, _ = REFUSED[name]
    space = {"__name__": "nowhere"}
    exec(compile(written(top, body), "<nowhere>", "exec"), space)
    message, _ = refused(space["Under"]())
    assert message.startswith("<nowhere>:")


STATEMENTS = {
    "async def": ("async def process(self, block):\n    pass", "is a coroutine"),
    "generator": ("def process(self, block):\n    yield", "is a generator"),
    "no value": (
        "def process(self, block):\n    block.output[0, 0] = later\n",
        "uses later, which has no value yet",
    ),
    "too long": (
        "def process(self, block):\n" + "    block.output[0, 0] = block.input[0, 0]\n" * 2000,
        "is too long to be compiled",
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_what_is_no_function_to_run_is_refused(name):
    """Each as the method of a class within a function, which has a closure."""
    text, words = STATEMENTS[name]
    made = textwrap.indent(
        f"@zerocross.processor\nclass Under:\n{textwrap.indent(text, '    ')}", " " * 4
    )
    whole = f"def make():\n{made}\n    return Under\n    later = 1.0\n"
    space = {"__name__": "nowhere", "zerocross": zerocross}
    exec(compile(whole, "<nowhere>", "exec"), space)
    message, _ = refused(space["make"]()())
    assert words in message


def test_numbers_of_fields_are_swapped():
    """Plain numbers, on a line of a tuple, become each other's."""

    @zerocross.processor
    class Swapped:
        a: float = 1.0
        b: float = 2.0

        def process(self, block):
            self.a, self.b = self.b, self.a
            for c in range(block.channels):
                for i in range(block.frames):
                    block.output[c, i] = self.a

    one = Swapped()
    assert Chain(one).render(np.zeros(8), 48_000).tolist() == [2.0] * 8
    assert (one.a, one.b) == (2.0, 1.0)


def kernels_of_a_user():
    @zerocross.kernel
    def first(x):
        return x[0]

    @zerocross.kernel
    def outer(x):
        return first(x) + 1

    return first, outer


@pytest.mark.parametrize("argument", ["text", 5, None, object(), {1: 2}])
def test_a_kernel_that_cannot_be_compiled_says_so_in_one_line(argument):
    first, outer = kernels_of_a_user()
    for kernel in (first, outer):
        if argument == "text" and kernel is first:
            continue  # the first letter of a text: it can
        with pytest.raises(CompileError) as caught:
            kernel(argument)
        assert "\n" not in str(caught.value) and "nopython" not in str(caught.value)
        assert str(caught.value).startswith(__file__)
        assert caught.value.finding.cure


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a"]),
        np.array([None], object),
        np.array(["2026-01-01"], "M8[D]"),
        np.zeros(2, np.float16),
        np.zeros(2, np.longdouble),
        np.zeros(2, [("x", "f8"), ("_y", "i8")]),
    ],
)
def test_a_field_of_an_odd_kind_is_refused_by_its_name(array):
    @zerocross.processor
    class Odd:
        def prepare(self, sample_rate, channels, max_block):
            self.odd = array

        def process(self, block):
            block.output[0, 0] = 0.0

    with pytest.raises(zerocross.UsageError, match=r"Odd.odd: an array of .*; give it") as caught:
        Odd().make_ready(48_000, 2, 512)
    assert "\n" not in str(caught.value)


def test_the_catalogue_grew_as_promised():
    assert len(REFUSED) >= 60
