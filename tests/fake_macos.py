"""A macOS of the tests' own: Mach threads, their policies, wired pages, as xnu's headers say.

The prototypes are Apple's, written down a second time.
"""

import ctypes
import errno
import mmap
import threading

from zerocross.system.macos import (
    AffinityTag,
    RegionInfo,
    ThreadIdentity,
    Timebase,
    TimeConstraint,
)

kern_return_t = boolean_t = ctypes.c_int
mach_port_t = natural_t = mach_msg_type_number_t = ctypes.c_uint
info_t = ctypes.c_void_p
address_t = ctypes.c_uint64
POINTER = ctypes.POINTER
count_t = POINTER(mach_msg_type_number_t)

PROTOTYPES = {
    "thread_policy_set": (kern_return_t, mach_port_t, natural_t, info_t, natural_t),
    "thread_policy_get": (
        kern_return_t,
        mach_port_t,
        natural_t,
        info_t,
        count_t,
        POINTER(boolean_t),
    ),
    "thread_info": (kern_return_t, mach_port_t, natural_t, info_t, count_t),
    "task_threads": (kern_return_t, mach_port_t, POINTER(POINTER(mach_port_t)), count_t),
    "mach_port_deallocate": (kern_return_t, mach_port_t, mach_port_t),
    "mach_vm_deallocate": (kern_return_t, mach_port_t, address_t, address_t),
    "mach_vm_region": (
        kern_return_t,
        mach_port_t,
        POINTER(address_t),
        POINTER(address_t),
        ctypes.c_int,
        info_t,
        count_t,
        POINTER(mach_port_t),
    ),
    "mach_timebase_info": (kern_return_t, POINTER(Timebase)),
    "mlock": (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t),
}

TASK = 0x107
_REGION = 16 * mmap.PAGESIZE


class FakeMacOS:
    """What the machine is in; change it, or name what it is to refuse, and ask."""

    def __init__(self):
        self.calls, self.missing, self.refused = [], set(), {}
        self.ports = {0x1003: threading.get_native_id(), 0x1004: 1 << 40}
        self.held = 0  # ports and arrays that were given and not given back
        self.constraints, self.tags = {}, {}
        self.timebase = (125, 3)  # Apple silicon's: 24 MHz
        self.deaf = set()  # functions that say yes and do nothing
        self.has_affinity = True
        self.wired = set()
        self._arrays = []

    def refuse(self, name):
        if name == "mlock":
            ctypes.set_errno(self.refused[name])
            return -1
        return self.refused[name]

    # --- threads

    def task_threads(self, task, ports, count):
        assert task == TASK
        array = (mach_port_t * len(self.ports))(*self.ports)
        self._arrays.append(array)
        ports[0] = array
        count[0] = len(array)
        self.held += len(array) + 1
        return 0

    def mach_port_deallocate(self, task, port):
        assert task == TASK and port in self.ports
        self.held -= 1
        return 0

    def mach_vm_deallocate(self, task, address, size):
        assert task == TASK and address == ctypes.addressof(self._arrays[-1])
        assert size == ctypes.sizeof(self._arrays[-1])
        self.held -= 1
        return 0

    def thread_info(self, port, flavor, info, count):
        assert (flavor, count[0]) == (4, 6)
        ThreadIdentity.from_address(info).thread_id = self.ports[port]
        return 0

    def thread_policy_set(self, port, flavor, info, count):
        if flavor == 2:
            assert count == 4
            given = TimeConstraint.from_address(info)
            wanted = given.period, given.computation, given.constraint, given.preemptible
            if not 0 < wanted[1] <= wanted[2]:
                return 4
            found = self.constraints
        else:
            assert (flavor, count) == (4, 1)
            if not self.has_affinity:
                return 46
            found, wanted = self.tags, AffinityTag.from_address(info).tag
        if "thread_policy_set" not in self.deaf:
            found[port] = wanted
        return 0

    def thread_policy_get(self, port, flavor, info, count, is_default):
        assert is_default[0] == 0
        if flavor == 2:
            assert count[0] == 4
            found = self.constraints.get(port)
            is_default[0] = found is None
            TimeConstraint.from_address(info).__init__(*(found or (0, 60_000, 120_000, 1)))
        else:
            assert (flavor, count[0]) == (4, 1)
            AffinityTag.from_address(info).tag = self.tags.get(port, 0)
        return 0

    def mach_timebase_info(self, found):
        found[0].numer, found[0].denom = self.timebase
        return 0

    # --- memory

    def mlock(self, address, size):
        if "mlock" not in self.deaf:
            start = address - address % mmap.PAGESIZE
            self.wired |= set(range(start, address + size, mmap.PAGESIZE))
        return 0

    def mach_vm_region(self, task, address, size, flavor, info, count, name):
        assert (task, flavor, count[0]) == (TASK, 9, 9)
        if address[0] >= 1 << 47:
            return 1
        start = address[0] - address[0] % mmap.PAGESIZE
        wired, end = start in self.wired, start + mmap.PAGESIZE
        while end < start + _REGION and (end in self.wired) == wired:
            end += mmap.PAGESIZE
        address[0], size[0] = start, end - start
        RegionInfo.from_address(info).user_wired_count = wired
        return 0


NO_MEMORY = errno.ENOMEM
