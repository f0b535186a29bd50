"""Macros of the user's that would change more than the user's text: words of C, of the runtime, of generated code.

The analysis sees the NF with its macros, but has models in place of the runtime's headers, which are compiled below
these macros, and does not see what is appended to the NF's files (``_Thread_local``, checks).  So no macro may have a
name that is a word there: ``-D_Thread_local=`` would give all workers one copy of each variable.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from maestro_tool import dialects, dpdk, runtime
from maestro_tool.diagnostics import SourceLocation, UnsupportedError

_TEMPLATES: Final = Path(__file__).parent.parent / "codegen" / "templates"
#: What is appended to the NF's files; other templates are units of their own.
_APPENDED: Final = ("appendix.c.j2", "origin.c.j2")

_DEFINE = re.compile(r"#define (\w+)(\([^)]*\))? ?(.*)", re.DOTALL)
_UNDEFINE = re.compile(r"#undef (\w+)")
#: Where a header defines a name or asks whether it is defined.
_OWN: Final = r"(?m)^[ \t]*#[ \t]*(?:define[ \t]+{0}\b|(?:el)?if(?:n?def)?\b.*\b{0}\b)"
_LEFT_OUT = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL
)

#: C11 6.4.1, and words of GNU C that generated text has, or headers.
_WORDS: Final = """
    auto break case char const continue default do double else enum extern float for goto if int long return short
    signed sizeof static struct switch typedef union unsigned void volatile while _Alignas _Alignof _Atomic _Bool
    _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local asm __asm __asm__ __attribute
    __attribute__ __extension__ __thread __typeof__ typeof
"""
_KEYWORDS: Final = frozenset(_WORDS.split())
#: Words whose usual other spellings change nothing; None: any.
_SYNONYMS: Final[dict[str, frozenset[str] | None]] = {
    "inline": None,
    "NULL": frozenset({"0", "((void *)0)", "((void*)0)", "(void *)0", "(void*)0"}),
    "bool": frozenset({"_Bool"}),
    "true": frozenset({"1"}),
    "false": frozenset({"0"}),
    "asm": frozenset({"__asm__"}),
    "typeof": frozenset({"__typeof__"}),
    "signed": frozenset({"__signed__"}),
    "volatile": frozenset({"__volatile__"}),
}
_PREFIXES: Final = ("maestro_", "MAESTRO_")
#: What the runtime's own files call; what else has a name there does not compile under another.
_OF_DPDK: Final = re.compile(r"(?:__)?rte_[a-z]")
#: Those that the build defines itself.
_OURS: Final = (dpdk.VERSION_MACRO, dialects.MACRO, dialects.XDP_MACRO, dialects.XDP_SECTION, dialects.XDP_OWN_MAP_DEF)
_RENAMES: Final = frozenset(f"#define {flag.removeprefix('-D').replace('=', ' ')}" for flag in dpdk.RENAMES)


def check(directive: str, location: SourceLocation, *, everywhere: bool = False) -> None:
    """Raises `UnsupportedError` if a ``#define`` or ``#undef`` of the user's, as preprocessors print it, is about such
    a name.  ``everywhere``: it holds in the runtime's own files, too."""
    if (gone := _UNDEFINE.match(directive)) is not None:
        if gone[1].startswith(_PREFIXES):
            raise _is_ours(gone[1], location)
        return
    match = _DEFINE.match(directive)
    if match is None or directive.rstrip() in _RENAMES:
        return
    name, takes, body = match[1], bool(match[2]), match[3].strip()
    if name.startswith(_PREFIXES) and not (everywhere and name in _OURS):
        raise _is_ours(name, location)
    if not (everywhere and _OF_DPDK.match(name)) and not _is_taken(name, takes):
        return
    if (
        takes
        and body.startswith("__builtin_")
        and _plain(f"{name}{match[2]}") == _plain(body.removeprefix("__builtin_"))
    ):
        return  # what the compiler makes of it anyway
    if name in _SYNONYMS and ((allowed := _SYNONYMS[name]) is None or body in allowed):
        return
    raise UnsupportedError(
        f"a macro may not be called '{name}': it would change the library's headers, and what is added to the program",
        location,
        hint="give it another name",
    )


def _plain(call: str) -> str:
    """A call of names without the parentheses around each of them."""
    return re.sub(r"\((\w+)\)", r"\1", re.sub(r"\s+", "", call))


def _is_ours(name: str, location: SourceLocation) -> UnsupportedError:
    return UnsupportedError(f"'{name}' is a name of generated programs", location, hint="give the macro another name")


@cache
def _is_taken(name: str, takes_arguments: bool) -> bool:
    """Whether it is a word of C, or of those files; what these define or ask for (ENABLE_LOG) is for users to say."""
    if name in _KEYWORDS:
        return True
    headers = [text for text in _headers() if name in text]
    if any(re.search(_OWN.format(name), text) for text in headers):
        return False
    word = rf"\b{name}\b\s*\(" if takes_arguments else rf"\b{name}\b"
    return any(re.search(word, _LEFT_OUT.sub(" ", text)) for text in (*headers, *_appended()) if name in text)


@cache
def _headers() -> tuple[str, ...]:
    return tuple(p.read_text(encoding="utf-8") for p in sorted(runtime.INCLUDE.rglob("*.h")))


@cache
def _appended() -> tuple[str, ...]:
    return tuple((_TEMPLATES / name).read_text(encoding="utf-8") for name in _APPENDED)
