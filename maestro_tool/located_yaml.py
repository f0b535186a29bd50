"""YAML files of users: read with the place of every value, checked against a pydantic model.

YAML is read as nodes, never as Python objects, so nothing is executed and each value keeps its place.  Every mistake is
an `InputError` at its line and column.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import ErrorDetails, PydanticCustomError

from maestro_tool.diagnostics import InputError, SourceLocation

MAX_BYTES = 256 * 1024
#: Bounds what aliases can unfold to; the largest profile of ours has some 300 values.
MAX_VALUES = 10_000
MAX_DEPTH = 20
_TAG = "tag:yaml.org,2002:"
_SCALARS = {f"{_TAG}{t}" for t in ("str", "int", "float", "bool", "null")}

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Located:
    """A YAML value with its place; mappings keep the place of each key too.  ``text``: of a scalar, as written."""

    value: Any  # scalar, list[Located] or dict[str, tuple[SourceLocation, Located]]
    location: SourceLocation
    text: str | None = None

    def plain(self, *, as_written: bool = False) -> Any:
        """Without places: dicts, tuples and scalars; ``as_written``: these as the texts that they are."""
        if isinstance(self.value, dict):
            return {key: value.plain(as_written=as_written) for key, (_, value) in self.value.items()}
        if isinstance(self.value, list):
            return tuple(value.plain(as_written=as_written) for value in self.value)
        return self.text if as_written else self.value

    def places(self, path: Sequence[int | str]) -> tuple[SourceLocation, SourceLocation]:
        """Where the key and the value at ``path`` are, as far as there is something."""
        tree, key = self, self.location
        for part in path:
            if isinstance(tree.value, dict) and part in tree.value:
                key, tree = tree.value[str(part)]
            elif isinstance(tree.value, list) and isinstance(part, int) and part < len(tree.value):
                tree = tree.value[part]
                key = tree.location
            else:
                break
        return key, tree.location


def read(path: Path, what: str, model: type[BaseModel]) -> Located:
    """The mapping in a file (that of an empty file is empty), which is to become a ``model``.

    ``what``: what errors call such a file.
    """
    name = str(path)
    try:
        with path.open("rb") as f:
            data = f.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {what} {name}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise InputError(f"a {what} has at most {MAX_BYTES} bytes", SourceLocation(name, 1))
    try:
        loader = yaml.SafeLoader(data.decode())
        try:
            node = loader.get_single_node()
            tree = _Converter(name, loader).convert(node) if node is not None else Located({}, SourceLocation(name, 1))
        finally:
            loader.dispose()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"a {what} is UTF-8 text", SourceLocation(name, line)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        location = SourceLocation(name, mark.line + 1, mark.column + 1) if mark else SourceLocation(name, 1)
        raise InputError(f"not YAML: {error.problem or error.context}", location) from None
    except yaml.YAMLError as error:  # characters that YAML forbids
        raise InputError(f"not YAML: {str(error).splitlines()[0]}", SourceLocation(name, 1)) from None
    except RecursionError:
        raise InputError("nested too deeply", SourceLocation(name, 1)) from None
    if not isinstance(tree.value, dict):
        hint = f"keys: {', '.join(model.model_fields)}"
        raise InputError(f"a {what} is a mapping (key: value)", tree.location, hint=hint)
    return tree


class _Converter:
    """YAML nodes -> `Located`, with bounds on what aliases unfold to."""

    def __init__(self, file: str, loader: yaml.SafeLoader) -> None:
        self._file = file
        self._loader = loader
        self._values = 0

    def convert(self, node: yaml.Node, depth: int = 0) -> Located:
        location = SourceLocation(self._file, node.start_mark.line + 1, node.start_mark.column + 1)
        self._values += 1
        if self._values > MAX_VALUES or depth > MAX_DEPTH:
            raise InputError("too many or too deeply nested values (aliases unfold too far?)", location)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return Located([self.convert(child, depth + 1) for child in node.value], location)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return Located(self._mapping(node, depth), location)
        if node.tag not in _SCALARS:
            raise InputError(f"{node.tag.removeprefix(_TAG)} values are not allowed here", location)
        try:
            return Located(self._loader.construct_object(node), location, node.value)
        except (ValueError, yaml.constructor.ConstructorError) as error:
            raise InputError(f"not a value: {error}", location) from None

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, tuple[SourceLocation, Located]]:
        result: dict[str, tuple[SourceLocation, Located]] = {}
        for key_node, value_node in node.value:
            key = self.convert(key_node, depth + 1)
            number = key.text if type(key.value) is int and (key.text or "").isdecimal() else None
            word = key.value if isinstance(key.value, str) else number
            if word is None:
                raise InputError("keys are plain words, or numbers", key.location)
            if word in result:
                first = result[word][0].line
                raise InputError(f"{word!r} is given twice", key.location, hint=f"first on line {first}")
            result[word] = (key.location, self.convert(value_node, depth + 1))
        return result


# --------------------------------------------------------------------------- checking


def error_text(text: str, hint: str | None = None) -> WrapValidator:
    """For a field: whatever is wrong with its value itself is said as ``'<its name>' <text>``."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            if any(e["loc"] for e in error.errors()):
                raise  # with a part of the value
            raise PydanticCustomError("error_text", "{text}", {"text": text, "hint": hint}) from None

    return WrapValidator(check)


