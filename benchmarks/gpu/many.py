"""A million overlapping windows that lie on the card: ours beside other people's arrays there, and the memory's speed."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.gpu.batches import (
    BANDS,
    HOP,
    POINTS,
    by_numpy,
    matrix_of,
    noise,
    shape,
    the_card,
    the_spectra,
)
from zerocross.lab.harness import Absent, Bar, Case, Contestant
from zerocross.lab.peers import find

WINDOWS = 1_000_000
OURS, COPY = "zerocross, resident", "a copy on the card (gpu)"
#: Rivals, each with so many windows at a time: in a large cache, and in memory.
RIVALS, AT_ONCE = ("torch", "cupy", "vkfft"), (4096, 32_768)
#: What is on the card in one piece, at most, and what is copied at a time.
_PIECE_BYTES, _COPIES = 1 << 28, 8
#: Windows at either end of a piece that are compared with NumPy's; of a rival's, about so many with ours.
_COMPARED, _AGREE = 64, 65_536
#: A window's traffic if each sample comes from memory once, and if nothing is kept in between.
LEAST_BYTES, MOST_BYTES = 4 * (HOP + BANDS), 4 * (POINTS + BANDS)

_COPY = """
@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> copied: array<vec4f>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) place: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = place.x + place.y * groups.x * 256u;
  if (i < arrayLength(&source)) { copied[i] = source[i]; }
}
"""


def pieces(windows: int, most_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield the first window and the number of windows of pieces that fit into so many bytes."""
    most = 1 + (most_bytes // 4 - POINTS) // HOP
    for first in range(0, windows, most):
        yield first, min(most, windows - first)


def case(windows: int = WINDOWS) -> Case:
    """Return the work of so many windows, with those rivals that are here."""
    x = noise(windows)
    ours, read = _ours(x, windows)
    rivals = [each for name in RIVALS for each in _rivals(name, x, read)]
    bars = [] if the_card().is_software else [Bar(each.name, 1.0) for each in rivals]
    return Case("many windows (gpu)", f"{windows} windows", [ours, *rivals], bars)


def _ours(x: Any, windows: int) -> tuple[Contestant, Callable[[], Any]]:
    card, spectra = the_card(), the_spectra()
    most = min(_PIECE_BYTES, card.limits["max-storage-buffer-binding-size"])
    kept = [
        (card.upload(x[first * HOP :][: (n - 1) * HOP + POINTS]), n, card.memory(4 * BANDS * n))
        for first, n in pieces(windows, most)
    ]

    def call() -> None:
        for samples, count, levels in kept:
            spectra.run(samples, 0, count, levels)
        card.wait()

    def read() -> Any:
        found = [card.read(levels, np.float32, BANDS * count) for _, count, levels in kept]
        return np.concatenate(found).reshape(windows, BANDS)

    def check() -> None:
        call()
        found = read()
        for first, count in pieces(windows, most):
            few = min(_COMPARED, count)
            for at in (first, first + count - few):
                wanted = by_numpy(x[at * HOP :][: (few - 1) * HOP + POINTS], few, spectra.bands)
                _close(found[at : at + few], wanted)

    return Contestant(OURS, call, check=check, calls_in_one=windows), read


def _rivals(name: str, x: Any, ours: Callable[[], Any]) -> list[Contestant]:
    peer = find(name)
    if peer is None:
        print(f"without {name}: it is not installed", file=sys.stderr)
        return []
    matrix = matrix_of(the_spectra().bands)
    try:
        made = [peer.levels(x, shape(), matrix, HOP, at_once) for at_once in AT_ONCE]
    except Absent as why:
        print(f"without {name}: {why}", file=sys.stderr)
        return []
    for contestant, read in made:
        contestant.check = functools.partial(_agree, contestant, read, ours)
    return [contestant for contestant, _ in made]


def _agree(contestant: Contestant, read: Callable[[], Any], ours: Callable[[], Any]) -> None:
    contestant.run(1)
    found, wanted = read(), ours()
    assert found.shape == wanted.shape
    step = 1 + len(found) // _AGREE
    _close(found[::step], wanted[::step])


def _close(found: Any, wanted: Any) -> None:
    """Compare dB, and where next to nothing is left of a band, its amplitude."""
    apart = np.abs(found - wanted)
    assert np.median(apart) < 1e-4, "dB"
    assert np.quantile(apart, 0.99) < 1e-3, "dB: 99 levels of 100"
    assert (apart * 10 ** (wanted / 20)).max() < 1e-5, "of full scale"


def copy() -> Case:
    """Return what says how fast the card's memory is: copies that read and write each byte once.

    A unit of work is a byte, read or written.
    """
    card = the_card()
    size = (
        1 << 26
        if card.is_software
        else min(1 << 30, card.limits["max-storage-buffer-binding-size"])
    )
    size = size // 4096 * 4096
    program = card.program(_COPY)
    values = np.random.default_rng(2).standard_normal(size // 4, dtype=np.float32)
    source, target = card.upload(values), card.memory(size)
    group, rows = program.bind([source, target]), -(-size // 4096 // 32_768)

    def by_command(encoder: Any) -> None:
        encoder.copy_buffer_to_buffer(source, 0, target, 0, size)

    def by_shader(encoder: Any) -> None:
        step = encoder.begin_compute_pass()
        program.run(step, group, (-(-size // 4096 // rows), rows, 1))
        step.end()

    def contestant(name: str, one: Callable[[Any], None]) -> Contestant:
        def call() -> None:
            encoder = card.device.create_command_encoder()
            for _ in range(_COPIES):
                one(encoder)
            card.device.queue.submit([encoder.finish()])
            card.wait()

        def check() -> None:
            card.device.queue.write_buffer(target, 0, np.zeros(size // 4, np.float32))
            call()
            assert (card.read(target, np.float32, size // 4) == values).all()

        return Contestant(name, call, check=check, calls_in_one=2 * _COPIES * size)

    made = [contestant("by a command", by_command), contestant("by a shader", by_shader)]
    return Case(COPY, f"{size >> 20} MiB", made, [])


def traffic(window_ns: float, bytes_a_second: float) -> dict[str, float]:
    """Return what the model says of a window's traffic, and its share of a measured speed of the memory."""
    least, most = (1e9 * each / window_ns for each in (LEAST_BYTES, MOST_BYTES))
    return {
        "window_bytes": LEAST_BYTES,
        "window_bytes_without_caches": MOST_BYTES,
        "bytes_a_second": least,
        "bytes_a_second_without_caches": most,
        "memory_bytes_a_second": bytes_a_second,
        "share_of_memory": least / bytes_a_second,
        "share_of_memory_without_caches": most / bytes_a_second,
    }


def sentence(
    rows: list[dict[str, Any]], copies: list[dict[str, Any]]
) -> tuple[str, dict[str, Any]]:
    """Return what was measured of many windows, in words and as figures."""
    ours, *theirs = rows
    found = traffic(ours["median_ns"], max(1e9 / row["median_ns"] for row in copies))
    windows = int(ours["size"].split()[0])
    seconds = windows * ours["median_ns"] / 1e9
    said = (
        f"{windows:,} windows of {POINTS}, hop {HOP}, resident: {seconds * 1e3:,.1f} ms, "
        f"{windows / seconds:,.0f} windows a second; {LEAST_BYTES:,} bytes a window if each sample "
        f"is read once: {found['bytes_a_second'] / 1e9:,.2f} GB/s, {100 * found['share_of_memory']:.1f} % "
        f"of the {found['memory_bytes_a_second'] / 1e9:,.1f} GB/s of a copy "
        f"({MOST_BYTES:,} without caches: {100 * found['share_of_memory_without_caches']:.0f} %)"
    )
    for row in theirs:
        said += f"; {row['contestant']}: {1 / row['ratio']:.2f} times our time"
    return f"{said if theirs else said + '; beside nobody'}.", found
