"""Equalising: filters as coefficients, and the processor that applies them."""

from zerocross.eq.design import KINDS, design_band, frequency_response
from zerocross.eq.equalizer import Equalizer

__all__ = ["KINDS", "Equalizer", "design_band", "frequency_response"]
