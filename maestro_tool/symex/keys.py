"""What a key equality function compares, found by running it on two unknown keys and proved by z3.

And what a hash function reads of a key, found by running it on one.

Maps call equality and hash functions as often as they like, so these must be pure: whatever else they change would
be state that no call path shows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from maestro_tool.diagnostics import MaestroError, UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.evaluate import Numbers
from maestro_tool.expr.symbols import MemoryBit, MemoryByte, memory_bit, memory_byte
from maestro_tool.expr.walk import beneath, operands
from maestro_tool.frontend import ir
from maestro_tool.symex.callpath import KeyField
from maestro_tool.symex.events import opaque_values
from maestro_tool.symex.layout import Layout
from maestro_tool.symex.limits import Limits
from maestro_tool.symex.machine import Machine
from maestro_tool.symex.memory import Block, Memory, Symbols, Uninitialised, Zeros
from maestro_tool.symex.models import COMMON
from maestro_tool.symex.objects import PairFunctions
from maestro_tool.symex.setup import load_globals
from maestro_tool.symex.solver import Solver
from maestro_tool.symex.state import State
from maestro_tool.symex.values import Pointer, Value, to_bool

#: Equality functions of the library itself.
_LIBRARY = {"rte_ether_addr_eq": (KeyField("addr_bytes", 0, 6),)}

_LARGEST_KEY = 4096


class _KeyMachine(Machine):
    """Runs functions of keys: variables of the NF may have any value, and nothing but locals may change."""

    def __init__(self, program: ir.Program, solver: Solver, limits: Limits) -> None:
        memory, numbers = load_globals(program)
        super().__init__(program, numbers, COMMON, solver, limits)
        self.reads_variable: str | None = None
        self._outside = {number for number, _ in memory.items()}
        self._memory = Memory.of({number: self._unknown(block) for number, block in memory.items()})

    @staticmethod
    def _unknown(block: Block) -> Block:
        # Maps call the function at any time, so that no value of a variable can be relied on.
        return block if block.const else Block(block.name, block.size, Symbols(f"variable {block.name}"))

    def run(self, name: str, sides: tuple[str, ...]) -> list[State]:
        """How the function ends on unknown keys; byte N of key ``a`` is the symbol ``a.N``."""
        function = self.program.functions[name]
        if len(function.parameters) != len(sides):
            self.fail(UnsupportedError, f"it has {len(function.parameters)} parameters", function.loc)
        start = self.begin()
        keys = [Pointer(self.unknown(start, "a key", side, _LARGEST_KEY)) for side in sides]
        return self.follow(start, name, keys)

    def begin(self) -> State:
        """A state in which variables may have any value."""
        return State(self._memory.fork())

    def unknown(self, state: State, what: str, side: str, size: int) -> int:
        """A new block that may hold anything, and must not change: byte N is the symbol ``<side>.N``."""
        block = state.memory.add(Block(what, size, Symbols(side)))
        self._outside.add(block)
        return block

    def follow(self, start: State, name: str, arguments: Sequence[Value]) -> list[State]:
        """How a call of the function may end."""
        self.enter(start, name, list(arguments), None, self.program.functions[name].loc)
        return list(self.explore(start))

    def missing(self, state: State, number: int, block: Block, offset: int, size: int, kind: str, loc: int) -> Value:
        if number in self._outside and block.name in self.globals and not block.const:
            self.reads_variable = block.name
        return super().missing(state, number, block, offset, size, kind, loc)

    def stored(self, state: State, number: int, block: Block, offset: int, size: int, value: Value, loc: int) -> None:
        if number in self._outside:
            self.fail(UnsupportedError, f"it writes to '{block.name}'", loc)
        super().stored(state, number, block, offset, size, value, loc)


def call_once(program: ir.Program, name: str, size: int, solver: Solver, limits: Limits) -> Block:
    """``size`` bytes, all 0 at first, when function ``name`` has run with their address."""
    machine = _KeyMachine(program, solver, limits)
    start = machine.begin()
    given = start.memory.add(Block("an element", size, Zeros()))
    (end,) = machine.follow(start, name, (Pointer(given),))
    made = end.memory.get(given)
    assert made is not None
    return made


def _impure(name: str, error: MaestroError) -> UnsupportedError:
    return UnsupportedError(
        f"the key function '{name}' cannot be shown to only calculate from its arguments: {error.message}",
        error.location,
        hint="equality and hash functions of keys may read keys and constants, and change nothing but their locals",
    )


@dataclass(frozen=True, slots=True)
class Hashed:
    """``fields``: the parts of a key that its hash function reads; keys that agree there have equal hashes.

    ``tells_apart``: no others have, but by chance.  Not so if it masks or swaps what it reads (``a ^ b``), say.
    ``computed``: then, perhaps, what it calculates of a key; keys that differ there have one hash by chance only.
    """

    fields: tuple[KeyField, ...]
    tells_apart: bool
    computed: tuple[KeyField, ...] | None = None


def hashed_fields(program: ir.Program, name: str, loc: int, solver: Solver, limits: Limits) -> Hashed:
    """What a hash function reads of a key.

    UnsupportedError unless the hash function (of the object at ``loc``) depends on the key alone and changes nothing.
    """
    if name not in program.functions:
        message = f"the hash function '{name}' is not defined by the NF"
        raise UnsupportedError(message, program.locations[loc], hint=f"add the source file that defines '{name}'")
    function = program.functions[name]
    machine = _KeyMachine(program, solver, limits)
    try:
        ends = machine.run(name, ("a",))
    except MaestroError as error:
        raise _impure(name, error) from None
    if machine.reads_variable is not None:
        message = f"it reads '{machine.reads_variable}'"
        raise _impure(name, UnsupportedError(message, machine.location(function.loc)))
    if not all(isinstance(end.result, Expr) for end in ends):
        # The key's address, say: equal keys would have different hashes.
        raise _impure(name, UnsupportedError("it returns no number", machine.location(function.loc)))
    read = _read(ends)["a"]
    fields = _fields(read, _key_type(function, program), Layout(program.structs))
    return Hashed(fields, len(ends) == 1 and _chained(ends[0]) == read, _calculated(ends))


def _chained(end: State) -> set[int] | None:
    """The bits of the key if the hash is these, as they are, or crc32(... crc32(crc32(number, these), these) ...).

    None of other calculations: it is not known whether they mean to give different keys one hash.
    """
    crc: dict[Expr, tuple[Expr, ...]] = {
        value: operands
        for function, operands, value in opaque_values(end)
        if function.startswith("__builtin_ia32_crc32")
    }
    chained: set[int] = set()
    work = [*_in_bits([end.result])] if isinstance(end.result, Expr) else []
    while work:
        e = beneath(work.pop(), "zext")
        if e in crc:
            start, data = crc[e]
            if not start.is_const and (start not in crc or data in crc):  # crc32(a, b) is crc32(b, a)
                return None
            work += [start, *_in_bits([data])]
        elif e.op == "concat":
            work += e.args
        elif isinstance(e.value, MemoryBit) and e.value.block in _SIDES:
            chained.add(_number(e.value))
        elif not e.is_const:
            return None
    return chained


def _calculated(ends: list[State]) -> tuple[KeyField, ...] | None:
    """The parts of a key if its hash is what is calculated of it, or crc32(... crc32(crc32(number, one), other))."""
    if len(ends) != 1 or ends[0].conditions or not isinstance(ends[0].result, Expr):
        return None
    crc = {v: operands for name, operands, v in opaque_values(ends[0]) if name.startswith("__builtin_ia32_crc32")}
    parts, rest = list[Expr](), beneath(ends[0].result, "zext")
    while rest in crc:
        start, data = (beneath(e, "zext") for e in crc[rest])
        if data in crc or not (start in crc or start.is_const):  # crc32(a, b) is crc32(b, a)
            return None
        parts.append(data)
        rest = start
    if not rest.is_const:
        parts.append(rest)
    found = [_part(e) for e in parts]
    return None if None in found or not found else tuple(sorted(filter(None, found), key=lambda f: f.offset))


def _part(e: Expr) -> KeyField | None:
    """The part of a key that is calculated so of key a."""
    read = {s.value.offset for s in nodes.symbols(e) if isinstance(s.value, MemoryByte)}
    # Bytes between those that are read may never have been written.
    if _blocks(e) != {"a"} or len(read) != max(read) - min(read) + 1:
        return None
    return KeyField(f"bytes_{min(read)}_{max(read)}", min(read), len(read), computed=e)


@dataclass(frozen=True, slots=True)
class Compared:
    """What an equality function compares.

    ``fields``: those whose equality is what it decides; None when it is no conjunction of such.  ``computed``: then,
    perhaps, what it makes of either key, and compares.  ``offsets``: the bytes
    of a key that it may read; None for a function that is not defined here.  ``formula``: when it says yes, over bytes
    ``a.N`` and ``b.N``.
    """

    fields: tuple[KeyField, ...] | None
    offsets: frozenset[int] | None
    formula: Expr | None
    computed: tuple[KeyField, ...] | None = None


def compared(program: ir.Program, equality: str, solver: Solver, limits: Limits) -> Compared:
    """What ``equality`` compares; UnsupportedError when it may do more than that."""
    function = program.functions.get(equality)
    if function is None:
        if (known := _LIBRARY.get(equality)) is not None:
            return Compared(known, frozenset(n for f in known for n in range(f.offset, f.offset + f.size)), None)
        return Compared(None, None, None)
    try:
        ends = _KeyMachine(program, solver, limits).run(equality, ("a", "b"))
    except MaestroError as error:
        raise _impure(equality, error) from None
    read = _read(ends)
    offsets = frozenset(n // 8 for n in read["a"] | read["b"])
    equal = _as_formula(ends)
    if equal is None:
        return Compared(None, offsets, None)
    if plain := _plainly_same(equal):
        return Compared(_fields(plain, _key_type(function, program), Layout(program.structs)), offsets, equal)
    # The guess is simple (what occurs and matters is compared); only the proof counts.
    bits = _occurring([equal])["a"]
    bits -= _seen_to_differ(equal, bits)
    if not _proved(equal, bits, solver):
        return Compared(None, offsets, equal, _computed(equal))
    return Compared(_fields(bits, _key_type(function, program), Layout(program.structs)), offsets, equal)


def key_offsets(
    program: ir.Program, functions: PairFunctions, size: int, solver: Solver, limits: Limits
) -> tuple[int, int] | None:
    """Where in a double map's values, of ``size`` bytes, its two keys lie; None if that depends on the value.

    UnsupportedError unless ``copy`` changes nothing but the copy, and the others nothing but what they are given.
    """
    for name, given in ((functions.copy, 2), (functions.extract, 3), (functions.destroy, 1)):
        if name is not None:
            _check_copies(program, name, given, size, solver, limits)
    machine = _KeyMachine(program, solver, limits)
    start = machine.begin()
    value = machine.unknown(start, "a value", "a", size)
    places = Pointer(start.memory.add(Block("the addresses of two keys", 16, Uninitialised())))
    second = places.plus(nodes.const(8, 64))
    ends = machine.follow(start, functions.extract, (Pointer(value), places, second))
    found = set()
    for end in ends:
        keys = [machine.load(end, place, 8, "pointer", machine.program.functions[functions.extract].loc)
                for place in (places, second)]  # fmt: skip
        found.add(tuple(k.offset if isinstance(k, Pointer) and k.block == value else None for k in keys))
    first, other = found.pop() if len(found) == 1 else (None, None)
    return (first, other) if isinstance(first, int) and isinstance(other, int) else None


def copies_whole(program: ir.Program, copy: str, size: int, solver: Solver, limits: Limits) -> bool:
    """Whether a double map's function ``copy`` makes one value, of ``size`` bytes, equal to the other, byte by byte.

    Requires: `key_offsets` accepts the function.
    """
    machine = _KeyMachine(program, solver, limits)
    start = machine.begin()
    to, source = (Pointer(start.memory.add(Block("a value", size, Symbols(name)))) for name in _SIDES)
    wanted = [memory_byte(_SIDES[1], n) for n in range(size)]
    loc = machine.program.functions[copy].loc
    ends = machine.follow(start, copy, (to, source))
    return all(list(machine.raw_bytes(end, to, range(size), loc)) == wanted for end in ends)


def _check_copies(program: ir.Program, name: str, given: int, size: int, solver: Solver, limits: Limits) -> None:
    """A function that is given ``given`` blocks of a value's size (or of addresses) changes nothing else."""
    if name not in program.functions:
        raise UnsupportedError(
            f"'{name}', which a double map calls, is not defined by the NF",
            hint=f"add the source file that defines '{name}'",
        )
    machine = _KeyMachine(program, solver, limits)
    start = machine.begin()
    blocks = [Pointer(start.memory.add(Block("a value", max(size, 16), Symbols(f"v{n}")))) for n in range(given)]
    try:
        machine.follow(start, name, blocks)
    except MaestroError as error:
        raise UnsupportedError(
            f"the function '{name}' of a double map cannot be shown to only copy what it is given: {error.message}",
            error.location,
            hint="such functions may read values and constants, and change nothing but what they are given",
        ) from None
    if machine.reads_variable is not None:
        raise UnsupportedError(
            f"the function '{name}' of a double map reads '{machine.reads_variable}'",
            machine.location(program.functions[name].loc),
            hint="such functions may read values and constants only",
        )


