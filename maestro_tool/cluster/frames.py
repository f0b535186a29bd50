"""Messages of any length through a pipe or a socket: eight bytes say how long each is."""

from __future__ import annotations

from typing import Protocol

_HEAD = 8


class Writes(Protocol):
    """A file that takes all it is given."""

    def write(self, content: bytes, /) -> object: ...
    def flush(self) -> object: ...


class Reads(Protocol):
    """A file that gives as many bytes as it is asked for, unless it ends."""

    def read(self, count: int, /) -> bytes: ...


def send(file: Writes, message: bytes) -> None:
    """OSError if nobody reads it."""
    file.write(len(message).to_bytes(_HEAD, "big"))
    file.write(message)
    file.flush()


def receive(file: Reads) -> bytes | None:
    """The next message; None if there is no more, or only a part of one."""
    head = file.read(_HEAD)
    if len(head) < _HEAD:
        return None
    length = int.from_bytes(head, "big")
    message = file.read(length)
    return message if len(message) == length else None
