"""How many NFs that could be parted end up sharing all: the figure of `shardable`, and what the oracle says of known NFs.

MAESTRO_SHARDABLE_FIRST=N and MAESTRO_SHARDABLE_NFS=N take other NFs.  Seeds from 7,000,000 to 7,999,999 were looked at
while the tool was changed; the figure is of others.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from maestro_tool.diagnostics import MaestroError

from .expressions import Field, Glob, Member, Num, Op, Var
from .generator import generate
from .known_bad import COUNT, DROP, IP, LAST, PAIR, TABLE, touch
from .oracle import planned
from .program import Block, Borrow, Global, If, Program, Return, SetField, Store, Struct, Vector
from .shardable import shardable

FIRST = int(os.environ.get("MAESTRO_SHARDABLE_FIRST", "8000000"))
NFS = int(os.environ.get("MAESTRO_SHARDABLE_NFS", "200"))
#: What is wanted is a tenth (0.1); this is what must not get worse.  Of 100 NFs from seed 7,000,000, 36 are shardable: 12
#: of these were under locks when this was measured first, 7 are today.  Of 200 from seed 8,000,000, 72 are shardable, and
#: 20 of these under locks, which are too many; they were 23.
MOST = 0.25

VALUE = Struct("Value", (("v", 32),), (Member("k", "v"),))
VALUES = Vector("values", "Value", 1024)


def nf(body: Block, *objects: object) -> Program:
    return Program((IP, PAIR, VALUE), (*TABLE, *objects), "ip", (*body, LAST))  # type: ignore[arg-type]


SHOWN = If(Op("<", Num(1), Glob("n")), (SetField("tos", Num(3)),))


def counted(by: str) -> Block:
    """Every third packet of an address is dropped."""
    v = Member("q", "v")
    at = Op("&", Op(">>", Field(by), Num(24)), Num(1023))
    return (
        Borrow("q", "values", at),
        Store("q", "v", Op("+", v, Num(1))),
        If(Op("==", Op("%", v, Num(3)), Num(0)), (DROP,)),
    )


SAYS = {
    "a table by source": (nf(touch()), True),
    "a counter that nobody reads": (nf((*touch(), COUNT), Global("n")), True),
    "a counter that decides": (nf((*touch(), COUNT, SHOWN), Global("n")), False),
    "which index decides": (nf((*touch(), If(Op("&", Var("i"), Num(1)), (Return(Num(0)),)))), False),
    "entries by source": (nf((*touch(), *counted("src_ip")), VALUES), True),
    "entries by destination, beside a table by source": (nf((*touch(), *counted("dst_ip")), VALUES), False),
}


@pytest.mark.parametrize("name", SAYS)
def test_the_oracle(name: str) -> None:
    program, expected = SAYS[name]
    assert shardable(program, 1).shardable is expected


@pytest.mark.long
def test_few_that_could_be_parted_share_all(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:  # fmt: skip
    """Of NFs that the oracle calls shardable, few are under locks; none makes the tool fail."""
    strategies: Counter[str] = Counter()
    obstacles: Counter[str] = Counter()
    examples: dict[str, int] = {}
    for seed in range(FIRST, FIRST + NFS):
        program = generate(seed)
        said = shardable(program, seed)
        if not said.shardable or said.why:
            continue  # or it has no state
        try:
            p = planned(program, tmp_path)
        except MaestroError as error:
            strategies["refused"] += 1
            obstacles[f"refused: {error.message[:60]}"] += 1
            continue
        strategies[p.choice.strategy.name] += 1
        if p.choice.strategy.name in ("locks", "tm"):
            codes = {str(o.code) for o in p.choice.plan.obstacles}
            obstacles.update(codes)
            examples |= {code: seed for code in codes if code not in examples}
    n = sum(strategies.values()) - strategies["refused"]
    locks = strategies["locks"] + strategies["tm"]
    lines = [f"  {count}: {code} (NF {examples.get(code, '-')})" for code, count in obstacles.most_common()]
    head = f"of {NFS} NFs from seed {FIRST}, {n} are shardable; of these {locks} get locks: {dict(strategies)}"
    record_property("summary", "\n".join([head, *lines]))
    assert n >= 0.2 * NFS, "too few for a figure"
    assert locks <= MOST * n, head
