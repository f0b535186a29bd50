"""Hash and equality functions of keys as C that every unit of the NF can inline, written from the program's graph.

Maps are given pointers to these functions, often of another file, and call them for each packet.  Here each function
that some call of an allocation names gets a number and a body; the program finds the number of a map's functions when
the map is made, by the pointers that it is given (`StateObject` says nothing here: only what happens counts), and the
packet path compares numbers.  A function that does anything but calculate from its keys has no number, and is called.
Where all functions have numbers, no other map can be made, so that nothing is compared if there is only one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from maestro_tool.frontend import ir

#: Arguments of allocations that are functions: which, and whether it is a hash.
_ALLOCATIONS = {
    "map_allocate": ((0, False), (1, True)),
    "dmap_allocate": ((0, False), (1, True), (2, False), (3, True)),
}
_CRC32 = {"qi": ("uint32_t", "uint8_t"), "hi": ("uint32_t", "uint16_t"), "si": ("uint32_t", "uint32_t"),
          "di": ("uint64_t", "uint64_t")}  # fmt: skip
_UNUSED = "__attribute__((unused))"
#: Larger ones are better called.
_MOST_INSTRUCTIONS = 400


class _UnknownError(Exception):
    """The function does something that is not written here."""


@dataclass(frozen=True, slots=True)
class Known:
    """A key function with a number, from 1 on; ``file`` is a unit that can name it ``c_name``."""

    number: int
    function: str
    c_name: str
    file: str
    hashes: bool


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """``text``: C without directives: the bodies, and ``maestro_known_hash`` and ``maestro_known_equal``.

    ``all``: there are no other functions of keys in the program, and the text relies on that; the runtime must refuse
    to make a map that has another.
    """

    functions: tuple[Known, ...]
    text: str
    all: bool = False


def known_keys(program: ir.Program) -> KnownKeys:
    """The key functions of ``program`` that can be written out."""
    bodies: dict[str, str] = {}
    numbers: dict[tuple[str, bool], int] = {}
    found: list[Known] = []
    nameless = False
    for name, file, hashes in sorted(set(_named(program))):
        nameless |= file == ""
        try:
            _write(program, name, bodies, ())
        except _UnknownError:
            continue
        if file == "":
            continue
        number = numbers.setdefault((name, hashes), len(numbers) + 1)
        found.append(Known(number, name, name.rpartition(":")[2], file, hashes))
    complete = not nameless and _all_named(program, {name for name, _ in numbers})
    lines = list(bodies.values())
    for title, parameters, hashes in (
        ("bool maestro_known_hash", "unsigned number, void *key, uint32_t *result", True),
        ("bool maestro_known_equal", "unsigned number, void *a, void *b, bool *result", False),
    ):
        lines.append(f"static inline __attribute__((always_inline)) {title}({parameters}) {{ (void)number;")
        arguments = "key" if hashes else "a, b"
        mine = [(name, n) for (name, kind), n in numbers.items() if kind == hashes]
        for name, n in mine:
            test = "" if complete and name == mine[-1][0] else f"if (__builtin_expect(number == {n}, 1)) "
            lines.append(f"{test}{{ *result = {body_name(name)}({arguments}); return true; }}")
        lines.append("}" if complete and mine else "return false; }")
    return KnownKeys(tuple(found), "\n".join(lines), complete)


def _all_named(program: ir.Program, numbered: Collection[str]) -> bool:
    """Whether every allocation is given functions that have numbers."""
    found = False
    for function in program.functions.values():
        for block in function.blocks:
            for i in block.instructions:
                if any(isinstance(o, ir.FunctionAddress) and o.name in _ALLOCATIONS for o in _operands(i)):
                    return False  # called by its address
                if not isinstance(i, ir.Call) or not isinstance(i.callee, ir.FunctionAddress):
                    continue
                for number, _ in _ALLOCATIONS.get(i.callee.name, ()):
                    found, given = True, i.args[number]
                    if not isinstance(given, ir.FunctionAddress) or given.name not in numbered:
                        return False
    initial = (i.value for g in program.globals.values() for i in g.initial)
    return found and not any(isinstance(v, ir.FunctionAddress) and v.name in _ALLOCATIONS for v in initial)


def _operands(i: ir.Instruction) -> Iterator[object]:
    """All operands but the callee."""
    for member in i.__slots__:
        value = getattr(i, member)
        if member != "callee":
            yield from value if isinstance(value, tuple) else (value,)


def _named(program: ir.Program) -> Iterator[tuple[str, str, bool]]:
    """(function, unit that can name it or "", whether it hashes) of those that calls of allocations are given."""
    for caller in program.functions.values():
        for block in caller.blocks:
            for call in block.instructions:
                if not isinstance(call, ir.Call) or not isinstance(call.callee, ir.FunctionAddress):
                    continue
                for number, hashes in _ALLOCATIONS.get(call.callee.name, ()):
                    given = call.args[number]
                    if not isinstance(given, ir.FunctionAddress) or given.name not in program.functions:
                        continue
                    files = (program.functions[given.name].loc, caller.loc)
                    units = (f for f in (program.locations[loc].file for loc in files) if f in program.units)
                    yield given.name, next(units, ""), hashes


# --------------------------------------------------------------------------- one function


def body_name(function: str) -> str:
    """The C name of the body of ``function``."""
    return "maestro_known_" + "".join(c if c.isalnum() and c.isascii() else f"_{ord(c):x}_" for c in function)


def _write(program: ir.Program, name: str, bodies: dict[str, str], callers: tuple[str, ...]) -> None:
    """Add the body of function ``name``, after those of the functions that it calls."""
    if name in bodies:
        return
    function = program.functions.get(name)
    if function is None or name in callers or sum(len(b.instructions) for b in function.blocks) > _MOST_INSTRUCTIONS:
        raise _UnknownError
    lines: list[str] = []
    declared = [f"{_type(p.bits, p.kind)} t{n} {_UNUSED};" for n, p in enumerate(function.parameters)]
    for number, block in enumerate(function.blocks):
        if number > 0:
            lines.append(f"b{number}: {_UNUSED};")
        for instruction in block.instructions:
            if isinstance(instruction, ir.Call) and isinstance(instruction.callee, ir.FunctionAddress):
                callee = instruction.callee.name
                if callee in program.functions:
                    _write(program, callee, bodies, (*callers, name))
            lines.append(_instruction(instruction, declared, bodies))
        lines.append(_terminator(block.terminator))
    parameters = ", ".join(f"{_type(p.bits, p.kind, 'void *')} p{n}" for n, p in enumerate(function.parameters))
    given = [f"t{n} = p{n};" for n in range(len(function.parameters))]
    result = _type(function.result_bits, function.result_kind)
    head = f"static inline __attribute__((always_inline)) {result} {body_name(name)}({parameters})"
    bodies[name] = f"{head} {{ {' '.join([*declared, *given, *lines])} }}"


def _type(bits: int, kind: str, pointer: str = "char *") -> str:
    if kind == "pointer":
        return pointer
    if bits == 0:
        return "void"
    if kind != "int" or bits not in (1, 8, 16, 32, 64):
        raise _UnknownError
    return f"uint{max(bits, 8)}_t"


def _signed(bits: int) -> str:
    return f"int{bits}_t"


def _value(operand: ir.Operand) -> str:
    match operand:
        case ir.Temp(number):
            return f"t{number}"
        case ir.Const(int() as value, bits) if bits in (1, 8, 16, 32, 64):
            return f"(({_type(bits, 'int')})UINT64_C({value}))"
        case ir.Null():
            return "((char *)0)"
    raise _UnknownError


def _instruction(i: ir.Instruction, declared: list[str], bodies: dict[str, str]) -> str:
    """``i`` as a statement; ``declared`` gets the variables that it needs."""
    match i:
        case ir.Alloca(dst, size):
            declared.append(f"char m{dst}[{max(size, 1)}] __attribute__((aligned(16))); char *t{dst};")
            return f"t{dst} = m{dst};"
        case ir.Load(dst, address, bits, kind):
            declared.append(f"{_type(bits, kind)} t{dst} {_UNUSED};")
            return f"__builtin_memcpy(&t{dst}, {_value(address)}, {max(bits, 8) // 8});"
        case ir.Store(address, value, bits, kind):
            held = f"{_type(bits, kind)} v = {_value(value)};"
            return f"{{ {held} __builtin_memcpy({_value(address)}, &v, {max(bits, 8) // 8}); }}"
        case ir.LoadBits(dst, address, unit, bit, width, signed, bits):
            declared.append(f"{_type(bits, 'int')} t{dst} {_UNUSED};")
            moved = f"{'(int64_t)' if signed else ''}(u << {64 - bit - width}) >> {64 - width}"
            return f"{{ {_unit(unit, address)} t{dst} = ({_type(bits, 'int')})({moved}); }}"
        case ir.StoreBits(address, value, unit, bit, width):
            mask = f"(UINT64_MAX >> {64 - width} << {bit})"
            put = f"u = (u & ~{mask}) | ((uint64_t){_value(value)} << {bit} & {mask});"
            return f"{{ {_unit(unit, address)} {put} __builtin_memcpy({_value(address)}, &u, {unit // 8}); }}"
        case ir.CopyMemory(destination, source, size):
            return f"__builtin_memmove({_value(destination)}, {_value(source)}, {size});"
        case ir.ZeroMemory(destination, size):
            return f"__builtin_memset({_value(destination)}, 0, {size});"
        case ir.Binary(dst, op, left, right, bits):
            declared.append(f"{_type(bits, 'int')} t{dst} {_UNUSED};")
            return f"t{dst} = ({_type(bits, 'int')})({_binary(op, _value(left), _value(right), bits)});"
        case ir.Compare(dst, op, left, right, bits, kind):
            declared.append(f"uint8_t t{dst} {_UNUSED};")
            return f"t{dst} = {_compare(op, _value(left), _value(right), bits, kind)};"
        case ir.Cast(dst, op, value, from_bits, to_bits):
            declared.append(f"{_type(to_bits, 'int')} t{dst} {_UNUSED};")
            return f"t{dst} = {_cast(op, _value(value), from_bits, to_bits)};"
        case ir.PointerAdd(dst, base, offset):
            declared.append(f"char *t{dst};")
            return f"t{dst} = {_value(base)} + (int64_t){_value(offset)};"
        case ir.PointerDifference(dst, left, right):
            declared.append(f"uint64_t t{dst} {_UNUSED};")
            return f"t{dst} = (uint64_t)({_value(left)} - {_value(right)});"
        case ir.Call():
            return _call(i, declared, bodies)
    raise _UnknownError


def _unit(bits: int, address: ir.Operand) -> str:
    """Declares ``u``, the word of ``bits`` that a bit-field lies in."""
    return f"uint64_t u = 0; __builtin_memcpy(&u, {_value(address)}, {bits // 8});"


def _binary(op: str, a: str, b: str, bits: int) -> str:
    wide = f"(uint64_t){a}", f"(uint64_t){b}"
    match op:
        case "add" | "sub" | "mul" | "and" | "or" | "xor" | "udiv" | "urem":
            sign = {"add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^", "udiv": "/", "urem": "%"}[op]
            return f"{wide[0]} {sign} {wide[1]}"
        case "sdiv" | "srem":
            return f"({_signed(bits)}){a} {'/' if op == 'sdiv' else '%'} ({_signed(bits)}){b}"
        case "shl" | "lshr":
            return f"{b} < {bits} ? {wide[0]} {'<<' if op == 'shl' else '>>'} {b} : 0"
        case "ashr":
            return f"({_signed(bits)}){a} >> ({b} < {bits} ? {b} : {bits - 1})"
    raise _UnknownError


def _compare(op: str, a: str, b: str, bits: int, kind: str) -> str:
    if kind not in ("int", "pointer"):
        raise _UnknownError
    sign = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}[op if op in ("eq", "ne") else op[1:]]
    if kind == "int" and op[0] == "s":
        a, b = f"({_signed(bits)}){a}", f"({_signed(bits)}){b}"
    return f"{a} {sign} {b}"


def _cast(op: str, a: str, from_bits: int, to_bits: int) -> str:
    match op:
        case "zext":
            return f"({_type(to_bits, 'int')}){a}"
        case "sext" if from_bits >= 8:
            return f"({_type(to_bits, 'int')})({_signed(to_bits)})({_signed(from_bits)}){a}"
        case "trunc" if to_bits == 1:
            return f"{a} & 1"
        case "trunc":
            return f"({_type(to_bits, 'int')}){a}"
    raise _UnknownError


def _call(i: ir.Call, declared: list[str], bodies: dict[str, str]) -> str:
    if not isinstance(i.callee, ir.FunctionAddress):
        raise _UnknownError
    name, arguments = i.callee.name, [_value(a) for a in i.args]
    if name in bodies:
        call = f"{body_name(name)}({', '.join(arguments)})"
    elif (width := _CRC32.get(name.removeprefix("__builtin_ia32_crc32"))) and name.startswith("__builtin_ia32_crc32"):
        call = f"{name}({', '.join(f'({t}){a}' for t, a in zip(width, arguments, strict=True))})"
    elif name in ("memcmp", "__builtin_memcmp"):
        call = f"(uint32_t)__builtin_memcmp({', '.join(arguments)})"
    elif name in ("memcpy", "__builtin_memcpy"):
        call = f"(char *)__builtin_memcpy({', '.join(arguments)})"
    else:
        raise _UnknownError
    if i.dst is None:
        return f"{call};"
    declared.append(f"{_type(i.result_bits, i.result_kind)} t{i.dst} {_UNUSED};")
    return f"t{i.dst} = {call};"


def _terminator(t: ir.Terminator) -> str:
    match t:
        case ir.Jump(target):
            return _goto(target)
        case ir.Branch(condition, then, otherwise):
            return f"if ({_value(condition)}) {_goto(then)} else {_goto(otherwise)}"
        case ir.Switch(value, _, cases, default):
            listed = " ".join(f"case UINT64_C({number}): {_goto(block)}" for number, block in cases)
            return f"switch ((uint64_t){_value(value)}) {{ {listed} default: {_goto(default)} }}"
        case ir.Return(value):
            return "return;" if value is None else f"return {_value(value)};"
        case ir.Unreachable():
            return "return 0;"
    raise _UnknownError


def _goto(block: int) -> str:
    if block == 0:
        raise _UnknownError
    return f"goto b{block};"
