"""The search among correct keys, for one size of table.

1. Decide what each port hashes and how classes are steered (``steering``).
2. Constraints become linear equations over key bits (``equations``); their solutions are all correct keys.
3. If every correct key sends all packets of a port to one core, find which constraints are to blame (rule R3).
4. Try other set-ups and fewer fields; keep what balances better.
5. Among the correct keys take the one that spreads realistic traffic best (``quality``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_, xor

from maestro_tool.packet.classes import FAMILIES, L4, TCP, UDP, plain
from maestro_tool.packet.fields import HASHABLE, HASHABLE6, HASHABLE_OF, INPUT_BITS, Family, input_bits
from maestro_tool.rss import gf2, quality
from maestro_tool.rss.bit_ranges import BitRanges, range_equations
from maestro_tool.rss.byte_inputs import bytes_of_view
from maestro_tool.rss.equations import KeyBits, equations, input_changes
from maestro_tool.rss.notes import note
from maestro_tool.rss.problem import HashSetup, PortCapability, Problem, reads
from maestro_tool.rss.related import RelatedPairs
from maestro_tool.rss.solution import PortSolution, RssSolution, place
from maestro_tool.rss.steering import Layout, families, layout, modes
from maestro_tool.rss.toeplitz import HASH_BITS, window
from maestro_tool.sharding.plan import Constraint

#: Keys drawn at random from the correct ones, then improved bit by bit; both stop at a perfect key.
RANDOM_KEYS = 12
IMPROVEMENTS = 48
#: Classes of most traffic.
_MAIN = tuple(plain(family, transport).name for family in FAMILIES for transport in (TCP, UDP))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One choice of layouts with the best key found; ``parameters`` select it from the space.

    ``starved``: on how many ports all packets over one version of IP meet.  ``software``: how many classes of main
    traffic software steers.  ``costs``: `quality.cost` of each port against what correct keys of these layouts can
    reach; ``shortfall``: against what the constraints' own fields could.
    """

    layouts: tuple[Layout, ...]
    space: gf2.SolutionSpace
    ideal: tuple[dict[Family, quality.Dimensions], ...]
    degenerate: tuple[int, ...]  # ports whose index is constant under every correct key
    starved: int
    software: int
    parameters: int
    costs: tuple[float, ...]
    shortfall: float = 0.0

    @property
    def hashed_in_software(self) -> int:
        """Fields; of equally good choices the one that costs the program less is taken."""
        return _hashed_in_software(self.layouts)

    @property
    def rank(self) -> tuple[int, int, int, float, float, int]:
        cost = sum(self.costs)
        return len(self.degenerate), self.starved, self.software, self.shortfall, cost, self.hashed_in_software


def _hashed_in_software(layouts: Iterable[Layout]) -> int:
    return sum(len(x.fields(L4[family])) for x in layouts if x.setup is None for family in FAMILIES)


