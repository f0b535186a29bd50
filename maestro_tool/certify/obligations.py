"""What must be refuted, from paths, keys and tables alone: docs/certificate.md lists the kinds of obligations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from maestro_tool.certificate.key_storage import KeyStorage, key_storage, shown
from maestro_tool.certificate.read import Certificate, Event, Path, touches
from maestro_tool.certificate.tree import forks
from maestro_tool.certificate.turns import turns
from maestro_tool.certificate.twins import twins
from maestro_tool.certify.entries import Chains, entries
from maestro_tool.certify.premises import premises
from maestro_tool.smtlib import frames, indices
from maestro_tool.smtlib.meeting import Meeting, any_of
from maestro_tool.smtlib.obligation import Obligation
from maestro_tool.smtlib.terms import Script, conjunction, disjunction


@dataclass(frozen=True)
class Name:
    """An entry: of map (or sketch) ``map`` under ``key``, or that the index leads to which is found there; -1: the only
    one; None: nobody else can name it.  ``chain``: the index's allocator.  ``block``: entries of its own block."""

    map: int | None
    key: tuple[int, ...] = ()
    chain: int | None = None
    block: bool = False


@dataclass
class _Group:
    """The accesses of packets of one port to entries of one name; ``objects``: whether any writes."""

    port: int
    key: tuple[int, ...]
    paths: dict[int, Path] = field(default_factory=dict)
    objects: dict[int, bool] = field(default_factory=dict)
    locations: dict[str, None] = field(default_factory=dict)


