"""Initialisers: braces, designators, elided braces -> the parts that get a value, in order.

One list serves both uses: variables with static storage take constants (`static_initial`), locals take instructions
(`initialise_local`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from maestro_tool.frontend import declarations, evaluate, expressions, literals, places
from maestro_tool.frontend.builder import AddressConstant, NotConstantError
from maestro_tool.frontend.c_types import (
    ArrayType,
    BitPlace,
    CType,
    IntType,
    Member,
    RecordType,
    bits_of,
    is_scalar,
    kind_of,
    size_of,
    type_name,
)
from maestro_tool.frontend.context import Context, Place, Value
from maestro_tool.frontend.conversions import convert, store
from maestro_tool.frontend.ir import Const, FunctionAddress, GlobalAddress, Initial, Null
from maestro_tool.frontend.layout import members_of
from maestro_tool.frontend.parse import c_ast


@dataclass(frozen=True, slots=True)
class Item:
    """``node`` initialises the object of ``type`` at ``offset``; ``text``: the bytes of a string for a char array."""

    offset: int
    type: CType
    node: Any
    bits: BitPlace | None = None
    text: bytes | None = None


_LONGEST_RANGE = 1 << 16


class _Elements:
    """The elements of a braced list, taken one by one by the parts they initialise."""

    def __init__(self, nodes: list[Any]) -> None:
        self._nodes = nodes
        self._next = 0

    def peek(self) -> Any | None:
        return self._nodes[self._next] if self._next < len(self._nodes) else None

    def take(self) -> Any:
        self._next += 1
        return self._nodes[self._next - 1]

    def undesignate(self) -> None:
        """The next element's designators are used up."""
        self._nodes[self._next] = self._nodes[self._next].expr


class _Parts(list[Item]):
    """What is initialised so far.  ``chosen``: which member of each union (by offset and type) is."""

    def __init__(self) -> None:
        super().__init__()
        self.chosen: dict[tuple[int, int], int] = {}

    def forget(self, offset: int, size: int) -> None:
        """An object is initialised anew as a whole: what was said about its parts no longer counts."""
        self[:] = [i for i in self if not offset <= i.offset < offset + size]

    def choose(self, union: RecordType, offset: int, index: int) -> None:
        """A member of a union is initialised: what was said about another one no longer counts."""
        if self.chosen.setdefault((offset, id(union)), index) != index:
            self.forget(offset, size_of(union))
            self.chosen[offset, id(union)] = index


def items_of(ctx: Context, type_: CType, node: Any) -> tuple[CType, list[Item]]:
    """All parts that ``node`` initialises; the type comes back with its length if it had none."""
    items = _Parts()
    if isinstance(type_, ArrayType) and type_.length is None:
        length = _whole(ctx, type_, 0, node, items)
        return ArrayType(type_.element, length), items
    _whole(ctx, type_, 0, node, items)
    return type_, items


def _whole(ctx: Context, type_: CType, offset: int, node: Any, items: _Parts) -> int:
    """One object by one initialiser of its own; returns the number of elements an array needs."""
    text = _char_array_text(ctx, type_, node)
    if text is not None:
        assert isinstance(type_, ArrayType)
        length = len(text) if type_.length is None else type_.length
        items.append(Item(offset, ArrayType(type_.element, length), node, text=text[:length]))
        return length
    if not isinstance(node, c_ast.InitList):
        if isinstance(type_, ArrayType):
            if isinstance(node, c_ast.CompoundLiteral):  # gcc allows it
                return _whole(ctx, type_, offset, node.init, items)
            ctx.input_error("an array needs a list in braces or a string", node)
        items.append(Item(offset, type_, node))
        return 0
    if is_scalar(type_):
        if len(node.exprs) != 1 or isinstance(node.exprs[0], c_ast.NamedInitializer):
            ctx.input_error(f"one value is needed to initialise '{type_name(type_)}'", node)
        return _whole(ctx, type_, offset, node.exprs[0], items)
    if isinstance(type_, RecordType) or type_.length is not None:  # type: ignore[union-attr]
        items.forget(offset, ctx.size(type_, node))
    elements = _Elements([e for child in node.exprs for e in _one_by_one(ctx, child)])
    length = _parts(ctx, type_, offset, elements, items, braced=True)
    excess = elements.peek()
    if excess is not None:
        ctx.input_error("more initialisers than there are members or elements", excess)
    return length


def _char_array_text(ctx: Context, type_: CType, node: Any) -> bytes | None:
    """The bytes, if this is a string literal for an array of characters."""
    if not isinstance(type_, ArrayType) or not isinstance(type_.element, IntType) or type_.element.bits != 8:
        return None
    if isinstance(node, c_ast.InitList) and len(node.exprs) == 1:
        node = node.exprs[0]
    if not isinstance(node, c_ast.Constant) or node.type != "string":
        return None
    try:
        return literals.string(node.value) + b"\0"
    except literals.LiteralError as error:
        ctx.unsupported(str(error), node, literals.HINT)


