"""PortAudio's devices, which sounddevice and PyAudio share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["default_output"]

_NAMES = {"jack": "JACK", "alsa": "ALSA", "pulseaudio": "Pulse"}


def default_output(apis: Iterable[Mapping[str, Any]], backend: str) -> int | None:
    """Return the number of a backend's default output; None where there is none.

    ``apis`` have a ``name`` and a ``default_output_device``.
    """
    for api in apis:
        if _NAMES.get(backend, "?") in api["name"] and api["default_output_device"] >= 0:
            return int(api["default_output_device"])
    return None