def _computed(equal: Expr) -> tuple[KeyField, ...] | None:
    """The parts of a key if ``equal`` says that what is made of one key equals what is made so of the other."""
    found = []
    for e in operands(equal, "land"):
        if e.op != "eq":
            return None
        left, right = e.args if _blocks(e.args[0]) == {"a"} else e.args[::-1]
        part = _part(left)
        if part is None or right is not _other(left):
            return None
        found.append(part)
    return tuple(sorted(found, key=lambda f: f.offset))


def _blocks(e: Expr) -> set[str]:
    """Which keys an expression is about; ``?``: something else."""
    return {s.value.block if isinstance(s.value, MemoryByte) else "?" for s in nodes.symbols(e)}


def _other(e: Expr) -> Expr:
    """What is about key a only, of key b."""
    bytes_ = {s: s.value for s in nodes.symbols(e) if isinstance(s.value, MemoryByte)}
    return nodes.substitute(e, {s: memory_byte("b", b.offset) for s, b in bytes_.items()})


def hash_follows(program: ir.Program, name: str, equal: Expr, solver: Solver, limits: Limits) -> bool:
    """Whether keys of which ``equal`` holds have one hash: the function decides and calculates the same for both.

    Requires: the function is one that `hashed_fields` accepts.
    """
    for end in _KeyMachine(program, solver, limits).run(name, ("a",)):
        calculated = [operand for event in end.events for operand in event.operands]
        assert isinstance(end.result, Expr)
        for e in (*end.conditions, *calculated, end.result):
            if not _implies(equal, nodes.eq(e, _other(e)), solver):
                return False
    return True


