"""What kernels ask of the machine that each target says in its own words: the float mode, time, sleep, fusing.

Numba's code only names these functions; what they do is added here, for the architecture and the
system of the target, so that code for another machine can be made on this one.
"""

from __future__ import annotations

import re

from zerocross.compiler.target import Target

__all__ = [
    "FLUSH_DENORMALS",
    "MONOTONIC_NS",
    "RESTORE_FLOAT_MODE",
    "SLEEP_US",
    "THREAD_TIME_NS",
    "with_machine",
]

FLUSH_DENORMALS = "machine_flush_denormals"
RESTORE_FLOAT_MODE = "machine_restore_float_mode"
MONOTONIC_NS = "machine_monotonic_ns"
THREAD_TIME_NS = "machine_thread_time_ns"
SLEEP_US = "machine_sleep_us"

_DECLARED = re.compile(r"^declare [^@\n]*@(machine_\w+)\([^\n]*\n", re.MULTILINE)
_DECLARED_FUSED = re.compile(r"^declare [^@\n]*@(llvm\.fmuladd\.\w+)\([^\n]*\n", re.MULTILINE)
_HEAD = "define internal {kind} @{name}({arguments}) alwaysinline {{"

# --- the float mode: denormals are zero, and become zero -----------------------------------------

#: MXCSR's bits FTZ and DAZ; FPCR's bit FZ.
_X86_FTZ_DAZ, _ARM_FZ = 0x8040, 1 << 24
_X86_FLUSH = f"""
  %slot = alloca i32, align 4
  call void @llvm.x86.sse.stmxcsr(ptr %slot)
  %before = load i32, ptr %slot, align 4
  %after = or i32 %before, {_X86_FTZ_DAZ}
  store i32 %after, ptr %slot, align 4
  call void @llvm.x86.sse.ldmxcsr(ptr %slot)
  %out = zext i32 %before to i64
  ret i64 %out
"""
_X86_RESTORE = """
  %slot = alloca i32, align 4
  %mode = trunc i64 %a to i32
  store i32 %mode, ptr %slot, align 4
  call void @llvm.x86.sse.ldmxcsr(ptr %slot)
  ret void
"""
_ARM_FLUSH = f"""
  %before = call i64 @llvm.aarch64.get.fpcr()
  %after = or i64 %before, {_ARM_FZ}
  call void @llvm.aarch64.set.fpcr(i64 %after)
  ret i64 %before
"""
_ARM_RESTORE = """
  call void @llvm.aarch64.set.fpcr(i64 %a)
  ret void
"""
_FLOAT_MODES = {
    "x86_64": {FLUSH_DENORMALS: _X86_FLUSH, RESTORE_FLOAT_MODE: _X86_RESTORE},
    "aarch64": {FLUSH_DENORMALS: _ARM_FLUSH, RESTORE_FLOAT_MODE: _ARM_RESTORE},
}
_NO_FLOAT_MODE = {FLUSH_DENORMALS: "  ret i64 0", RESTORE_FLOAT_MODE: "  ret void"}

# --- time ----------------------------------------------------------------------------------------

_POSIX_CLOCK = """
  %slot = alloca {{ i64, i64 }}, align 8
  %status = call i32 @clock_gettime(i32 {clock}, ptr %slot)
  %seconds = load i64, ptr %slot, align 8
  %place = getelementptr i8, ptr %slot, i64 8
  %rest = load i64, ptr %place, align 8
  %whole = mul i64 %seconds, 1000000000
  %out = add i64 %whole, %rest
  ret i64 %out
"""
_WINDOWS_CLOCK = """
  %slot = alloca i64, align 8
  %first = call i32 @QueryPerformanceCounter(ptr %slot)
  %ticks = load i64, ptr %slot, align 8
  %second = call i32 @QueryPerformanceFrequency(ptr %slot)
  %rate = load i64, ptr %slot, align 8
  %seconds = sdiv i64 %ticks, %rate
  %left = srem i64 %ticks, %rate
  %whole = mul i64 %seconds, 1000000000
  %scaled = mul i64 %left, 1000000000
  %rest = sdiv i64 %scaled, %rate
  %out = add i64 %whole, %rest
  ret i64 %out
"""
_POSIX_SLEEP = """
  %time = trunc i64 %a to i32
  %status = call i32 @usleep(i32 %time)
  ret i64 0
"""
_WINDOWS_SLEEP = """
  %time = trunc i64 %a to i32
  %up = add i32 %time, 999
  %milliseconds = udiv i32 %up, 1000
  call void @Sleep(i32 %milliseconds)
  ret i64 0
"""
#: CLOCK_MONOTONIC and CLOCK_THREAD_CPUTIME_ID; on macOS CLOCK_UPTIME_RAW, which does not jump.
_CLOCKS = {"linux": (1, 3), "macos": (8, 16)}

#: WebAssembly has no clock, and nobody sleeps in a browser's audio thread.
_NO_SYSTEM = dict.fromkeys((MONOTONIC_NS, THREAD_TIME_NS, SLEEP_US), "  ret i64 0")

_KINDS = {
    FLUSH_DENORMALS: ("i64", ""),
    RESTORE_FLOAT_MODE: ("void", "i64 %a"),
    MONOTONIC_NS: ("i64", ""),
    THREAD_TIME_NS: ("i64", ""),
    SLEEP_US: ("i64", "i64 %a"),
}
_CALLED = re.compile(r"call (void|i32|i64) @([\w.]+)\(([^)]*)\)")


def with_machine(ir: str, chosen: Target) -> str:
    """Return a module with the target's own bodies of what it only names so far."""
    if chosen.architecture == "wasm32":
        ir = _without_fused(ir)
    wanted = set(_DECLARED.findall(ir))
    if not wanted:
        return ir
    bodies = _FLOAT_MODES.get(chosen.architecture, _NO_FLOAT_MODE) | _system(chosen.triple)
    there = _DECLARED.sub("", ir)
    made, called = "", {}
    for name in sorted(wanted):
        kind, arguments = _KINDS[name]
        made += _HEAD.format(kind=kind, name=name, arguments=arguments) + bodies[name] + "}\n"
        for result, symbol, given in _CALLED.findall(bodies[name]):
            taken = ", ".join(one.split()[0] for one in given.split(", ") if one)
            called[symbol] = f"declare {result} @{symbol}({taken})\n"
    new = (text for symbol, text in called.items() if f"@{symbol}(" not in there)
    return there + "".join(new) + made


def _without_fused(ir: str) -> str:
    """Return a module that multiplies and adds one after the other: WebAssembly has no fused form."""
    declared: set[str] = set()

    def once(match: re.Match[str]) -> str:
        is_new = match.group(1) not in declared
        declared.add(match.group(1))
        return match.group() if is_new else ""

    return _DECLARED_FUSED.sub(once, ir.replace("@llvm.fma.", "@llvm.fmuladd."))


def _system(triple: str) -> dict[str, str]:
    if triple.startswith("wasm"):
        return _NO_SYSTEM
    if "windows" in triple:
        clocks = {MONOTONIC_NS: _WINDOWS_CLOCK, THREAD_TIME_NS: _WINDOWS_CLOCK}
        return clocks | {SLEEP_US: _WINDOWS_SLEEP}
    is_apple = "apple" in triple or "darwin" in triple
    monotonic, of_thread = _CLOCKS["macos" if is_apple else "linux"]
    return {
        MONOTONIC_NS: _POSIX_CLOCK.format(clock=monotonic),
        THREAD_TIME_NS: _POSIX_CLOCK.format(clock=of_thread),
        SLEEP_US: _POSIX_SLEEP,
    }