class Checker:
    """``refuted``: whether a script is proved to have no model."""

    def __init__(self, certificate: Certificate, refuted: Callable[[str], bool]) -> None:
        self.c, self._meeting = certificate, Meeting(certificate.pool, certificate.ports, refuted)
        self._refuted = refuted
        self.sharded = frozenset(certificate.treated("sharded"))
        self.storage, self._misplaced = key_storage(certificate)

    def obligations(self) -> Iterator[Obligation]:
        """All of them."""
        for port in range(len(self.c.ports)):
            yield from self._cover(port)
        for path, n, e in self.c.events():
            for obj, _, writes in self.c.accesses(e):
                if (why := self._mistreated(path, n, obj, writes)) is not None:
                    yield Obligation("treatment", why, (obj,), (e["location"],))
        if len({len(p["parts"]) for p in self.c.ports}) > 1:
            yield Obligation("table", "the tables of the ports have different sizes")
        for text, objects, places in (*self._misplaced, *premises(self.c, self.storage), *turns(self.c)):
            yield Obligation("premise", text, objects, places)
        yield from (*twins(self.c), *entries(self.c, self.storage, self._chains()))
        for path, _, put in self.c.events("map_put"):
            if put["objects"][0] in self.storage:
                script, held = Script(self.c.pool, {"": path.port}), self.c.contents(path, *put["key_home"])
                before = [script.term("", c) for c in sorted(self.c.frame_conditions(path))]
                other = indices.other_keys(script, held, self.c.objects[put["objects"][0]]["key"], put["key"])
                text, objects = "the key that is put lies there, whole", tuple(put["objects"])
                yield Obligation("key", text, objects, (put["location"],), script, (*before, other))
        yield from self._shown()
        yield from self._pairs()

    def _cover(self, port: int) -> Iterator[Obligation]:
        """Wherever paths part, their conditions cover all packets and exclude each other."""
        for fork in forks([p for p in (*self.c.paths, *self.c.left_out) if p.port == port]):
            if fork.wrong:
                yield Obligation("cover", fork.wrong, fork.objects, fork.places)
                continue
            script = Script(self.c.pool, {"": port})
            terms = [conjunction(script.term("", e) for e in way) for way in fork.ways]
            both = [f"(and {x} {y})" for i, x in enumerate(terms) for y in terms[i + 1 :]]
            before = [script.term("", e) for e in fork.given]
            claims = (*before, frames.long_enough(script, ""), disjunction([f"(not {disjunction(terms)})", *both]))
            yield Obligation("cover", f"port {port}: each packet takes one way here", (), fork.places, script, claims)

    def assumed(self) -> list[Path]:
        """The paths that are left out, and of which it is not proved that no packet takes them."""
        return [p for p in self.c.left_out if not any(self._never(p, n) for n in range(len(p.events)))]

    def _never(self, path: Path, n: int) -> bool:
        """Whether a path that is left out reads, by event ``n``, of an entry that a map leads to, what nobody leaves
        there: neither who takes the index, all of whom write it, nor any later packet of this worker."""
        asked, at = path.events[n], self.c.index_of(path, path.events[n].get("index", -1))
        storage = self.storage.get(path.events[at[1]]["objects"][0]) if at is not None and at[0] == "found" else None
        read = {(asked["objects"][0], byte) for byte in self.c.bytes_asked(path, n)}
        if asked["op"] != "vector_read" or storage is None or not storage.plain or not read:
            return False
        taken = [
            (p, k) for p, k, e in self.c.events("dchain_allocate") if e["objects"] == [storage.chain] and e["result"]
        ]
        if any(read - self.c.filled(p, k) for p, k in taken):
            return False
        for writer, _, w in self.c.events("vector_write"):
            stored = {(w["objects"][0], byte): value for byte, value in self.c.stored_bytes(w).items()}
            script = Script(self.c.pool, {"a": writer.port, "b": path.port})
            script.given |= {("b", f"vector_read.{n}.{byte}"): ("a", *value) for (_, byte), value in stored.items()}
            now = [script.symbol(side, "now", 64) for side in "ab"]
            both = [script.term(side, e) for side, p in (("a", writer), ("b", path)) for e in p.conditions]
            both += [f"(bvsle {x} {y})" for x, y in (("(_ bv0 64)", now[0]), (now[0], now[1]))]
            if read & stored.keys() and not self._refuted(script.text(both)):
                return False
        return True

    def _mistreated(self, path: Path, event: int, obj: int, writes: bool) -> str | None:
        """What is wrong with an access, if its object's treatment does not allow it."""
        o, e = self.c.objects[obj], path.events[event]
        match o["treatment"]:
            case "read-only" if writes:
                return "packets change what is taken to be only read"
            case "per-core":
                uses = [(where, n, self.c.pool.symbols(value)) for where, value, n in self.c.uses(path)]
                mine = [(n, x) for n, x in enumerate(path.events) if x["objects"] == e["objects"]]
                own = [n for n, x in mine if any(changes for _, changes in touches(x))]
                found = (s for where, n, used in uses if where != "stored" or n not in own for s in used)
                decides = any((self.c.origin(path, s) or (-1, ""))[0] == event for s in found)
                if decides or e["op"] not in ("global_read", "global_write", "vector_read", "vector_write"):
                    return "what cores count apart decides something"
            case other if other not in ("read-only", "shared", "sharded"):
                raise ValueError(f"no treatment: {other!r:.40}")
        return None

    def _named(self, path: Path, event: int, how: str) -> list[Name] | str:
        """The names of the entry that an event touches, none if it is this worker's own affair; or why it has none."""
        e = path.events[event]
        if how == "key":
            return [Name(e["objects"][0], tuple(e["key"]))] if "key" in e else "it is not known which keys are equal"
        if how in ("old", "erased", "whole"):
            return [Name(-1)] if how == "whole" else []
        owner = ("fresh", event) if how == "fresh" else self.c.owned(path, e["index"]) if how == "index" else None
        if owner is None:
            return "no index of its own names it"
        block = how == "index" and (e["op"] == "expire_range" or self.c.index_of(path, e["index"]) is None)
        made = path.events[owner[1]]
        if owner[0] == "found":
            storage = self.storage.get(made["objects"][0], KeyStorage(-1, -1, False))
            if not storage.plain or "key" not in made:
                return f"{self.c.label(made['objects'][0])}, where its index is found, holds not just fresh ones"
            return [Name(made["objects"][0], tuple(made["key"]), storage.chain, block)]
        puts = [x for x in path.events if x["op"] == "map_put" and self.c.index_of(path, x["value"]) == owner]
        named = [Name(x["objects"][0], tuple(x["key"]), made["objects"][0], block) for x in puts if "key" in x]
        return named or [Name(None, (), made["objects"][0], block)]

    def _inside(self, path: Path, e: Event, obj: int) -> Obligation:
        """An index out of a packet is one that the object has."""
        script = Script(self.c.pool, {"": path.port})
        before = [script.term("", c) for c in path.conditions]
        claims = (*before, indices.beyond(script, e["index"], self.c.objects[obj]["min_capacity"]))
        return Obligation("range", "there is such an entry", (obj,), (e["location"],), script, claims)

    def _block(self, path: Path, e: Event, chain: int) -> Iterator[Obligation]:
        """Entries lie in the block of their index, which has as many as the vector has for each of the allocator's;
        where in it does not depend on which index that is."""
        vector, capacity, places = e["objects"][0], self.c.objects[chain]["capacity"], (e["location"],)
        each, pool, erased = self.c.objects[vector]["capacity"] // capacity, self.c.pool, e["op"] == "expire_range"
        owner = next(s for s in pool.symbols(e["index"]) if self.c.index_of(path, s) is not None)
        own = 0 < each <= 4096 and self.c.objects[chain]["ranged"] and self.c.objects[vector]["led_by"] == [chain, each]
        bounds = [e["index"], e["value"]] if erased else [e["index"]]
        if not own or {pool.width[x] for x in (owner, *bounds)} != {32}:
            yield Obligation("block", "not a block for each index of this worker", (vector, chain), places)
            return
        script = Script(pool, {"": path.port})
        before = [script.term("", c) for c in path.conditions[: e["conditions"]]]
        claims = (*before, indices.outside(script, owner, each, bounds, erased))
        yield Obligation("block", "a block for each index", (vector,), places, script, claims)
        for bound in bounds:
            script = Script(pool, {"a": path.port, "b": path.port})
            claims = tuple(indices.moved(script, owner, each, bound, capacity))
            yield Obligation("block", "an index does not decide where in its block", (vector,), places, script, claims)

    def _shown(self) -> Iterator[Obligation]:
        """No packet can tell which index was chosen, but by frames that leave: then no two workers have the same."""
        for path in self.c.paths:
            for where, e, symbol, chain in shown(self.c, path, self.storage):
                if where == "frame" and self.c.objects[chain]["ranged"]:
                    continue
                script, claims = Script(self.c.pool, {"": path.port}), []
                if where == "condition":  # the same for each index, none of which is negative
                    claims = [f"(bvsge {script.term('', symbol)} #x00000000)", f"(not {script.term('', e)})"]
                text = f"an index decides more than which entry is meant: {where}"
                yield Obligation("index", text, (chain,), (path.location,), script if claims else None, tuple(claims))

    def _pairs(self) -> Iterator[Obligation]:
        """Two accesses to one sharded object, of which one writes: equal names and different workers."""
        groups: dict[tuple[int, int, tuple[int, ...]], _Group] = {}
        brought: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        chains = self._chains()
        for obj, ways in chains.items():
            if len(ways) > 1 or (self.c.objects[obj]["kind"] == "dchain" and ways != {(obj, False)}):
                yield Obligation("name", "its entries are named by indices that are not related", (obj,))
        for path, n, e in self.c.events():
            for obj, how, writes in self.c.accesses(e):
                names = self._named(path, n, how) if obj in self.sharded else []
                if isinstance(names, str) and how == "index" and self.c.about_frame(e["index"]):
                    for chain, _ in chains.get(obj, ()):
                        brought[chain][path.number].append(n)
                    names = [] if obj in chains else [Name(obj, (e["index"],))]
                    if obj not in chains and not isinstance(names, str):
                        yield self._inside(path, e, obj)
                if isinstance(names, str):
                    yield Obligation("name", f"no name for an entry: {names}", (obj,), (e["location"],))
                    continue
                for name in names:
                    if name.block and name.chain is not None:
                        yield from self._block(path, e, name.chain)
                    if name.map is not None:
                        key = (name.map, path.port, name.key)
                        group = groups.setdefault(key, _Group(path.port, name.key))
                        group.paths[path.number], group.locations[e["location"]] = path, None
                        group.objects[obj] = group.objects.get(obj, False) or writes
        ordered = sorted(groups.items())
        for i, ((m, *_), a) in enumerate(ordered):
            for b in (b for (other, *_), b in ordered[i:] if other == m):
                objects = tuple(sorted(o for o in a.objects.keys() & b.objects if a.objects[o] or b.objects[o]))
                if objects:
                    yield from self._pair(a, b, objects)
        for chain, events in sorted(brought.items()):
            for number, mine in sorted(events.items()):
                yield from self._interchanged(chain, self.c.paths[number], mine)

    def _chains(self) -> Chains:
        found: dict[int, set[tuple[int, bool]]] = defaultdict(set)
        for path, n, e in self.c.events():
            for obj, how, _ in self.c.accesses(e):
                names = self._named(path, n, how) if obj in self.sharded and how in ("index", "fresh") else []
                for name in (x for x in names if isinstance(x, Name) and x.chain is not None):
                    found[obj].add((name.chain or 0, name.block))
        return dict(found)

    def _pair(self, a: _Group, b: _Group, objects: tuple[int, ...]) -> Iterator[Obligation]:
        ways = [frozenset(map(self.c.frame_conditions, g.paths.values())) for g in (a, b)]
        for x in self._meeting.modes(a.port, ways[0]):
            for y in self._meeting.modes(b.port, ways[1]):
                script = Script(self.c.pool, {"a": a.port, "b": b.port})
                equal = script.equate(zip(a.key, b.key, strict=True))
                if equal is not None:
                    claims = (*equal, *(any_of(script, side, w) for side, w in zip("ab", ways, strict=True)))
                    claims, kinds = self._meeting.apart(script, claims, (x, y))
                    text, places = f"port {a.port}, port {b.port}: equal names, one worker", a.locations | b.locations
                    yield Obligation("pair", text, objects, tuple(places), script, claims, kinds)

    def _interchanged(self, chain: int, path: Path, events: list[int]) -> Iterator[Obligation]:
        """A packet with an index of its own asks first whether it is in use; then it meets where that was allocated, or
        does the same as if it were not in use."""
        first, asked = min(events), path.events[min(events)]
        places = (asked["location"],)
        if not self.c.objects[chain]["ranged"]:
            yield Obligation("match", "packets bring indices, but two workers may have the same", (chain,), places)
        same = all(path.events[n].get("index") == asked["index"] for n in events)
        if asked["op"] != "dchain_is_allocated" or asked["objects"] != [chain] or "result" not in asked or not same:
            yield Obligation("match", "it is not asked first whether the index is in use", (chain,), places)
            return
        before = (path.port, path.conditions[: asked["conditions"]], (*path.events[:first], {**asked, "result": False}))
        found = [(p.port, p.conditions[: asked["conditions"]], p.events[: first + 1]) for p in self.c.paths]
        twins = [p for p, same in zip(self.c.paths, found, strict=True) if same == before]
        outcomes = {self.c.outcome(p, first) for p in (*twins, path)}
        if not twins or not all(self._only_looks(p, first) for p in twins):
            yield Obligation("match", "more is done where an index is not in use", (chain,), places)
        elif asked["result"] and not (len(outcomes) == 1 and None not in outcomes and self._only_looks(path, first)):
            yield from self._matches(chain, path, asked["index"])

    def _only_looks(self, path: Path, first: int) -> bool:
        index, later = path.events[first]["index"], path.events[first + 1 :]
        return all(e["op"] == "opaque" or (e["op"] == "vector_read" and e["index"] == index) for e in later)

    def _matches(self, chain: int, path: Path, index: int) -> Iterator[Obligation]:
        """Who allocated an index and filled its entry with what this path compares has the same worker."""
        changed = {(e["objects"][0], b) for p, _, e in self.c.events("vector_write") for b in self.c.stored_bytes(e)
                   if (self.c.index_of(p, e["index"]) or "?")[0] != "fresh"}  # fmt: skip
        for writer, n, allocation in self.c.events("dchain_allocate"):
            if allocation["objects"] != [chain] or allocation.get("result") is False:
                continue
            held = self.c.stored_at(writer, ("fresh", n))
            for x in self._meeting.modes(writer.port, frozenset([self.c.frame_conditions(writer)])):
                for y in self._meeting.modes(path.port, frozenset([self.c.frame_conditions(path)])):
                    script = Script(self.c.pool, {"a": writer.port, "b": path.port})
                    for number, e in enumerate(path.events):
                        for b in range(*e["span"]) if e["op"] == "vector_read" and e["index"] == index else ():
                            if (place := (e["objects"][0], b)) in held and place not in changed:
                                script.given["b", f"vector_read.{number}.{b}"] = ("a", *held[place])
                    if script.assume("b", path.conditions):
                        both = [script.term(side, c) for side, p in (("a", writer), ("b", path)) for c in p.conditions]
                        claims, kinds = self._meeting.apart(script, both, (x, y))
                        text = f"port {path.port}: who matches an entry of port {writer.port} has its worker"
                        places = (allocation["location"], path.location)
                        yield Obligation("match", text, (chain,), places, script, claims, kinds)
