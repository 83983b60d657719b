"""A small terminal: what bytes do to a screen, as far as ours go (ECMA-48, and xterm's modes)."""

from __future__ import annotations

import re
import unicodedata

_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|([\r\n])|(.)", re.DOTALL)


def cells_of(letter: str) -> int:
    """Return the cells of a letter: of East Asian width two, of marks none."""
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


class Terminal:
    """Rows of cells without end, a cursor, and the styles in which letters were written.

    Attributes
    ----------
    row, column : int
        Of the cursor.
    shows_cursor, wraps : bool
        Modes 25 and 7.

    """

    def __init__(self, columns: int = 80) -> None:
        self.columns = columns
        self.rows: list[list[str]] = [[]]
        self.styles: list[dict[int, str]] = [{}]
        self.row = self.column = 0
        self.shows_cursor = self.wraps = True
        self._style = ""
        self._partial = b""

    def feed(self, data: bytes) -> None:
        """Take what a program writes."""
        data = self._partial + data
        end = len(data)
        start = data.rfind(b"\x1b", max(0, end - 12))
        if start >= 0 and not re.match(rb"\x1b\[[?0-9;]*[A-Za-z]", data[start:]):
            end = start
        text = data[:end].decode("utf-8", "ignore")
        kept = len(text.encode())
        self._partial = data[kept:]
        for parameters, command, control, letter in _TOKEN.findall(text):
            if command:
                self._command(parameters, command)
            elif control == "\r":
                self.column = 0
            elif control == "\n":
                self._next_row()
            else:
                self._put(letter)

    def _command(self, parameters: str, command: str) -> None:
        if command in "hl":
            if parameters == "?25":
                self.shows_cursor = command == "h"
            elif parameters == "?7":
                self.wraps = command == "h"
        elif command in "KJ":
            del self.rows[self.row][self.column :]
            if command == "J":
                del self.rows[self.row + 1 :], self.styles[self.row + 1 :]
        elif command == "m":
            self._style = "" if parameters in ("", "0") else parameters
        else:
            raise AssertionError(f"unknown: CSI {parameters} {command}")

    def _next_row(self) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append([])
            self.styles.append({})

    def _put(self, letter: str) -> None:
        wide = cells_of(letter)
        if wide == 0:
            return
        if self.column + wide > self.columns:
            if self.wraps:
                self._next_row()
                self.column = 0
            else:
                self.column = self.columns - wide
        row = self.rows[self.row]
        row += [" "] * (self.column + wide - len(row))
        row[self.column : self.column + wide] = [letter, *[""] * (wide - 1)]
        self.styles[self.row][self.column] = self._style
        self.column += wide

    def resize(self, columns: int) -> None:
        """Be another width, as terminals that break rows anew; the cursor stays with its cell."""
        before = self.rows
        self.columns, self.rows = columns, []
        at = (self.row, self.column)
        for number, row in enumerate(before):
            pieces = [row[k : k + columns] for k in range(0, max(1, len(row)), columns)]
            if number == at[0]:
                self.row, self.column = len(self.rows) + at[1] // columns, at[1] % columns
            self.rows += pieces
        self.styles = [{} for _ in self.rows]

    @property
    def lines(self) -> list[str]:
        """What is to be read, without blanks at the ends."""
        return ["".join(row).rstrip() for row in self.rows]
