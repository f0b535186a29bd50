"""Drops what a unit does not name from the text of our headers: parsing is most of this phase's time.

Only whole lines of the headers that declare one function or one type; their names occur nowhere else in the unit, so
nothing that is kept can depend on them.
"""

from __future__ import annotations

import re

from maestro_tool.frontend.preprocess import Source, is_own

_PROTOTYPE = re.compile(r"[A-Za-z_][\w ]*?[ *](\w+)\(.*\);")
_TYPEDEF = re.compile(r"typedef [\w *]*?\b(\w+)(?:\(.*\))?;")
_WORD = re.compile(r"[A-Za-z_]\w*")


def prune(source: Source) -> str:
    """The unit's text with unused one-line declarations of our headers blank."""
    lines = source.text.split("\n")
    used: set[str] = set()
    optional: list[tuple[int, str, str]] = []  # line, the name it declares, text
    for index, line in enumerate(lines):
        if not line:
            continue
        match = None if is_own(source.files[index]) else _PROTOTYPE.fullmatch(line) or _TYPEDEF.fullmatch(line)
        if match is None:
            used |= _named(line)
        else:
            optional.append((index, match[1], line))
    # What a declaration names was declared before it: one pass from the end finds all that is needed.
    for index, name, line in reversed(optional):
        if name in used:
            used |= _named(line)
        else:
            lines[index] = ""
    return "\n".join(lines)


def _named(line: str) -> set[str]:
    """The words of a line; ``__builtin_memset`` names ``memset``, whose declaration says what it is given."""
    words = set(_WORD.findall(line))
    return words | {word.removeprefix("__builtin_") for word in words}
