"""The proof: what may not reach the audio thread is refused with its line; the rest is not."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import zerocross
from zerocross import Chain, RealtimeError
from zerocross.compiler import Entry, entry, invoke, target
from zerocross.compiler.proof import allow_list, stack, verdict
from zerocross.compiler.proof.ir import Module

_numbers = itertools.count()

HEAD = """
import ctypes, math, os, random, sys, threading, time
import numpy as np
import zerocross
from zerocross.dsp.noise import next_seed, noise_of
from zerocross.compiler import invoke, monotonic_ns, sleep_us
from zerocross.dsp.gain import gain as scale
from zerocross.sources.links import sf_error
from zerocross.sources.links import provide_libsndfile

provide_libsndfile()

lock = threading.Lock()
table = np.sin(np.arange(64) / 10).astype(np.float32)
factor = 0.5


def plain(x):
    return x * 2


@zerocross.kernel
def double(x):
    return x * 2


@zerocross.kernel
def down(n):
    return 0 if n < 1 else down(n - 1)


@zerocross.processor
class Under:
    level: float = zerocross.param(0.5)
    total: float = 0.0
    other: float = 1.0
    count: int = 0
    seed: int = 1

    def prepare(self, sample_rate, channels, max_block):
        self.line = np.zeros((channels, 256), np.float32)
        self.wide = np.zeros(64)
        self.numbers = np.zeros(8, np.int64)

    def process(self, block):
        n = block.frames
        for c in range(block.channels):
            for i in range(n):
                block.output[c, i] = block.input[c, i]
"""


def load(folder, body):
    """Write a module with a processor and return its class, and the line marked ``# here``."""
    path = folder / f"user_{next(_numbers)}.py"
    text = HEAD + textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8) + "\n"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    marked = [k for k, line in enumerate(text.splitlines(), 1) if "# here" in line]
    return module.Under, path, marked


