"""A strict reader of the C that is generated: constants with initialisers as Python data, the rest as tokens.

What is not written in the way that we write it is refused, be it C or not: so nothing means to a compiler what it does
not mean here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

#: Comments end as for a compiler; there is no `//`, no line that goes on after a backslash, and no trigraph.
_TOKEN: Final = re.compile(
    r"""(?P<space>[ \n]+|/\*(?:[^*]|\*(?!/))*\*/)
    |(?P<directive>\#[^\n\\]*(?=\n))
    |(?P<string>"(?:[^"\\\n?]|\\[0-7]{3}|\\["n])*")
    |(?P<char>L'a')
    |(?P<number>(?:0x[0-9a-f]+|0|[1-9][0-9]*)(?![\w.]))
    |(?P<word>[A-Za-z_]\w*)
    |(?P<mark>&&|==|\+=|[][{}().,;=*|<-])""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE: Final = re.compile(r'\\([0-7]{3}|["n])', re.ASCII)
#: How the declarations begin that are read as data.
_DATA: Final = ("static", "const")


class CError(ValueError):
    """The text is not what we generate."""


@dataclass(frozen=True)
class Text:
    """A string."""

    value: str


@dataclass(frozen=True)
class Data:
    """``type``: the words before the name.  ``value``: numbers, names (`str`), `Text`, tuples of names (``A | B``),
    lists, and dictionaries where members have names."""

    name: str
    type: str
    value: Any


#: A declaration with an initialiser; or the tokens of another, of a function, or a directive.
Item = Data | tuple[str, ...]


def tokens(text: str) -> list[tuple[str, str]]:
    """(kind, text) of each token; no space and no comments."""
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise CError(f"line {text.count(chr(10), 0, at) + 1} is not as it was generated: {text[at : at + 20]!r}")
        kind = str(match.lastgroup)
        if kind == "directive" and text[text.rfind("\n", 0, at) + 1 : at]:
            raise CError(f"a directive that does not begin its line: {match[0]!r:.40}")
        if kind != "space":
            found.append((kind, match[0]))
        at = match.end()
    return found


def words(text: str) -> tuple[str, ...]:
    """The tokens' texts."""
    return tuple(word for _, word in tokens(text))


def read(text: str) -> list[Item]:
    """All declarations, in order."""
    return _Reader(tokens(text)).items()


class _Reader:
    def __init__(self, found: list[tuple[str, str]]) -> None:
        self._tokens, self._at = [*found, ("end", "")], 0

    def items(self) -> list[Item]:
        found: list[Item] = []
        while self._tokens[self._at][0] != "end":
            start = self._at
            if self._tokens[start][0] == "directive":
                self._at += 1
                found.append((self._tokens[start][1],))
                continue
            data = self._data()
            if data is None:
                self._at = start
                data_or_code: Item = self._code()
            else:
                data_or_code = data
            found.append(data_or_code)
        return found

    def _data(self) -> Data | None:
        """A constant with an initialiser, if the next declaration is one."""
        if self._tokens[self._at][1] not in _DATA:
            return None
        said: list[str] = []
        while self._tokens[self._at][0] == "word" or self._tokens[self._at][1] == "*":
            said.append(self._take())
        array = self._tokens[self._at][1] == "["
        if array:
            self._take("[")
            self._take("]")
        if self._tokens[self._at][1] != "=":
            return None
        self._take("=")
        value = self._value()
        self._take(";")
        return Data(said[-1], " ".join((*said[:-1], *(["[]"] if array else []))), value)

    def _code(self) -> tuple[str, ...]:
        """The tokens up to a semicolon, or to the end of a function's body."""
        start, open_ones = self._at, 0
        while True:
            kind, word = self._tokens[self._at]
            if kind in ("end", "directive"):
                raise CError("a declaration without an end")
            self._at += 1
            open_ones += (word in ("{", "(")) - (word in ("}", ")"))
            if open_ones == 0 and (word == ";" or (word == "}" and self._tokens[self._at][1] != ";")):
                return tuple(w for _, w in self._tokens[start : self._at])

    def _take(self, expected: str | None = None) -> str:
        kind, word = self._tokens[self._at]
        if kind == "end" or (expected is not None and word != expected):
            self._fail(f"no {expected}")
        self._at += 1
        return word

    def _fail(self, why: str) -> NoReturn:
        near = " ".join(w for _, w in self._tokens[max(0, self._at - 4) : self._at + 3])
        raise CError(f"{why}: {near:.80}")

    def _value(self) -> Any:
        kind, word = self._tokens[self._at]
        match kind:
            case "number":
                self._at += 1
                return int(word, 0)
            case "string":
                self._at += 1
                return Text(_unescaped(word))
            case "word":
                names = [self._take()]
                while self._tokens[self._at][1] == "|":
                    self._take("|")
                    if self._tokens[self._at][0] != "word":
                        self._fail("no name")
                    names.append(self._take())
                return names[0] if len(names) == 1 else tuple(names)
        self._take("{")
        return self._members() if self._tokens[self._at][1] == "." else self._list()

    def _members(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            self._take(".")
            name = self._take()
            self._take("=")
            if name in found:
                self._fail(f"twice .{name}")
            found[name] = self._value()
            if self._ends():
                return found

    def _list(self) -> list[Any]:
        found = [self._value()]
        while not self._ends():
            found.append(self._value())
        return found

    def _ends(self) -> bool:
        """Whether a list ends here, be it after a comma."""
        comma = self._tokens[self._at][1] == ","
        self._at += comma
        if self._tokens[self._at][1] != "}":
            return False if comma else self._fail("no comma")
        self._at += 1
        return True


def _unescaped(word: str) -> str:
    def byte(match: re.Match[str]) -> str:
        return "\n" if match[1] == "n" else match[1] if match[1] == '"' else chr(int(match[1], 8))

    return _ESCAPE.sub(byte, word[1:-1]).encode("latin-1").decode("utf-8", "surrogateescape")
