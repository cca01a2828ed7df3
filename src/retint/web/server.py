"""The page's server: for one person, on this machine, until they are done."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from socketserver import TCPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..errors import RetintError, reason_of
from ..hardware import lacks_memory
from ..labeling.files.desk import Drawings
from .calls import ENDED, Calls

PORT = 8765
"""Where the page is, if nothing else is there and no other is asked for."""
_LONGEST = 1 << 24  # bytes that a call may have
_HOSTS = {"127.0.0.1", "localhost"}
_PAGE = {
    "": ("index.html", "text/html; charset=utf-8"), "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"), "hand.js": ("hand.js", "text/javascript"),
}  # fmt: skip
_ONLY_OURS = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Server:
    """The page of some images that are drawn on, at `address`, which nobody can guess and no other machine can reach.

    Everything is computed by one thread, call after call, in the order in which calls come.

    Args:
        drawings: the images.
        port: where; None: `PORT`, or any that is free.

    Raises:
        RetintError: something else is at that port.
    """

    def __init__(self, drawings: Drawings, port: int | None = None) -> None:
        self._drawings = drawings
        self._calls = Calls(drawings, self.stop)
        self._thread = ThreadPoolExecutor(1, "retint")
        self._key = secrets.token_urlsafe(16)
        self._server = _bound(port, self._handler())

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{self._key}/"

    def run(self) -> None:
        """Serve until `stop`; then what was not written is.

        Raises:
            RetintError: that cannot be. The strokes are there still, and `run` may be called again.
        """
        self._server.serve_forever(0.1)
        self._compute(self._calls.end)

    def close(self) -> None:
        """Answer nobody any more. What is being computed or written is not cut short: the process ends after it."""
        self._server.server_close()
        self._thread.shutdown(wait=False)

    def stop(self) -> None:
        """End `run`; may be called by any thread."""
        Thread(target=self._server.shutdown, daemon=True).start()

    def _compute(self, call: Callable[..., Any], *given: Any) -> Any:
        try:
            done = self._thread.submit(call, *given)
        except RuntimeError:  # it was closed
            raise RetintError(ENDED) from None
        return done.result()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        calls, compute, prefix = self._calls, self._compute, f"/{self._key}/"

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 600  # of a connection that is kept

            def do_GET(self) -> None:
                if (found := self._asked()) is None:
                    return
                name, query = found
                if name in _PAGE:
                    file, kind = _PAGE[name]
                    self._send(HTTPStatus.OK, (files(__package__) / "page" / file).read_bytes(), kind)
                elif name in calls.asked:
                    kind = "image/png" if name.endswith(".png") else "application/octet-stream"
                    self._answer(lambda: compute(calls.asked[name], dict(parse_qsl(query))), kind)
                else:
                    self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")

            def do_POST(self) -> None:
                if (found := self._asked()) is None:
                    return
                name, _ = found
                try:
                    length = int(self.headers.get("Content-Length", ""))
                    kind = self.headers.get_content_type()
                    if not 0 <= length <= _LONGEST or kind != "application/json":
                        raise ValueError
                    given = json.loads(self.rfile.read(length))
                    if not isinstance(given, dict):
                        raise ValueError
                except (ValueError, RecursionError):
                    self.close_connection = True
                    self._refuse(HTTPStatus.BAD_REQUEST, "expected one JSON object")
                    return
                if name in calls.told:
                    self._answer(lambda: json.dumps(compute(calls.told[name], given)).encode(), "application/json")
                else:
                    self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")

            def _asked(self) -> tuple[str, str] | None:
                """What is asked for under the key, and what is given with it; None, after an answer, to others."""
                with suppress(ValueError):  # neither a host nor an address
                    host, path = urlsplit(f"//{self.headers.get('Host', '')}").hostname, urlsplit(self.path)
                    if host in _HOSTS and secrets.compare_digest(path.path[: len(prefix)].encode(), prefix.encode()):
                        return path.path[len(prefix) :], path.query
                self.close_connection = True
                self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here: open the whole address that retint printed")
                return None

            def _answer(self, call: Callable[[], bytes], kind: str) -> None:
                try:
                    body = call()
                except RetintError as error:
                    self._refuse(HTTPStatus.BAD_REQUEST, str(error))
                except MemoryError:
                    self._refuse(HTTPStatus.INSUFFICIENT_STORAGE, "not enough memory")
                except Exception as error:  # the page goes on, whatever it was
                    why = "not enough memory" if isinstance(error, RuntimeError) and lacks_memory(error) else reason_of(error)
                    self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, why)
                else:
                    self._send(HTTPStatus.OK, body, kind)

            def _refuse(self, status: HTTPStatus, why: str) -> None:
                self._send(status, json.dumps({"error": why}).encode(), "application/json")

            def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
                self.send_response(status)
                fields = {
                    "Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store",
                    "Content-Security-Policy": _ONLY_OURS, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
                }  # fmt: skip
                if self.close_connection:
                    fields["Connection"] = "close"
                for field in fields.items():
                    self.send_header(*field)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


class _Listening(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there it would let two listen at one port

    def server_bind(self) -> None:
        """Without asking a name server who this machine is."""
        TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no error."""


def _bound(port: int | None, handler: type[BaseHTTPRequestHandler]) -> _Listening:
    if port is None:
        with suppress(OSError):
            return _Listening(("127.0.0.1", PORT), handler)
    try:
        return _Listening(("127.0.0.1", port or 0), handler)
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else "found no such port; expected one up to 65535"
        raise RetintError(f"--port {port}: {why}; choose another, or leave it out") from None
