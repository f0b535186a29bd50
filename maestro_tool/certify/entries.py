"""What entries hold, and which objects belong together: lemmas 6, 8 and, of vectors, 10 of docs/soundness.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from maestro_tool.certificate.key_storage import KeyStorage
from maestro_tool.certificate.read import Certificate, Event, Path
from maestro_tool.smtlib.obligation import Obligation
from maestro_tool.smtlib.terms import Script, conjunction, disjunction

#: Sharded objects whose entries are reached by indices -> allocators, and whether each index has a block.
Chains = dict[int, set[tuple[int, bool]]]


def entries(c: Certificate, storage: dict[int, KeyStorage], chains: Chains) -> Iterator[Obligation]:
    """Where an entry is read, or treated, as if it were somebody else's."""
    yield from _closed(c, storage)
    for obj, chain in ((o, n) for o, ways in chains.items() for n, block in ways if not block):
        vector, allocator = c.objects[obj], c.objects[chain]
        few = vector["capacity"] < allocator["capacity"] or vector["led_by"][0] != chain or vector["led_by"][1] < 1
        if vector["kind"] in ("vector", "dmap") and allocator["ranged"] and few:
            yield Obligation("premise", "it has no entry for a later worker's indices", (obj, chain))
    wanted: dict[int, dict[tuple[int, int], str]] = defaultdict(dict)  # allocator -> byte of a vector -> where read
    for path, n, e in c.events("vector_read"):
        vector, at, inside = e["objects"][0], c.index_of(path, e["index"]), c.owned(path, e["index"])
        of = at or inside
        chain = -1 if of is None else path.events[of[1]]["objects"][0]
        chain = storage[chain].chain if of is not None and of[0] == "found" and chain in storage else chain
        sharded = chain >= 0 and c.objects[chain]["treatment"] == "sharded"
        if sharded and (at is None or at[0] == "fresh"):
            yield (
                _cleans(c, path, n)
                if at is not None
                else Obligation("premise", "an entry of a block is read", (vector, chain), (e["location"],))
            )
        brought = [x for x, _ in chains.get(vector, ())] if c.about_frame(e["index"]) else []
        for x in [chain] if sharded and at is not None and at[0] == "found" else brought:
            wanted[x] |= {(vector, byte): e["location"] for byte in range(*e["span"])}
    for path, n, e in c.events("dchain_allocate"):
        read = wanted[e["objects"][0]] if e["result"] else {}
        for vector, byte in sorted(read.keys() - c.filled(path, n))[:1]:
            text = f"byte {byte} of an entry is read, but not written by all packets that take its index"
            yield Obligation("premise", text, (vector, *e["objects"]), (read[vector, byte], e["location"]))


def _closed(c: Certificate, storage: dict[int, KeyStorage]) -> Iterator[Obligation]:
    """An operation that changes a sharded object changes no other; a key lies where its map is."""
    touched = [(path, e, [o for o, *_ in c.accesses(e)]) for path, _, e in c.events()]
    written = {o for path, _, e in c.events() for o, _, writes in c.accesses(e) if writes}
    together = {(m, s.vector, s.chain): "" for m, s in storage.items()}
    together |= {
        (*objects, *e.get("key_home", ())[:1]): e["location"]
        for _, e, objects in touched
        if "key_home" in e or any(writes for *_, writes in c.accesses(e))
    }
    for objects, place in together.items():
        kinds = {c.objects[o]["treatment"] == "sharded" for o in objects if o in written}
        if len(kinds) > 1:
            yield Obligation(
                "premise", "what belongs together is not treated alike", objects, (place,) if place else ()
            )


def _cleans(c: Certificate, path: Path, n: int) -> Obligation:
    """What lies at a fresh index may say which keys in the index's block are erased, and decides nothing else."""
    read, at = path.events[n], c.owned(path, path.events[n]["index"])
    text, objects, places = "what an earlier owner left decides", tuple(read["objects"]), (read["location"],)

    def about(e: int) -> bool:
        return any(c.pool.name(s).startswith(f"vector_read.{n}.") for s in c.pool.symbols(e))

    def same(e: Event) -> dict[str, Any]:
        own = e["op"] == "expire_range" and c.owned(path, e["index"]) == at
        return {m: x for m, x in e.items() if m != "conditions" and not (own and m in ("index", "value"))}

    def rest(p: Path) -> tuple[Any, ...]:
        return p.port, [x for x in p.conditions if not about(x)], [*map(same, p.events)], p.frame, p.verdict, p.grown

    operands = [x for e in path.events for operand, x in c.operands(e) if operand in same(e)]
    if any(map(about, (*operands, *(v for _, v in path.frame), *path.goes))):
        return Obligation("premise", text, objects, places)
    script, mine = Script(c.pool, {"": path.port}), rest(path)
    alike = [conjunction(script.term("", x) for x in p.conditions if about(x)) for p in c.paths if rest(p) == mine]
    before = [script.term("", x) for x in path.conditions if not about(x)]
    return Obligation("left", text, objects, places, script, (*before, f"(not {disjunction(alike)})"))
