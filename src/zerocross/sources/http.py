"""Files and radio on servers (http, https), read like files; what is lost on the way is fetched again.

A connection that drops or stalls is made anew, from the byte that comes next where the server can, and
told. What has no length is live: radio has no beginning to go back to, so there it goes on with what is
sent then. Redirects are followed and told. Everything here may wait, on the filler's thread.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import itertools
import os
import re
import string
import threading
import time
import urllib.error
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urljoin

from zerocross.errors import SourceError
from zerocross.files import printable
from zerocross.sources.formats import AvDecoder
from zerocross.sources.http_connection import HTTP, Late, Line, ask
from zerocross.sources.icy import WithoutTitles, bytes_between, name_of
from zerocross.sources.playlist_lines import MOST_OF_A_LINE, is_list_address, m3u_lines, pls_lines
from zerocross.sources.window import Notices
from zerocross.system.background import on_interruption

__all__ = ["RemoteFile", "open_url", "read_list"]

#: How long a server may say nothing, in seconds.
_SILENCE_S = 10.0
#: Waits between attempts, the last one again and again, and when to give up, in seconds.
_WAITS_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_PATIENCE_S = 120.0
#: What of a jump ahead is read and dropped rather than asked for anew, in bytes.
_NEAR_BYTES = 1 << 16
_PARTIAL = 206
#: Letters of a server's own words that are told.
_MOST_WORDS = 200
#: What servers call playlists; HLS has the same names as m3u.
_LISTS = re.compile(r"(audio|application)/((vnd\.apple\.|x-)?mpegurl|(x-)?scpls|pls\+xml)")
_AUDIO = re.compile(r"(audio|video)/|application/ogg")
_HLS = b"#EXT-X-"
_MOST_OF_A_LIST = 4 << 20
#: Lists that name lists, and how many of its entries are tried.
_DEPTH = 4
#: A `ValueError` is an address that is none, here or where the server sends us on to.
_LOST = (OSError, http.client.HTTPException, ValueError)


class RemoteFile(io.RawIOBase):
    """What a server sends, as a file.

    Parameters
    ----------
    url : str
        Where it is.
    notices : Notices
        Where drops, stalls and redirects are told.

    Attributes
    ----------
    content_type : str
        What the server says that it is.
    sent_by : str
        The address that it came from, after all redirects.

    Raises
    ------
    SourceError
        If the server does not give it.

    """

    def __init__(self, url: str, notices: Notices) -> None:
        self._url, self._notices = url, notices
        self._address = quote(os.fsencode(url), safe=string.punctuation)
        self._waits: Iterator[float] = iter(())
        self._deadline: float | None = None
        self._at = 0
        self._length: int | None = None
        self._takes_ranges = False
        self._is_ended = threading.Event()
        self._is_given_up = self._is_open = False
        self._response: Any = None
        self._sound: Any = None
        self._station = ""
        self._line = Line()
        on_interruption(self.interrupt)
        try:
            response = self._connect()
        except _LOST as error:
            raise SourceError(printable(url), _words_for(error)) from None
        self.sent_by: str = response.geturl()
        if printable(self.sent_by) != printable(self._address):
            notices.add(f"the server has sent us on to {printable(self.sent_by)}")
        headers = response.headers
        self.content_type: str = headers.get_content_type()
        self._takes_ranges = response.status == _PARTIAL
        whole = headers.get("Content-Range", "").rpartition("/")[2]
        length = whole if self._takes_ranges else headers.get("Content-Length", "")
        has_titles = bytes_between(headers) > 0  # a length would be that of both
        self._length = int(length) if length.isdecimal() and not has_titles else None
        self._is_radio = self._length is None and any(
            name.lower().startswith("icy-") for name in headers
        )

    def _connect(self) -> Any:
        """Ask for the bytes from where we are on; returns the response."""
        headers = {"User-Agent": "zerocross", "Range": f"bytes={self._at}-", "Icy-MetaData": "1"}
        try:
            self._response = ask(self._line, self._address, headers, _SILENCE_S)
        except urllib.error.HTTPError as error:
            error.close()
            raise
        self._sound = self._response
        if every := bytes_between(self._response.headers):
            self._sound = WithoutTitles(self._response, every, self._tell_song)
        self._tell_song("")
        if self._at and self._length is not None and self._response.status != _PARTIAL:
            self._drop(self._at)
        return self._response

    def _tell_song(self, song: str) -> None:
        """Tell what a station says is on; where it does not, what it calls itself."""
        self._station = self._station or name_of(self._response.headers)
        self._notices.name(song or self._station)

    def _drop(self, count: int) -> None:
        while count > 0:
            data = self._sound.read1(min(count, 1 << 16))
            if not data:
                raise http.client.IncompleteRead(b"")
            count -= len(data)

    # --- a file ---------------------------------------------------------------------------------

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._length is not None and self._takes_ranges

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte; the server is asked when something is read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length or 0}[whence]
        target = max(0, base + offset)
        ahead = target - self._at
        if ahead and self._response is not None:
            try:
                if not 0 < ahead <= _NEAR_BYTES:
                    raise http.client.HTTPException
                self._drop(ahead)
            except _LOST:
                self._hang_up()
        self._at = target
        return target

    def readinto(self, buffer: Any) -> int:
        """Read what is there, at least a byte; connect again where that is lost.

        It raises once. Who asks on is told that this is the end: FFmpeg does so before it lets
        PyAV raise the first error, and PyAV would print the second one.
        """
        if self._is_given_up:
            return 0
        while not self._is_ended.is_set():
            if self._length is not None and self._at >= self._length:
                return 0
            try:
                if self._response is None:
                    self._connect()
                data = self._sound.read1(len(buffer))
                if data or self._is_complete():
                    self._is_well_again()
                    buffer[: len(data)] = data
                    self._at += len(data)
                    return len(data)
                reason = "it was cut off"
            except _LOST as error:
                reason = _words_for(error)
            self._connect_again(reason)
        raise self._given_up("closed")

    def read_once(self, most: int) -> bytes:
        """Return what this one connection brings, of what is short: up to so many bytes, within 10 s.

        Raises
        ------
        SourceError
            Where it is more, takes longer, or is cut off.

        """
        data, until = b"", time.monotonic() + _SILENCE_S
        try:
            while piece := self._sound.read1(most):
                data += piece
                if len(data) > most or time.monotonic() > until:
                    words = "is no playlist: it is too long, or never ends; give what it names"
                    raise self._given_up(words)
        except _LOST as error:
            raise self._given_up(_words_for(error)) from None
        return data

    def _given_up(self, reason: str) -> SourceError:
        self._is_given_up = True
        return SourceError(printable(self._url), reason)

    def _is_complete(self) -> bool:
        """Return whether a connection that has ended has brought all there is."""
        return self._length is None and not self._is_radio

    def _connect_again(self, reason: str) -> None:
        """Connect anew; the patience is that since the last byte, not since the last connection."""
        self._hang_up()
        if self._is_ended.is_set():
            return
        if self._deadline is None:
            self._notices.add(f"the connection was lost ({reason}); connecting again")
            self._waits = itertools.chain(_WAITS_S, itertools.repeat(_WAITS_S[-1]))
            patience_s = _PATIENCE_S if self._is_open else _SILENCE_S
            self._deadline = time.monotonic() + patience_s
        while time.monotonic() < self._deadline:
            if self._is_ended.wait(next(self._waits)):
                return
            try:
                self._connect()
            except _LOST as error:
                reason = _words_for(error)
                if not _may_pass(error):
                    break
            else:
                return
        raise self._given_up(f"the connection is lost ({reason}); play it again")

    def _is_well_again(self) -> None:
        if self._deadline is not None:
            self._deadline = None
            self._notices.add("connected again")

    def _hang_up(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            with contextlib.suppress(*_LOST):
                response.close()
        self._line.hang_up()

    def opened(self) -> None:
        """Have patience from here on: it is audio, and may be heard."""
        self._is_open = True

    def interrupt(self) -> None:
        """Let who connects, waits or reads wait no longer; from another thread."""
        self._is_ended.set()
        self._line.cut()

    def close(self) -> None:
        """Hang up."""
        self._is_ended.set()
        self._hang_up()
        super().close()


def _may_pass(error: Exception) -> bool:
    """Return whether an error may be another one soon: not what a server has decided."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code in {408, 429} or error.code >= 500
    return not isinstance(error, ValueError)


