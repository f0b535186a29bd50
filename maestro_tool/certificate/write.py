"""``certificate.json``: all that it takes to prove a build again, without this tool's analyses; docs/certificate.md.

It says what symbolic execution found and what was decided.  That the one makes the other right it does not say:
``certify`` derives what is to be proved by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from maestro_tool import __version__, canonical
from maestro_tool.certificate.c_data import read
from maestro_tool.certificate.program import unsaid
from maestro_tool.certificate.read import SCHEMA
from maestro_tool.expr import Expr
from maestro_tool.expr.text import Pool
from maestro_tool.operations import Role
from maestro_tool.packet.fields import bytes_text, field_of
from maestro_tool.packet.kinds import kind_of
from maestro_tool.rss.steering import nic_inputs
from maestro_tool.sharding.facts.pairs import spread, spreadable
from maestro_tool.sharding.outcome.sharing import shares, sharing

if TYPE_CHECKING:
    from maestro_tool.frontend.ir import Program
    from maestro_tool.nic.profile import NicProfile
    from maestro_tool.rss import RssSolution
    from maestro_tool.rss.byte_inputs import OfBytes
    from maestro_tool.rss.problem import HashSetup
    from maestro_tool.rss.solution import PortSolution
    from maestro_tool.sharding.plan import Constraint, FieldBits, ShardingPlan
    from maestro_tool.symex.callpath import Analysis, CallPath, Event, KeyField, LeftOut


def text(
    name: str,
    program: Program,
    meaning: str,
    analysis: Analysis,
    plan: ShardingPlan,
    solution: RssSolution,
    strategy: str,
    files: Mapping[str, str],
    profiles: Sequence[NicProfile] = (),
) -> str:
    """The content of ``certificate.json``, on one line.

    ``meaning``: the program's fingerprint.  ``files``: plan.json and the generated C that is bound, by name.
    ``profiles``: one per port, where there is generated C.
    """
    hints = sharing(analysis, plan) if shares(plan) else None
    # A double map that is sharded is described by what it is made of.
    known = spreadable(analysis)
    parts = spread(analysis, [d.object for d in plan.decisions if d.treatment == "sharded" and d.object in known])
    analysis, of = parts.analysis, {m: (number, n) for number, found in parts.maps.items() for n, m in enumerate(found)}
    decisions = (*plan.decisions, *(plan.decisions[number] for number, _ in of.values()))
    pool, events, tables = Pool(), _Events(program), f"gen/{name}_parallel.c"
    paths = [_path(p, program, pool, events) for p in analysis.paths]
    left_out = [_left_out(p, program, pool, events) for p in analysis.left_out]
    document = {
        "nf": name,
        "program": meaning,
        "strategy": strategy,
        "constraints": [_constraint(x, analysis) for x in plan.constraints],
        "ports": [_port(p, solution) | _card(p, profiles) for p in solution.ports],
        "objects": [
            {
                "name": o.name,
                "kind": "dmap" if o.id in parts.maps else o.kind,
                "capacity": o.capacity,
                "filled": o.filled,
                "key": None if o.key is None else [_part(f, pool) for f in o.key],
                "key_vectors": list(o.key_vectors),
                "treatment": d.treatment,
                "split": d.split,
                "ranged": d.ranged,
                "guarded": hints is not None and o.id in hints.guarded,
                "ages_per_worker": hints is not None and o.id in hints.ages_per_worker,
                "element_size": o.element_size or 0,
                "min_capacity": d.min_capacity,
                "max_capacity": d.max_capacity,
                "led_by": list(d.led_by or (0, 0)),
            }
            | ({"of": list(of[o.id])} if o.id in of else {})
            for o, d in zip(analysis.objects, decisions, strict=True)
        ],
        "always_write": hints is not None and hints.always_write,
        "restore_bytes": 0 if hints is None else hints.restore_bytes,
        "frame_stored": analysis.frame_stored,
        "frame_moved": analysis.frame_moved,
        "files": [[f.name, f.digest] for f in analysis.files],
        "entry_points": [f for f in ("nf_config_init", "nf_config_print") if f in program.functions],
        "maestro": __version__,
        "generated": unsaid(read(files[tables])) if tables in files else {},
        "paths": paths,
        "left_out": left_out,
        "events": events.entries,
        "accesses": events.accesses(len(analysis.objects)),
        "expressions": pool.entries,
        "digests": {file: _sha256(t.encode("utf-8", "surrogateescape")) for file, t in files.items()},
    }
    content = canonical.compact(document)
    digest = _sha256(content.encode())
    return f'{{"certificate":{content},"digest":"{digest}","schema":"{SCHEMA}"}}\n'


def _constraint(x: Constraint, analysis: Analysis) -> dict[str, Any]:
    """As plan.json says it: nothing that is proved rests on it."""
    return {
        "ports": list(x.ports),
        "equal": [[_bits(a), _bits(b)] for a, b in x.equal],
        "classes": [list(side) for side in x.classes],
        "rule": x.rule,
        "objects": [analysis.objects[o].name for o in x.objects],
    }


def _bits(f: FieldBits) -> str:
    whole = (f.high, f.low) == (field_of(f.field).bits - 1, 0)
    return f.field if whole else f"{f.field}[{f.high}:{f.low}]"


def _part(f: KeyField, pool: Pool) -> list[int]:
    computed = () if f.computed is None else (pool.add(f.computed),)
    return [f.offset, f.size, *(f.bits or computed)]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Events:
    """Events of all paths, each different one once: paths have most of them in common."""

    def __init__(self, program: Program) -> None:
        self.entries: list[dict[str, Any]] = []
        self._locations = program.locations
        self._known: dict[Event, int] = {}

    def add(self, event: Event, pool: Pool) -> int:
        number = self._known.setdefault(event, len(self.entries))
        if number == len(self.entries):
            self.entries.append(_event(event, pool) | {"location": str(self._locations[event.loc])})
        return number

    def accesses(self, objects: int) -> list[list[int]]:
        """By object the events that touch it."""
        touching: list[list[int]] = [[] for _ in range(objects)]
        for event, number in self._known.items():
            for obj in event.objects:
                touching[obj].append(number)
        return touching


def _event(event: Event, pool: Pool) -> dict[str, Any]:
    """The operation, its objects, and those of its operands that there are, by name; ``conditions``: how many of the
    path's hold before it."""
    entry: dict[str, Any] = {"op": event.op.name, "objects": list(event.objects), "conditions": event.condition_length}
    for operand, role in event.op.operands.items():
        found = event.expressions(operand)
        if found and role is not Role.PRODUCES and operand not in ("stored", "key_home"):
            entry[operand] = pool.add(found[0]) if operand in ("index", "value") else list(map(pool.add, found))
    if event.key_home is not None:
        entry["key_home"] = [event.key_home[0], pool.add(event.key_home[1])]
        if event.key_offset != 0:
            entry["key_offset"] = event.key_offset
    if event.stored:
        entry["stored"] = [[offset, pool.add(value)] for offset, value in event.stored]
    if event.span is not None:
        entry["span"] = list(event.span)
    if event.result is not None:
        entry["result"] = event.result
    return entry


