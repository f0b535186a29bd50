"""Phase 1: nf_config_init and nf_init run on concrete values, with the NF's own arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn, Protocol

from maestro_tool.diagnostics import InputError, UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.symbols import placeholder
from maestro_tool.frontend import ir
from maestro_tool.symex.access import NeedsValueError
from maestro_tool.symex.callpath import PinnedFile
from maestro_tool.symex.files import Files, Reader, content
from maestro_tool.symex.limits import Limits
from maestro_tool.symex.machine import Machine
from maestro_tool.symex.memory import Block, External, Memory, Zeros
from maestro_tool.symex.models import SETUP
from maestro_tool.symex.models.library import OF_THIS_RUN
from maestro_tool.symex.notes import Note
from maestro_tool.symex.objects import KeyFacts, ObjectInfo, PairFacts, PairFunctions
from maestro_tool.symex.solver import Solver
from maestro_tool.symex.state import State
from maestro_tool.symex.values import FunctionPointer, Pointer, Value

_STREAMS = frozenset({"stdin", "stdout", "stderr"})
_LIBRARY = {"optind": 1, "opterr": 1, "optopt": ord("?"), "optarg": 0, "errno": 0}


class KeyQuestions(Protocol):
    """What set-up asks about the functions that objects are given (`key_facts.KeyAnalysis`)."""

    def of_map(self, equality: str, hash_function: str, loc: int) -> KeyFacts: ...

    def of_sketch(self, hash_function: str, loc: int) -> KeyFacts: ...

    def of_pair(self, functions: PairFunctions, size: int, loc: int) -> PairFacts: ...


@dataclass(frozen=True, slots=True)
class SetUpResult:
    """Memory after nf_init; nobody changes it any more.

    ``common``: blocks that nf_config_init made, once for all cores.
    """

    memory: Memory
    globals: dict[str, int]
    objects: tuple[ObjectInfo, ...]
    notes: frozenset[Note]
    files: tuple[PinnedFile, ...]
    common: frozenset[int]


class SetUpMachine(Machine):
    """All values are concrete; what is not is an error."""

    pointers_carry_numbers = True

    def __init__(
        self,
        program: ir.Program,
        globals_: dict[str, int],
        solver: Solver,
        limits: Limits,
        ports: int,
        keys: KeyQuestions,
    ) -> None:
        super().__init__(program, globals_, SETUP, solver, limits)
        self.in_setup = True
        self.ports = ports
        self.step_limit = limits.setup_steps
        self._facts = keys
        self.common: frozenset[int] = frozenset()
        self.each_core = False  # whether nf_init is running
        self._of_this_run: dict[Expr, str] = {}

    def configured(self, state: State) -> None:
        """nf_config_init, which runs once, is over; nf_init follows, on each core."""
        variables = set(self.globals.values())
        self.common = frozenset(number for number, _ in state.memory.items() if number not in variables)
        if self.objects:
            self._fail_shared(f"allocates a {self.objects[0].kind} in nf_config_init", self.objects[0].loc)

    def _fail_shared(self, message: str, loc: int) -> NoReturn:
        hint = "each core runs nf_init, and what nf_config_init made is shared by all: make it in nf_init"
        self.fail(UnsupportedError, message, loc, hint)

    def stored(self, state: State, number: int, block: Block, offset: int, size: int, value: Value, loc: int) -> None:
        super().stored(state, number, block, offset, size, value, loc)
        if isinstance(value, Expr) and not any(number in frame.locals for frame in state.frames):
            self._refuse_of_this_run(value, loc)
        if number in self.common:
            self._fail_shared(f"nf_init writes to '{block.name}', which nf_config_init made", loc)

    def release(self, state: State, number: int, loc: int) -> None:
        if number in self.common:
            self._fail_shared("nf_init frees memory that nf_config_init made", loc)
        super().release(state, number, loc)

    def key_facts(self, equality: str, hash_function: str, loc: int) -> KeyFacts:
        return self._facts.of_map(equality, hash_function, loc)

    def hashed_facts(self, hash_function: str, loc: int) -> KeyFacts:
        return self._facts.of_sketch(hash_function, loc)

    def pair_facts(self, functions: PairFunctions, size: int, loc: int) -> PairFacts:
        return self._facts.of_pair(functions, size, loc)

    def number_of_this_run(self, name: str, bits: int) -> Expr:
        """In nf_init a symbol, which may lie in locals and seed generators, but must not come any further."""
        if not self.each_core:
            return super().number_of_this_run(name, bits)
        symbol = placeholder("run", len(self._of_this_run), bits)
        self._of_this_run[symbol] = name
        return symbol

    def _refuse_of_this_run(self, e: Expr, loc: int) -> None:
        for symbol in nodes.symbols(e):
            self._fail_of_this_run(self._of_this_run[symbol], loc)

    def _fail_of_this_run(self, name: str, loc: int) -> NoReturn:
        message = f"uses what '{name}' gives in nf_init, which runs for each worker: they would get different numbers"
        hint = "take the number from an option, or ask for it in nf_config_init, which runs once"
        self.fail(UnsupportedError, message, loc, hint)

    def decide(self, state: State, condition: Expr, loc: int) -> Expr:
        self._refuse_of_this_run(condition, loc)
        return super().decide(state, condition, loc)

    def check_initialiser(self, name: str, loc: int) -> None:
        """Vectors call ``name`` for each element when the program starts: it must give each worker the same."""
        seen, work = {name}, [name]
        while work:
            function = self.program.functions.get(work.pop())
            for i in (i for block in function.blocks for i in block.instructions) if function is not None else ():
                if not isinstance(i, ir.Call):
                    continue
                if not isinstance(i.callee, ir.FunctionAddress):
                    self.fail(UnsupportedError, f"'{name}', which fills a vector, calls by a pointer", i.loc)
                callee = i.callee.name
                if callee in OF_THIS_RUN:
                    self._fail_of_this_run(callee, i.loc)
                if callee not in self.program.functions and callee not in self.models:
                    self.fail(UnsupportedError, f"'{callee}' is neither defined by the NF nor known here", i.loc)
                if callee not in seen:
                    seen.add(callee)
                    work.append(callee)

    def concrete(self, state: State, e: Expr, loc: int, purpose: str) -> int:
        try:
            return super().concrete(state, e, loc, purpose)
        except NeedsValueError:
            self.fail(UnsupportedError, f"{purpose} is not known in set-up", loc)


def load_globals(program: ir.Program) -> tuple[Memory, dict[str, int]]:
    """Memory with the program's variables at their initial values, and their block numbers by name."""
    memory = Memory()
    numbers: dict[str, int] = {}
    for name, g in sorted(program.globals.items()):
        const = g.const or g.scope == "literal"
        known = g.defined or name in _LIBRARY or name in _STREAMS
        size = g.size if g.defined else max(g.size, 8)
        block = Block(name, size, Zeros() if known else External(), g.type_name, const)
        numbers[name] = memory.add(block)
    for name, number in numbers.items():
        block = memory.writable(number)
        for initial in program.globals[name].initial:
            size, value = _initial_value(initial, numbers)
            block.store(initial.offset, size, value)
        if name in _STREAMS and not program.globals[name].defined:
            block.store(0, 8, Pointer(memory.add(Block(name, None, External()))))
        elif name in _LIBRARY and not program.globals[name].defined and name != "optarg":
            block.store(0, 4, nodes.const(_LIBRARY[name], 32))
    return memory, numbers


