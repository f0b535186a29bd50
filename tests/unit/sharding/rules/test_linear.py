"""What linear functions may part packets by: against all of them, for packets of a few bits."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from maestro_tool.sharding.plan import Constraint, FieldBits
from maestro_tool.sharding.rules.linear import all_meet, bit_pairs

Named = dict[str, tuple[int, ...]]
Related = list[tuple[tuple[str, str], list[tuple[int, int]]]]


def by_trying(named: Named, related: Related) -> bool:
    """Whether each function that gives related packets one value gives all packets of some cell one."""
    packets = {cell: [dict(zip(bits, v, strict=True)) for v in product((0, 1), repeat=len(bits))]
               for cell, bits in named.items()}  # fmt: skip
    must_be_equal = [
        (a, b, p, q)
        for (a, b), pairs in related
        for p, q in product(packets[a], packets[b])
        if all(p[x] == q[y] for x, y in pairs)
    ]

    def value(of: dict[str, dict[int, int]], cell: str, packet: dict[int, int]) -> int:
        return sum(of[cell][bit] & packet[bit] for bit in packet) % 2

    functions = ({cell: dict(zip(bits, c[3 * n :], strict=False)) for n, (cell, bits) in enumerate(named.items())}
                 for c in product((0, 1), repeat=3 * len(named)))  # fmt: skip
    fair = [f for f in functions if all(value(f, a, p) == value(f, b, q) for a, b, p, q in must_be_equal)]
    return any(all(not any(f[cell].values()) for f in fair) for cell in named)


def drawn(rng: Random) -> tuple[Named, Related]:
    named: Named = {"x": (0, 1, 2), "y": (1, 2, 5)}
    related: Related = []
    for _ in range(rng.randrange(4)):
        a, b = rng.choice(("xx", "xy", "yy", "xy"))
        pairs = [(rng.choice(named[a]), rng.choice(named[b])) for _ in range(rng.randrange(1, 5))]
        related.append(((a, b), pairs))
    return named, related


def test_of_few_bits_all_functions_are_known() -> None:
    rng, found = Random(1), [0, 0]
    for _ in range(60):
        case = drawn(rng)
        expected = by_trying(*case)
        assert all_meet(*case) is expected, case
        found[expected] += 1
    assert min(found) > 10


@pytest.mark.parametrize(("x", "y"), [((3, 1), (3, 1)), ((3, 2), (1, 0)), ((5, 5), (0, 0))])
def test_the_bits_of_two_ranges_are_equal_in_their_order(x: tuple[int, int], y: tuple[int, int]) -> None:
    equal = ((FieldBits("src_ip", *x), FieldBits("dst_port", *y)),)
    c = Constraint((0, 1), equal, (("udp4",), ("udp4",)), "R1", (0,), (0,))
    ranges = (range(low, high + 1) for high, low in (x, y))
    assert bit_pairs(c) == {(("src_ip", i), ("dst_port", j)) for i, j in zip(*ranges, strict=True)}
