"""Mistakes of the user: one message, with the line of their SConstruct and no place inside this tool."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, ParamSpec, TypeVar

import SCons
from SCons.Errors import UserError

#: What SCons ends with after a UserError.
_STATUS = 2
_INTERNAL = tuple(f"{Path(f).resolve().parent}{os.sep}" for f in (Path(__file__).parent, SCons.__file__))

P = ParamSpec("P")
R = TypeVar("R")


def told(function: Callable[P, R], *, place: bool = True) -> Callable[P, R]:
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


@functools.partial(told, place=False)
def folder(path: Path) -> None:
    """Make the folder of what is built; end the build where nothing can be written to it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not all(os.access(p, os.W_OK) for p in (path, *path.glob(".sconsign*"), *path.glob(".lock"))):
            raise PermissionError("no permission to write there")
    except OSError as error:
        raise UserError(f"{path}: cannot build in this folder: {error.strerror or error}") from None


def end(message: str, *, place: bool = False) -> NoReturn:
    """End SCons with the message; ``place``: with the line of the SConstruct."""
    users = [f for f in traceback.extract_stack() if not f"{Path(f.filename).resolve()}".startswith(_INTERNAL)]
    line = next((f for f in reversed(users) if not f.filename.startswith("<")), None)
    where = f'File "{line.filename}", line {line.lineno}\n' if place and line else ""
    print(f"\nscons: *** {message}\n{where}", end="", file=sys.stderr, flush=True)
    sys.exit(_STATUS)
