"""Builds the blocks of one function; folds what is constant on the way.

`ConstantBuilder` is the same for constant expressions: it folds, and refuses what needs an instruction.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from maestro_tool.frontend import fold, ir
from maestro_tool.frontend.ir import Const, FunctionAddress, GlobalAddress, Null, Operand, Temp


@dataclass(frozen=True, slots=True)
class AddressConstant:
    """A constant address inside an object: only `ConstantBuilder` makes it, only static initialisers take it."""

    base: GlobalAddress
    addend: int


class NotConstantError(Exception):
    """A constant expression needs to be computed at run time."""


@dataclass(slots=True)
class _Block:
    """A block under construction."""

    instructions: list[ir.Instruction] = field(default_factory=list)
    terminator: ir.Terminator | None = None


class Builder:
    """``first_temp``: temps below hold the parameters."""

    constant = False

    def __init__(self, first_temp: int = 0) -> None:
        self._temps = first_temp
        self._slots: list[ir.Alloca] = []
        self._blocks = [_Block()]
        self._at = 0

    # ----------------------------------------------------------------------- blocks

    @property
    def here(self) -> int:
        """The block that instructions go to."""
        return self._at

    def new_block(self) -> int:
        self._blocks.append(_Block())
        return len(self._blocks) - 1

    def at(self, block: int) -> None:
        """Go on in ``block``."""
        self._at = block

    def terminate(self, terminator: ir.Terminator) -> None:
        """End this block; what follows without a label is unreachable and goes to a block that nobody enters."""
        self._blocks[self._at].terminator = terminator
        self._at = self.new_block()

    def jump(self, target: int, loc: int) -> None:
        self.terminate(ir.Jump(target, loc))

    def branch(self, condition: Operand, then: int, otherwise: int, loc: int, *, loop: bool = False) -> None:
        if isinstance(condition, Const):
            self.terminate(ir.Jump(then if condition.value else otherwise, loc))
        else:
            self.terminate(ir.Branch(condition, then, otherwise, loop, loc))

    def switch_from(self, block: int, switch: ir.Switch) -> None:
        self._blocks[block].terminator = switch

    def start_dispatch(self) -> int:
        """End this block with a switch that is given later (`switch_from`); returns it."""
        block, self._at = self._at, self.new_block()
        return block

    def finish(self, end: ir.Terminator) -> tuple[ir.Block, ...]:
        """All blocks that can be reached, in order of creation; ``end`` ends the last one."""
        self._blocks[self._at].terminator = end
        self._blocks[0].instructions[:0] = self._slots
        order = sorted(self._reachable())
        number = {old: new for new, old in enumerate(order)}
        return tuple(
            ir.Block(tuple(b.instructions), _renumber(_terminator(b), number))
            for b in map(self._blocks.__getitem__, order)
        )

    def _reachable(self) -> set[int]:
        seen, work = {0}, [0]
        while work:
            for target in ir.successors(_terminator(self._blocks[work.pop()])):
                if target not in seen:
                    seen.add(target)
                    work.append(target)
        return seen

    # ----------------------------------------------------------------------- instructions

    def _emit(self, instruction: ir.Instruction) -> None:
        self._blocks[self._at].instructions.append(instruction)

    def _temp(self) -> int:
        self._temps += 1
        return self._temps - 1

    def alloca(self, size: int, name: str, type_name: str, loc: int) -> Temp:
        dst = self._temp()
        self._emit(ir.Alloca(dst, size, name, type_name, loc))
        return Temp(dst)

    def slot(self, size: int, name: str, type_name: str, loc: int) -> Temp:
        """An object that exists from the function's start: value of ``?:``, struct result, variable that jumps skip."""
        dst = self._temp()
        self._slots.append(ir.Alloca(dst, size, name, type_name, loc))
        return Temp(dst)

    def load(self, address: Operand, bits: int, kind: ir.ValueKind, loc: int) -> Operand:
        dst = self._temp()
        self._emit(ir.Load(dst, address, bits, kind, loc))
        return Temp(dst)

    def store(self, address: Operand, value: Operand, bits: int, kind: ir.ValueKind, loc: int) -> None:
        self._emit(ir.Store(address, value, bits, kind, loc))

    def load_bits(
        self, address: Operand, unit: int, bit: int, width: int, signed: bool, bits: int, loc: int
    ) -> Operand:
        dst = self._temp()
        self._emit(ir.LoadBits(dst, address, unit, bit, width, signed, bits, loc))
        return Temp(dst)

    def store_bits(
        self, address: Operand, value: Operand, unit: int, bit: int, width: int, bits: int, loc: int
    ) -> None:
        self._emit(ir.StoreBits(address, value, unit, bit, width, bits, loc))

    def copy(self, destination: Operand, source: Operand, size: int, loc: int) -> None:
        if size:
            self._emit(ir.CopyMemory(destination, source, size, loc))

    def zero(self, destination: Operand, size: int, loc: int) -> None:
        if size:
            self._emit(ir.ZeroMemory(destination, size, loc))

    def binary(self, op: ir.IntOp, left: Operand, right: Operand, bits: int, loc: int) -> Operand:
        if isinstance(left, Const) and isinstance(right, Const):
            value = fold.binary(op, int(left.value), int(right.value), bits)
            if value is not None:
                return Const(value, bits)
        dst = self._temp()
        self._emit(ir.Binary(dst, op, left, right, bits, loc))
        return Temp(dst)

    def compare(
        self, op: ir.CompareOp, left: Operand, right: Operand, bits: int, kind: ir.ValueKind, loc: int
    ) -> Operand:
        if isinstance(left, Const) and isinstance(right, Const):
            return Const(fold.compare(op, int(left.value), int(right.value), bits), 1)
        if isinstance(left, Null) and isinstance(right, Null):
            return Const(int(op in ("eq", "ule", "uge")), 1)
        if op in ("eq", "ne") and kind == "pointer":
            for one, other in ((left, right), (right, left)):
                if isinstance(one, Null) and isinstance(other, GlobalAddress | FunctionAddress | AddressConstant):
                    return Const(int(op == "ne"), 1)
        dst = self._temp()
        self._emit(ir.Compare(dst, op, left, right, bits, kind, loc))
        return Temp(dst)

    def cast(self, op: ir.CastOp, value: Operand, from_bits: int, to_bits: int, loc: int) -> Operand:
        if op in ("zext", "sext", "trunc") and from_bits == to_bits:
            return value
        if isinstance(value, Const):
            folded = fold.cast(op, int(value.value), from_bits, to_bits)
            if folded is not None:
                return Const(folded, to_bits)
            if op == "int_to_ptr" and value.value == 0:
                return Null()
        if isinstance(value, Null) and op == "ptr_to_int":
            return Const(0, to_bits)
        dst = self._temp()
        self._emit(ir.Cast(dst, op, value, from_bits, to_bits, loc))
        return Temp(dst)

    def float_binary(self, op: ir.FloatOp, left: Operand, right: Operand, bits: int, loc: int) -> Operand:
        if isinstance(left, Const) and isinstance(right, Const):
            value = fold.float_binary(op, left.value, right.value, bits)
            if value is not None:
                return Const(value, bits)
        dst = self._temp()
        self._emit(ir.FloatBinary(dst, op, left, right, bits, loc))
        return Temp(dst)

    def float_compare(self, op: ir.CompareOp, left: Operand, right: Operand, bits: int, loc: int) -> Operand:
        """``op`` as for signed integers."""
        name = op if op in ("eq", "ne") else op[1:]
        if isinstance(left, Const) and isinstance(right, Const):
            return Const(fold.float_compare(name, left.value, right.value), 1)
        dst = self._temp()
        self._emit(ir.FloatCompare(dst, name, left, right, bits, loc))  # type: ignore[arg-type]
        return Temp(dst)

    def float_cast(self, op: ir.FloatCastOp, value: Operand, from_bits: int, to_bits: int, loc: int) -> Operand:
        if op == "fpconv" and from_bits == to_bits:
            return value
        if isinstance(value, Const):
            folded = fold.float_cast(op, value.value, from_bits, to_bits)
            if folded is not None:
                return Const(folded, to_bits)
        dst = self._temp()
        self._emit(ir.FloatCast(dst, op, value, from_bits, to_bits, loc))
        return Temp(dst)

    def pointer_add(self, base: Operand, offset: Operand, loc: int) -> Operand:
        if isinstance(offset, Const) and offset.value == 0:
            return base
        dst = self._temp()
        self._emit(ir.PointerAdd(dst, base, offset, loc))
        return Temp(dst)

    def pointer_difference(self, left: Operand, right: Operand, loc: int) -> Operand:
        dst = self._temp()
        self._emit(ir.PointerDifference(dst, left, right, loc))
        return Temp(dst)

    def call(
        self,
        callee: Operand,
        args: list[tuple[Operand, int, ir.ValueKind]],
        result_bits: int,
        result_kind: ir.ValueKind,
        loc: int,
    ) -> Operand:
        """``args``: value, bits, kind.  The result is `Null` if there is none."""
        dst = self._temp() if result_bits else None
        values, bits, kinds = (tuple(a[i] for a in args) for i in range(3))
        self._emit(ir.Call(dst, callee, values, bits, kinds, result_bits, result_kind, loc))  # type: ignore[arg-type]
        return Null() if dst is None else Temp(dst)