FORBIDDEN = {
    "array expression": "block.output[0] = block.input[0] * 0.5  # here",
    "array expression of two": "block.output[0] = block.input[0] + self.line[0, :n]  # here",
    "np.zeros": "x = np.zeros(n)  # here\nself.total = x[0]",
    "np.empty": "x = np.empty(4)  # here\nself.total = x[0]",
    "np.arange": "for i in np.arange(n):  # here\n    self.count += i",
    "np.sin of an array": "self.line[0] = np.sin(self.line[0])  # here",
    "np.concatenate": "x = np.concatenate((self.wide, self.wide))  # here\nself.total = x[0]",
    "copy": "x = block.input.copy()  # here\nself.total = x[0, 0]",
    "astype": "x = block.input.astype(np.float64)  # here\nself.total = x[0, 0]",
    "np.sort": "x = np.sort(self.wide)  # here\nself.total = x[0]",
    "np.dot": "x = np.dot(self.wide, self.wide)  # here\nself.total = x",
    "matrix product": "x = self.wide @ self.wide  # here\nself.total = x",
    "boolean index": "x = self.wide[self.wide > 0]  # here\nself.total = x.size",
    "fancy index": "x = self.wide[self.numbers]  # here\nself.total = x[0]",
    "list": "x = [1.0, 2.0]  # here\nself.total = x[0]",
    "list growth": "x = list()  # here\nx.append(1.0)\nself.total = x[0]",
    "list comprehension": "x = [i for i in range(n)]  # here\nself.count = len(x)",
    "dict": "x = {1: 2.0}  # here\nself.total = x[1]",
    "dict comprehension": "x = {i: i for i in range(n)}  # here\nself.count = len(x)",
    "set": "x = {1, 2}  # here\nself.count = len(x)",
    "set comprehension": "x = {i for i in range(n)}  # here\nself.count = len(x)",
    "generator expression": "self.count = sum(i for i in range(n))  # here",
    "generator": "yield n  # here",
    "string": "x = 'left'  # here\nself.count = len(x)",
    "f-string": "x = f'{n}'  # here\nself.count = len(x)",
    "str": "x = str(n)  # here\nself.count = len(x)",
    "bytes": "x = b'ab'  # here\nself.count = len(x)",
    "print": "print(n)  # here",
    "open": "open(n)  # here",
    "input": "input()  # here",
    "eval": "eval(n)  # here",
    "raise": "raise ValueError  # here",
    "assert": "assert n > 0  # here",
    "try": "try:  # here\n    self.count = n\nexcept Exception:\n    self.count = 0",
    "with": "with lock:  # here\n    self.count = n",
    "lambda": "x = lambda y: y  # here\nself.count = x(n)",
    "nested function": "def inner(y):  # here\n    return y\nself.count = inner(n)",
    "class": "class Inner:  # here\n    pass",
    "import": "import math as m  # here",
    "from import": "from math import sin  # here",
    "global": "global factor  # here\nfactor = 1.0",
    "del": "x = n\ndel x  # here",
    "np.random": "self.total = np.random.rand()  # here",
    "random": "self.total = random.random()  # here",
    "time.sleep": "time.sleep(0.001)  # here",
    "time.time": "self.total = time.time()  # here",
    "os": "self.count = os.getpid()  # here",
    "sys": "sys.stdout.flush()  # here",
    "ctypes": "ctypes.memset(n, 0, 4)  # here",
    "threading": "threading.Event().wait()  # here",
    "recursion": "self.process(block)  # here",
    "recursion of a kernel": "self.count = down(n)  # here",
    "plain function": "self.total = plain(self.total)  # here",
    "method": "self.prepare(1.0, 2, 3)  # here",
    "getattr": "self.total = getattr(self, n)  # here",
    "sorted": "x = sorted(self.wide)  # here\nself.total = x[0]",
    "big integer": "self.count = 123456789012345678901234567890  # here",
    "unknown field": "self.total = self.missing  # here",
    "unknown name": "self.total = missing  # here",
    "match": "match n:  # here\n    case 1:\n        self.count = 1",
    "await-like wait": "lock.acquire()  # here",
    "two types": "x = 1.0\nif n > 2:\n    x = (1, 2)  # here\nself.total = 1.0\nself.count = len(x)",
    "slices that may not fit": "self.line[0, :n] = block.input[0, :200]  # here",
    "walrus": "if (k := n // 2) > 1:  # here\n    self.count = k",
    "our own sleep": "sleep_us(1000)  # here",
    "our own reader": "self.count = sf_error(n)  # here",
    "a call by address": "self.count = invoke(n, n, n)  # here",
    "maximum of what may be empty": "self.total = self.wide[:n].max()  # here",
    "math that numba lacks": "self.total = math.remainder(self.total, 2.0)  # here",
}
MESSAGES = {
    "array expression": "allocates",
    "np.random": "generator",
    "print": "interpreter",
    "unknown field": "missing",
    "recursion": "calls itself",
    "plain function": "zerocross.kernel",
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_forbidden_things_are_refused_with_line_and_cure(tmp_path, name):
    made, path, marked = load(tmp_path, FORBIDDEN[name])
    with pytest.raises(RealtimeError) as caught:
        made().make_ready(48_000, 2, 512)
    message, finding = str(caught.value), caught.value.finding
    assert "\n" not in message
    assert finding.file == str(path)
    if name not in {"two types", "await-like wait", "recursion of a kernel"}:
        assert finding.line in marked, message
    assert f"{path}:{finding.line}" in message
    assert finding.reason
    assert finding.cure
    assert MESSAGES.get(name, "") in message


ALLOWED = {
    "the clock": "self.count = monotonic_ns()",
    "nothing": "",
    "arithmetic": "self.total = (self.total + 1.5) * 2 - 3 / 4 // 1 % 5",
    "integers": "self.count = (self.count * 3 + 1) % 1000 >> 1 | 1 & 7 ^ 2",
    "power": "self.total = abs(self.total) ** 2.5",
    "comparison": "self.count = 1 if n > 3 and self.total < 2.0 or not n else 0",
    "chained comparison": "self.count = int(0 < n < 100)",
    "math": "self.total = math.sin(0.1) + math.exp(-1) + math.sqrt(2) + math.log(3) + math.tanh(1)",
    "more math": "self.total = math.atan2(1, 2) + math.hypot(3, 4) + math.floor(2.5) + math.pi",
    "np scalars": "self.total = np.sin(self.total) + np.float32(1) + np.sqrt(2.0)",
    "np.abs of a scalar": "self.total = np.abs(self.total)",
    "min and max": "self.total = min(max(self.total, -1.0), 1.0)",
    "round": "self.count = round(2.5)",
    "division by zero": "self.total = 1.0 / (n - n)",
    "integer division by zero": "self.count = n // max(1, n - n)",
    "while": "k = n\nwhile k > 1:\n    k //= 2\nself.count = k",
    "break and continue": "for i in range(n):\n    if i == 3:\n        continue\n    if i > 5:\n        break",
    "for with a step": "for i in range(0, n, 4):\n    self.count += i",
    "backwards": "for i in range(n - 1, -1, -1):\n    self.count += i",
    "nested loops": "for i in range(4):\n    for j in range(4):\n        self.line[0, 4 * i + j] = i",
    "enumerate": "for i, x in enumerate(self.wide):\n    self.total += i * x",
    "zip": "for x, y in zip(self.wide, self.wide):\n    self.total += x * y",
    "over an array": "for x in self.wide:\n    self.total += x",
    "tuples": "a, b = 1.0, 2.0\na, b = b, a\nself.total = a - b",
    "a swap of fields": "self.total, self.other = self.other, self.total",
    "a number as another type": "self.count = np.float32(self.total).view(np.int32)",
    "an array as its own type": "x = self.wide.view(np.float64)\nself.total = x[0]",
    "tuple of numbers": "x = (1.0, 2.0, 3.0)\nself.total = x[1]",
    "global number": "self.total = factor",
    "global table": "self.total = table[n % 64]",
    "another kernel": "self.total = double(self.total)",
    "kernel over a row": "scale(block.output[0], 0.5)",
    "row view": "row = block.output[0]\nfor i in range(n):\n    row[i] = row[i] * 0.5",
    "slice": "part = self.wide[4:20]\nfor i in range(part.size):\n    part[i] = i",
    "fill by scalar": "self.wide[:] = 0.0",
    "fill a slice": "self.wide[2:5] = 1.0",
    "nested array": "self.line[0, n % 256] = self.level",
    "parameter": "self.total = self.level * 2",
    "assignment with an operator": "self.total += 1\nself.count -= 1\nself.total *= 0.5",
    "noise": "self.seed = next_seed(self.seed)\nself.total = noise_of(self.seed)",
    "scratch": "x = block.scratch(n)\nfor i in range(n):\n    x[i] = i",
    "scratch rows": "x = block.scratch(2, n)\nx[1, 0] = 1.0",
    "len and shape": "self.count = len(self.wide) + self.line.shape[1] + self.wide.size",
    "block's fields": "self.total = block.sample_rate + block.position + block.channels",
    "int and float": "self.count = int(self.total)\nself.total = float(self.count)",
    "bool": "self.count = bool(n)",
    "sum of an array": "self.total = self.wide.sum()",
    "complex number": "z = complex(1.0, 2.0)\nself.total = (z * z).real",
    "conditional": "if n > 10:\n    self.count = 1\nelif n > 5:\n    self.count = 2\nelse:\n    self.count = 3",
    "early return": "if n == 0:\n    return\nself.count = n",
    "pass": "pass",
    "bit tricks": "self.count = (self.count << 3) & 0xFF",
    "docstring": '"""What it does."""',
    "a string that stands alone": 'self.count = n\n"its words"',
    "ternary in an index": "self.wide[3 if n else 4] = 1.0",
    "wrapped index": "self.wide[(self.count + n) % 64] += 1.0",
    "np.pi": "self.total = self.total % (2 * np.pi)",
    "isfinite": "self.count = 1 if math.isfinite(self.total) else 0",
}


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed_things_are_accepted_and_run(tmp_path, name):
    body = ALLOWED[name]
    made, path, _ = load(tmp_path, body or "pass")
    one = made()
    chain = Chain(one)
    signal = np.random.default_rng(1).standard_normal((300, 2)).astype(np.float32)
    out = chain.render(signal, 48_000)
    assert out.shape == signal.shape
    assert one.verdict.file == str(path)
    assert one.verdict.stack_bytes < 4096
    assert chain.faults() == []
    if name == "while":
        assert "end depends on data" in one.verdict.warnings[0]


@zerocross.kernel
def fibonacci(n):
    if n < 2:
        return n
    return fibonacci(n - 1) + fibonacci(n - 2)


@zerocross.processor
class Recursive:
    count: int = 0

    def process(self, block):
        self.count = fibonacci(block.frames & 15)
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i]


