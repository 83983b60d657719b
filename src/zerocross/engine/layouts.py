"""What the two worlds share while audio plays: the layout of every shared record.

Groups are named by their writer. ``setup`` is written before any thread starts, ``control``
by Python, ``decode`` by the decode thread, ``audio`` by the callback. What is only counted stands in
`engine.counters`.
"""

from __future__ import annotations

import numpy as np

from zerocross.dsp.channels import MAX_PLACED
from zerocross.dsp.ramp import RAMP
from zerocross.engine.counters import counted_by
from zerocross.graph.block import MAX_CHANNELS
from zerocross.memory import layout

__all__ = [
    "CALLBACK",
    "CALLBACK_FAULT",
    "CALLBACK_LATE",
    "CALLBACK_SHORT",
    "CALLBACK_WOKEN_LATE",
    "DECODER",
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
    "TRANSPORT",
]

#: Channels that files are mixed to: mono or stereo.
PLAYED_CHANNELS = 2
#: Callbacks that are remembered one by one.
LOGGED = 256
#: Marks in the table; the writer keeps half of them for those who look back.
MARKS = 64
#: Sources that can wait for the decode thread.
SOURCES = 16
#: Results of sources kept for the control thread.
OUTCOMES = 64

#: A mark: from ``ring_frame`` on, the frames are those of the source ``serial`` from its
#: ``file_frame``; ``frames_before`` were decoded before it in its epoch.
MARK = np.dtype(
    [
        ("ring_frame", "i8"),
        ("epoch", "i8"),
        ("serial", "i8"),
        ("file_frame", "i8"),
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
        ("epoch", "i8"),
        ("kind", "i8"),
        ("handle", "i8"),
        ("links", "i8"),
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
        ("matrix", "f4", (PLAYED_CHANNELS * MAX_PLACED,)),
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
#: What every stream has: a chain under a callback. ``news`` is the signal (`sync.signal`) that is raised
#: when there is something to tell, with ``tell_next`` by every callback.
STREAM = layout(
    setup=[
        "transport",
        "log",
        "rows",
        "tap",
        "channels",
        "sample_format",
        "sample_rate",
        "ramp_frames",
        "capture",
        "capture_frames",
        "news",
    ],
    control=["program", "muted", ("volume", "f8"), "tell_next"],
    audio=[
        "program_running",
        "thread",
        "last_ns",
        "captured",
        "preemptions",
        "page_faults",
        ("usage", "i8", (18,)),
        "chain_faults",
        ("gain", RAMP),
        ("peaks", "f8", (MAX_CHANNELS,)),
        *counted_by("stream"),
    ],
)

#: What a stream of files has beside it: see `engine.transport`.
TRANSPORT = layout(
    setup=["ring", "marks", "decoder", "latest", "sample_rate", "ramp_frames"],
    control=["epoch", "playing", "threshold"],
    audio=[
        "state",
        "running_epoch",
        "marks_taken",
        "epoch_start",
        "piece_start",
        "starts_at_once",
        "source_rate",
        "source_frames_before",
        "source_frames_left",
        "frames_played",
        "silent_frames",
        "lead_frames",
        ("gate", RAMP),
        ("held", "f4", (MAX_CHANNELS,)),
        *counted_by("transport"),
    ],
)

#: What the callback publishes of a transport after each block, in this order (see `sync.latest`).
POSITION_FIELDS = (
    "ring_frame",
    "epoch_start",
    "silent_frames",
    "epoch",
    "marks_taken",
    "ended",
    "time_ns",
    "frames_played",
)

#: ``wake`` is the signal that the decode thread sleeps on, ``wake_at`` the frame of the ring at which
#: the audio thread raises it.
DECODER = layout(
    setup=[
        "ring",
        "transport",
        "sources",
        "marks",
        "outcomes",
        "scratch",
        "mixed",
        "rows_in",
        "rows_out",
        "channels",
        "fade_frames",
        "wake",
        "news",
    ],
    control=["stop", "sources_written", "kept_free"],
    decode=[
        "sources_taken",
        "marks_written",
        "outcomes_written",
        "epoch",
        "active",
        "skip",
        "frames",
        "nonfinite",
        "last_handle",
        "last_file_frame",
        "run",
        "run_in",
        "run_out",
        "marks_planned",
        "frames_before",
        "reading_since",
        "wake_at",
        ("current", SOURCE),
        *counted_by("decoder"),
    ],
)
