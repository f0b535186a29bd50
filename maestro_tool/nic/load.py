"""YAML -> NicProfile.  Every mistake becomes an `InputError` at its line and column.

YAML is read as nodes, never as Python objects, so nothing is executed and each value keeps its place.
``extends: NAME`` takes another profile's values first: mappings merge by key, all else is replaced, and a
key set to null is taken away.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from maestro_tool.diagnostics import InputError, SourceLocation
from maestro_tool.nic.profile import NicProfile

MAX_BYTES = 256 * 1024
#: Bounds what aliases can unfold to; the largest profile of ours has some 300 values.
MAX_VALUES = 10_000
MAX_DEPTH = 20
_SCALARS = {f"tag:yaml.org,2002:{t}" for t in ("str", "int", "float", "bool", "null")}


@dataclass(frozen=True, slots=True)
class _Located:
    """A YAML value with its place; mappings keep the place of each key too."""

    value: Any  # scalar, list[_Located] or dict[str, tuple[SourceLocation, _Located]]
    location: SourceLocation


def find_profiles(directories: Iterable[Path]) -> dict[str, Path]:
    """All profiles, by name; a directory that comes earlier wins, one that does not exist is skipped."""
    found: dict[str, Path] = {}
    for directory in directories:
        for path in sorted(directory.glob("*.yaml")) if directory.is_dir() else ():
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def select_profile(name: str, directories: Sequence[Path]) -> NicProfile:
    """The profile called ``name``; an `InputError` that lists the known ones if there is none."""
    profiles = find_profiles(directories)
    if name not in profiles:
        close = difflib.get_close_matches(name, profiles, 1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise InputError(f"unknown NIC {name!r}", hint=f"{hint}known: {', '.join(profiles) or 'none'}")
    return load_profile(profiles[name], directories)


def load_profile(path: Path, directories: Sequence[Path] = ()) -> NicProfile:
    """Reads and checks one profile; what it extends is sought beside it, then in ``directories``."""
    tree = _resolve(path, (path.parent, *directories), ())
    try:
        profile = NicProfile.model_validate(_plain(tree))
    except ValidationError as error:
        raise _located_error(tree, error) from None
    if profile.name != path.stem:
        location = tree.value["name"][1].location
        raise InputError(f"name is {profile.name!r}, but the file is {path.name}", location, hint="make them equal")
    return profile


# --------------------------------------------------------------------------- YAML


def _resolve(path: Path, directories: Sequence[Path], seen: tuple[Path, ...]) -> _Located:
    tree = _read(path)
    if "extends" not in tree.value:
        return tree
    own = dict(tree.value)
    _, parent = own.pop("extends")
    if not isinstance(parent.value, str):
        raise InputError("extends: wants the name of a profile", parent.location)
    candidates = [p for p in (d / f"{parent.value}.yaml" for d in directories) if p.is_file()]
    base = next((p for p in candidates if p.resolve() not in {path.resolve(), *seen}), None)
    if base is None:
        if candidates:
            raise InputError(f"{parent.value!r} extends itself", parent.location)
        known = ", ".join(n for n in find_profiles(directories) if n != path.stem)
        raise InputError(f"extends: no profile {parent.value!r}", parent.location, hint=f"known: {known}")
    inherited = _resolve(base, directories, (*seen, path.resolve()))
    return _merge(inherited, replace(tree, value=own))


def _merge(base: _Located, own: _Located) -> _Located:
    if not (isinstance(base.value, dict) and isinstance(own.value, dict)):
        return own
    merged = dict(base.value)
    for key, (location, value) in own.value.items():
        if value.value is None and key in merged:
            del merged[key]
        else:
            merged[key] = (location, _merge(merged[key][1], value) if key in merged else value)
    return replace(own, value=merged)


def _read(path: Path) -> _Located:
    name = str(path)
    try:
        with path.open("rb") as f:
            data = f.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read profile {name}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise InputError(f"a profile has at most {MAX_BYTES} bytes", SourceLocation(name, 1))
    try:
        text = data.decode()
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            tree = _Converter(name, loader).convert(node) if node is not None else None
        finally:
            loader.dispose()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError("a profile is UTF-8 text", SourceLocation(name, line)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        location = SourceLocation(name, mark.line + 1, mark.column + 1) if mark else SourceLocation(name, 1)
        raise InputError(f"not YAML: {error.problem or error.context}", location) from None
    except yaml.YAMLError as error:  # characters that YAML forbids
        raise InputError(f"not YAML: {str(error).splitlines()[0]}", SourceLocation(name, 1)) from None
    except RecursionError:
        raise InputError("nested too deeply", SourceLocation(name, 1)) from None
    if tree is None or not isinstance(tree.value, dict):
        raise InputError("a profile is a mapping (key: value)", tree.location if tree else SourceLocation(name, 1))
    return tree


class _Converter:
    """YAML nodes -> `_Located`, with bounds on what aliases unfold to."""

    def __init__(self, file: str, loader: yaml.SafeLoader) -> None:
        self._file = file
        self._loader = loader
        self._values = 0

    def convert(self, node: yaml.Node, depth: int = 0) -> _Located:
        location = SourceLocation(self._file, node.start_mark.line + 1, node.start_mark.column + 1)
        self._values += 1
        if self._values > MAX_VALUES or depth > MAX_DEPTH:
            raise InputError("too many or too deeply nested values (aliases unfold too far?)", location)
        if isinstance(node, yaml.SequenceNode):
            return _Located([self.convert(child, depth + 1) for child in node.value], location)
        if isinstance(node, yaml.MappingNode):
            return _Located(self._mapping(node, depth), location)
        if node.tag not in _SCALARS:
            raise InputError(f"{node.tag.rsplit(':', 1)[-1]} values are not allowed here", location)
        try:
            return _Located(self._loader.construct_object(node), location)
        except ValueError as error:
            raise InputError(f"not a value: {error}", location) from None

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, tuple[SourceLocation, _Located]]:
        result: dict[str, tuple[SourceLocation, _Located]] = {}
        for key_node, value_node in node.value:
            key = self.convert(key_node, depth + 1)
            if not isinstance(key.value, str):
                raise InputError("keys are plain words", key.location)
            if key.value in result:
                first = result[key.value][0].line
                raise InputError(f"{key.value!r} is given twice", key.location, hint=f"first on line {first}")
            result[key.value] = (key.location, self.convert(value_node, depth + 1))
        return result


def _plain(tree: _Located) -> Any:
    if isinstance(tree.value, dict):
        return {key: _plain(value) for key, (_, value) in tree.value.items()}
    if isinstance(tree.value, list):
        return tuple(_plain(value) for value in tree.value)
    return tree.value


# --------------------------------------------------------------------------- errors


_FIRST = {"extra_forbidden": 0, "literal_error": 1}


def _located_error(tree: _Located, error: ValidationError) -> InputError:
    """The most telling finding of pydantic, in the words and at the place of the user's file."""
    findings = error.errors(include_url=False)
    # A misspelt field is also a missing one, and other findings may come of an unknown word: spelling comes first.
    finding = min(findings, key=lambda f: _FIRST.get(f["type"], len(_FIRST)))
    path = [p for p in finding["loc"] if p != "[key]"]
    location, key_location = tree.location, tree.location
    for part in path:
        if isinstance(tree.value, dict) and part in tree.value:
            key_location, tree = tree.value[str(part)]
        elif isinstance(tree.value, list) and isinstance(part, int) and part < len(tree.value):
            tree = tree.value[part]
            key_location = tree.location
        else:
            break
        location = tree.location
    dotted = ".".join(str(p) for p in path)
    hint = None
    match finding["type"]:
        case "extra_forbidden":
            known = _fields_of(path[:-1])
            close = difflib.get_close_matches(str(path[-1]), known, 1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
            return InputError(f"unknown field {dotted!r}", key_location, hint=hint)
        case "missing":
            return InputError(f"{dotted} is missing", location)
        case "value_error":
            message = str(finding["ctx"]["error"])
        case "literal_error":
            message = f"unknown value {finding['input']!r}"
            words = re.findall(r"'([^']*)'", finding["ctx"]["expected"])
            close = difflib.get_close_matches(str(finding["input"]), words, 1)
            hint = (f"did you mean {close[0]}? " if close else "") + f"one of: {', '.join(words)}"
            location = key_location if "[key]" in finding["loc"] else location
        case _:
            message = finding["msg"]
    return InputError(f"{dotted}: {message}" if dotted else message, location, hint=hint)


def _fields_of(path: Sequence[int | str]) -> list[str]:
    """Names of the fields of the model at ``path`` of a profile."""
    model: type[BaseModel] | None = NicProfile
    for part in path:
        if model is None:
            return []
        if isinstance(part, int) or part not in model.model_fields:
            continue  # an element of a list, or a key of a mapping of models
        model = _model_in(model.model_fields[part].annotation)
    return list(model.model_fields) if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for m in map(_model_in, get_args(annotation)) if m is not None), None)


def to_json(profile: NicProfile) -> Mapping[str, Any]:
    """The profile with all defaults filled in, as plain JSON values."""
    return profile.model_dump(mode="json")


def json_schema() -> Mapping[str, Any]:
    """JSON Schema of a profile (without ``extends``, which is resolved before checking)."""
    return NicProfile.model_json_schema()
