"""Where two threads meet without waiting for each other."""

from zerocross.sync.latest import Latest
from zerocross.sync.ring import Ring
from zerocross.sync.tap import Tap, TapWindow

__all__ = ["Latest", "Ring", "Tap", "TapWindow"]