def _path(path: CallPath, program: Program, pool: Pool, events: _Events) -> dict[str, Any]:
    verdict = [pool.add(path.verdict)] if isinstance(path.verdict, Expr) else path.verdict
    return {
        "port": path.port,
        "location": str(program.locations[path.loc]),
        "conditions": list(map(pool.add, path.condition)),
        "events": [events.add(e, pool) for e in path.events],
        "frame": [[offset, pool.add(value)] for offset, value in path.packet_writes],
        "verdict": verdict,
        "grown": path.grown,
    }


def _left_out(path: LeftOut, program: Program, pool: Pool, events: _Events) -> dict[str, Any]:
    return {
        "port": path.port,
        "location": str(program.locations[path.why.loc]),
        "conditions": list(map(pool.add, path.condition)),
        "events": [events.add(e, pool) for e in path.events],
        "why": path.why.words,
    }


def _port(p: PortSolution, solution: RssSolution) -> dict[str, Any]:
    """Who hashes what of the frames of each class, and which part of the table each index belongs to: a part has one
    worker, whatever their number."""
    from maestro_tool.rss.problem import HashSetup

    setup = HashSetup("as solved", p.rss_hf, p.hashed, p.padded, p.function)
    return {
        "key": p.key.hex(),
        "function": p.function,
        "parts": list(solution.groups) or list(range(p.table_size)),
        "classes": {name: _steered(name, how, setup, p.of_bytes) for name, how in p.steering},
        "software": {str(view): list(fields) for view, fields in p.software},
    }


def _card(p: PortSolution, profiles: Sequence[NicProfile]) -> dict[str, Any]:
    """What the program knows about the port's card."""
    if not profiles:
        return {}
    profile = profiles[p.port]
    rss = profile.rss
    return {
        "card": {
            "blind_to": list(rss.blind_to),
            "hashes": rss.kind == "hardware",
            "drivers": list(profile.planned_drivers),
            "initial_hash": rss.initial_hash,
            "key_reversed": rss.key_reversed,
            "key_unread": not rss.read_back.key,
            "max_queues": rss.max_queues or 0,
            "power_of_two_queues": rss.power_of_two_queues,
            "table_selectable": rss.tables.selectable,
            "table_unread": not rss.read_back.table,
        }
    }


def _steered(name: str, how: str, setup: HashSetup, of_bytes: OfBytes) -> list[Any]:
    """``["nic", input, ...]``: what the card may hash, more than one where its driver does not say which.  A field that
    the card reads from elsewhere than the NF has a ``?``, zeros in the place of one a ``0``.  ``["software", input]``:
    bytes of the frame, whatever its view; ``["software"]``: by its view.  ``["software", ["if SHAPE", ...], ...]``: of
    frames of that shape, and that fit none before, these bytes; where there are none, by their views."""
    mine = [(kind_of(kind).shape, fields) for kind, fields in of_bytes if kind_of(kind).base == name]
    if mine:
        inputs = [(shape, [bytes_text(f.offset, f.size) for f in map(field_of, fields)]) for shape, fields in mine]
        return [how, *([f"if {s.text}", *items] if s else items for s, items in inputs if s or items)]
    if how != "nic":
        return [how]
    return [how, *([_marked(i) for i in items] for items in nic_inputs(name, setup))]


def _marked(item: Any) -> str:
    return f"0{item.field}" if item.gap else item.field if item.aligned else f"?{item.field}"
