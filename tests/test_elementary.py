"""Elementary functions: special values, accuracy, the same bits everywhere, loops without calls."""

from __future__ import annotations

import ast
import concurrent.futures
import functools
import importlib
import math
import pkgutil
import re
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.ulps import document, survey  # noqa: E402
from benchmarks.ulps.arguments import all_patterns, edges, sample  # noqa: E402
from benchmarks.ulps.calls import loop_of, plain_loop, run, vector_loop  # noqa: E402
from benchmarks.ulps.errors import (  # noqa: E402
    Worst,
    worst_against_mpfr,
    worst_against_numpy,
    worst_db,
)
from benchmarks.ulps.functions import BY_NAME, Function, Registered, registered  # noqa: E402

from annex_f import SPECIAL, value_of  # noqa: E402
from conftest import EACH_LEVEL  # noqa: E402
from test_neon import foreign  # noqa: E402, F401
from zerocross.compiler import (  # noqa: E402
    elementary,
    entry,
    float32_array,
    float64_array,
    int64_array,
    kernel,
    target,
)
from zerocross.compiler.functions import FUNCTIONS, computes  # noqa: E402
from zerocross.compiler.primitives.float_mode import (  # noqa: E402
    flush_denormals,
    restore_float_mode,
)
from zerocross.compiler.primitives.vector import (  # noqa: E402
    any_lane,
    bit_cast,
    f32,
    f64,
    i32,
    i64,
    select,
)
from zerocross.compiler.proof import allow_list  # noqa: E402
from zerocross.compiler.proof.ir import Module  # noqa: E402

EXACT = [one for one in registered() if not one.function.is_fast]
FAST = [one for one in registered() if one.function.is_fast]
REGISTERED = [*EXACT, *FAST]
# By the scope all tests of a function run one after the other: its code is compiled once.
each = pytest.mark.parametrize("one", REGISTERED, ids=repr, scope="module")
each_exact = pytest.mark.parametrize("one", EXACT, ids=repr, scope="module")

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


# --- stand-ins: what the tools have to see -------------------------------------------------------

DOUBLE = Function("double", lambda x: 2.0 * x, lambda x: 2 * x, ((-1.0, 1.0),), bound=0.5)
SUM = Function("sum", np.add, lambda x, y: x + y, ((-1.0, 1.0),) * 2)


@kernel
def doubled(x):
    return x + x


@kernel
def doubled_astray(x):
    """2 x, but 3 ulp beside it from 1000 to 1008: 1 in 32,768 of all float32 lies there."""
    y = x + x
    off = bit_cast(f32, bit_cast(i32, y) + 3)
    return select((x >= 1000.0) & (x < 1008.0), off, y)


@kernel
def doubled_astray_64(x):
    """2 x, but 3 ulp beside it from 520 to 1000."""
    y = x + x
    return select((x >= 520.0) & (x < 1000.0), bit_cast(f64, bit_cast(i64, y) + 3), y)


@kernel
def added(x, y):
    return x + y


@kernel
def added_astray(x, y):
    """x + y, but 3 ulp beside it where y is a quarter to a half of x."""
    z = x + y
    off = bit_cast(f32, bit_cast(i32, z) + 3)
    return select((x > 0.0) & (y > 0.25 * x) & (y < 0.5 * x) & (z < 1e38), off, z)


@kernel
def by_its_neighbours(x):
    """2 x, but beside it where another lane of the vector is above 1000."""
    y = x + x
    if any_lane(x > 1000.0):
        y = bit_cast(f32, bit_cast(i32, y) + 1)
    return y


def stood_in(function, kind, body):
    return Registered(function, kind, body)


# --- calls ----------------------------------------------------------------------------------------

BEST = target.available()[-1]


@functools.cache
def compiled(loop, level):
    """Return a loop for a level with its code, compiled once."""
    made, chosen = loop.at(level), target.level(level)
    emitted = made.emit(chosen)
    made.adopt(emitted, allow_list.check(Module(emitted.ir), made.name), chosen)
    return made, emitted.ir


def found_by(one, *arrays, level=BEST):
    """Return a function's results by a loop as users write it."""
    return run(compiled(loop_of(one), level)[0], *arrays)


# --- accuracy -------------------------------------------------------------------------------------


