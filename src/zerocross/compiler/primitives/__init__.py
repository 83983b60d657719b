"""Primitives: what kernels may say beside Python; a stub beside its lowering, by one rule.

The rule
--------
1. A *stub* lives in ``primitives/<name>.py``: the docstring and the Python body, which runs when
   the compiler is off and is the reference for the tests. It is made with `primitive.primitive`
   and never imports Numba or LLVM, so that a warm start does not either.
2. Its *lowering*, a Numba intrinsic, lives in ``primitives/lowering/<name>.py`` (those of
   `vector` in files by concern) and says whose it is: ``@lowers(stubs.load_acquire)``. Stubs that
   are made at run time from data (`external`, `assembly`) are a class of their own, and
   ``@lowers_each(stubs.CFunction)`` makes the intrinsic of each from that data.
3. The arrow points from the lowering to the stub, never back. The front end imports all
   lowerings before it compiles anything.

Files: `atomic`, `pointer`, `vector` (functions) on `vector_value`, `assembly`, `float_mode`,
`external` (C functions, clocks, calls).
"""
