"""The transport of a stream of files: what of the ring is heard, and when.

The decode thread writes a *mark* before the first frame of every piece; a mark carries an *epoch*.
When the control thread jumps (seek, next, stop) it raises the epoch that it wants. The audio thread
then closes the gate, drops every frame up to the first mark of that epoch, and begins there: frames
of an older epoch cannot be heard, however many of them were in the ring.

A transport has a `state` and a *gate*, a gain that moves in a ramp between 0 (silence) and 1::

                      first mark of the wanted epoch
        +-----------------------------------------------------------+
        |                                                           |
        v          enough is there, and it shall play               |
    REFILLING ------------------------------------> RUNNING         |
        ^  ^    (the gate opens: `_open_gate`)         |            |
        |  +-------------------------------------------+            |
        |      the ring runs short (the gate closes)   |            |
        |                                              |            |
        |  a mark: tracks were added                   | the mark of the end
        +------------------------------------ ENDED <--+            |
                                                |                   |
                                                +-------------------+

The gate also closes while the control thread holds the audio or wants another epoch. While it
closes, frames are still read (or the last one is held where there are none); once it is closed
nothing is read until `_open_gate`.

An epoch may *keep* one source of an older one: what follows was exchanged, and what plays is not to be
disturbed. That source is read to its last frame, with the gate open, and at the next mark everything
up to the first mark of the epoch is passed over (`_pass_mark`): the join is as it would have been.

Everything here runs on the audio thread. Real-time: safe.

Over 300 lines: one machine of three states, and everything that moves it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import kernel, load_acquire, monotonic_ns, record_at, store_release
from zerocross.dsp.interleave import deinterleave_into
from zerocross.dsp.ramp import apply_ramp, ramp_is_at, ramp_jump, ramp_remaining, ramp_to
from zerocross.engine.layouts import DECODER, MARK, MARK_END, MARK_RAMP, MARKS
from zerocross.sync.latest import LATEST, latest_begin, latest_end
from zerocross.sync.ring import RING, commit_read, contiguous, readable
from zerocross.sync.signal import SIGNAL, signal_raise

__all__ = [
    "ENDED",
    "REFILLING",
    "RUNNING",
    "SHORT",
    "STALLED",
    "STALL_NS",
    "fetch",
    "publish_position",
    "wake_decoder",
    "watch_fill",
]

#: The states, see above. A new transport is refilling.
REFILLING, RUNNING, ENDED = range(3)
#: What `fetch` returns where the ring ran short: the decode thread was late, or its source was.
SHORT, STALLED = 1, 2
#: How long the decode thread has to be in one step for its file to be the one that is late, in ns.
STALL_NS = 50_000_000
_AT_A_MARK = -1
_MARK_SIZE = MARK.itemsize


# --- marks --------------------------------------------------------------------------------------


@kernel
def _mark_at(transport: Any, index: Any) -> Any:
    return record_at(transport.marks + (index % MARKS) * _MARK_SIZE, MARK)


@kernel
def _marks_written(transport: Any) -> Any:
    """Return how many marks there are; those that are seen stay (the decode thread keeps half)."""
    return load_acquire(record_at(transport.decoder, DECODER), "marks_written")


@kernel
def _is_wanted(transport: Any, epoch: Any, serial: Any, wanted: Any) -> Any:
    """Return whether a source is of the wanted epoch, or the one that it keeps."""
    kept = load_acquire(transport, "kept_serial")
    return epoch == wanted or (kept != 0 and serial == kept)


@kernel
def _is_current(transport: Any, wanted: Any) -> Any:
    """Return whether what is read now is what is wanted."""
    return _is_wanted(transport, transport.running_epoch, transport.serial, wanted)


@kernel
def _enter_epoch(transport: Any, ring: Any, epoch: Any) -> None:
    """Count from here on in another epoch."""
    played = _source_frames_played(transport, ring)
    transport.source_frames_left = transport.source_frames_before = played
    transport.piece_start = ring.read
    transport.running_epoch = epoch


@kernel
def _take_mark(transport: Any, ring: Any) -> None:
    """Begin the piece that the next mark announces, or the end."""
    mark = _mark_at(transport, transport.marks_taken)
    if mark.epoch != transport.running_epoch:
        _enter_epoch(transport, ring, mark.epoch)
    transport.serial = mark.serial
    transport.piece_start = mark.ring_frame
    transport.source_rate = mark.source_rate
    transport.source_frames_before = transport.source_frames_left + mark.frames_before
    if mark.flags & MARK_END:
        transport.state = ENDED
        ramp_jump(transport.gate, 0.0)
    else:
        if transport.state == ENDED:
            transport.state = REFILLING
        transport.starts_at_once = 0 if mark.flags & MARK_RAMP else 1
    store_release(transport, "marks_taken", transport.marks_taken + 1)


@kernel
def _jump(transport: Any, ring: Any, wanted: Any) -> None:
    """Drop frames up to the first mark that is wanted; all of them if it is not there yet.

    The write index is read before the marks: frames of the new epoch that are seen were preceded
    by their mark, so it is seen as well and they cannot be dropped.
    """
    _enter_epoch(transport, ring, transport.running_epoch)
    end = load_acquire(ring, "write")
    written = _marks_written(transport)
    index = transport.marks_taken
    while index < written:
        mark = _mark_at(transport, index)
        if _is_wanted(transport, mark.epoch, mark.serial, wanted):
            store_release(ring, "read", mark.ring_frame)
            transport.epoch_start = transport.piece_start = mark.ring_frame
            if ramp_is_at(transport.gate, 0.0):
                transport.state = REFILLING
            store_release(transport, "marks_taken", index)
            _take_mark(transport, ring)
            return
        index += 1
    store_release(transport, "marks_taken", written)
    store_release(ring, "read", end)
    transport.epoch_start = transport.piece_start = end
    transport.serial = 0


@kernel
def _pass_mark(transport: Any, ring: Any, wanted: Any) -> None:
    """Go on from a mark: to the piece that it announces, or, if that was withdrawn, to the next."""
    mark = _mark_at(transport, transport.marks_taken)
    if _is_wanted(transport, mark.epoch, mark.serial, wanted):
        _take_mark(transport, ring)
    else:
        _jump(transport, ring, wanted)


# --- from silence -------------------------------------------------------------------------------


@kernel
def _has_refilled(transport: Any, ring: Any) -> Any:
    """Return whether enough is there to start: the threshold, or all that can come."""
    written = _marks_written(transport)
    taken = transport.marks_taken
    if written > taken and _mark_at(transport, written - 1).flags & MARK_END:
        return True
    if written - taken >= MARKS // 2:  # many tiny pieces: no more marks fit
        return True
    return readable(ring) >= min(transport.threshold, ring.capacity)


@kernel
def _frames_in_piece(transport: Any, ring: Any) -> Any:
    """Return how many frames can be read before the next mark; `_AT_A_MARK` at one."""
    available = readable(ring)
    if _marks_written(transport) > transport.marks_taken:
        before = _mark_at(transport, transport.marks_taken).ring_frame - ring.read
        if before == 0:
            return _AT_A_MARK
        return min(available, before)
    return available


@kernel
def _open_gate(transport: Any, ring: Any, playing: Any, wanted: Any) -> Any:
    """From silence: jump if asked, and open the gate if there is something to play."""
    if not _is_current(transport, wanted):
        _jump(transport, ring, wanted)
    if not _is_current(transport, wanted) or playing == 0:
        return False
    if transport.state != RUNNING and not _has_refilled(transport, ring):
        return False
    while _frames_in_piece(transport, ring) == _AT_A_MARK:
        _pass_mark(transport, ring, wanted)
        if transport.state == ENDED or not _is_current(transport, wanted):
            return False
    if transport.state == ENDED:
        return False
    transport.state = RUNNING
    if transport.starts_at_once:
        ramp_jump(transport.gate, 1.0)
    else:
        ramp_to(transport.gate, 1.0, transport.ramp_frames)
    transport.starts_at_once = 0
    return True


# --- frames -------------------------------------------------------------------------------------


@kernel
def _silence(transport: Any, rows: Any, first: Any, frames: Any) -> None:
    """Write silence and count it."""
    for c in range(rows.shape[0]):
        for i in range(frames):
            rows[c, first + i] = np.float32(0.0)
        transport.held[c] = np.float32(0.0)
    transport.silent_frames += frames


@kernel
def _hold(transport: Any, rows: Any, first: Any, frames: Any) -> None:
    """Go on with the last frame, for the gate to fade: what is not there makes no click."""
    for c in range(rows.shape[0]):
        for i in range(frames):
            rows[c, first + i] = transport.held[c]


@kernel
def _read(transport: Any, ring: Any, rows: Any, first: Any, frames: Any) -> None:
    """Move frames from the ring into planar rows and remember the last one."""
    channels = rows.shape[0]
    done = 0
    while done < frames:
        chunk = contiguous(ring, ring.read + done, frames - done)
        count = chunk.size // channels
        deinterleave_into(chunk, count, rows, first + done)
        done += count
    commit_read(ring, frames)
    transport.frames_played += frames
    if transport.silent_frames > 0:
        transport.silence_before = transport.silent_frames
        transport.sounded_frames = transport.silent_frames = 0
    transport.sounded_frames += frames
    for c in range(channels):
        transport.held[c] = rows[c, first + frames - 1]


@kernel
def _runs_short(transport: Any, here: Any, want: Any) -> Any:
    """Return whether the ring ends within what is wanted, with no mark that ends the piece."""
    return here < want and _marks_written(transport) == transport.marks_taken


@kernel
def _why_short(transport: Any) -> Any:
    """Return whose fault it is that the ring ran short."""
    decoder = record_at(transport.decoder, DECODER)
    if load_acquire(decoder, "starved") != 0:
        return STALLED
    if load_acquire(transport, "awaits_file") != 0 and load_acquire(decoder, "active") == 0:
        return STALLED
    since = load_acquire(decoder, "reading_since")
    if since != 0 and monotonic_ns() - since > STALL_NS:
        return STALLED
    return SHORT


@kernel
def fetch(transport: Any, rows: Any, frames: Any) -> Any:
    """Fill planar rows with what is to be heard.

    Parameters
    ----------
    transport : record
        A `TRANSPORT`.
    rows : array, shape (channels, at least frames), float32
        Always filled.
    frames : int
        How many.

    Returns
    -------
    int
        `SHORT` or `STALLED` if the ring ran short, else 0.

    """
    ring = record_at(transport.ring, RING)
    wanted = load_acquire(transport, "epoch")
    playing = load_acquire(transport, "playing")
    gate = transport.gate
    short = 0
    done = min(frames, transport.lead_frames)  # a device just opened may swallow its first frames
    if done > 0:
        transport.lead_frames -= done
        _silence(transport, rows, 0, done)
    while done < frames:
        if ramp_is_at(gate, 0.0) and not _open_gate(transport, ring, playing, wanted):
            _silence(transport, rows, done, frames - done)
            break
        current = _is_current(transport, wanted)
        playable = playing != 0 and current and transport.state == RUNNING
        here = _frames_in_piece(transport, ring)
        if here == _AT_A_MARK and current:
            _pass_mark(transport, ring, wanted)
            transport.starts_at_once = 0
            continue
        want = frames - done
        if playable and _runs_short(transport, here, want):
            if here > transport.ramp_frames:  # keep a ramp's worth to fade with
                want = here - transport.ramp_frames
            else:
                short = _why_short(transport)
                transport.state = REFILLING
                playable = False
        ramp_to(gate, 1.0 if playable else 0.0, transport.ramp_frames)
        if not playable:
            want = min(want, ramp_remaining(gate))
        if here <= 0:
            _hold(transport, rows, done, want)
        else:
            want = min(want, here)
            _read(transport, ring, rows, done, want)
        if not ramp_is_at(gate, 1.0):
            apply_ramp(gate, rows, done, want)
        done += want
    return short


@kernel
def wake_decoder(transport: Any) -> None:
    """Wake the decode thread where the ring has been read as far as it waits for."""
    decoder = record_at(transport.decoder, DECODER)
    if record_at(transport.ring, RING).read >= load_acquire(decoder, "wake_at"):
        signal_raise(record_at(decoder.wake, SIGNAL))


# --- what the control thread sees ----------------------------------------------------------------


@kernel
def _source_frames_played(transport: Any, ring: Any) -> Any:
    """Return the frames of the files that were played, at the files' own rates."""
    past = ring.read - transport.piece_start
    return transport.source_frames_before + past * transport.source_rate // transport.sample_rate


@kernel
def watch_fill(transport: Any) -> Any:
    """Return the frames left in the ring; the lowest while playing with more to come is kept."""
    fill = readable(record_at(transport.ring, RING))
    if (
        transport.state == RUNNING
        and ramp_is_at(transport.gate, 1.0)
        and _marks_written(transport) == transport.marks_taken
    ):
        transport.low_water_frames = min(transport.low_water_frames, fill)
    return fill


@kernel
def publish_position(transport: Any) -> Any:
    """Publish where the transport is, in the order of `POSITION_FIELDS`.

    Returns the frames of the files that were played, at their own rates.
    """
    ring = record_at(transport.ring, RING)
    latest = record_at(transport.latest, LATEST)
    words = latest_begin(latest)
    words[0] = ring.read
    words[1] = transport.epoch_start
    words[2] = transport.silent_frames
    words[3] = transport.running_epoch
    words[4] = transport.marks_taken
    words[5] = transport.state == ENDED
    words[6] = monotonic_ns()
    words[7] = transport.frames_played
    words[8] = transport.silence_before
    words[9] = transport.sounded_frames
    latest_end(latest)
    return _source_frames_played(transport, ring)
