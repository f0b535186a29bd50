"""The program that a process has read, for the steps of a build that it forks: they need not read it again.

A step that analyses an NF reads its sources; so does each that generates, once for each card.  Where the process of the
first stays (`step_server`), the others begin as copies of it, at the place where it had read the program and done
nothing else: what they find is what they would find by themselves, as long as the sources are what they were.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maestro_tool.frontend.ir import Program
    from maestro_tool.made_of import MadeOf


@dataclass(frozen=True, slots=True)
class Loaded:
    """``question``: what was to be read, and how.  ``contents``: the files that were read, each with its SHA-256.
    ``environment``: that of the process then, for compilers read it."""

    question: object
    program: Program
    made_of: MadeOf
    contents: Mapping[str, str]
    environment: Mapping[str, str]


def await_program(call: Callable[[], None]) -> None:
    """Have ``call`` called when this process has read a program that others can use."""
    _calls().append(call)


def keep(question: object, program: Program, made_of: MadeOf, contents: Mapping[str, str] | None) -> None:
    """Note what this process has read, if anybody waits for it."""
    if _calls() and contents is not None:
        call = _calls().pop()
        _kept().append(Loaded(question, program, made_of, contents, dict(os.environ)))
        call()


def find(question: object) -> Loaded | None:
    """What was kept, if it answers this question, and all files and the environment are as they were."""
    for kept in _kept():
        if kept.question == question and kept.environment == os.environ and _is_unchanged(kept):
            return kept
    return None


def _is_unchanged(kept: Loaded) -> bool:
    try:
        return all(digest(Path(name).read_bytes()) == known for name, known in kept.contents.items())
    except OSError:
        return False


def digest(content: bytes) -> str:
    """SHA-256 (hex)."""
    return hashlib.sha256(content).hexdigest()


@cache
def _calls() -> list[Callable[[], None]]:
    """Of this process."""
    return []


@cache
def _kept() -> list[Loaded]:
    """Of this process, and of those that it forks."""
    return []
