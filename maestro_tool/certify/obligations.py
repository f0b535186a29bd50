"""What must be refuted (`Obligation`), and what is wrong already (`Failure`): from paths, keys and tables alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from maestro_tool.certify import frames
from maestro_tool.certify.paths import Certificate, Name, Path
from maestro_tool.certify.premises import Failure, homes, owned, premises
from maestro_tool.certify.terms import Script, conjunction, disjunction

#: Whether the claims of a script can be refuted: True, False (there is a model), or None.
Refuted = Callable[[str], bool | None]


@dataclass(frozen=True)
class Obligation:
    """``claims`` over ``script`` contradict each other; ``kind``: pair, match, block, cover or index."""

    kind: str
    text: str
    objects: tuple[int, ...]
    locations: tuple[str, ...]
    script: Script
    claims: tuple[str, ...]
    classes: tuple[tuple[str, tuple[tuple[str, str | None], ...]], ...] = ()  # of the witness, by number


Found = Iterator[Obligation | Failure]


@dataclass
class _Group:
    """All accesses to one entry's name from one port."""

    port: int
    name: Name
    paths: dict[int, Path] = field(default_factory=dict)
    objects: dict[int, bool] = field(default_factory=dict)  # -> whether any access writes
    locations: list[str] = field(default_factory=list)


