"""Connections to servers of http and https which another thread can cut, and whose answers come in time.

`urllib` follows redirects and proxies; here is what it leaves to others: a socket that can be shut down
while it connects, shakes hands or waits, a limit for the whole answer (a timeout of a socket begins
anew with each byte), names and passwords in addresses, and the first line of old radio servers.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

__all__ = ["HTTP", "Late", "Line", "ask"]

HTTP = re.compile("https?://", re.IGNORECASE)


class Late(TimeoutError):
    """An answer that has begun and does not end."""


class Line:
    """The way to a server, which can be cut from another thread, once and for all."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal may close what this thread opens
        self._socket: socket.socket | None = None
        self._is_cut = False

    def connect(self, address: tuple[str, int], timeout_s: float, _: Any = None) -> socket.socket:
        """Connect to one of a name's addresses; as `socket.create_connection`, in that time in all."""
        deadline, lost = time.monotonic() + timeout_s, OSError("no such host")
        for family, kind, protocol, _, place in socket.getaddrinfo(*address, 0, socket.SOCK_STREAM):
            made = None
            try:
                made = socket.socket(family, kind, protocol)
                self._hold(made)
                made.settimeout(max(deadline - time.monotonic(), 0.001))
                made.connect(place)
            except OSError as error:
                lost = error
                if made:
                    made.close()
            else:
                made.settimeout(timeout_s)
                return made
        raise lost

    def _hold(self, made: socket.socket) -> None:
        """Keep another handle of a socket: TLS takes over the one that there is."""
        with self._lock:
            self._let_go()
            if self._is_cut:
                raise ConnectionAbortedError("closed")
            self._socket = made.dup()

    def _let_go(self) -> None:
        held, self._socket = self._socket, None
        if held:
            held.close()

    def hang_up(self) -> None:
        """Let go of the socket: there is another one, or none."""
        with self._lock:
            self._let_go()

    def cut(self) -> None:
        """End what is waited for, and what would be."""
        with self._lock:
            self._is_cut = True
            if self._socket:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


def ask(line: Line, address: str, headers: dict[str, str], timeout_s: float) -> Any:
    """Ask for an address, with the name and the password in it; returns the response."""
    opener = urllib.request.build_opener(_Handler(line), _SecureHandler(line), _Redirects)
    return opener.open(_request_for(address, headers), timeout=timeout_s)


def _request_for(address: str, headers: Mapping[str, str]) -> urllib.request.Request:
    """Return a request that tells name and password to this host alone, not where it sends us on to."""
    netloc = urlsplit(address).netloc
    user, has_user, host = netloc.rpartition("@")
    request = urllib.request.Request(address.replace(netloc, host, 1) if has_user else address)  # noqa: S310  http alone
    for name, value in headers.items():
        request.add_header(name, value)
    if has_user:
        name, _, password = user.partition(":")
        given = unquote_to_bytes(name) + b":" + unquote_to_bytes(password)
        plain = base64.b64encode(given).decode()
        request.add_unredirected_header("Authorization", f"Basic {plain}")
    return request


class _Answer(io.RawIOBase):
    """What a server sends; as long as it answers, it has so long in all."""

    def __init__(self, made: socket.socket, file: io.BufferedReader) -> None:
        self._socket, self._file = made, file
        self._has_come = False
        self._timeout_s = made.gettimeout()
        self._deadline = None if self._timeout_s is None else time.monotonic() + self._timeout_s

    def has_begun(self) -> None:
        """Have what follows come as it comes."""
        self._deadline = None
        self._socket.settimeout(self._timeout_s)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._deadline is not None:
            self._socket.settimeout(max(self._deadline - time.monotonic(), 0.001))
        try:
            data = self._file.read1(len(buffer))
        except TimeoutError:
            if self._deadline is None or not self._has_come:
                raise
            raise Late from None
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise Late
        buffer[: len(data)] = data
        self._has_come = True
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response that may begin with ``ICY 200 OK``, as old radio servers' do."""

    def __init__(self, sock: socket.socket, *given: Any, **named: Any) -> None:
        super().__init__(sock, *given, **named)
        self._answer = _Answer(sock, self.fp)
        self.fp = io.BufferedReader(self._answer)

    def begin(self) -> None:
        super().begin()
        self._answer.has_begun()

    def _read_status(self) -> tuple[str, int, str]:
        if self.fp.peek(4)[:4] == b"ICY ":
            _, number, reason = (self.fp.readline(1000).decode("latin-1") + "  ").split(" ", 2)
            if not (number.isascii() and number.isdigit()):
                raise http.client.BadStatusLine(number)
            return "HTTP/1.0", int(number), reason.strip()
        return super()._read_status()  # type: ignore[misc, no-any-return]


class _Connection(http.client.HTTPConnection):
    response_class = _Response

    def __init__(self, host: str, line: Line, **named: Any) -> None:
        super().__init__(host, **named)
        self._create_connection = line.connect


class _SecureConnection(http.client.HTTPSConnection):
    response_class = _Response

    def __init__(self, host: str, line: Line, **named: Any) -> None:
        super().__init__(host, **named)
        self._create_connection = line.connect


class _Handler(urllib.request.HTTPHandler):
    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Connection, req, line=self._line)  # type: ignore[arg-type]


class _SecureHandler(urllib.request.HTTPSHandler):
    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_SecureConnection, req, line=self._line)  # type: ignore[arg-type]


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Redirects within http and https; urllib itself would follow them to ftp."""

    inf_msg = "more than ten redirects, or a circle of them: "

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not HTTP.match(newurl):
            words = f"{msg}, and sends us on to {newurl}, which is not http or https"
            raise urllib.error.HTTPError(newurl, code, words, headers, fp)
        fp.close()  # urllib would read its text, however long that is
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is None:
            return None
        known = _request_for(request.full_url, request.headers)
        if urlsplit(known.full_url)[:2] == urlsplit(req.full_url)[:2]:
            known.unredirected_hdrs = {**req.unredirected_hdrs, **known.unredirected_hdrs}
        return known