class KeySearch:
    """``ranges``: for problems in which the table merges indices; relations then only say where the index looks."""

    def __init__(
        self, problem: Problem, table_size: int, related: RelatedPairs, ranges: BitRanges | None = None
    ) -> None:
        self._problem = problem
        self._table_size = table_size
        self._index_bits = table_size.bit_length() - 1
        self._bits = KeyBits.of(problem, HASH_BITS if problem.full_hash else self._index_bits)
        self._related = related
        self._ranges = ranges
        self._tried: set[tuple[Layout, ...]] = set()
        self._seed = bytes.fromhex(problem.digest)
        #: Parameters that are not free: the first is the number 1 where a NIC has a key of its own (`KeyBits`).
        self._given = int(self._bits.offsets[:1] == (1,))
        self._constrained = sorted({p for c in problem.constraints for p in c.ports})
        self._families = {port: families(problem, port) for port in range(len(problem.ports))}
        wanting = self._constrained if ranges is None else ()
        self._demands = {(p, f): self._demand(p, f) for p in wanting for f in self._balanced(p)}

    def run(self) -> RssSolution:
        best = self._attempt(self._base())
        for layouts in self._joint_alternatives(best):
            best = self._better(best, layouts)
        for port in range(len(self._problem.ports)):
            for alternative in self._alternatives(best, port):
                best = self._better(best, (*best.layouts[:port], alternative, *best.layouts[port + 1 :]))
        return self._contradiction(best) if best.degenerate else self._solution(self._improved(best))

    def _better(self, best: _Attempt, layouts: tuple[Layout, ...]) -> _Attempt:
        settled = not best.software or not any(p.setups for p in self._problem.ports)
        perfect = not best.degenerate and not best.starved and settled and not best.shortfall and not any(best.costs)
        fewer = _hashed_in_software(layouts) < best.hashed_in_software
        if layouts in self._tried or (perfect and not fewer):
            return best
        attempt = self._attempt(layouts)
        return attempt if attempt.rank < best.rank else best

    # ----- layouts

    def _base(self) -> tuple[Layout, ...]:
        return tuple(
            layout(self._problem, number, port.setups[0] if port.setups else None)
            for number, port in enumerate(self._problem.ports)
        )

    def _joint_alternatives(self, base: _Attempt) -> Iterator[tuple[Layout, ...]]:
        """Other fields on all related ports at once: their keys are tied by position."""
        for wanted in (self._fitting, self._symmetric):
            yield tuple(
                layout(self._problem, port, wanted(base, port) or current.setup)
                for port, current in enumerate(base.layouts)
            )
        # All of them in software: with all fields one index bit can be any linear function of the packet.
        failed = base.degenerate or base.starved
        for choice in (self._everything, self._effective, self._named):
            # IPv6 only, where one key of the NIC does not suit both versions of IP.
            if base.starved:
                yield tuple(
                    layout(self._problem, port, current.setup, fields6=choice(base, port, 6) or HASHABLE6)
                    if 6 in self._families[port]
                    else current
                    for port, current in enumerate(base.layouts)
                )
            yield tuple(
                layout(self._problem, port, None, choice(base, port, 4) or HASHABLE, choice(base, port, 6) or HASHABLE6)
                if port in self._constrained and (current.setup is None or failed)
                else current
                for port, current in enumerate(base.layouts)
            )

        if failed:
            of_bytes = [tuple(bytes_of_view(self._problem, p, f) for f in FAMILIES) for p in range(len(base.layouts))]
            if any(map(any, of_bytes)):
                yield tuple(
                    layout(self._problem, port, None, of_bytes[port][0] or HASHABLE, of_bytes[port][1] or HASHABLE6)
                    if port in self._constrained
                    else current
                    for port, current in enumerate(base.layouts)
                )

    def _alternatives(self, best: _Attempt, port: int) -> Iterator[Layout]:
        """Other ways to hash on ``port``: another set-up of the NIC, or fewer fields in software."""
        if port not in self._constrained:
            return
        current = best.layouts[port]
        if current.setup is not None:
            for setup in self._setups(port)[1:]:
                yield layout(self._problem, port, setup)
            if 6 in self._families[port] and best.starved:
                for choice in (self._everything, self._effective, self._named):
                    yield layout(self._problem, port, current.setup, fields6=choice(best, port, 6) or HASHABLE6)
            if port not in best.degenerate:
                return
        tried = {(current.fields(L4[4]), current.fields(L4[6]))} if current.setup is None else set()
        for choice in (self._everything, self._effective, self._named):
            fields, fields6 = choice(best, port, 4), choice(best, port, 6)
            if (fields or fields6) and (fields, fields6) not in tried:
                tried.add((fields, fields6))
                yield layout(self._problem, port, None, fields or HASHABLE, fields6 or HASHABLE6)

    def _fitting(self, attempt: _Attempt, port: int) -> HashSetup | None:
        """The set-up that hashes just what constraints name."""
        named, tcp = self._named(attempt, port, 4), plain(4, TCP).name
        return next((s for s in self._problem.ports[port].setups if s.fields(tcp) == named), None)

    def _setups(self, port: int) -> tuple[HashSetup, ...]:
        """Those worth trying: ``sort`` never beats a key of ours (docs/rss.md), and is slow to prove over IPv6 (z3)."""
        card = self._problem.ports[port]
        slow = 6 in self._families[port] and card.fixed_key is None
        return tuple(s for s in card.setups if not (slow and s.function == "sort"))

    def _symmetric(self, attempt: _Attempt, port: int) -> HashSetup | None:
        """The set-up that hashes symmetrically, on ports that constraints reach."""
        setups = self._setups(port) if port in self._constrained else ()
        return next((s for s in setups if s.function != "toeplitz"), None)

    def _everything(self, _: _Attempt, port: int, family: Family) -> tuple[str, ...]:
        return HASHABLE_OF[family] if family in self._balanced(port) else ()

    def _effective(self, attempt: _Attempt, port: int, family: Family) -> tuple[str, ...]:
        """Software fields that reach the index under some correct key: the others only take freedom away."""
        found = set()
        position = 0
        for name in attempt.layouts[port].fields(L4[family]):
            width = input_bits(name)
            if self._moves(attempt.space, port, ((p,) for p in range(position, position + width))):
                found.add(name)
            position += width
        return tuple(f for f in HASHABLE_OF[family] if f in found)

    def _named(self, attempt: _Attempt, port: int, family: Family) -> tuple[str, ...]:
        constraints = self._problem.constraints
        names = {f for c in constraints for side in (0, 1) if c.ports[side] == port for f in reads(c, side)}
        return tuple(f for f in HASHABLE_OF[family] if f in names)

    # ----- keys

    def _attempt(self, layouts: tuple[Layout, ...]) -> _Attempt:
        self._tried.add(layouts)
        space = self._space(layouts, self._problem.constraints)
        every = self._problem.constraints
        degenerate = tuple(p for p in self._constrained if not self._spreads(space, layouts, p, every))
        starved = sum(
            not self._spreads(space, layouts, port, self._about(family))
            for port, found in self._families.items()
            for family in (found if 6 in found else ())
        )
        software = sum(dict(layout.steering)[c] == "software" for layout in layouts for c in _MAIN)
        attempt = _Attempt(layouts, space, self._ideal(space, layouts), degenerate, starved, software, 0, ())
        return attempt if degenerate else self._choose(attempt)

    def _space(self, layouts: Sequence[Layout], constraints: Sequence[Constraint]) -> gf2.SolutionSpace:
        distinct: set[frozenset[int]] = set()
        for c in constraints:
            if self._ranges is not None and c.relation is not None:
                distinct.update(range_equations(c, layouts, self._bits, self._ranges))
            else:
                distinct.update(equations(c, layouts, self._bits, self._related))
        for number, port in enumerate(self._problem.ports):
            if port.fixed_key is not None and layouts[number].setup is not None:
                distinct.update(self._bits.fixed(number, port.fixed_key))
        vectors = (sum(1 << u for u in e) for e in sorted(distinct, key=sorted))
        return gf2.solve(self._bits.total, vectors)

    def _moves(self, space: gf2.SolutionSpace, port: int, changes: Iterable[Iterable[int]]) -> bool:
        """Some correct key lets one of these changes, each of some input bits, change the index."""
        offset = self._bits.offsets[port]
        for positions in changes:
            windows = [window(p, self._index_bits) for p in positions]
            if any(reduce(xor, (space.forms[offset + v] for v in unknowns)) for unknowns in zip(*windows, strict=True)):
                return True
        return False

    def _spreads(
        self, space: gf2.SolutionSpace, layouts: Sequence[Layout], port: int, constraints: Sequence[Constraint]
    ) -> bool:
        """Under some correct key the constrained packets of ``port`` have more than one index."""
        sides = [(c, side) for c in constraints for side in (0, 1) if c.ports[side] == port]
        possible = not self._given or space.forms[0] != 0  # no key fits if 1 must be 0
        return possible and (
            not sides
            or any(
                self._moves(space, port, input_changes(mode).values())
                for c, side in sides
                for mode in modes(c, side, layouts[port])
            )
        )

    def _about(self, family: Family) -> list[Constraint]:
        """The constraints that name fields of this version of IP on both sides."""
        fields = frozenset(HASHABLE_OF[family])
        return [c for c in self._problem.constraints if reads(c, 0) & fields and reads(c, 1) & fields]

    def _balanced(self, port: int) -> tuple[Family, ...]:
        """The versions of IP whose traffic is to be spread: IPv6 where constraints name it."""
        return (4, 6) if 6 in self._families[port] else (4,)

    def _choose(self, attempt: _Attempt) -> _Attempt:
        """The attempt with the best of a few random keys."""
        drawn: list[_Attempt] = []
        for n in range(RANDOM_KEYS):
            parameters = self._random(attempt.space.dimension, n)
            drawn.append(replace(attempt, parameters=parameters, costs=self._costs(attempt, parameters)))
            if not any(drawn[-1].costs):
                break
        best = min(drawn, key=lambda a: sum(a.costs))
        return replace(best, shortfall=self._shortfall(best))

    def _demand(self, port: int, family: Family) -> quality.Dimensions:
        """Indices that traffic could fill if each bit that constraints name on ``port`` decided one of its own."""
        hashable = HASHABLE_OF[family]
        columns = {name: [0] * INPUT_BITS[name] for name in hashable}
        for c in self._problem.constraints:
            for side in (s for s in (0, 1) if c.ports[s] == port):
                named = {(f.field, bit) for pair in c.equal for f in (pair[side],) for bit in range(f.low, f.high + 1)}
                if c.relation is not None:
                    named |= {(name, bit) for name in reads(c, side) for bit in range(INPUT_BITS[name])}
                for name, bit in named:
                    if name in columns:
                        columns[name][-1 - bit] = 1 + hashable.index(name) * INPUT_BITS[hashable[0]] + bit
        return quality.attainable(columns, self._table_size, family)

    def _shortfall(self, attempt: _Attempt) -> float:
        mask, total = self._table_size - 1, 0.0
        for (port, family), demand in self._demands.items():
            columns = self._columns(attempt, port, family, attempt.parameters, mask)
            total += quality.cost(columns, self._table_size, demand, family)
        return total

    def _improved(self, attempt: _Attempt) -> _Attempt:
        """Single parameters flipped while that helps, port by port, the worst port first."""
        best = attempt
        for port in sorted(range(len(attempt.costs)), key=lambda p: -attempt.costs[p]):
            for parameter in self._relevant(best, port)[:IMPROVEMENTS]:
                if not best.costs[port]:
                    break
                parameters = best.parameters ^ (1 << parameter)
                costs = self._costs(best, parameters, 1 << parameter)
                if sum(costs) < sum(best.costs):
                    best = replace(best, parameters=parameters, costs=costs)
        return best

    def _relevant(self, attempt: _Attempt, port: int) -> list[int]:
        """Parameters that the index of ordinary traffic of a port depends on."""
        mask = self._dependence(attempt.space, attempt.layouts, port)
        return [i for i in range(self._given, attempt.space.dimension) if mask >> i & 1]

    def _dependence(self, space: gf2.SolutionSpace, layouts: Sequence[Layout], port: int) -> int:
        return reduce(or_, (space.forms[v] for v in self._traffic_bits(port, layouts[port])), 0)

    def _traffic_bits(self, port: int, port_layout: Layout) -> range:
        """Key bits (unknowns) that the index of ordinary traffic is computed from."""
        offset = self._bits.offsets[port]
        inputs = max(sum(map(input_bits, port_layout.traffic(family))) for family in self._balanced(port))
        return range(offset + HASH_BITS - self._index_bits, offset + inputs + HASH_BITS - 1)

    def _random(self, bits: int, number: int) -> int:
        digest = hashlib.shake_256(self._seed + number.to_bytes(4, "big")).digest(bits // 8 + 1)
        return int.from_bytes(digest, "big") & ((1 << bits) - 1) | self._given

    def _keys(self, point: list[int]) -> tuple[bytes, ...]:
        keys = []
        for offset, port in zip(self._bits.offsets, self._problem.ports, strict=True):
            value = int("".join(map(str, point[offset : offset + 8 * port.key_length])), 2)
            keys.append(value.to_bytes(port.key_length, "big"))
        return tuple(keys)

    def _costs(self, attempt: _Attempt, parameters: int, flipped: int = 0) -> tuple[float, ...]:
        """Cost of each port under the key that ``parameters`` select; only the key bits that matter are computed.

        ``flipped``: in what they differ from the attempt's own; its costs are kept where that changes nothing.
        """
        costs = []
        mask, space, layouts = self._table_size - 1, attempt.space, attempt.layouts
        for port in range(len(layouts)):
            if flipped and not self._dependence(space, layouts, port) & flipped:
                costs.append(attempt.costs[port])
                continue
            cost = 0.0
            for family, ideal in attempt.ideal[port].items():
                columns = self._columns(attempt, port, family, parameters, mask)
                cost += quality.cost(columns, self._table_size, ideal, family)
            costs.append(cost)
        return tuple(costs)

    def _columns(self, attempt: _Attempt, port: int, family: Family, parameters: int, mask: int) -> quality.Columns:
        """What each input bit of ordinary traffic adds to the index under the key that ``parameters`` select."""
        chosen = attempt.layouts[port]
        value = 0
        places = self._traffic_bits(port, chosen)
        for v in places:
            value = value << 1 | (attempt.space.forms[v] & parameters).bit_count() & 1
        inputs = sum(map(input_bits, chosen.traffic(family)))
        last = len(places) - self._index_bits  # the input bit whose window ends where these key bits end
        flat = [value >> (last - i) & mask for i in range(inputs)]
        return quality.combined(flat, chosen.traffic_positions(family))

    def _ideal(
        self, space: gf2.SolutionSpace, layouts: Sequence[Layout]
    ) -> tuple[dict[Family, quality.Dimensions], ...]:
        """Per port what no correct key can exceed: columns that are one under all of them count once."""
        result = []
        for port, port_layout in enumerate(layouts):
            offset = self._bits.offsets[port]
            found: dict[Family, quality.Dimensions] = {}
            for family in self._balanced(port):
                flat = [
                    sum(
                        space.forms[offset + v] << (n * space.dimension)
                        for n, v in enumerate(window(i, self._index_bits))
                    )
                    for i in range(sum(map(input_bits, port_layout.traffic(family))))
                ]
                columns = quality.combined(flat, port_layout.traffic_positions(family))
                found[family] = quality.attainable(columns, self._table_size, family)
            result.append(found)
        return tuple(result)

    # ----- results

    def _solution(self, best: _Attempt) -> RssSolution:
        keys = self._keys(best.space.point(best.parameters))
        ports = tuple(
            self._port(number, capability, best, keys[number]) for number, capability in enumerate(self._problem.ports)
        )
        notes = []
        for p in ports:
            if p.port in self._constrained and p.setup is None and self._problem.ports[p.port].setups:
                notes.append(note("by hand", p.port))
            for code, balance in (("uneven", p.balance), ("uneven6", p.balance6)):
                worst = {(t, w): r for t, w, r in balance}.get(("uniform", 16), 1.0)
                if worst > 1.25:
                    notes.append(note(code, p.port, worst))
        return RssSolution(True, self._problem.digest, self._bits.index_bits, ports, notes=tuple(notes))

    def _port(self, number: int, capability: PortCapability, best: _Attempt, key: bytes) -> PortSolution:
        chosen = best.layouts[number]
        setup: HashSetup | None = chosen.setup
        ranks: dict[str, int] = {}
        balance: dict[Family, tuple[tuple[str, int, float], ...]] = {}
        for family in self._balanced(number):
            columns = quality.field_columns(key, chosen.traffic_positions(family), self._index_bits)
            ranks |= quality.field_ranks(columns)
            report = quality.report(columns, self._table_size, family)
            balance[family] = tuple((t, n, r) for t, by in sorted(report.items()) for n, r in by.items())
        return PortSolution(
            port=number,
            key=key,
            key_length_passed=capability.key_length_passed,
            table_size=self._table_size,
            setup=setup.name if setup else None,
            padded=setup is not None and setup.padded,
            rss_hf=setup.rss_hf if setup else (),
            hashed=setup.hashed if setup else (),
            steering=chosen.steering,
            software=chosen.inputs,
            of_bytes=chosen.of_bytes,
            free_dimensions=gf2.rank(best.space.forms[v] >> self._given for v in self._traffic_bits(number, chosen)),
            field_ranks=tuple(sorted(ranks.items(), key=lambda of: place(of[0]))),
            balance=balance[4],
            balance6=balance.get(6, ()),
            function=chosen.function,
            rules=setup.rules if setup else (),
            key_fixed=setup is not None and capability.fixed_key is not None,
        )

    def _contradiction(self, attempt: _Attempt) -> RssSolution:
        """An irreducible set of constraints under which the first degenerate port cannot spread."""
        port = attempt.degenerate[0]
        constraints = self._problem.constraints
        needed = list(range(len(constraints)))
        for candidate in range(len(constraints)):
            rest = [constraints[i] for i in needed if i != candidate]
            if not any(port in c.ports for c in rest):
                continue
            if not self._spreads(self._space(attempt.layouts, rest), attempt.layouts, port, constraints):
                needed.remove(candidate)
        count = "this constraint leaves" if len(needed) == 1 else f"these {len(needed)} constraints together leave"
        reason = f"{count} only keys that send all packets of port {port} to one core (R3)"
        return RssSolution(False, self._problem.digest, self._bits.index_bits, conflict=tuple(needed), reason=reason)
