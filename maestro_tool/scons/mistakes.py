"""Mistakes of the user: one message, with the line of their SConstruct and no place inside this tool."""

from __future__ import annotations

import functools
import os
import signal
import sys
import traceback
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import SCons
from SCons.Errors import UserError

#: What SCons ends with after a UserError.
_STATUS = 2
_PHASES = ("analyse", "generate", "sequential", "profile", "run", "bench")
_INTERNAL = tuple(f"{Path(f).resolve().parent}{os.sep}" for f in (Path(__file__).parent, SCons.__file__))

P = ParamSpec("P")
R = TypeVar("R")


def reported(function: Callable[P, R], *, place: bool = True) -> Callable[P, R]:
    """``function``, what SCons calls for the user; its UserError ends the build here.

    ``place``: with the line of the SConstruct.  SCons itself would add the deepest line outside of its own package,
    which is one of this tool.
    """

    @functools.wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return function(*arguments, **options)
        except UserError as error:
            end(str(error), place=place)

    return call


@functools.partial(reported, place=False)
def folder(path: Path) -> None:
    """Make the folder of what is built; end the build where nothing can be written to it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not all(os.access(p, os.W_OK) for p in (path, *path.glob(".sconsign*"), *path.glob(".lock"))):
            raise PermissionError("no permission to write there")
    except OSError as error:
        raise UserError(f"{path}: cannot build in this folder: {error.strerror or error}") from None


def reason(failure: Any) -> str:
    """Why a step failed, in a line; ``failure``: SCons' BuildError."""
    words = " ".join(map(str, failure.command)).split() if isinstance(failure.command, list) else []
    phase = next((phase for tool, phase in pairwise(words) if tool == "maestro_tool" and phase in _PHASES), None)
    what = f"maestro {phase}" if phase else words[0] if words else "it"
    status = failure.status if isinstance(failure.status, int) else 0
    number = -status if status < 0 else status - 128  # as shells say it
    if number in {s.value for s in signal.Signals}:
        memory = ": is there enough memory? fewer steps at once need less: -j" if number == signal.SIGKILL else ""
        return f"{what} was ended by {signal.Signals(number).name}{memory}"
    return f"{what} failed; its message is above" if phase else str(failure.errstr)


def end(message: str, *, place: bool = False) -> NoReturn:
    """End SCons with the message; ``place``: with the line of the SConstruct."""
    users = [f for f in traceback.extract_stack() if not f"{Path(f.filename).resolve()}".startswith(_INTERNAL)]
    line = next((f for f in reversed(users) if not f.filename.startswith("<")), None)
    where = f'File "{line.filename}", line {line.lineno}\n' if place and line else ""
    print(f"\nscons: *** {message}\n{where}", end="", file=sys.stderr, flush=True)
    sys.exit(_STATUS)
