"""The linear algebra and the equations against brute force."""

from __future__ import annotations

import random

from hypothesis import example, given, settings
from hypothesis import strategies as st
from rss_cases import bits

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import FALSE, TRUE, binary, compare, const, eq, land, substitute
from maestro_tool.expr.symbols import packet_byte
from maestro_tool.rss import gf2, prove, relation
from maestro_tool.rss.equations import KeyBits, equations
from maestro_tool.rss.problem import HashSetup, PortCapability, Problem
from maestro_tool.rss.related import RelatedPairs
from maestro_tool.rss.solve import solve_problem
from maestro_tool.rss.steering import layout
from maestro_tool.rss.toeplitz import toeplitz
from maestro_tool.sharding.plan import Constraint, FieldBits

UNKNOWNS = 9


@given(st.lists(st.integers(0, (1 << UNKNOWNS) - 1), max_size=12))
def test_solution_space_is_exact(system: list[int]) -> None:
    expected = {x for x in range(1 << UNKNOWNS) if not any((x & e).bit_count() & 1 for e in system)}
    space = gf2.solve(UNKNOWNS, system)
    found = {sum(bit << v for v, bit in enumerate(space.point(p))) for p in range(1 << space.dimension)}
    assert found == expected
    assert len(found) == 1 << space.dimension == 1 << (UNKNOWNS - gf2.rank(system))


@given(st.lists(st.integers(0, 255), max_size=10), st.integers(0, 255))
def test_span_knows_its_members(vectors: list[int], probe: int) -> None:
    members = {0}
    for v in vectors:
        members |= {m ^ v for m in members}
    assert (gf2.Span(vectors).reduce(probe) == 0) == (probe in members)


@st.composite
def port_ranges(draw: st.DrawFn) -> tuple[FieldBits, FieldBits]:
    """Two bit ranges of one width in a port field."""
    width = draw(st.integers(1, 16))
    low = st.integers(0, 16 - width)
    a, b = draw(low), draw(low)
    return bits("src_port", a + width - 1, a), bits("src_port", b + width - 1, b)


@settings(max_examples=12, deadline=None)
@given(st.lists(port_ranges(), max_size=2), st.integers(0, 1000))
def test_correct_keys_are_exactly_those_of_the_equations(pairs: list[tuple[FieldBits, FieldBits]], seed: int) -> None:
    """One hashed field of 16 bits, a table of two entries: 16 key bits decide, and all 2**16 keys are tried."""
    setup = HashSetup("test", ("RTE_ETH_RSS_NONFRAG_IPV4_TCP",), (("tcp4", ("src_port",)),))
    constraint = Constraint((0, 0), tuple(pairs), (("tcp4",), ("tcp4",)), "R1", (), ())
    problem = Problem((constraint,), (PortCapability(16, 16, (2,), (setup,)),))
    chosen = layout(problem, 0, setup)
    key_bits = KeyBits.of(problem, 1)
    # The only set-up does not make the class `nic` when the constraint names nothing; the fields are the same.
    system = [sum(1 << u for u in e) for e in equations(constraint, [chosen], key_bits, RelatedPairs())]
    if dict(chosen.steering)["tcp4"] != "nic":
        return
    space = gf2.solve(key_bits.total, system)

    random_bits = random.Random(seed)
    differences = {_related_pair(pairs, random_bits) for _ in range(80)}  # spans all of them but for 2**-48 or so
    # Index bit: XOR over input bits i (from the left) of key bit i + 31.
    correct = [k for k in range(1 << 16) if not any((k & d).bit_count() & 1 for d in differences)]
    relevant = range(31, 47)
    assert len(correct) == 1 << gf2.rank(space.forms[v] for v in relevant)
    for k in random_bits.sample(correct, min(20, len(correct))):
        ones = {31 + i for i in range(16) if k >> (15 - i) & 1}
        assert not any(sum(u in ones for u in relevant if e >> u & 1) & 1 for e in system)
        key = sum(1 << (127 - v) for v in ones).to_bytes(16, "big")
        assert all(toeplitz(key, d.to_bytes(2, "big")) & 1 == 0 for d in differences)


def _related_pair(pairs: list[tuple[FieldBits, FieldBits]], r: random.Random) -> int:
    """a ^ b of a random related pair (a, b) of ports: equal bits are merged until nothing changes."""
    value = {(side, i): (side, i) for side in (0, 1) for i in range(16)}

    def root(x: tuple[int, int]) -> tuple[int, int]:
        while value[x] != x:
            x = value[x]
        return x

    for left, right in pairs:
        for i in range(left.high - left.low + 1):
            value[root((0, left.low + i))] = root((1, right.low + i))
    drawn = {x: r.getrandbits(1) for x in value if value[x] == x}
    return sum((drawn[root((0, i))] ^ drawn[root((1, i))]) << i for i in range(16))