def _parts(
    ctx: Context,
    type_: CType,
    base: int,
    elements: _Elements,
    items: _Parts,
    *,
    braced: bool,
    designators: tuple[Any, ...] = (),
) -> int:
    """Parts of an array or struct, one after the other, until it is full or ``elements`` end.

    ``designators``: where to start (what a designator of an outer level left over); without braces of its own
    an object ends where a designator names a part of an outer one.  Returns the number of elements reached.
    """
    if not isinstance(type_, ArrayType | RecordType):
        ctx.input_error(f"'{type_name(type_)}' cannot be initialised by a list", elements.peek())
    index, reached = 0, 0
    while (node := elements.peek()) is not None:
        if isinstance(node, c_ast.NamedInitializer) and not designators:
            if not braced:
                return reached
            designators = tuple(node.name)
        if designators:
            index, rest = _designated(ctx, type_, designators, node)
            designators = ()
            if not rest:
                elements.undesignate()
        else:
            rest = ()
        part = _part(ctx, type_, index, node)
        if part is None:
            return reached
        offset = base + part.offset
        if isinstance(type_, RecordType) and type_.is_union:
            items.choose(type_, base, index)
        if rest:
            _parts(ctx, part.type, offset, elements, items, braced=False, designators=rest)
        elif part.bits is not None:
            items.append(Item(offset, part.type, _unbraced(elements.take()), bits=part.bits))
        else:
            _part_from(ctx, part.type, offset, elements, items)
        index += 1
        reached = max(reached, index)
        if isinstance(type_, RecordType) and type_.is_union:
            index = 1 << 62  # full, unless a designator comes
    return reached


def _one_by_one(ctx: Context, node: Any) -> Iterator[Any]:
    """``[1 ... 3] = x`` as ``[1] = x, [2] = x, [3] = x``; any other element as it is."""
    designators = node.name if isinstance(node, c_ast.NamedInitializer) else []
    at = next((i for i, d in enumerate(designators) if getattr(_index_of(d), "op", None) == "..."), None)
    if at is None:
        yield node
        return
    bounds = _index_of(designators[at])
    first, last = (
        evaluate.constant_integer(ctx, b, "the index that names an element of an array")
        for b in (bounds.left, bounds.right)
    )
    if last < first or last - first >= _LONGEST_RANGE:
        ctx.unsupported(f"a range of {last - first + 1} elements", bounds, f"1 to {_LONGEST_RANGE} are supported")
    if evaluate.may_do_something(node.expr):
        ctx.unsupported("the initialiser of a range is evaluated once, but may do more than to compute", node.expr)
    for index in range(first, last + 1):
        number = c_ast.ArrayDesignator(c_ast.Constant("int", str(index), bounds.coord), bounds.coord)
        inner = c_ast.NamedInitializer([*designators[:at], number, *designators[at + 1 :]], node.expr, node.coord)
        yield from _one_by_one(ctx, inner)


def _unbraced(node: Any) -> Any:
    while isinstance(node, c_ast.InitList) and len(node.exprs) == 1:
        node = node.exprs[0]
    return node


def _part_from(ctx: Context, type_: CType, offset: int, elements: _Elements, items: _Parts) -> None:
    """The next part: by an initialiser of its own, or, braces elided, by as many elements as it has parts."""
    node = elements.peek()
    own = isinstance(node, c_ast.InitList) or is_scalar(type_) or _char_array_text(ctx, type_, node) is not None
    if not own and isinstance(type_, RecordType):
        own = evaluate.decayed_type_of(ctx, node) == type_
    if own:
        elements.take()
        _whole(ctx, type_, offset, node, items)
    else:
        _parts(ctx, type_, offset, elements, items, braced=False)


def _part(ctx: Context, type_: ArrayType | RecordType, index: int, node: Any) -> Member | None:
    """Part number ``index``; None if there is none."""
    if isinstance(type_, ArrayType):
        if type_.length is not None and index >= type_.length:
            return None
        return Member(None, type_.element, index * ctx.size(type_.element, node))
    ctx.size(type_, node)
    assert type_.layout is not None
    members = type_.layout.members
    if index >= len(members):
        return None
    member = members[index]
    if isinstance(member.type, ArrayType) and member.type.length is None:
        ctx.unsupported("initialising a flexible array member is not supported", node, "give the array a size")
    return member


def _designated(
    ctx: Context, type_: ArrayType | RecordType, designators: tuple[Any, ...], node: Any
) -> tuple[int, tuple[Any, ...]]:
    """Number of the part that the first designator names, and the designators for inside it."""
    first, rest = designators[0], designators[1:]
    if isinstance(type_, ArrayType):
        index = evaluate.constant_integer(ctx, _index_of(first), "the index that names an element of an array")
        if index < 0 or (type_.length is not None and index >= type_.length):
            ctx.input_error(f"index {index} is outside of the array", node)
        return index, rest
    if not isinstance(first, c_ast.ID):
        ctx.input_error(f"a member of '{type_.name}' is named by .member", node)
    path = places.member_path(ctx, type_, first.name, first)
    assert type_.layout is not None
    # A member of an anonymous struct is reached through it, by the same name.
    return type_.layout.members.index(path[0]), designators if len(path) > 1 else rest


