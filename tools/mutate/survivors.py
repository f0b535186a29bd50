"""The list of mutants that no test can tell from the original, each with the reason why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from mutate.mutants import Mutant


@dataclass(frozen=True, slots=True)
class Explained:
    """Mutant ``change`` of ``where`` in ``file``, as the list has it."""

    file: str
    where: str
    change: str
    reason: str


def read(file: Path) -> list[Explained]:
    """``file -> function -> reason -> changes``."""
    listed = yaml.safe_load(file.read_text()) if file.exists() else None
    return [
        Explained(name, where, change, reason)
        for name, functions in (listed or {}).items()
        for where, reasons in functions.items()
        for reason, changes in reasons.items()
        for change in changes
    ]


def complaints(survivors: list[Mutant], tried: list[Mutant], explained: list[Explained], root: Path) -> list[str]:
    """Survivors that the list does not explain; and entries of it that name no mutant, or one that a test notices.

    Of files of which nothing was tried nothing is said.
    """

    def name(m: Mutant) -> tuple[str, str, str]:
        return m.file.relative_to(root).as_posix(), m.where, m.change

    alive, made = {name(m) for m in survivors}, {name(m) for m in tried}
    listed = {(e.file, e.where, e.change): e for e in explained}
    files = {file for file, _, _ in made}
    found = [f"no test notices: {' | '.join(key)}" for key in sorted(alive - set(listed))]
    for key, e in listed.items():
        if not e.reason.strip():
            found.append(f"no reason: {' | '.join(key)}")
        if key in made - alive:
            found.append(f"a test notices it, so it is no survivor: {' | '.join(key)}")
        elif key not in made and key[0] in files:
            found.append(f"there is no such mutant: {' | '.join(key)}")
    return found
