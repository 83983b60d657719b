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
    "EPOCHS",
    "FEED",
    "INTAKE",
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
#: Marks in the table; the writer keeps half of them for those who look back. Those of what was withdrawn
#: stay until it would have been heard.
MARKS = 512
#: Sources that can wait for the decode thread.
SOURCES = 16
#: Results of sources kept for the control thread.
OUTCOMES = 64
#: Epochs of a feed whose beginnings are kept: more than there can be in a block.
EPOCHS = 8

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

#: A source: an open file, or a window (`sources.window`), and what to play of it; one that ``loops``
#: goes on from its ``loop_start`` for as long as its epoch lasts.
SOURCE = np.dtype(
    [
        ("serial", "i8"),
        ("epoch", "i8"),
        ("kind", "i8"),
        ("handle", "i8"),
        ("links", "i8"),
        ("window", "i8"),
        ("channels", "i8"),
        ("rate", "i8"),
        ("resampler", "i8"),
        ("start_frame", "i8"),
        ("end_frame", "i8"),
        ("file_frames", "i8"),
        ("preroll", "i8"),
        ("near", "i8"),
        ("at_frame", "i8"),
        ("goes_on", "i8"),
        ("fade_out", "i8"),
        ("fade_in", "i8"),
        ("loops", "i8"),
        ("loop_start", "i8"),
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
#: when there is something to tell, with ``tell_next`` by every callback. Where ``crossfade_frames`` are
#: asked for when the program changes, it ``fades``: the one before, ``program_fading``, runs on beside.
#: ``feed`` and ``intake`` are addresses of a `FEED` and an `INTAKE`, or 0; ``is_heard`` says whether a
#: device's input is for the chain.
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
    control=[
        "program",
        "crossfade_frames",
        "muted",
        ("volume", "f8"),
        "tell_next",
        "feed",
        "intake",
        "is_heard",
    ],
    audio=[
        "program_running",
        "program_fading",
        "fades",
        ("blend", RAMP),
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

#: What a stream of files has beside it: see `engine.transport`. ``kept_serial`` is the one source of
#: an older epoch that is played to its end all the same; 0 for none. It is written before ``epoch``.
#: ``awaits_file`` says that what follows is not posted yet because its file is not open.
TRANSPORT = layout(
    setup=["ring", "marks", "decoder", "latest", "sample_rate", "ramp_frames"],
    control=["epoch", "kept_serial", "playing", "threshold", "awaits_file"],
    audio=[
        "state",
        "running_epoch",
        "serial",
        "marks_taken",
        "epoch_start",
        "piece_start",
        "starts_at_once",
        "source_rate",
        "source_frames_before",
        "source_frames_left",
        "frames_played",
        "silent_frames",
        "silence_before",
        "sounded_frames",
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
    "silence_before",
    "sounded_frames",
)

#: ``wake`` is the signal that the decode thread sleeps on, ``wake_at`` the frame of the ring at which
#: the audio thread raises it. The ``stale_frames`` before the frame ``stale_end`` of the ring were
#: withdrawn: they will be passed over.
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
        "kept_serial",
        "stale_frames",
        "stale_end",
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
        "starved",
        "wake_at",
        ("current", SOURCE),
        *counted_by("decoder"),
    ],
)

#: Frames from a program to the audio thread: see `engine.feeding`. ``process`` is the address of
#: `feeding.add_feed`; ``run`` that of the resampler at work, or 0.
FEED = layout(
    setup=[
        "process",
        "ring",
        "room",
        "news",
        "channels",
        "sample_rate",
        "ramp_frames",
        "prebuffer",
        "raw",
        "mixed",
        "rows_in",
        "rows_out",
    ],
    control=["epoch", "closed"],
    writer=[
        "epoch_written",
        ("epoch_starts", "i8", (EPOCHS,)),
        "end",
        "run",
        "run_in",
        "run_out",
        "wake_at",
        "nonfinite",
    ],
    audio=[
        "rows",
        "frames",
        "running_epoch",
        "is_running",
        "starts_at_once",
        ("gate", RAMP),
        ("held", "f4", (MAX_CHANNELS,)),
        "underruns",
        "frames_played",
        "frames_dropped",
        "low_water_frames",
    ],
)

#: Frames from a device's input to a program; ``process`` is the address of `feeding.take_input`.
INTAKE = layout(
    setup=["process", "ring", "arrived", "channels"],
    reader=["wake_at"],
    audio=["rows", "frames", "frames_lost"],
)
