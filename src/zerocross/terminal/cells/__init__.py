"""What stands in a rectangle of a terminal, and the fewest bytes that bring it there."""

from zerocross.terminal.cells.cells import Cells
from zerocross.terminal.cells.pen import BOLD, REVERSED, TRUE_COLOUR

__all__ = ["BOLD", "REVERSED", "TRUE_COLOUR", "Cells"]
