"""The two interfaces of MPRIS 2, as dbus-fast has them; the names are the specification's.

Only `mpris` imports this, on its own thread. dbus-fast reads the annotations, and takes a text for a
type of its own, so here they are what they say.

A little over 300 lines: the specification has that many names.
"""

import asyncio
import contextlib
import itertools
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from dbus_fast import DBusError, ErrorType, NameFlag, PropertyAccess, RequestNameReply, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import (
    DBusBool,
    DBusDict,
    DBusDouble,
    DBusInt64,
    DBusObjectPath,
    DBusSignature,
    DBusStr,
)
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from zerocross.errors import ZerocrossError
from zerocross.files import printable
from zerocross.player import Track
from zerocross.remote.commands import Controls
from zerocross.remote.covers import Covers
from zerocross.sources.location import Location

__all__ = ["Service"]

_NAME = "org.mpris.MediaPlayer2.zerocross"
_PATH = "/org/mpris/MediaPlayer2"
_NO_TRACK = f"{_PATH}/TrackList/NoTrack"
_READ = PropertyAccess.READ
_LOOPS = {"off": "None", "one": "Track", "all": "Playlist"}
_STATES = {"stopped": "Stopped", "paused": "Paused"}
_TYPES = ["audio/flac", "audio/mpeg", "audio/ogg", "audio/x-wav", "audio/x-aiff"]
_US = 1_000_000
_GOODBYE_S = 0.5

DBusStrings = Annotated[list[str], DBusSignature("as")]


def _check_playable(uri: str) -> None:
    """Raise a `ZerocrossError` for what cannot be played: `play` would end what is heard for it."""
    from zerocross.sources.opening import open_source
    from zerocross.sources.playlists import expand

    entries, problems = expand([uri])
    if not entries:
        raise problems[0]
    open_source(entries[0].location).close()


class _Root(ServiceInterface):
    """org.mpris.MediaPlayer2: the program."""

    def __init__(self, controls: Controls) -> None:
        super().__init__("org.mpris.MediaPlayer2")
        self._controls = controls

    @dbus_method()
    def Raise(self) -> None:
        pass

    @dbus_method()
    def Quit(self) -> None:
        if self._controls.can_quit:
            self._controls.quit()

    @dbus_property(_READ)
    def CanQuit(self) -> DBusBool:
        return self._controls.can_quit

    @dbus_property(_READ)
    def CanRaise(self) -> DBusBool:
        return False

    @dbus_property(_READ)
    def HasTrackList(self) -> DBusBool:
        return False

    @dbus_property(_READ)
    def Identity(self) -> DBusStr:
        return "Zerocross"

    @dbus_property(_READ)
    def SupportedUriSchemes(self) -> DBusStrings:
        return ["file"]

    @dbus_property(_READ)
    def SupportedMimeTypes(self) -> DBusStrings:
        return _TYPES


