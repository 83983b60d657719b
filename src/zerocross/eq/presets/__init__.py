"""Presets from files: Equalizer APO's configurations and AutoEq's.

`preset` is what users hold; `reader` goes through the lines, `values`, `channels` and `conditions` read
what stands in them, `files` opens what they name; `settings` is what they say of a channel, `parts`
makes processors of it.
"""

from zerocross.eq.presets.preset import Preset, Settings, Skipped, parse_preset, read_preset

__all__ = ["Preset", "Settings", "Skipped", "parse_preset", "read_preset"]
