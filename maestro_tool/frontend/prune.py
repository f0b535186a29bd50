"""Drops what a unit does not name from the text of our headers: parsing is most of this phase's time.

Only whole declarations of the headers: one function, one type, or one struct without others in it; their names occur
nowhere else in the unit, so nothing that is kept can depend on them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from maestro_tool.frontend.preprocess import Source, is_own

# In a line.
_PROTOTYPE = re.compile(r"[A-Za-z_][\w ]*?[ *](\w+)\(.*\);")
_TYPEDEF = re.compile(r"typedef [\w *]*?\b(?!__attribute__)(\w+)(?:\(.*\)| __attribute__\(\(.*\)\))?;")
_SHORT_FUNCTION = re.compile(r"static [\w *]*?[ *](\w+)\([^()]*\) \{.*\}")
# The first line, with a brace that the last one closes; lines between are indented.
_FUNCTION = re.compile(r"static [\w *]*?[ *](\w+)\([^()]*\) \{")
_STRUCT = re.compile(r"struct (?:__attribute__\(\(.*\)\) )?(\w+) \{")
_LAST_LINE = re.compile(r"\}(?: __attribute__\(\(.*\)\))*;?")
#: What else a struct could declare: other types, constants.
_DECLARES = re.compile(r"\b(?:(?:struct|union) \w+ \{|enum\b)")
_WORD = re.compile(r"[A-Za-z_]\w*")


def prune(source: Source) -> str:
    """The unit's text with unused declarations of our headers blank."""
    lines = source.text.split("\n")
    used: set[str] = set()
    optional: list[tuple[int, int, str]] = []  # first line, the one behind the last, the name it declares
    index = 0
    while index < len(lines):
        line, end = lines[index], index + 1
        if line:
            found = None if is_own(source.files[index]) else _declaration(lines, source.files, index)
            if found is None:
                used |= _named(line)
            else:
                end, name = found
                optional.append((index, end, name))
        index = end
    # What a declaration names was declared before it: one pass from the end finds all that is needed.
    for index, end, name in reversed(optional):
        if name in used:
            used |= _named(*lines[index:end])
        else:
            lines[index:end] = [""] * (end - index)
    return "\n".join(lines)


def _declaration(lines: Sequence[str], files: Sequence[str], first: int) -> tuple[int, str] | None:
    """If it begins in line ``first``: the line behind it, and the name that it declares."""
    line = lines[first]
    short = _PROTOTYPE.fullmatch(line) or _TYPEDEF.fullmatch(line) or _SHORT_FUNCTION.fullmatch(line)
    if short is not None:
        return first + 1, short[1]
    start = _FUNCTION.fullmatch(line) or _STRUCT.fullmatch(line)
    if start is None:
        return None
    end = first + 1
    while end < len(lines) and (not lines[end] or lines[end][0] == " "):
        end += 1
    whole = lines[first : end + 1]
    if end == len(lines) or not _LAST_LINE.fullmatch(whole[-1]) or set(files[first : end + 1]) != {files[first]}:
        return None
    return None if any(map(_DECLARES.search, whole[1:])) else (end + 1, start[1])


def _named(*lines: str) -> set[str]:
    """The words of lines; ``__builtin_memset`` names ``memset``, whose declaration says what it is given."""
    words = {word for line in lines for word in _WORD.findall(line)}
    return words | {word.removeprefix("__builtin_") for word in words}