def worst_of(one, count):
    """Return the worst error over a stratified sample and all edges."""
    arrays = sample(one.function, one.dtype, count)
    special = edges(one.dtype)
    if one.function.arguments == 1:
        ends = [special]
    else:
        rng = np.random.default_rng(2)
        ends = [special, rng.permutation(special)]
    arrays = [np.concatenate(pair) for pair in zip(arrays, ends, strict=True)]
    return worst_of_type(one)(one.function, arrays, found_by(one, *arrays))


def worst_of_type(one):
    return worst_against_numpy if one.dtype == F32 else worst_against_mpfr


def size_of(one):
    """Return how many arguments the suite tries."""
    if one.dtype == F64:
        return 20_000
    return 1 << 20 if one.function.arguments == 1 else 1 << 18


@each_exact
def test_a_function_is_within_its_bound(one):
    worst = worst_of(one, size_of(one))
    assert worst.error <= one.function.bound_of(one.dtype), worst


@pytest.mark.soak
@pytest.mark.timeout(6 * 3600)
@each_exact
def test_a_function_is_within_its_bound_everywhere(one):
    """What was found is kept, and gone on with: see `survey`."""
    worst = survey.search(one)
    assert worst.error <= one.function.bound_of(one.dtype), worst
    assert worst.count == survey.plan_of(one).blocks * survey.plan_of(one).size


@pytest.mark.parametrize("one", FAST, ids=repr)
def test_a_fast_function_is_as_near_as_it_says(one):
    ends = [np.linspace(low, high, 1 << 18) for low, high in one.function.useful]
    x = [end.astype(one.dtype) for end in ends]
    worst = worst_db(one.function, x, found_by(one, *x))
    assert worst.error <= one.function.bound_db, worst


def test_an_error_in_db_is_of_the_value_or_of_one():
    x = np.array([0.05, 5.0], np.float32)
    assert worst_db(DOUBLE, [x], np.array([0.1, 10.1], np.float32)).error == pytest.approx(-40)
    assert worst_db(DOUBLE, [x], np.array([0.2, 10.0], np.float32)).error == pytest.approx(-20)
    assert worst_db(DOUBLE, [x], np.array([np.nan, 10.0], np.float32)).error == np.inf
    assert worst_db(DOUBLE, [x], (2 * x)).error < -140


@pytest.mark.parametrize(
    ("function", "kind", "right", "astray"),
    [
        (DOUBLE, F32, doubled, doubled_astray),
        (DOUBLE, F64, doubled, doubled_astray_64),
        (SUM, F32, added, added_astray),
    ],
    ids=["float32", "float64", "two of float32"],
)
def test_three_ulp_somewhere_are_found(function, kind, right, astray):
    good, bad = stood_in(function, kind, right), stood_in(function, kind, astray)
    assert worst_of(good, size_of(good)).error <= 0.5
    assert worst_of(bad, size_of(bad)).error == pytest.approx(3, abs=0.5)


def test_an_error_is_in_units_of_the_true_result():
    for dtype, worst in ((F32, worst_against_numpy), (F32, worst_against_mpfr)):
        cases = [  # x, what comes out for 2 x, the error
            (1.0, 2.0, 0.0),
            (1.0, 2.0 + 2.0**-22, 1.0),
            (1.0, 2.0 - 2.0**-23, 0.5),
            (2.0**-149, 0.0, 2.0),
            (0.0, 2.0**-149, 1.0),
            (0.0, -0.0, math.inf),
            (-0.0, -0.0, 0.0),
            (-0.0, 0.0, math.inf),
            (1.0, math.nan, math.inf),
            (math.nan, math.nan, 0.0),
            (math.nan, 1.0, math.inf),
            (math.inf, math.inf, 0.0),
            (3e38, math.inf, 0.0),  # overflows
            (3e38, 3.4028234663852886e38, 1.0),
            (math.inf, -math.inf, 2.0**25),
            (-math.inf, 3.4028234663852886e38, 2.0**25 - 1),
        ]
        for x, result, error in cases:
            got = worst(DOUBLE, [np.array([x], dtype)], np.array([result], dtype))
            assert got.error == error, (x, result, got)
            assert got.count == 1


def test_the_oracles_agree():
    """NumPy in float64 is right enough for float32, and MPFR is asked for the same function."""
    for function in BY_NAME.values():  # the fast ones too: these are what they are near to
        x = sample(function, F32, 2000)
        with np.errstate(all="ignore"):
            rounded = function.numpy(*(a.astype(np.float64) for a in x)).astype(np.float32)
        assert worst_against_mpfr(function, x, rounded).error <= 0.5001, function.name


