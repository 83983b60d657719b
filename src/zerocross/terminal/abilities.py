"""What the terminal has: colours, letters, pictures; by its environment, as other programs ask."""

from __future__ import annotations

import dataclasses
import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from zerocross.terminal.visual.colours import depth_of

__all__ = ["Abilities", "abilities_of", "as_ascii"]

#: Terminals that know kitty's pictures, by ``TERM`` and ``TERM_PROGRAM``.
_KITTY = {"xterm-kitty", "xterm-ghostty", "ghostty", "wezterm"}
#: What Python sets ``LC_CTYPE`` to where the locale is C's.
_COERCED = {"C.UTF-8", "C.utf8", "UTF-8"}
#: ASCII for what our screen is made of; letters lose their accents, the rest becomes a question mark.
_ALIKE = {
    ord(sign): plain
    for signs, plain in (
        ("─━╌┄╸╺▔▁", "-"),
        ("│┃╎┆▏▎▍▌▕▐▊▉", "|"),
        ("┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛╋", "+"),
        ("▀▄█▇▆▅▃▂■", "#"),
        ("░▒", ":"),
        ("▶▸›→❯", ">"),
        ("◀◂‹←", "<"),
        ("▲▴↑", "^"),
        ("▼▾↓", "v"),
        ("●•○◉", "*"),
        ("⏸", "="),
        ("…", "."),
        ("·", "."),
        ("–—−", "-"),
        ("“”„", '"'),
        ("‘’", "'"),
        ("×", "x"),
        ("\u00a0\u2800", " "),
    )
    for sign in signs
}


@dataclasses.dataclass(frozen=True)
class Abilities:
    """What a terminal has.

    Attributes
    ----------
    depth : str
        Of its colours: one of `visual.colours.DEPTHS`.
    unicode : bool
        Whether it has more than ASCII.
    kitty : bool
        Whether it knows kitty's pictures.

    """

    depth: str = "true"
    unicode: bool = True
    kitty: bool = False


def abilities_of(environ: Mapping[str, str] = os.environ) -> Abilities:
    """Return what the terminal has that an environment tells of."""
    locale = _locale_of(environ)
    names = {environ.get("TERM", "").lower(), environ.get("TERM_PROGRAM", "").lower()}
    is_within = "TMUX" in environ or environ.get("TERM", "").startswith(("screen", "tmux"))
    return Abilities(
        depth_of(environ),
        "utf-8" in locale.lower() or "utf8" in locale.lower(),
        bool(names & _KITTY) and not is_within,
    )


def _locale_of(environ: Mapping[str, str]) -> str:
    """Return the locale that the user asked for.

    Under ``LANG=C`` Python itself sets ``LC_CTYPE`` when it starts (PEP 538), whatever the terminal has.
    """
    chosen, language = environ.get("LC_CTYPE", ""), environ.get("LANG", "")
    if chosen in _COERCED and language in {"", "C", "POSIX"} and not _was_given("LC_CTYPE"):
        chosen = ""
    return environ.get("LC_ALL") or chosen or language


def _was_given(name: str) -> bool:
    """Return whether the process was started with a variable; False where that is not known."""
    try:
        given = Path("/proc/self/environ").read_bytes()
    except OSError:
        return False
    return any(row.startswith(os.fsencode(name) + b"=") for row in given.split(b"\0"))


class _Ascii(dict[int, str]):
    """A table for `str.translate` that finds something for every letter."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        if code < 0x80:
            plain = letter
        else:
            base = unicodedata.normalize("NFKD", letter)[:1]
            plain = base if base.isascii() and base else "?"
            plain *= 2 if unicodedata.east_asian_width(letter) in "WF" else 1
            plain = "" if unicodedata.combining(letter) else plain
        self[code] = plain
        return plain


_table = _Ascii(_ALIKE)


def as_ascii(text: str) -> str:
    """Return a text in ASCII, as wide as it was."""
    return text.translate(_table)
