"""Where samples live: aligned, pooled, mirrored, in arenas; and the records threads share."""

from zerocross.memory.aligned import AlignedBuffer, aligned_zeros
from zerocross.memory.arena import Arena, thread_arena
from zerocross.memory.grant import Grant
from zerocross.memory.mirror import MirroredBuffer
from zerocross.memory.numa import Node, pin, topology
from zerocross.memory.pool import BufferPool, PooledBuffer, PoolStats
from zerocross.memory.record import Record, audit, layout

__all__ = [
    "AlignedBuffer",
    "Arena",
    "BufferPool",
    "Grant",
    "MirroredBuffer",
    "Node",
    "PoolStats",
    "PooledBuffer",
    "Record",
    "aligned_zeros",
    "audit",
    "layout",
    "pin",
    "thread_arena",
    "topology",
]
