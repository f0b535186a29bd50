"""Static functions that several units have from one header are one function, if they came out equal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from maestro_tool.frontend.ir import Call, Function, FunctionAddress, Global

_LOC = re.compile(r"\bloc=\d+")


def merge_equal(
    functions: dict[str, Function], globals_: dict[str, Global], groups: Mapping[str, list[str]], taken: set[str]
) -> tuple[dict[str, Function], dict[str, Global]]:
    """``groups``: C name -> names of the copies.  Equal ones get the C name unless it is ``taken``."""
    todo = dict(groups)
    while True:
        # Copies that call copies are equal only once those are merged: hence rounds.
        renamed: dict[str, str] = {}
        for c_name, names in list(todo.items()):
            if c_name in taken or len({canonical(functions[n], dict.fromkeys(names, c_name)) for n in names}) != 1:
                continue
            renamed |= dict.fromkeys(names, c_name)
            del todo[c_name]
        if not renamed:
            return functions, globals_
        kept: dict[str, Function] = {}
        for name, function in functions.items():
            kept.setdefault(renamed.get(name, name), _rename_in(function, renamed))
        functions = {n: replace(f, name=n) for n, f in kept.items()}
        globals_ = {n: _rename_global(g, renamed) for n, g in globals_.items()}


def canonical(function: Function, c_names: Mapping[str, str]) -> str:
    """All that the function means.  ``c_names``: names of copies, its own perhaps -> what C calls them."""
    text = _LOC.sub("", repr(function))
    for copy, c_name in c_names.items():
        text = text.replace(repr(copy), repr(c_name))
    return text


def _rename_in(function: Function, renamed: Mapping[str, str]) -> Function:
    def new(value: Any) -> Any:
        if isinstance(value, FunctionAddress) and value.name in renamed:
            return FunctionAddress(renamed[value.name])
        return value

    blocks = tuple(
        replace(
            b,
            instructions=tuple(_renamed(i, new) for i in b.instructions),
            terminator=_renamed(b.terminator, new),
        )
        for b in function.blocks
    )
    return replace(function, blocks=blocks)


def _renamed(node: Any, new: Callable[[Any], Any]) -> Any:
    changes: dict[str, Any] = {}
    for member in fields(node):
        value = getattr(node, member.name)
        changed = tuple(new(v) for v in value) if isinstance(node, Call) and member.name == "args" else new(value)
        if changed != value:
            changes[member.name] = changed
    return replace(node, **changes) if changes else node


def _rename_global(found: Global, renamed: Mapping[str, str]) -> Global:
    initial = tuple(
        replace(i, value=FunctionAddress(renamed[i.value.name]))
        if isinstance(i.value, FunctionAddress) and i.value.name in renamed
        else i
        for i in found.initial
    )
    return replace(found, initial=initial)
