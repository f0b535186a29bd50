"""Random NFs (tests/oracle) on their traffic: exactly one path each, as the compiled program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from maestro_tool.diagnostics import MaestroError
from maestro_tool.operations.semantics import UndefinedError
from tests.operations.library import Compiler
from tests.replay.compare import Comparison, Packet
from tests.replay.program import build_file

generator = pytest.importorskip("tests.oracle.generator")
machine = pytest.importorskip("tests.oracle.machine")
to_c = pytest.importorskip("tests.oracle.to_c").to_c
traffic = pytest.importorskip("tests.oracle.traffic").traffic

PACKETS = 200
#: The last: a sketch whose hash goes by what is calculated of a key.
FEW = (*range(8), 289)
MANY = range(100, 500)


def follow(compiler: Compiler, seed: int) -> Comparison | None:
    """The NF of this seed on its traffic, as far as that has a meaning; None if the NF is refused."""
    program = generator.generate(seed)
    try:
        compared = Comparison(build_file(compiler, f"random_{seed}", to_c(program), program.ports))
    except MaestroError:
        return None

    def send(arrival: Any) -> Any:
        left = compared.send(Packet(arrival.time, arrival.device, arrival.frame))
        return machine.Verdict(*(left or (arrival.device, arrival.frame)))

    dual = program.guard.startswith("dual")
    traffic(seed, ports=program.ports, dual=dual, n=PACKETS, send=send, stop=UndefinedError)
    return compared


def follow_all(compiler: Compiler, seeds: Iterable[int]) -> Counter[str]:
    """Operations of all, ``refused``, and how often packets were handled."""
    found: Counter[str] = Counter()
    for seed in seeds:
        try:
            compared = follow(compiler, seed)
        except Exception as error:
            error.add_note(f"the NF with seed {seed}")
            raise
        if compared is None:
            found["refused"] += 1
            continue
        assert not compared.counts.unplaced and not compared.counts.seen
        found.update(compared.counts.events)
        found["packets"] += compared.handled
    return found


def test_few(compiler: Compiler) -> None:
    found = follow_all(compiler, FEW)
    assert found["packets"] > 100 * len(FEW) and found["refused"] <= len(FEW) / 4


@pytest.mark.long
def test_many(compiler: Compiler) -> None:
    found = follow_all(compiler, MANY)
    print(found)
    assert found["packets"] > 100 * len(MANY) and found["refused"] <= len(MANY) / 10
    assert {"dmap_put", "expire_range", "cht_find", "sketch_touch_buckets", "global_write"} <= found.keys()
