"""GET and PUT of ``URL/ac/<name>``: what Bazel's HTTP caches speak (bazel-remote, nginx with WebDAV, ...).

No proxy, and no redirect is followed: who answers for a host must not name another one.  A URL's ``user:password@`` is
sent as basic authentication.
"""

from __future__ import annotations

import base64
import contextlib
import socket
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, quote, unquote

from maestro_tool.remote.deadline import RemoteError

_STORED = (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT)
#: No entry, and (of servers that hide what one may not see) none for this user.
_ABSENT = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_CHUNK = 1 << 16


class HttpStore:
    """One request to a server; ``seconds``: that it may be silent."""

    def __init__(self, url: SplitResult, seconds: float) -> None:
        connect = HTTPSConnection if url.scheme == "https" else HTTPConnection
        self._connection = connect(url.hostname or "", url.port, timeout=seconds)
        self._path = quote(url.path.rstrip("/"), safe="/%")
        self._headers = {"User-Agent": "maestro", "Connection": "close"}
        if url.username is not None:
            said = f"{unquote(url.username)}:{unquote(url.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(said.encode()).decode()}"

    def get(self, name: str, most: int) -> bytes | None:
        with contextlib.closing(self._connection):
            answer = self._ask("GET", name)
            if answer.status in _ABSENT:
                return None
            if answer.status != HTTPStatus.OK:
                raise RemoteError(f"the server answers {answer.status}")
            if answer.length is not None and answer.length > most:
                raise RemoteError(f"an entry of {answer.length} bytes, where {most} are the most")
            content = bytearray()
            while part := _read(answer, min(_CHUNK, most + 1 - len(content))):
                content += part
                if len(content) > most:
                    raise RemoteError(f"an entry of more than {most} bytes")
            if answer.length:  # bytes that were promised, and did not come
                raise RemoteError("the answer ends too early")
            return bytes(content)

    def put(self, name: str, content: bytes) -> None:
        with contextlib.closing(self._connection):
            answer = self._ask("PUT", name, content)
            if answer.status not in _STORED:
                raise RemoteError(f"the server answers {answer.status}")

    def stop(self) -> None:
        if (open_socket := self._connection.sock) is not None:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)

    def _ask(self, method: str, name: str, content: bytes | None = None) -> HTTPResponse:
        try:
            self._connection.request(method, f"{self._path}/ac/{name}", content, self._headers)
            return self._connection.getresponse()
        except HTTPException as error:
            raise RemoteError(f"the server speaks no HTTP: {type(error).__name__}") from None


def _read(answer: HTTPResponse, most: int) -> bytes:
    try:
        return answer.read(most)
    except HTTPException as error:
        raise RemoteError(f"the server speaks no HTTP: {type(error).__name__}") from None
