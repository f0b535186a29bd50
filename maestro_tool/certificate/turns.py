"""Where workers share objects: that readers change nothing, and that a run which starts again does nothing twice.

A packet runs as a reader until an operation announces that it changes something; then its run is undone, and it runs
again as the writer, alone (docs/strategies.md).  What the runtime must know for that is derived here from the paths.
"""

from __future__ import annotations

from collections.abc import Iterator

from maestro_tool.certificate.key_storage import Wrong
from maestro_tool.certificate.read import OPERATIONS, Certificate, Event, Path, touches
from maestro_tool.certificate.shapes import AGES, ANNOUNCES, ENDS_OLD

#: Strategies under which the NF's variables and objects exist once.
ONE_COPY = ("locks", "tm")
#: Leading bytes of a frame that the runtime can put back.
MOST_RESTORED = 256


def turns(c: Certificate) -> Iterator[Wrong]:
    """What the certificate does not tell the runtime, and must."""
    shared, one_copy = frozenset(c.treated("shared")), c.document["strategy"] in ONE_COPY
    for n, o in enumerate(c.objects):
        if one_copy and o["treatment"] not in ("shared", "read-only"):
            yield "workers have one of it, and it is treated as if each had its own", (n,), ()
        if o["kind"] == "global" and n in shared and not one_copy:
            yield "workers share variables, and each has its own", (n,), ()
    aged = {n for n, o in enumerate(c.objects) if o["ages_per_worker"]}
    for chain in aged:
        if chain not in shared or c.objects[chain]["kind"] != "dchain":
            yield "workers note uses of what is no allocator that they share", (chain,), ()
    for _, _, e in c.events():
        timed = e["op"] not in OPERATIONS or (e["op"] in AGES and c.pool.name(e["value"]) != "now")
        if timed and aged.intersection(e["objects"]):
            yield "workers note uses that are not at the packet's time", tuple(e["objects"]), (e["location"],)
    if not shared or c.document["always_write"]:
        return  # each packet is the writer from its start: none starts again
    moved = c.document["frame_moved"] or any(p.grown for p in c.paths)
    stored = max([c.document["frame_stored"], *(at + c.pool.width[v] // 8 for p in c.paths for at, v in p.frame)])
    if moved:
        yield "packets move the start of the frame, and none is the writer from its start", (), ()
    elif not stored <= c.document["restore_bytes"] <= MOST_RESTORED:
        yield "packets change bytes of the frame that are not put back before they start again", (), ()
    for path in c.paths:
        yield from _silent(c, path, shared)
        yield from _twice(c, path, shared, aged)


def _changed(e: Event) -> list[int]:
    return [o for o, (_, writes) in zip(e["objects"], touches(e), strict=True) if writes]


def _guarded(c: Certificate, obj: int) -> bool:
    """Whether the runtime makes who changes it the writer; of a part, whether it does so for the double map."""
    o = c.objects[obj]
    return bool(c.objects[int(o["of"][0])]["guarded"] if "of" in o else o["guarded"])


def _writes_element(c: Certificate, e: Event) -> bool:
    """Whether it stores into an element: the runtime compares elements when the packet is done."""
    return bool(e["op"] == "vector_write" and c.objects[e["objects"][0]]["kind"] == "vector")


def _silent(c: Certificate, path: Path, shared: frozenset[int]) -> Iterator[Wrong]:
    """What a reader may change of what is shared; and that it finds keys which it changed."""
    key_vectors = {v for o in c.objects for v in o["key_vectors"]}
    key_vectors |= {e["key_home"][0] for _, _, e in c.events() if "key_home" in e}
    writer = changed = False
    for e in path.events:
        where, mine = (e["location"],), shared.intersection(_changed(e))
        loose = [o for o in mine if not _guarded(c, o)]
        kinds = {c.objects[o]["kind"] for o in e["objects"]}
        if any(c.objects[o]["kind"] == "global" for o in mine):
            yield "packets change variables that are shared, and none is the writer from its start", (*mine,), where
        elif loose and not (writer and _writes_element(c, e)):
            yield "a packet changes what is shared, but does not wait for its turn", (*loose,), where
        if not writer and changed and (e["op"] == "map_get" or ("map" in kinds and e["op"] not in OPERATIONS)):
            yield "packets change keys and look them up, and none is the writer from its start", (), where
        changed |= _writes_element(c, e) and not key_vectors.isdisjoint(e["objects"])
        announces = e.get("result") in ANNOUNCES.get(e["op"], ()) and e["objects"][0] in shared
        writer |= announces and _guarded(c, e["objects"][0])


def _twice(c: Certificate, path: Path, shared: frozenset[int], aged: set[int]) -> Iterator[Wrong]:
    """What a packet changes of its own worker's objects before it may start again, if its first run is not undone.

    Ages are undone, and variables are put back.  Old entries that are gone stay gone, which shows in their number only.
    """
    last = -1
    for n, e in enumerate(path.events):
        waits = [o for o in _changed(e) if o in shared or _guarded(c, o)]
        noted = e["op"] == "dchain_rejuvenate" and (waits == [o for o in waits if o in aged or o not in shared])
        if _writes_element(c, e) and waits:
            last = len(path.events)
        elif waits and not noted:
            last = max(last, n)
    counted = {made[0] for _, e, _ in c.uses(path) for s in c.pool.symbols(e) if (made := c.origin(path, s))}
    for n, e in enumerate(path.events[: last + 1]):
        own = [o for o in _changed(e) if o not in shared and c.objects[o]["kind"] != "global"]
        ends = e["op"] in ENDS_OLD and own == _changed(e) and n not in counted
        again = [o for o in own if not _guarded(c, o)]
        if again and not ends:
            yield "a packet changes what is its worker's own, and may start again", (*again,), (e["location"],)