def _index_of(designator: Any) -> Any:
    return designator.expr if isinstance(designator, c_ast.ArrayDesignator) else designator


# --------------------------------------------------------------------------- locals


def initialise_local(ctx: Context, target: Place, items: list[Item], node: Any) -> None:
    """Give a local object its first value; what the list leaves out is zero (C11 6.7.9 p21)."""
    build, loc = ctx.builder, ctx.loc(node)
    whole = len(items) == 1 and items[0].type == target.type and items[0].text is None
    if not whole:
        ctx.size(target.type, node)  # it is complete
        for offset, size in members_of(target.type):  # padding has any value (C11 6.2.6.1)
            build.zero(build.pointer_add(target.address, Const(offset, 64), loc), size, loc)
    for item in items:
        address = build.pointer_add(target.address, Const(item.offset, 64), ctx.loc(item.node))
        part = Place(address, item.type, item.bits)
        if item.text is not None:
            literal = ctx.program.string(ctx, item.text, item.node)
            build.copy(address, literal, len(item.text), ctx.loc(item.node))
        else:
            store(ctx, part, expressions.as_type(ctx, item.node, item.type), item.node)


def compound_literal(ctx: Context, node: Any) -> Place:
    declared = declarations.type_named(ctx, node.type)
    type_, items = items_of(ctx, declared, node.init)
    size, loc = ctx.size(type_, node), ctx.loc(node)
    if ctx.at_file_scope:
        return Place(ctx.program.literal_object(ctx, type_, static_initial(ctx, items, node), node), type_)
    slot = Place(ctx.builder.slot(size, ".literal", type_name(type_), loc), type_)
    initialise_local(ctx, slot, items, node.init)
    return slot


# --------------------------------------------------------------------------- static storage


def static_initial(ctx: Context, items: list[Item], node: Any) -> tuple[Initial, ...]:
    """The constants of a variable with static storage, by offset; zeros are left out."""
    found: dict[int, tuple[int, Initial | None]] = {}  # offset -> size, what is there
    bytes_: dict[int, int] = {}  # of bit-fields
    for initial, item in _constants(ctx, items, node):
        size = _size(initial, item)
        for offset in [o for o, (s, _) in found.items() if o < item.offset + size and item.offset < o + s]:
            del found[offset]  # a later initialiser of the same bytes wins
        if item.bits is None:
            for offset in range(item.offset, item.offset + size):
                bytes_.pop(offset, None)
            found[item.offset] = (size, initial)
        else:
            _set_bits(bytes_, item, initial)
    result = [i for _, i in found.values() if i is not None]
    result += [Initial(o, Const(b, 8)) for o, b in bytes_.items() if b]
    return tuple(sorted(result, key=lambda i: i.offset))


def _size(initial: Initial | None, item: Item) -> int:
    if item.bits is not None:
        return 0
    return len(item.text) if item.text is not None else size_of(item.type)


def _set_bits(bytes_: dict[int, int], item: Item, initial: Initial | None) -> None:
    assert item.bits is not None
    value = int(initial.value.value) if initial is not None and isinstance(initial.value, Const) else 0
    for i in range(item.bits.width):
        byte, bit = divmod(item.bits.bit + i, 8)
        offset = item.offset + byte
        bytes_[offset] = bytes_.get(offset, 0) & ~(1 << bit) | (value >> i & 1) << bit


def _constants(ctx: Context, items: list[Item], node: Any) -> Iterator[tuple[Initial | None, Item]]:
    """(what is there, None for zero; where) for each scalar and string."""
    for item in items:
        if item.text is not None:
            yield (Initial(item.offset, item.text) if item.text.strip(b"\0") else None), item
        elif isinstance(item.type, RecordType):
            if not isinstance(item.node, c_ast.CompoundLiteral):
                ctx.input_error("the initialiser is not a constant", item.node)
            _, inner = items_of(ctx, declarations.type_named(ctx, item.node.type), item.node.init)
            yield None, item  # all of it is set: what was there before is gone
            yield from _constants(ctx, [replace(i, offset=item.offset + i.offset) for i in inner], node)
        else:
            yield _scalar(ctx, item), item


def _scalar(ctx: Context, item: Item) -> Initial | None:
    try:
        with evaluate.constants_only(ctx):
            value: Value = convert(ctx, expressions.rvalue(ctx, item.node), item.type, item.node)
    except NotConstantError:
        ctx.input_error("the initialiser is not a constant", item.node)
    operand = value.operand
    match operand:
        case AddressConstant(base, addend):
            return Initial(item.offset, base, addend)
        case GlobalAddress() | FunctionAddress():
            return Initial(item.offset, operand)
        case Null():
            return None
        case Const(number, bits):
            zero = number == 0 and not (isinstance(number, float) and str(number).startswith("-"))
            return None if zero else Initial(item.offset, Const(number, bits))
    raise AssertionError(f"{operand} ({kind_of(item.type)}, {bits_of(item.type)} bits) is no constant")
