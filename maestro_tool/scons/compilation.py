"""What SCons runs to compile a unit of an NF, as words: the analysis is told the same.

The words come out of ``$CCCOM`` itself, whatever the user's environment makes of it, and not out of a list of variables
that somebody thought of.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from SCons.Errors import UserError
from SCons.Subst import SUBST_CMD

from maestro_tool import canonical, inputs, own_files

_SOURCE, _TARGET = "maestro-unit.c", "maestro-unit.o"
_HEADER_FLAGS = ("-include", "-imacros")
#: Flags that say where others' headers are; of CPPPATH, SCons knows.
_FOLDER_FLAGS = ("-isystem", "-idirafter")
_PLACE_FLAGS = (*_FOLDER_FLAGS, "-isysroot", "--sysroot", "--target", "-target")
_NO_LTO = "-fno-lto"
#: Flags of linkers by which a name means something else than in the objects, or more is run than they say.
_LEADS_ELSEWHERE = re.compile(
    r"(?:--?wrap|--?defsym|--?just-symbols|--?script|--?default-script|--?version-script|--?plugin|--?section-start"
    r"|--?entry|--?init|--?fini)(?:=.*)?|-[TRe].*|--?allow-multiple-definition|muldefs|-zmuldefs|@.*"
)
#: The same of compilers that link; floating point is as IEEE 754 says.
_LINKS_MORE = re.compile(
    r"-Ofast|-f(?:fast-math|unsafe-math-optimizations)|-m(?:daz-ftz|pc(?:32|64|80))|-f(?:plugin|pass-plugin).*"
    r"|--?specs.*|-B.*|-wrapper|-T.*|-nostartfiles|@.*"
)
#: What /proc/cpuinfo says of a CPU that its instructions and costs depend on, of x86 and of arm64.
_CPU = (
    "vendor_id", "cpu family", "model", "stepping", "cache size", "flags",
    "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """A compiler's command without the names of source and object."""

    compiler: tuple[str, ...]
    flags: tuple[str, ...]


def words(cc: Any, folders: list[str]) -> Words:
    """How a unit is compiled in the environment ``cc`` with ``folders`` as $CPPPATH, relative to the top folder.

    DPDK's headers and the runtime's are not among the flags: the analysis has small ones in their place.
    """
    path = [cc.Dir(f"#{f}" if not f.startswith("/") else f) for f in folders]
    names = {"target": [cc.File(f"#{_TARGET}")], "source": [cc.File(f"#{_SOURCE}")]}
    ours = cc.Override({"CPPPATH": path, "MAESTRO_DPDK_INCLUDES": [], "MAESTRO_PREFIX_MAPS": []})
    lines = ours.subst_list("$CCCOM", SUBST_CMD, **names)
    found = [word(w) for line in lines for w in line]
    if len(lines) != 1 or found.count(_SOURCE) != 1 or found.count(_TARGET) != 1 or "-c" not in found:
        raise UserError("$CCCOM is not as SCons has it, so NFs cannot be analysed as they are compiled")
    found.remove(_SOURCE)
    found.remove("-c")
    at = found.index(_TARGET)
    del found[at - 1 : at + 1]  # -o and its argument
    first = next((i for i, w in enumerate(found) if w[:1] in "-@"), len(found))
    if sum(w.startswith(("-I", "-iquote")) for w in found) != len(folders):
        raise UserError("folders of headers belong into CPPPATH, where SCons sees which headers change")
    return Words(tuple(found[:first]), tuple(found[first:]))


