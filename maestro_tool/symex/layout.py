"""Finds one's way in C types by their spelling: which member lies at an offset, and how C names it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from maestro_tool.frontend import ir

_ARRAY = re.compile(r"^(?P<element>[^\[]*?)\s*\[(?P<count>\d+)\](?P<rest>.*)$")
_QUALIFIER = re.compile(r"\b(?:const|volatile|static|restrict|_Atomic)\b\s*")
_SCALAR_SIZES = {
    "char": 1, "signed char": 1, "unsigned char": 1, "_Bool": 1, "bool": 1, "int8_t": 1, "uint8_t": 1,
    "short": 2, "unsigned short": 2, "int16_t": 2, "uint16_t": 2, "rte_be16_t": 2, "int": 4, "unsigned": 4,
    "unsigned int": 4, "int32_t": 4, "uint32_t": 4, "rte_be32_t": 4, "float": 4, "long": 8, "unsigned long": 8,
    "long long": 8, "unsigned long long": 8, "int64_t": 8, "uint64_t": 8, "size_t": 8, "double": 8,
    "vigor_time_t": 8, "uintmax_t": 8, "intmax_t": 8, "uintptr_t": 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """A scalar inside an object: ``path`` as C writes it after the object's name (".a[2].b", "" for itself)."""

    path: str
    offset: int
    size: int
    type_name: str


class Layout:
    """Answers questions about types named as in the program."""

    def __init__(self, structs: Mapping[str, ir.StructLayout]) -> None:
        self._structs = structs

    @staticmethod
    def plain(type_name: str) -> str:
        """Without qualifiers."""
        return _QUALIFIER.sub("", type_name).strip()

    def pointee(self, type_name: str) -> str | None:
        """What a pointer type points to; None when it is no pointer or points to void."""
        plain = self.plain(type_name)
        if not plain.endswith("*"):
            return None
        target = plain[:-1].strip()
        return None if target == "void" else target

    def size(self, type_name: str) -> int | None:
        plain = self.plain(type_name)
        if plain in self._structs:
            return self._structs[plain].size
        if plain.endswith("*"):
            return 8
        array = _ARRAY.match(plain)
        if array:
            element = self.size(array["element"] + array["rest"])
            return None if element is None else element * int(array["count"])
        return _SCALAR_SIZES.get(plain)

    def member(self, type_name: str, size: int, offset: int, whole: int = 0) -> Member | None:
        """The scalar that covers byte ``offset`` of an object of this type; None in padding or if unknown.

        Of a union's it is the first, or one of ``whole`` bytes that begins there.
        """
        path, base, type_name = "", 0, self.plain(type_name)
        while True:
            array = _ARRAY.match(type_name)
            if array:
                count = int(array["count"])
                if count == 0 or size % count:
                    return None
                size //= count
                index = (offset - base) // size
                path, base = f"{path}[{index}]", base + index * size
                type_name = self.plain(array["element"] + array["rest"])
                continue
            struct = self._structs.get(type_name)
            if struct is None:
                return Member(path, base, size, type_name) if size in (1, 2, 4, 8) else None
            fields = [f for f in struct.fields if f.offset <= offset - base < f.offset + f.size]
            if not fields:
                return None
            field = fields[0]
            if whole and len(fields) > 1:
                at = offset - base
                inner = ((f, self.member(self.plain(f.type_name), f.size, at - f.offset, whole)) for f in fields)
                fits = (f for f, m in inner if m is not None and (f.offset + m.offset, m.size) == (at, whole))
                field = next(fits, field)
            path, base, size = (f"{path}.{field.name}" if field.name else path), base + field.offset, field.size
            type_name = self.plain(field.type_name)

    def members(self, type_name: str) -> list[ir.Field]:
        """The members, those of nested structs by themselves; arrays stay whole."""
        result: list[ir.Field] = []
        struct = self._structs[type_name]
        for field in struct.fields:
            inner = self.plain(field.type_name)
            if inner in self._structs:
                prefix = f"{field.name}." if field.name else ""
                result.extend(
                    replace(f, name=prefix + f.name, offset=field.offset + f.offset) for f in self.members(inner)
                )
            else:
                result.append(field)
        return result
