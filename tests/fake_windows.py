"""A Windows of the tests' own: threads, MMCSS, NUMA nodes and pages, as documented.

The prototypes are Microsoft Learn's, written down a second time.
"""

import ctypes
import mmap
import threading

from zerocross.system.windows import GroupAffinity, ProcessorNumber, WorkingSetPage

HANDLE = LPVOID = PVOID = ctypes.c_void_p
BOOL, LONG = ctypes.c_int, ctypes.c_int
DWORD = ULONG = ctypes.c_uint32
USHORT = ctypes.c_uint16
SIZE_T = DWORD_PTR = ctypes.c_uint64
POINTER = ctypes.POINTER

PROTOTYPES = {
    "OpenThread": (HANDLE, DWORD, BOOL, DWORD),
    "CloseHandle": (BOOL, HANDLE),
    "GetCurrentProcess": (HANDLE,),
    "GetThreadPriority": (LONG, HANDLE),
    "SetThreadPriority": (BOOL, HANDLE, LONG),
    "SetThreadAffinityMask": (DWORD_PTR, HANDLE, DWORD_PTR),
    "GetThreadGroupAffinity": (BOOL, HANDLE, POINTER(GroupAffinity)),
    "AvSetMmThreadCharacteristicsW": (HANDLE, ctypes.c_wchar_p, POINTER(DWORD)),
    "VirtualAllocExNuma": (LPVOID, HANDLE, LPVOID, SIZE_T, DWORD, DWORD, DWORD),
    "VirtualFree": (BOOL, LPVOID, SIZE_T, DWORD),
    "VirtualLock": (BOOL, LPVOID, SIZE_T),
    "GetProcessWorkingSetSize": (BOOL, HANDLE, POINTER(SIZE_T), POINTER(SIZE_T)),
    "SetProcessWorkingSetSize": (BOOL, HANDLE, SIZE_T, SIZE_T),
    "K32QueryWorkingSetEx": (BOOL, HANDLE, PVOID, DWORD),
    "GetNumaHighestNodeNumber": (BOOL, POINTER(ULONG)),
    "GetNumaNodeProcessorMaskEx": (BOOL, USHORT, POINTER(GroupAffinity)),
    "GetCurrentProcessorNumberEx": (None, POINTER(ProcessorNumber)),
}

PROCESS = ctypes.c_void_p(-1).value  # the pseudo handle
_HANDLES = 0x7F00_0000_0000  # what does not fit in 32 bits shows when it is cut


class FakeWindows:
    """What the machine is in; change it, or name what it is to refuse, and ask."""

    def __init__(self):
        self.calls, self.missing, self.refused = [], set(), {}
        self.error = 0
        self.open = set()
        self.priorities = {threading.get_native_id(): 0, 4321: 0}
        self.group, self.masks = 0, dict.fromkeys(self.priorities, 0b1111)
        self.deaf = set()  # functions that say yes and do nothing
        self.task = 7
        self.working_set = (204_800, 1_413_120)
        self.locked = set()
        self.here = (0, 2)  # the group and number of the CPU that runs
        self.nodes = {0: (0b0011, 0), 2: (0b1100, 0)}
        self.allocated, self.node_of_page, self.paged_out = {}, {}, set()

    def refuse(self, name):
        self.error = self.refused[name]
        return 0x7FFFFFFF if name == "GetThreadPriority" else 0

    def _fail(self, error):
        self.error = error
        return 0

    def _thread(self, handle):
        assert handle in self.open, f"{handle} is no open handle"
        return handle - _HANDLES

    # --- threads

    def OpenThread(self, access, inherit, number):
        assert access == 0x60 and inherit == 0
        if number not in self.priorities:
            return self._fail(87)
        self.open.add(_HANDLES + number)
        return _HANDLES + number

    def CloseHandle(self, handle):
        self.open.remove(handle)
        return 1

    def GetCurrentProcess(self):
        return PROCESS

    def GetThreadPriority(self, handle):
        return self.priorities[self._thread(handle)]

    def SetThreadPriority(self, handle, priority):
        if "SetThreadPriority" not in self.deaf:
            self.priorities[self._thread(handle)] = priority
        return 1

    def GetThreadGroupAffinity(self, handle, affinity):
        affinity[0].mask, affinity[0].group = self.masks[self._thread(handle)], self.group
        return 1

    def SetThreadAffinityMask(self, handle, mask):
        thread = self._thread(handle)
        before = self.masks[thread]
        if not mask or mask & ~0b1111:
            return self._fail(87)
        if "SetThreadAffinityMask" not in self.deaf:
            self.masks[thread] = mask
        return before

    def AvSetMmThreadCharacteristicsW(self, name, index):
        assert index[0] == 0
        if name != "Pro Audio":
            return self._fail(1550)
        index[0] = self.task
        return _HANDLES + 1

    # --- memory

    def VirtualAllocExNuma(self, process, address, size, kind, protection, node):
        assert (process, address, kind, protection) == (PROCESS, None, 0x3000, 4)
        if node > 2:
            return self._fail(87)
        pages = mmap.mmap(-1, size)
        start = ctypes.addressof(ctypes.c_char.from_buffer(pages))
        self.allocated[start] = pages
        for page in range(start, start + size, mmap.PAGESIZE):
            self.node_of_page[page] = node
        return start

    def VirtualFree(self, address, size, kind):
        assert (size, kind) == (0, 0x8000)
        del self.allocated[address]
        return 1

    def VirtualLock(self, address, size):
        start = address - address % mmap.PAGESIZE
        pages = set(range(start, address + size, mmap.PAGESIZE))
        if len(self.locked | pages) * mmap.PAGESIZE > self.working_set[0]:
            return self._fail(1453)
        if "VirtualLock" not in self.deaf:
            self.locked |= pages
        return 1

    def GetProcessWorkingSetSize(self, process, least, most):
        assert process == PROCESS
        least[0], most[0] = self.working_set
        return 1

    def SetProcessWorkingSetSize(self, process, least, most):
        assert process == PROCESS and least <= most
        self.working_set = least, most
        return 1

    def K32QueryWorkingSetEx(self, process, address, size):
        assert process == PROCESS
        pages = (WorkingSetPage * (size // ctypes.sizeof(WorkingSetPage))).from_address(address)
        for page in pages:
            assert page.address % mmap.PAGESIZE == 0
            node = self.node_of_page.get(page.address, 0)
            # Valid, a protection, the node, Locked: and what lies between them must not matter.
            page.flags = 1 | 4 << 4 | node << 16 | (page.address in self.locked) << 22
            if page.address in self.paged_out:
                page.flags &= ~1  # not Valid: the rest means nothing
        return 1

    # --- nodes

    def GetNumaHighestNodeNumber(self, highest):
        highest[0] = max(self.nodes)
        return 1

    def GetNumaNodeProcessorMaskEx(self, node, affinity):
        if node not in self.nodes:
            return self._fail(87)
        affinity[0].mask, affinity[0].group = self.nodes[node]
        return 1

    def GetCurrentProcessorNumberEx(self, number):
        number[0].group, number[0].number = self.here