class _Player(ServiceInterface):
    """org.mpris.MediaPlayer2.Player: what plays."""

    def __init__(self, controls: Controls) -> None:
        super().__init__("org.mpris.MediaPlayer2.Player")
        self._controls, self._player = controls, controls.player
        self._ids: weakref.WeakKeyDictionary[Track, str] = weakref.WeakKeyDictionary()
        self._numbers = itertools.count(1)
        self._told: dict[str, Any] = {}
        self._covers = Covers(self._look_again)

    def _look_again(self) -> None:
        self._controls.queue_changed()

    def tell(self, was_sought: bool) -> None:
        """Emit what is another than it was when it was told last."""
        now = {name: getattr(self, name) for name in _TOLD}
        changed = {name: value for name, value in now.items() if value != self._told.get(name)}
        self._told = now
        if changed:
            self.emit_properties_changed(changed)
        if was_sought:
            self.Seeked()

    def _id_of(self, track: Track | None) -> str:
        if track is None:
            return _NO_TRACK
        if track not in self._ids:
            self._ids[track] = f"/org/zerocross/track/{next(self._numbers)}"
        return self._ids[track]

    # --- methods ------------------------------------------------------------------------------

    @dbus_method()
    def Next(self) -> None:
        _do(self._controls.next)

    @dbus_method()
    def Previous(self) -> None:
        _do(self._controls.previous)

    @dbus_method()
    def Pause(self) -> None:
        _do(self._player.pause)

    @dbus_method()
    def PlayPause(self) -> None:
        _do(self._controls.toggle)

    @dbus_method()
    def Stop(self) -> None:
        _do(self._controls.stop)

    @dbus_method()
    def Play(self) -> None:
        _do(self._controls.resume)

    @dbus_method()
    def Seek(self, offset: DBusInt64) -> None:
        _do(lambda: self._controls.seek_by(offset / _US))

    @dbus_method()
    def SetPosition(self, track: DBusObjectPath, position: DBusInt64) -> None:
        length = self._player.duration
        is_within = position >= 0 and (length is None or position <= length * _US)
        if is_within and track == self._id_of(self._player.queue.current):
            _do(lambda: self._player.seek(position / _US))

    @dbus_method()
    async def OpenUri(self, uri: DBusStr) -> None:
        if not uri.lower().startswith("file:"):
            raise DBusError(ErrorType.NOT_SUPPORTED, f"{printable(uri)}: give a file:// address")
        try:  # in a loop `play` returns at once; it is told here what came of it
            await asyncio.to_thread(_check_playable, uri)
            await self._player.play(uri)
        except ZerocrossError as error:
            raise DBusError(ErrorType.FAILED, str(error)) from None

    @dbus_signal()
    def Seeked(self) -> DBusInt64:
        return round(self._player.position * _US)

    # --- properties ---------------------------------------------------------------------------

    @dbus_property(_READ)
    def PlaybackStatus(self) -> DBusStr:
        return _STATES.get(self._player.state, "Playing")

    @dbus_property()
    def LoopStatus(self) -> DBusStr:
        return _LOOPS[self._controls.loop]

    @LoopStatus.setter
    def LoopStatus_setter(self, value: DBusStr) -> None:
        for loop, status in _LOOPS.items():
            if status == value:
                self._controls.loop = loop

    @dbus_property()
    def Rate(self) -> DBusDouble:
        return 1.0

    @Rate.setter
    def Rate_setter(self, value: DBusDouble) -> None:
        if value == 0.0:  # "should act as though Pause was called"
            _do(self._player.pause)

    @dbus_property()
    def Shuffle(self) -> DBusBool:
        return self._controls.shuffle

    @Shuffle.setter
    def Shuffle_setter(self, value: DBusBool) -> None:
        if value != self._controls.shuffle:
            self._controls.shuffle = value

    @dbus_property()
    def Volume(self) -> DBusDouble:
        return 0.0 if self._player.mute else self._player.volume

    @Volume.setter
    def Volume_setter(self, value: DBusDouble) -> None:
        self._player.mute = False
        _do(lambda: self._controls.set_volume(value))

    @dbus_property(_READ)
    def Position(self) -> DBusInt64:
        return round(self._player.position * _US)

    @dbus_property(_READ)
    def MinimumRate(self) -> DBusDouble:
        return 1.0

    @dbus_property(_READ)
    def MaximumRate(self) -> DBusDouble:
        return 1.0

    @dbus_property(_READ)
    def CanGoNext(self) -> DBusBool:
        queue = self._player.queue
        return queue.index + 1 < len(queue) or self._controls.loop != "off"

    @dbus_property(_READ)
    def CanGoPrevious(self) -> DBusBool:
        return len(self._player.queue) > 0  # to the track's start at least

    @dbus_property(_READ)
    def CanPlay(self) -> DBusBool:
        return len(self._player.queue) > 0

    @dbus_property(_READ)
    def CanPause(self) -> DBusBool:
        return len(self._player.queue) > 0

    @dbus_property(_READ)
    def CanSeek(self) -> DBusBool:
        return self._player.state != "stopped"

    @dbus_property(_READ)
    def CanControl(self) -> DBusBool:
        return True

    @dbus_property(_READ)
    def Metadata(self) -> DBusDict:
        track = self._player.queue.current
        found: dict[str, Variant] = {"mpris:trackid": Variant("o", self._id_of(track))}
        if track is not None:
            found |= _metadata_of(track)
            address = self._covers.address_of(track)
            if address:
                found["mpris:artUrl"] = Variant("s", address)
        return found


