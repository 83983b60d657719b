"""The compiler room: Python functions become machine code. The only home of Numba and LLVM."""

from zerocross.compiler.atomic import (
    compare_exchange,
    exchange,
    fence_acquire,
    fence_release,
    fetch_add,
    fetch_or,
    load_acquire,
    store_release,
)
from zerocross.compiler.entry import Entry, entry
from zerocross.compiler.external import (
    attempt,
    external,
    invoke,
    monotonic_ns,
    provide,
    sleep_us,
    thread_number,
)
from zerocross.compiler.floatmode import flush_denormals, restore_float_mode
from zerocross.compiler.kernel import Kernel, kernel
from zerocross.compiler.pointer import (
    address_of,
    array_address,
    float32_array,
    float32_rows,
    float64_array,
    float64_rows,
    int16_array,
    int32_array,
    int64_array,
    record_at,
    records_at,
    uint8_array,
)

__all__ = [
    "Entry",
    "Kernel",
    "address_of",
    "array_address",
    "attempt",
    "compare_exchange",
    "entry",
    "exchange",
    "external",
    "fence_acquire",
    "fence_release",
    "fetch_add",
    "fetch_or",
    "float32_array",
    "float32_rows",
    "float64_array",
    "float64_rows",
    "flush_denormals",
    "int16_array",
    "int32_array",
    "int64_array",
    "invoke",
    "kernel",
    "load_acquire",
    "monotonic_ns",
    "provide",
    "record_at",
    "records_at",
    "restore_float_mode",
    "sleep_us",
    "store_release",
    "thread_number",
    "uint8_array",
]