def check_link(cc: Any) -> None:
    """UserError where programs of ``cc`` are linked by flags that lead calls elsewhere, or change how is calculated
    (with -Ofast or -ffast-math, gcc links code that sets the floating-point unit)."""
    names = {"target": [cc.File(f"#{_TARGET}")], "source": [cc.File(f"#{_SOURCE}")]}
    said = [str(w) for line in cc.subst_list("$LINKCOM", SUBST_CMD, **names) for w in line]
    linkers = [part for w in said if w.startswith("-Wl,") for part in w.split(",")[1:]]
    linkers += [w for before, w in pairwise(said) if before == "-Xlinker"]
    for flag in said:
        if _LINKS_MORE.fullmatch(flag):
            raise UserError(f"programs of NFs are not linked with {flag}: it changes more than is seen: remove it")
    for flag in linkers:
        if _LEADS_ELSEWHERE.fullmatch(flag):
            raise UserError(f"programs of NFs are not linked with {flag}: it lets names mean something else: remove it")


def word(said: Any) -> str:
    """The word as the compiler gets it: what is not the name of a file, SCons hands to a shell."""
    text = str(said)
    if getattr(said, "is_literal", lambda: False)():
        return text
    if " " in text or "\t" in text:
        text = f'"{text}"'  # as SCons does
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        (plain,) = lexer
    except ValueError:
        plain = ""
    if not plain or set("$`\n") & set(text) or text[0] in "#~":
        raise UserError(f"the compiler's flag {text} is something else to a shell: NFs cannot be analysed with it")
    return plain


def apart(cc: Any) -> dict[str, Any]:
    """Construction variables that make each object a program's own code, through whichever variable flags come.

    Link-time optimisation loses the names in the assembler by which variables of functions are known.
    """
    if not any(flag.startswith("-flto") for flag in words(cc, []).flags):
        return {}
    ours = {"_CCCOMCOM": f"{cc['_CCCOMCOM']} {_NO_LTO}"}
    said = [flag for flag in words(cc.Override(ours), []).flags if flag.startswith(("-flto", _NO_LTO))]
    if said[-1] != _NO_LTO:
        raise UserError(f"NFs are compiled without {said[-1]}, which stands behind $_CCCOMCOM in $CCCOM: remove it")
    return ours


def places(flags: tuple[str, ...]) -> tuple[str, ...]:
    """The flags, with their arguments, that say where others' headers are."""
    found: list[str] = []
    for flag, following in zip(flags, (*flags[1:], ""), strict=True):
        if flag in _PLACE_FLAGS:
            found += [flag, following]
        elif flag.startswith(_PLACE_FLAGS):
            found.append(flag)
    return tuple(found)


def this_cpu(flags: tuple[str, ...]) -> str:
    """Which CPU ``flags`` mean by ``native``: what is compiled for it is another on another."""
    if not any(flag.endswith("=native") for flag in flags):
        return ""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").partition("\n\n")[0].split("\n")
    except OSError:
        lines = []
    says = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return f", for {canonical.digest({name: says.get(name, '') for name in _CPU})}"


def check_places(flags: tuple[str, ...], root: Path) -> None:
    """UserError where ``flags`` look for others' headers among those of the NF, whose folder is ``root``: what is
    compiled is a copy of these, which such flags would not find."""
    for folder in inputs.folders(flags, _FOLDER_FLAGS):
        if not os.path.relpath(folder, root).startswith(".."):
            raise UserError(f"{folder}: folders of the NF's own headers belong into CPPPATH, not behind -isystem")


def headers(flags: tuple[str, ...], folders: list[str]) -> tuple[Path, ...]:
    """The user's headers that ``flags`` include in each unit, and what these include; SCons does not see them."""
    named = [Path(flags[i + 1]) for i, flag in enumerate(flags[:-1]) if flag in _HEADER_FLAGS]
    named += [Path(f.removeprefix(p)) for f in flags for p in _HEADER_FLAGS if f.startswith(p) and f != p]
    searched = [*map(Path, folders), *inputs.folders(flags, _FOLDER_FLAGS)]
    found: list[Path] = []
    for name in named:
        candidates = [p for p in (name, *(folder / name for folder in searched)) if p.is_file()]
        for place in candidates[:1]:
            found += [place, *own_files.find((place,)).headers]
    return tuple(dict.fromkeys(found))
