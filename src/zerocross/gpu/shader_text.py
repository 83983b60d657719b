"""What is read of a user's shader before a compiler sees it, and of what the compiler says.

A user's text stands first in what is compiled, so that its lines keep their numbers. Loops get a limit: WGSL allows
endless ones, and a card that is in one draws nothing any more, for any program.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from zerocross.errors import UserFileError

__all__ = ["MOST_TURNS", "SIGNATURE", "checked", "limited", "reason_of"]

#: Turns of all loops together, for a pixel; Mesa's software has a limit of its own of 65,535.
MOST_TURNS = 60_000
SIGNATURE = "fn shader_main(frag_coord: vec2<f32>) -> vec4<f32>"

# Naga reads expressions, types and chains of `else` by recursion and has a limit for braces only: what is deeper than
# its stack ends the process. These are far below that, and far above what is written by hand.
_MOST_DEPTH = 100
_MOST_LETTERS = 4000
_MOST_ELSES = 500
_MOST_FUNCTIONS = 1000

_COMMENT = re.compile(r"//[^\n\v\f\r\x85\u2028\u2029]*|/\*")
_INSIDE = re.compile(r"/\*|\*/")
_OURS = re.compile(r"\bzx_\w*")
_GLSL = re.compile(
    r"^[ \t]*(#version\b|(in|out|uniform|precision)\s+\w+\s+\w+|void\s+main(Image)?\s*\()",
    re.MULTILINE,
)
_BINDING = re.compile(r"@\s*(?:group|binding)\b")
_LOOP = re.compile(r"\b(?:loop|for|while)\b[^{;]*(?:;[^{;]*;[^{;]*)?\{")
_TURN = " if (zx_turns == 0u) { break; } zx_turns -= 1u; "


def _refuse(text: str, place: int, reason: str) -> UserFileError:
    return UserFileError(reason, text.count("\n", 0, place) + 1)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _without_comments(text: str) -> str:
    """Return a text of the same places with blanks for comments, which may lie in one another."""
    parts: list[str] = []
    opened: list[int] = []
    done = 0
    while found := (_INSIDE if opened else _COMMENT).search(text, done):
        before = text[done : found.start()]
        parts += [_blank(before) if opened else before, _blank(found[0])]
        done = found.end()
        if found[0] == "/*":
            opened.append(found.start())
        elif opened:
            opened.pop()
    if opened:
        raise _refuse(text, opened[0], "a comment begins here that does not end")
    return "".join(parts) + text[done:]


def checked(text: str) -> str:
    """Return a shader without its comments, every letter at its place.

    Raises
    ------
    UserFileError
        With the line, for what a compiler would not survive, and for what is not a user's to write.

    """
    if "\0" in text:
        raise _refuse(text, text.index("\0"), "a letter of code 0; this is no text")
    plain = _without_comments(text)
    for pattern, reason in (
        (_OURS, "names that begin with zx_ are Zerocross's own; take another"),
        (
            _GLSL,
            "this is GLSL, and WGSL is needed: fn shader_main(frag_coord: vec2<f32>) -> vec4<f32>",
        ),
        (_BINDING, "bindings are made by Zerocross: sound is in i_channel0, with sampler0"),
    ):
        found = pattern.search(plain)
        if found:
            raise _refuse(plain, found.start(), reason)
    _check_depth(plain)
    for word, most in (("else", _MOST_ELSES), ("fn", _MOST_FUNCTIONS)):
        places = [each.start() for each in re.finditer(rf"\b{word}\b", plain)]
        if len(places) > most:
            raise _refuse(plain, places[most], f"more than {most} times {word!r}; take fewer")
    return plain


def _check_depth(plain: str) -> None:
    depth = angles = letters = 0
    for place, letter in enumerate(plain):
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "<":
            angles += 1
        elif letter == ">":
            angles = max(0, angles - 1)
        letters = 0 if letter in ",;{}" else letters + (not letter.isspace())
        if letter in ";{}":
            angles = 0
        if depth > _MOST_DEPTH or angles > _MOST_DEPTH:
            raise _refuse(plain, place, f"more than {_MOST_DEPTH} brackets in one another")
        if letters > _MOST_LETTERS:
            raise _refuse(plain, place, f"an expression of more than {_MOST_LETTERS} letters")


def limited(text: str, plain: str) -> str:
    """Return a shader whose loops end after `MOST_TURNS`, counted in ``zx_turns``; lines keep their numbers."""
    parts = []
    done = 0
    for found in _LOOP.finditer(plain):
        parts += [text[done : found.end()], _TURN]
        done = found.end()
    return "".join(parts) + text[done:]


# --- what the compiler says ---

_HEADER = re.compile(r"┌─ (?:wgsl)?:(\d+):(\d+)")
_ROW = re.compile(r"^ *(\d+) │")
_LABEL = re.compile(r"^ *[│·].*\^(.*)$")
#: What a compiler writes beside the one of several places that is wrong.
_BLAMED = ("redefinition", "cannot assign", "invalid ")
_HANDLE = re.compile(r" (?:Some\()?\[\d+\]\)?")

_SIZES = {"Bi": "2", "Tri": "3", "Quad": "4"}
_TYPES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"Scalar \{ kind: Float, width: 4 \}"), "f32"),
    (re.compile(r"Scalar \{ kind: Sint, width: 4 \}"), "i32"),
    (re.compile(r"Scalar \{ kind: Uint, width: 4 \}"), "u32"),
    (re.compile(r"Scalar \{ kind: Bool, width: 1 \}"), "bool"),
    (
        re.compile(r"Vector \{ size: (\w+), scalar: (\w+) \}"),
        lambda found: f"vec{_SIZES.get(found[1])}<{found[2]}>",
    ),
    (
        re.compile(r"Matrix \{ columns: (\w+), rows: (\w+), scalar: (\w+) \}"),
        lambda found: f"mat{_SIZES.get(found[1])}x{_SIZES.get(found[2])}<{found[3]}>",
    ),
    (re.compile(r"Scalar\((\w+)\)"), r"\1"),
    (re.compile(r"\(of type ([^()]*)\)"), r"\1"),
)


def _labels(words: str) -> list[tuple[int, str]]:
    """Return the lines that are marked, the first one of several, with what stands beside the marks."""
    found = []
    begun: list[int] = []
    row = 0
    for line in words.splitlines():
        number = _ROW.match(line)
        mark = _LABEL.match(line)
        if number:
            row = int(number[1])
        elif mark and "╭" in line:
            begun.append(row)
        elif mark and row:
            first = begun.pop() if "╰" in line and begun else row
            found.append((first, mark[1].strip()))
    return found


def _sentence(words: str) -> str:
    """Return what is wrong, in the compiler's words, without its numbers of things and with WGSL's names of types."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    first = next(
        (line for line in lines if " error: " in line), lines[-1] if lines else "no reason"
    )
    if "validation error: " in first:
        first = next((x.removeprefix("= ") for x in reversed(lines) if x.startswith("= ")), first)
    sentence = _HANDLE.sub("", first.split(" error: ", 1)[-1])
    for pattern, name in _TYPES:
        sentence = pattern.sub(name, sentence)
    return sentence


