"""Where a program for XDP is attached: what of its file nf_process calls, and where its verdicts lead (nf.yaml)::

    xdp:
      pass: 1               # the port that frames leave by which the program leaves to the kernel, or drop
      redirect: {3: 0}      # bpf_redirect(3, 0) sends to port 0; other interfaces do not exist

Commands are given this as words (`words`, `read`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from maestro_tool.diagnostics import InputError

#: How names of such files end.
SUFFIX = ".xdp.c"

_WORD = re.compile(r"(?P<what>program|pass|redirect)=(?P<key>\d+(?=:))?:?(?P<value>\w+)")


@dataclass(frozen=True, slots=True)
class Attachment:
    """``program``: a function ("": the file has one only).  ``passes``: a port, "drop", or None: not said.
    ``redirect``: (index of an interface, port), in order."""

    program: str = ""
    passes: int | str | None = None
    redirect: tuple[tuple[int, int], ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        program = (f"program={self.program}",) if self.program else ()
        passes = () if self.passes is None else (f"pass={self.passes}",)
        return (*program, *passes, *(f"redirect={interface}:{port}" for interface, port in self.redirect))


#: That of an NF that says nothing.
ALONE: Final = Attachment()


def read(words: Sequence[str]) -> Attachment:
    """What the words of a command say."""
    found = ALONE
    for word in words:
        match = _WORD.fullmatch(word)
        what = match["what"] if match is not None else ""
        if match is None or (match["key"] is not None) != (what == "redirect"):
            raise InputError(
                f"--xdp={word} says nothing", hint="program=FUNCTION, pass=PORT|drop or redirect=INDEX:PORT"
            )
        value = match["value"]
        if what == "program":
            found = replace(found, program=value)
        elif what == "pass":
            found = replace(found, passes=value if value == "drop" else _port(word, value))
        else:
            found = replace(found, redirect=(*found.redirect, (int(match["key"]), _port(word, value))))
    return found


def _port(word: str, text: str) -> int:
    if not text.isdecimal():
        raise InputError(f"--xdp={word}: '{text}' is no port's number")
    return int(text)


def split(name: str) -> tuple[Path, str] | None:
    """The file and the function ("": none) that a name of an NF says, ``limiter.xdp.c`` or ``all.xdp.c:limit``; None:
    it names no such file."""
    file, colon, function = name.rpartition(":")
    if not colon:
        file, function = name, ""
    return (Path(file), function) if file.endswith(SUFFIX) else None
