"""What must be refuted, from paths, keys and tables alone: docs/certificate.md lists the kinds of obligations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from maestro_tool.certificate.read import Certificate, Event, Path, answer
from maestro_tool.certify.premises import Home, homes, kept, premises, shown
from maestro_tool.smtlib import frames
from maestro_tool.smtlib.terms import Script, conjunction, disjunction


@dataclass(frozen=True)
class Obligation:
    """``claims`` over ``script`` contradict each other; without a script it is refuted already.  ``kinds``: of what
    frames each packet's may be, by the number of its constant ``class``."""

    what: str
    text: str
    objects: tuple[int, ...] = ()
    locations: tuple[str, ...] = ()
    script: Script | None = None
    claims: tuple[str, ...] = ()
    kinds: tuple[list[frames.Kind], ...] = ()


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
        self.c, self._refuted = certificate, refuted
        self._reached: dict[Any, list[frames.Items | None]] = {}
        self.sharded = frozenset(certificate.treated("sharded"))
        self.homes, self._homeless = homes(certificate)

    def obligations(self) -> Iterator[Obligation]:
        """All of them."""
        for port in range(len(self.c.ports)):
            yield from self._cover([p for p in self.c.paths if p.port == port], Script(self.c.pool, {"": port}), 0, 0)
        for path, n, e in self.c.events():
            for obj, _, writes in self.c.accesses(e):
                if (why := self._mistreated(path, n, obj, writes)) is not None:
                    yield Obligation("treatment", why, (obj,), (e["location"],))
        if len({len(p["parts"]) for p in self.c.ports}) > 1:
            yield Obligation("table", "the tables of the ports have different sizes")
        for text, objects, places in (*self._homeless, *premises(self.c, self.homes)):
            yield Obligation("premise", text, objects, places)
        for path, _, put in self.c.events("map_put"):
            if put["objects"][0] in self.homes:
                script, places = Script(self.c.pool, {"": path.port}), (put["location"],)
                before = [script.term("", c) for c in sorted(self.c.frame_conditions(path))]
                claims = (*before, disjunction(kept(self.c, path, put, script)))
                text, objects = "the key that is put lies there, whole", tuple(put["objects"])
                yield Obligation("key", text, objects, places, script, claims)
        yield from self._shown()
        yield from self._pairs()

    def _cover(self, paths: list[Path], script: Script, event: int, given: int) -> Iterator[Obligation]:
        """``paths`` are one up to ``event``, and in their first ``given`` conditions.  Where they part, their next ones
        cover all packets and exclude each other; then they do the same, or part by its answer."""
        ways: dict[tuple[int, ...], list[Path]] = defaultdict(list)
        for p in paths:
            ways[p.conditions[given : p.events[event]["conditions"] if event < len(p.events) else None]].append(p)
        if list(ways) != [()]:
            port = script.ports[""]
            script = Script(self.c.pool, {"": port})
            terms = [conjunction(script.term("", e) for e in way) for way in ways]
            both = [f"(and {x} {y})" for i, x in enumerate(terms) for y in terms[i + 1 :]]
            before = [script.term("", e) for e in (paths[0].conditions[:given] if paths else ())]
            claims = (*before, frames.long_enough(script, ""), disjunction([f"(not {disjunction(terms)})", *both]))
            places = tuple(dict.fromkeys(p.location for p in paths))
            text = "takes one way here" if len(ways) > 1 else "is as assumed (notes of plan.json)"
            yield Obligation("cover", f"port {port}: each packet {text}", (), places, script, claims)
        for way, mine in ways.items():
            ends = [p for p in mine if event == len(p.events)]
            asked = [{k: v for k, v in p.events[event].items() if k != "result"} for p in mine if p not in ends]
            answers: dict[bool | None, list[Path]] = defaultdict(list)
            for p in mine if not ends else ():
                answers[p.events[event].get("result")].append(p)
            if any(a != asked[0] for a in asked) or (ends and len(mine) > 1):
                yield Obligation("cover", "paths differ without a reason", (), tuple(p.location for p in mine))
            elif answers and set(answers) not in ({None}, {True, False}, {answer(mine[0], asked[0], event)}):
                text, e = f"not every answer of {asked[0]['op']} has a path", asked[0]
                yield Obligation("cover", text, tuple(e["objects"]), (e["location"],))
            else:
                for same in answers.values():
                    yield from self._cover(same, script, event + 1, given + len(way))

    def _mistreated(self, path: Path, event: int, obj: int, writes: bool) -> str | None:
        """What is wrong with an access, if its object's treatment does not allow it."""
        o, e = self.c.objects[obj], path.events[event]
        match o["treatment"]:
            case "read-only" if writes:
                return "packets change what is taken to be only read"
            case "shared" if writes and not (o["guarded"] or self.c.document["always_write"]):
                own_age = e["op"] == "dchain_rejuvenate" and o["ages_per_worker"]
                waits = own_age or e.get("result") is False or any(map(self._announces, path.events[: event + 1]))
                if not waits:
                    return "a packet changes what is shared, but does not wait for its turn"
            case "per-core":
                read, leaving = f"{e['op']}.{event}.", [*path.conditions, *(v for _, v in path.frame), *path.goes]
                for x in path.events:
                    back = x["objects"] == e["objects"] and x["op"].endswith("_write")
                    leaving += [value for slot, value in self.c.operands(x) if not (back and slot == "stored")]
                told = any(self.c.pool.name(s).startswith(read) for v in leaving for s in self.c.pool.symbols(v))
                if told or e["op"] not in ("global_read", "global_write", "vector_read", "vector_write"):
                    return "what cores count apart decides something"
            case other if other not in ("read-only", "shared", "sharded"):
                raise ValueError(f"no treatment: {other!r:.40}")
        return None

    def _announces(self, e: Event) -> bool:
        """Whether the runtime makes the packet the writer there, if it is not (docs/strategies.md)."""
        if not e["objects"] or self.c.objects[e["objects"][0]]["treatment"] != "shared":
            return False
        if e["op"] in ("dchain_allocate", "dchain_free"):
            return e.get("result") is True
        return e["op"] in ("map_put", "map_erase") or (e["op"].startswith("sketch_") and e["op"] != "sketch_expire")

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
            home = self.homes.get(made["objects"][0], Home(-1, -1, False))
            if not home.plain or "key" not in made:
                return f"{self.c.label(made['objects'][0])}, where its index is found, holds not just fresh ones"
            return [Name(made["objects"][0], tuple(made["key"]), home.chain, block)]
        puts = [x for x in path.events if x["op"] == "map_put" and self.c.index_of(path, x["value"]) == owner]
        named = [Name(x["objects"][0], tuple(x["key"]), made["objects"][0], block) for x in puts if "key" in x]
        return named or [Name(None, (), made["objects"][0], block)]

    def _block(self, path: Path, e: Event, chain: int) -> Iterator[Obligation]:
        """Entries lie in the block of their index: each has as many as the vector has for each of the allocator's."""
        vector, script, pool = e["objects"][0], Script(self.c.pool, {"": path.port}), self.c.pool
        each, text = self.c.objects[vector]["capacity"] // self.c.objects[chain]["capacity"], "a block for each index"
        owner = next(s for s in pool.symbols(e["index"]) if self.c.index_of(path, s) is not None)
        own = 0 < each <= 4096 and self.c.objects[chain]["ranged"]
        if not own or {pool.width[owner], pool.width[e["index"]]} != {32}:
            yield Obligation("block", f"not {text} of this worker", (vector, chain), (e["location"],))
            return
        start, claims = f"(bvmul {script.term('', owner)} (_ bv{each} 32))", []
        for bound in ("index", "value") if e["op"] == "expire_range" else ("index",):
            beyond = "bvugt" if e["op"] == "expire_range" else "bvuge"
            claims.append(f"({beyond} (bvsub {script.term('', e[bound])} {start}) (_ bv{each} 32))")
        before = [script.term("", c) for c in path.conditions[: e["conditions"]]]
        yield Obligation("block", text, (vector,), (e["location"],), script, (*before, disjunction(claims)))

    def _shown(self) -> Iterator[Obligation]:
        """No packet can tell which index was chosen, but by frames that leave: then no two workers have the same."""
        for path in self.c.paths:
            for where, e, symbol, chain in shown(self.c, path, self.homes):
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

    def _chains(self) -> dict[int, set[tuple[int, bool]]]:
        """Sharded objects whose entries are reached by indices -> allocators, and whether each index has a block."""
        found: dict[int, set[tuple[int, bool]]] = defaultdict(set)
        for path, n, e in self.c.events():
            for obj, how, _ in self.c.accesses(e):
                names = self._named(path, n, how) if obj in self.sharded and how in ("index", "fresh") else []
                for name in (x for x in names if isinstance(x, Name) and x.chain is not None):
                    found[obj].add((name.chain or 0, name.block))
        return dict(found)

    def _pair(self, a: _Group, b: _Group, objects: tuple[int, ...]) -> Iterator[Obligation]:
        ways = [frozenset(map(self.c.frame_conditions, g.paths.values())) for g in (a, b)]
        for x in self._modes(a.port, ways[0]):
            for y in self._modes(b.port, ways[1]):
                script = Script(self.c.pool, {"a": a.port, "b": b.port})
                equal = script.equate(zip(a.key, b.key, strict=True))
                if equal is not None:
                    claims = [*equal, *(_any_of(script, side, w) for side, w in zip("ab", ways, strict=True))]
                    text, places = f"port {a.port}, port {b.port}: equal names, one worker", a.locations | b.locations
                    yield self._apart("pair", text, objects, tuple(places), script, claims, (x, y))

    def _apart(self, what: str, text: str, objects: tuple[int, ...], places: tuple[str, ...], script: Script,
               claims: Iterable[str], hashed: tuple[frames.Items | None, ...]) -> Obligation:  # fmt: skip
        """``claims`` of two packets, and different workers."""
        ports = [self.c.ports[script.ports[side]] for side in "ab"]
        kinds = tuple(frames.modes(port)[items] for port, items in zip(ports, hashed, strict=True))
        met = [frames.part(script, side, port, x) for side, port, x in zip("ab", ports, hashed, strict=True)]
        of_kinds = [frames.is_one_of(script, side, k) for side, k in zip("ab", kinds, strict=True)]
        claims = (*claims, *of_kinds, f"(distinct {met[0]} {met[1]})")
        return Obligation(what, text, objects, places, script, claims, kinds)

    def _modes(self, port: int, ways: frozenset[frozenset[int]]) -> list[frames.Items | None]:
        """What is hashed of the frames that meet these conditions: other frames need no obligation."""
        if (port, ways) not in self._reached:
            self._reached[port, ways] = []
            for items, kinds in frames.modes(self.c.ports[port]).items():
                script = Script(self.c.pool, {"a": port})
                if not self._refuted(script.text([frames.is_one_of(script, "a", kinds), _any_of(script, "a", ways)])):
                    self._reached[port, ways].append(items)
        return self._reached[port, ways]

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
        outcomes = {self._outcome(p, first) for p in (*twins, path)}
        if not twins or not all(self._only_looks(p, first) for p in twins):
            yield Obligation("match", "more is done where an index is not in use", (chain,), places)
        elif asked["result"] and not (len(outcomes) == 1 and None not in outcomes and self._only_looks(path, first)):
            yield from self._matches(chain, path, asked["index"])

    def _outcome(self, path: Path, first: int) -> Any:
        """What leaves, and where; None if it is made of what came after the question."""
        made = (s for v in (*(v for _, v in path.frame), *path.goes) for s in self.c.pool.symbols(v))
        late = any((origin := self.c.origin(path, s)) is not None and origin[0] >= first for s in made)
        return None if late else (str(path.verdict), path.frame, path.grown)

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
            held = {
                (e["objects"][0], b): at
                for e in writer.events
                if e["op"] == "vector_write" and self.c.index_of(writer, e["index"]) == ("fresh", n)
                for b, at in self.c.stored_bytes(e).items()
            }
            for x in self._modes(writer.port, frozenset([self.c.frame_conditions(writer)])):
                for y in self._modes(path.port, frozenset([self.c.frame_conditions(path)])):
                    script = Script(self.c.pool, {"a": writer.port, "b": path.port})
                    for number, e in enumerate(path.events):
                        for b in range(*e["span"]) if e["op"] == "vector_read" and e["index"] == index else ():
                            if (place := (e["objects"][0], b)) in held and place not in changed:
                                script.given["b", f"vector_read.{number}.{b}"] = ("a", *held[place])
                    if script.assume("b", path.conditions):
                        claims = [script.term("a", c) for c in writer.conditions]
                        claims += [script.term("b", c) for c in path.conditions]
                        text = f"port {path.port}: who matches an entry of port {writer.port} has its worker"
                        places = (allocation["location"], path.location)
                        yield self._apart("match", text, (chain,), places, script, claims, (x, y))


def _any_of(script: Script, packet: str, ways: frozenset[frozenset[int]]) -> str:
    return disjunction(conjunction(script.term(packet, e) for e in sorted(way)) for way in sorted(ways, key=sorted))