def _line(words: str, count: int) -> int:
    """Return the line that is meant: the user's own if one of several is; 0 for none."""
    header = _HEADER.search(words)
    if not header:
        return 0
    labels = _labels(words)
    blamed = [line for line, label in labels if label.startswith(_BLAMED)]
    if " parsing error: " in words:
        lines = [*blamed, int(header[1]), *(line for line, _ in labels)]
    else:  # the header names the function, and marks are on what is in it
        within = [line for line, label in labels if label.startswith("naga::ir::Expression")]
        lines = [*blamed, *within, int(header[1])]
    return next((line for line in lines if line <= count), lines[0])


def reason_of(words: str, text: str, plain: str) -> UserFileError:
    """Return the error of a shader that a compiler refused with these words.

    Parameters
    ----------
    words : str
        Naga's, of the user's text and what is put behind it.
    text, plain : str
        The user's, and without comments.

    Returns
    -------
    UserFileError
        One sentence; its line is the user's, or 0 where it is in none.

    """
    count = text.count("\n") + 1
    line = _line(words, count)
    if "error: expected `;`" in words:
        line = _before(plain, line, words)
    if 0 < line <= count:
        taken = (
            " (Zerocross declares it)" if "redefinition" in words and _is_ours(words, count) else ""
        )
        return UserFileError(_sentence(words) + taken, line)
    main = re.search(r"\bfn\s+shader_main\b", plain)
    if "shader_main" in _sentence(words) and not main:
        return UserFileError(f"there is no function shader_main; write {SIGNATURE}")
    if line and main and ("zx_shown" in words or "zx_color" in words):
        return _refuse(plain, main.start(), f"shader_main is not of this kind: {SIGNATURE}")
    if line:
        end = len(plain.rstrip())
        return _refuse(plain, end, "the file ends before all is closed; a bracket is missing")
    return UserFileError(_sentence(words))


def _before(plain: str, line: int, words: str) -> int:
    """Return the line of what stands before a token, if that is the first one of its line."""
    header = _HEADER.search(words)
    lines = plain.split("\n")[:line]
    if not header or line > len(lines) or lines[-1][: int(header[2]) - 1].strip():
        return line
    return "\n".join(lines[:-1]).rstrip().count("\n") + 1


def _is_ours(words: str, count: int) -> bool:
    return any(line > count for line, _ in _labels(words))
