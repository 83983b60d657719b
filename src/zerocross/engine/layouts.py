"""What the two worlds share while audio plays: the layout of every shared record.

Groups are named by their writer. ``setup`` is written before any thread starts, ``control``
by Python, ``decode`` by the decode thread, ``audio`` by the callback.
"""

from __future__ import annotations

import numpy as np

from zerocross.dsp.mix import MAX_INPUTS
from zerocross.dsp.ramp import RAMP
from zerocross.graph.block import MAX_CHANNELS
from zerocross.memory import layout

__all__ = [
    "BUCKETS",
    "CALLBACK",
    "CALLBACK_FAULT",
    "CALLBACK_LATE",
    "CALLBACK_SHORT",
    "CALLBACK_WOKEN_LATE",
    "DECODER",
    "LATE_CAUSES",
    "LOGGED",
    "MARK",
    "MARKS",
    "MARK_END",
    "MARK_RAMP",
    "OUTCOME",
    "OUTCOMES",
    "PLAYED_CHANNELS",
    "POSITION_FIELDS",
    "SOURCE",
    "SOURCES",
    "SOURCE_END",
    "STREAM",
]

#: Channels that files are mixed to: mono or stereo.
PLAYED_CHANNELS = 2
#: Buckets of the histograms of times: eight to an octave of nanoseconds.
BUCKETS = 320
#: Callbacks that are remembered one by one.
LOGGED = 256
#: Marks in the table; the writer keeps half of them for those who look back.
MARKS = 64
#: Sources that can wait for the decode thread.
SOURCES = 16
#: Results of sources kept for the control world.
OUTCOMES = 64

#: A mark: from ring frame ``position`` on, the frames are those of the source ``serial`` from
#: its frame ``source_frame``; ``frames_before`` were decoded before it in its generation.
MARK = np.dtype(
    [
        ("position", "i8"),
        ("generation", "i8"),
        ("serial", "i8"),
        ("source_frame", "i8"),
        ("source_rate", "i8"),
        ("frames_before", "i8"),
        ("flags", "i8"),
    ]
)
MARK_RAMP = 1  # begins in the middle of a piece: fade in
MARK_END = 2  # nothing follows

#: A source: an open file and what to play of it.
SOURCE = np.dtype(
    [
        ("serial", "i8"),
        ("generation", "i8"),
        ("kind", "i8"),
        ("handle", "i8"),
        ("channels", "i8"),
        ("rate", "i8"),
        ("resampler", "i8"),
        ("start_frame", "i8"),
        ("end_frame", "i8"),
        ("file_frames", "i8"),
        ("preroll", "i8"),
        ("at_frame", "i8"),
        ("fade_out", "i8"),
        ("identity", "i8"),
        ("matrix", "f4", (PLAYED_CHANNELS * MAX_INPUTS,)),
    ],
    align=True,
)
SOURCE_END = 1  # kind: no file, the end of the queue

#: What became of a source.
OUTCOME = np.dtype([("serial", "i8"), ("frames", "i8"), ("error", "i8"), ("nonfinite", "i8")])

#: A callback as it is remembered. ``gap_ns`` is the time since the one before began, ``fill`` the
#: frames left in the ring, ``worked_ns`` the processor time used; the last two are the thread's since
#: the callback before.
CALLBACK = np.dtype(
    [
        ("started_ns", "i8"),
        ("duration_ns", "i8"),
        ("worked_ns", "i8"),
        ("gap_ns", "i8"),
        ("frames", "i8"),
        ("fill", "i8"),
        ("flags", "i8"),
        ("preemptions", "i8"),
        ("page_faults", "i8"),
    ]
)
#: Flags of a callback: longer than its block; two blocks after the last one; the ring ran short; a
#: kernel reported a fault.
CALLBACK_LATE, CALLBACK_WOKEN_LATE, CALLBACK_SHORT, CALLBACK_FAULT = 1, 2, 4, 8
#: Causes of late callbacks, in the order of ``late_causes``.
LATE_CAUSES = ("preempted", "page fault", "held up", "own work", "woken late")

STREAM = layout(
    setup=[
        "live",
        "log",
        "ring",
        "marks",
        "decoder",
        "latest",
        "arena",
        "tap",
        "channels",
        "sample_format",
        "sample_rate",
        "ramp_frames",
        "threshold",
        "capture",
        "capture_frames",
        "retired",
    ],
    control=["generation", "playing", "muted", ("volume", "f8"), "program"],
    notice=["device_stops", "device_reroutes"],
    audio=[
        "mark_read",
        "current",
        "serial",
        "mark_position",
        "source_rate",
        "source_frames_before",
        "source_frames_left",
        "segment_start",
        "program_running",
        "thread",
        "refilling",
        "start_at_once",
        "ended",
        "silence",
        "frames_played",
        "source_frames_played",
        "callbacks",
        "callback_frames",
        "late",
        "underruns",
        "faults",
        "fault_status",
        "low_water",
        "lead_frames",
        "last_ns",
        "longest_gap_ns",
        "longest_ns",
        "captured",
        ("transport", RAMP),
        ("gain", RAMP),
        ("held", "f4", (MAX_CHANNELS,)),
        ("peaks", "f8", (MAX_CHANNELS,)),
        "block_frames_before",
        "preemptions",
        "page_faults",
        "longest_late_ns",
        ("late_causes", "i8", (len(LATE_CAUSES),)),
        ("usage", "i8", (18,)),
        ("histogram", "i8", (BUCKETS,)),
        ("arrivals", "i8", (BUCKETS,)),
    ],
)

#: What the callback publishes after each block, in this order (see `sync.latest`).
POSITION_FIELDS = (
    "read",
    "segment_start",
    "silence",
    "generation",
    "mark_read",
    "ended",
    "time_ns",
    "frames_played",
)

DECODER = layout(
    setup=[
        "ring",
        "stream",
        "sources",
        "marks",
        "outcomes",
        "scratch",
        "mixed",
        "rows_in",
        "rows_out",
        "channels",
        "fade_frames",
    ],
    control=["stop", "sources_written"],
    decode=[
        "sources_taken",
        "marks_written",
        "outcomes_written",
        "generation",
        "active",
        "skip",
        "frames",
        "nonfinite",
        "last_handle",
        "last_position",
        "decode_ns",
        "run",
        "run_in",
        "run_out",
        "mark_due",
        "mark_pending",
        "frames_before",
        ("current", SOURCE),
    ],
)