def _words_for(error: Exception) -> str:
    """Return what has happened, on one short line: some of it may be the server's own words."""
    if isinstance(error, urllib.error.HTTPError):
        cure = "" if _may_pass(error) else "; check the address"
        return f"the server says {error.code} {_short(error.reason)}{cure}"
    if isinstance(error, urllib.error.URLError):
        if not isinstance(error.reason, Exception):
            return f"{_short(error.reason)}; check the address"
        error = error.reason
    if isinstance(error, Late):
        return f"its answer was not whole within {_SILENCE_S:g} s"
    if isinstance(error, TimeoutError):
        return f"nothing has come for {_SILENCE_S:g} s"
    if isinstance(error, http.client.IncompleteRead):
        return "it was cut off"
    if isinstance(error, http.client.BadStatusLine) and not isinstance(error, OSError):
        return "what answers there does not speak HTTP; check the address"
    words = _short(getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
    is_no_address = isinstance(error, (ValueError, http.client.InvalidURL))
    return f"is no address ({words}); check it" if is_no_address else words


def _short(words: Any) -> str:
    plain = printable(" ".join(str(words).split()))
    return plain if len(plain) <= _MOST_WORDS else f"{plain[:_MOST_WORDS]}..."


def open_url(url: str, depth: int = 0) -> AvDecoder:
    """Open what a server has, with PyAV; of a playlist, the first that can be opened.

    Raises
    ------
    SourceError
        If the server does not give it, or it is no audio.

    """
    notices = Notices()
    file = RemoteFile(url, notices)
    try:
        if _is_list(file, url):
            listed = _listed(file, url)
            file.close()
            if listed is not None:
                return _first_of(listed, depth)
            return AvDecoder(url, printable(url), notices)
        decoder = AvDecoder(file, printable(url), notices)
    except BaseException:
        file.close()
        raise
    file.opened()
    return decoder


def _first_of(listed: list[tuple[str, str]], depth: int) -> AvDecoder:
    """Open the first of a list that can be opened: stations name the servers that send them."""
    problem = SourceError(printable(listed[0][0]), "is named by a playlist; play it by itself")
    for address, _ in listed[: _DEPTH if depth < _DEPTH else 0]:
        if HTTP.match(address):
            try:
                return open_url(address, depth + 1)
            except SourceError as error:
                problem = error
    raise problem


def read_list(url: str) -> list[tuple[str, str]] | None:
    """Return the addresses that a playlist on a server names, and what it calls them.

    Returns
    -------
    list of (str, str), or None
        None for what is no such list: HLS, and audio.

    Raises
    ------
    SourceError
        If the server does not give it, or it names nothing.

    """
    with contextlib.closing(RemoteFile(url, Notices())) as file:
        return _listed(file, url) if _is_list(file, url) else None


def _is_list(file: RemoteFile, url: str) -> bool:
    """Return whether a server sends a playlist: by what it says, else by the address."""
    by_name = is_list_address(url) and not _AUDIO.match(file.content_type)
    return by_name or bool(_LISTS.fullmatch(file.content_type))


def _listed(file: RemoteFile, url: str) -> list[tuple[str, str]] | None:
    """Return what a playlist names, relative to where it was sent from; None for HLS."""
    data = file.read_once(_MOST_OF_A_LIST)
    if _HLS in data:
        return None
    is_pls = data.lstrip()[:10].lower() == b"[playlist]"
    found = []
    for line, title, _ in pls_lines(data) if is_pls else m3u_lines(data):
        if len(line) <= MOST_OF_A_LINE:
            with contextlib.suppress(ValueError):  # brackets that are no address
                found.append((urljoin(file.sent_by, os.fsdecode(line)), title))
    if not found:
        raise SourceError(printable(url), "the playlist is empty; give another address")
    return found
