"""Where two threads meet: without waiting for each other, but for a signal, which one may wait for."""

from zerocross.sync.latest import Latest
from zerocross.sync.ring import Ring
from zerocross.sync.signal import Signal
from zerocross.sync.tap import Tap, TapWindow

__all__ = ["Latest", "Ring", "Signal", "Tap", "TapWindow"]
