"""A program of small entries, one for each way in which a kernel can come by a value.

`write` makes it in a folder, as it was first or as it was edited; run, it prints what each entry
returns, by name. `EDITED` has, for each, the file, what stood there, and what stands there then.
"""

import ast

FILES = {
    "settings.py": """
import enum
from typing import NamedTuple
import numpy as np
class Mode(enum.IntEnum):
    SLOW = 1
    FAST = 3
class Pair(NamedTuple):
    left: int
    right: int
GAIN = 2
ZERO = 0.0
PAIR = Pair(4, 5)
GRID = np.arange(6, dtype=np.int32).reshape(2, 3)
WORDS = np.array([1, 0, 7, 0], np.int32)
ORDER = np.array([[1, 2], [3, 4]], np.int64)
LONG = (np.zeros(3000, np.int64), np.ones(3000, np.int64))
LONG[0][1500] = 6
""",
    "deep/__init__.py": "",
    "deep/inner.py": "GAIN = 20",
    "helpers.py": """
from zerocross.compiler import kernel
@kernel
def smooth(x):
    return x + 30
@kernel
def one(x):
    return x + 1
@kernel
def two(x):
    return x + 2
@kernel
def with_default(x, gain=40):
    return x + gain
x_third = one
""",
    "left.py": """
from numba.core import types
from numba.extending import intrinsic
@intrinsic
def answer(context, x):
    return types.int64(types.int64), lambda c, b, s, a: c.get_constant(types.int64, 60)
""",
    "right.py": """
from numba.core import types
from numba.extending import intrinsic
@intrinsic
def answer(context, x):
    return types.int64(types.int64), lambda c, b, s, a: c.get_constant(types.int64, 61)
""",
    "main.py": """
import json, sys
import numpy as np
import settings, deep.inner, helpers
from settings import GRID, LONG, ORDER, PAIR, WORDS, ZERO, Mode
from helpers import one, two, x_third, with_default
from zerocross.compiler import entry, kernel

def made_with(modules):
    @entry("int64")
    def by_closure(x):
        return x + modules.inner.GAIN
    return by_closure

@entry("int64")
def by_module(x):
    return x + settings.GAIN
@entry("int64")
def nested(x):
    return x + deep.inner.GAIN
@entry("int64")
def kernel_by_module(x):
    return helpers.smooth(x)
@entry("int64")
def default(x):
    return with_default(x)
@entry("int64")
def shape(x):
    return x + 10 * GRID.shape[0] + GRID.shape[1]
@entry("int64")
def dtype(x):
    return x + np.int64(WORDS[0]) + WORDS.size
@entry("int64")
def strides(x):
    return x + ORDER.strides[0]
@entry("int64")
def long_tuple(x):
    return x + LONG[0][1500]
@entry("int64")
def zero(x):
    return x + np.int64(np.signbit(ZERO))
@entry("int64")
def named_tuple(x):
    return x + 10 * PAIR.left + PAIR.right
@entry("int64")
def enumeration(x):
    return x + (1 if Mode.FAST == 3 else 0)
@entry("int64")
def same_again(x):
    return 100 * one(x) + 10 * two(x) + x_third(x)
by_closure = made_with(deep)
if "without intrinsic" not in sys.argv:
    from left import answer
    @entry("int64")
    def intrinsic(x):
        return answer(x)
found = {name: made(0) for name, made in list(vars().items()) if hasattr(made, "argument_types")}
print(json.dumps(found | {"numba": "numba" in sys.modules}))
""",
}

EDITED = {
    "by_module": ("settings.py", "GAIN = 2", "GAIN = 3", 2, 3),
    "nested": ("deep/inner.py", "GAIN = 20", "GAIN = 21", 20, 21),
    "by_closure": ("deep/inner.py", "GAIN = 20", "GAIN = 21", 20, 21),
    "kernel_by_module": ("helpers.py", "x + 30", "x + 31", 30, 31),
    "default": ("helpers.py", "gain=40", "gain=41", 40, 41),
    "shape": ("settings.py", "reshape(2, 3)", "reshape(3, 2)", 23, 32),
    "dtype": ("settings.py", "[1, 0, 7, 0], np.int32)", "[1, 7], np.int64)", 5, 3),
    "strides": ("settings.py", "[[1, 2], [3, 4]], np.int64", "[[1, 2], [3, 4]], np.int64, order='F'", 16, 8),
    "long_tuple": ("settings.py", "[1500] = 6", "[1500] = 8", 6, 8),
    "zero": ("settings.py", "ZERO = 0.0", "ZERO = -0.0", 0, 1),
    "named_tuple": ("settings.py", "    left: int\n    right: int", "    right: int\n    left: int", 45, 54),
    "enumeration": ("settings.py", "FAST = 3", "FAST = 4", 1, 0),
    "same_again": ("helpers.py", "x_third = one", "x_third = two", 121, 122),
    "intrinsic": ("main.py", "from left", "from right", 60, 61),
}  # fmt: skip


def write(folder, edited=False):
    for name, text in FILES.items():
        for file, before, after, *_ in EDITED.values() if edited else ():
            text = text.replace(before, after) if file == name else text
        ast.parse(text)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
