"""The engine's page: what a player's report says, as lines of text with roles for their colours.

No terminal here and no player: a report goes in, lines come out, and bars are drawn of blocks or, where
the terminal has only ASCII, of hashes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["SHARES", "Line", "Span", "page", "shares_of_deadline"]

#: Upper limits of the histogram's rows, in shares of the deadline; what is above is late.
SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
#: From so many columns on there are two columns of text.
_WIDE = 78
_GAP = 3
_LABEL = 11
_BLOCKS = " ▏▎▍▌▋▊▉█"
_MOST_SLOW = 8


class Span(NamedTuple):
    """A piece of text, and what it is: ``heading``, ``label``, ``text``, ``bar``, ``good`` or ``bad``."""

    text: str
    role: str = "text"


Line = list[Span]


def shares_of_deadline(report: Mapping[str, Any]) -> list[int]:
    """Return how many callbacks took no more than each of `SHARES`; and, last, the late ones.

    The histogram's buckets are 6 to 12 % wide; what was late was counted one by one.
    """
    counts = [0] * (len(SHARES) + 1)
    deadline_ns = report["deadline_ns"] or 1
    for limit_ns, count in report["callback_histogram"]:
        share = limit_ns / deadline_ns
        counts[next((k for k, most in enumerate(SHARES) if share <= most), -2)] += count
    late = min(report["late_callbacks"], sum(counts))
    counts[-1], left = late, late
    for k in range(len(SHARES) - 1, -1, -1):  # they are among the slowest of the others
        taken = min(left, counts[k])
        counts[k] -= taken
        left -= taken
    return counts


def page(
    report: Mapping[str, Any],
    columns: int,
    slow: Sequence[tuple[float, Mapping[str, Any]]] = (),
    ascii_only: bool = False,
) -> list[Line]:
    """Return the page for a width.

    Parameters
    ----------
    report : mapping
        As `Player.report` gives it.
    columns : int
        Of the page; each line has at most so many.
    slow : sequence of (float, mapping)
        The slow callbacks that were seen: how many seconds ago, and the entry of ``recent_callbacks``.
    ascii_only : bool
        Draw with ASCII.

    """
    is_wide = columns >= _WIDE
    left = (columns - _GAP) // 2 if is_wide else columns
    right = columns - _GAP - left if is_wide else columns
    first = [*_histogram(report, left, ascii_only), [], *_slow(report, slow)]
    second = [
        *_device(report),
        [],
        *_times(report),
        [],
        *_ring(report, right, ascii_only),
        [],
        *_asked(report, right),
    ]
    lines = _beside(first, left, second, ascii_only) if is_wide else [*first, [], *second]
    return [_cut(line, columns, ascii_only) for line in lines]


def _beside(first: list[Line], width: int, second: list[Line], ascii_only: bool) -> list[Line]:
    rows = max(len(first), len(second))
    first = [_cut(line, width, ascii_only) for line in first] + [[]] * (rows - len(first))
    second = second + [[]] * (rows - len(second))
    return [
        [*a, Span(" " * (width + _GAP - sum(len(span.text) for span in a))), *b]
        for a, b in zip(first, second, strict=True)
    ]


def _cut(line: Line, columns: int, ascii_only: bool = False) -> Line:
    """Return a line of at most so many columns; what is cut off is told by an ellipsis."""
    if sum(len(span.text) for span in line) <= columns:
        return line
    more = ("..." if ascii_only else "…")[:columns]
    made, room = [], columns - len(more)
    for span in line:
        made.append(Span(span.text[:room], span.role))
        room -= len(made[-1].text)
    return [*made, Span(more, "label")]


def _fact(label: str, *spans: Span | str) -> Line:
    given = [Span(each) if isinstance(each, str) else each for each in spans]
    return [Span(f"{label:{_LABEL}}", "label"), *given]


def _count(number: int, bad: bool = True) -> Span:
    """Return a number that should be 0, or one that is only told."""
    return Span(f"{number:,}", "bad" if number and bad else "text")


def _bar(share: float, width: int, ascii_only: bool) -> Span:
    """Return a bar of a share of some columns, padded to them."""
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    if share > 0:
        eighths = max(1, eighths)
    if ascii_only:
        return Span("#" * math.ceil(eighths / 8) + " " * (width - math.ceil(eighths / 8)), "bar")
    full, rest = divmod(eighths, 8)
    return Span(f"{'█' * full}{_BLOCKS[rest] if rest else ''}".ljust(width), "bar")


def _histogram(report: Mapping[str, Any], width: int, ascii_only: bool) -> Iterator[Line]:
    """Give a row for each share; bars are logarithmic, so that one of a million is seen."""
    counts = shares_of_deadline(report)
    most = math.log1p(max(counts))
    heading = "Share of the deadline"
    yield [Span(heading, "heading"), Span("callbacks".rjust(width - 1 - len(heading)), "label")]
    for k, count in enumerate(counts):
        is_late = k == len(SHARES)
        label = "late" if is_late else f"to {100 * SHARES[k]:g} %"
        number = f"{count:>11,}"
        bar = _bar(math.log1p(count) / most if most else 0.0, max(4, width - 22), ascii_only)
        role = "bad" if is_late and count else "text"
        yield [Span(f"{label:>8} ", "label"), Span(bar.text, "bad" if is_late else "bar"),
               Span(f" {number}", role)]  # fmt: skip


def _slow(
    report: Mapping[str, Any], slow: Sequence[tuple[float, Mapping[str, Any]]]
) -> Iterator[Line]:
    causes = report["late_causes"]
    yield [Span("Late", "heading")]
    yield _fact("late", _count(report["late_callbacks"]), Span(f" of {report['callbacks']:,}"))
    for cause, count in causes.items():
        if count:
            yield _fact("", _count(count), f" {cause}")
    yield _fact("underruns", _count(report["underruns"]), "  stalls ", _count(report["stalls"]),
                "  faults ", _count(report["faults"]))  # fmt: skip
    yield _fact("over 1 ms", _count(report["slow_callbacks"], bad=False), " blocks")
    for ago_s, entry in list(slow)[:_MOST_SLOW]:
        notes = "; ".join(entry["notes"])
        words = f"{entry['duration_ns'] / 1e6:.1f} ms, {100 * entry['share_of_deadline']:.0f} %"
        yield _fact("", f"{_ago(ago_s)} ago: {words}", Span(f"  {notes}" if notes else "", "bad"))


def _ago(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _device(report: Mapping[str, Any]) -> Iterator[Line]:
    rate, block = report["sample_rate"], report["block_size"]
    yield [Span("Device", "heading")]
    if not report["device"]:
        yield [Span("none is open", "label")]
        return
    yield _fact(report["backend"], report["device"])
    yield _fact("format", f"{rate:,} Hz, {report['channels']} channels")
    if rate and block:
        yield _fact("block", f"{block} frames, {_time(1e9 * block / rate)}")
        latency = report["latency_frames"]
        yield _fact("latency", f"{_time(1e9 * latency / rate)}, {latency:,} frames")


def _time(ns: float) -> str:
    return f"{ns / 1e3:.0f} us" if ns < 1e6 else f"{ns / 1e6:.1f} ms"


def _times(report: Mapping[str, Any]) -> Iterator[Line]:
    """Give the percentiles of the callback's time and of how it was called."""
    yield [
        Span(f"{'Times':{_LABEL}}", "heading"),
        Span(_row("p50", "p99", "p99.9", "most"), "label"),
    ]
    took, jitter = report["callback_ns"].values(), report["arrival_jitter_ns"].values()
    yield _fact("callback ms", _row(*(f"{ns / 1e6:.3g}" for ns in took)))
    shares = report["share_of_deadline"].values()
    yield _fact("deadline %", _row(*(f"{100 * share:.3g}" for share in shares)))
    yield _fact("arrival ms", _row(*(f"{ns / 1e6:.3g}" for ns in jitter)))
    yield _fact("decoding", f"{report['decode_seconds']:.1f} s of CPU time")


