"""Special values of elementary functions, as C's standard has them (C99 and C23, Annex F).

A line is a function, arguments and what comes out, as `float` reads them; ``pi/2`` and its like
stand for the float nearest to that. Where a value follows from oddness or evenness both signs are
written out. Results that are not exact have to be within the function's bound.
"""

from __future__ import annotations

import math

__all__ = ["SPECIAL", "value_of"]

_TEXT = """
ceil    0 -> 0            -0 -> -0          inf -> inf        -inf -> -inf      nan -> nan
ceil    0.5 -> 1          -0.5 -> -0        2.5 -> 3          -2.5 -> -2        8388609 -> 8388609
floor   0 -> 0            -0 -> -0          inf -> inf        -inf -> -inf      nan -> nan
floor   0.5 -> 0          -0.5 -> -1        2.5 -> 2          -2.5 -> -3        8388609 -> 8388609
trunc   0 -> 0            -0 -> -0          inf -> inf        -inf -> -inf      nan -> nan
trunc   0.5 -> 0          -0.5 -> -0        2.5 -> 2          -2.5 -> -2        8388609 -> 8388609
rint    0 -> 0            -0 -> -0          inf -> inf        -inf -> -inf      nan -> nan
rint    0.5 -> 0          -0.5 -> -0        1.5 -> 2          -2.5 -> -2        8388609 -> 8388609
round   0 -> 0            -0 -> -0          inf -> inf        -inf -> -inf      nan -> nan
round   0.5 -> 1          -0.5 -> -1        1.5 -> 2          -2.5 -> -3        8388609 -> 8388609
exp     0 -> 1            -0 -> 1           -inf -> 0         inf -> inf        nan -> nan
exp2    0 -> 1            -0 -> 1           -inf -> 0         inf -> inf        nan -> nan
exp2    1 -> 2            -1 -> 0.5         10 -> 1024        -126 -> 0x1p-126  -149 -> 0x1p-149
exp10   0 -> 1            -0 -> 1           -inf -> 0         inf -> inf        nan -> nan
exp10   1 -> 10           2 -> 100          3 -> 1000
expm1   0 -> 0            -0 -> -0          -inf -> -1        inf -> inf        nan -> nan
log     0 -> -inf         -0 -> -inf        1 -> 0            -1 -> nan         -inf -> nan
log     inf -> inf        nan -> nan        -0x1p-149 -> nan
log2    0 -> -inf         -0 -> -inf        1 -> 0            -1 -> nan         -inf -> nan
log2    inf -> inf        nan -> nan        8 -> 3            0x1p-149 -> -149  0.5 -> -1
log10   0 -> -inf         -0 -> -inf        1 -> 0            -1 -> nan         -inf -> nan
log10   inf -> inf        nan -> nan        10 -> 1           1000 -> 3         100000 -> 5
log1p   0 -> 0            -0 -> -0          -1 -> -inf        -2 -> nan         -inf -> nan
log1p   inf -> inf        nan -> nan
sqrt    0 -> 0            -0 -> -0          -1 -> nan         -inf -> nan       inf -> inf
sqrt    nan -> nan        4 -> 2            0.25 -> 0.5
rsqrt   0 -> inf          -0 -> -inf        -1 -> nan         -inf -> nan       inf -> 0
rsqrt   nan -> nan        4 -> 0.5          0.25 -> 2
cbrt    0 -> 0            -0 -> -0          inf -> inf        -inf -> -inf      nan -> nan
cbrt    8 -> 2            -27 -> -3         1 -> 1            -1 -> -1
sin     0 -> 0            -0 -> -0          inf -> nan        -inf -> nan       nan -> nan
cos     0 -> 1            -0 -> 1           inf -> nan        -inf -> nan       nan -> nan
tan     0 -> 0            -0 -> -0          inf -> nan        -inf -> nan       nan -> nan
asin    0 -> 0            -0 -> -0          1 -> pi/2         -1 -> -pi/2       nan -> nan
asin    1.5 -> nan        -1.5 -> nan       inf -> nan        -inf -> nan
acos    1 -> 0            -1 -> pi          0 -> pi/2         -0 -> pi/2        nan -> nan
acos    1.5 -> nan        -1.5 -> nan       inf -> nan        -inf -> nan
atan    0 -> 0            -0 -> -0          inf -> pi/2       -inf -> -pi/2     nan -> nan
sinh    0 -> 0            -0 -> -0          inf -> inf        -inf -> -inf      nan -> nan
cosh    0 -> 1            -0 -> 1           inf -> inf        -inf -> inf       nan -> nan
tanh    0 -> 0            -0 -> -0          inf -> 1          -inf -> -1        nan -> nan
asinh   0 -> 0            -0 -> -0          inf -> inf        -inf -> -inf      nan -> nan
acosh   1 -> 0            0.5 -> nan        -1 -> nan         inf -> inf        -inf -> nan
acosh   nan -> nan
atanh   0 -> 0            -0 -> -0          1 -> inf          -1 -> -inf        nan -> nan
atanh   1.5 -> nan        -1.5 -> nan       inf -> nan        -inf -> nan
pow     0 -3 -> inf       -0 -3 -> -inf     0 -2 -> inf       -0 -2 -> inf      0 -2.5 -> inf
pow     -0 -2.5 -> inf    0 -inf -> inf     -0 -inf -> inf    0 3 -> 0          -0 3 -> -0
pow     0 2 -> 0          -0 2 -> 0         0 2.5 -> 0        -0 2.5 -> 0       0 inf -> 0
pow     -0 inf -> 0       -1 inf -> 1       -1 -inf -> 1      1 nan -> 1        1 inf -> 1
pow     1 -inf -> 1       1 2.5 -> 1        nan 0 -> 1        nan -0 -> 1       2 0 -> 1
pow     2 -0 -> 1         inf 0 -> 1        inf -0 -> 1       -inf 0 -> 1       0 0 -> 1
pow     -0 -0 -> 1        -2 0.5 -> nan     -2 -0.5 -> nan    0.5 -inf -> inf   -0.5 -inf -> inf
pow     2 -inf -> 0       -2 -inf -> 0      0.5 inf -> 0      -0.5 inf -> 0     2 inf -> inf
pow     -2 inf -> inf     -inf -3 -> -0     -inf -2 -> 0      -inf -2.5 -> 0    -inf 3 -> -inf
pow     -inf 2 -> inf     -inf 2.5 -> inf   inf -1 -> 0       inf 1 -> inf      inf -inf -> 0
pow     inf inf -> inf    -inf inf -> inf   -inf -inf -> 0    nan 1 -> nan      2 nan -> nan
pow     nan nan -> nan    nan inf -> nan    inf nan -> nan    0 nan -> nan      -1 nan -> nan
pow     -2 3 -> -8        -2 2 -> 4         -2 -1 -> -0.5     4 0.5 -> 2        3 4 -> 81
pow     -1 0x1p+24 -> 1   -1 16777215 -> -1 -1 1e30 -> 1      -inf 0.5 -> inf   -0 0.5 -> 0
atan2   0 -0 -> pi        -0 -0 -> -pi      0 0 -> 0          -0 0 -> -0        0 -1 -> pi
atan2   -0 -1 -> -pi      0 1 -> 0          -0 1 -> -0        -1 0 -> -pi/2     -1 -0 -> -pi/2
atan2   1 0 -> pi/2       1 -0 -> pi/2      1 -inf -> pi      -1 -inf -> -pi    1 inf -> 0
atan2   -1 inf -> -0      inf 1 -> pi/2     -inf 1 -> -pi/2   inf -1 -> pi/2    -inf -1 -> -pi/2
atan2   inf inf -> pi/4   -inf inf -> -pi/4 inf -inf -> 3pi/4 -inf -inf -> -3pi/4
atan2   0 -inf -> pi      -0 -inf -> -pi    0 inf -> 0        -0 inf -> -0      inf 0 -> pi/2
atan2   nan 1 -> nan      1 nan -> nan      nan nan -> nan    nan inf -> nan    inf nan -> nan
hypot   inf nan -> inf    -inf nan -> inf   nan inf -> inf    nan -inf -> inf   inf 1 -> inf
hypot   1 -inf -> inf     nan 1 -> nan      1 nan -> nan      nan nan -> nan    0 0 -> 0
hypot   -0 -0 -> 0        0 -3 -> 3         -3 -0 -> 3        3 4 -> 5          -5 12 -> 13
fmod    0 1 -> 0          -0 1 -> -0        1 0 -> nan        1 -0 -> nan       inf 1 -> nan
fmod    -inf 1 -> nan     1 inf -> 1        -1 inf -> -1      1 -inf -> 1       -0 inf -> -0
fmod    nan 1 -> nan      1 nan -> nan      inf inf -> nan    0 0 -> nan        0 nan -> nan
fmod    5 3 -> 2          -5 3 -> -2        5 -3 -> 2         6 3 -> 0          -6 3 -> -0
remainder 0 1 -> 0        -0 1 -> -0        1 0 -> nan        1 -0 -> nan       inf 1 -> nan
remainder -inf 1 -> nan   1 inf -> 1        -1 inf -> -1      1 -inf -> 1       -0 inf -> -0
remainder nan 1 -> nan    1 nan -> nan      inf inf -> nan    0 0 -> nan        0 nan -> nan
remainder 5 3 -> -1       -5 3 -> 1         5 2 -> 1          7 2 -> -1         -6 3 -> -0
"""
_TURNS = {"pi": math.pi, "pi/2": math.pi / 2, "pi/4": math.pi / 4, "3pi/4": 3 * math.pi / 4}


def value_of(word: str) -> float:
    """Return what a word of the table means."""
    bare = word.removeprefix("-")
    if bare in _TURNS:
        return math.copysign(_TURNS[bare], -1.0 if word.startswith("-") else 1.0)
    return float.fromhex(word) if "x" in word else float(word)


def _read(text: str) -> dict[str, list[tuple[tuple[float, ...], float]]]:
    table: dict[str, list[tuple[tuple[float, ...], float]]] = {}
    for line in text.strip().splitlines():
        name, *words = line.split()
        rows = table.setdefault(name, [])
        while words:
            arrow = words.index("->")
            arguments = tuple(value_of(word) for word in words[:arrow])
            rows.append((arguments, value_of(words[arrow + 1])))
            words = words[arrow + 2 :]
    return table


#: By function: arguments, and what comes out.
SPECIAL = _read(_TEXT)
