"""Equalising: filters as coefficients, the processor that applies them, presets from files."""

from zerocross.eq.design import (
    KINDS,
    design_band,
    design_butterworth,
    design_linkwitz_riley,
    frequency_response,
    q_of_bandwidth,
    q_of_slope,
)
from zerocross.eq.equalizer import Equalizer
from zerocross.eq.graphic import fit_bands, fit_error_db, minimum_phase
from zerocross.eq.presets import Preset, read_preset

__all__ = [
    "KINDS",
    "Equalizer",
    "Preset",
    "design_band",
    "design_butterworth",
    "design_linkwitz_riley",
    "fit_bands",
    "fit_error_db",
    "frequency_response",
    "minimum_phase",
    "q_of_bandwidth",
    "q_of_slope",
    "read_preset",
]
