"""What is to be refuted."""

from __future__ import annotations

from dataclasses import dataclass

from maestro_tool.smtlib.frames import Kind
from maestro_tool.smtlib.terms import Script


@dataclass(frozen=True)
class Obligation:
    """``claims`` over ``script`` contradict each other; without a script it is refuted already.  ``kinds``: of what
    frames each packet's may be, by the number of its constant ``class``."""

    what: str
    text: str
    objects: tuple[int, ...] = ()
    locations: tuple[str, ...] = ()
    script: Script | None = None
    claims: tuple[str, ...] = ()
    kinds: tuple[list[Kind], ...] = ()
