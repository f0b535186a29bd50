"""Preprocessed text -> syntax tree (pycparser), with errors at the user's lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from pycparser import c_ast, c_lexer, c_parser

from maestro_tool.diagnostics import InputError, SourceLocation, UnsupportedError
from maestro_tool.frontend import unknown
from maestro_tool.frontend.preprocess import Source
from maestro_tool.frontend.spellings import Position, RecordAttributes, rewrite


@dataclass(frozen=True, slots=True)
class Unit:
    """A parsed translation unit."""

    source: Source
    tree: Any
    attributes: dict[Position, RecordAttributes]

    def location(self, node: Any) -> SourceLocation:
        line, column = position(node)
        return self.source.location(line, column)


def position(node: Any) -> Position:
    """Line and column of a node in the preprocessed text; of its first part that has one."""
    coord = node.coord
    if coord is not None:
        return coord.line, coord.column or 0
    for _, child in node.children():
        found = position(child)
        if found != (0, 0):
            return found
    return 0, 0


class _SyntaxError(Exception):
    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


class _Lexer(c_lexer.CLexer):  # type: ignore[misc]
    """pycparser's, for which ``typeof`` is a word of C23 only."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._keyword_map["typeof"] = "TYPEOF"


class _Parser(c_parser.CParser):  # type: ignore[misc]
    """pycparser's, with positions for all errors as values and not as text, and with what NFs use of GNU C:
    ``a ?: b`` (a `TernaryOp` without its second part), ``case 1 ... 9:`` and ``[1 ... 9] = x`` (a `BinaryOp`
    with the operator "..."), ``__auto_type``."""

    def __init__(self) -> None:
        super().__init__(lexer=_Lexer)

    def unknown_name(self, text: str, line: int, column: int) -> unknown.Unknown | None:
        """The name that may be why parsing ``text`` ended there: no type, variable or function that is in scope."""
        start = 0
        for _ in range(line - 1):
            start = text.index("\n", start) + 1
        scopes = self._scope_stack

        def known(name: str) -> bool | None:
            return next((scope[name] for scope in reversed(scopes) if name in scope), None)

        return unknown.find(text, start + max(column - 1, 0), lambda n: known(n) is True, lambda n: known(n) is False)

    def _parse_conditional_expression(self) -> Any:
        condition = self._parse_binary_expression()
        if not self._accept("CONDOP"):
            return condition
        then = None if self._peek_type() == "COLON" else self._parse_expression()
        self._expect("COLON")
        return c_ast.TernaryOp(condition, then, self._parse_conditional_expression(), condition.coord)

    def _parse_constant_expression(self) -> Any:
        first = super()._parse_constant_expression()
        if not self._accept("ELLIPSIS"):
            return first
        return c_ast.BinaryOp("...", first, super()._parse_constant_expression(), first.coord)

    def _is_inferred_auto(self, spec: Any) -> bool:
        return "auto" in spec["storage"] and not spec["type"]

    def _parse_primary_expression(self) -> Any:
        token = self._peek()
        if token is not None and token.type == "LAND":
            self._parse_error("the address of a label (&&label) is not supported", self._tok_coord(token))
        return super()._parse_primary_expression()

    def _parse_error(self, msg: str, coord: Any) -> NoReturn:
        line, column = getattr(coord, "line", None), getattr(coord, "column", None)
        if line is None:  # some of pycparser's errors name the file only
            token = self._peek()
            line, column = (token.lineno, token.column) if token is not None else (0, 0)
        raise _SyntaxError(msg, line, column or 0)


def _place(text: str, offset: int) -> Position:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def parse(source: Source) -> Unit:
    """Raises `InputError` at a syntax error, `UnsupportedError` at GNU C that the parser cannot read."""
    parsable = rewrite(source)
    parser = _Parser()
    try:
        tree = parser.parse(parsable.text)
    except _SyntaxError as error:
        if error.line and (name := parser.unknown_name(parsable.text, error.line, error.column)) is not None:
            line, column = _place(parsable.text, name.offset)
            message, hint = f"{name.what} '{name.name}' is not known", unknown.hint(name.what, name.name)
            raise UnsupportedError(message, source.location(line, column), hint=hint) from None
        raise _syntax_error(error.message, error.line, error.column, source) from None
    except (RecursionError, ValueError) as error:
        text = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"cannot be parsed: {text}", SourceLocation(str(source.path), 1)) from None
    return Unit(source, tree, parsable.attributes)


def _syntax_error(message: str, line: int, column: int, source: Source) -> InputError:
    line = line or source.last_line()
    if message.startswith("before: "):
        message = f"before '{message.removeprefix('before: ')}'"
    elif message.startswith("At end of input"):
        message = "unexpected end of file"
    else:
        message = message[:1].lower() + message[1:]
    return InputError(
        f"syntax error: {message}",
        source.location(line, column),
        hint="C11 is read, and of GNU C what the documentation lists; see that the file compiles with gcc",
    )


__all__ = ["Unit", "c_ast", "parse", "position"]
