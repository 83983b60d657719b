"""The demo: a short piece of music, composed and synthesised here."""

from zerocross.demo.composition import compose, composed_file

__all__ = ["compose", "composed_file"]
