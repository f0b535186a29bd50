"""Runs the typed program over symbolic values: one instruction after the other, one path after the other.

`Machine` knows frames, decisions and forks; ``instructions`` what an instruction does; `Access` memory and values.
Its subclasses are the phases: ``setup`` (concrete), ``packet`` and ``keys``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from maestro_tool.diagnostics import InputError, ResourceLimitError, UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.symbols import option
from maestro_tool.frontend import ir
from maestro_tool.solver import Answer, sharing
from maestro_tool.symex.access import Access, NeedsValueError
from maestro_tool.symex.flow import Flow
from maestro_tool.symex.instructions import HANDLERS, Successors
from maestro_tool.symex.merge import Merger
from maestro_tool.symex.notes import NoteCode
from maestro_tool.symex.solver import Witness
from maestro_tool.symex.state import Frame, State
from maestro_tool.symex.tables import look_up, one_alike
from maestro_tool.symex.values import (
    UNDEFINED,
    Pointer,
    Value,
    to_bool,
)

#: Rounds of a loop that ends by what is known, for each that packets may decide.
_ROUNDS_PER_DECISION = 16


class PathEndedError(Exception):
    """The path ends without a verdict: a failed assertion, exit()."""


class Machine(Access):
    """Explores functions of the program; a subclass says what memory and decisions mean (`Access`)."""

    merger: Merger | None = None
    #: Called with a place wherever a path goes on after a fork.
    tick: Callable[[int], None] | None = None
    trusting: bool = False  # see `conjecture`

    # ----------------------------------------------------------------------- paths

    def enter(self, state: State, name: str, args: list[Value], dst: int | None, loc: int) -> None:
        """Push a frame for function ``name`` of the program."""
        function = self.program.functions[name]
        if len(args) < len(function.parameters):
            self.fail(InputError, f"'{name}' is called with too few arguments", loc)
        if len(state.frames) >= self.limits.call_depth:
            self.fail(
                ResourceLimitError,
                f"more than {self.limits.call_depth} nested calls of '{name}'",
                loc,
                "recursion must end after a number of calls that packets do not decide",
            )
        state.frames.append(Frame(function, args, dst))

    def explore(self, start: State) -> Iterator[State]:
        """All ways from ``start`` until its outermost frame returns: depth first, or in step and merged."""
        if self.merger is not None:
            yield from self.merger.explore(start, self._advance_or_end)
            return
        work = [start]
        while work:
            state = work.pop()
            try:
                successors = self._advance(state)
            except PathEndedError:
                continue
            if successors is None:
                yield state
            else:
                work.extend(reversed(successors))  # the first one next: paths come in the program's order

    def _advance_or_end(self, state: State) -> Successors:
        """As `_advance`; a path that ends without a verdict has no successors."""
        try:
            return self._advance(state)
        except PathEndedError:
            return []

    def call(self, state: State, name: str, args: list[Value], loc: int) -> Value:
        """Run a function to its end on a path that must not fork (set-up)."""
        outer, state.frames = state.frames, []  # so that `_advance` stops at this function's end
        self.enter(state, name, args, None, loc)
        if self._advance(state) is not None:
            self.fail(UnsupportedError, f"'{name}' decides by something that is not known", loc)
        state.frames = outer
        result, state.result = state.result, None
        return UNDEFINED if result is None else result

    def _advance(self, state: State) -> Successors:
        """Run until the path forks (its successors) or ends (None)."""
        handlers = HANDLERS
        if self.tick is not None:
            frame = state.frames[-1]
            self.tick(frame.function.blocks[frame.block].terminator.loc)
        while True:
            frame = state.frames[-1]
            block = frame.function.blocks[frame.block]
            instructions = block.instructions
            count = len(instructions) if self.merger is None else self.merger.until(frame)
            state.steps += count - frame.pc + 1
            if state.steps > self.step_limit:
                self.fail(
                    ResourceLimitError,
                    f"more than {self.step_limit} instructions on one path",
                    block.terminator.loc,
                    "is there a loop that never ends?",
                )
            successors: Successors
            try:
                while frame.pc < count:
                    instruction = instructions[frame.pc]
                    successors = handlers[type(instruction)](self, state, frame, instruction)
                    if successors is not None:
                        return successors
                    frame.pc += 1  # before another frame is entered: it returns to what is behind its call
                    if state.frames[-1] is not frame:
                        break
                else:
                    if count < len(instructions):
                        return [state]
                    source = frame.block
                    successors = self._terminate(state, frame, block.terminator)
                    if self.merger is not None:
                        for s in successors or [state] if state.frames else ():
                            if s.frames[-1].function is frame.function and s.frames[-1].pc == 0:
                                self.merger.entered(s.frames[-1], source)
                    if successors is not None:
                        return successors
                    if not state.frames:
                        return None
                    if self.merger is not None and self._may_merge(state, frame):
                        return [state]
            except NeedsValueError as need:
                # The instruction changed nothing, and frame.pc is still at it: it runs again, knowing the value.
                if self.merger is not None:
                    self.merger.needed(state, need.expr)
                return self._enumerate(state, need)

    def _may_merge(self, state: State, frame: Frame) -> bool:
        """Behind a call, or where ways of one function meet."""
        top = state.frames[-1]
        return top is not frame or (self.merger is not None and self.merger.meets(top))

    def _enumerate(self, state: State, need: NeedsValueError) -> list[State]:
        """One successor per value of ``need.expr``; each runs the same instruction again."""
        values = self.solver.values(state.conditions, need.expr, self.limits.values)
        if values is None:
            self.fail(
                UnsupportedError,
                f"{need.purpose} depends on what is not known, with more than {self.limits.values} possible values",
                need.loc,
                "compare it with a bound first; or raise the limit 'values' (nf.yaml, --limit)",
            )
        result = []
        witnesses: dict[int, Witness | None] = dict.fromkeys(values)
        if self.merger is not None:  # maybe not all of them are possible
            for value in values:
                answer, witnesses[value] = self._find(state, nodes.eq(need.expr, nodes.const(value, need.expr.width)))
                if answer == "no":
                    del witnesses[value]
        for value, witness in witnesses.items():
            successor = state.fork()
            constant = nodes.const(value, need.expr.width)
            successor.assume(nodes.eq(need.expr, constant))
            successor.learn(nodes.eq(need.asked, constant))
            # Or the same instruction would ask again; what was asked may look different with what is known now.
            successor.known[need.expr] = successor.known[need.asked] = constant
            if self.merger is not None:
                self._say_plainly(state, successor, need.expr)
            successor.witness = witness
            result.append(successor)
        return result

    def _say_plainly(self, before: State, after: State, about: Expr) -> None:
        """Say what was known of ``about`` of the number that it is now, too: paths that come to one option in several
        ways then have that in common (that it is in front of the end, say)."""
        numbers = {e: v for e, v in after.known.items() if v.width and before.known.get(e) is not v}
        for c in sharing(before.conditions, about):
            if c.op != "lor":
                after.assume(nodes.substitute(c, numbers))

    def split(self, state: State, condition: Expr, loc: int) -> tuple[State | None, State | None]:
        """(where it holds, where it does not); one of them is ``state`` itself, None is infeasible."""
        condition = self.decide(state, condition, loc)
        if not condition.is_const and state.known:
            simpler = nodes.substitute(condition, state.known)
            if simpler.is_const or self.merger is not None:  # paths that are to agree say it by what matters from here
                condition = simpler
        if condition.is_const:
            return (state, None) if condition is nodes.TRUE else (None, state)
        negation = nodes.lnot(condition)
        # A witness (one packet that takes this path) shows without the solver that one of both ways is feasible.
        witness = state.witness
        known_true = witness is not None and self.solver.holds_under(witness, condition)
        holds, when_true = ("yes", witness) if known_true else self._find(state, condition)
        if holds == "no":
            return None, state  # the negation follows from the path's conditions: it need not become one
        known_false = witness is not None and not known_true
        fails, when_false = ("yes", witness) if known_false else self._find(state, negation)
        if fails == "no":
            return state, None
        if "unknown" in (holds, fails):
            self.note(loc, NoteCode.NOT_DECIDED)
        other = state.fork()
        state.assume(condition)
        other.assume(negation)
        state.witness, other.witness = when_true, when_false
        return state, other

    def _find(self, state: State, condition: Expr) -> tuple[Answer, Witness | None]:
        """Whether the condition can hold here, and values for the whole path under which it does."""
        if state.witness is not None:
            guess = self.solver.guess(state.conditions, state.witness, condition)
            guess = guess or self.solver.near(state.conditions, state.witness, condition)
            if guess is not None:
                return "yes", guess
        answer, values = self.solver.find(state.conditions, condition)
        if values is None or state.witness is None:
            return answer, None
        return answer, {**state.witness, **values}

    def known_by_now(self, state: State, e: Expr) -> None:
        if self.merger is not None:
            self.merger.needed(state, e)

    def may(self, state: State, condition: Expr, loc: int) -> bool:
        """Can the condition hold here?  (Unknown counts as yes.)"""
        condition = nodes.substitute(self.decide(state, condition, loc), state.known)
        if condition.is_const:
            return condition is nodes.TRUE
        return self.solver.may_hold(state.conditions, condition) != "no"

    def follows(self, state: State, claim: Expr, whole: Expr) -> bool:
        """Whether the claim follows from the conditions with ``whole``, a part of them, taken for any number."""
        named = {whole: option("any", whole.width)}
        conditions = tuple(nodes.substitute(c, named) for c in state.conditions)
        return self.solver.may_hold(conditions, nodes.lnot(nodes.substitute(claim, named))) == "no"

    def looked_up(self, state: State, address: Value, size: int, loc: int, *, copied: bool) -> Expr | None:
        if not isinstance(address, Pointer) or isinstance(address.offset, int):
            return None
        # Configuration may decide, and is then better known; what is copied hardly does.
        block = state.memory.get(address.block)
        return look_up(self, state, address, size, loc) if block is not None and (copied or block.const) else None

    def alike(self, state: State, address: Value, size: int, kind: ir.ValueKind, loc: int) -> Value:
        if not isinstance(address, Pointer) or isinstance(address.offset, int):
            return address
        return one_alike(self, state, address, size, loc, kind == "pointer") or address

    def final(self, state: State, value: Value, loc: int) -> Value:
        """What the outermost function returns."""
        return value

    # ----------------------------------------------------------------------- control flow

    def _terminate(self, state: State, frame: Frame, t: ir.Terminator) -> Successors:
        match t:
            case ir.Jump(target):
                frame.block, frame.pc = target, 0
            case ir.Branch(condition, then, otherwise):
                test = to_bool(self.integer(state, frame, condition, 1, t.loc))
                yes, no = self.split(state, test, t.loc)
                undecided = yes is not None and no is not None
                # A round that this path cannot leave still counts if packets decide how many there are.
                if undecided or (t.loop and not test.is_const):
                    self._count_decision(frame, t.loc, t.loop)
                elif t.loop and test.is_const and not isinstance(condition, ir.Const) and frame.decisions:
                    self._another_round(frame)
                if no is not None and yes is not None:
                    no.frames[-1].decisions = dict(frame.decisions)
                return self._go([(yes, then), (no, otherwise)])
            case ir.Switch():
                return self._switch(state, frame, t)
            case ir.Return(operand):
                value = None if operand is None else self.value(state, frame, operand)
                if len(state.frames) == 1 and value is not None:
                    value = self.final(state, value, t.loc)
                self._return(state, frame, value, t.loc)
            case ir.Unreachable():
                self._return(state, frame, None, t.loc)
        return None

    def _go(self, targets: list[tuple[State | None, int]]) -> Successors:
        """Send each state to its block; None when the path goes on without a fork."""
        successors = []
        for state, block in targets:
            if state is not None:
                state.frames[-1].block, state.frames[-1].pc = block, 0
                successors.append(state)
        return successors if len(successors) > 1 else None

    def _switch(self, state: State, frame: Frame, t: ir.Switch) -> Successors:
        value = self.integer(state, frame, t.value, t.bits, t.loc)
        targets: list[tuple[State | None, int]] = []
        rest: State | None = state
        for case, block in t.cases:
            if rest is None:
                break
            taken, rest = self.split(rest, nodes.eq(value, nodes.const(case, t.bits)), t.loc)
            targets.append((taken, block))
        targets.append((rest, t.default))
        feasible = [successor for successor, _ in targets if successor is not None]
        if len(feasible) > 1:
            self._count_decision(frame, t.loc, False)
            for successor in feasible:
                successor.frames[-1].decisions = dict(frame.decisions)
        return self._go(targets)

    def _another_round(self, frame: Frame) -> None:
        """A loop's own test is decided by what is known, as of one over a table: what is decided in each round counts
        anew, for so many rounds.  Tests of loops that packets decide do not."""
        rounds = frame.decisions.get(~frame.block, 0) + 1
        if rounds > _ROUNDS_PER_DECISION * self.limits.unroll:
            return
        decided = self._decided_in_rounds(frame)
        if not decided.isdisjoint(frame.decisions):
            frame.decisions = {block: count for block, count in frame.decisions.items() if block not in decided}
        frame.decisions[~frame.block] = rounds

    def _decided_in_rounds(self, frame: Frame) -> frozenset[int]:
        """Of the loop whose test ends the frame's block: the branches inside but for tests of loops, and the rounds of
        loops inside."""
        key = frame.function.name, frame.block
        found = self.rounds.get(key)
        if found is None:
            inside = Flow(frame.function).innermost(frame.block)
            ends = {block: frame.function.blocks[block].terminator for block in inside}
            plain = {block for block, end in ends.items() if not getattr(end, "loop", False)}
            found = self.rounds[key] = frozenset(plain | {~block for block in inside})
        return found

    def _count_decision(self, frame: Frame, loc: int, loop: bool) -> None:
        count = frame.decisions[frame.block] = frame.decisions.get(frame.block, 0) + 1
        if count > self.limits.unroll:
            self.fail(
                ResourceLimitError,
                f"this loop has no bound that holds for all packets ({self.limits.unroll} rounds were tried)"
                if loop
                else f"this is decided more than {self.limits.unroll} times in one call",
                loc,
                "bound the number of rounds by a constant or by a number fixed in nf_init",
            )

    def _return(self, state: State, frame: Frame, value: Value | None, loc: int) -> None:
        for number in frame.locals:
            state.memory.free(number)
        state.frames.pop()
        if not state.frames:
            state.result, state.end = value, loc
        elif frame.dst is not None:
            state.frames[-1].temps[frame.dst] = UNDEFINED if value is None else value