@settings(max_examples=25, deadline=None)
@given(st.lists(port_ranges(), min_size=1, max_size=3), st.integers(0, 1000))
@example([(FieldBits("src_port", 7, 7), FieldBits("src_port", 7, 7))], 0)
def test_the_solver_finds_a_plan_if_any_key_and_table_has_one(
    pairs: list[tuple[FieldBits, FieldBits]], seed: int
) -> None:
    """All 2**16 ways in which a hashed field of 16 bits can decide one index bit are tried.

    A table that tells two indices apart does so by some linear function of the index, which is one bit of another key.
    """
    setup = HashSetup("test", ("RTE_ETH_RSS_NONFRAG_IPV4_TCP",), (("tcp4", ("src_port",)),))
    constraint = Constraint((0, 0), tuple(pairs), (("tcp4",), ("tcp4",)), "R1", (), ())
    problem = Problem((constraint,), (PortCapability(16, 16, (8,), (setup,)),))
    random_bits = random.Random(seed)
    differences = sorted({_related_pair(pairs, random_bits) for _ in range(80)})
    possible = any(not any((c & d).bit_count() & 1 for d in differences) for c in range(1, 1 << 16))
    solution = solve_problem(problem)
    assert solution.satisfiable == possible
    if possible:
        p = solution.ports[0]
        indices = {toeplitz(p.key, random_bits.randbytes(2)) & (p.table_size - 1) for _ in range(200)}
        assert len(indices) > 1
        if dict(p.steering)["tcp4"] == "nic":
            assert all(toeplitz(p.key, d.to_bytes(2, "big")) & (p.table_size - 1) == 0 for d in differences)
        else:  # software hashes only one of the two bytes (bit 7 alone, say)
            assert prove.holds(constraint, solution)


# --------------------------------------------------------------------------- general relations


_A, _B = (relation.field(side, "src_port") for side in (0, 1))


@st.composite
def relations(draw: st.DrawFn) -> Expr:
    """Conditions on two ports, of arithmetic, masks and orders, all of them checked for every pair of 5-bit ports."""
    constant = draw(st.integers(0, 31))
    left = draw(st.sampled_from((
        binary("and", _A, const(constant, 16)),
        binary("add", _A, const(constant, 16)),
        binary("xor", _A, const(constant, 16)),
        binary("or", _A, const(constant, 16)),
        binary("lshr", _A, const(constant % 5, 16)),
    )))  # fmt: skip
    right = draw(st.sampled_from((_B, binary("and", _B, const(constant, 16)), binary("or", _B, const(constant, 16)))))
    small = [compare("ult", x, const(32, 16)) for x in (_A, _B)]
    condition = draw(st.sampled_from((eq(left, right), compare("ule", left, right), eq(_A, _B))))
    return land(land(small[0], small[1]), condition)


@settings(max_examples=20, deadline=None)
@given(relations())
def test_general_relations_against_brute_force(condition: Expr) -> None:
    """All pairs of ports below 32 are tried: keys are right for all, and every right index bit is among the keys."""
    setup = HashSetup("test", ("RTE_ETH_RSS_NONFRAG_IPV4_TCP",), (("tcp4", ("src_port",)),))
    constraint = Constraint((0, 0), (), (("tcp4",), ("tcp4",)), "R1", (), (), condition)
    task = Problem((constraint,), (PortCapability(16, 16, (2,), (setup,)),))
    differences = {a ^ b for a in range(32) for b in range(32) if _holds(condition, a, b)}
    correct = [c for c in range(1 << 5) if not any((c & d).bit_count() & 1 for d in differences)]
    key_bits = KeyBits.of(task, 1)
    chosen = layout(task, 0, setup)
    space = gf2.solve(
        key_bits.total, [sum(1 << u for u in e) for e in equations(constraint, [chosen], key_bits, RelatedPairs())]
    )
    assert len(correct) == 1 << gf2.rank(space.forms[v] for v in range(42, 47))  # the last 5 bits of the port


def _holds(condition: Expr, a: int, b: int) -> bool:
    """The low byte; the other one is 0 in all ports that count."""
    values = {packet_byte(34, "a"): 0, packet_byte(35, "a"): a, packet_byte(34, "b"): 0, packet_byte(35, "b"): b}
    result = substitute(condition, {name: const(value, 8) for name, value in values.items()})
    assert result in (TRUE, FALSE)
    return result == TRUE
