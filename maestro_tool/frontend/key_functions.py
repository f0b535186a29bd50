"""Equality, hash and initialisation of key types, written in C from their structs: what `own_files` found missing.

As the generators of the Vigor family write them: fields are compared and hashed one by one, so padding never counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from maestro_tool.diagnostics import SourceLocation, UnsupportedError
from maestro_tool.frontend.ir import Field, Program, StructLayout
from maestro_tool.own_files import ROLES, KeyTypes

_ARRAY = re.compile(r"(?P<element>[^\[]*?)\s*(?P<lengths>(?:\[\d+\])+)")
_INTEGER = re.compile(r"(?:(?:un)?signed |enum )?(?:char|short|int|long|long long|_Bool|\w+)")
#: Structs of other headers that have the three functions.
_LIBRARY = {"struct rte_ether_addr": "lib/verified/ether.h"}


def declarations(key_types: KeyTypes, program: Program | None, header: str) -> str:
    """The text of ``x.h.gen.h``.  ``program`` has the header's structs, once they are known; ``header``: its name."""
    lines = ["#pragma once", f'#include "{header}"', '#include "lib/verified/boilerplate-util.h"']
    lines += [f"{_signature(n)};" for n in key_types.functions]
    for struct in sorted({n.rpartition("_")[0] for n in key_types.functions}):
        layout = program.structs.get(f"struct {struct}") if program is not None else None
        if layout is not None:
            lines.append(_log_macro(struct, layout.fields))
    return "\n".join(lines) + "\n"


def definitions(key_types: KeyTypes, program: Program, header: str) -> str:
    """The text of ``x.h.gen.c``."""
    lines = [
        f"/* Generated from {key_types.header.name}, because the NF has no definitions of these functions. */",
        f'#include "{header}"',
        '#include "lib/verified/boilerplate-util.h"',
        *(f'#include "{h}"' for h in sorted(set(_LIBRARY.values()))),
    ]
    for name in key_types.functions:
        struct, _, role = name.rpartition("_")
        found = program.structs.get(f"struct {struct}")
        if found is None and name in key_types.unused:
            continue
        if found is None:
            raise UnsupportedError(
                f"'{name}' is not defined, and cannot be generated: struct {struct} is defined under a condition",
                SourceLocation(str(key_types.header), 1),
                hint=f"define {name} in a source file",
            )
        try:
            body = _BODIES[role](_Type(found, program, key_types))
        except UnsupportedError:
            if name in key_types.unused:  # no key type, only beside one
                continue
            raise
        lines += ["", f"{_signature(name)};", f"{_signature(name)} {{", *body, "}"]
    return "\n".join(lines) + "\n"


def _log_macro(struct: str, fields: Sequence[Field]) -> str:
    """``LOG_X(obj, p)`` of a key type: what ``x.h.gen.h`` of the family has for debugging; numbers only."""
    numbers = [f.name for f in fields if f.type_name[:6] not in ("struct", "union ") and "[" not in f.type_name]
    parts = [f'p("{name}: %d", (int)(obj)->{name});' for name in numbers]
    return f'#define LOG_{struct.upper()}(obj, p) p("{{"); {" ".join(parts)} p("}}");'


def _signature(name: str) -> str:
    role = name.rpartition("_")[2]
    result, arguments = {
        "eq": ("bool", "void *a, void *b"), "hash": ("unsigned", "void *obj"), "allocate": ("void", "void *obj"),
    }[role]  # fmt: skip
    return f"{result} {name}({arguments})"


class _Type:
    """A key type and its scalars: (C text behind the object, size in bytes, or the library struct's name)."""

    def __init__(self, layout: StructLayout, program: Program, key_types: KeyTypes) -> None:
        self.name = layout.name
        self._program = program
        self._header = key_types.header
        self.parts = [p for f in layout.fields for p in self._parts(f".{f.name}", f.type_name, f.size)]
        if not self.parts:
            self._refuse(layout.name)

    def _parts(self, path: str, type_name: str, size: int) -> list[tuple[str, int, str]]:
        array = _ARRAY.fullmatch(type_name)
        if array is not None:
            first, _, rest = array["lengths"].partition("]")
            count = int(first[1:])
            inner = f"{array['element']} {rest}".strip()
            return [p for i in range(count) for p in self._parts(f"{path}[{i}]", inner, size // count)]
        if type_name in _LIBRARY:
            return [(path, size, type_name.removeprefix("struct "))]
        nested = self._program.structs.get(type_name)
        if nested is not None and type_name.startswith("struct"):
            return [p for f in nested.fields for p in self._parts(f"{path}.{f.name}", f.type_name, f.size)]
        if nested is not None or type_name in ("float", "double") or not _INTEGER.fullmatch(type_name):
            self._refuse(f"{path[1:]} ({type_name})")
        return [(path, size, "")]

    def _refuse(self, what: str) -> None:
        raise UnsupportedError(
            f"the functions of the key type {self.name} cannot be generated: {what} is no number and no struct of such",
            SourceLocation(str(self._header), 1),
            hint=f"define {', '.join(f'{self.name[7:]}_{r}' for r in ROLES)} in a source file",
        )


def _equality(type_: _Type) -> list[str]:
    tests = [
        f"{function}_eq(&x->{path[1:]}, &y->{path[1:]})" if function else f"(x->{path[1:]} == y->{path[1:]})"
        for path, _, function in type_.parts
    ]
    head = [f"  {type_.name} *x = ({type_.name} *)a;", f"  {type_.name} *y = ({type_.name} *)b;"]
    return [*head, "  return " + "\n     AND ".join(tests) + ";"]


def _hash(type_: _Type) -> list[str]:
    lines = [f"  {type_.name} *x = ({type_.name} *)obj;", "  unsigned hash = 0;"]
    for path, size, function in type_.parts:
        if function:
            lines.append(f"  hash = __builtin_ia32_crc32si(hash, {function}_hash(&x->{path[1:]}));")
        elif size == 8:
            lines.append(f"  hash = (unsigned)__builtin_ia32_crc32di(hash, (unsigned long long)x->{path[1:]});")
        else:
            lines.append(f"  hash = __builtin_ia32_crc32si(hash, (unsigned)x->{path[1:]});")
    return [*lines, "  return hash;"]


def _allocate(type_: _Type) -> list[str]:
    lines = [f"  {type_.name} *x = ({type_.name} *)obj;"]
    for path, _, function in type_.parts:
        lines.append(f"  {function}_allocate(&x->{path[1:]});" if function else f"  x->{path[1:]} = 0;")
    return lines


_BODIES: dict[str, Callable[[_Type], list[str]]] = {"eq": _equality, "hash": _hash, "allocate": _allocate}
