"""Finding declarations in C *text*: the user's file as written, before any preprocessing.

Only enough of C to place one word in front of a declaration; everything else stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+|\\\n|//(?:[^\\\n]|\\.|\\\n)*|/\*.*?\*/)
      | (?P<directive>(?m:^)[ \t]*\#(?:[^\\\n]|\\\n|\\.)*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<literal>(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*"|(?:[uUL])?'(?:[^'\\\n]|\\.)*'|\.?\d(?:[eEpP][+-]|[\w.])*)
      | (?P<punctuation>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """``offset`` in characters from the start of the text; ``line`` counts from 1."""

    kind: str
    text: str
    offset: int
    line: int


def tokens(text: str) -> Iterator[Token]:
    """Tokens of ``text`` without white space, comments and preprocessor lines."""
    line = 1
    position = 0
    at_line_start = True
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None
        kind, piece = match.lastgroup or "punctuation", match.group()
        if kind == "directive" and not at_line_start:
            kind, piece = "punctuation", piece[0]
        if kind not in ("space", "directive"):
            yield Token(kind, piece, position, line)
        at_line_start = "\n" in piece or (at_line_start and kind == "space")
        line += piece.count("\n")
        position += len(piece)


@dataclass(frozen=True, slots=True)
class Declaration:
    """An external declaration: its tokens; ``function`` if it is a function definition."""

    tokens: tuple[Token, ...]
    function: bool


def external_declarations(text: str) -> list[Declaration]:
    """The declarations and function definitions of a file, in order."""
    result: list[Declaration] = []
    current: list[Token] = []
    depth = 0
    body = False
    for t in tokens(text):
        if t.text == "{" and depth == 0:
            body = _opens_body(current)
        if t.text in "{([" and t.kind == "punctuation":
            depth += 1
        elif t.text in "})]" and t.kind == "punctuation":
            depth -= 1
        current.append(t)
        if depth == 0 and (t.text == ";" or (t.text == "}" and body)):
            result.append(Declaration(tuple(current), body))
            current, body = [], False
    return result


def _opens_body(before: list[Token]) -> bool:
    """Whether ``{`` after these tokens starts a function's body (not a struct's, not an initialiser's)."""
    if any(t.text == "=" for t in before):
        return False
    flat = _without_brackets(before)
    if flat and flat[-1] in ("struct", "union", "enum"):
        return False
    if len(flat) >= 2 and flat[-2] in ("struct", "union", "enum"):
        # `struct X {`; a function returning `struct X` has its parameters in between.
        return bool(before) and before[-1].text == ")" and "__attribute__" not in {t.text for t in before}
    return bool(before) and any(t.text == "(" for t in before)


def _without_brackets(items: list[Token]) -> list[str]:
    """Words outside brackets, attributes left out."""
    flat: list[str] = []
    depth = 0
    for t in items:
        if t.kind == "punctuation" and t.text in "([":
            depth += 1
        elif t.kind == "punctuation" and t.text in ")]":
            depth -= 1
        elif depth == 0 and t.kind == "word" and t.text != "__attribute__":
            flat.append(t.text)
    return flat


def declares(declaration: Declaration, name: str, line: int) -> Token | None:
    """The token of ``declaration`` that declares variable ``name`` at ``line``, if it does."""
    if declaration.function:
        return None
    depth = 0
    initialiser = False
    for t in declaration.tokens:
        if t.kind == "punctuation":
            if t.text == "{":
                depth += 1
            elif t.text == "}":
                depth -= 1
            elif depth == 0 and t.text == "=":
                initialiser = True
            elif depth == 0 and t.text == ",":
                initialiser = False
        elif depth == 0 and not initialiser and t.kind == "word" and t.text == name and t.line == line:
            return t
    return None
