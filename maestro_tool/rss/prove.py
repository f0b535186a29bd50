"""z3 proof, for all packets, that a solution sends related packets to equal indices, or to those of one group.

Independent of the linear algebra that found the keys: frames are symbolic bytes, classes and views are their
predicates, and the Toeplitz hash is written out for the concrete key.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, reduce
from typing import Any

import z3

from maestro_tool.diagnostics import ResourceLimitError
from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import FALSE, binary, compare, concat, const, extract, ite, land, lor, sym
from maestro_tool.expr.smt import Translator
from maestro_tool.expr.symbols import PACKETS, HashInput, Packet, packet_byte
from maestro_tool.packet.classes import L3, L4, VIEWS, View, exact_view_predicate, predicate, view_predicate
from maestro_tool.packet.fields import ADDRESSES_OF, ALL_FIELDS, INPUT_BITS, PORTS_OF
from maestro_tool.rss import relation
from maestro_tool.rss.problem import HashSetup, reads
from maestro_tool.rss.solution import RssSolution
from maestro_tool.rss.steering import FAMILIES, Item, Layout, nic_inputs
from maestro_tool.rss.symmetric import is_source
from maestro_tool.sharding.plan import Constraint

RLIMIT = 2_000_000_000


def holds(constraint: Constraint, solution: RssSolution) -> bool:
    """True: proved for all packets.  False: there is a counterexample.  ResourceLimitError if z3 gives up."""
    return counterexample(constraint, solution) is None


def counterexample(constraint: Constraint, solution: RssSolution) -> dict[str, int] | None:
    """Bytes (``a.pkt.N``, ``b.pkt.N``) of two related packets that meet different indices (groups of indices, if the
    solution has any); None: proved impossible."""
    z3ify = Translator()
    sides = [[(h, _spread(h, solution.groups, z3ify)) for h in _hashes(constraint, n, solution)] for n in range(2)]
    related = z3ify(relation.related(constraint))
    for a, first in sides[0]:
        for b, second in sides[1]:
            differences = [x != y for x, y in zip(first, second, strict=True)]
            if solution.groups:  # all bits of their numbers at once: these are no parities
                differences = [z3.Or([z3.BoolVal(False, z3ify.context), *differences])]
            found = _refute(related, (a.condition, b.condition), differences, z3ify)
            if found is not None:
                return found
    return None


def _spread(frames: _Hash, groups: tuple[int, ...], z3ify: Translator) -> list[Any]:
    """What must be equal, bit by bit: the index, or the number of its group."""
    index = frames.index(z3ify)
    return _group(index, groups, z3ify.context) if groups else index


class _Hash:
    """How the frames that satisfy ``condition`` are hashed: input bits in order, and the key."""

    def __init__(self, condition: Expr, inputs: list[Expr], key: bytes, index_bits: int) -> None:
        self.condition = condition
        self._inputs = inputs
        self._key = key
        self._index_bits = index_bits

    def index(self, z3ify: Translator) -> list[Any]:
        """The index, one term of 1 bit each, most significant first."""
        key = [self._key[i // 8] >> (7 - i % 8) & 1 for i in range(8 * len(self._key))]
        result = []
        for j in range(32 - self._index_bits, 32):  # hash bit j is the XOR over i of input[i] & key[i + j]
            terms = [z3ify(bit) for i, bit in enumerate(self._inputs) if key[i + j]]
            result.append(reduce(lambda x, y: x ^ y, terms, z3.BitVecVal(0, 1, z3ify.context)))
        return result


def _hashes(constraint: Constraint, side: int, solution: RssSolution) -> Iterator[_Hash]:
    """The ways in which frames on this side are hashed; frames that are hashed alike are taken together."""
    port = solution.ports[constraint.ports[side]]
    packet, steering = PACKETS[side], dict(port.steering)
    setup = HashSetup("as solved", port.rss_hf, port.hashed, port.padded, port.function)
    software = Layout(setup, port.software, port.steering)
    groups: dict[tuple[Item, ...], Expr] = {}
    for name in constraint.classes[side]:
        frames = _concerned(constraint, side, name, packet)
        if steering[name] == "nic":
            for items in nic_inputs(name, setup):
                groups[items] = lor(groups.get(items, FALSE), frames)
            continue
        for view in VIEWS:  # z3 knows which of them frames of the class can have
            items = software.software(view)
            groups[items] = lor(groups.get(items, FALSE), land(frames, exact_view_predicate(view, packet)))
    for items, condition in groups.items():
        inputs = [bit for item in items for bit in _bits(item, packet)]
        yield _Hash(condition, inputs, port.key, solution.agreeing_bits)


def _concerned(constraint: Constraint, side: int, name: str, packet: Packet) -> Expr:
    """The frames of a class that the constraint is about: those in which the NF sees the fields that it names.

    Where no frame of the class offers them, every frame counts.
    """
    names = reads(constraint, side)
    frames = predicate(name, packet)
    wanted = FALSE
    for family in FAMILIES:
        if names & (PORTS_OF[family] | frozenset(ADDRESSES_OF[family])):
            view = L4[family] if names & PORTS_OF[family] else L3[family]
            wanted = lor(wanted, view_predicate(view, packet) if _offers(name, view) else FALSE)
    return frames if wanted is FALSE else land(frames, wanted)


@cache
def _offers(name: str, view: View) -> bool:
    """Some frame of the class has the fields of the view."""
    condition = land(predicate(name), view_predicate(view))
    z3ify = Translator()
    solver = z3.SolverFor("QF_BV", ctx=z3ify.context)
    solver.add(z3ify(condition))
    return bool(solver.check() == z3.sat)


def _bits(item: Item, packet: Packet) -> list[Expr]:
    """Bits of a hashed field in wire order; what the NIC takes from elsewhere may have any value."""
    if item.gap:
        return [const(0, 1)] * INPUT_BITS[item.field]
    values = [_field_bits(f, packet, aligned=item.aligned) for f in item.sources]
    if item.function == "toeplitz":
        return values[0]
    if item.function == "xor":
        return [binary("xor", x, y) for x, y in zip(*values, strict=True)]
    own, other = (reduce(concat, bits) for bits in values)
    swap = compare("ult", other, own) if is_source(item.field) else compare("ult", own, other)
    return [ite(swap, y, x) for x, y in zip(*values, strict=True)]


def _field_bits(name: str, packet: Packet, *, aligned: bool) -> list[Expr]:
    if not aligned:
        return [sym(HashInput(name, i, packet), 1) for i in range(INPUT_BITS[name])]
    f = ALL_FIELDS[name]
    frame = [packet_byte(f.offset + n, packet) for n in range(f.size)]
    return [extract(byte, i, i) for byte in frame for i in range(7, -1, -1)]


def _refute(
    related: Any, conditions: tuple[Expr, Expr], differences: list[Any], z3ify: Translator
) -> dict[str, int] | None:
    context = z3ify.context
    # Equalities are substituted and XORs cancelled before SAT sees them: parity is hard for SAT alone.
    tactic = z3.Then(
        *(z3.Tactic(t, context) for t in ("simplify", "propagate-values", "solve-eqs", "simplify", "bit-blast", "sat")),
        ctx=context,
    )
    frames: list[Any] = []
    for difference in differences:
        # What holds for all packets need not be asked for those of these classes, which takes z3 far longer.
        if not frames and _model(tactic, [related, difference]) is None:
            continue
        frames = frames or [z3ify(c) for c in conditions]
        model = _model(tactic, [related, *frames, difference])
        if model is not None:
            return {d.name(): model[d].as_long() for d in model.decls() if z3.is_bv_value(model[d])}
    return None


def _group(index: list[Any], groups: tuple[int, ...], context: Any) -> list[Any]:
    """The number of the index's group, one Boolean per bit: decisions on the index bits, equal subterms once."""
    done: dict[tuple[int, ...], Any] = {}
    bits = [bit == 1 for bit in index]

    def look_up(column: tuple[int, ...], depth: int) -> Any:
        if len(set(column)) == 1:
            return z3.BoolVal(bool(column[0]), context)
        if column not in done:
            half = len(column) // 2
            low, high = look_up(column[:half], depth + 1), look_up(column[half:], depth + 1)
            done[column] = z3.If(bits[depth], high, low)
        return done[column]

    return [look_up(tuple(g >> n & 1 for g in groups), 0) for n in range(max(groups).bit_length())]


def _model(tactic: Any, conditions: list[Any]) -> Any:
    solver = tactic.solver()
    solver.set("rlimit", RLIMIT)
    solver.add(*conditions)
    answer = solver.check()
    if answer == z3.unknown:
        raise ResourceLimitError(f"could not decide whether a key is right: {solver.reason_unknown()}")
    return solver.model() if answer == z3.sat else None
