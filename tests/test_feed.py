"""Arrays in and out of streams: against the offline resampler to the bit, and flushed by numbers."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import signal
import threading
import time

import numpy as np
import pytest

from conftest import wait_for
from test_chain import _kernels_named
from zerocross import Chain, Samples, SourceError, Stream, UsageError
from zerocross.devices.client import EXCHANGE
from zerocross.dsp.resample import resample_signal
from zerocross.effects import Gain
from zerocross.engine.callback import live_callback
from zerocross.errors import MemoryRefused
from zerocross.memory import Record
from zerocross.sources.opening import open_source

RATE = 48_000
BLOCK = 512
RAMP = RATE // 100


def noise(frames, channels=None, seed=1):
    shape = frames if channels is None else (frames, channels)
    return (0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def fed(**options):
    """Return a stream on the null device."""
    return Stream(device="null", sample_rate=RATE, **options)


def idle(**options):
    """Return the same for a ``with``, not started: `played` calls the callback."""
    return contextlib.closing(fed(**options))


def played(stream, frames, block=BLOCK):
    """Call the callback for so many frames; returns them, shape (frames, channels)."""
    out = np.empty((frames, stream.channels), np.float32)
    for at in range(0, frames, block):
        stream._host.render(out[at : at + block])
    return out


def heard(stream, x, rate=None, sizes=None, block=BLOCK):
    """Write in pieces, as there is room, and play meanwhile; returns what was played."""
    found, at = [], 0
    sizes = iter(sizes or [len(x)] * 10_000)
    piece = x[:0]
    while at < len(x) or len(piece):
        if not len(piece):
            piece = x[at : at + next(sizes)]
            at += len(piece)
        piece = piece[stream.write(piece, rate, block=False) :]
        if len(piece) or stream.buffered_s > 0.1:
            found.append(played(stream, block, block))
    while not stream._host.feed.end(block=False):
        found.append(played(stream, block, block))
    while stream.buffered_s:
        found.append(played(stream, block, block))
    return np.concatenate(found)


def trimmed(out):
    """Return what was played from its first sample to the last, without the silence around."""
    there = np.flatnonzero(out.any(axis=1))
    return out[there[0] : there[-1] + 1]


# --- to the bit ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_odd_pieces_are_the_offline_resampler_to_the_bit(rate):
    x = noise(100_000)
    sizes = np.random.default_rng(2).integers(1, 3_000, 10_000).tolist()
    with idle(feed_s=0.3) as stream:
        out = heard(stream, x, rate, sizes)
        assert stream.report()["feed"]["underruns"] == 0
    wanted = resample_signal(x, rate, RATE, "high")[0]
    for side in (0, 1):
        assert np.array_equal(trimmed(out)[:, side], wanted)


def test_the_blocks_of_the_device_change_nothing():
    x = noise(20_000, 2)
    with idle() as stream:
        out = heard(stream, x, block=997)
    assert np.array_equal(trimmed(out), x)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (noise(5_000).astype(np.float64), noise(5_000)),
        ((noise(5_000) * 32768).astype(np.int16), (noise(5_000) * 32768).astype(np.int16) / 32768),
        (np.arange(-5_000, 5_000, 2, np.int32) << 16, np.arange(-5_000, 5_000, 2) / 32768),
        (noise(5_000).astype(">f4"), noise(5_000)),
        (noise(5_000).tolist(), noise(5_000)),
        (noise(10_000)[::2], noise(10_000)[::2]),
        (noise(5_000)[:, None], noise(5_000)),
    ],
    ids=["float64", "int16", "int32", "big-endian", "list", "strided", "a column"],
)
def test_any_dtype_and_shape(given, wanted):
    with idle() as stream:
        out = trimmed(heard(stream, given))
    wanted = trimmed(np.asarray(wanted, np.float32)[:, None])[:, 0]
    assert np.array_equal(out[:, 0], wanted) and np.array_equal(out[:, 1], wanted)


def test_channels_are_mixed():
    x = noise(5_000, 2)
    with idle(channels=1) as stream:
        mono = trimmed(heard(stream, x))[:, 0]
    assert np.allclose(mono, x.mean(axis=1), atol=1e-7)
    with idle(channels=6) as stream:
        six = trimmed(heard(stream, x[:, 0]))
        assert np.array_equal(six[:, 0], x[:, 0]) and np.array_equal(six[:, 1], x[:, 0])
        assert not six[:, 2:].any()
        with pytest.raises(UsageError, match="2 channels into 6: give 1 or 6"):
            stream.write(x)


def test_what_is_no_number_is_silence_and_counted():
    x = noise(5_000)
    x[7], x[9] = np.nan, np.inf
    with idle() as stream:
        out = trimmed(heard(stream, x))
        assert stream.report()["feed"]["nonfinite"] == 2
    assert out[7, 0] == 0.0 and out[9, 0] == 1.0


class Strange:
    """What raises, in two lines, when it is to be an array."""

    def __array__(self, *_, **__):
        raise RuntimeError("one\ntwo")


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (b"\0\0", r"give np.frombuffer\(data, np.int16\)"),
        (np.zeros(3, np.int64), "frames of int64: give float32, float64"),
        (np.zeros(3, bool), "frames of bool"),
        (np.zeros((2, 100)), r"shape \(2, 100\): .* its .T may be meant"),
        (np.zeros((1, 2, 3)), r"give \(frames,\) or \(frames, channels\)"),
        ("words", "give an array of samples"),
        (None, "give an array of samples|shape"),
        ([[1.0], [1.0, 2.0]], "give an array of samples"),
        ([10**400], "give an array of samples"),
        (Strange(), "give an array of samples"),
    ],
)
def test_what_are_no_frames_is_told(frames, words):
    with fed() as stream, pytest.raises(UsageError, match=words) as told:
        stream.write(frames)
    assert "\n" not in str(told.value)


def test_bad_options_are_told():
    with fed() as stream:
        with pytest.raises(UsageError, match="sample_rate=0"):
            stream.write([0.0], 0)
        with pytest.raises(UsageError, match=r"sample_rate=.* give a whole number"):
            stream.write([0.0], [])
        with pytest.raises(UsageError, match="no input: make one with input=True"):
            stream.read(5)
    with pytest.raises(UsageError, match=r"feed_s=0: give 0\.02 to 60 s"):
        fed(feed_s=0)
    with pytest.raises(UsageError, match="closed"):
        stream.write([0.0])


# --- beginnings and ends -----------------------------------------------------------------------------


def test_a_phrase_begins_when_20_ms_and_a_block_are_there_or_its_end_is():
    with idle() as stream:
        stream.write(np.ones(RATE // 50 + BLOCK - 1, np.float32))
        assert not played(stream, BLOCK).any()
        stream.write(np.ones(1, np.float32))
        assert (played(stream, BLOCK) == 1.0).all(), "at once, without a ramp"
    with idle() as stream:
        stream.write(np.ones(100, np.float32))
        assert not played(stream, BLOCK).any()
        stream._host.feed.end(block=False)
        out = played(stream, 2 * BLOCK)
        assert (out[:100] == 1.0).all() and not out[100:].any()
        assert stream.report()["feed"]["underruns"] == 0


def test_what_runs_dry_is_an_underrun_of_the_feed_and_not_of_the_device():
    with idle() as stream:
        assert not played(stream, 10 * BLOCK).any()  # nothing written is no underrun
        stream.write(np.ones(4 * BLOCK, np.float32))
        out = played(stream, 8 * BLOCK)[:, 0]
        assert np.abs(np.diff(out)).max() < 1.01 / RAMP, "it fades"
        assert out[-1] == 0.0
        report = stream.report()
        assert report["feed"]["underruns"] == 1 and report["underruns"] == 0
        stream.write(np.ones(4 * BLOCK, np.float32))
        out = played(stream, BLOCK)[:, 0]
        assert out[0] == 0.0 and np.abs(np.diff(out)).max() < 1.01 / RAMP, "it fades in again"


def test_phrases_that_were_ended_follow_each_other_without_a_gap():
    x = noise(9_000)
    with idle() as stream:
        for part in np.split(x, 3):
            stream.write(part)
            stream._host.feed.end(block=False)
        out = trimmed(played(stream, 20 * BLOCK))[:, 0]
        assert stream.report()["feed"]["underruns"] == 0
    assert np.array_equal(out, x)


def test_the_beginning_of_a_phrase_after_another_is_no_underrun():
    with idle() as stream:
        stream.write(np.ones(1_000, np.float32))
        stream._host.feed.end(block=False)
        stream.write(np.full(100, 0.5, np.float32))  # too little to begin with
        out = played(stream, 4 * BLOCK)[:, 0]
        assert (out[:1_000] == 1.0).all() and not out[1_000:].any()
        assert stream.report()["feed"]["underruns"] == 0


# --- flush -------------------------------------------------------------------------------------------


def test_a_flush_is_silent_within_a_ramp_and_what_follows_begins_at_once():
    with idle() as stream:
        stream.write(np.ones(20_000, np.float32), block=False)
        played(stream, 4 * BLOCK)
        dropped = stream.flush()
        assert dropped == pytest.approx((20_000 - 4 * BLOCK) / RATE)
        assert stream.buffered_s == 0.0
        out = played(stream, 4 * BLOCK)[:, 0]
        assert not out[RAMP:].any() and np.abs(np.diff(out)).max() < 1.01 / RAMP
        stream.write(np.full(3_000, 0.25, np.float32), block=False)
        assert (played(stream, BLOCK) == 0.25).all()
        assert stream.report()["feed"]["underruns"] == 0
        assert stream.report()["feed"]["flushes"] == 1


def test_what_is_written_right_after_a_flush_is_heard_after_its_ramp():
    with idle() as stream:
        stream.write(np.ones(10_000, np.float32), block=False)
        played(stream, BLOCK)
        stream.flush()
        stream.write(np.full(3_000, 0.25, np.float32), block=False)
        out = played(stream, 2 * BLOCK)[:, 0]
    assert (np.diff(out[:RAMP]) <= 0).all() and (out[RAMP + 1 :] == 0.25).all()


def test_the_resampler_begins_anew_after_a_flush():
    x = noise(4_000)
    with idle() as stream:
        stream.write(noise(5_000, seed=3), 22_050, block=False)
        played(stream, BLOCK)
        stream.flush()
        played(stream, 2 * BLOCK)
        out = trimmed(heard(stream, x, 22_050))[:, 0]
    assert np.array_equal(out, resample_signal(x, 22_050, RATE, "high")[0])


def test_a_flush_ends_a_write_that_waits():
    with fed(feed_s=0.1) as stream:
        taken = []
        thread = threading.Thread(target=lambda: taken.append(stream.write(np.ones(20 * RATE))))
        thread.start()
        wait_for(lambda: max(stream.levels) > 0.5, what="sound")
        stream.flush()
        thread.join(5.0)
        assert not thread.is_alive() and 0 < taken[0] < 20 * RATE
        assert stream.write(np.ones(100)) == 100, "and the next is taken"


def test_closing_ends_a_write_that_waits():
    stream = fed(feed_s=0.1)
    stream.start()
    told = []

    def write():
        try:
            stream.write(np.ones(20 * RATE))
        except UsageError as error:
            told.append(str(error))

    thread = threading.Thread(target=write)
    thread.start()
    wait_for(lambda: max(stream.levels) > 0.5, what="sound")
    stream.close()
    thread.join(5.0)
    assert not thread.is_alive() and "closed" in told[0]


# --- waiting, not waiting, and awaiting --------------------------------------------------------------


def test_without_waiting_what_fits_is_taken():
    with idle(feed_s=0.1) as stream:
        x = noise(RATE)
        count = stream.write(x, block=False)
        assert count == stream._host.feed.ring.capacity
        assert stream.write(x, block=False) == 0
        assert stream.buffered_s == pytest.approx(count / RATE)


def test_where_nobody_plays_waiting_is_refused():
    with idle(feed_s=0.1) as stream, pytest.raises(UsageError, match=r"call start\(\) before"):
        stream.write(noise(RATE))


def test_a_write_waits_for_room_and_drain_for_the_end():
    with fed(feed_s=0.1) as stream:
        assert stream.write(noise(RATE // 2)) == RATE // 2
        assert stream.drain() and stream.buffered_s == 0.0
        report = stream.report()["feed"]
        assert report["underruns"] == 0 and report["frames_played"] == RATE // 2


def test_an_event_loop_is_not_held():
    async def tell():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        ticking = asyncio.create_task(tick())
        with fed(feed_s=0.1) as stream:
            assert await stream.awrite(noise(RATE // 2)) == RATE // 2
            assert await stream.adrain()
            assert stream.report()["feed"]["underruns"] == 0
            assert ticks > 50
            talk = asyncio.create_task(stream.awrite(noise(20 * RATE)))
            await asyncio.sleep(0.1)
            stream.flush()
            assert await talk < 20 * RATE
            talk = asyncio.create_task(stream.awrite(noise(20 * RATE)))
            await asyncio.sleep(0.05)
            talk.cancel()
            with pytest.raises(asyncio.CancelledError):
                await talk
            assert await stream.awrite(noise(100)) == 100
        ticking.cancel()

    asyncio.run(asyncio.wait_for(tell(), 30))


def test_a_producer_that_holds_the_interpreter_makes_no_gap():
    """It computes for 100 ms without letting go of the GIL, and writes a little more than that."""
    hold = ctypes.PyDLL(None).usleep
    x = noise(2 * RATE)
    with fed(feed_s=1.0) as stream:  # five times what is needed, for machines that are busy
        at = stream.write(x[:RATE])
        while at < len(x):
            hold(100_000)
            at += stream.write(x[at : at + RATE // 8])
        assert stream.drain()
        report = stream.report()
        assert report["feed"]["underruns"] == 0 and report["feed"]["frames_played"] == len(x)


def test_a_phrase_is_written_while_another_thread_holds_the_interpreter():
    """One call writes it all: it needs the GIL again only when it is done."""
    hold, x = ctypes.PyDLL(None).usleep, noise(2 * RATE)
    with fed(feed_s=1.0) as stream:
        thread = threading.Thread(target=stream.write, args=(x,))
        thread.start()
        wait_for(lambda: stream.buffered_s > 0.5, what="a full ring")
        time.sleep(0.1)  # it waits for room by now
        hold(1_500_000)  # longer than the ring
        assert stream.report()["feed"]["underruns"] == 0
        assert stream.report()["feed"]["frames_played"] > 1.2 * RATE
        thread.join()


# --- beside a chain and an input ---------------------------------------------------------------------


def heard_input(stream, frames):
    """Call the callback with an input; returns what was played."""
    out = np.empty_like(frames)
    exchange = Record(EXCHANGE)
    for at in range(0, len(frames), BLOCK):
        here = np.ascontiguousarray(frames[at : at + BLOCK])
        there = np.empty_like(here)
        exchange.fill(input=here.ctypes.data, output=there.ctypes.data, frames=len(here))
        stream._host.process(stream._host.record.address, exchange.address)
        out[at : at + BLOCK] = there
    return out


def test_a_chain_processes_what_is_written_and_its_input_beside_it():
    x, y = noise(4 * BLOCK, 2), noise(4 * BLOCK, 2, seed=5)
    chain = Chain(Gain(gain_db=-6.0))
    with idle(chain=chain, input=True) as stream:
        stream.write(x)
        stream._host.feed.end(block=False)
        out = heard_input(stream, y)
    wanted = Chain(Gain(gain_db=-6.0)).render(x + y, RATE)
    assert np.array_equal(out, wanted)


def test_without_a_chain_the_input_is_read_and_not_heard():
    y = noise(8 * BLOCK, 2)
    with idle(input=True) as stream:
        assert len(stream.read(5, block=False)) == 0
        assert not heard_input(stream, y).any()
        first = stream.read(100)
        rest = stream.read(RATE, block=False)
        assert np.array_equal(np.concatenate([first, rest]), y)
        assert stream.report()["intake"]["frames_lost"] == 0


def test_input_that_nobody_reads_is_lost_and_told():
    with idle(input=True, feed_s=0.1) as stream:
        stream.read(0)
        y = noise(40 * BLOCK, 2)
        heard_input(stream, y)
        report = stream.report()["intake"]
        assert report["frames_waiting"] + report["frames_lost"] == len(y)
        assert np.array_equal(stream.read(2_000), y[:2_000])


def test_without_an_output_the_input_is_what_the_tap_has():
    y = noise(4 * BLOCK, 2)
    with idle(input=True, output=False) as stream:
        heard_input(stream, y)
        assert np.array_equal(stream.tap.read(len(y)), y.T)
        with pytest.raises(UsageError, match="no output: make one with output=True"):
            stream.write(y)


def test_reading_waits_and_awaits():
    with Stream(input=True, device="null", sample_rate=RATE) as stream:
        assert stream.read(RATE // 10).shape == (RATE // 10, 2)
        assert asyncio.run(stream.aread(RATE // 10)).shape == (RATE // 10, 2)
        stream.stop()
        with pytest.raises(UsageError, match="not running"):
            stream.read(RATE)


def test_a_stream_that_is_fed_is_dropped_like_any_other():
    stream = fed()
    stream.start()
    stream.write(noise(100))
    host = stream._host
    del stream
    wait_for(lambda: host.closed, what="the end")


def test_a_feed_costs_no_callback_that_has_none():
    names = _kernels_named(live_callback.kernel.function)
    assert "_hand" in names and "_play_feed" not in names


# --- anything in any order ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_random_calls_keep_every_frame_and_no_flushed_one(seed):
    """Each epoch's frames have a value of their own, lower than those before: none may come back."""
    rng = np.random.default_rng(seed)
    with idle(feed_s=0.15) as stream:
        value, written, since_flush = 1.0, 0, RAMP
        stream.write([])
        for _ in range(1_500):
            kind = rng.integers(10)
            if kind < 4:
                count = int(rng.integers(1, 3_000))
                written += stream.write(np.full(count, value, np.float32), block=False)
            elif kind == 4:
                stream._host.feed.end(block=False)
            elif kind == 5 and rng.integers(2):
                stream.flush()
                value, since_flush = value * 0.99, 0
            else:
                out = played(stream, int(rng.integers(1, 1_200)), 300)[:, 0]
                late = out[max(0, RAMP - since_flush) :]
                assert not len(late) or late.max() <= np.float32(value)
                since_flush += len(out)
        stream._host.feed.end(block=False)
        played(stream, RATE // 2)
        report = stream.report()["feed"]
        assert report["frames_played"] + report["frames_dropped"] == written
        assert stream.report()["faults"] == 0


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(2))
def test_random_calls_of_three_threads_end(seed):
    ended, errors = threading.Event(), []

    def work(stream, number):
        rng = np.random.default_rng([seed, number])
        x = noise(RATE // 4)
        try:
            while not ended.is_set():
                kind = rng.integers(8)
                if kind < 4:
                    rate = int(rng.choice([RATE, 22_050, 16_000]))
                    stream.write(x[: rng.integers(0, len(x))], rate, block=bool(rng.integers(2)))
                elif kind == 4:
                    stream.drain()
                elif kind == 5:
                    stream.flush()
                elif kind == 6:
                    stream.read(int(rng.integers(0, 2_000)), block=bool(rng.integers(2)))
                else:
                    stream.buffered_s, stream.report()
        except Exception as error:
            errors.append(error)

    with Stream(input=True, device="null", block_size=64, feed_s=0.1) as stream:
        for rate in (RATE, 22_050, 16_000):  # compiled before it counts
            stream.write(noise(RATE // 10), rate)
        stream.drain()
        stream.read(100)
        threads = [threading.Thread(target=work, args=(stream, n)) for n in range(3)]
        for thread in threads:
            thread.start()
        ended.wait(10.0)
        ended.set()
        for thread in threads:
            thread.join(30.0)
            assert not thread.is_alive()
        assert not errors and stream.report()["faults"] == 0


@pytest.mark.thorough
def test_a_sound_server_plays_what_is_written_and_gives_it_to_be_read(pulse):
    """Its only input is the monitor of its null sink."""
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 24_000)
    with Stream(input=True, device="pulseaudio", sample_rate=RATE, channels=1) as stream:
        stream.read(0)
        writer = threading.Thread(target=lambda: (stream.write(tone, 24_000), stream.drain()))
        writer.start()
        heard = stream.read(2 * RATE)[:, 0]
        writer.join()
        report = stream.report()
        assert report["backend"] == "pulseaudio" and report["feed"]["underruns"] == 0
        stream.write(tone, 24_000, block=False)
        assert stream.flush() > 0.0
    there = heard[np.flatnonzero(np.abs(heard) > 0.3)[0] :][: RATE // 2]
    spectrum = np.abs(np.fft.rfft(there * np.hanning(len(there))))
    assert np.argmax(spectrum) == 220
    assert np.abs(there).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("of_main", [True, False])
def test_who_would_wait_for_a_stream_that_is_not_started_is_told(of_main):
    stream = Stream(device="null", input=True, feed_s=0.1)
    told = []

    def ask():
        for call in (lambda: stream.write(np.zeros(48_000)), stream.drain, lambda: stream.read(10)):
            with pytest.raises(UsageError, match="not running; call start"):
                call()
            told.append(1)

    if of_main:
        ask()
    else:
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join(10.0)
    assert len(told) == 3
    stream.close()


@pytest.mark.parametrize("call", ["write", "drain", "read"])
def test_who_comes_in_between_on_the_same_thread_is_told(call):
    told = []
    with Stream(device="null", input=True, feed_s=0.1) as stream:
        calls = {
            "write": lambda: stream.write(np.zeros(RATE // 2, np.float32), RATE),
            "drain": stream.drain,
            "read": lambda: stream.read(RATE // 2),
        }

        def come_in_between(*_):
            with pytest.raises(UsageError, match="of this thread is under way; where a signal"):
                calls[call]()
            told.append(stream.write(np.zeros(8, np.float32), RATE, block=False))
            stream.flush()

        before = signal.signal(signal.SIGALRM, come_in_between)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            calls["read" if call == "read" else "write"]()
        finally:
            signal.signal(signal.SIGALRM, before)
        assert len(told) == 1
        assert stream.write(np.zeros(RATE // 20, np.float32), RATE) == RATE // 20


def test_a_reader_hears_of_the_end():
    told = []

    def read():
        with pytest.raises(UsageError):
            stream.read(480_000)
        told.append(1)

    with Stream(device="null", input=True) as stream:
        thread = threading.Thread(target=read)
        thread.start()
        wait_for(lambda: stream.report().get("intake"), what="the reader")
    thread.join(5.0)
    assert told == [1]


def test_giant_arrays_are_written_as_far_as_they_fit_or_refused_in_a_line():
    giant = np.broadcast_to(np.float64(0.0), (1 << 50,))
    with Stream(device="null", feed_s=0.1) as stream:
        assert 0 < stream.write(giant, block=False) < 10_000
        assert 0 <= stream.write(np.broadcast_to(np.int16(0), (1 << 50, 2)), 22_050, False) < 10_000
        with pytest.raises(MemoryRefused, match="were refused"):
            stream.write(giant)

        async def main():
            talk = asyncio.create_task(stream.awrite(giant))
            await asyncio.sleep(0.2)
            stream.flush()
            return await asyncio.wait_for(talk, 10)

        assert 0 < asyncio.run(main()) < 1 << 20
    with pytest.raises(SourceError, match="no room for a copy of"):
        open_source(Samples(giant, 48_000))


def test_what_does_not_wait_looks_at_no_more_than_fits():
    class Looked(list):
        def __getitem__(self, index):
            assert isinstance(index, slice) and index.stop < 20_000
            return super().__getitem__(index)

    with Stream(device="null", feed_s=0.1) as stream:
        assert 0 < stream.write(Looked([0.0] * 100_000), block=False) < 10_000