def checked(model: type[Model], tree: Located, *, as_written: bool = False) -> Model:
    """The model that a file's values make; ``as_written``: scalars are given to it as texts."""
    try:
        return model.model_validate(tree.plain(as_written=as_written))
    except ValidationError as error:
        raise _located(model, tree, error.errors(include_url=False)) from None


_FIRST = {"extra_forbidden": 0, "literal_error": 1}


def _located(model: type[BaseModel], tree: Located, findings: Sequence[ErrorDetails]) -> InputError:
    """The most telling finding of pydantic, in the words and at the place of the user's file."""
    # A misspelt field is also a missing one, and other findings may come of an unknown word: spelling comes first.
    finding = min(findings, key=lambda f: _FIRST.get(f["type"], len(_FIRST)))
    path = [p for p in finding["loc"] if p != "[key]"]
    key, location = tree.places(path)
    if "[key]" in finding["loc"]:
        location = key
    dotted, hint = ".".join(str(p) for p in path), None
    match finding["type"]:
        case "extra_forbidden":
            known = _fields_of(model, path[:-1])
            close = difflib.get_close_matches(str(path[-1]), known, 1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
            return InputError(f"unknown field {dotted!r}", key, hint=hint)
        case "missing":
            return InputError(f"{dotted} is missing", location)
        case "error_text":
            named = ".".join(p for p in path if isinstance(p, str))
            return InputError(f"'{named}' {finding['ctx']['text']}", location, hint=finding["ctx"]["hint"])
        case "value_error":
            message = str(finding["ctx"]["error"])
        case "literal_error":
            message = f"unknown value {finding['input']!r}"
            words = re.findall(r"'([^']*)'", finding["ctx"]["expected"])
            close = difflib.get_close_matches(str(finding["input"]), words, 1)
            hint = (f"did you mean {close[0]}? " if close else "") + f"one of: {', '.join(words)}"
        case _:
            message = finding["msg"]
    return InputError(f"{dotted}: {message}" if dotted else message, location, hint=hint)


def _fields_of(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """Names of the fields of the model at ``path`` of another."""
    inner: type[BaseModel] | None = model
    for part in path:
        if inner is None:
            return []
        if isinstance(part, int) or part not in inner.model_fields:
            continue  # an element of a list, or a key of a mapping of models
        inner = _model_in(inner.model_fields[part].annotation)
    return list(inner.model_fields) if inner else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for m in map(_model_in, get_args(annotation)) if m is not None), None)