def _as_formula(ends: list[State]) -> Expr | None:
    """The condition, over bytes ``a.N`` and ``b.N``, on which the function returned true."""
    equal = nodes.FALSE
    for end in ends:
        if not isinstance(end.result, Expr):
            return None
        holds = to_bool(end.result)
        for condition in reversed(end.conditions):
            holds = nodes.land(condition, holds)
        equal = nodes.lor(equal, holds)
    return equal


#: The two keys that functions are run on.
_SIDES = ("a", "b")


def _in_bits(terms: Collection[Expr]) -> list[Expr]:
    """The terms over bits of keys in place of bytes, so that bits on which nothing depends fold away."""
    occurring = set[Expr]().union(*map(nodes.symbols, terms))
    bytes_ = {s: s.value for s in occurring if isinstance(s.value, MemoryByte) and s.value.block in _SIDES}
    bits = {s: [memory_bit(b.block, b.offset, n) for n in reversed(range(8))] for s, b in bytes_.items()}
    return nodes.substitute_all(terms, {s: nodes.concat(*of_byte) for s, of_byte in bits.items()})


def _number(bit: MemoryBit) -> int:
    """As in `KeyField.positions`."""
    return 8 * bit.offset + bit.bit


def _read(ends: Iterable[State]) -> dict[str, set[int]]:
    """The bits of either key on which any end depends, or what it calculates."""
    used: dict[Expr, None] = {}  # ends have conditions in common
    for end in ends:
        if isinstance(end.result, Expr):
            used[end.result] = None
        used |= dict.fromkeys(end.conditions)
        used |= dict.fromkeys(operand for event in end.events for operand in event.operands)
    return _occurring(used)


