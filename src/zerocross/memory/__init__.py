"""The memory room: where samples and shared numbers live."""

from zerocross.memory.aligned import aligned_zeros
from zerocross.memory.record import Record, layout

__all__ = ["Record", "aligned_zeros", "layout"]