def test_a_sample_is_of_all_that_there_is():
    every = np.concatenate([all_patterns(block, 1 << 22) for block in (0, 1023)])
    assert every.view(np.uint32)[[0, -1]].tolist() == [0, 2**32 - 1]
    (x,) = sample(DOUBLE, F32, 1 << 16)
    assert sorted(x.view(np.uint32) >> 16) == list(range(1 << 16))
    (x,) = sample(DOUBLE, F64, 20_000)
    assert len(x) == 20_000
    assert len(np.unique(x[np.isfinite(x)].view(np.uint64) >> 52)) > 3500
    assert np.sum(np.abs(x) <= 1) > 5000
    x, y = sample(SUM, F32, 1 << 14)
    assert len(x) == len(y) == 1 << 14
    assert not np.array_equal(*sample(SUM, F32, 1 << 14, 1))
    assert not np.array_equal(x, sample(SUM, F32, 1 << 14, 1)[0])
    assert np.isnan(edges(F32)).any() and np.isinf(edges(F64)).any()


# --- the search goes on ---------------------------------------------------------------------------


def test_a_search_goes_on_where_it_was_left(tmp_path):
    plan = survey.Plan(6, 1000, "a few")
    one = stood_in(DOUBLE, F32, doubled_astray)
    search = survey.Search(one, tmp_path, plan)
    search.run(most_blocks=2)
    search.add(5, Worst(7.0, (-0.0,), 1000))
    search.write()
    again = survey.Search(one, tmp_path, plan)
    assert (again.done, again.worst) == ({0, 1, 5}, Worst(7.0, (-0.0,), 3000))
    assert not again.is_over
    assert again.run() == Worst(7.0, (-0.0,), 6000)
    assert survey.Search(one, tmp_path, plan).is_over
    other = stood_in(DOUBLE, F32, doubled)
    assert survey.Search(other, tmp_path, plan).done == set(), "of other code"
    assert survey.Search(one, tmp_path, survey.Plan(6, 999, "")).done == set(), "of another plan"


def test_what_is_done_is_kept_when_a_search_is_stopped(tmp_path, monkeypatch):
    def stopped(one, block, plan):
        if block == 3:
            raise KeyboardInterrupt
        return Worst(1.0, (2.0,), plan.size)

    monkeypatch.setattr(survey, "worst_of_block", stopped)
    one, plan = stood_in(DOUBLE, F32, doubled), survey.Plan(6, 10, "")
    with pytest.raises(KeyboardInterrupt):
        survey.Search(one, tmp_path, plan).run()
    assert survey.Search(one, tmp_path, plan).done == {0, 1, 2}


def test_a_search_finds_three_ulp(tmp_path):
    one = stood_in(DOUBLE, F64, doubled_astray_64)
    plan = survey.Plan(4, 2000, "a few")
    assert survey.Search(one, tmp_path, plan).run().error == 3


def test_a_search_of_every_float_meets_each_once(monkeypatch):
    one = stood_in(DOUBLE, F32, doubled_astray)
    assert (survey.plan_of(one).blocks * survey.plan_of(one).size) == 1 << 32
    block = int(np.float32(1004).view(np.uint32)) >> 22
    assert survey.worst_of_block(one, block, survey.plan_of(one)).error == 3
    assert survey.worst_of_block(one, block + 1, survey.plan_of(one)).error == 0


@pytest.mark.thorough
def test_processes_search_together(tmp_path):
    name = next((one.name for one in REGISTERED if one.dtype == F64), None)
    if name is None:
        pytest.skip("nothing is registered")
    one = next(one for one in REGISTERED if one.name == name)
    alone = survey.Search(one, tmp_path / "alone").run(most_blocks=3)
    assert survey.Search(one, tmp_path / "both").run(2, most_blocks=3) == alone


# --- the document ---------------------------------------------------------------------------------


def row_of(one, error, *arguments):
    return one, Worst(error, arguments, 1 << 20), "1 048 576 stratified"


