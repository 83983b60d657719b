"""Compiling Zerocross beforehand: every built-in entry, for every level, in one shared library.

`python -m zerocross.build` makes the library that a wheel carries (`compiler.shipped` loads it).
`entries` says what is in it, `objects` compiles and proves, `linking` makes one file of all.
"""
