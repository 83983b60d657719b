"""Where two threads meet: without waiting for each other, but for signals and mutexes, which say so."""

from zerocross.sync.latest import Latest
from zerocross.sync.mutex import Mutex
from zerocross.sync.ring import Ring
from zerocross.sync.signal import Signal
from zerocross.sync.tap import Tap, TapWindow

__all__ = ["Latest", "Mutex", "Ring", "Signal", "Tap", "TapWindow"]