def test_recursion_that_no_loop_replaces_is_refused():
    """It neither raises nor calls anything else. It is told at the kernel that recurs."""
    with pytest.raises(RealtimeError, match=r"`fibonacci\(n - 1\)` calls itself") as caught:
        Recursive().make_ready(48_000, 2, 512)
    assert caught.value.finding.line == fibonacci.function.__code__.co_firstlineno + 4


def module_of(calls):
    """Return IR of functions that call others: ``a:b,c`` is a function a that calls b and c."""
    functions = [part.partition(":") for part in calls.split()]
    named = [name for name, _, _ in functions]
    outside = {c for _, _, called in functions for c in called.split(",") if c} - set(named)
    declared = "".join(f"declare i64 @{name}(i64)\n" for name in sorted(outside))
    return declared + "\n".join(
        f"define internal i64 @{name}(i64 %x) {{\n"
        + "".join(
            f"  %r{k} = call i64 @{c}(i64 %x)\n" for k, c in enumerate(called.split(",")) if c
        )
        + "  ret i64 0\n}\n"
        for name, _, called in functions
    )


@pytest.mark.parametrize("calls", ["a:a", "a:b b:a", "a:b b:c c:b", "a: b:c,a c:d d:b"])
def test_a_function_that_comes_back_to_itself_is_refused(calls):
    with pytest.raises(RealtimeError, match="calls itself, directly or through others"):
        verdict._check_circles(Module(module_of(calls)), module_of)


