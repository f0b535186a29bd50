"""A function's control flow, as merging needs it: the order of its blocks, its loops, what is still used at a place."""

from __future__ import annotations

from collections.abc import Iterable

from maestro_tool.frontend import ir
from maestro_tool.symex.state import Frame


class Flow:
    """A function's blocks in the order of control, its loops, and which temporaries are still used at a place."""

    def __init__(self, function: ir.Function) -> None:
        self._blocks = function.blocks
        self._next = [ir.successors(b.terminator) for b in function.blocks]
        self._rank = self._ranks()
        self._loops = self._natural_loops()  # header -> blocks
        self._around = [
            sorted((h for h, body in self._loops.items() if b in body), key=lambda h: (-len(self._loops[h]), h))
            for b in range(len(self._blocks))
        ]
        entries = [t for targets in self._next for t in set(targets)]
        self._joins = {b for b in range(len(self._blocks)) if entries.count(b) > 1}
        # A loop is left by many rounds.
        self._joins |= {
            target
            for b, targets in enumerate(self._next)
            for target in targets
            if not set(self._around[b]) <= set(self._around[target])
        }
        self._live_in: list[set[int]] = [set() for _ in self._blocks]
        self._settle_live()
        self._live: dict[tuple[int, int], frozenset[int]] = {}
        self._carried: dict[int, list[int]] = {}
        self._waits: dict[int, set[int]] = {}
        self._paces: dict[int, set[int]] = {}

    def rank(self, block: int) -> int:
        """Smaller for what runs earlier, but for ways back."""
        return self._rank[block]

    def loops_around(self, block: int) -> list[int]:
        """The first blocks of the loops that the block is in, outermost first."""
        return self._around[block]

    def innermost(self, block: int) -> frozenset[int]:
        """The blocks of the smallest loop around the block."""
        around = self._around[block]
        return frozenset(self._loops[around[-1]]) if around else frozenset()

    def is_meeting(self, block: int, pc: int) -> bool:
        """Whether several ways lead there, or paths wait there for each other."""
        return (pc == 0 and block in self._joins) or pc in self._waits.get(block, ())

    def next_meeting(self, block: int, pc: int) -> int:
        """The first instruction behind ``pc`` where paths wait for each other, or the block's end."""
        end = len(self._blocks[block].instructions)
        waits = self._waits.get(block)
        return min((n for n in waits if n > pc), default=end) if waits else end

    def wait(self, block: int, pc: int) -> None:
        """From now on, paths wait there for each other."""
        self._waits.setdefault(block, set()).add(pc)

    def carried(self, header: int) -> list[int]:
        """The loop's variables, whose values go from round to round: temporaries with the addresses of the locals."""
        found = self._carried.get(header)
        if found is None:
            allocas = {i.dst for b in self._blocks for i in b.instructions if isinstance(i, ir.Alloca)}
            stored = {at for b in self._loops[header] for at, writes in self._accesses(b) if writes}
            found = self._carried[header] = [t for t in sorted(allocas & stored) if self._read_first(header, t)]
        return found

    def _accesses(self, block: int) -> list[tuple[int, bool]]:
        """(temporary with the address, whether it is a store) of loads and stores."""
        accesses = (i for i in self._blocks[block].instructions if isinstance(i, ir.Load | ir.Store))
        return [(i.address.id, isinstance(i, ir.Store)) for i in accesses if isinstance(i.address, ir.Temp)]

    def _read_first(self, header: int, temp: int) -> bool:
        """Whether a round may read the variable before it writes it."""
        todo, seen = [header], {header}
        while todo:
            block = todo.pop()
            first = next((writes for at, writes in self._accesses(block) if at == temp), None)
            if first is False:
                return True
            if first is None:
                ahead = (set(self._next[block]) & self._loops[header]) - seen
                seen |= ahead
                todo += ahead
        return False

    def pace(self, header: int, temp: int) -> None:
        """From now on, the variable at the address in ``temp`` says how far a path is in the loop."""
        self._paces.setdefault(header, set()).add(temp)

    def is_at_option(self, frame: Frame) -> bool:
        """Whether paths wait for each other where the frame is, or are behind the loops whose pace is set."""
        if frame.pc in self._waits.get(frame.block, ()):
            return True
        return bool(self._paces) and self._paces.keys().isdisjoint(self._around[frame.block])

    def paces(self, header: int) -> list[int]:
        return sorted(self._paces.get(header, ()))

    def count(self, iterations: dict[int, int], source: int, target: int) -> None:
        """A loop's count begins anew when it is entered from outside."""
        for header in self._around[source]:
            if header not in self._around[target]:
                iterations.pop(header, None)
        if target in self._loops:
            inside = source in self._loops[target]
            iterations[target] = iterations.get(target, 0) + 1 if inside else 0

    def live(self, block: int, pc: int) -> frozenset[int]:
        """Temporaries that are used from instruction ``pc`` of the block on."""
        found = self._live.get((block, pc))
        if found is None:
            found = self._live[block, pc] = frozenset(self._before(block, pc))
        return found

    def _ranks(self) -> list[int]:
        """Reverse postorder."""
        rank, seen = [0] * len(self._blocks), {0}
        stack, number = [(0, iter(self._next[0]))], len(self._blocks)
        while stack:
            block, targets = stack[-1]
            target = next((t for t in targets if t not in seen), None)
            if target is None:
                stack.pop()
                number -= 1
                rank[block] = number
            else:
                seen.add(target)
                stack.append((target, iter(self._next[target])))
        return rank

    def _natural_loops(self) -> dict[int, set[int]]:
        before: list[list[int]] = [[] for _ in self._blocks]
        for block, targets in enumerate(self._next):
            for target in targets:
                before[target].append(block)
        loops: dict[int, set[int]] = {}
        for block, targets in enumerate(self._next):
            for header in targets:
                if self._rank[header] <= self._rank[block]:
                    body = loops.setdefault(header, {header})
                    todo = [block]
                    while todo:
                        inner = todo.pop()
                        if inner not in body:
                            body.add(inner)
                            todo += before[inner]
        return loops

    def _settle_live(self) -> None:
        changed = True
        while changed:
            changed = False
            for b in sorted(range(len(self._blocks)), key=lambda b: -self._rank[b]):
                new = self._before(b, 0)
                changed = changed or new != self._live_in[b]
                self._live_in[b] = new

    def _before(self, block: int, pc: int) -> set[int]:
        b = self._blocks[block]
        live = set[int]().union(*(self._live_in[n] for n in self._next[block]), _temps_of(b.terminator))
        for instruction in reversed(b.instructions[pc:]):
            live.discard(getattr(instruction, "dst", -1))
            live.update(_temps_of(instruction))
        return live


def _temps_of(step: ir.Instruction | ir.Terminator) -> Iterable[int]:
    for name in step.__slots__:
        operand = getattr(step, name)
        for o in operand if isinstance(operand, tuple) else (operand,):
            if isinstance(o, ir.Temp):
                yield o.id
