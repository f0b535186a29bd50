"""Dialects of C for packets: which of them an NF is written in, and what the result of `nf_process` means there.

A dialect is a row here and headers of its own in ``runtime/include`` (docs/dialects.md).  These say in C, on top of the
library's operations, what its functions do; the analysis reads the same text that is compiled, so no model of them can
differ.  ``nf.h`` includes ``header`` where `MACRO` names it: the analysis' preprocessor and generated files define it.

Which one it is, is decided by what the NF's files include: a file that includes headers of two is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from maestro_tool.diagnostics import InputError, SourceLocation

#: The header that ``nf.h`` includes; not defined for the main dialect.
MACRO: Final = "MAESTRO_DIALECT"

#: Defined for programs for XDP: headers of Linux's are ours then.
XDP_MACRO: Final = "MAESTRO_XDP"
#: Other macros of theirs: see `frontend.xdp`.
XDP_SECTION, XDP_OWN_MAP_DEF = "MAESTRO_SECTION", "MAESTRO_OWN_BPF_MAP_DEF"

Verdict = int | Literal["drop", "flood"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """``description``: for reports.  ``headers``: what only NFs of it include (a pattern of their names).

    ``words``: patterns of what tells it where an NF includes none of any dialect's headers and does not define that
    itself.
    ``header``: what ``nf.h`` includes for it; "" : nothing.

    Of the 16 bits that nf_process returns, ``drop`` and ``flood`` mean what they say (``drop`` None: no number of its
    own); any other is the number of a port.  ``back``: a frame may go out of the port that it came in by; else that
    port's number means drop, too.

    ``mbufs``: nf_process is given the packet's mbuf, or several, and nothing else of the packet.
    ``macro``: defined where headers of it are read that have the names of others ("": none).
    """

    name: str
    description: str
    headers: re.Pattern[str]
    words: tuple[str, ...]
    header: str
    drop: int | None
    flood: int
    back: bool
    mbufs: bool = False
    macro: str = ""

    @property
    def defines(self) -> dict[str, str]:
        """Macros of units of NFs that are written in it."""
        return ({MACRO: f'"{self.header}"'} if self.header else {}) | ({self.macro: "1"} if self.macro else {})

    @property
    def otherwise(self) -> str:
        """What a result means that is not the number of another port, in words."""
        if self.back:
            return f"drop if {self.drop}, flood if {self.flood}"
        return "drop if that is the input port"

    def verdict(self, returned: int, device: int) -> Verdict:
        """What 16 bits mean that nf_process returned for a frame of port ``device``."""
        if returned == self.drop or (returned == device and not self.back):
            return "drop"
        return "flood" if returned == self.flood else returned


_ROWS: Final = (
    Dialect(
        "libvig", "libVig (lib/verified, libvig/verified): the input port as the result means drop",
        re.compile(r"(?:lib/(?:verified|unverified|proof)|libvig)/.*"), ("vigor_time_t",), "",
        drop=None, flood=0xFFFF, back=False,
    ),
    Dialect(
        "libvig-state", "libVig of lib/state and lib/util: DROP means drop, the input port sends back",
        re.compile(r"lib/(?:state|util)/.*"), ("time_ns_t", "time_us_t", "DROP"), "dialects/libvig-state.h",
        drop=0xFFFF, flood=0xFFFE, back=True,
    ),
    Dialect(
        "dpdk", "DPDK's own (mbufs, rte_hash, rte_lpm): NF_DROP means drop, the input port sends back",
        re.compile(r"rte_(?:hash|lpm)\.h"), (r"nf_process\s*\(\s*struct\s+rte_mbuf", "NF_DROP", "NF_FLOOD"),
        "dialects/dpdk.h", drop=0xFFFF, flood=0xFFFE, back=True, mbufs=True,
    ),
    Dialect(
        "xdp", "XDP: verdicts go where nf.yaml says, XDP_TX sends back",
        re.compile(r"linux/bpf\.h|bpf/.*"), (), "dialects/xdp.h",
        drop=0xFFFF, flood=0xFFFE, back=True, mbufs=True, macro=XDP_MACRO,
    ),
)  # fmt: skip

DIALECTS: Final[Mapping[str, Dialect]] = {row.name: row for row in _ROWS}
#: Of NFs that show nothing of any other.
MAIN: Final = _ROWS[0]

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*["<](?:\.\./)*([^">\n]+)[">]', re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"", re.DOTALL)


def of_texts(texts: Mapping[Path, str], is_own: Callable[[Path, str], bool]) -> Dialect:
    """The dialect of an NF with these files; InputError with both places where they include headers of two.

    ``is_own(file, name)``: whether an include of ``name`` in ``file`` leads to one of the NF's own files.
    """
    first: dict[str, SourceLocation] = {}
    for file, text in sorted(texts.items()):
        for match in _INCLUDE.finditer(text):
            row = next((r for r in _ROWS if r.headers.fullmatch(match[1])), None)
            if row is not None and row.name not in first and not is_own(file, match[1]):
                line = text.count("\n", 0, match.start(1)) + 1
                first[row.name] = SourceLocation(str(file), line, match.start(1) - text.rfind("\n", 0, match.start(1)))
    if len(first) > 1:
        (one, here), (other, there) = list(first.items())[:2]
        raise InputError(
            f"headers of two dialects in one NF: {one} at {here}, and {other} here",
            there,
            hint="include those of one: its values mean other things in the other (docs/dialects.md)",
        )
    if first:
        return DIALECTS[next(iter(first))]
    plain = "\n".join(_COMMENT.sub(" ", text) for text in texts.values())
    return next((row for row in _ROWS if any(_uses(plain, word) for word in row.words)), MAIN)


def _uses(text: str, word: str) -> bool:
    """Whether a name is used that the text does not define itself: as a macro, a type, or in an enum."""
    if not re.search(rf"\b{word}\b", text):
        return False
    defines = rf"#[ \t]*define[ \t]+{word}\b|\btypedef\b[^;]*\b{word}[ \t]*;|\benum\b[^{{;]*\{{[^}}]*\b{word}\b"
    return re.search(defines, text) is None