@pytest.mark.parametrize("calls", ["a:", "a:b b:", "a:b,c b:d c:d d:", "a:sin b:a"])
def test_functions_that_do_not_are_accepted(calls):
    verdict._check_circles(Module(module_of(calls)), module_of)


X86, ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"


@pytest.mark.parametrize(
    ("triple", "assembly", "expected"),
    [
        (X86, "\tpushq\t%rbx\n\tpushq\t%r14\n\tsubq\t$1032, %rsp\n\tpopq\t%rbx", 16 + 1032),
        (X86, "\tsubq\t$8, %rsp\n\taddq\t$8, %rsp\n\tsubq\t$24, %rsp  # comment", 32),
        (X86, "\tsubq\t$8, %rax\n\tleaq\t16(%rsp), %rdi\n\tcmpq\t%rax, %rsp", 0),
        (X86, "\taddq\t$-128, %rsp\n\tsubq\t$-128, %rsp", 128),
        (X86, "\tmovq\t%rsp, %rbp\n\tandq\t$-64, %rsp\n\tleaq\t-40(%rbp), %rsp", 56),
        (X86, "\tleaq\t-8192(%rsp), %rsp\n\tmovq\t%rbp, %rsp\n\tretq", 8192),
        (X86, "\tsubq\t%rax, %rsp", None),
        (X86, "\tmovq\t%rax, %rsp", None),
        (X86, "\tsubq\t(%rdi), %rsp", None),
        (X86, "\txchgq\t%rsp, %rax", None),
        (ARM, "\tsub\tsp, sp, #48\n\tstp\tx20, x19, [sp, #32]\n\tadd\tsp, sp, #48", 48),
        (ARM, "\tstr\td8, [sp, #-48]!\n\tstp\tx30, x21, [sp, #16]\n\tldr\td8, [sp], #48", 48),
        (ARM, "\tstp\tx29, x30, [sp, #-96]!  // pair\n\tsub\tsp, sp, #2, lsl #12", 96 + 8192),
        (ARM, "\tsub\tx9, sp, #176\n\tand\tsp, x9, #0xffffffffffffffe0", 176 + 16),
        (ARM, "\tmov\tx29, sp\n\tmov\tsp, x29", 0),
        (ARM, "\tsub\tsp, sp, x9", None),
        (ARM, "\tmov\tsp, x8", None),
        (ARM, "\tstr\tx0, [sp, x1]!", None),
        (X86, "\tretq", 0),
        (ARM, "\tret", 0),
        ("riscv64-unknown-linux-gnu", "\tret", None),
    ],
)
def test_the_stack_is_counted(triple, assembly, expected):
    assert stack.stack_bytes(assembly, triple, 0, outside=False) == expected


def test_calls_take_stack_as_well():
    """On x86-64 each function that is called has an address to return to; outside is unknown."""
    assert stack.stack_bytes("\tretq", X86, 3, outside=False) == 24
    assert stack.stack_bytes("\tret", ARM, 3, outside=False) == 0
    assert stack.stack_bytes("\tret", ARM, 3, outside=True) == stack.OUTSIDE


def test_too_much_stack_and_stack_without_a_limit_are_refused():
    most, empty = verdict.MOST_STACK, Module("")
    here = dataclasses.replace(target.host(), triple=X86)

    def used(assembly):
        return verdict._stack_bytes(assembly, empty, here, module_of)

    assert used(f"\tsubq\t${most}, %rsp") == most
    with pytest.raises(RealtimeError, match=f"needs {most + 8} bytes of stack, more than {most}"):
        used(f"\tsubq\t${most}, %rsp\n\tpushq\t%rbx")
    with pytest.raises(RealtimeError, match="stack of a size that depends on data"):
        used("\tsubq\t%rcx, %rsp")


def test_the_proof_counts_the_stack(tmp_path, monkeypatch):
    body = "for i in range(n):\n    self.total += math.sin(i * self.level)"
    made, path, _ = load(tmp_path, body)
    one = made()
    one.make_ready(48_000, 2, 512)
    used = one.verdict.stack_bytes
    assert used > 0, "a loop that calls a function keeps something on the stack"
    monkeypatch.setattr(verdict, "MOST_STACK", used - 1)
    made, path, _ = load(tmp_path, body + "\nself.total += 1")
    with pytest.raises(RealtimeError, match=f"{path}:.* bytes of stack, more than {used - 1}"):
        made().make_ready(48_000, 2, 512)


