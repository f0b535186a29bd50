"""Refuses ``#line`` that says that the user's lines are in a header of ours, or the compiler's own.

What such files say is not looked at: their macros are not checked (`macros`), nor are their lines compared with what
is compiled (`comparison`).  So which files are not the user's must not be for users to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from maestro_tool.diagnostics import SourceLocation, UnsupportedError
from maestro_tool.frontend.uncommented import uncommented

_SPLICE = re.compile(r"\\\r?\n")
_COMMENT = r"/\*.*?\*/"
#: Between these < and >, /* begins no comment.
_SEARCHED = re.compile(rf"\b(?:include(?:_next)?|import|dependency)\b(?:\s|{_COMMENT})*<[^>\n]*>", re.DOTALL)
#: ``#line``, and what preprocessors make of it; "#" may be written in three ways.
_DIRECTIVE = re.compile(r"^[^\S\n]*(?:#|%:|\?\?=)[^\S\n]*(?:line\b|(?=\d))([^\n]*)", re.MULTILINE)
_ANY = re.compile(rf"(?:#|%:|\?\?=)(?:\s|{_COMMENT})*(?:line\b|\d)", re.DOTALL)
#: A number, a name, and flags of preprocessors.
_SAID = re.compile(r'\s*\d+\s*(?:"((?:[^"\\?\n]|\?(?!\?)|\\["\\]|\\[0-7]{3})*)"[ \d]*)?\s*')
_LITERAL_OR_COMMENT = re.compile(rf'"(?:[^"\\\n]|\\.)*"|{_COMMENT}|//.*|/\*.*')


def check(file: str, text: str, is_own: Callable[[str], bool]) -> None:
    """Raises `UnsupportedError` at the first such line of ``file``.

    ``is_own``: whether a name, written as in a line marker, is that of a user's file.
    """
    whole = _SPLICE.sub("", text)
    if _ANY.search(whole) is None:
        return
    bare = uncommented(_SEARCHED.sub(lambda m: " " * len(m[0]), whole))
    for directive in _DIRECTIVE.finditer(bare):
        said = _SAID.fullmatch(_without_comments(whole[slice(*directive.span(1))]))
        if said is not None and (said[1] is None or is_own(said[1])):
            continue
        what = "a #line without a plain name of a file" if said is None else f'#line with the name "{said[1]}"'
        raise UnsupportedError(
            f"{what} is not supported: the file could pass for one that is not the program's",
            SourceLocation(file, _line(text, directive.start())),
            hint='write #line NUMBER "FILE", with the file that the lines were made from',
        )


def _without_comments(text: str) -> str:
    return _LITERAL_OR_COMMENT.sub(lambda m: m[0] if m[0].startswith('"') else " ", text)


def _line(text: str, offset: int) -> int:
    """The line of ``text`` in which the character is that has this offset in it without splices."""
    for splice in _SPLICE.finditer(text):
        if splice.start() > offset:
            break
        offset += len(splice[0])
    return text.count("\n", 0, offset) + 1
