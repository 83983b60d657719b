"""A RealtimeKit of the tests' own: answers on the bus, and changes the scheduler for real.

Run as ``python fake_realtime_kit.py MOST_PRIORITY``; with 0 it refuses.
"""

import os
import sys

from jeepney import HeaderFields, MessageType, new_error, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

most = int(sys.argv[1])
bus = open_dbus_connection(bus="SYSTEM")
bus.send_and_get_reply(message_bus.RequestName("org.freedesktop.RealtimeKit1"))
print("ready", flush=True)
while True:
    message = bus.receive()
    if message.header.message_type != MessageType.method_call:
        continue
    member = message.header.fields[HeaderFields.member]
    if member == "Get":
        value = {"MaxRealtimePriority": ("i", most), "RTTimeUSecMax": ("x", 200_000)}
        answer = new_method_return(message, "v", (value[message.body[1]],))
    elif most == 0:
        answer = new_error(message, "org.freedesktop.DBus.Error.AccessDenied", "s", ("Not today",))
    else:
        process, thread, priority = message.body
        os.sched_setscheduler(thread, os.SCHED_RR | 0x40000000, os.sched_param(priority))
        answer = new_method_return(message)
    bus.send(answer)