def _initial_value(initial: ir.Initial, numbers: dict[str, int]) -> tuple[int, Value]:
    value = initial.value
    match value:
        case ir.Const(number, bits):
            return (bits + 7) // 8, number if isinstance(number, float) else nodes.const(number, 8 * ((bits + 7) // 8))
        case ir.GlobalAddress(name):
            return 8, Pointer(numbers[name], initial.addend)
        case ir.FunctionAddress(name):
            return 8, FunctionPointer(name)
        case bytes():
            return len(value), nodes.const(int.from_bytes(value, "little"), 8 * len(value))
    raise AssertionError(value)


def run_setup(
    program: ir.Program, arguments: tuple[str, ...], ports: int, solver: Solver, limits: Limits, keys: KeyQuestions,
    read: Reader = content,
) -> SetUpResult:  # fmt: skip
    """Run nf_config_init(argc, argv) where there is one, then nf_init().  ``read``: what gives it files.

    Raises InputError when the NF stops or nf_init returns false.
    """
    memory, numbers = load_globals(program)
    state = State(memory)
    machine = SetUpMachine(program, numbers, solver, limits, ports, keys)
    machine.files = Files(read)
    if "nf_init" not in program.functions:
        raise InputError("the program has no nf_init()", hint="is the NF's main source file among the sources?")
    if "nf_config_init" in program.functions:
        loc = program.functions["nf_config_init"].loc
        argc, argv = _command_line(machine, state, arguments)
        machine.call(state, "nf_config_init", [argc, argv], loc)
        machine.configured(state)
    machine.each_core = True
    init = program.functions["nf_init"]
    result = machine.call(state, "nf_init", [], init.loc)
    answer = machine.decide(state, result, init.loc) if isinstance(result, Expr) else nodes.const(1, 8)
    if not nodes.extract(answer, min(answer.width, 8) - 1, 0).const:
        output = " ".join(machine.output[-3:])
        machine.fail(
            InputError,
            "nf_init() returned false" + (f" (last output: {output})" if output else ""),
            init.loc,
            "are the NF's arguments right? capacities of maps must be powers of two",
        )
    files = tuple(file for _, file in sorted(machine.files.pinned.items()))
    notes = frozenset(machine.notes)
    return SetUpResult(state.memory, numbers, tuple(machine.objects), notes, files, machine.common)


def _command_line(machine: SetUpMachine, state: State, arguments: tuple[str, ...]) -> tuple[Value, Value]:
    # The NF gets bytes, which are UTF-8: `access.string` has each as a character.
    as_bytes = (word.encode("utf-8", "surrogateescape").decode("latin-1") for word in ("nf", *arguments))
    words: list[Value] = [machine.new_string(state, word, "an argument") for word in as_bytes]
    block = Block("argv", 8 * (len(words) + 1), Zeros())
    for i, word in enumerate(words):
        block.cells[8 * i] = (8, word)
    return nodes.const(len(words), 32), Pointer(state.memory.add(block))