def test_the_document_has_a_line_for_each_function_and_type(tmp_path):
    double = stood_in(DOUBLE, F32, doubled)
    rows = [
        row_of(stood_in(SUM, F64, added), 0.5, 1.0, 2e-300),
        row_of(stood_in(DOUBLE, F64, doubled), 2.25, 0.1),
        row_of(double, 0.4375, float(np.float32(0.1))),
        row_of(stood_in(BY_NAME["fast_sin"], F32, doubled), -90.25, 0.5),
    ]
    assert [document.holds(row) for row in rows] == [True, False, True, True]
    document.write(tmp_path / "a.md", rows)
    lines = [line for line in (tmp_path / "a.md").read_text().splitlines() if "float" in line]
    assert [line for line in lines if line.startswith("| ")] == [
        "| double | float32 | 0.4375 ulp | 0.5 ulp | 0.1 | 1 048 576 stratified |",
        "| double | float64 | 2.2500 ulp | 2 ulp | 0.1 | 1 048 576 stratified |",
        "| sum | float64 | 0.5000 ulp | 2 ulp | 1.0, 2e-300 | 1 048 576 stratified |",
        "| fast_sin | float32 | -90.2 dB | -80 dB | 0.5 | 1 048 576 stratified |",
    ]


def test_what_a_search_found_goes_into_the_document(tmp_path, monkeypatch):
    one, plan = stood_in(DOUBLE, F32, doubled_astray), survey.Plan(2, 1 << 16, "all that there is")
    monkeypatch.setattr(survey, "plan_of", lambda _one: plan)
    monkeypatch.setattr(document, "Search", lambda one: survey.Search(one, tmp_path))
    ((_, sampled, over),) = told_of(one, monkeypatch)
    assert (sampled.count, over) == (1 << 20, "1 048 576 stratified")
    assert sampled.error == pytest.approx(3, abs=0.5)
    search = survey.Search(one, tmp_path)
    search.add(0, Worst(7.0, (1.0,), 10))
    search.write()
    ((_, worst, _),) = told_of(one, monkeypatch)
    assert (worst.error, worst.count) == (7.0, 10 + (1 << 20)), "a part of a search counts too"
    search.add(1, Worst(1.0, (1.0,), 10))
    search.write()
    assert told_of(one, monkeypatch) == [(one, Worst(7.0, (1.0,), 20), "all that there is")]


def told_of(one, monkeypatch):
    monkeypatch.setattr(document, "registered", lambda: [one])
    return document.measured()


DOCUMENT = ROOT / "docs" / "elementary.md"


def test_the_document_tells_of_every_function():
    told = re.findall(r"^\| (\w+) \| float(\d+) \|", DOCUMENT.read_text(), re.MULTILINE)
    bits = {4: "32", 8: "64"}
    assert sorted(told) == sorted((o.function.name, bits[o.dtype.itemsize]) for o in REGISTERED), (
        "python -m benchmarks elementary-accuracy --write docs/elementary.md"
    )


# --- special values -------------------------------------------------------------------------------


def differing(function, dtype, got, rows):
    """Return rows of which something else came out; what is not exact may be as far as allowed."""
    wrong = []
    for (arguments, result), value in zip(rows, got.tolist(), strict=True):
        exact = result in {0, 1, -1} or not math.isfinite(result)
        space = 0 if exact else function.bound_of(dtype) * float(np.spacing(dtype.type(result)))
        same = (
            math.isnan(value)
            if math.isnan(result)
            else value == result
            or (not exact and abs(value - float(dtype.type(result))) <= abs(space))
        )
        if not same or (result == 0 and math.copysign(1, value) != math.copysign(1, result)):
            wrong.append((arguments, result, value))
    return wrong


def columns(rows, dtype):
    return [np.array(column, dtype) for column in zip(*(row[0] for row in rows), strict=True)]


@each_exact
def test_special_values_are_those_of_c(one):
    rows = SPECIAL[one.function.name]
    got = found_by(one, *columns(rows, one.dtype))
    assert differing(one.function, one.dtype, got, rows) == []


@pytest.mark.parametrize("name", SPECIAL)
def test_the_table_of_special_values_is_right(name):
    """By NumPy, and by MPFR."""
    function, rows = BY_NAME[name], SPECIAL[name]
    assert len({repr(arguments) for arguments, _ in rows}) == len(rows)
    x = columns(rows, F64)
    with np.errstate(all="ignore"):
        got = np.asarray(function.numpy(*x))
    assert differing(function, F64, got, rows) == []
    results = np.array([result for _, result in rows])
    assert worst_against_mpfr(function, x, results).error <= 1


def test_the_table_of_special_values_is_of_all_functions():
    assert set(SPECIAL) == {name for name, one in BY_NAME.items() if not one.is_fast}
    assert value_of("-3pi/4") == -3 * math.pi / 4
    assert math.copysign(1, value_of("-0")) == -1


