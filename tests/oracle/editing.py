"""Finding and replacing parts of random NFs."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from .expressions import KeyMember, Member
from .program import (
    Block,
    Borrow,
    DmapGet,
    DmapPut,
    DmapValue,
    Erase,
    Get,
    If,
    MakeKey,
    Program,
    Put,
    Return,
    SketchKey,
    Stmt,
    Store,
    StoreKey,
    parts,
    statements,
)  # fmt: skip

T = TypeVar("T")


class NotHere(Exception):
    """The NF lacks what the edit needs."""


def pick(rng: Random, found: list[T]) -> T:
    if not found:
        raise NotHere
    return rng.choice(found)


def all_of(program: Program, *kinds: type) -> list[Any]:
    return [s for s in statements(program.body) if isinstance(s, kinds)]


def objects_of(program: Program, kind: type[T]) -> list[T]:
    return [o for o in program.objects if isinstance(o, kind)]


def fresh(program: Program, prefix: str) -> str:
    taken = {x for x in parts(program) if isinstance(x, str)}
    return next(name for n in range(1000) if (name := f"{prefix}{n}") not in taken)


def edited(block: Block, at: Stmt, new: Block) -> Block:
    """The block with the statement ``at`` (this very one) replaced."""
    made: list[Stmt] = []
    for s in block:
        if s is at:
            made += new
        elif isinstance(s, If):
            made.append(replace(s, then=edited(s.then, at, new), otherwise=edited(s.otherwise, at, new)))
        else:
            made.append(s)
    return tuple(made)


def replaced(program: Program, at: Stmt, *new: Stmt) -> Program:
    return replace(program, body=edited(program.body, at, new))


def inserted(program: Program, rng: Random, *new: Stmt) -> Program:
    """The statements before or behind a random one, or first of all."""
    at = pick(rng, list(statements(program.body)))
    if rng.random() < 0.5 or isinstance(at, Return):
        return replaced(program, at, *new, at)
    return after(program, at, *new)


def after(program: Program, at: Stmt, *new: Stmt) -> Program:
    return replaced(program, at, at, *new)


def is_declared(program: Program) -> bool:
    """Whether keys and pointers that are used are set somewhere: C declares them by that."""
    made: set[str] = set()
    used: set[str] = set()
    for x in parts(program.body):
        match x:
            case MakeKey(key):
                made.add(key)
            case Borrow(pointer):
                made.add(pointer)
            case DmapValue(_, a, b):
                made |= {a, b}
            case Erase(_, key, pointer):
                used.add(key)
                made.add(pointer)
            case Get(_, _, key) | DmapGet(_, _, _, key) | SketchKey(_, key) | KeyMember(key):
                used.add(key)
            case Member(pointer) | Store(pointer) | Put(_, pointer):
                used.add(pointer)
            case StoreKey(pointer, key):
                used |= {pointer, key}
            case DmapPut(_, a, b):
                used |= {a, b}
    return used <= made
