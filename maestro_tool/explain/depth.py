"""Room for walks over trees that are as deep as a program has decisions in a row: an access list of 400 rules, say."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

#: Python's calls within each other, and bytes of stack for them, of which only what is used is taken.
_CALLS, _STACK = 100_000, 512 << 20


def with_room(work: Callable[[], T]) -> T:
    """What ``work`` gives, or raises; done on a thread of its own, as a thread's stack cannot grow."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    calls, stack = sys.getrecursionlimit(), threading.stack_size(_STACK)
    try:
        sys.setrecursionlimit(max(calls, _CALLS))
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(calls)
        threading.stack_size(stack)
    return result.result()
