"""Effects and instruments that come along: each is also an example of how to write one."""

from zerocross.effects.convolver import Convolver
from zerocross.effects.delay import Delay
from zerocross.effects.dynamics import Compressor, Gate, Limiter
from zerocross.effects.gain import Balance, Gain, Pan
from zerocross.effects.metering import LoudnessMeter, Meter, TapPoint
from zerocross.effects.oscillator import Oscillator
from zerocross.effects.reverb import Reverb
from zerocross.effects.sampler import Sampler

__all__ = [
    "Balance",
    "Compressor",
    "Convolver",
    "Delay",
    "Gain",
    "Gate",
    "Limiter",
    "LoudnessMeter",
    "Meter",
    "Oscillator",
    "Pan",
    "Reverb",
    "Sampler",
    "TapPoint",
]
