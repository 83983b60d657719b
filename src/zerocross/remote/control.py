"""The local socket of a player: a JSON line each way, served by one thread.

A request is ``{"command": ["seek", "+10"]}`` and a newline, its answer ``{"ok": true, "data": ...}``
or ``{"ok": false, "error": "...", "is_usage": true}``, the latter for what is no command.

Nobody waits for a client: all of them are served by one thread that sleeps while none speaks. A line
has a length at most, an answer is sent before the next request is read, and who comes when there are
many takes the place of the one that has been silent longest; so a client that floods, stalls or has
gone costs no more than its buffer.
"""

from __future__ import annotations

import contextlib
import json
import logging
import selectors
import socket
import threading
import time
from pathlib import Path
from typing import Any

from zerocross.errors import UsageError, ZerocrossError
from zerocross.remote.commands import WORDS, Controls, obey
from zerocross.remote.places import connected, listener

__all__ = ["MOST_BYTES", "Server", "ask"]

#: Of a line, its end included.
MOST_BYTES = 1 << 20
_MOST_CLIENTS = 16
_PIECE = 1 << 16
_PATIENCE_S = 1.0
_NO_DESCRIPTORS_S = 0.1

_log = logging.getLogger(__name__)


class _Client:
    """A connection: what it has sent and was not read yet, and what it is still to get."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.inbox, self.outbox = bytearray(), b""
        self.is_leaving = False
        self.heard_at = time.monotonic()

    def take_line(self) -> bytes | None:
        """Return the next request; None where there is none yet."""
        line, end, rest = self.inbox.partition(b"\n")
        if not end:
            return None
        self.inbox = rest
        return bytes(line)


class Server:
    """Listens for commands to a player until it is closed.

    Parameters
    ----------
    controls : Controls
        Of the player.

    Attributes
    ----------
    path : Path
        Of the socket.

    Raises
    ------
    ZerocrossError
        If there can be no socket.

    """

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self._listener, self.path = listener()
        self._wake_in, self._wake_out = socket.socketpair()
        self._clients: list[_Client] = []
        self._is_ended = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="zerocross-control", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Have the thread end, and the socket be gone; without waiting."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self._is_ended = True
        with contextlib.suppress(OSError):  # it has ended already
            self._wake_in.send(b"\0")

    def close(self) -> None:
        """End it, and wait for the thread, unless this is it."""
        self.end()
        if self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE_S)

    def forget(self) -> None:
        """In a forked child: let go of the copies; the socket is the parent's."""
        self._is_ended = True
        for each in (self._listener, self._wake_in, self._wake_out):
            each.close()
        for client in self._clients:
            client.sock.close()

    # --- on its thread ------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._is_ended:
                for key, _ in self._selector.select():
                    if key.fileobj is self._listener:
                        self._accept()
                    elif isinstance(key.data, _Client):
                        self._serve(key.data)
        except Exception:  # noqa: BLE001  told; the player plays on
            if not self._is_ended:
                _log.exception("the control socket failed")
        finally:
            for client in list(self._clients):
                self._drop(client)
            self._selector.close()
            for each in (self._listener, self._wake_in, self._wake_out):
                each.close()

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:  # gone again, or there are no descriptors left
            self._drop_the_quietest()
            time.sleep(_NO_DESCRIPTORS_S)
            return
        if len(self._clients) >= _MOST_CLIENTS:
            self._drop_the_quietest()
        sock.setblocking(False)
        client = _Client(sock)
        self._clients.append(client)
        self._selector.register(sock, selectors.EVENT_READ, client)

    def _drop_the_quietest(self) -> None:
        if self._clients:
            self._drop(min(self._clients, key=lambda client: client.heard_at))

    def _drop(self, client: _Client) -> None:
        self._clients.remove(client)
        self._selector.unregister(client.sock)
        client.sock.close()

    def _serve(self, client: _Client) -> None:
        """Do one thing for a client: send, answer one request, or read."""
        if client not in self._clients:  # dropped since it was found ready
            return
        try:
            if client.outbox:
                client.outbox = client.outbox[client.sock.send(client.outbox) :]
            elif not self._answer_next(client) and not client.is_leaving:
                self._read(client)
        except BlockingIOError:
            pass
        except OSError:
            client.is_leaving, client.outbox = True, b""
        if client.is_leaving and not client.outbox:
            self._drop(client)
            return
        is_busy = client.outbox or b"\n" in client.inbox
        events = selectors.EVENT_WRITE if is_busy else selectors.EVENT_READ
        self._selector.modify(client.sock, events, client)

    def _read(self, client: _Client) -> None:
        data = client.sock.recv(_PIECE)
        client.heard_at = time.monotonic()
        client.inbox += data
        if not data:
            client.is_leaving = True
        elif len(client.inbox) > MOST_BYTES and b"\n" not in client.inbox[:MOST_BYTES]:
            client.inbox.clear()
            client.is_leaving = True
            client.outbox = _refusal(f"a line is longer than {MOST_BYTES} bytes", is_usage=True)

    def _answer_next(self, client: _Client) -> bool:
        line = client.take_line()
        if line is not None:
            client.outbox = self._answer(line)
        return line is not None

    def _answer(self, line: bytes) -> bytes:
        try:
            words = _words_in(line)
            return _as_line({"ok": True, "data": obey(self._controls, words)})
        except ZerocrossError as error:
            return _refusal(str(error), isinstance(error, UsageError))
        except Exception as error:  # noqa: BLE001  the player's own fault: it plays on
            _log.exception("a command failed")
            return _refusal(f"internal: {type(error).__name__}", is_usage=False)


def _words_in(line: bytes) -> list[str]:
    """Return a request's words; raise UsageError for anything else."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise UsageError('no JSON; send {"command": ["pause"]} and a newline') from None
    words = request.get("command") if isinstance(request, dict) else None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UsageError('no command; send {"command": ["pause"]} and a newline')
    return words


def _refusal(error: str, is_usage: bool) -> bytes:
    return _as_line({"ok": False, "error": error, "is_usage": is_usage})


def _as_line(answer: object) -> bytes:
    return json.dumps(answer).encode() + b"\n"


def ask(path: Path, command: list[str]) -> dict[str, Any]:
    """Send a command to the player at a socket; returns its answer.

    Raises
    ------
    UsageError
        If the command is too long for a line.
    ZerocrossError
        If there is no answer.

    """
    line = _as_line({"command": command})
    word = WORDS.get(command[0]) if command else None
    if len(line) > MOST_BYTES:
        raise UsageError("too much for one command; give fewer at a time")
    with connected(path) as player:
        try:
            player.settimeout(word.patience_s if word else _PATIENCE_S)
            player.sendall(line)
            with player.makefile("rb") as answers:
                answer = json.loads(answers.readline(MOST_BYTES))
        except TimeoutError:
            raise ZerocrossError(f"player {path.stem} does not answer") from None
        except OSError as error:
            raise ZerocrossError(f"player {path.stem} has gone ({error})") from None
        except (ValueError, RecursionError):
            answer = None
    if not isinstance(answer, dict) or not _is_answer(answer, command):
        raise ZerocrossError(
            f"player {path.stem} does not answer as a player; is it of another version?"
        )
    return answer


def _is_answer(answer: dict[str, Any], command: list[str]) -> bool:
    """Return whether an answer has what a player's has."""
    if not answer.get("ok"):
        return isinstance(answer.get("error"), str)
    return command[:1] != ["status"] or isinstance(answer.get("data"), dict)
