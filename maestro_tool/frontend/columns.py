"""Columns in the user's file for columns in preprocessed text.

A preprocessor keeps lines but not columns: it drops comments, squeezes spaces and expands macros.  Both lines are split
into tokens; a token of the preprocessed line that also occurs in the original, in order, is found there; one that
a macro made is at the macro's name.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher

_TOKEN = re.compile(
    r"""(?P<comment>/\*.*?(?:\*/|$)|//.*)|[A-Za-z_$][\w$]*|\.?[0-9](?:[eEpP][+-]|[\w.])*"""
    r"""|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|->|\+\+|--|<<=|>>=|[<>=!]=|<<|>>|&&|\|\||[-+*/%&|^]=|\.\.\.|[^\s]"""
)
_NAME = re.compile(r"[A-Za-z_$]")

Tokens = list[tuple[int, str]]  # (column from 1, text)


class Columns:
    """Reads each file once and aligns each line once."""

    def __init__(self) -> None:
        self._originals: dict[str, list[str]] = {}
        self._preprocessed: dict[int, list[str]] = {}
        self._aligned: dict[tuple[str, int, str], dict[int, int]] = {}

    def preprocessed_line(self, key: int, text: str, line: int) -> str:
        lines = self._preprocessed.get(key)
        if lines is None:
            lines = self._preprocessed[key] = text.split("\n")
        return lines[line - 1]

    def restore(self, file: str, number: int, preprocessed: str, column: int) -> int:
        """The column in line ``number`` of ``file``; 0 where the file cannot be read."""
        key = (file, number, preprocessed)
        aligned = self._aligned.get(key)
        if aligned is None:
            lines = self._original(file)
            original = lines[number - 1] if 0 < number <= len(lines) else None
            aligned = {} if original is None else _align(_tokens(preprocessed), _tokens(original))
            self._aligned[key] = aligned
        if column in aligned:
            return aligned[column]
        before = [c for c in aligned if c <= column]
        return aligned[max(before)] if before else 0

    def _original(self, file: str) -> list[str]:
        lines = self._originals.get(file)
        if lines is None:
            try:
                with open(file, encoding="utf-8", errors="replace") as f:
                    lines = f.read().split("\n")
            except OSError:
                lines = []
            self._originals[file] = lines
        return lines


def _tokens(line: str) -> Tokens:
    return [(m.start() + 1, m[0]) for m in _TOKEN.finditer(line) if m["comment"] is None]


def _align(preprocessed: Tokens, original: Tokens) -> dict[int, int]:
    """Column of each preprocessed token in the original line."""
    made, written = [text for _, text in preprocessed], [text for _, text in original]
    if made == written:
        return {p[0]: o[0] for p, o in zip(preprocessed, original, strict=True)}
    result: dict[int, int] = {}
    at, i = 0, 0  # tokens used up in original, in preprocessed
    for block in SequenceMatcher(None, made, written, autojunk=False).get_matching_blocks():
        gap = original[at : block.b] or original[at - 1 : at] or original[:1]
        macro = next((column for column, text in gap if _NAME.match(text)), gap[0][0] if gap else 0)
        for column, _ in preprocessed[i : block.a]:
            result[column] = macro
        for k in range(block.size):
            result[preprocessed[block.a + k][0]] = original[block.b + k][0]
        at, i = block.b + block.size, block.a + block.size
    return result
