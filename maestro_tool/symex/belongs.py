"""Whether an `Analysis` that is read is one of the program at hand: each name in it is a name of this program.

What is read may be forged (`meaning`), and its names go into generated C.  This does not prove that its call paths are
the program's; for that an entry of a cache must come from someone who is trusted (`cache`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import symbols
from maestro_tool.expr.symbols import Option
from maestro_tool.frontend import ir
from maestro_tool.meaning import EXPRESSION, Leaf, leaves
from maestro_tool.symex.callpath import Analysis
from maestro_tool.symex.events import SOMEWHERE

#: Words of C that names of places are made of beside the program's own (`places`, `packet.state_objects`).
_OF_PLACES: Final = re.compile(
    r"uint(8|16|24|32|40|48|56|64)_t|char|block_\d+|(map|vector|dchain|sketch|cht|lpm|dmap)_\d+"
)
_PLACE: Final = re.compile(r"[A-Za-z0-9_.\->*&()\[\] +]*")
_BYTES: Final = re.compile(r"(bytes|bits)_\d+_\d+")
_MEMBER: Final = re.compile(r"[A-Za-z0-9_.\[\]]*")
_WORD: Final = re.compile(r"\w+")
_NUMBER: Final = re.compile(r"\d+")
_LONGEST: Final = 4096  # characters


class NotOfThisProgramError(ValueError):
    """An artifact of another program, of another question, or a forged one."""


def check(analysis: Analysis, program: ir.Program, arguments: tuple[str, ...], ports: int) -> None:
    """NotOfThisProgramError at the first thing that is not of ``program``, or of what was asked."""
    if (analysis.arguments, analysis.ports) != (arguments, ports):
        raise NotOfThisProgramError("it is of other arguments or another number of ports")
    tests = _tests(program, arguments)
    seen: set[tuple[str, object]] = set()
    for leaf in _all(analysis):
        if (known := (leaf.means, leaf.value)) in seen:
            continue
        seen.add(known)
        test = tests.get(leaf.means)
        if test is None or not test(leaf.value):
            raise NotOfThisProgramError(f"{leaf.place}: {str(leaf.value)[:60]!r} is no {leaf.means} of this program")
    for pointer in analysis.memory_pointers:
        if len(pointer.target) == 1 and pointer.target[0] not in program.functions:
            raise NotOfThisProgramError("memory_pointers.target: a variable without an offset")


def _all(analysis: Analysis) -> Iterator[Leaf]:
    """The leaves, and the places that expressions name."""
    done: set[Expr] = set()
    for leaf in leaves(Analysis, analysis):
        if leaf.means != EXPRESSION:
            yield leaf
        elif leaf.value not in done:
            done.add(leaf.value)
            for symbol in symbols(leaf.value) - done:
                done.add(symbol)
                if isinstance(symbol.value, Option):
                    yield Leaf(leaf.place, "place", symbol.value.place)


def _tests(program: ir.Program, arguments: tuple[str, ...]) -> Mapping[str, Callable[[object], bool]]:
    """By meaning.  Each is exact where a name reaches generated C by itself."""
    functions = {*program.functions, *program.externals, *_named_functions(program)}
    words = _words(program)
    odd = sorted((g for g in (*program.globals, *program.functions) if not g.isidentifier()), key=len, reverse=True)
    said = frozenset(w for text in (*arguments, *_literals(program)) for w in _WORD.findall(text))
    return {
        "argument": lambda value: value in arguments,
        "function": functions.__contains__,
        "function or none": lambda value: value == "" or value in functions,
        "calculation": lambda value: value == "" or value in functions or _is_read(value),
        "variable": program.globals.__contains__,
        "variable or function": lambda value: value in program.globals or value in program.functions,
        "place": partial(_is_place, words, odd),
        "member": partial(_is_member, words),
        "member or none": lambda value: value == "" or _is_member(words, value),
        "file": partial(_is_file, said),
        "dialect": lambda value: value == program.dialect,
        "digest": lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None,
        "words": lambda value: isinstance(value, str) and len(value) <= _LONGEST and value.isprintable(),
        "location": lambda value: isinstance(value, int) and value < len(program.locations),
    }


def _is_place(words: frozenset[str], odd: list[str], value: object) -> bool:
    """C over the program's variables and members.  ``odd``: names with more in them, as of static variables."""
    if not isinstance(value, str) or not value or len(value) > _LONGEST:
        return False
    for name in odd:
        value = value.replace(name, "0")
    return _PLACE.fullmatch(value) is not None and all(
        word in words or _NUMBER.fullmatch(word) or _OF_PLACES.fullmatch(word) for word in _WORD.findall(value)
    )


def _is_read(value: object) -> bool:
    """No function, but bits of memory at a place that is not known."""
    return isinstance(value, str) and SOMEWHERE.fullmatch(value) is not None


def _is_member(words: frozenset[str], value: object) -> bool:
    if not isinstance(value, str) or not value or len(value) > _LONGEST or _MEMBER.fullmatch(value) is None:
        return False
    return all(word in words or _NUMBER.fullmatch(word) or _BYTES.fullmatch(word) for word in _WORD.findall(value))


def _is_file(said: frozenset[str], value: object) -> bool:
    """Set-up made the name of what the program and its arguments say, and of numbers."""
    if not isinstance(value, str) or not value or len(value) > _LONGEST or not value.isprintable():
        return False
    return all(word in said or _NUMBER.fullmatch(word) for word in _WORD.findall(value))


def _words(program: ir.Program) -> frozenset[str]:
    """Identifiers that name a variable, a struct or a member."""
    texts = [*program.globals, *program.structs]
    texts += [name for g in program.globals.values() for name in (g.c_name, g.type_name)]
    texts += [name for s in program.structs.values() for f in s.fields for name in (f.name, f.type_name)]
    return frozenset(w for text in texts for w in _WORD.findall(text)) | {"addr_bytes"}


def _literals(program: ir.Program) -> Iterator[str]:
    """What string literals, and arrays of characters, say."""
    for g in program.globals.values():
        for initial in g.initial:
            if isinstance(initial.value, bytes):
                yield initial.value.decode("utf-8", "replace")


def _named_functions(program: ir.Program) -> Iterator[str]:
    """Functions whose address is taken, also those that are only declared."""
    for g in program.globals.values():
        yield from (i.value.name for i in g.initial if isinstance(i.value, ir.FunctionAddress))
    for function in program.functions.values():
        for block in function.blocks:
            for instruction in block.instructions:
                for operand in _operands(instruction):
                    if isinstance(operand, ir.FunctionAddress):
                        yield operand.name


def _operands(instruction: ir.Instruction) -> Iterator[object]:
    for name in instruction.__slots__:
        value = getattr(instruction, name)
        yield from value if isinstance(value, tuple) else (value,)
