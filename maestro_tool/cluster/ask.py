"""What a step does instead of `call_paths.find`: it asks the build's broker."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

from maestro_tool import symex
from maestro_tool.cluster import frames, job
from maestro_tool.cluster.job import Job
from maestro_tool.diagnostics import MaestroError, ToolError
from maestro_tool.frontend.ir import Program
from maestro_tool.symex.files import content

#: Files that one set-up may open.
_MOST_FILES = 1000


def find(
    place: str,
    program: Program,
    arguments: tuple[str, ...],
    ports: int,
    limits: symex.Limits,
    pure: tuple[str, ...],
    progress: Callable[[int, int], None] | None,
) -> symex.Analysis:
    """As `call_paths.find`, by the cluster that is behind the socket ``place``; `ToolError` if that is not there."""
    files: dict[str, bytes | MaestroError | None] = {}
    while len(files) <= _MOST_FILES:
        found = _result(_answer(place, job.written(Job(program, arguments, ports, limits, pure, files))))
        if not isinstance(found, str):
            return found
        try:
            files[found] = content(found)
        except MaestroError as error:
            files[found] = error
    raise ToolError("set-up opens too many files for cluster=", hint="build without cluster=")


def finder(place: str) -> Callable[..., symex.Analysis]:
    """`find` by the broker of this socket."""
    return lambda *what: find(place, *what)


def _answer(place: str, message: bytes) -> bytes:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(place)
            with connection.makefile("rwb") as file:
                frames.send(file, message)
                answer = frames.receive(file)
    except OSError:
        answer = None
    if not answer:
        raise ToolError("the process that knows the cluster has ended", hint="build again, or without cluster=")
    return answer


def _result(answer: bytes) -> symex.Analysis | str:
    try:
        match json.loads(answer):
            case {"lost": str(why)}:
                raise ToolError(
                    f"the cluster made no analysis: {why}", hint="look at its workers, or build without cluster="
                )
        return job.result(answer)
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise ToolError("the cluster answered with something else than an analysis") from None
