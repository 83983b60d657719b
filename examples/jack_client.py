"""A compiled chain as the process callback of a JACK-Client."""

import sys
import time

import jack

import zerocross
from zerocross.effects import Oscillator

seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
client = jack.Client("zerocross", no_start_server=True)
ports = [client.outports.register(f"out_{k}") for k in (1, 2)]
chain = zerocross.callback(Oscillator(frequency=440), client.samplerate, 2, api="jack")
cast = jack._ffi.cast
chain.set_ports(inputs=[], outputs=[int(cast("intptr_t", port._ptr)) for port in ports])
jack._lib.jack_set_process_callback(
    client._ptr, cast("JackProcessCallback", chain.address), cast("void *", chain.user_data)
)
with client:
    for port, speaker in zip(ports, client.get_ports(is_physical=True, is_input=True)):
        port.connect(speaker)
    time.sleep(seconds)
report = chain.report()
print(report["callbacks"], "callbacks,", report["late_callbacks"], "late")
