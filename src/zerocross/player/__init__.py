"""The player: a queue of tracks, played through a stream."""

from zerocross.player.notifications import Event, Events
from zerocross.player.player import Player
from zerocross.player.queue import Queue, Track

__all__ = ["Event", "Events", "Player", "Queue", "Track"]
