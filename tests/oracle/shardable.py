"""Which random NFs could be parted at all, whatever this tool says: by the conflicts of all packets of a small domain.

An NF is shardable if the graph of conflicts falls apart on every port, and if the NF that is parted along it, each core
with objects of its own, answers as the sequential one, up to the printed relaxations (`oracle.compared`).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from random import Random

from .assignment import Assignment, view_of
from .conflicts import Graph, graph, node_of
from .machine import Arrival, ChainState, Decision, Model, Undefined
from .oracle import arrivals_of, compared
from .program import Chain, Global, Program, Vector
from .traffic import Pools

#: Runs that the graph is made of, runs that judge it, packets of each, and cores.
WATCHED, JUDGED, PACKETS, CORES = 8, 10, 150, 4


@dataclass(frozen=True)
class Verdict:
    """``why``: what is in the way; empty: nothing."""

    shardable: bool
    why: str = ""


def domain(seed: int) -> Pools:
    """Few addresses and ports: they differ, and agree, in any of their bytes, in parity, and by a third; and those that
    are constants of NFs."""
    rng = Random(seed)
    base = rng.getrandbits(32)
    addresses = (base, base ^ 0x01000000, base ^ 1, base ^ rng.getrandbits(32), rng.getrandbits(32) & 0xEFFFFFFF)
    return Pools((*addresses, 0, 0xFFFFFFFF), (80, 1024, 0x1390, 40001, 0))


def shardable(program: Program, seed: int) -> Verdict:
    """Whether the NF can be parted."""
    model, pool = Model(program), domain(seed)
    runs = [_varied(arrivals_of(model, 100 * seed + n, PACKETS, pool), n) for n in range(WATCHED)]
    judged = [_varied(arrivals_of(model, 100 * seed + 50 + n, PACKETS, pool), n) for n in range(JUDGED)]
    counted = frozenset(o.name for o in program.objects if _only_counts(model, o.name, judged))
    found = graph(program, [*runs, *judged], counted)
    if not found.part:
        return Verdict(True, "no state")
    if not found.falls_apart:
        return Verdict(False, "all packets of a port are related")
    decisions = {o.name: Decision("per-core" if o.name in counted else "sharded", isinstance(o, Chain) and not o.taken,
                          isinstance(o, Chain) and not o.taken) for o in program.objects}  # fmt: skip
    for n, arrivals in enumerate(judged):
        run = compared(model, decisions, CORES, _along(found, n), arrivals)
        if run.failure:
            return Verdict(False, f"parted along its conflicts it is another: {run.failure.text}")
    if any(_outputs(model, arrivals, False) != _outputs(model, arrivals, True) for arrivals in judged):
        return Verdict(False, "which index is free decides where packets go")
    return Verdict(True)


def _varied(arrivals: Sequence[Arrival], seed: int) -> list[Arrival]:
    """The frames with other times to live, which traffic hardly varies."""
    rng = Random(seed)
    return [
        replace(a, frame=bytes((*a.frame[:22], rng.choice((1, 64, 255)), *a.frame[23:])))
        if view_of(a.frame) in ("l3", "l4")
        else a
        for a in arrivals
    ]


def _outputs(model: Model, arrivals: Sequence[Arrival], other: bool) -> list[int]:
    """Where packets go, if free indices are handed out in the usual order, or in the ``other`` one.

    Frames may show an index (`index-choice`); where a packet goes may not.
    """
    chains = {
        c.name: ChainState(range(c.capacity - 1, -1, -1) if other and not c.taken else range(c.capacity), c.capacity)
        for c in model.chains
    }
    objects, found = model.objects(dict(chains)), []
    for arrival in arrivals:
        try:
            found.append(model.handled(objects, arrival).output)
        except Undefined:
            break
    return found


def _along(found: Graph, seed: int) -> Assignment:
    """A core for each part; packets that meet nobody go anywhere."""

    def assigned(arrivals: Sequence[Arrival]) -> list[int]:
        rng, chosen = Random(seed), dict[Hashable, int]()
        parts = (found.part.get(node := node_of(a), ("alone", node)) for a in arrivals)
        return [chosen.setdefault(part, rng.randrange(CORES)) for part in parts]

    return assigned


def _only_counts(model: Model, name: str, runs: Sequence[Sequence[Arrival]]) -> bool:
    """Whether each core may count for itself: nobody notices, and the sums are right, wherever packets go."""
    if not isinstance(model.program.object(name), Global | Vector):
        return False
    decisions = {o.name: Decision("per-core" if o.name == name else "shared") for o in model.program.objects}

    def anywhere(arrivals: Sequence[Arrival]) -> list[int]:
        rng = Random(len(arrivals))
        return [rng.randrange(CORES) for _ in arrivals]

    return all(compared(model, decisions, CORES, anywhere, arrivals).failure is None for arrivals in runs[:4])
