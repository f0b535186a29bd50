"""``plan.json``: what a build decided, for other programs to read; docs/plan-json.md is its contract.

The only place where numbered locations become file:line:col.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maestro_tool import canonical

if TYPE_CHECKING:
    from maestro_tool.frontend.ir import Program
    from maestro_tool.nic.profile import NicProfile
    from maestro_tool.rss import RssSolution
    from maestro_tool.rss.measured import Measured
    from maestro_tool.rss.strategy import Strategy
    from maestro_tool.sharding.plan import FieldBits, ShardingPlan
    from maestro_tool.symex.callpath import Analysis

#: Grows when a reader that follows the documentation could break; new members alone do not.
SCHEMA = "maestro-plan/1"


def read(path: Path) -> dict[str, Any]:
    """The plan in ``path``; raises `InputError` where it is none of this schema."""
    return canonical.read_json(path, SCHEMA)


def document(
    program: Program,
    analysis: Analysis,
    plan: ShardingPlan,
    solution: RssSolution,
    profiles: Sequence[NicProfile],
    name: str,
    strategy: Strategy,
    measured: Measured | None = None,
) -> dict[str, Any]:
    """The content of ``plan.json``; ``profiles``: one per port."""
    from maestro_tool.nic.profile import label
    from maestro_tool.rss import measured as traffic
    from maestro_tool.rss.solution import ports_json
    from maestro_tool.rss.strategy import unused
    from maestro_tool.sharding.outcome import constraint_words, words

    names = {o.id: o.name for o in analysis.objects}
    kinds = {o.id: o.kind for o in analysis.objects}

    def places(locs: tuple[int, ...]) -> list[str]:
        return list(dict.fromkeys(str(program.locations[loc]) for loc in locs))

    accesses: dict[int, Counter[tuple[str, int]]] = defaultdict(Counter)
    for e in (e for path in analysis.paths for e in path.events):
        for obj in e.objects:
            accesses[obj][e.op.name, e.loc] += 1
    decisions = [(d, words.decision(analysis, plan, d)) for d in plan.decisions]
    obstacles = [(o, words.obstacle(analysis, o)) for o in plan.obstacles]
    return {
        "schema": SCHEMA,
        "nf": name,
        "nic": label(profiles),
        "strategy": strategy.name,
        "why": list(strategy.why),
        "dialect": analysis.dialect,
        "arguments": list(analysis.arguments),
        "n_ports": analysis.ports,
        "pinned": [{"place": p.place, "value": p.value, "location": places((p.loc,))[0]} for p in analysis.pinned],
        "constraints": [
            {
                "ports": list(c.ports),
                "equal": [[bits(a), bits(b)] for a, b in c.equal],
                "expression": constraint_words.expression(c),
                "classes": [list(side) for side in c.classes],
                "rule": c.rule,
                "objects": [names[o] for o in c.objects],
                "locations": places(c.locs),
                "text": constraint_words.sentence(c),
            }
            for c in plan.constraints
        ],
        "objects": [
            {
                "name": names[d.object],
                "kind": kinds[d.object],
                "read": d.read,
                "written": d.written,
                "treatment": d.treatment,
                "split": d.split,
                "ranged": d.ranged,
                "rule": d.rule,
                "reason": said.text,
                "fields": list(said.fields),
                "remedy": said.remedy,
                "locations": places(d.locs),
                "accesses": [
                    {"operation": op, "location": str(program.locations[loc]), "times": times}
                    for (op, loc), times in accesses[d.object].items()
                ],
            }
            for d, said in decisions
        ],
        "obstacles": [
            {
                "rule": o.rule,
                "text": said.text,
                "objects": [names[n] for n in o.objects],
                "fields": list(said.fields),
                "remedy": said.remedy,
                "locations": places(o.locs),
            }
            for o, said in obstacles
        ],
        "ports": [
            port
            | {
                "nic": profile.name,
                "setup": p.setup,
                "proof": _proof(plan, p.port),
                "unused": unused(p, profile),
            }
            for port, p, profile in zip(ports_json(solution), solution.ports, profiles, strict=True)
        ],
        "agreeing_bits": solution.agreeing_bits,
        "groups": list(solution.groups),
        "traffic": None if measured is None else traffic.to_json(measured),
        "relaxations": [
            {
                "kind": r.kind,
                "object": names[r.object],
                "text": words.relaxation(analysis, r),
                "shown": [{"port": port, "fields": list(f)} for port, f in (r.ranged.shown if r.ranged else ())],
            }
            for r in plan.relaxations
        ],
        "notes": [{"location": places((n.loc,))[0], "text": n.words} for n in analysis.notes],
    }


def _proof(plan: ShardingPlan, port: int) -> dict[str, Any]:
    """By what the keys of a port were shown to be right (`rss.verify`; without it there is no plan)."""
    concerned = [c for c in plan.constraints if port in c.ports]
    by_z3 = sum(c.relation is not None for c in concerned)
    return {"status": "proved", "linear": len(concerned) - by_z3, "z3": by_z3}


def bits(f: FieldBits) -> str:
    """A field, or bits of one: ``src_ip``, ``src_ip[31:24]``."""
    from maestro_tool.packet.fields import field_of

    return f.field if (f.high, f.low) == (field_of(f.field).bits - 1, 0) else f"{f.field}[{f.high}:{f.low}]"