class ConstantBuilder(Builder):
    """Evaluates constant expressions: whatever would be an instruction raises `NotConstantError`."""

    constant = True

    def _emit(self, instruction: ir.Instruction) -> None:
        raise NotConstantError

    def slot(self, size: int, name: str, type_name: str, loc: int) -> Temp:
        raise NotConstantError

    def cast(self, op: ir.CastOp, value: Operand, from_bits: int, to_bits: int, loc: int) -> Operand:
        """A pointer constant stays what it is as an integer of the same size, and the other way round."""
        if op in ("int_to_ptr", "ptr_to_int") and not isinstance(value, Null) and value != Const(0, 64):
            return value
        if not isinstance(value, Const | Null) and from_bits == to_bits:
            return value
        return super().cast(op, value, from_bits, to_bits, loc)

    def branch(self, condition: Operand, then: int, otherwise: int, loc: int, *, loop: bool = False) -> None:
        raise NotConstantError

    def pointer_add(self, base: Operand, offset: Operand, loc: int) -> Operand:
        if isinstance(offset, Const):
            step = fold.signed(int(offset.value), 64)
            if isinstance(base, GlobalAddress):
                return AddressConstant(base, step) if step else base  # type: ignore[return-value]
            if isinstance(base, AddressConstant):
                total = base.addend + step
                return AddressConstant(base.base, total) if total else base.base  # type: ignore[return-value]
            if isinstance(base, Null):
                return base if step == 0 else super().pointer_add(base, offset, loc)
        return super().pointer_add(base, offset, loc)

    def pointer_difference(self, left: Operand, right: Operand, loc: int) -> Operand:
        (a, x), (b, y) = _split(left), _split(right)
        if a == b and a is not None:
            return Const((x - y) % (1 << 64), 64)
        return super().pointer_difference(left, right, loc)


def _split(operand: Operand | AddressConstant) -> tuple[GlobalAddress | None, int]:
    if isinstance(operand, AddressConstant):
        return operand.base, operand.addend
    return (operand, 0) if isinstance(operand, GlobalAddress) else (None, 0)


def _terminator(block: _Block) -> ir.Terminator:
    assert block.terminator is not None, "a block that is entered must end"
    return block.terminator


def _renumber(terminator: ir.Terminator, number: dict[int, int]) -> ir.Terminator:
    match terminator:
        case ir.Jump(target):
            return replace(terminator, target=number[target])
        case ir.Branch(_, then, otherwise):
            return replace(terminator, then=number[then], otherwise=number[otherwise])
        case ir.Switch(cases=cases, default=default):
            return replace(terminator, cases=tuple((v, number[b]) for v, b in cases), default=number[default])
    return terminator
