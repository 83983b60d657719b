"""A server of static files on this machine alone, with the headers that audio in a browser wants."""

from __future__ import annotations

import functools
import os
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from zerocross.errors import UsageError
from zerocross.files import PathLike, printable
from zerocross.units import checked_whole

__all__ = ["HEADERS", "PageServer"]

#: The page is isolated from other sites, and loads nothing from them.
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
        "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; "
        "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class _Handler(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".wasm": "application/wasm",
        ".zci": "application/octet-stream",
        ".webmanifest": "application/manifest+json",
    }

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def send_head(self) -> Any:
        try:
            return super().send_head()
        except ValueError:  # a name that no file can have
            self.send_error(404)

    def list_directory(self, path: Any) -> None:
        """List nothing."""
        del path
        self.send_error(404)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Say nothing: a browser may leave in the middle of an answer."""


class PageServer:
    """Serves a folder on the loopback interface.

    Parameters
    ----------
    folder : path-like
        With an ``index.html``.
    port : int
        0 for any that is free.

    Attributes
    ----------
    url : str
        Of the page.

    Raises
    ------
    UsageError
        If there is no page in the folder, or the port is taken.

    """

    def __init__(self, folder: PathLike, port: int = 0) -> None:
        port = checked_whole("port", port, 0, 65_535)
        name = os.fsdecode(folder)
        if not (Path(name) / "index.html").is_file():
            raise UsageError(f"{printable(name)} has no index.html; give an exported page")
        handler = functools.partial(_Handler, directory=name)
        try:
            self._server = _Server(("127.0.0.1", port), handler)
        except OSError as error:
            raise UsageError(f"port {port}: {error.strerror}; give another one, or 0") from None
        self._runs = False
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def run(self) -> None:
        """Serve until `stop`."""
        self._runs = True
        self._server.serve_forever()

    def stop(self) -> None:
        """End `run`, and let go of the port."""
        if self._runs:  # else it would wait for an end that never comes
            self._server.shutdown()
        self._server.server_close()
