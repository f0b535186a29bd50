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


@dataclass(frozen=True, slots=True)
class LocalVariable:
    """Where the declaration of a variable inside a function starts, and where its declarator ends: offsets."""

    start: int
    end: int


def static_local(text: str, name: str, line: int) -> LocalVariable | None:
    """The ``static`` variable that is declared at ``line`` inside a function."""
    items = list(tokens(text))
    for at, token in enumerate(items):
        if (token.text, token.line, token.kind) != (name, line, "word"):
            continue
        start = _statement_start(items, at)
        if any(t.text == "static" for t in items[start:at]):
            end = _declarator_end(items, start, at)
            return None if end is None else LocalVariable(items[start].offset, end)
    return None


def _statement_start(items: list[Token], at: int) -> int:
    """Index of the first token of the statement around token ``at``: initialisers' braces belong to it."""
    depth = 0
    while at > 0:
        before = items[at - 1]
        if before.kind == "punctuation":
            if before.text in ")]}":
                initialiser = before.text != "}" or _is_part(items, at - 1)
                if not initialiser and depth == 0:
                    return at
                depth += 1
            elif before.text in "([{" and depth > 0:
                depth -= 1
            elif before.text in ";{:" and depth == 0:
                return at
        at -= 1
    return at


def _is_part(items: list[Token], brace: int) -> bool:
    """Whether the closing ``brace`` ends an initialiser or a struct, so that the statement goes on behind it."""
    following = items[brace + 1] if brace + 1 < len(items) else None
    depth, at = 0, brace
    while at >= 0:
        depth += {"}": 1, "{": -1}.get(items[at].text, 0) if items[at].kind == "punctuation" else 0
        if depth == 0:
            break
        at -= 1
    opened_by = [t.text for t in items[max(0, at - 2) : at]]
    if opened_by[-1:] == ["="] or "struct" in opened_by or "union" in opened_by or "enum" in opened_by:
        return True
    return following is not None and following.text in ",)"


def _declarator_end(items: list[Token], start: int, at: int) -> int | None:
    """Offset behind the last token of the declarator that declares token ``at``."""
    depth = 0
    last: Token | None = None
    for index, token in enumerate(items[start:], start):
        word = token.text if token.kind == "word" else ""
        if token.kind == "punctuation" and token.text in "([{":
            depth += 1
        elif token.kind == "punctuation" and token.text in ")]}":
            depth -= 1
        ends = depth == 0 and (token.text in ("=", ",", ";") or word in ("__attribute__", "__asm__", "asm"))
        if ends and index > at:
            return None if last is None else last.offset + len(last.text)
        last = token
    return None


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