def calls_by_address(address):
    return invoke(address, 0, 0)


def test_a_call_by_address_needs_leave():
    with pytest.raises(RealtimeError, match="calls through a pointer"):
        _ = entry("int64")(calls_by_address).address
    assert entry("int64", dispatches=True)(calls_by_address).verdict["calls"] == []


def test_the_check_refuses_calls_by_address_unless_told():
    ir = entry("int64")(calls_by_address).emit(target.host()).ir
    with pytest.raises(RealtimeError, match="calls through a pointer"):
        allow_list.check(Module(ir), "calls_by_address")
    assert allow_list.check(Module(ir), "calls_by_address", dispatches=True)["calls"] == []
    other = Module(ir.replace("zerocross_invoke", "somebody_elses_invoke"))
    with pytest.raises(RealtimeError, match="calls through a pointer"):
        allow_list.check(other, "calls_by_address", dispatches=True)


def test_the_catalogue_is_as_long_as_promised():
    assert len(FORBIDDEN) >= 40
    assert len(ALLOWED) >= 40


def test_verdicts_are_kept_with_the_code(tmp_path, monkeypatch):
    made, path, _ = load(tmp_path, "self.total += 1")
    one = made()
    one.make_ready(48_000, 2, 512)
    monkeypatch.setattr(Entry, "emit", lambda *_: pytest.fail("compiled again"))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    again = module.Under()
    again.make_ready(48_000, 2, 512)
    assert again.verdict == one.verdict


def test_wrong_classes_and_values_are_told(tmp_path):
    with pytest.raises(zerocross.UsageError, match="needs a method process"):

        @zerocross.processor
        class NoProcess:
            pass

    with pytest.raises(zerocross.UsageError, match="takes one block"):

        @zerocross.processor
        def two(block, other):
            pass

    with pytest.raises(zerocross.UsageError, match="within a finite range"):
        zerocross.param(5.0, 0.0, 1.0)
    made, _, _ = load(tmp_path, "pass")
    with pytest.raises(zerocross.UsageError, match="level=2: give 0 to 1"):
        made(level=2)
    with pytest.raises(zerocross.UsageError, match="did you mean level"):
        made(levl=1)
    with pytest.raises(zerocross.UsageError, match="write parentheses"):
        Chain(made)
    one = made()
    with pytest.raises(zerocross.UsageError, match="twice"):
        Chain(one, one).render(np.zeros(10), 48_000)


NOTEBOOK = """
import zerocross

@zerocross.processor
class Bad:
    def process(self, block):
        for c in range(block.channels):
            block.output[c] = block.input[c] * 2
"""


def test_the_line_is_found_in_a_notebook_cell(monkeypatch):
    """Notebooks keep the source of a cell in ``linecache``, under a name of their own."""
    import linecache

    name = "<ipython-input-7-0123456789ab>"
    lines = NOTEBOOK.splitlines(keepends=True)
    monkeypatch.setitem(linecache.cache, name, (len(NOTEBOOK), None, lines, name))
    space: dict[str, object] = {"__name__": "__main__"}
    exec(compile(NOTEBOOK, name, "exec"), space)
    with pytest.raises(zerocross.RealtimeError) as caught:
        zerocross.Chain(space["Bad"]()).render(np.ones(4), 48_000)
    words = str(caught.value)
    assert words.startswith(f"{name}:8: ") and "block.input[c] * 2" in words


def test_processors_of_a_prompt_play_and_are_refused_with_their_line():
    program = NOTEBOOK.strip().replace("\n\n", "\n").replace("* 2", "* 2\n")
    done = subprocess.run(
        [sys.executable, "-i", "-q"],
        input=program + "\nzerocross.Chain(Bad()).render([1.0], 48_000)\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "RealtimeError: <stdin>:" in done.stderr and "allocates" in done.stderr


@zerocross.processor
class Scratches:
    def process(self, block):
        room = block.scratch(4)
        for i in range(min(4, block.frames)):
            room[i] = block.input[0, i]
            block.output[0, i] = room[i]


def test_scratch_memory_is_proven_in_one_mode_after_another():
    """Numba keeps what it made of `Block.scratch` in the first one."""
    made = Scratches().unproven(48_000.0, 1, 64)
    for name in ("scalar", target.available()[-1], "scalar"):
        _, facts = verdict.examine(*made, target.level(name))
        assert facts["proven"]
