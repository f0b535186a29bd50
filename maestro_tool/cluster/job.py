"""A job as data, and how it is done: by a process that has imported what it needs, and forks for each.

``python -P -m maestro_tool.cluster.job`` reads jobs from its standard input and writes answers (`frames`); what a job
does to its memory ends with it, and one that is killed for want of memory takes nothing else with it.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from maestro_tool import call_paths, canonical, forms, symex
from maestro_tool.cluster import frames
from maestro_tool.diagnostics import (
    InputError,
    MaestroError,
    ResourceLimitError,
    SourceLocation,
    ToolError,
    UnsupportedError,
)
from maestro_tool.frontend.ir import Program


@dataclass(frozen=True, slots=True)
class Job:
    """What `call_paths.find` is asked; ``files``: what set-up reads, by name, None for what is not there; or why it
    cannot be read."""

    program: Program
    arguments: tuple[str, ...]
    ports: int
    limits: symex.Limits
    pure: tuple[str, ...]
    files: Mapping[str, bytes | MaestroError | None]


_ERRORS = {kind.__name__: kind for kind in (InputError, UnsupportedError, ResourceLimitError, ToolError)}


class _WantedError(Exception):
    """Set-up opens a file that was not sent."""


def written(job: Job) -> bytes:
    """For `done`, of the same tool, in another process."""
    return pickle.dumps(job)


def done(message: bytes) -> bytes:
    """The answer to a job, as JSON: ``analysis``, a text of `forms`; ``wanted``, the name of a file; or ``error``."""
    job: Job = pickle.loads(message)  # of this build's broker, or of the scheduler, who can run code here anyway

    def read(name: str) -> bytes | None:
        if name not in job.files:
            raise _WantedError(name)
        found = job.files[name]
        if isinstance(found, MaestroError):
            raise found
        return found

    try:
        found = call_paths.find(job.program, job.arguments, job.ports, job.limits, job.pure, None, read)
        answer: dict[str, Any] = {"analysis": forms.write(found)}
    except _WantedError as error:
        answer = {"wanted": str(error)}
    except MaestroError as error:
        place = error.location
        answer = {
            "error": {
                "kind": next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _ERRORS),
                "message": error.message,
                "place": [place.file, place.line, place.column] if place else None,
                "hint": error.hint,
            }
        }
    return canonical.compact(answer).encode()


def result(message: bytes) -> symex.Analysis | str:
    """What an answer of `done` says: the analysis, or the name of the file that is wanted.

    Raises its error; ValueError, KeyError, IndexError or TypeError if it is no answer.
    """
    answer = json.loads(message)
    match answer:
        case {"analysis": str(text)}:
            return forms.read(symex.Analysis, text)
        case {"wanted": str(name)}:
            return name
        case {"error": {"kind": str(kind), "message": str(text), "place": place, "hint": str() | None as hint}}:
            location = SourceLocation(str(place[0]), int(place[1]), int(place[2])) if place else None
            raise _ERRORS[kind](text, location, hint=hint)
    raise ValueError("no answer to a job")


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there are no more jobs; an empty answer is of a process that was killed."""
    while (message := frames.receive(jobs)) is not None:
        reading, writing = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reading)
            os._exit(_answer(message, writing))
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            answer = pipe.read()
        _, status = os.waitpid(process, 0)
        frames.send(answers, answer if status == 0 else b"")


def _answer(message: bytes, pipe: int) -> int:
    try:
        with os.fdopen(pipe, "wb") as file:
            file.write(done(message))
    except Exception as error:  # a bug, which says where it is at the worker
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    gc.collect()
    gc.freeze()
    serve(sys.stdin.buffer, sys.stdout.buffer)
