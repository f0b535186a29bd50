"""Makes a failing NF smaller while it still fails: fewer statements, conditions and objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace

from .program import Block, If, Program, parts, statements


def shrunk(program: Program, fails: Callable[[Program], bool], tries: int = 200) -> Program:
    """The smallest NF that greedy dropping finds with at most ``tries`` questions."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in _candidates(program):
            if tries == 0:
                return program
            tries -= 1
            if fails(candidate):
                program, smaller = candidate, True
                break
    return program


def _candidates(program: Program) -> Iterator[Program]:
    named = {x for s in statements(program.body) for x in parts(s) if isinstance(x, str)}
    named |= {o.filled[0] for o in program.objects if getattr(o, "filled", None)}
    unused = [o for o in program.objects if o.name not in named]
    if unused:
        yield replace(program, objects=tuple(o for o in program.objects if o not in unused))
    for s in program.structs:
        if s.name not in named and all(getattr(o, "struct", "") != s.name for o in program.objects):
            yield replace(program, structs=tuple(x for x in program.structs if x is not s))
    size = sum(1 for _ in statements(program.body))
    yield from (replace(program, body=body) for body in _fewer(program.body) if sum(1 for _ in statements(body)) < size)


def _fewer(block: Block) -> Iterator[Block]:
    """Blocks with halves, then single statements left out; of an If also either branch alone."""
    n = len(block)
    if n > 3:
        yield block[: n // 2]
        yield block[n // 2 :]
    for i, s in enumerate(block):
        before, behind = block[:i], block[i + 1 :]
        yield before + behind
        if isinstance(s, If):
            yield before + s.then + behind
            yield before + s.otherwise + behind
            for then in _fewer(s.then):
                yield (*before, replace(s, then=then), *behind)
            for otherwise in _fewer(s.otherwise):
                yield (*before, replace(s, otherwise=otherwise), *behind)


def size(x: object) -> int:
    """Nodes of a program."""
    if isinstance(x, tuple):
        return sum(map(size, x))
    return 1 + sum(size(getattr(x, f.name)) for f in fields(x)) if is_dataclass(x) else 0
