"""The small language of random NFs: objects and statements; printed as C (`to_c`), run as Python (`interpreter`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from .expressions import NOW, Expr, Time

# Objects


@dataclass(frozen=True)
class Struct:
    """``members``: (name, bits).  Two keys are equal if all of ``same``, expressions over `Member("k", name)`, agree."""

    name: str
    members: tuple[tuple[str, int], ...]
    same: tuple[Expr, ...]

    def position(self, member: str) -> int:
        return [name for name, _ in self.members].index(member)


@dataclass(frozen=True)
class Map:
    """``filled``: (vector, n): set-up puts its first n elements, with their numbers."""

    name: str
    struct: str
    capacity: int
    filled: tuple[str, int] | None = None


@dataclass(frozen=True)
class Vector:
    """``first``: (member, factor, term): set-up stores factor * index + term in the member of each element."""

    name: str
    struct: str
    capacity: int
    first: tuple[str, int, int] | None = None


@dataclass(frozen=True)
class Chain:
    """``taken``: indices that set-up allocates, at time 0."""

    name: str
    capacity: int
    taken: int = 0


@dataclass(frozen=True)
class Sketch:
    name: str
    struct: str
    capacity: int
    threshold: int


@dataclass(frozen=True)
class Lpm:
    """``rules``: (prefix in host byte order, length, value), shorter prefixes first."""

    name: str
    rules: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Cht:
    name: str
    height: int
    backends: int


@dataclass(frozen=True)
class Dmap:
    """Values are two keys of ``struct``, and a number."""

    name: str
    struct: str
    capacity: int


@dataclass(frozen=True)
class Global:
    name: str
    first: int = 0


Object = Map | Vector | Chain | Sketch | Lpm | Cht | Dmap | Global

# Statements


@dataclass(frozen=True)
class If:
    condition: Expr
    then: Block
    otherwise: Block = ()


@dataclass(frozen=True)
class Set:
    """``variable``: local."""

    variable: str
    value: Expr


@dataclass(frozen=True)
class SetGlobal:
    name: str
    value: Expr


@dataclass(frozen=True)
class SetField:
    field: str
    value: Expr


@dataclass(frozen=True)
class Return:
    value: Expr


@dataclass(frozen=True)
class MakeKey:
    key: str
    struct: str
    values: tuple[Expr, ...]


@dataclass(frozen=True)
class Get:
    found: str
    map: str
    key: str
    index: str


@dataclass(frozen=True)
class Put:
    """The element behind ``pointer`` is the key."""

    map: str
    pointer: str
    value: Expr


@dataclass(frozen=True)
class Erase:
    """``pointer``: gets where the key lay."""

    map: str
    key: str
    pointer: str = ""


@dataclass(frozen=True)
class Borrow:
    pointer: str
    vector: str
    index: Expr


@dataclass(frozen=True)
class Store:
    pointer: str
    member: str
    value: Expr


@dataclass(frozen=True)
class StoreKey:
    pointer: str
    key: str


@dataclass(frozen=True)
class Allocate:
    done: str
    chain: str
    index: str
    at: Time = NOW


@dataclass(frozen=True)
class Rejuvenate:
    chain: str
    index: Expr
    at: Time = NOW


@dataclass(frozen=True)
class IsAllocated:
    result: str
    chain: str
    index: Expr


@dataclass(frozen=True)
class Free:
    chain: str
    index: Expr


@dataclass(frozen=True)
class Expire:
    count: str
    chain: str
    vector: str
    map: str
    before: Time


@dataclass(frozen=True)
class ExpireRange:
    vector: str
    map: str
    first: Expr
    end: Expr


@dataclass(frozen=True)
class ExpireOne:
    """One index at most, whose keys stay where they are."""

    done: str
    chain: str
    index: str
    before: Time


@dataclass(frozen=True)
class Size:
    """How many keys are in a map."""

    result: str
    map: str


@dataclass(frozen=True)
class SketchKey:
    sketch: str
    key: str


@dataclass(frozen=True)
class SketchDo:
    """``what``: refresh, fetch, touch, expire."""

    result: str
    sketch: str
    what: str
    at: Time = NOW


@dataclass(frozen=True)
class LpmLookup:
    result: str
    lpm: str
    address: Expr


@dataclass(frozen=True)
class ChtFind:
    found: str
    cht: str
    chain: str
    hash: Expr
    chosen: str


@dataclass(frozen=True)
class DmapGet:
    """``which``: a or b"""

    found: str
    dmap: str
    which: str
    key: str
    index: str


@dataclass(frozen=True)
class DmapPut:
    dmap: str
    a: str
    b: str
    number: Expr
    index: Expr


@dataclass(frozen=True)
class DmapValue:
    """Copies the value at ``index`` to two keys and a variable, which it leaves alone if there is none."""

    dmap: str
    a: str
    b: str
    number: str
    index: Expr


@dataclass(frozen=True)
class DmapErase:
    dmap: str
    index: Expr


@dataclass(frozen=True)
class DmapExpire:
    chain: str
    dmap: str
    before: Time


Stmt = (
    If | Set | SetGlobal | SetField | Return | MakeKey | Get | Put | Erase | Borrow | Store | StoreKey | Allocate
    | Rejuvenate | IsAllocated | Free | Expire | ExpireRange | ExpireOne | Size | SketchKey | SketchDo | LpmLookup | ChtFind | DmapGet
    | DmapPut | DmapValue | DmapErase | DmapExpire
)  # fmt: skip
Block = tuple[Stmt, ...]


@dataclass(frozen=True)
class Program:
    """``guard``: the header without which frames are dropped: ip or l4 (of IPv4), dual3 or dual4 (of either version; the
    latter with ports)."""

    structs: tuple[Struct, ...]
    objects: tuple[Object, ...]
    guard: str
    body: Block
    ports: int = 2

    def struct(self, name: str) -> Struct:
        return next(s for s in self.structs if s.name == name)

    def object(self, name: str) -> Any:
        return next(o for o in self.objects if o.name == name)


def statements(block: Block) -> Iterator[Stmt]:
    """All of them, in order."""
    for s in block:
        yield s
        if isinstance(s, If):
            yield from statements(s.then)
            yield from statements(s.otherwise)


def parts(x: Any) -> Iterator[Any]:
    """``x`` and all nodes below it."""
    yield x
    if is_dataclass(x):
        for f in fields(x):
            yield from parts(getattr(x, f.name))
    elif isinstance(x, tuple):
        for y in x:
            yield from parts(y)


def rewritten(x: Any, change: Callable[[Any], Any]) -> Any:
    """``x`` with each node replaced by what ``change`` makes of it, from the leaves up."""
    if isinstance(x, tuple):
        return tuple(rewritten(y, change) for y in x)
    if not is_dataclass(x):
        return x
    new = {f.name: rewritten(getattr(x, f.name), change) for f in fields(x)}
    return change(replace(x, **new) if new else x)  # type: ignore[type-var]
