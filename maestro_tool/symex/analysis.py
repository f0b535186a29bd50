"""`analyse`: set-up, then nf_process once per port, until nothing new is learnt about the configuration."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from maestro_tool.diagnostics import InputError, ResourceLimitError
from maestro_tool.expr import Expr
from maestro_tool.expr.symbols import Option, packet_byte
from maestro_tool.frontend import ir
from maestro_tool.symex import padding
from maestro_tool.symex.callpath import (
    LENGTH_AT,
    Analysis,
    CallPath,
    LeftOut,
    MemoryPointer,
    ObjectPointer,
    Pinned,
    uses,
)
from maestro_tool.symex.files import Reader, content
from maestro_tool.symex.initial import Contents, initial_contents
from maestro_tool.symex.key_facts import KeyAnalysis
from maestro_tool.symex.limits import Limits
from maestro_tool.symex.memory import PacketBytes
from maestro_tool.symex.merge import Merger
from maestro_tool.symex.models import COMMON, PACKET, SETUP, unknown
from maestro_tool.symex.notes import Note, NoteCode
from maestro_tool.symex.packet import ASSUMPTIONS, Findings, MutableFoundError, PacketMachine
from maestro_tool.symex.places import Places
from maestro_tool.symex.setup import SetUpResult, run_setup
from maestro_tool.symex.solver import Solver
from maestro_tool.symex.state import State
from maestro_tool.symex.values import bytes_of

_DEFAULT_LIMITS = Limits()


#: Called with the port and the number of call paths so far.
Progress = Callable[[int, int], None]

#: Called with what set-up left in each of `Analysis.objects`.
Left = Callable[[tuple[Contents, ...]], None]


def analyse(
    program: ir.Program,
    arguments: tuple[str, ...] = (),
    ports: int = 2,
    limits: Limits = _DEFAULT_LIMITS,
    pure: tuple[str, ...] = (),
    progress: Progress | None = None,
    *,
    left: Left | None = None,
    read: Reader = content,
) -> Analysis:
    """All feasible call paths of ``nf_process`` after set-up with ``arguments`` (those behind ``--``).

    Raises InputError when set-up stops or a path certainly misbehaves, UnsupportedError for what cannot be
    followed, ResourceLimitError when a budget runs out; all with the place in the source.

    ``pure``: functions without a definition that only calculate: their results are taken as unknown.  ``read``: what
    gives set-up the files that it opens.
    """
    return _analyse(program, arguments, ports, limits, pure, progress, left, read, trusting=False)


@dataclass(frozen=True, slots=True)
class Conjecture:
    """An analysis that is right if its own call paths bear out what it took for granted.

    Only `sharding.confirmed` looks inside: it knows how to tell.
    """

    unconfirmed: Analysis


def conjecture(
    program: ir.Program,
    arguments: tuple[str, ...] = (),
    ports: int = 2,
    limits: Limits = _DEFAULT_LIMITS,
    pure: tuple[str, ...] = (),
    progress: Progress | None = None,
    *,
    left: Left | None = None,
    read: Reader = content,
) -> Conjecture:
    """As `analyse`, taking for granted that keys that packets erase lie where the map found them, once each."""
    return Conjecture(_analyse(program, arguments, ports, limits, pure, progress, left, read, trusting=True))


def _analyse(
    program: ir.Program, arguments: tuple[str, ...], ports: int, limits: Limits, pure: tuple[str, ...],
    progress: Progress | None, left: Left | None, read: Reader, *, trusting: bool,
) -> Analysis:  # fmt: skip
    for name in pure:
        if name in SETUP or name in PACKET:
            raise InputError(
                f"'{name}' is declared as a pure function of others, but is one of the library",
                hint="leave it out of 'functions' in nf.yaml (or --pure)",
            )
        if name in program.functions:
            loc = program.locations[program.functions[name].loc]
            raise InputError(f"'{name}' is declared as a pure function of others, but is defined here", loc)
    check_names(program)
    budget = _Budget(limits, progress)
    solver = Solver(limits, ASSUMPTIONS)
    keys = KeyAnalysis(program, solver, limits)
    try:
        result = run_setup(program, arguments, ports, solver, limits, keys, read)
        found = _explore(program, arguments, ports, limits, budget, solver, result, keys.notes, pure, trusting, left)
        return padding.settled(found, keys.padded)
    except RecursionError:
        raise ResourceLimitError("an expression is nested too deeply to be analysed") from None


def check_names(program: ir.Program) -> None:
    """InputError when the NF defines a function of the API, which the program has already."""
    for name in sorted(program.functions.keys() & ((SETUP.keys() | PACKET.keys()) - COMMON.keys())):
        raise InputError(
            f"'{name}' is a function of the library; the NF cannot define its own",
            program.locations[program.functions[name].loc],
            hint="give it another name",
        )


def _generated(program: ir.Program) -> set[Note]:
    """That functions were added to the NF is for its author to know."""
    files = dict(program.generated)
    return {
        Note(function.loc, NoteCode.GENERATED, (name,))
        for name, function in program.functions.items()
        if program.locations[function.loc].file in files
    }


class _TooManyPathsError(Exception):
    """There are so many that merging them is worth its price."""


class _Budget:
    """What the analysis may take; ``progress`` is told the number of paths now and then, which decides nothing."""

    def __init__(self, limits: Limits, progress: Progress | None) -> None:
        self._limits, self._progress = limits, progress
        self._start, self._told = time.process_time(), time.monotonic()
        self._forks = 0  # since the last start
        self._all_forks = 0
        self._asked = 0  # queries when z3's work was looked at

    def begin(self) -> None:
        """Called where the analysis starts, again and again."""
        self._forks = 0

    def another_path(self, machine: PacketMachine, paths: Sequence[CallPath], loc: int) -> None:
        if len(paths) >= self._limits.paths:
            self._over(machine, f"more than {self._limits.paths} call paths", loc, "paths")

    def tick(self, machine: PacketMachine, paths: Sequence[CallPath], loc: int) -> None:
        """Called wherever a path forks: the next one may take long to end."""
        self._forks += 1
        self._all_forks += 1
        if machine.merger is None and self._forks > _FORKS_PER_PATH * self._limits.merge_after:
            raise _TooManyPathsError
        limits, found = self._limits, f"and {len(paths)} call paths"
        if self._all_forks > limits.forks:
            self._over(machine, f"no end after {limits.forks} forks {found}", loc, "forks")
        if machine.solver.queries >= self._asked + _LOOK_EVERY:
            self._asked = machine.solver.queries
            if machine.solver.work > limits.solver:
                self._over(machine, f"no end after {limits.solver} units of the solver's work {found}", loc, "solver")
        if limits.seconds and time.process_time() - self._start > limits.seconds:
            self._over(machine, f"stopped after {limits.seconds} s of CPU time {found}", loc, "seconds")
        if self._progress is not None and (now := time.monotonic()) - self._told > _TELL_EVERY:
            self._told = now
            self._progress(machine.port, len(paths))

    def _over(self, machine: PacketMachine, text: str, loc: int, limit: str) -> NoReturn:
        hint = f"decide less by the packet's bytes; or raise the limit '{limit}' (nf.yaml, --limit)"
        machine.fail(ResourceLimitError, text, loc, hint)


_TELL_EVERY = 0.5  # seconds
_FORKS_PER_PATH = 4  # a path has about two; with many more, ways to the next end are many, too
_LOOK_EVERY = 16  # queries; z3's statistics take a tenth of a millisecond


def _explore(
    program: ir.Program, arguments: tuple[str, ...], ports: int, limits: Limits, budget: _Budget, solver: Solver,
    result: SetUpResult, notes: set[Note], pure: tuple[str, ...], trusting: bool, left: Left | None,
) -> Analysis:  # fmt: skip
    notes |= _generated(program)
    places = Places(program, result)
    findings = Findings()
    merging = False
    while True:
        found_notes: set[Note] = set()
        paths: list[CallPath] = []
        left_out: list[LeftOut] = []
        budget.begin()
        try:
            for port in range(ports):
                machine = PacketMachine(program, result, places, findings, solver, limits, port, ports)
                machine.merger = Merger() if merging else None
                machine.trusting = trusting
                machine.tick = partial(budget.tick, machine, paths)
                machine.models = {**machine.models, **dict.fromkeys(pure, unknown.pure)}
                for end in machine.explore(machine.start()):
                    if len(paths) >= limits.merge_after and not merging:
                        raise _TooManyPathsError
                    budget.another_path(machine, paths, end.end)
                    paths.append(_call_path(machine, end))
                found_notes |= machine.notes
                left_out += machine.left_out
        except MutableFoundError:
            continue
        except _TooManyPathsError:
            merging = True
            continue
        symbols = frozenset[Expr]().union(*(_symbols(path, solver) for path in paths))
        mistaken = findings.mistaken()
        if symbols.isdisjoint(findings.pinned) and not mistaken:
            break  # every path agrees on what is pinned, and on where keys lie
    if left is not None:
        left(initial_contents(program, result, sorted(findings.mutable), solver, limits))
    return Analysis(
        ports,
        arguments,
        machine.state_objects() if ports else (),
        tuple(paths),
        _pinned(findings),
        tuple(
            ObjectPointer(place.text, place.access, number)
            for place, number in sorted(findings.object_pointers.items(), key=lambda item: item[0].text)
        ),
        tuple(
            MemoryPointer(place.text, place.access, address)
            for place, address in sorted(findings.memory_pointers.items(), key=lambda item: item[0].text)
        ),
        _configuration(symbols, findings),
        tuple(sorted(result.notes | notes | found_notes)),
        result.files,
        findings.frame_stored,
        findings.frame_moved,
        tuple(dict.fromkeys(left_out)),
        program.dialect,
    )


def _call_path(machine: PacketMachine, end: State) -> CallPath:
    verdict = machine.verdict(end)
    writes, grown = _packet_writes(end), end.cursor.grown
    return CallPath(machine.port, end.conditions, tuple(end.events), writes, verdict, end.end, grown)


def _packet_writes(end: State) -> tuple[tuple[int, Expr], ...]:
    """As in `CallPath.packet_writes`."""
    assert end.cursor.block is not None
    block = end.memory.get(end.cursor.block.block)
    assert block is not None and isinstance(block.fill, PacketBytes)
    writes = []
    for offset, (_, value) in sorted(block.cells.items()):
        assert isinstance(value, Expr)
        for n, byte in enumerate(bytes_of(value), offset):
            if byte is not packet_byte(n - end.cursor.grown):
                writes.append((n, byte))
    length = () if end.cursor.length is None else enumerate(bytes_of(end.cursor.length), LENGTH_AT)
    return (*writes, *length)


def _symbols(path: CallPath, solver: Solver) -> frozenset[Expr]:
    """Symbols anywhere in a path."""
    return frozenset[Expr]().union(*(solver.symbols(use.expr) for use in uses(path)))


def _configuration(symbols: frozenset[Expr], findings: Findings) -> dict[str, int]:
    """As in `Analysis.configuration`."""
    known = (s for s in sorted(symbols, key=str) if s in findings.values)
    return {s.value.place: findings.values[s][1] for s in known if isinstance(s.value, Option)}


def _pinned(findings: Findings) -> tuple[Pinned, ...]:
    numbers = [Pinned(p.text, p.access, p.size, value, loc) for p, value, loc in findings.pinned.values()]
    pointers = [Pinned(p.text, p.access, p.size, 0, loc) for p, loc in findings.null_pointers.items()]
    return tuple(sorted(numbers + pointers, key=lambda p: (p.place, p.access)))
