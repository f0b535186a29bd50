"""Expressions of a certificate as SMT-LIB text, each node defined once, for one packet or for a pair, ``a`` and ``b``.

Names that must be equal are made so before a solver sees them: bit by bit, the one's bits stand for the other's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

#: A bit of a constant, or of a symbol: (packet, symbol, its width, number; 0 is the least).
Bit = str | tuple[str, str, int, int]

_OPERATIONS: Final = {
    "add": "bvadd", "sub": "bvsub", "mul": "bvmul", "udiv": "bvudiv", "urem": "bvurem", "sdiv": "bvsdiv",
    "srem": "bvsrem", "and": "bvand", "or": "bvor", "xor": "bvxor", "shl": "bvshl", "lshr": "bvlshr", "ashr": "bvashr",
    "not": "bvnot", "concat": "concat", "ite": "ite", "eq": "=", "ult": "bvult", "ule": "bvule", "slt": "bvslt",
    "sle": "bvsle", "lnot": "not", "land": "and", "lor": "or",
}  # fmt: skip
_LEAVES: Final = ("const", "sym")
_SYMBOL: Final = re.compile(r"[^|\\\x00-\x1f\x7f]+")


class Pool:
    """The table of expressions: ``[operation, width, value, arguments...]``, arguments before what uses them."""

    def __init__(self, entries: Sequence[Any]) -> None:
        self.op: list[str] = []
        self.width: list[int] = []
        self.value: list[Any] = []
        self.args: list[tuple[int, ...]] = []
        self._symbols: list[frozenset[int]] = []
        for number, (op, width, value, *args) in enumerate(entries):
            if op not in _LEAVES and op not in ("extract", "zext", "sext", *_OPERATIONS):
                raise ValueError(f"unknown operation {op!r:.40}")
            if not all(type(a) is int and 0 <= a < number for a in args) or type(width) is not int:
                raise ValueError(f"expression {number} is none")
            self.op.append(op)
            self.width.append(width)
            self.value.append(value)
            self.args.append(tuple(args))
            of_args = frozenset[int]().union(*(self._symbols[a] for a in args))
            self._symbols.append(frozenset({number}) if op == "sym" else of_args)

    def symbols(self, e: int) -> frozenset[int]:
        """The symbols that an expression has, as expressions."""
        return self._symbols[e]

    def name(self, e: int) -> str:
        """The name of a symbol; "" of anything else."""
        return str(self.value[e]) if self.op[e] == "sym" else ""

    def base(self, e: int) -> int:
        """What is below extensions: an index that went through wider C types."""
        while self.op[e] in ("zext", "sext"):
            e = self.args[e][0]
        return e

    def lowest(self, e: int) -> tuple[int, int]:
        """What ``e`` has the lowest bits of, zeros in front of them, and how many numbers have no others."""
        room = 1 << self.width[e]
        while self.op[e] in ("zext", "sext"):
            e, signed = self.args[e][0], self.op[e] == "sext"
            room = min(room, 1 << (self.width[e] - signed))
        if self.op[e] == "extract" and self.value[e][1] == 0:
            return self.args[e][0], min(room, 1 << self.width[e])
        return e, room


class Script:
    """One obligation.  ``ports``: the port of each packet; ``given``: the byte (of a
    packet's expression, from that bit on) that stands for a symbol of a packet."""

    def __init__(self, pool: Pool, ports: dict[str, int]) -> None:
        self.pool, self.ports = pool, ports
        self.given: dict[tuple[str, str], tuple[str, int, int]] = {}
        self._same: dict[Bit, Bit] = {}
        self._lines: list[str] = []
        self.defined: set[str] = set()

    def text(self, claims: Iterable[str]) -> str:
        """The script that asserts ``claims``; to be refuted."""
        return "\n".join(("(set-logic QF_BV)", *self._lines, *(f"(assert {c})" for c in claims), ""))

    def define(self, name: str, width: int, term: Callable[[], str]) -> str:
        """``name``, which stands for ``term`` from now on."""
        if name not in self.defined:
            self.defined.add(name)
            self._lines.append(f"(define-fun |{name}| () {_sort(width)} {term()})")
        return f"|{name}|"

    def constant(self, name: str, width: int) -> str:
        if name not in self.defined:
            self.defined.add(name)
            self._lines.append(f"(declare-const |{name}| {_sort(width)})")
        return f"|{name}|"

    # ------------------------------------------------------------------- bits that are equal

    def root(self, bit: Bit) -> Bit:
        while bit in self._same:
            bit = self._same[bit]
        return bit

    def unify(self, first: Sequence[Bit], second: Sequence[Bit]) -> bool:
        """Make bits equal, one after the other; False if two are different constants."""
        for x, y in zip(map(self.root, first), map(self.root, second), strict=True):
            x, y = self.root(x), self.root(y)
            if x != y:
                if isinstance(x, str) and isinstance(y, str):
                    return False
                self._same[y if isinstance(x, str) else x] = x if isinstance(x, str) else y
        return True

    def bits(self, packet: str, e: int) -> list[Bit] | None:
        """The bits of an expression, most significant first, if it is made of those of symbols."""
        pool, width, value = self.pool, self.pool.width[e], self.pool.value[e]
        match pool.op[e]:
            case "const" if width:
                return list(f"{value:0{width}b}")
            case "sym" if (packet, pool.name(e)) in self.given:
                other, stored, low = self.given[packet, pool.name(e)]
                stands = self.bits(other, stored)
                return stands and stands[len(stands) - low - 8 : len(stands) - low]
            case "sym" if pool.name(e) != "device":
                return _own(packet, pool.name(e), width)
            case "concat" | "extract" | "zext":
                parts = [self.bits(packet, a) for a in pool.args[e]]
                found = [bit for p in parts for bit in p or ()]
                if any(p is None for p in parts):
                    return None
                if pool.op[e] == "extract":
                    return found[len(found) - 1 - value[0] : len(found) - value[1]]
                return ["0"] * (width - len(found)) + found
        return None

    def equate(self, pairs: Iterable[tuple[int, int]]) -> list[str] | None:
        """Claims that expressions of packet a equal expressions of packet b; None if they never do.  What is made of
        bits needs no claim: these become the same."""
        rest, made = [], [(x, y, self.bits("a", x), self.bits("b", y)) for x, y in pairs]
        for x, y, one, other in made:
            if one is None or other is None:
                rest.append((x, y))
            elif not self.unify(one, other):
                return None
        return [f"(= {self.term('a', x)} {self.term('b', y)})" for x, y in rest]

    def assume(self, packet: str, conditions: Iterable[int]) -> bool:
        """Make the same what these equations say is equal, bit by bit; False if one is never true."""
        for c in conditions:
            sides = [self.bits(packet, a) for a in self.pool.args[c]] if self.pool.op[c] == "eq" else []
            if sides and None not in sides and not self.unify(*sides):  # type: ignore[arg-type]
                return False
        return True

    # ------------------------------------------------------------------- terms

    def bit(self, bit: Bit) -> str:
        """A bit as a term of one bit."""
        root = self.root(bit)
        if isinstance(root, str):
            return f"#b{root}"
        packet, name, width, number = root
        return f"((_ extract {number} {number}) {self.constant(f'{packet}.{name}'.lstrip('.'), width)})"

    def symbol(self, packet: str, name: str, width: int) -> str:
        """A symbol of a packet as a term."""
        if _SYMBOL.fullmatch(name) is None:
            raise ValueError(f"no symbol: {name!r:.40}")
        if (packet, name) in self.given:
            other, stored, low = self.given[packet, name]
            return f"((_ extract {low + 7} {low}) {self.term(other, stored)})"
        if name == "device":
            return f"(_ bv{self.ports[packet]} {width})"
        own = _own(packet, name, width)
        if all(self.root(b) == b for b in own):
            return self.constant(f"{own[0][0]}.{name}".lstrip(".") if own else f"{packet}.{name}", width)
        return self.define(f"{packet}={name}", width, lambda: concat([self.bit(b) for b in own]))

    def number(self, model: dict[str, int], packet: str, name: str, width: int) -> int:
        """The value of a symbol of a packet in a model."""
        value = 0
        for bit in map(self.root, _own(packet, name, width)):
            found = int(bit) if isinstance(bit, str) else model.get(f"{bit[0]}.{bit[1]}".lstrip("."), 0) >> bit[3] & 1
            value = 2 * value + found
        return value

    def term(self, packet: str, e: int) -> str:
        """An expression over one packet."""
        pool, wanted, work = self.pool, {e}, [e]
        while work:
            new = [a for a in pool.args[work.pop()] if a not in wanted and f"{packet}#{a}" not in self.defined]
            wanted.update(new)
            work += new
        for n in sorted(wanted):
            self.define(f"{packet}#{n}", pool.width[n], lambda n=n: self._node(packet, n))  # type: ignore[misc]
        return f"|{packet}#{e}|"

    def _node(self, packet: str, e: int) -> str:
        op, width, value = self.pool.op[e], self.pool.width[e], self.pool.value[e]
        args = " ".join(f"|{packet}#{a}|" for a in self.pool.args[e])
        match op:
            case "const":
                return f"(_ bv{int(value)} {width})" if width else str(bool(value)).lower()
            case "sym":
                return self.symbol(packet, str(value), width)
            case "extract":
                return f"((_ extract {int(value[0])} {int(value[1])}) {args})"
            case "zext" | "sext":
                kind = "zero" if op == "zext" else "sign"
                return f"((_ {kind}_extend {width - self.pool.width[self.pool.args[e][0]]}) {args})"
        return args if len(self.pool.args[e]) == 1 and op == "concat" else f"({_OPERATIONS[op]} {args})"


def _own(packet: str, name: str, width: int) -> list[Bit]:
    """The bits of a symbol; options are the same for all packets."""
    return [("" if name.startswith("cfg.") else packet, name, width, i) for i in range(width - 1, -1, -1)]


def _sort(width: int) -> str:
    return f"(_ BitVec {width})" if width else "Bool"


def concat(terms: Sequence[str]) -> str:
    return f"(concat {' '.join(terms)})" if len(terms) > 1 else terms[0]


def conjunction(terms: Iterable[str]) -> str:
    return f"(and true true {' '.join(terms)})"


def disjunction(terms: Iterable[str]) -> str:
    return f"(or false false {' '.join(terms)})"
