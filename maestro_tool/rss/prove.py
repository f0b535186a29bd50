"""z3 proof, for all packets, that a solution sends related packets to equal indices, or to those of one group.

Independent of the linear algebra that found the keys: frames are symbolic bytes, classes and views are their
predicates, and the Toeplitz hash is written out for the concrete key.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, reduce

from maestro_tool.diagnostics import ResourceLimitError
from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import FALSE, binary, compare, concat, const, extract, ite, land, lor, sym
from maestro_tool.expr.symbols import PACKETS, HashInput, Packet, packet_byte
from maestro_tool.packet.classes import FAMILIES, L3, L4, VIEWS, View, exact_view_predicate, view_predicate
from maestro_tool.packet.fields import ADDRESSES_OF, PORTS_OF, field_of, input_bits
from maestro_tool.packet.kinds import base, predicate
from maestro_tool.rss import relation
from maestro_tool.rss.problem import HashSetup, reads
from maestro_tool.rss.solution import RssSolution
from maestro_tool.rss.steering import Item, Layout, nic_inputs
from maestro_tool.rss.symmetric import is_source
from maestro_tool.sharding.plan import Constraint
from maestro_tool.solver import BUDGETS, Context
from maestro_tool.solver.parity import Bits, Parities


def holds(constraint: Constraint, solution: RssSolution) -> bool:
    """True: proved for all packets.  False: there is a counterexample.  ResourceLimitError if z3 gives up."""
    return counterexample(constraint, solution) is None


def counterexample(constraint: Constraint, solution: RssSolution) -> dict[str, int] | None:
    """Bytes (``a.pkt.N``, ``b.pkt.N``) of two related packets that meet different indices (groups of indices, if the
    solution has any); None: proved impossible."""
    parities = Parities()
    sides = [[(h, _spread(h, solution.groups, parities)) for h in _hashes(constraint, n, solution)] for n in range(2)]
    related = relation.related(constraint)
    at_once = bool(solution.groups)  # the bits of their numbers are no parities
    for a, first in sides[0]:
        for b, second in sides[1]:
            found = parities.differ(first, second, related, (a.condition, b.condition), at_once=at_once)
            if found is not None:
                return found
    return None


def _spread(frames: _Hash, groups: tuple[int, ...], parities: Parities) -> Bits:
    """What must be equal, bit by bit: the index, or the number of its group."""
    index = parities.sums(frames.index())
    return parities.looked_up(index, groups) if groups else index


class _Hash:
    """How the frames that satisfy ``condition`` are hashed: input bits in order, and the key."""

    def __init__(self, condition: Expr, inputs: list[Expr], key: bytes, index_bits: int) -> None:
        self.condition = condition
        self._inputs = inputs
        self._key = key
        self._index_bits = index_bits

    def index(self) -> list[list[Expr]]:
        """The index, most significant bit first: of each the bits whose XOR it is."""
        key = [self._key[i // 8] >> (7 - i % 8) & 1 for i in range(8 * len(self._key))]
        return [  # hash bit j is the XOR over i of input[i] & key[i + j]
            [bit for i, bit in enumerate(self._inputs) if key[i + j]] for j in range(32 - self._index_bits, 32)
        ]


def _hashes(constraint: Constraint, side: int, solution: RssSolution) -> Iterator[_Hash]:
    """The ways in which frames on this side are hashed; frames that are hashed alike are taken together."""
    port = solution.ports[constraint.ports[side]]
    packet, steering = PACKETS[side], dict(port.steering)
    setup = HashSetup("as solved", port.rss_hf, port.hashed, port.padded, port.function)
    software = Layout(setup, port.software, port.steering, port.of_bytes)
    groups: dict[tuple[Item, ...], Expr] = {}
    for name in constraint.classes[side]:
        frames = _concerned(constraint, side, name, packet)
        by_bytes = software.bytes_of(name)
        if by_bytes:
            groups[by_bytes] = lor(groups.get(by_bytes, FALSE), frames)
            continue
        if steering[base(name)] == "nic":
            for items in nic_inputs(base(name), setup):
                groups[items] = lor(groups.get(items, FALSE), frames)
            continue
        for view in VIEWS:  # z3 knows which of them frames of the class can have
            items = software.software(view)
            groups[items] = lor(groups.get(items, FALSE), land(frames, exact_view_predicate(view, packet)))
    for items, condition in groups.items():
        inputs = [bit for item in items for bit in _bits(item, packet)]
        yield _Hash(condition, inputs, port.key, solution.agreeing_bits)


def _concerned(constraint: Constraint, side: int, name: str, packet: Packet) -> Expr:
    """The frames of a kind that the constraint is about: those in which the NF sees the fields that it names.

    Where no frame of the kind offers them, every frame counts.
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
    """Some frame of the kind has the fields of the view."""
    session = Context().session(BUDGETS.key, [land(predicate(name), view_predicate(view))])
    answer = session.ask()
    if answer == "unknown":
        raise ResourceLimitError(f"could not decide what fields the frames of {name} have: {session.reason}")
    return answer == "yes"


def _bits(item: Item, packet: Packet) -> list[Expr]:
    """Bits of a hashed field in wire order; what the NIC takes from elsewhere may have any value."""
    if item.gap:
        return [const(0, 1)] * input_bits(item.field)
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
        return [sym(HashInput(name, i, packet), 1) for i in range(input_bits(name))]
    f = field_of(name)
    frame = [packet_byte(f.offset + n, packet) for n in range(f.size)]
    return [extract(byte, i, i) for byte in frame for i in range(7, -1, -1)]
