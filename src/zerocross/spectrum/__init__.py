"""Looking at sound: Web Audio's analyser, calibrated band spectra, what a display makes of them."""

from zerocross.spectrum.analyser import Analyser
from zerocross.spectrum.bands import SCALES, Bands, design_scale
from zerocross.spectrum.display import Display
from zerocross.spectrum.spectrum import Spectrum

__all__ = ["SCALES", "Analyser", "Bands", "Display", "Spectrum", "design_scale"]
