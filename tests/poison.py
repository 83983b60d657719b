"""Plays while its chain is changed, with memory that is never given back but forbidden.

Every array of `aligned_zeros` (records of processors, nodes and programs, buffers) lies on pages
of its own. When Python lets go of one, its pages become inaccessible: code that still looks at it,
on whatever thread, ends the process. Run as ``python poison.py CHANGES``, or with ``planted`` for a
program that is let go of while the audio thread runs it; or import it, and call `forbid_freed_memory`.
"""

import ctypes
import sys
import time
import weakref

import numpy as np

from zerocross import Chain, Stream
from zerocross.effects import Convolver, Delay, Gain, Oscillator
from zerocross.memory import aligned

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
PAGE, READ_WRITE, PRIVATE_ANONYMOUS, DONTNEED = 4096, 3, 0x22, 4
poisoned = 0


def poison(address, size):
    global poisoned
    assert libc.mprotect(address, size, 0) == 0
    libc.madvise(address, size, DONTNEED)
    poisoned += 1


class Numpy:
    """NumPy whose ``zeros`` lie on pages of their own."""

    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def zeros(length, _dtype):
        size = -(-length // PAGE) * PAGE
        address = libc.mmap(None, size, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0)
        holder = type("Holder", (ctypes.c_char * size,), {}).from_address(address)
        # At exit the memory is still there: what plays then is closed after weakref's own end.
        weakref.finalize(holder, poison, address, size).atexit = False
        return np.frombuffer(holder, np.uint8, length)


def forbid_freed_memory():
    """From here on, every new array's memory is forbidden when it is let go of."""
    aligned.np = Numpy()


def main(argument):
    forbid_freed_memory()
    gain = Gain()
    chain = Chain(Oscillator(), gain)
    with Stream(chain, device="null", block_size=64) as stream:
        time.sleep(0.2)
        if argument == "planted":
            other = Chain(Gain())
            program = other.prepare(48_000, 2)
            stream._host.record.store("program", program.record.address)
            time.sleep(0.2)
            other._program = None
            del program
            time.sleep(0.5)
        rng = np.random.default_rng(1)
        for _ in range(int(argument)):
            made = [Gain, Delay, lambda: Convolver([1.0, 0.5])][rng.integers(3)]()
            kind = rng.integers(4)
            if kind == 0 or len(chain.parts) > 6:
                chain.remove(chain.parts[int(rng.integers(1, len(chain.parts)))])
                chain.append(made)
            elif kind == 1:
                chain.insert(int(rng.integers(1, len(chain.parts))), made)
            elif kind == 2:
                chain.move(chain.parts[-1], 1)
            else:
                stream.replace(chain.parts[-1], made)
        callbacks = stream.report()["callbacks"]
    print(poisoned, callbacks, chain.faults())


if __name__ == "__main__":
    main(sys.argv[1])
