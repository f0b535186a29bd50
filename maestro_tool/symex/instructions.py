"""What each instruction does to a path: one function per kind, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from maestro_tool.diagnostics import InputError, UnsupportedError
from maestro_tool.expr import Expr, nodes
from maestro_tool.frontend import ir
from maestro_tool.frontend.unknown import instead
from maestro_tool.symex import floats
from maestro_tool.symex.access import REFETCH
from maestro_tool.symex.memory import Block, External, MovedFrame, Uninitialised, VectorEntry
from maestro_tool.symex.site import CallSite
from maestro_tool.symex.state import Frame, State
from maestro_tool.symex.values import (
    NULL,
    UNDEFINED,
    FunctionPointer,
    NullPointer,
    Pointer,
    Undefined,
    Value,
    memory_order,
)

if TYPE_CHECKING:
    from maestro_tool.symex.machine import Machine

#: The paths that an instruction leads to when it is done; None: the same path goes on with the next one.
Successors = list[State] | None


def _alloca(machine: Machine, state: State, frame: Frame, i: ir.Alloca) -> Successors:
    number = state.memory.add(Block(i.name, i.size, Uninitialised(), i.type_name))
    frame.locals.append(number)
    frame.temps[i.dst] = Pointer(number)
    return None


def _load(machine: Machine, state: State, frame: Frame, i: ir.Load) -> Successors:
    frame.temps[i.dst] = machine.load(state, machine.value(state, frame, i.address), (i.bits + 7) // 8, i.kind, i.loc)
    return None


def _store(machine: Machine, state: State, frame: Frame, i: ir.Store) -> Successors:
    machine.store(
        state, machine.value(state, frame, i.address), (i.bits + 7) // 8, machine.value(state, frame, i.value), i.loc
    )
    return None


def _load_bits(machine: Machine, state: State, frame: Frame, i: ir.LoadBits) -> Successors:
    word = machine.load(state, machine.value(state, frame, i.address), i.unit // 8, "int", i.loc)
    field = nodes.extract(machine.as_integer(word, i.unit, i.loc), i.bit + i.width - 1, i.bit)
    frame.temps[i.dst] = nodes.sext(field, i.bits) if i.signed else nodes.zext(field, i.bits)
    return None


def _store_bits(machine: Machine, state: State, frame: Frame, i: ir.StoreBits) -> Successors:
    address = machine.value(state, frame, i.address)
    word = _bits_unit(machine, state, address, i)
    field = nodes.extract(machine.integer(state, frame, i.value, i.bits, i.loc), i.width - 1, 0)
    top = i.bit + i.width
    parts = [nodes.extract(word, i.unit - 1, top)] if top < i.unit else []
    parts.append(field)
    if i.bit:
        parts.append(nodes.extract(word, i.bit - 1, 0))
    machine.store(state, address, i.unit // 8, nodes.concat(*parts), i.loc)
    return None


def _bits_unit(machine: Machine, state: State, address: Value, i: ir.StoreBits) -> Expr:
    """The word around a bit-field; its other bits may not be initialised yet."""
    _, block, offset = machine.place(state, address, i.unit // 8, i.loc, "writes")
    if isinstance(block.fill, Uninitialised):
        parts: list[Expr] = []
        for _, size, value in block.segments(offset, i.unit // 8):
            parts.append(machine.unwritten(state, size, i.loc) if value is None else machine.part(value, i.loc))
        return memory_order(parts)
    return machine.as_integer(machine.load(state, address, i.unit // 8, "int", i.loc), i.unit, i.loc)


def _copy_memory(machine: Machine, state: State, frame: Frame, i: ir.CopyMemory) -> Successors:
    machine.copy(
        state, machine.value(state, frame, i.destination), machine.value(state, frame, i.source), i.size, i.loc
    )
    return None


def _zero_memory(machine: Machine, state: State, frame: Frame, i: ir.ZeroMemory) -> Successors:
    machine.fill(state, machine.value(state, frame, i.destination), i.size, nodes.const(0, 8), i.loc)
    return None


def _binary(machine: Machine, state: State, frame: Frame, i: ir.Binary) -> Successors:
    if i.op in ("add", "sub") and i.bits == 64:
        moved = _address_arithmetic(machine, state, frame, i)
        if moved is not None:
            frame.temps[i.dst] = moved
            return None
    left = machine.integer(state, frame, i.left, i.bits, i.loc)
    right = machine.integer(state, frame, i.right, i.bits, i.loc)
    if i.op in ("udiv", "sdiv", "urem", "srem"):
        require(machine, state, nodes.lnot(nodes.eq(right, nodes.const(0, i.bits))), "divides by zero", i.loc)
    elif i.op in ("shl", "lshr", "ashr") and i.bits.bit_length() <= i.bits:
        fits = nodes.compare("ult", right, nodes.const(i.bits, i.bits))
        require(machine, state, fits, f"shifts a {i.bits}-bit number by {i.bits} or more", i.loc)
    frame.temps[i.dst] = nodes.binary(i.op, left, right)
    return None


def _address_arithmetic(machine: Machine, state: State, frame: Frame, i: ir.Binary) -> Value | None:
    """Sums and differences of addresses that were cast to integers (RTE_PTR_ADD); None for plain numbers."""
    left, right = machine.value(state, frame, i.left), machine.value(state, frame, i.right)
    if i.op == "add" and isinstance(right, Pointer):
        left, right = right, left
    if not isinstance(left, Pointer):
        return None
    if isinstance(right, Expr):
        return left.plus(right if i.op == "add" else nodes.neg(right))
    if i.op == "sub" and isinstance(right, Pointer) and left.block == right.block:
        return nodes.binary("sub", left.offset_expr, right.offset_expr)
    return None


def require(machine: Machine, state: State, condition: Expr, violation: str, loc: int) -> None:
    """Report undefined behaviour of the NF when ``condition`` can fail on this path."""
    if condition is nodes.TRUE or machine.settles(state, condition, loc):
        return
    if machine.may(state, nodes.lnot(condition), loc):
        certain = not machine.may(state, condition, loc)
        kind = InputError if certain else UnsupportedError
        machine.fail(kind, violation if certain else f"possibly {violation}", loc, "check the operand before")


def _compare(machine: Machine, state: State, frame: Frame, i: ir.Compare) -> Successors:
    left, right = machine.value(state, frame, i.left), machine.value(state, frame, i.right)
    if isinstance(left, Expr) and isinstance(right, Expr):
        left, right = machine.as_integer(left, i.bits, i.loc), machine.as_integer(right, i.bits, i.loc)
        frame.temps[i.dst] = nodes.compare(i.op, left, right)
    else:
        frame.temps[i.dst] = _compare_pointers(machine, state, i.op, left, right, i.loc)
    return None


def _compare_pointers(machine: Machine, state: State, op: str, left: Value, right: Value, loc: int) -> Expr:
    if isinstance(left, Undefined) or isinstance(right, Undefined):
        machine.fail(InputError, "uses the result of a function that returned nothing", loc)
    left, right = (NULL if isinstance(v, Expr) and v.is_const and v.const == 0 else v for v in (left, right))
    numbers = [v for v in (left, right) if isinstance(v, Expr)]
    if len(numbers) == 1 and NULL in (left, right) and op in ("eq", "ne"):
        null = nodes.eq(numbers[0], nodes.const(0, 64))  # of a number that a pointer carries
        return null if op == "eq" else nodes.lnot(null)
    if isinstance(left, Expr | float) or isinstance(right, Expr | float):
        machine.fail(UnsupportedError, "compares an address with a number", loc)
    if isinstance(left, Pointer) and isinstance(right, Pointer) and left.block == right.block:
        return nodes.compare(op, left.offset_expr, right.offset_expr)
    if isinstance(left, NullPointer) and isinstance(right, NullPointer):
        return nodes.boolean(op in ("eq", "ule", "sle"))
    if op not in ("eq", "ne"):
        machine.fail(UnsupportedError, "orders pointers into different objects", loc)
    if isinstance(left, Pointer) and isinstance(right, Pointer):
        equal = _same_element(machine, state, left, right, loc)
    else:
        equal = nodes.boolean(left == right)
    return equal if op == "eq" else nodes.lnot(equal)


def _same_element(machine: Machine, state: State, left: Pointer, right: Pointer, loc: int) -> Expr:
    """Whether pointers into different blocks are equal: elements of one vector are one if their indices are equal."""
    fills = [block.fill if (block := state.memory.get(p.block)) is not None else None for p in (left, right)]
    if any(isinstance(fill, MovedFrame) for fill in fills):
        machine.fail(UnsupportedError, "compares a pointer to where the frame was before it moved", loc, REFETCH)
    match fills:
        case [VectorEntry(a, first), VectorEntry(b, second)] if a == b:
            return nodes.land(nodes.eq(first, second), nodes.eq(left.offset_expr, right.offset_expr))
        case [External(), VectorEntry() | External()] | [VectorEntry(), External()]:
            # An erased key is an element of some vector.
            machine.fail(UnsupportedError, "compares an address that is not known", loc)
    return nodes.FALSE


def _cast(machine: Machine, state: State, frame: Frame, i: ir.Cast) -> Successors:
    value = machine.value(state, frame, i.value)
    if i.op == "int_to_ptr" and isinstance(value, Expr) and value.is_const and value.const == 0:
        value = NULL
    elif i.op in ("ptr_to_int", "int_to_ptr") and not isinstance(value, Expr | float):
        pass  # an address stays an address until somebody calculates with its number
    elif i.op == "int_to_ptr":
        value = machine.as_integer(value, i.from_bits, i.loc)  # a number that a pointer carries: it leads nowhere
        value = nodes.zext(value, 64) if value.width < 64 else value
    else:
        source = machine.as_integer(value, i.from_bits, i.loc)
        if i.op == "trunc":
            value = nodes.extract(source, i.to_bits - 1, 0)
        else:
            value = nodes.zext(source, i.to_bits) if i.op == "zext" else nodes.sext(source, i.to_bits)
    frame.temps[i.dst] = value
    return None


def _pointer_add(machine: Machine, state: State, frame: Frame, i: ir.PointerAdd) -> Successors:
    base = machine.value(state, frame, i.base)
    offset = machine.integer(state, frame, i.offset, 64, i.loc)
    if isinstance(base, Pointer):
        base = base.plus(offset)
    elif not (offset.is_const and offset.const == 0):
        if isinstance(base, NullPointer):
            if machine.concrete(state, offset, i.loc, "an offset from a null pointer") == 0:
                frame.temps[i.dst] = base  # a table of no entries, which an option left out
                return None
            machine.fail(
                InputError, "calculates with a null pointer", i.loc, "a check for NULL is missing on this path"
            )
        machine.fail(UnsupportedError, "calculates with an address that is not known", i.loc)
    frame.temps[i.dst] = base
    return None


def _pointer_difference(machine: Machine, state: State, frame: Frame, i: ir.PointerDifference) -> Successors:
    left, right = machine.value(state, frame, i.left), machine.value(state, frame, i.right)
    if not (isinstance(left, Pointer) and isinstance(right, Pointer) and left.block == right.block):
        machine.fail(UnsupportedError, "subtracts pointers into different objects", i.loc)
    frame.temps[i.dst] = nodes.binary("sub", left.offset_expr, right.offset_expr)
    return None


def _float_operand(machine: Machine, state: State, frame: Frame, operand: ir.Operand, loc: int) -> float:
    value = machine.value(state, frame, operand)
    if not isinstance(value, float):
        machine.fail(UnsupportedError, "calculates with a floating-point number that is not known", loc)
    return value


def _float_binary(machine: Machine, state: State, frame: Frame, i: ir.FloatBinary) -> Successors:
    left = _float_operand(machine, state, frame, i.left, i.loc)
    right = _float_operand(machine, state, frame, i.right, i.loc)
    frame.temps[i.dst] = floats.binary(i.op, left, right, i.bits)
    return None


def _float_compare(machine: Machine, state: State, frame: Frame, i: ir.FloatCompare) -> Successors:
    left = _float_operand(machine, state, frame, i.left, i.loc)
    right = _float_operand(machine, state, frame, i.right, i.loc)
    frame.temps[i.dst] = nodes.boolean(floats.COMPARE[i.op](left, right))
    return None


def _float_cast(machine: Machine, state: State, frame: Frame, i: ir.FloatCast) -> Successors:
    if i.op in ("sitofp", "uitofp"):
        source = machine.integer(state, frame, i.value, i.from_bits, i.loc)
        number = machine.concrete(state, source, i.loc, "a floating-point number")
        signed = nodes.signed(number, i.from_bits) if i.op == "sitofp" else number
        frame.temps[i.dst] = floats.rounded(signed, i.to_bits)
        return None
    value = _float_operand(machine, state, frame, i.value, i.loc)
    if i.op == "fpconv":
        frame.temps[i.dst] = floats.rounded(value, i.to_bits)
        return None
    try:
        frame.temps[i.dst] = nodes.const(floats.to_integer(value, i.to_bits, i.op == "fptosi"), i.to_bits)
    except ValueError as error:
        machine.fail(InputError, str(error), i.loc)
    return None


def _call(machine: Machine, state: State, frame: Frame, i: ir.Call) -> Successors:
    callee = machine.value(state, frame, i.callee)
    if not isinstance(callee, FunctionPointer):
        machine.fail(UnsupportedError, "calls through a pointer that is not known", i.loc)
    # What the NF defines itself is followed, also when it has a name of libc; see `analysis.check_names`.
    model = None if callee.name in machine.program.functions else machine.models.get(callee.name)
    if model is None:
        if callee.name in machine.program.functions:
            machine.enter(state, callee.name, [machine.value(state, frame, a) for a in i.args], i.dst, i.loc)
            return None
        machine.fail(
            UnsupportedError,
            f"'{callee.name}' is neither defined by the NF nor known here",
            i.loc,
            "this function is followed in set-up only: do without it here"
            if callee.name in machine.only_in_setup
            else instead(callee.name)
            or f"add the source file that defines '{callee.name}', or do without it; "
            f"if it only calculates, say so in nf.yaml: functions: {{{callee.name}: {{pure: true}}}}",
        )
    values = (machine.value(state, frame, a) for a in i.args)
    args = tuple(_settled(machine, state, v, i.loc, callee.name in _COPIES) for v in values)
    site = CallSite(
        machine, state, callee.name, args, i.arg_bits, i.result_bits, i.result_kind,
        i.dst is not None and i.dst in _used(machine, frame.function), i.loc,
    )  # fmt: skip
    outcome = model(site)
    if not isinstance(outcome, list):
        _finish_call(machine, frame, i, outcome)
        return None
    for successor, result in outcome:
        top = successor.frames[-1]
        _finish_call(machine, top, i, result)
        top.pc += 1
    return [successor for successor, _ in outcome]


#: What does nothing before it uses its pointers.
_COPIES = frozenset(("memcpy", "memmove", "memset", "bzero", "rte_memcpy"))


def _settled(machine: Machine, state: State, value: Value, loc: int, copies: bool) -> Value:
    """Models may change the path before they use a pointer, so its offset is decided before they run."""
    if not isinstance(value, Pointer) or isinstance(value.offset, int):
        return value
    if copies and machine.in_array(state, value, 1, loc):
        return value
    return Pointer(value.block, nodes.signed(machine.concrete(state, value.offset, loc, "an address"), 64))


def _finish_call(machine: Machine, frame: Frame, i: ir.Call, result: Value | None) -> None:
    if i.dst is not None:
        if isinstance(result, Expr) and i.result_kind == "int":
            result = machine.as_integer(result, i.result_bits, i.loc)
        frame.temps[i.dst] = UNDEFINED if result is None else result


def _used(machine: Machine, function: ir.Function) -> frozenset[int]:
    found = machine.used_temps.get(function.name)
    if found is None:
        found = machine.used_temps[function.name] = frozenset(_temps_read(function))
    return found


def _temps_read(function: ir.Function) -> Iterator[int]:
    """Temps that any instruction of the function uses."""
    for block in function.blocks:
        for step in (*block.instructions, block.terminator):
            for name in step.__slots__:
                operand = getattr(step, name)
                for o in operand if isinstance(operand, tuple) else (operand,):
                    if isinstance(o, ir.Temp):
                        yield o.id


HANDLERS: Final[Mapping[type, Callable[[Machine, State, Frame, Any], Successors]]] = {
    ir.Alloca: _alloca, ir.Load: _load, ir.Store: _store, ir.LoadBits: _load_bits, ir.StoreBits: _store_bits,
    ir.CopyMemory: _copy_memory, ir.ZeroMemory: _zero_memory, ir.Binary: _binary, ir.Compare: _compare,
    ir.Cast: _cast, ir.FloatBinary: _float_binary, ir.FloatCompare: _float_compare, ir.FloatCast: _float_cast,
    ir.PointerAdd: _pointer_add, ir.PointerDifference: _pointer_difference, ir.Call: _call,
}  # fmt: skip