def test_a_wrong_special_value_is_found():
    rows = [((0.0,), 0.0), ((-0.0,), -0.0), ((math.inf,), math.inf), ((3.0,), 6.0)]
    got = np.array([0.0, 0.0, math.nan, 6.000002], np.float32)
    wrong = differing(DOUBLE, F32, got, rows)
    assert [row[0] for row in wrong] == [(-0.0,), (math.inf,), (3.0,)]
    right = np.array([0.0, -0.0, math.inf, 6.0], np.float32)
    assert differing(DOUBLE, F32, right, rows) == []


# --- the same bits --------------------------------------------------------------------------------


def bits(array):
    """Return bits; NaNs are alike, for processors differ in their signs."""
    unsigned = np.dtype(f"u{array.dtype.itemsize}")
    return np.where(np.isnan(array), unsigned.type(0), array.view(unsigned))


def tried(one, count=1 << 14):
    """Return arguments of all kinds in no order, edges among them."""
    arrays = sample(one.function, one.dtype, count, seed=3)
    special = np.random.default_rng(4).permutation(np.repeat(edges(one.dtype), 4))
    arrays = [np.concatenate([special[:: 1 - 2 * k], a]) for k, a in enumerate(arrays)]
    order = np.random.default_rng(5).permutation(arrays[0].size)
    return [a[order] for a in arrays]


def by_vectors(one, arrays, lanes):
    return run(vector_loop(one.kernel, one.dtype, len(arrays), lanes), *arrays)


@pytest.mark.thorough
@each
@pytest.mark.parametrize("level", target.available()[:-1])
def test_every_level_has_the_same_bits(one, level):
    x = tried(one)
    assert np.array_equal(bits(found_by(one, *x, level=level)), bits(found_by(one, *x)))


@pytest.mark.thorough
@each
def test_a_lane_does_not_depend_on_the_others(one):
    """Nor on how many there are."""
    x = tried(one)
    plain = bits(found_by(one, *x))
    for lanes in (1, 4, 16):
        assert np.array_equal(bits(by_vectors(one, x, lanes)), plain), lanes


@each
def test_a_place_among_others_changes_nothing(one):
    x = tried(one)
    turned = np.random.default_rng(6).permutation(x[0].size)
    assert np.array_equal(
        bits(found_by(one, *(a[turned] for a in x))), bits(found_by(one, *x))[turned]
    )


def test_a_lane_that_depends_on_the_others_is_found():
    bad, good = stood_in(DOUBLE, F32, by_its_neighbours), stood_in(DOUBLE, F32, doubled)
    x = tried(bad)
    assert not np.array_equal(bits(by_vectors(bad, x, 1)), bits(by_vectors(bad, x, 16)))
    assert np.array_equal(bits(by_vectors(good, x, 1)), bits(by_vectors(good, x, 16)))