class Checker:
    def __init__(self, certificate: Certificate, refuted: Refuted) -> None:
        self.c, self._refuted = certificate, refuted
        self._hashed: dict[tuple[int, frozenset[frozenset[int]]], list[frames.Items | None]] = {}
        self.sharded = frozenset(certificate.treated("sharded"))
        self.homes, self._homeless = homes(certificate)

    def obligations(self) -> Found:
        """All of them, for all treatments."""
        yield from self.cover()
        yield from self.treatments()
        yield from self._homeless
        yield from premises(self.c, self.homes)
        yield from self.pairs()

    # ------------------------------------------------------------------- the paths are all there are

    def cover(self) -> Found:
        """Per port, where paths part their conditions cover all packets and exclude each other, for every answer."""
        for port in range(len(self.c.ports)):
            yield from self._parting([p for p in self.c.paths if p.port == port], 0, 0)

    def _parting(self, paths: list[Path], event: int, given: int) -> Found:
        """``paths`` are one up to ``event``, and in their first ``given`` conditions."""
        ways: dict[tuple[int, ...], list[Path]] = defaultdict(list)
        for p in paths:
            ways[p.conditions[given : p.events[event]["conditions"] if event < len(p.events) else None]].append(p)
        if list(ways) != [()]:
            port, script = paths[0].port if paths else 0, Script(self.c.pool, {"": paths[0].port if paths else 0})
            terms = [conjunction(script.term("", e) for e in way) for way in ways]
            both = [f"(and {x} {y})" for i, x in enumerate(terms) for y in terms[i + 1 :]]
            before = [script.term("", e) for e in (paths[0].conditions[:given] if paths else ())]
            long = f"(bvuge {script.symbol('', 'pkt_len', 16)} (_ bv14 16))"
            claims = (*before, long, disjunction([f"(not {disjunction(terms)})", *both]))
            text = f"port {port}: each packet takes one of the ways that part here"
            yield Obligation("cover", text, (), tuple(dict.fromkeys(p.location for p in paths)), script, claims)
        for way, mine in ways.items():
            next_ = [p.events[event] if event < len(p.events) else None for p in mine]
            if any(e is None for e in next_):
                if len(mine) > 1:
                    yield Failure("several paths are one", (), tuple(p.location for p in mine))
                continue
            asked = [{k: v for k, v in e.items() if k != "result"} for e in next_ if e is not None]
            answers: dict[bool | None, list[Path]] = defaultdict(list)
            for p in mine:
                answers[p.events[event].get("result")].append(p)
            if any(a != asked[0] for a in asked) or set(answers) not in ({None}, {True, False}):
                text = f"not every answer of {asked[0]['op']} has a path, or paths differ without a reason"
                yield Failure(text, tuple(asked[0]["objects"]), (asked[0]["location"],))
                continue
            for same in answers.values():
                yield from self._parting(same, event + 1, given + len(way))

    # ------------------------------------------------------------------- objects that are not sharded

    def treatments(self) -> Found:
        for path, n, e in self.c.events():
            for obj, _, writes in self.c.accesses(e):
                o, places = self.c.objects[obj], (e["location"],)
                if o["treatment"] == "read-only" and writes:
                    yield Failure("packets change what is taken to be only read", (obj,), places)
                elif o["treatment"] == "shared" and writes and not self._alone(path, n, obj):
                    yield Failure("a packet changes what is shared, but does not wait for its turn", (obj,), places)
                elif o["treatment"] == "per-core":
                    yield from self._counts(path, n, obj)
                elif o["treatment"] not in ("read-only", "shared", "sharded"):
                    raise ValueError(f"no treatment: {o['treatment']!r:.40}")

    def _alone(self, path: Path, event: int, obj: int) -> bool:
        """Whether event ``event`` changes ``obj`` as the writer: it announces that, or one before it did."""
        o, e = self.c.objects[obj], path.events[event]
        if self.c.document["always_write"] or o["guarded"] or (e["op"] == "dchain_rejuvenate" and o["ages_per_worker"]):
            return True
        return any(
            self.c.objects[x["objects"][0]]["treatment"] == "shared"
            and (x["op"] in ("map_put", "map_erase") or (x["op"].startswith("sketch_") and x["op"] != "sketch_expire")
                 or (x["op"] in ("dchain_allocate", "dchain_free") and x.get("result") is True))
            for x in path.events[: event + 1] if x["objects"]
        ) or (e["op"] in ("dchain_allocate", "dchain_free") and e.get("result") is False)  # fmt: skip

    def _counts(self, path: Path, event: int, obj: int) -> Found:
        """Of a per-core object: what is read goes back there, and nowhere else."""
        e, prefix = path.events[event], f"{path.events[event]['op']}.{event}."
        used = [*path.conditions, *(v for _, v in path.frame), *(path.verdict if type(path.verdict) is list else ())]
        for x in path.events:
            back = x["objects"] == e["objects"] and x["op"].endswith("_write")
            used += [value for slot, value in self.c.operands(x) if not (back and slot == "stored")]
        told = any(self.c.pool.name(s).startswith(prefix) for u in used for s in self.c.pool.symbols(u))
        if told or e["op"] not in ("global_read", "global_write", "vector_read", "vector_write"):
            yield Failure("what cores count apart decides something", (obj,), (e["location"],))

    # ------------------------------------------------------------------- pairs of accesses

    def pairs(self) -> Found:
        """Two accesses to one sharded object, of which one writes: equal names and different workers are refuted."""
        groups: dict[tuple[int, Name], _Group] = {}
        taken: dict[int, list[tuple[Path, int]]] = defaultdict(list)  # allocator -> accesses by an index of the packet's
        chains = self._chains()
        for path, n, e in self.c.events():
            for obj, how, writes in self.c.accesses(e):
                if obj not in self.sharded:
                    continue
                names = self.named(path, n, how)
                if isinstance(names, str) and how == "index" and self.c.about_frame(e["index"]) and obj in chains:
                    taken[chains[obj]].append((path, n))
                elif isinstance(names, str):
                    yield Failure(f"no name for the entry: {names}", (obj,), (e["location"],))
                else:
                    for name in names:
                        yield from self._block(path, e, name) if name.block else ()
                        self._add(groups, path, e, obj, writes, name)
        yield from self._agree(groups)
        for chain, accesses in sorted(taken.items()):
            yield from self.interchanged(chain, accesses)

    def _add(self, groups: Any, path: Path, e: dict[str, Any], obj: int, writes: bool, name: Name) -> None:
        if name.map is None:
            return
        group = groups.setdefault((path.port, name.map, name.key), _Group(path.port, name))
        group.paths[path.number] = path
        group.objects[obj] = group.objects.get(obj, False) or writes
        group.locations.append(e["location"])

    def _chains(self) -> dict[int, int]:
        """Sharded objects whose entries are reached by indices of one allocator -> it."""
        found: dict[int, set[int]] = defaultdict(set)
        for path, n, e in self.c.events():
            for obj, how, _ in self.c.accesses(e):
                names = self.named(path, n, how) if obj in self.sharded and how in ("index", "fresh") else ""
                found[obj] |= {x.chain for x in names if x.chain is not None} if not isinstance(names, str) else set()
        return {obj: min(chains) for obj, chains in found.items() if len(chains) == 1}

    def _agree(self, groups: dict[Any, _Group]) -> Found:
        by_map: dict[int | None, list[_Group]] = defaultdict(list)
        for _, group in sorted(groups.items()):
            by_map[group.name.map].append(group)
        for mine in by_map.values():
            for i, a in enumerate(mine):
                for b in mine[i:]:
                    objects = tuple(sorted(o for o in a.objects.keys() & b.objects.keys() if a.objects[o] or b.objects[o]))
                    if objects:
                        yield from self._pair(a, b, objects)

    def _pair(self, a: _Group, b: _Group, objects: tuple[int, ...]) -> Found:
        conditions = [frozenset(map(self.c.frame_conditions, g.paths.values())) for g in (a, b)]
        for x in self._modes(a.port, conditions[0]):
            for y in self._modes(b.port, conditions[1]):
                script = Script(self.c.pool, {"a": a.port, "b": b.port})
                claims = self._equal(script, zip(a.name.key, b.name.key, strict=True))
                if claims is not None:
                    claims += [_any_of(script, side, found) for side, found in zip("ab", conditions, strict=True)]
                    text = f"port {a.port} and port {b.port}: equal names, one worker"
                    places = tuple(dict.fromkeys((*a.locations, *b.locations)))
                    yield self._apart("pair", text, objects, places, script, claims, (x, y))

    def _equal(self, script: Script, equal: Any) -> list[str] | None:
        """Claims that expressions of packet a and of packet b are equal; None if they never are.  Bits that are equal
        become the same."""
        pairs, claims = [(script.bits("a", x), script.bits("b", y), x, y) for x, y in equal], []
        for one, other, _, _ in pairs:
            if one is not None and other is not None and not script.unify(one, other):
                return None
        for one, other, x, y in pairs:
            if one is None or other is None:
                claims.append(f"(= {script.term('a', x)} {script.term('b', y)})")
        return claims

    def _apart(
        self, kind: str, text: str, objects: tuple[int, ...], places: tuple[str, ...], script: Script,
        claims: list[str], hashed: tuple[frames.Items | None, frames.Items | None],
    ) -> Obligation:  # fmt: skip
        """``claims`` of two packets, and different workers."""
        met, classes = [], []
        for side, items in zip("ab", hashed, strict=True):
            port = self.c.ports[script.ports[side]]
            classes.append((side, tuple(frames.modes(port)[items])))
            claims.append(frames.is_one_of(script, side, classes[-1][1]))
            claims.append(f"(bvuge {script.symbol(side, 'pkt_len', 16)} (_ bv14 16))")
            met.append(frames.part(script, side, port, items))
        claims.append(f"(distinct {met[0]} {met[1]})")
        return Obligation(kind, text, objects, places, script, tuple(claims), tuple(classes))

    def _modes(self, port: int, conditions: frozenset[frozenset[int]]) -> list[frames.Items | None]:
        """What is hashed of the frames that come to these conditions: others need no obligation."""
        if (port, conditions) not in self._hashed:
            self._hashed[port, conditions] = found = []
            for items, members in frames.modes(self.c.ports[port]).items():
                script = Script(self.c.pool, {"a": port})
                claims = [frames.is_one_of(script, "a", members), _any_of(script, "a", conditions)]
                claims.append(f"(bvuge {script.symbol('a', 'pkt_len', 16)} (_ bv14 16))")
                if not self._refuted(script.text(claims)):
                    found.append(items)
        return self._hashed[port, conditions]

    # ------------------------------------------------------------------- entries that packets name by an index (R5)

    def interchanged(self, chain: int, accesses: list[tuple[Path, int]]) -> Found:
        """Entries of an allocator that packets name by an index of their own: they ask first whether it is in use, and
        then meet where it was allocated, or do the same as if it were not."""
        if not self.c.objects[chain]["ranged"]:
            yield Failure("packets bring indices, but two workers may hand out the same", (chain,))
        by_path: dict[int, list[int]] = defaultdict(list)
        for path, n in accesses:
            by_path[path.number].append(n)
        for number, events in sorted(by_path.items()):
            path, first = self.c.paths[number], min(events)
            asked = path.events[first]
            same = all(path.events[n].get("index") == asked.get("index") for n in events)
            if asked["op"] != "dchain_is_allocated" or asked["objects"] != [chain] or "result" not in asked or not same:
                yield Failure("it is not asked first whether the index is in use", (chain,), (asked["location"],))
                continue
            absent = [p for p in self.c.paths if self._twin(p, path, first)]
            outcomes = {self._outcome(p, first) for p in (*absent, path)}
            if not absent or not all(self._only_looks(p, first) for p in absent):
                yield Failure("more is done where an index is not in use", (chain,), (asked["location"],))
            elif not asked["result"] or (len(outcomes) == 1 and None not in outcomes and self._only_looks(path, first)):
                continue
            else:
                yield from self._matches(chain, path, first)

    def _twin(self, p: Path, path: Path, first: int) -> bool:
        """Whether ``p`` is the same path up to the question, whose answer there is no."""
        asked = path.events[first]
        n = asked["conditions"]
        before = p.port == path.port and p.events[:first] == path.events[:first] and p.conditions[:n] == path.conditions[:n]
        return before and len(p.events) > first and p.events[first] == {**asked, "result": False}

    def _outcome(self, path: Path, first: int) -> Any:
        """What leaves, and where; None if it is made of what came after the question."""
        made = [v for _, v in path.frame] + (path.verdict if type(path.verdict) is list else [])
        for s in (s for e in made for s in self.c.pool.symbols(e)):
            origin = self.c.origin(path, s)
            if origin is not None and origin[0] >= first:
                return None
        return str(path.verdict), path.frame, path.grown

    def _only_looks(self, path: Path, first: int) -> bool:
        index = path.events[first]["index"]
        later = path.events[first + 1 :]
        return all(e["op"] == "opaque" or (e["op"] == "vector_read" and e["index"] == index) for e in later)

    def _matches(self, chain: int, path: Path, first: int) -> Found:
        """Whoever allocated an index and filled its entry with what this path compares has the same worker."""
        changed = {
            (e["objects"][0], b) for p, _, e in self.c.events("vector_write")
            if (self.c.index_of(p, e["index"]) or ("", 0))[0] != "fresh" for b in self.c.stored_bytes(e)
        }  # fmt: skip
        for writer, n, allocation in self.c.events("dchain_allocate"):
            if allocation["objects"] != [chain] or allocation.get("result") is not True:
                continue
            held = {
                (e["objects"][0], b): at for e in writer.events if e["op"] == "vector_write"
                and self.c.index_of(writer, e["index"]) == ("fresh", n) for b, at in self.c.stored_bytes(e).items()
            }  # fmt: skip
            for x in self._modes(writer.port, frozenset([self.c.frame_conditions(writer)])):
                for y in self._modes(path.port, frozenset([self.c.frame_conditions(path)])):
                    script = Script(self.c.pool, {"a": writer.port, "b": path.port})
                    for number, e in enumerate(path.events):
                        if e["op"] == "vector_read" and e["index"] == path.events[first]["index"]:
                            for place in ((e["objects"][0], b) for b in range(*e["span"])):
                                if place in held and place not in changed:
                                    script.given["b", f"vector_read.{number}.{place[1]}"] = ("a", *held[place])
                    equal = [self.c.pool.args[c] for c in path.conditions if self.c.pool.op[c] == "eq"]
                    if all(script.unify_sides("b", l, r) for l, r in equal):
                        claims = [script.term("a", c) for c in writer.conditions]
                        claims += [script.term("b", c) for c in path.conditions]
                        text = f"port {path.port}: who matches an entry of port {writer.port} has its worker"
                        places = (allocation["location"], path.location)
                        yield self._apart("match", text, (chain,), places, script, claims, (x, y))

    def _block(self, path: Path, e: dict[str, Any], name: Name) -> Found:
        """Entries lie in the block of their index, which has as many for each as there are for each index."""
        assert name.chain is not None
        vector, script, pool = e["objects"][0], Script(self.c.pool, {"": path.port}), self.c.pool
        each = self.c.objects[vector]["capacity"] // self.c.objects[name.chain]["capacity"]
        owner = next(s for s in pool.symbols(e["index"]) if self.c.index_of(path, s) is not None)
        if pool.width[owner] != 32 or pool.width[e["index"]] != 32 or not 0 < each <= 4096:
            yield Failure("not a block of entries for each index", (vector,), (e["location"],))
            return
        if not self.c.objects[name.chain]["ranged"]:
            yield Failure("indices have blocks of entries, but two workers may have the same", (name.chain, vector))
        start, claims = f"(bvmul {script.term('', owner)} (_ bv{each} 32))", []
        for bound in ("index", "value") if e["op"] == "expire_range" else ("index",):
            less = "bvugt" if e["op"] == "expire_range" else "bvuge"
            claims.append(f"({less} (bvsub {script.term('', e[bound])} {start}) (_ bv{each} 32))")
        before = [script.term("", c) for c in path.conditions[: e["conditions"]]]
        text = f"entries of {self.c.label(vector)} lie in the block of their index"
        yield Obligation("block", text, (vector,), (e["location"],), script, (*before, disjunction(claims)))

    # ------------------------------------------------------------------- names of entries

    def named(self, path: Path, event: int, how: str) -> list[Name] | str:
        """The names of the entry that an event touches; or why it has none.  [] : this worker's own affair."""
        e = path.events[event]
        if how == "key":
            return [Name(e["objects"][0], tuple(e["key"]))] if "key" in e else "it is not known which keys are equal"
        if how == "fresh":
            return self._led_to(path, ("fresh", event), False)
        if how == "whole":
            return [Name(-1)]
        if how == "index":
            made, owner = self.c.index_of(path, e["index"]), owned(self.c, path, e["index"])
            if owner is not None:
                return self._led_to(path, owner, made is None or e["op"] == "expire_range")
            return "no index of its own names it"
        return [] if how in ("old", "erased") else "any packet may mean any entry"

    def _led_to(self, path: Path, made: tuple[str, int], block: bool) -> list[Name] | str:
        """The names of the entry that an index leads to: the keys that it is put, or was found, with."""
        how, event = made
        e = path.events[event]
        if how == "found":
            home = self.homes.get(e["objects"][0])
            if home is None or not home.plain or "key" not in e:
                return f"{self.c.label(e['objects'][0])}, where the index is found, holds no fresh indices of one allocator"
            return [Name(e["objects"][0], tuple(e["key"]), home.chain, block)]
        puts = [
            x for x in path.events
            if x["op"] == "map_put" and self.c.index_of(path, x["value"]) == made and x["objects"][0] in self.homes
        ]  # fmt: skip
        return [Name(x["objects"][0], tuple(x["key"]), e["objects"][0], block) for x in puts] or [
            Name(None, (), e["objects"][0], block)
        ]


def _any_of(script: Script, packet: str, ways: frozenset[frozenset[int]]) -> str:
    return disjunction(conjunction(script.term(packet, e) for e in sorted(way)) for way in sorted(ways, key=sorted))
