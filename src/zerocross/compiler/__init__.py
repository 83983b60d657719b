"""Python functions become machine code: the only package that imports Numba or LLVM.

From the bottom up, each file standing on those before it: `mode` and `callee`, `primitives`,
`functions`, `bytecode`, `content`, `cache_file`, `cache`, `target` (LLVM), `frontend` (Numba),
`linker`, `dispatcher` (Numba), `kernel`, `proof.allow_list`, `entry`, `proof`; `elementary` beside them
is made of kernels.
"""

from zerocross.compiler.callee import give_method
from zerocross.compiler.entry import Entry, entry
from zerocross.compiler.kernel import Kernel, kernel
from zerocross.compiler.primitives.atomic import (
    compare_exchange,
    exchange,
    fence_acquire,
    fence_release,
    fetch_add,
    fetch_or,
    load_acquire,
    store_release,
)
from zerocross.compiler.primitives.call import attempt, invoke
from zerocross.compiler.primitives.external import (
    external,
    monotonic_ns,
    provide,
    sleep_us,
    thread_number,
    thread_time_ns,
)
from zerocross.compiler.primitives.float_mode import flush_denormals, restore_float_mode
from zerocross.compiler.primitives.pointer import (
    address_of,
    array_address,
    float32_array,
    float32_planes,
    float32_rows,
    float64_array,
    float64_rows,
    int16_array,
    int32_array,
    int64_array,
    planes_to_read,
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
    "float32_planes",
    "float32_rows",
    "float64_array",
    "float64_rows",
    "flush_denormals",
    "give_method",
    "int16_array",
    "int32_array",
    "int64_array",
    "invoke",
    "kernel",
    "load_acquire",
    "monotonic_ns",
    "planes_to_read",
    "provide",
    "record_at",
    "records_at",
    "restore_float_mode",
    "sleep_us",
    "store_release",
    "thread_number",
    "thread_time_ns",
    "uint8_array",
]