def _occurring(terms: Collection[Expr]) -> dict[str, set[int]]:
    """The bits of either key that occur in the terms."""
    found: dict[str, set[int]] = {side: set() for side in _SIDES}
    for s in set[Expr]().union(*map(nodes.symbols, _in_bits(terms))):
        if isinstance(s.value, MemoryBit) and s.value.block in _SIDES:
            found[s.value.block].add(_number(s.value))
    return found


def _same(bits: Collection[int]) -> Expr:
    """The two keys agree in these bits."""
    result = nodes.TRUE
    for n in sorted({bit // 8 for bit in bits}):
        mask = nodes.const(sum(1 << bit for bit in range(8) if 8 * n + bit in bits), 8)
        left, right = (nodes.binary("and", memory_byte(side, n), mask) for side in _SIDES)
        result = nodes.land(result, nodes.eq(left, right))
    return result


def _plainly_same(equal: Expr) -> set[int]:
    """The bits that ``equal`` compares if it is a conjunction of which each part says that bits of one key are those of
    the other, as most are; else none."""
    found = set[int]()
    for e in operands(equal, "land"):
        left, right = e.args if e.op == "eq" else (e, e)
        if _blocks(left) != {"a"}:
            left, right = right, left
        if _blocks(left) != {"a"} or right is not _other(left):
            return set()
        for part in operands(_in_bits([left])[0], "concat"):
            if isinstance(part.value, MemoryBit):
                found.add(_number(part.value))
            elif not part.is_const:
                return set()
    return found


def _proved(equal: Expr, compared: Collection[int], solver: Solver) -> bool:
    return solver.may_hold((), nodes.lnot(nodes.eq(equal, _same(compared)))) == "no"


def _seen_to_differ(equal: Expr, bits: Collection[int]) -> set[int]:
    """Bits in which keys differ that are equal: one is all zeros, the other has this bit.

    Of a function that compares some bits, these are all the others.
    """
    zeros, calculate = dict.fromkeys(nodes.symbols(equal), 0), Numbers([equal])
    return {n for n in bits if calculate({**zeros, memory_byte("a", n // 8): 1 << n % 8})[0]}


def _implies(equal: Expr, consequence: Expr, solver: Solver) -> bool:
    return solver.may_hold((), nodes.land(equal, nodes.lnot(consequence))) == "no"


def _key_type(function: ir.Function, program: ir.Program) -> str | None:
    """The struct that the function casts its arguments to."""
    names = [p.type_name for p in function.parameters]
    for block in function.blocks:
        names.extend(i.type_name for i in block.instructions if isinstance(i, ir.Alloca))
    for name in names:
        pointee = Layout(program.structs).pointee(name)
        if pointee in program.structs:
            return pointee
    return None


def _fields(compared: set[int], type_name: str | None, layout: Layout) -> tuple[KeyField, ...]:
    """Bits grouped by struct members; the rest in runs of bytes, and of bits where these are not whole."""
    rest, result = set(compared), []
    for member in layout.members(type_name) if type_name else ():
        # A bit-field that fills its bytes is a whole member: NICs hash whole bytes.
        bits = None if member.bits == (0, 8 * member.size) else member.bits
        field = KeyField(member.name, member.offset, member.size, bits)
        if field.positions and rest.issuperset(field.positions):
            result.append(field)
            rest.difference_update(field.positions)
    while rest:
        first = end = min(rest)
        while end in rest:
            end += 1
        if first % 8 == 0 and end - first >= 8:
            end -= end % 8
            result.append(KeyField(f"bytes_{first // 8}_{end // 8 - 1}", first // 8, (end - first) // 8))
        else:
            size = (end - 1) // 8 - first // 8 + 1
            result.append(KeyField(f"bits_{first}_{end - 1}", first // 8, size, (first % 8, end - first)))
        rest.difference_update(range(first, end))
    return tuple(sorted(result, key=lambda f: f.positions.start))