#: What PropertiesChanged tells of; the position is what clients count on by themselves.
_TOLD = (
    "PlaybackStatus",
    "LoopStatus",
    "Shuffle",
    "Volume",
    "CanGoNext",
    "CanGoPrevious",
    "CanPlay",
    "CanPause",
    "CanSeek",
    "Metadata",
)


def _do(act: Callable[[], object]) -> None:
    """Do something; what the player refuses is told to who asked."""
    try:
        act()
    except ZerocrossError as error:
        raise DBusError(ErrorType.FAILED, str(error)) from None


def _metadata_of(track: Track) -> dict[str, Variant]:
    tags = track.tags
    found = {
        "xesam:title": Variant("s", _text(track.title)),
    }
    if track.duration_s is not None:
        found["mpris:length"] = Variant("x", round(track.duration_s * _US))
    address = _address_of(track.location)
    if address:
        found["xesam:url"] = Variant("s", _text(address))
    if tags.date:  # a day is wanted, so of a year it is the first
        found["xesam:contentCreated"] = Variant("s", f"{tags.date}-01-01"[:10] + "T00:00:00Z")
    for name, value, kind in (
        ("xesam:artist", tags.artists, "as"),
        ("xesam:album", tags.album, "s"),
        ("xesam:albumArtist", tags.album_artists, "as"),
        ("xesam:genre", tags.genres, "as"),
    ):
        if value:
            given = _text(value) if kind == "s" else [_text(each) for each in value]
            found[name] = Variant(kind, given)
    for name, number in (("xesam:trackNumber", tags.track), ("xesam:discNumber", tags.disc)):
        if number:
            found[name] = Variant("i", number)
    return found


def _address_of(location: Location) -> str:
    """Return where a track is, as an address; empty for what is in memory, or open."""
    if not isinstance(location, (str, bytes, os.PathLike)):
        return ""
    name = os.fsdecode(location)
    return name if "://" in name else Path(name).absolute().as_uri()


def _text(value: object) -> str:
    """Return a text that D-Bus takes: UTF-8 without a zero."""
    return str(value).encode("utf-8", "replace").decode().replace("\0", "")


class Service:
    """A connection to the session's bus with a player on it."""

    def __init__(self, controls: Controls) -> None:
        self.name = ""
        self._bus = MessageBus()
        self._gone: asyncio.Future[None] | None = None
        self._root, self._player = _Root(controls), _Player(controls)

    async def connect(self) -> None:
        """Connect, and take a name: the plain one, or with the process where another has that."""
        await self._bus.connect()
        self._gone = asyncio.ensure_future(self._bus.wait_for_disconnect())  # type: ignore[no-untyped-call]
        for interface in (self._root, self._player):
            self._bus.export(_PATH, interface)
        for name in (_NAME, f"{_NAME}.instance{os.getpid()}"):
            reply = await self._bus.request_name(name, NameFlag.DO_NOT_QUEUE)
            if reply is RequestNameReply.PRIMARY_OWNER:
                self.name = name
                return
        raise ZerocrossError("this process is on the bus already")

    async def gone(self) -> None:
        """Wait until the bus is gone."""
        if self._gone:
            with contextlib.suppress(Exception):  # why it is gone is the bus's affair
                await asyncio.shield(self._gone)

    def tell(self, was_sought: bool) -> None:
        """Tell what has changed."""
        self._player.tell(was_sought)

    async def disconnect(self) -> None:
        """Leave the bus, and wait until nothing of it is open."""
        self._bus.disconnect()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self.gone()
