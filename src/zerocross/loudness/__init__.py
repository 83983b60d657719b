"""Loudness of files, and ReplayGain."""

from zerocross.loudness.files import Measured, measure

__all__ = ["Measured", "measure"]
