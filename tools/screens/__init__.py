"""Pictures of the screen: ``python -m tools.screens [--size 120x40] [--keys KEYS] PREFIX FILE...``.

Runs the screen in a terminal of its own, presses keys, and writes what a terminal emulator shows of
it as text and as a picture, to be looked at.
"""
