"""What instruments share: who plays which note, and how loud it is just now."""

from __future__ import annotations

import math
from typing import Any

from zerocross.compiler import kernel
from zerocross.graph.event import NOTE_OFF, NOTE_ON

__all__ = ["ATTACK", "VOICES", "end_notes", "envelope", "take_notes"]

#: Notes that sound at a time; one more takes the place of the softest.
VOICES = 16
#: Stages of a voice; 0 is silence.
ATTACK, DECAY, RELEASE = 1, 2, 3


@kernel
def take_notes(events: Any, note: Any, stage: Any, level: Any, velocity: Any, place: Any) -> None:
    """Give every note that begins a voice: a silent one, else a softest. Real-time: safe."""
    for k in range(events.size):
        if events[k].kind != NOTE_ON:
            continue
        chosen = 0
        least = math.inf
        for v in range(VOICES):
            loudness = level[v] * velocity[v] if stage[v] != 0 else -1.0
            if loudness < least:
                chosen, least = v, loudness
        note[chosen] = events[k].note
        velocity[chosen] = events[k].velocity
        stage[chosen] = ATTACK
        level[chosen] = 0.0
        place[chosen] = 0.0


@kernel
def end_notes(events: Any, note: Any, stage: Any) -> None:
    """Release the voices of notes that end. Real-time: safe."""
    for k in range(events.size):
        if events[k].kind == NOTE_OFF:
            for v in range(VOICES):
                if note[v] == events[k].note and 0 < stage[v] < RELEASE:
                    stage[v] = RELEASE


@kernel
def envelope(
    stage: Any, level: Any, v: Any, attack: Any, decay: Any, sustain: Any, release: Any
) -> Any:
    """Move a voice's level on by a frame and return it; times are in frames, in straight lines.

    Real-time: safe.
    """
    if stage[v] == ATTACK:
        level[v] += 1.0 / max(1.0, attack)
        if level[v] >= 1.0:
            level[v] = 1.0
            stage[v] = DECAY
    elif stage[v] == DECAY:
        level[v] = max(sustain, level[v] - (1.0 - sustain) / max(1.0, decay))
    elif stage[v] == RELEASE:
        level[v] -= 1.0 / max(1.0, release)
        if level[v] <= 0.0:
            level[v] = 0.0
            stage[v] = 0
    return level[v]
