"""A compiled chain under sounddevice's documented expert mode: PortAudio calls machine code."""

import sys
import time

import sounddevice

import zerocross
from zerocross.effects import Oscillator

seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
chain = zerocross.callback(Oscillator(frequency=440), sample_rate=48_000, channels=2)
cast = sounddevice._ffi.cast
stream = sounddevice._StreamBase(
    kind="output",
    samplerate=chain.sample_rate,
    channels=chain.channels,
    dtype="float32",
    callback=cast("PaStreamCallback *", chain.address),
    userdata=cast("void *", chain.user_data),
    wrap_callback=None,
)
with stream:
    time.sleep(seconds)
report = chain.report()
print(report["callbacks"], "callbacks,", report["late_callbacks"], "late")