@pytest.mark.thorough
@each
def test_neon_has_the_same_bits(one, foreign):  # noqa: F811
    x = [a[: a.size // 16 * 16] for a in tried(one, 1 << 12)]
    there = np.zeros_like(x[0])
    foreign(loop_of(one), *x, there, there.size)
    assert np.array_equal(bits(there), bits(found_by(one, *x)))


@pytest.mark.thorough
@each_exact
def test_flushing_denormals_does_no_more_than_that(one):
    """On the audio thread: what is not denormal itself is as near as ever, or one more ulp away."""
    x = tried(one, 1 << 13)
    found_by(one, *x)  # compiled, as these two
    _restore(_flush(0))
    mode = _flush(0)
    try:
        got = found_by(one, *x)
    finally:
        _restore(mode)
    least = float(np.finfo(one.dtype).tiny)
    usual = np.all([(np.abs(a) >= least) | (a == 0) | np.isnan(a) for a in x], axis=0)
    usual &= (np.abs(found_by(one, *x)) >= 2 * least) | np.isnan(got)
    worst = worst_of_type(one)(one.function, [a[usual] for a in x], got[usual])
    assert worst.error <= one.function.bound_of(one.dtype) + 1, worst


@entry("int64")
def _flush(_nothing):
    return flush_denormals()


@entry("int64")
def _restore(mode):
    restore_float_mode(mode)


# --- code -----------------------------------------------------------------------------------------

#: Lanes of float32 in a register.
LANES = {"scalar": 1, "sse4.1": 4, "avx2": 8, "avx512": 16, "neon": 4}
_LIBM = re.compile(
    r"^llvm\.(?:exp|exp2|exp10|log|log2|log10|pow|powi|sin|cos|tan|sincos|sincospi|asin|acos|atan"
    r"|atan2|sinh|cosh|tanh|ldexp|frexp|modf)\."
)


def shortcomings(ir, lanes, dtype):
    """Return what is wrong with the code of a loop: calls, or vectors that are too narrow."""
    module = Module(ir)
    found = [called for called in module.declared if not called.startswith("llvm.")]
    found += [called for called in module.declared if _LIBM.match(called)]
    found += [
        f"{call.how} {call.name}"
        for defined in module.defined
        for call in module.calls(defined)
        if call.how == "pointer" or (call.how == "name" and not call.name.startswith("llvm."))
    ]
    found += ["frem"] if re.search(r"= frem ", ir) else []  # becomes a call of fmod
    kind = "float" if dtype == F32 else "double"
    widths = [int(n) for n in re.findall(rf"load <(\d+) x {kind}>", ir)]
    if lanes > 1 and max(widths, default=1) < lanes:
        found.append(f"{max(widths, default=1)} lanes of {lanes}")
    return found


def lanes_of(level, dtype):
    return max(1, LANES[level] * 4 // dtype.itemsize)


@each
@pytest.mark.parametrize("level", EACH_LEVEL)
def test_a_plain_loop_is_vectors_without_calls(one, level):
    _, ir = compiled(loop_of(one), level)
    assert shortcomings(ir, lanes_of(level, one.dtype), one.dtype) == []


@pytest.mark.thorough
@each
def test_a_plain_loop_is_vectors_without_calls_on_neon(one):
    ir = loop_of(one).emit(target.level("neon")).ir
    assert shortcomings(ir, lanes_of("neon", one.dtype), one.dtype) == []


def with_constant(one, first):
    """Return a kernel of one number, the other being a constant."""
    function, constant = one.function.python, one.dtype.type(2.5)

    @kernel
    def constant_first(x):
        return function(constant, x)

    @kernel
    def constant_second(x):
        return function(x, constant)

    return constant_first if first else constant_second


@pytest.mark.thorough
@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
@pytest.mark.parametrize(
    "one",
    [one for one in REGISTERED if one.function.arguments == 2 and one.function.python],
    ids=repr,
)
def test_a_loop_with_a_constant_is_vectors_too(one, first):
    """What LLVM knows of an argument must not cost the variants for vectors."""
    _, ir = compiled(plain_loop(with_constant(one, first), one.dtype), BEST)
    assert shortcomings(ir, lanes_of(BEST, one.dtype), one.dtype) == []


@kernel
def doubled_number(x):
    return x + x


@kernel
def collatz(x):
    """A loop that ends when it likes: cannot be vectorised."""
    n = 0
    while x > 1 and n < 100:
        x = x * 0.5 if n & 1 else x - 1
        n += 1
    return x


@pytest.mark.parametrize("level", EACH_LEVEL)
def test_calls_and_narrow_code_are_found(level):
    for dtype in (F32, F64):
        lanes = lanes_of(level, dtype)
        _, ir = compiled(plain_loop(doubled_number, dtype), level)
        assert shortcomings(ir, lanes, dtype) == []
        _, ir = compiled(plain_loop(collatz, dtype), level)
        assert shortcomings(ir, lanes, dtype) == ([f"1 lanes of {lanes}"] if lanes > 1 else [])


_CALLING = """
declare {declared}
define i64 @f(ptr %p, float %x, ptr %g) {{
  %v = load <16 x float>, ptr %p
  store <16 x float> %v, ptr %p
  {call}
  ret i64 0
}}
"""


@pytest.mark.parametrize(
    ("declared", "call", "found"),
    [
        ("float @expf(float)", "%y = call float @expf(float %x)", ["expf", "name expf"]),
        ("float @llvm.exp.f32(float)", "%y = call float @llvm.exp.f32(float %x)", None),
        ("float @llvm.fabs.f32(float)", "%y = call float @llvm.fabs.f32(float %x)", []),
        ("void @llvm.donothing()", "%y = frem float %x, 3.0", ["frem"]),
        ("void @llvm.donothing()", "%y = call float %g(float %x)", ["pointer "]),
    ],
    ids=["libm", "an operation that becomes libm", "an operation", "a remainder", "a pointer"],
)
def test_each_kind_of_call_is_found(declared, call, found):
    ir = _CALLING.format(declared=declared, call=call)
    expected = ["llvm.exp.f32"] if found is None else found
    assert shortcomings(ir, 16, F32) == expected


def test_every_registered_function_is_known():
    assert {one.name for one in REGISTERED} | {"ldexp", "ldexpf"} == set(FUNCTIONS)


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_ldexp_is_numpys(dtype):
    @entry("int64", "int64", "int64", "int64")
    def scaled(first, second, result, count):
        x, y = _array_of(first, count), _array_of(result, count)
        n = int64_array(second, count)
        for i in range(count):
            y[i] = math.ldexp(x[i], n[i])

    _array_of = float32_array if dtype == F32 else float64_array
    rng = np.random.default_rng(5)
    x = np.concatenate([edges(dtype), rng.standard_normal(20_000).astype(dtype)])
    n = rng.integers(-1200, 1200, len(x))
    y = np.empty_like(x)
    scaled(x.ctypes.data, n.ctypes.data, y.ctypes.data, len(x))
    with np.errstate(all="ignore"):
        assert np.array_equal(y, np.ldexp(x, n), equal_nan=True)


def test_registering_names_a_kernel_as_c_does(monkeypatch):
    monkeypatch.setattr("zerocross.compiler.functions.FUNCTIONS", made := {})
    assert computes("exp", f32)(doubled) is doubled
    assert computes("pow", f64)(added) is added
    assert list(made) == ["expf", "pow"]


# --- coefficients ---------------------------------------------------------------------------------


def constants(text):
    """Return the names of the module's tuples of floats."""
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            value = node.value
            if isinstance(value, ast.Tuple | ast.List) and any(map(_is_float, value.elts)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {ast.unparse(one) for one in targets}
    return found


def _is_float(node):
    if isinstance(node, ast.UnaryOp):
        return _is_float(node.operand)
    if isinstance(node, ast.Call):  # np.float32(0.5), float.fromhex("0x1p-1")
        return ast.unparse(node.func).split(".")[-1] in {"float32", "float64", "fromhex", "float"}
    return isinstance(node, ast.Constant) and isinstance(node.value, float)


def scripts():
    """Return the modules that compute coefficients."""
    import tools.coefficients as folder

    names = sorted(found.name for found in pkgutil.iter_modules(folder.__path__))
    made = [importlib.import_module(f"tools.coefficients.{name}") for name in names]
    return [module for module in made if hasattr(module, "coefficients")]


def keys_of(text):
    """Return the keys that a script's text has: strings such as ``exponential.EXP_F32``."""
    strings = [
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return {s for s in strings if re.fullmatch(r"[a-z_0-9]+\.[A-Z][A-Z_0-9]*", s)}


def uncovered(modules, texts):
    """Return the constants that no script computes."""
    keys = set().union(*map(keys_of, texts))
    return sorted(
        f"{name}.{constant}"
        for name, text in modules.items()
        for constant in constants(text)
        if f"{name}.{constant}" not in keys
    )


def test_every_polynomial_comes_from_a_script():
    files = Path(elementary.__file__).parent.glob("*.py")
    modules = {path.stem: path.read_text() for path in files if path.stem != "__init__"}
    texts = [path.read_text() for path in (ROOT / "tools" / "coefficients").glob("*.py")]
    assert uncovered(modules, texts) == []


def test_a_polynomial_from_nowhere_is_found():
    modules = {
        "power": "A = (1.0, -0.5)\nB: tuple[float, ...] = (np.float32(0.5),)\nC = (1, 2)\n"
        "D = 3.0\n__all__ = ['x']\nE = (-1.0,)",
    }
    texts = ['def coefficients(): return {"power.A": a()}', '"""Of power.E and others."""']
    assert uncovered(modules, texts) == ["power.B", "power.E"]


def differing_coefficients(key, computed, module):
    """Return whether a module's constant has other bits than what was computed."""
    value = getattr(module, key.partition(".")[2])
    kept = list(value) if isinstance(value, tuple | list | np.ndarray) else [value]
    told = list(computed) if isinstance(computed, tuple | list | np.ndarray) else [computed]
    return [float(x).hex() for x in kept] != [float(x).hex() for x in told]


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("script", scripts(), ids=lambda module: module.__name__.split(".")[-1])
def test_coefficients_are_computed_again(script):
    with mpmath.workdps(15):  # each script chooses its own
        computed = script.coefficients()
    assert computed
    for key, values in computed.items():
        name = key.partition(".")[0]
        module = importlib.import_module(f"zerocross.compiler.elementary.{name}")
        assert not differing_coefficients(key, values, module), key


def test_another_coefficient_is_found():
    class Made:
        EXP_F32 = (1.0, 0.5)
        LN2 = np.float32(0.5)

    assert not differing_coefficients("exponential.EXP_F32", [1.0, 0.5], Made)
    assert not differing_coefficients("exponential.LN2", 0.5, Made)
    assert differing_coefficients("exponential.EXP_F32", [1.0, 0.5000000000000001], Made)
    assert differing_coefficients("exponential.EXP_F32", [1.0], Made)


# --- from outside ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["@sin(x) and @expf(y)", "= frem double a, b", "@llvm.exp.f32("])
def test_text_is_no_code(text):
    @entry("int64", "int64")
    def told(address, count):
        x = float32_array(address, count)
        for i in range(count):
            if x[i] > 100:
                raise ValueError(text)
            x[i] = math.sin(x[i]) % np.float32(0.3)

    x = np.ones(4, np.float32)
    told(x.ctypes.data, 4)
    assert x == pytest.approx(np.sin(1) % 0.3, rel=1e-5)


def test_of_constants_there_are_the_same_bits():
    """Nobody computes them beforehand by another library."""

    @kernel
    def of_constants():
        return math.exp(1.0), math.tanh(0.3), math.log(7.7), math.pow(1.7, 3.3), math.exp(-3.7)

    @kernel
    def of_variables(a, b, c, d, e, f):
        return math.exp(a), math.tanh(b), math.log(c), math.pow(d, e), math.exp(f)

    assert of_constants() == of_variables(1.0, 0.3, 7.7, 1.7, 3.3, -3.7)


def test_functions_are_reached_in_any_way():
    import zerocross.dsp.elementary as ours

    @kernel
    def reached(x):
        return math.cbrt(x), np.cbrt(x), ours.cbrt(x), ours.math.cbrt(x), ours.np.cbrt(x)

    assert len(set(reached(5.0))) == 1
    assert len(set(reached(np.float32(5.0)))) == 1

    @kernel
    def of_arrays(x, y):
        y[:] = np.fmod(x, np.float32(0.3)) + np.cbrt(x) + np.sin(x)

    x = np.linspace(-3, 3, 64, dtype=np.float32)
    y = np.empty_like(x)
    of_arrays(x, y)
    assert np.allclose(y, np.fmod(x, np.float32(0.3)) + np.cbrt(x) + np.sin(x), atol=1e-6)


def test_of_integers_audios_functions_are_right():
    from zerocross.dsp.elementary import (
        db_to_gain,
        equal_power,
        midi_to_hz,
        powi,
        soft_clip_arctan,
        soft_clip_cubic,
    )

    @kernel
    def of_integers(x):
        return (
            *equal_power(x),
            soft_clip_arctan(x),
            soft_clip_cubic(2 * x),
            powi(2 * x, -2),
            db_to_gain(20 * x),
            midi_to_hz(81 * x),
        )

    expected = (0.0, 1.0, 2 / math.pi * math.atan(0.5 * math.pi), 1.0, 0.25, 10.0, 880.0)
    assert of_integers(1) == pytest.approx(expected, abs=1e-12)
    assert of_integers.function(1) == pytest.approx(expected, abs=1e-6)


def test_the_cubic_clip_is_its_formula():
    from zerocross.dsp.elementary import soft_clip_cubic

    x = np.linspace(-1.5, 1.5, 61)
    within = np.clip(x, -1.0, 1.0)
    expected = (3.0 * within - within**3) / 2.0
    assert [soft_clip_cubic(each) for each in x] == pytest.approx(expected, abs=1e-15)


def test_threads_compile_at_once():
    """Numba's level is global: who compiles without optimising has it alone."""
    from numba.core import config

    before = config.OPT

    def made(scale):
        @kernel
        def host(x):
            return math.tan(x) * scale

        @entry("int64", "int64")
        def outside(address, count):
            x = float32_array(address, count)
            for i in range(count):
                x[i] = math.tan(x[i]) * np.float32(scale)

        return host, outside

    def compile_both(scale):
        x = np.full(64, 0.5, np.float32)
        host, outside = made(scale)
        value = host(0.5)
        outside(x.ctypes.data, 64)
        return np.allclose(x, value)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(compile_both, np.arange(1.0, 9.0)))
    assert before == config.OPT
