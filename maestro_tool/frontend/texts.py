"""Texts that are there to be printed: another one in its place, and the program means the same.

Such a text is a literal that nothing names but calls of output functions whose results nobody reads.  Of a format,
the conversions count, for they say how arguments are read.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, Final

from maestro_tool.frontend.ir import Call, Function, FunctionAddress, Global, GlobalAddress, Initial, Program, Temp

#: Output functions, which do nothing else: the argument from which on they only print, and whether that is a format.
_PRINT: Final[Mapping[str, tuple[int, bool]]] = {
    "printf": (0, True), "fprintf": (1, True), "rte_log": (2, True),
    "puts": (0, False), "fputs": (0, False), "perror": (0, False),
}  # fmt: skip
#: A conversion up to its first letter that is no modifier, or what is between them.
_PARTS: Final = re.compile(rb"(%[^a-zA-Z%]*(?:[hlqjztL]*[a-zA-Z]|%)?)|[^%]+")


def without(program: Program) -> dict[str, Global]:
    """``program.globals``, where such texts are without what is only printed."""
    uses, printed = Counter[str](), Counter[str]()
    formats: dict[str, bool] = defaultdict(bool)
    for function in program.functions.values():
        operands = list(_operands(function))
        uses.update(x.name for x in operands if isinstance(x, GlobalAddress))
        read = {x.id for x in operands if isinstance(x, Temp)}
        for name, is_format in _printed(function, read, program):
            printed[name] += 1
            formats[name] |= is_format
    for found in program.globals.values():
        uses.update(x.name for x in _operands(found.initial) if isinstance(x, GlobalAddress))
    return {
        name: _unprinted(found, is_format=formats[name])
        if found.scope == "literal" and 0 < uses[name] == printed[name]
        else found
        for name, found in program.globals.items()
    }


def _operands(of: object) -> Iterator[Temp | GlobalAddress]:
    """All that parts of a program name, as often as they do."""
    work: list[Any] = [of]
    while work:
        x = work.pop()
        if isinstance(x, tuple):
            work.extend(x)
        elif isinstance(x, Temp | GlobalAddress):
            yield x
        else:
            work.extend([getattr(x, name) for name in _members(x.__class__)])


@cache
def _members(kind: type) -> tuple[str, ...]:
    """Those that can hold others."""
    return tuple(f.name for f in fields(kind) if f.type not in ("int", "str", "bool")) if is_dataclass(kind) else ()


def _printed(function: Function, read: Container[int], program: Program) -> Iterator[tuple[str, bool]]:
    """Globals that calls in ``function``, which reads these temporaries, only print, once for each time, and whether as
    a format."""
    for i in (i for block in function.blocks for i in block.instructions):
        if not isinstance(i, Call) or not isinstance(i.callee, FunctionAddress) or i.callee.name in program.functions:
            continue
        if i.callee.name not in _PRINT or i.dst in read:
            continue
        first, is_format = _PRINT[i.callee.name]
        last = len(i.args) if is_format else first + 1
        for n, argument in enumerate(i.args[:last]):
            if n >= first and isinstance(argument, GlobalAddress):
                yield argument.name, is_format and n == first


def _unprinted(text: Global, *, is_format: bool) -> Global:
    content = b"".join(initial.value for initial in text.initial if isinstance(initial.value, bytes))
    kept = _PARTS.sub(lambda part: part[1] or b"\1", content) if is_format else b""
    return replace(text, size=0, type_name="", initial=(Initial(0, kept),))
