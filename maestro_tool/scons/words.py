"""Names of the user on their way into commands: SCons substitutes nothing in them, and no shell reads them.

SCons runs a command line by ``sh -c``, and its own quoting leaves backticks alone.  So the steps of this tool get their
words as they are (`EXACT`); compilers, whose flags may be written for a shell, get the names of files in single quotes
(`quoted`).  Names of files that would be something else to SCons, a shell or make are refused when they are declared
(`check`): they come into words that are no names of files (``-Idir``), and into build folders.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from SCons.Errors import UserError
from SCons.Subst import Literal

from maestro_tool.scons import lock, machines, spent, steps

#: Before words that are to stay as they are: no word of a command can hold it.
_AS_IS: Final = "\0"
_ODD: Final = frozenset("$`\"'\\;&|<>(){}[]*?!#~^")
_NOT_FOUND: Final = 127


class Word(Literal):  # type: ignore[misc]  # SCons has no types
    """A word that SCons takes as it is, in commands and in their signatures.

    There, words stand with blanks between them, and SCons would cut ``$( ... $)``.
    """

    def for_signature(self) -> str:
        return quote(str(self), safe="/=,:+", errors="surrogateescape")


class Place(Word):
    """A word with the name of a place in it: all of it but the name counts, for what is there counts by itself."""

    def __init__(self, before: str, place: str, after: str = "") -> None:
        super().__init__(f"{before}{place}{after}")
        self._counts = f"{before}*{after}"

    def for_signature(self) -> str:
        return quote(self._counts, safe="/=,:+*", errors="surrogateescape")


def check(paths: Iterable[Path | str]) -> None:
    """UserError, of one line, at the first name that builds do without."""
    for path in paths:
        if (reason := oddity(str(path))) is not None:
            raise UserError(f"{str(path)!r}: {reason}: rename it")


def check_arguments(name: str, arguments: Iterable[str]) -> None:
    """UserError at the first of the NF's arguments that cannot be given to a command."""
    for argument in arguments:
        if "\0" in argument or not _is_utf8(argument):
            raise UserError(f"{name}: argument {argument!r} is not UTF-8 without NUL")


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in text)


def oddity(path: str) -> str | None:
    """Why builds do without a file or folder of this name; None if they do not."""
    if not _is_utf8(path):
        return "the name is not UTF-8"
    if path.startswith("-"):
        return "a name that starts with - is an option to commands"
    if any(part != part.strip(" ") for part in path.split("/")):
        return "names must not start or end with blanks"
    odd = next((c for c in path if c in _ODD or not c.isprintable()), None)
    return None if odd is None else f"names of files and folders must do without {odd!r}"


def quoted(word: str) -> str:
    """$ESCAPE of compilers: what is the name of a file, for ``sh -c``."""
    return shlex.quote(word)


def _as_is(word: str) -> str:
    return f"{_AS_IS}{word}"


def _run(shell: str, escape: object, command: str, words: Sequence[str], environment: Mapping[str, str]) -> int:
    """$SPAWN without a shell."""
    plain = [_plain(w) for w in words]
    try:
        reached = machines.reached(plain[0], environment)
        if reached is None:
            return 1
        with spent.on(plain):
            status = steps.run(plain, reached)
            if status is not None:
                return status
            return subprocess.Popen(plain, env=reached, close_fds=True, pass_fds=lock.inherited()).wait()
    except OSError as error:
        print(f"scons: {_plain(command)}: {error.strerror}", flush=True)
        return _NOT_FOUND
    except ValueError as error:  # a NUL, or what is no text
        print(f"scons: {command!r}: {error}", flush=True)
        return _NOT_FOUND


def _plain(word: str) -> str:
    if word.startswith(_AS_IS):
        return word[1:]
    # SCons quotes what has blanks and is not to stay as it is.
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word


#: Construction variables of commands whose words are to be taken as they are.
EXACT: Final[Mapping[str, Any]] = {"SPAWN": _run, "ESCAPE": _as_is}
