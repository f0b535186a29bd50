"""What the analysis took from headers that the compiler does not read, and layouts that it calculated itself: numbers
and structs, for the compiled program to compare.

The analysis reads small headers of its own and lays out structs as `layout` says.  Generated C says with static
assertions what they gave: of macros that the user's files name, and that are whole numbers, the value and type; of
structs and unions that a unit can name, sizes and offsets.  Of an alignment there is more to see only where the files
ask for one: DPDK has changed those of its headers' structs, but where other structs hold these, that shows in offsets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence

from maestro_tool.frontend import c_types
from maestro_tool.frontend.c_types import RecordType
from maestro_tool.frontend.context import Context, Typedef
from maestro_tool.frontend.ir import Assumed, StructLayout
from maestro_tool.frontend.preprocess import Source, is_own

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_]\w*)|(?P<number>0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*)|(?P<other>[-+*/%~!&|^()<>=]+))"
)
_WORDS = frozenset(["char", "short", "int", "long", "signed", "unsigned", "_Bool"])
_TYPE = re.compile(r"u?int(?:_\w+)?\d*_t|u?intmax_t|u?intptr_t|size_t|in_addr_t|in_port_t|rte_[bl]e\d+_t")
_NUMBER = re.compile(r"\b\d")
_NAME = re.compile(r"\b[A-Za-z_]\w*\b")
_DEEPEST = 10  # macros in macros
_ASKS_FOR_ALIGNMENT = frozenset(["_Alignof", "__alignof__", "__alignof", "alignof"])


def constants(sources: Sequence[Source], text_of: Callable[[str], str]) -> Iterable[tuple[str, str, str]]:
    """(unit, macro, what it stands for) of the analysis' own macros that are whole numbers and named in the unit."""
    seen: set[tuple[str, str]] = set()
    for source in sources:
        macros = dict(source.macros)
        names: set[str] = set()
        for file in dict.fromkeys(source.files):
            if is_own(file):
                names.update(_NAME.findall(text_of(file)))
        for name in sorted(names & macros.keys()):
            text = _expanded(name, macros, _DEEPEST)
            if text is not None and (name, text) not in seen:
                seen.add((name, text))
                yield os.path.normpath(source.path), name, text


def _expanded(name: str, macros: dict[str, str], deepest: int) -> str | None:
    """What a macro stands for, if that is a whole number; None for any other."""
    body, parts, at = macros[name].strip(), [], 0
    while at < len(body):
        match = _TOKEN.match(body, at)
        if match is None or not deepest:
            return None
        at = match.end()
        word = match["name"]
        if word is not None and word in macros:
            inner = _expanded(word, macros, deepest - 1)
            if inner is None:
                return None
            parts.append(f"({inner})")
        elif word is not None and word not in _WORDS and not _TYPE.fullmatch(word):
            return None
        else:
            parts.append(match[0].strip())
    text = " ".join(parts)
    return text if _NUMBER.search(text) else None


def records(contexts: Sequence[Context], text_of: Callable[[str], str]) -> list[Assumed]:
    """Structs and unions that units can name at file scope, each once; of those that headers of the analysis declare,
    the members that the unit names."""
    seen: set[tuple[str, StructLayout]] = set()
    result: list[Assumed] = []
    for ctx in contexts:
        own = [text_of(f) for f in dict.fromkeys(ctx.unit.source.files) if is_own(f)]
        names = {n for text in own for n in _NAME.findall(text)}
        aligned = not names.isdisjoint(_ASKS_FOR_ALIGNMENT)
        for spelled, word, record in _named(ctx):
            if record.layout is None:
                continue
            layout = c_types.struct_layout(record, record.layout)
            used = tuple(f for f in layout.fields if f.name in names and f.bits is None)
            if (spelled, layout) in seen or not (word in names or used):
                continue
            seen.add((spelled, layout))
            result.append(
                Assumed(
                    os.path.normpath(ctx.unit.source.path),
                    spelled,
                    layout.size,
                    tuple((f.name, f.offset) for f in used),
                    layout.align if aligned else None,
                )
            )
    return result


def _named(ctx: Context) -> Iterable[tuple[str, str, RecordType]]:
    """(how C spells it, its name, what it is) of the records at file scope."""
    for tag, found in ctx.scopes[0].tags.items():
        if isinstance(found, RecordType) and not tag.startswith("__"):
            yield f"{'union' if found.is_union else 'struct'} {tag}", tag, found
    for name, entity in ctx.scopes[0].names.items():
        if isinstance(entity, Typedef) and isinstance(entity.type, RecordType) and not name.startswith("__"):
            yield name, name, entity.type
