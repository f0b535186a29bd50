"""What a program is made of: one digest from the sources to the binary.

It is in ``analysis.json``, in ``plan.json``, in every object of the NF (as the name of a symbol that it needs, so that
objects of different builds do not link), and in an ELF note of library and executable, which `maestro verify` reads.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from maestro_tool import __version__, canonical

SCHEMA = "maestro-note/1"
#: The note's section, owner and type.
SECTION, OWNER, TYPE = ".note.maestro", "Maestro", 1
#: How `symbol` begins.
SYMBOL = "maestro_made_of_"


@dataclass(frozen=True, slots=True)
class MadeOf:
    """``program``: hash of what the NF means (`frontend.fingerprint`).  ``compiler``, ``target``: as they name
    themselves.  ``flags``: those that may matter; not where headers are, for these are in the program."""

    program: str
    compiler: str
    target: str
    flags: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all of it."""
        return canonical.digest(self.to_json())

    def to_json(self) -> dict[str, Any]:
        return {
            "program": self.program,
            "compiler": self.compiler,
            "target": self.target,
            "flags": list(self.flags),
        }


def note(made_of: MadeOf, nf: str, nic: str, strategy: str, plan: str | None) -> str:
    """The note's content: JSON in ASCII.  ``plan``: the text of plan.json, if there is one."""
    return canonical.compact(
        {
            "schema": SCHEMA,
            "maestro": __version__,
            "nf": nf,
            "nic": nic,
            "strategy": strategy,
            "digest": made_of.digest,
            "plan": None if plan is None else hashlib.sha256(plan.encode()).hexdigest(),
            **made_of.to_json(),
        }
    )


def symbol(made_of: MadeOf, added: str) -> str:
    """The symbol that all objects of a build need, and that only the one with its tables has.

    ``added``: a digest of what was added to the NF's own files.  Programs for other NICs, or of another name, with the
    same have the same symbol, for their objects are the same, too.
    """
    return f"{SYMBOL}{canonical.digest([made_of.digest, added])[:32]}"
