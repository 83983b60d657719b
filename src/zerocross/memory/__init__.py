"""Where samples live: aligned, pooled, mirrored, in arenas; and the records threads share."""

from zerocross.memory.aligned import AlignedBuffer, aligned_zeros
from zerocross.memory.arena import Arena, ArenaStats, thread_arena
from zerocross.memory.mirror import MirroredBuffer
from zerocross.memory.pool import BufferPool, PooledBuffer, PoolStats
from zerocross.memory.record import Record, audit, layout

__all__ = [
    "AlignedBuffer",
    "Arena",
    "ArenaStats",
    "BufferPool",
    "MirroredBuffer",
    "PoolStats",
    "PooledBuffer",
    "Record",
    "aligned_zeros",
    "audit",
    "layout",
    "thread_arena",
]
