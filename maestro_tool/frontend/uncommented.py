"""Text of a C file without what names nothing: comments and literals are blanks, so that places stay."""

from __future__ import annotations

import re

_SILENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", re.DOTALL)


def uncommented(text: str) -> str:
    return _SILENT.sub(_blank, text)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])
