"""Effects that come along: each is also an example of how to write one."""

from zerocross.effects.delay import Delay
from zerocross.effects.dynamics import Compressor, Gate, Limiter
from zerocross.effects.level import Gain, Pan
from zerocross.effects.oscillator import Oscillator
from zerocross.effects.reverb import Reverb

__all__ = ["Compressor", "Delay", "Gain", "Gate", "Limiter", "Oscillator", "Pan", "Reverb"]
