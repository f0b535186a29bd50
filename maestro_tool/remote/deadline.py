"""Calls that may never return, and what is told of them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Characters of a message that come from elsewhere.
_LONGEST_TEXT = 200


class RemoteError(Exception):
    """Why a remote gave no answer, on one line."""

    def __init__(self, why: str) -> None:
        super().__init__("".join(c if c.isprintable() else " " for c in why)[:_LONGEST_TEXT])


class TooLateError(RemoteError):
    """There was no answer in time."""


def within(seconds: float, call: Callable[[], T], stop: Callable[[], None]) -> T:
    """What ``call`` returns.  `RemoteError` if it raises anything; `TooLateError` if it has not returned after
    ``seconds``: then ``stop`` is called, and nobody waits for its thread, which ends with the process.

    Resolving a name, libraries, and servers that send byte after byte have no deadline of their own.
    """
    answers: queue.SimpleQueue[tuple[bool, T | Exception]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((True, call()))
        except Exception as error:
            answers.put((False, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        succeeded, value = answers.get(timeout=seconds)
    except queue.Empty:
        stop()
        raise TooLateError(f"no answer within {seconds:g} s") from None
    if succeeded:
        return value  # type: ignore[return-value]
    if isinstance(value, RemoteError):
        raise value
    if isinstance(value, TimeoutError):  # of a socket, which was a little quicker
        raise TooLateError(f"no answer within {seconds:g} s")
    if isinstance(value, OSError) and value.strerror:
        raise RemoteError(value.strerror)
    raise RemoteError(f"{type(value).__name__}: {value}" if str(value) else type(value).__name__)
