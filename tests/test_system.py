"""What is asked of Linux, Windows and macOS: the last two of fakes, by the documented prototypes.

The fakes grant, refuse, and say yes while doing nothing: what is reported is what is read back.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import sys
import threading

import numpy as np
import pytest

import fake_macos
import fake_windows
from conftest import wait_for
from fake_library import FakeLibrary, nothing_else, sizes
from fake_macos import FakeMacOS
from fake_windows import FakeWindows
from zerocross.errors import UsageError
from zerocross.memory import AlignedBuffer, MirroredBuffer
from zerocross.system import grant, macos, pin, posix, topology, windows
from zerocross.system.locking import keep_in_memory
from zerocross.system.numa import Node, bind, current_node, place_here
from zerocross.system.pages import HUGE_PAGE, advise_huge, huge_pages_of
from zerocross.system.priority import elevate, name_thread

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
OTHER = 4321


@pytest.fixture
def on_windows(monkeypatch):
    machine = FakeWindows()

    def load(name, *, use_last_error):
        assert name in {"kernel32", "avrt"} and use_last_error
        return FakeLibrary(machine, fake_windows.PROTOTYPES)

    monkeypatch.setattr(grant, "SYSTEM", "win32")
    monkeypatch.setattr(ctypes, "WinDLL", load, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: machine.error, raising=False)
    windows._library.cache_clear()
    yield machine
    windows._library.cache_clear()
    assert not machine.open, "a thread's handle was not closed"


@pytest.fixture
def on_macos(monkeypatch):
    machine = FakeMacOS()
    library = FakeLibrary(machine, fake_macos.PROTOTYPES)
    monkeypatch.setattr(grant, "SYSTEM", "darwin")
    monkeypatch.setattr(macos, "libc", lambda: library)
    monkeypatch.setattr(macos, "_task", lambda: fake_macos.TASK)
    monkeypatch.setattr(posix, "libc", lambda: library)
    yield machine
    assert machine.held == 0, "a port or an array was not given back"


@pytest.fixture
def pages():
    with AlignedBuffer(1 << 20, "u1") as buffer:
        yield buffer.address, buffer.nbytes


# --- the rule ---------------------------------------------------------------------------------


def test_a_system_without_an_answer_is_told_which_have_one(monkeypatch, pages):
    monkeypatch.setattr(grant, "SYSTEM", "freebsd14")
    assert str(pin(None, [0])) == "affinity to CPU 0: refused (Linux, Windows, macOS only)"
    assert not elevate(threading.get_native_id()).granted
    assert not keep_in_memory([pages]).granted
    assert huge_pages_of(*pages).detail == "Linux only"
    assert bind(*pages, 0).detail == "Linux, Windows only"
    advise_huge(*pages)
    name_thread(1 << 22, "nobody")
    (node,) = topology()
    assert node.number == 0
    assert current_node((Node(3, frozenset()),)) == 3


# --- Linux ------------------------------------------------------------------------------------


@linux
def test_memory_that_is_locked_already_is_granted(pages):
    first, again = keep_in_memory([pages]), keep_in_memory([pages])
    if not first.granted:
        assert "memlock" in first.detail
        pytest.skip("this system locks no memory")
    assert first.detail == "1024 KiB more than before, read back"
    assert again == grant.Grant("locked memory", True, "1024 of 1024 KiB, read back")


@linux
def test_both_halves_of_mirrored_memory_are_counted_whole():
    with MirroredBuffer(1 << 16) as buffer:
        half, size = (buffer.address, buffer.size), buffer.size
        if not keep_in_memory([half]).granted:
            pytest.skip("this system locks no memory")
        assert keep_in_memory([half]).detail == f"{size // 1024} of {size // 1024} KiB, read back"
        other = (buffer.address + size, size)
        assert keep_in_memory([half, other]).granted


@linux
def test_what_is_not_locked_is_not_granted(monkeypatch, pages):
    monkeypatch.setattr(posix, "lock_all", lambda _: set())
    assert keep_in_memory([pages]) == grant.Grant(
        "locked memory", False, "0 of 1024 KiB, read back"
    )


# --- Windows: prototypes ----------------------------------------------------------------------


def test_windows_is_called_as_documented():
    assert set(windows._PROTOTYPES) == set(fake_windows.PROTOTYPES)
    for name, (_, result, arguments) in windows._PROTOTYPES.items():
        assert sizes(result, *arguments) == sizes(*fake_windows.PROTOTYPES[name]), name
    assert ctypes.sizeof(windows.GroupAffinity) == 16
    assert windows.GroupAffinity.group.offset == 8
    assert ctypes.sizeof(windows.ProcessorNumber) == 4
    assert ctypes.sizeof(windows.WorkingSetPage) == 16


@pytest.mark.parametrize(
    ("name", "position", "kind"),
    [
        ("OpenThread", "result", ctypes.c_int),  # a handle cut to 32 bits
        ("SetThreadAffinityMask", 1, ctypes.c_uint32),
        ("GetThreadGroupAffinity", 0, ctypes.c_int),
    ],
)
def test_a_wrong_prototype_is_found(on_windows, monkeypatch, name, position, kind):
    library, result, arguments = windows._PROTOTYPES[name]
    if position == "result":
        result = kind
    else:
        arguments = (*arguments[:position], kind, *arguments[position + 1 :])
    monkeypatch.setitem(windows._PROTOTYPES, name, (library, result, arguments))
    with pytest.raises(AssertionError, match=f"{name} is declared wrong"):
        pin(None, [1])
    on_windows.open.clear()


def test_a_wrong_argument_is_found(on_windows):
    with pytest.raises(ctypes.ArgumentError):
        windows.set_priority(OTHER, "high")
    with pytest.raises(ctypes.ArgumentError):
        windows.lock(b"not an address", 4096.0)


# --- Windows: threads -------------------------------------------------------------------------


def test_windows_pins_a_thread(on_windows):
    answer = pin(OTHER, [3, 1])
    assert answer == grant.Grant("affinity to CPU 1,3", True, "CPU 1,3, read back")
    assert on_windows.masks[OTHER] == 0b1010
    assert pin(None, [2]).granted
    assert on_windows.masks[threading.get_native_id()] == 0b0100


def test_windows_pins_a_thread_of_the_second_group(on_windows):
    on_windows.group = 1
    assert pin(OTHER, [65]).detail == "CPU 65, read back"
    assert on_windows.masks[OTHER] == 0b10
    assert "processor group is CPU 64 to 127; this thread may use CPU 65" in pin(OTHER, [3]).detail


def test_windows_refuses_to_pin(on_windows):
    answer = pin(OTHER, [9])
    assert not answer.granted
    assert answer.detail == (
        "invalid parameter (SetThreadAffinityMask, Windows error 87); "
        "this thread may use CPU 0,1,2,3"
    )
    assert not pin(OTHER, []).granted
    assert "OpenThread" in pin(99, [0]).detail
    on_windows.deaf.add("SetThreadAffinityMask")
    assert pin(OTHER, [1]) == grant.Grant("affinity to CPU 1", False, "CPU 0,1,2,3, read back")
    on_windows.missing.add("SetThreadAffinityMask")
    assert "this Windows has no SetThreadAffinityMask" in pin(OTHER, [1]).detail


def test_windows_lets_a_thread_join_mmcss(on_windows):
    on_windows.priorities[threading.get_native_id()] = 11
    answer = elevate(threading.get_native_id())
    assert answer == grant.Grant(
        "real-time priority", True, "MMCSS Pro Audio, task 7; thread priority 11, read back"
    )
    on_windows.task = 0
    assert not elevate(threading.get_native_id()).granted


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1550, "the task name is not known"),
        (1314, "a privilege is not held"),
        (1717, "refused (AvSetMmThreadCharacteristicsW, Windows error 1717)"),
    ],
)
def test_windows_refuses_mmcss(on_windows, number, words):
    on_windows.refused["AvSetMmThreadCharacteristicsW"] = number
    answer = elevate(threading.get_native_id())
    assert not answer.granted
    assert answer.detail.startswith(words)
    assert answer.detail.endswith("run the stream with a larger --block")


def test_windows_gives_another_thread_the_highest_priority(on_windows):
    answer = elevate(OTHER)
    assert answer.granted
    assert answer.detail == "thread priority 15, read back; MMCSS is the thread's to join"
    assert on_windows.priorities[OTHER] == 15
    with nothing_else(on_windows, "OpenThread", "GetThreadPriority", "CloseHandle"):
        assert "15 already, read back" in elevate(OTHER).detail


def test_windows_refuses_another_thread_priority(on_windows):
    on_windows.refused["SetThreadPriority"] = 5
    answer = elevate(OTHER)
    assert not answer.granted
    assert answer.detail.startswith(
        "access is denied (SetThreadPriority, Windows error 5); thread priority 0 as before"
    )
    on_windows.refused.clear()
    on_windows.deaf.add("SetThreadPriority")
    assert not elevate(OTHER).granted
    on_windows.refused["GetThreadPriority"] = 6
    assert "(GetThreadPriority, Windows error 6)" in elevate(OTHER).detail
    assert "OpenThread" in elevate(99).detail


# --- Windows: memory --------------------------------------------------------------------------


def test_windows_locks_memory_beyond_its_first_quota(on_windows, pages):
    answer = keep_in_memory([pages])
    assert answer == grant.Grant("locked memory", True, "1024 of 1024 KiB, read back")
    assert on_windows.working_set == (204_800 + (1 << 20), 1_413_120 + (1 << 20))
    with nothing_else(on_windows, "VirtualLock", "GetCurrentProcess", "K32QueryWorkingSetEx"):
        assert keep_in_memory([pages]).granted


def test_windows_refuses_to_lock(on_windows, pages):
    on_windows.refused["SetProcessWorkingSetSize"] = 1314
    answer = keep_in_memory([pages])
    assert not answer.granted
    assert answer.detail == (
        "a privilege is not held (SetProcessWorkingSetSize, Windows error 1314) after 0 of "
        "1024 KiB; give the user the right 'Increase a process working set' (secpol.msc)"
    )
    on_windows.refused.clear()
    on_windows.deaf.add("VirtualLock")
    assert keep_in_memory([pages]).detail == "0 of 1024 KiB, read back"
    assert not keep_in_memory([pages]).granted


def test_windows_counts_the_bytes_that_are_locked(on_windows, pages):
    address, _ = pages
    region = (address + 4000, 100)  # the end of a page, and 4 bytes of the next
    assert keep_in_memory([region]).detail == "1 of 1 KiB, read back"
    assert windows.locked_bytes_of(*region) == 100
    on_windows.locked.remove(address)
    assert windows.locked_bytes_of(*region) == 4
    on_windows.locked.add(address)
    on_windows.paged_out.add(address + 4096)
    assert windows.locked_bytes_of(*region) == 96
    assert windows.node_of(address + 4096) == -1


def test_windows_takes_memory_on_a_node(on_windows):
    buffer = AlignedBuffer((2, 5000), node=2)
    (answer,) = buffer.grants
    assert answer == grant.Grant(
        "memory on node 2", True, "the first page lies on node 2, read back"
    )
    assert not buffer.array.any()
    buffer.array[...] = 1.0
    view = buffer.array[1]
    with pytest.raises(UsageError, match="still viewed"):
        buffer.close()
    assert view.sum() == 5000.0
    assert len(on_windows.allocated) == 1
    del view
    buffer.close()
    buffer.close()
    assert not on_windows.allocated


def test_a_view_of_memory_on_a_node_keeps_it(on_windows):
    view = AlignedBuffer(5000, node=0).array[5:10]
    gc.collect()
    assert len(on_windows.allocated) == 1
    assert np.array_equal(view, np.zeros(5))
    del view
    gc.collect()
    assert not on_windows.allocated


def test_windows_refuses_memory_on_a_node(on_windows):
    with AlignedBuffer(5000, node=7) as buffer:
        (answer,) = buffer.grants
        buffer.array[:] = 1.0
        assert buffer.array.sum() == 5000.0
    assert not answer.granted
    assert answer.detail == "the first page lies on node 0, read back; the first touch decides"
    assert not on_windows.allocated


def test_windows_nodes(on_windows, pages):
    assert topology() == (Node(0, frozenset({0, 1})), Node(2, frozenset({2, 3})))
    assert current_node(topology()) == 2
    on_windows.nodes = {0: (0b1111, 0), 1: (0b11, 1)}
    assert topology()[1] == Node(1, frozenset({64, 65}))
    on_windows.here = (1, 1)
    (answer,) = place_here([pages])
    assert answer.what == "memory on node 1"
    assert answer.detail.endswith("the first touch decides")
    on_windows.here = (0, 3)
    assert [answer.granted for answer in place_here([pages])] == [True]


def test_a_windows_that_does_not_tell_its_nodes_has_one(on_windows):
    on_windows.refused["GetNumaHighestNodeNumber"] = 50
    (node,) = topology()
    assert node.number == 0 and node.cpus
    on_windows.missing.add("GetCurrentProcessorNumberEx")
    assert current_node((node,)) == 0


def test_huge_pages_are_linux_only(on_windows, pages):
    assert huge_pages_of(pages[0], HUGE_PAGE).detail == "Linux only"
    assert advise_huge(*pages) is None


# --- macOS ------------------------------------------------------------------------------------


def test_macos_is_called_as_documented():
    assert set(macos._PROTOTYPES) == set(fake_macos.PROTOTYPES) - {"mlock"}
    for name, arguments in macos._PROTOTYPES.items():
        assert sizes(ctypes.c_int, *arguments) == sizes(*fake_macos.PROTOTYPES[name]), name
    assert ctypes.sizeof(macos.TimeConstraint) == 16
    assert ctypes.sizeof(macos.RegionInfo) == 36
    assert macos.RegionInfo.offset.offset == 20
    assert macos.RegionInfo.user_wired_count.offset == 32


def test_a_wrong_argument_to_macos_is_found(on_macos, monkeypatch):
    wrong = (*macos._PROTOTYPES["thread_policy_set"][:3], ctypes.c_uint64)
    monkeypatch.setitem(macos._PROTOTYPES, "thread_policy_set", wrong)
    with pytest.raises(AssertionError, match="thread_policy_set is declared wrong"):
        pin(None, [1])
    with pytest.raises(TypeError):
        macos.set_affinity_tag(1 << 40, "three")


@pytest.mark.parametrize("timebase", [(125, 3), (1, 1)])
@pytest.mark.parametrize("port", [0x1003, 0x1004])
def test_macos_gives_a_time_constraint(on_macos, port, timebase):
    on_macos.timebase = timebase
    answer = elevate(on_macos.ports[port])
    assert answer.granted
    assert answer.detail == ("time constraint of 1.33 ms within 2.67 ms, every 2.67 ms, read back")
    period, computation, constraint, preemptible = on_macos.constraints[port]
    assert period == constraint == 2_666_666 * timebase[1] // timebase[0]
    assert computation in {period // 2, period // 2 + 1}
    assert preemptible == 1
    on_macos.refused["thread_policy_set"] = 5
    assert "2.67 ms already, read back" in elevate(on_macos.ports[port]).detail


def test_macos_refuses_a_time_constraint(on_macos):
    thread = threading.get_native_id()
    on_macos.deaf.add("thread_policy_set")
    assert elevate(thread).detail.startswith("not there when read back")
    on_macos.refused["thread_policy_set"] = 4
    answer = elevate(thread)
    assert not answer.granted
    assert answer.detail == (
        "invalid argument (thread_policy_set, Mach error 4); run the stream with a larger --block"
    )
    assert elevate(99).detail == "no thread 99 in this process"
    on_macos.refused["task_threads"] = 5
    assert elevate(thread).detail == "failure (task_threads, Mach error 5)"


def test_macos_pins_no_thread_but_sets_its_tag(on_macos):
    answer = pin(None, [3, 4])
    assert not answer.granted
    assert answer.detail.startswith("macOS binds no thread to a CPU; affinity tag 4, read back")
    assert on_macos.tags == {0x1003: 4}
    on_macos.deaf.add("thread_policy_set")
    assert "affinity tag 0, read back" in pin(1 << 40, [1]).detail


def test_apple_silicon_refuses_affinity(on_macos):
    on_macos.has_affinity = False
    answer = pin(None, [3])
    assert not answer.granted
    assert answer.detail == (
        "not supported (thread_policy_set, Mach error 46); Apple silicon has no affinity: "
        "leave it to the system"
    )


def test_macos_locks_memory(on_macos, pages):
    address, size = pages
    regions = [(address + 100, 5000), (address + 20 * 4096, size - 20 * 4096)]
    answer = keep_in_memory(regions)
    assert answer.granted
    total = -(-(size - 20 * 4096 + 5000) // 1024)
    assert answer.detail == f"{total} of {total} KiB, read back"


def test_macos_refuses_to_lock(on_macos, pages):
    on_macos.deaf.add("mlock")
    assert keep_in_memory([pages]) == grant.Grant(
        "locked memory", False, "0 of 1024 KiB, read back"
    )
    on_macos.refused["mlock"] = errno.ENOMEM
    answer = keep_in_memory([pages])
    assert answer.detail.startswith("cannot allocate memory after 0 of 1024 KiB at ")
    assert answer.detail.endswith("raise vm.user_wire_limit with sysctl")


def test_macos_has_one_node(on_macos, pages):
    assert len(topology()) == 1
    assert place_here([pages]) == []
    assert bind(*pages, 0).detail == "Linux, Windows only"


# --- what all have ----------------------------------------------------------------------------


@pytest.mark.parametrize("system", ["linux", "win32", "darwin"])
def test_a_thread_that_has_ended_is_not_asked_for(monkeypatch, system):
    monkeypatch.setattr(grant, "SYSTEM", system)
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    wait_for(lambda: not thread.is_alive())
    assert pin(thread, [0]).detail == "the thread is not running"