def _row(*values: str) -> str:
    return "".join(f"{value:>7}" for value in values)


def _ring(report: Mapping[str, Any], width: int, ascii_only: bool) -> Iterator[Line]:
    rate, ahead = report["sample_rate"], report["ring_frames"]
    yield [Span("Ring", "heading")]
    if not (rate and ahead and report["recent_callbacks"]):
        yield [Span("nothing is read ahead", "label")]
    else:
        now = report["recent_callbacks"][-1]["ring_frames"]
        words = f" {now / rate:.2f} of {ahead / rate:.2f} s"
        yield _fact(
            "fill", _bar(now / ahead, max(4, width - _LABEL - len(words)), ascii_only), words
        )
        low = report["ring_low_water_frames"]
        yield _fact("lowest", "-" if low is None else f"{low / rate:.2f} s")
    window = report.get("decoded_ahead_s") or {}
    if window.get("now") is not None:
        yield _fact("decoded", f"{window['now']:.1f} s ahead, at most {window['most']:.1f} s")
    if report.get("feed"):
        feed = report["feed"]
        yield _fact("feed", _count(feed["underruns"]), " underruns, ", f"{feed['flushes']} flushes")


def _asked(report: Mapping[str, Any], width: int) -> Iterator[Line]:
    """Give what the system granted, with its own words below; and the memory of effects."""
    yield [Span("Asked of the system", "heading")]
    if not report["realtime"]:
        yield [Span("nothing yet", "label")]
    for grant in report["realtime"]:
        granted = grant["granted"]
        mark = Span("granted ", "good") if granted else Span("refused ", "bad")
        yield [mark, Span(grant["what"])]
        if grant["detail"]:
            yield from (
                [Span(f"  {piece}", "label")] for piece in _folded(grant["detail"], width - 2)
            )
    yield []
    yield [Span("Scratch memory of effects", "heading")]
    scratch = report["scratch"]
    if scratch is None:
        yield [Span("no effects", "label")]
        return
    taken = f"{_size(scratch['high_water'])} of {_size(scratch['size'])}"
    yield _fact("at most", taken)
    if scratch["needed"]:
        yield _fact("too small", Span(f"{_size(scratch['needed'])} needed", "bad"))


def _folded(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
    yield line


def _size(number: int) -> str:
    for unit in ("B", "KiB"):
        if number < 1 << 10:
            return f"{number} {unit}"
        number >>= 10
    return f"{number} MiB"
