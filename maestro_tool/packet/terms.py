"""Expressions over a frame as a C programmer writes them: ``src_ip ^ dst_ip``, ``min(src_port, dst_port)``.

A field's name stands for its value as a number.  What reads it in the other byte order, as C code on a little-endian
host does without ``ntohs``, is ``htons(src_port)``.  Where only equality counts, as among the bytes of keys, a byte
swap of a whole term says nothing, and is left out.

The walk is one of its own (`expr.walk` goes from the leaves): names and patterns of several layers come before the
operators in them, and what is shared is written wherever it occurs, until there is no room.  Signs and precedence are
those of `expr.operators`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.nodes import MAX_DESCENT, concat, extract
from maestro_tool.expr.operators import OPERATORS
from maestro_tool.expr.symbols import packet_byte
from maestro_tool.expr.text import packet_span
from maestro_tool.expr.walk import bottom_up
from maestro_tool.packet.fields import ADDRESSES_OF, MACS

#: Texts are cut (``...``) after this many nodes, since shared subterms are written out each time.
_MAX_NODES: Final = 300

#: Operations that need no parentheses as operands of comparisons.
_ARITHMETIC: Final = tuple({o.in_c for o in OPERATORS.values() if o.precedence > OPERATORS["ult"].precedence})

#: What these do to bytes they do to whole terms: ``(a ^ b) ++ (c ^ d)`` is ``(a ++ c) ^ (b ++ d)``.
_BITWISE: Final = frozenset(name for name, operator in OPERATORS.items() if operator.bitwise)

_SWAPS: Final = {16: ("htons", "ntohs"), 32: ("htonl", "ntohl"), 64: ("htobe64", "be64toh")}

#: Fields of which a first part is a prefix.
_ADDRESSES: Final = frozenset(name for names in ADDRESSES_OF.values() for name in names)

#: Longest run of bytes that is looked for as one field: an IPv6 address.
_LONGEST: Final = 16


class Terms:
    """Writes expressions.

    ``fields``: (first byte, bytes) -> name.  ``named``: what else has a name, whatever its byte order; or None.
    ``condition``: writes ``c`` of ``c ? a : b``; by default as C.
    """

    def __init__(
        self,
        fields: Mapping[tuple[int, int], str],
        named: Callable[[Expr], str | None] = lambda e: None,
        condition: Callable[[Expr], str] | None = None,
    ) -> None:
        self._fields = fields
        self._named = named
        self._condition = condition or self._inner
        self._room = _MAX_NODES
        self._turned = 0  # how many values were written in the order of the wire, as by htons

    def value(self, e: Expr) -> str:
        """The number, which wraps around at the width of what holds it."""
        self._room = _MAX_NODES
        return self._top(e)

    def side(self, e: Expr) -> str:
        """The same as a side of a comparison."""
        self._room = _MAX_NODES
        return self._inner(e, *_ARITHMETIC)

    def bytes(self, e: Expr) -> str:
        """What decides the bytes of ``e``: their order and zeros around them do not count."""
        self._room = _MAX_NODES
        if e.is_const and e.width in _SWAPS:  # as a C programmer knows it on a little-endian host
            here = swapped(e).const
            return number(here, e.width) if here <= e.const else f"{_SWAPS[e.width][0]}({number(e.const, e.width)})"
        e = self._essence(e)
        if e.op == "concat" and self._disorder(e) > 1 and self._masked(e) is None:
            pieces = [self._ordered(p) for p in self._pieces(e)]
            if all(p.is_const or self._name(p) is not None for p in pieces):
                return ", ".join(self._top(p) for p in pieces)
        return self._prefix(e) or self._top(e)

    def equality(self, left: Expr, right: Expr) -> tuple[Expr, Expr]:
        """The sides of an equality, both swapped where that reads better."""
        needed = max(most(left), most(right)).bit_length()
        width = next((w for w in _SWAPS if needed <= w < left.width), left.width)  # as before C's integer promotion
        left, right = extract(left, width - 1, 0), extract(right, width - 1, 0)
        if width % 8 or width <= 8:
            return left, right
        turned = swapped(left), swapped(right)
        better = sum(map(self._disorder, turned)) < self._disorder(left) + self._disorder(right)
        return turned if better else (left, right)

    # ----------------------------------------------------------------- byte order

    def _essence(self, e: Expr) -> Expr:
        while e.op == "zext":
            e = e.args[0]
        parts = list(e.args) if e.op == "concat" else [e]
        while len(parts) > 1 and parts[0].is_const and parts[0].const == 0:
            parts.pop(0)
        while len(parts) > 1 and parts[-1].is_const and parts[-1].const == 0:
            parts.pop()
        inner = self._ordered(concat(*parts))
        return inner if self._disorder(inner) == 0 else self._ordered(e)

    def _ordered(self, e: Expr) -> Expr:
        """``e`` or its bytes in reverse order, whichever reads better."""
        if e.width % 8 or e.width <= 8:
            return e
        return turned if self._disorder(turned := swapped(e)) < self._disorder(e) else e

    def _disorder(self, e: Expr) -> int:
        """How many swaps, shifts and masks it takes to write ``e``, without those that are inside of arithmetic."""
        if e.depth > MAX_DESCENT:
            return 0
        e = _whole(e)
        if e.op == "zext":
            return self._disorder(e.args[0])
        if e.op == "concat" and e.args[0].is_const and e.args[0].const == 0:
            return self._disorder(concat(*e.args[1:]))
        if e.op == "ite":
            extreme = _extreme(e)
            return sum(map(self._disorder, e.args[1:])) if extreme is None else extreme[3]
        if e.op in _BITWISE:
            return sum(map(self._disorder, e.args))
        if e.op != "concat" or self._name(e) is not None:
            return 0
        return 1 if self._masked(e) is not None else len(self._pieces(e))

    # ----------------------------------------------------------------- operations

    def _top(self, e: Expr) -> str:
        return self._written(e)[0]

    def _inner(self, e: Expr, *bare: str) -> str:
        """``e`` as an operand, in parentheses if it is an operation that is not among ``bare``."""
        text, operation = self._written(e)
        return text if operation in ("", *bare) else f"({text})"

    def _written(self, e: Expr) -> tuple[str, str]:
        """The text, and its outermost operation: "" where that is none, or a call."""
        self._room -= 1
        if self._room < 0:
            return "...", ""
        e = _whole(e)
        if (name := self._name(e)) is not None:
            return name
        match e.op:
            case "const":
                return number(e.const, e.width) if e.width else str(e is nodes.TRUE).lower(), ""
            case "zext" | "sext":
                return self._written(e.args[0])
            case "concat":
                return self._joined(e)
            case "extract":
                return self._part(e)
            case "ite":
                return self._chosen(e)
            case "not":
                return f"{OPERATORS[e.op].in_c}{self._inner(e.args[0])}", ""
            case "lnot":
                return self._negated(e.args[0])
        return self._infix(e)

    def _infix(self, e: Expr, sign: str = "") -> tuple[str, str]:
        left, right = self.equality(*e.args) if e.op == "eq" and e.args[0].width else e.args
        operator = OPERATORS[e.op]
        sign = sign or operator.in_c
        if e.op in _BITWISE and self._ordered(e) is not e:
            return self._swap(swapped(e)), ""
        if e.op in ("and", "or") and right.is_const:
            return f"{self._inner(left, sign)} {sign} {right.const:#x}", sign
        if e.op == "add" and right.is_const and (negative := -right.const % (1 << e.width)) < min(right.const, 1 << 16):
            return f"{self._inner(left, '+')} - {negative}", "-"
        if not e.width and not operator.associative:
            return f"{self._inner(left, *_ARITHMETIC)} {sign} {self._inner(right, *_ARITHMETIC)}", "=="
        return (
            f"{self._inner(left, sign)} {sign} {self._inner(right, sign if operator.associative else '')}",
            sign,
        )

    def _negated(self, e: Expr) -> tuple[str, str]:
        return self._infix(e, "!=") if e.op == "eq" else (f"!{self._inner(e)}", "")

    def _chosen(self, e: Expr) -> tuple[str, str]:
        if (extreme := _extreme(e)) is not None:
            name, a, b, turned = extreme

            def chosen() -> str:
                return f"{name}({self._top(a)}, {self._top(b)})"

            return self._turn(e.width, chosen) if turned else chosen(), ""
        condition, yes, no = e.args
        return f"{self._condition(condition)} ? {self._inner(yes)} : {self._inner(no)}", "?"

    def _part(self, e: Expr) -> tuple[str, str]:
        """Some bits of a value."""
        (high, low), whole = e.bounds, e.args[0]
        all_above = most(whole) >> (high + 1) == 0
        if low == 0 and all_above:
            return self._written(whole)
        if low == 0 and e.width in (8, 16, 32):
            return f"(uint{e.width}_t){self._inner(whole)}", ""
        shifted = f"{self._inner(whole)} >> {low}" if low else self._inner(whole, "&")
        return (shifted, ">>") if all_above else (f"{shifted} & {(1 << e.width) - 1:#x}", "&")

    def _joined(self, e: Expr) -> tuple[str, str]:
        """Values side by side: a masked field, a swapped value, or values that are shifted and joined."""
        if e.args[0].is_const and e.args[0].const == 0:
            return self._written(concat(*e.args[1:]))
        if (masked := self._masked(e)) is not None:
            return masked, "&"
        if self._ordered(e) is not e:
            return self._swap(swapped(e)), ""
        pieces = self._pieces(e)
        texts: list[str] = []
        low = e.width
        for piece in pieces:
            low -= piece.width
            if piece.is_const and piece.const == 0:
                continue
            text = self._inner(piece) if self._tidy(piece) or piece.op != "concat" else self._swap(swapped(piece))
            texts.append(f"{text} << {low}" if low else text)
        return " | ".join(texts), "|" if len(texts) > 1 else "<<"

    def _swap(self, turned: Expr) -> str:
        return self._turn(turned.width, lambda: self._top(turned))

    def _turn(self, width: int, written: Callable[[], str]) -> str:
        """The swap of what is ``written``: where that has values in the order of the wire, it turns them back."""
        before, text = self._turned, written()
        forth, back = _SWAPS.get(width, ("bswap", "bswap"))
        if self._turned > before:
            return f"{back}({text})"
        self._turned += width in _SWAPS
        return f"{forth}({text})"

    # ----------------------------------------------------------------- names

    def _name(self, e: Expr) -> tuple[str, str] | None:
        """As `_written`, for what has a name."""
        if (name := self._named(e)) is not None:
            return name, ""
        if (span := packet_span(e)) is not None:
            return self._field(*span)
        if (place := _frame_bits(e)) is not None:
            return self._bits(*place)
        return (str(e.value), "") if e.op == "sym" else None

    def _field(self, first: int, end: int) -> tuple[str, str] | None:
        """Bytes first..end-1; None for those of several fields."""
        if any(start < end and first < start + size for start, size in self._fields):
            return self._bits(8 * first, 8 * end)
        return (f"frame[{first}..{end - 1}]" if end - first > 1 else f"frame[{first}]"), ""

    def _bits(self, begin: int, end: int) -> tuple[str, str] | None:
        """Bits begin..end-1 of the frame, if they are of one field."""
        return None if (part := self._part_of(begin, end)) is None else _shifted(*part)

    def _prefix(self, e: Expr) -> str | None:
        """``src_ip/24``, which within an operation would look like a division."""
        place = _frame_bits(e)
        part = None if place is None else self._part_of(*place)
        return None if part is None else part_of_field(*part)

    def _part_of(self, begin: int, end: int) -> tuple[str, int, int, int] | None:
        """Name and width of the field that has these bits, and which of its bits they are."""
        for (start, size), name in self._fields.items():
            if 8 * start <= begin and end <= 8 * (start + size):
                bottom = 8 * (start + size)
                return name, 8 * size, bottom - begin - 1, bottom - end
        return None

    def _pieces(self, e: Expr) -> list[Expr]:
        """The parts of a concat, adjoining ones together where they have one name, in whatever byte order."""
        found: list[Expr] = []
        rest = e.args
        while rest:
            for count in range(min(len(rest), _LONGEST), 0, -1):
                run = concat(*rest[:count])
                if count == 1 or self._tidy(run) or (run.width % 8 == 0 and self._tidy(swapped(run))):
                    found.append(run)
                    rest = rest[count:]
                    break
        return found

    def _tidy(self, e: Expr) -> bool:
        """It has a name, or is an operation on what has."""
        return self._name(e) is not None or ((whole := _whole(e)).op in _BITWISE and self._disorder(whole) == 0)

    def _masked(self, e: Expr) -> str | None:
        """``src_ip & 0xffffff00``: bits of a field where they are, and zeros."""
        for (first, size), name in self._fields.items():
            if 8 * size != e.width:
                continue
            field = concat(*(packet_byte(first + n) for n in range(size)))
            mask, low = 0, e.width
            for a in e.args:
                low -= a.width
                if a is extract(field, low + a.width - 1, low):
                    mask |= ((1 << a.width) - 1) << low
                elif not a.is_const or a.const:
                    mask = 0
                    break
            if mask:
                return f"{name} & {mask:#x}"
        return None


def part_of_field(name: str, width: int, high: int, low: int) -> str:
    """Bits high..low of a field of ``width`` bits: ``src_ip``, ``src_ip/24``, ``src_mac[0]``, ``dst_port & 0xff``."""
    if high == width - 1 and low and name in _ADDRESSES:
        return f"{name}/{width - low}"
    return _shifted(name, width, high, low)[0]


def _shifted(name: str, width: int, high: int, low: int) -> tuple[str, str]:
    """The text, and its outermost operation, as in `Terms`."""
    if (high, low) == (width - 1, 0):
        return name, ""
    if name in MACS and low % 8 == (high + 1) % 8 == 0:
        first, last = (width - 1 - high) // 8, (width - low) // 8 - 1
        return (f"{name}[{first}..{last}]" if first < last else f"{name}[{first}]"), ""
    shifted = f"{name} >> {low}" if low else name
    if high == width - 1:
        return shifted, ">>"
    return f"{shifted} & {(1 << (high - low + 1)) - 1:#x}", "&"


def number(value: int, width: int) -> str:
    """Small negative ones with a sign."""
    if value < 10_000 or width < 32:
        return str(value)
    negative = value - (1 << width)
    return str(negative) if negative >= -65536 else f"{value:_}".replace("_", "'") if value < 10**15 else hex(value)


def swapped(e: Expr) -> Expr:
    """The bytes of ``e`` in reverse order."""
    return concat(*(extract(e, low + 7, low) for low in range(0, e.width, 8)))


def most(e: Expr) -> int:
    """No value of ``e``, as an unsigned number, is greater."""
    return bottom_up(e, _most, {}, lambda x: x.args if x.depth <= MAX_DESCENT else ())


def _most(e: Expr, args: list[int]) -> int:
    if e.is_const:
        return e.const
    return OPERATORS[e.op].most(e, *args) if args else (1 << max(e.width, 1)) - 1


def _whole(e: Expr) -> Expr:
    """Operations on bytes as an operation on all of them."""
    if e.op != "concat" or (op := e.args[0].op) not in _BITWISE | {"ite"} or any(a.op != op for a in e.args):
        return e
    if op == "ite":
        conditions = {a.args[0] for a in e.args}
        if len(conditions) > 1:
            return e
        return nodes.ite(conditions.pop(), *(concat(*(a.args[n] for a in e.args)) for n in (1, 2)))
    joined = nodes.build(op, tuple(concat(*args) for args in zip(*(a.args for a in e.args), strict=True)))
    return e if joined.op == "concat" else joined


def _extreme(e: Expr) -> tuple[str, Expr, Expr, bool] | None:
    """``min`` or ``max``, of what, and whether its bytes are swapped afterwards."""
    condition, yes, no = e.args
    if condition.op not in ("ult", "ule", "slt", "sle"):
        return None
    less, greater = map(_narrow, condition.args)
    for turned in (False, True) if e.width % 8 == 0 else (False,):
        a, b = (_narrow(swapped(v) if turned else v) for v in (yes, no))
        if {a, b} == {less, greater}:
            return "min" if a is less else "max", less, greater, turned
    return None


def _narrow(e: Expr) -> Expr:
    return e.args[0] if e.op == "zext" else e


def _frame_bits(e: Expr) -> tuple[int, int] | None:
    """(first, end) when ``e`` is bits first..end-1 of the frame, in their order, counted as on the wire."""
    begin = end = None
    for a in e.args if e.op == "concat" else (e,):
        whole, skipped = (a.args[0], a.args[0].width - 1 - a.bounds[0]) if a.op == "extract" else (a, 0)
        span = packet_span(whole)
        if span is None or (end is not None and end != 8 * span[0] + skipped):
            return None
        end = 8 * span[0] + skipped + a.width
        begin = end - a.width if begin is None else begin
    return None if begin is None or end is None else (begin, end)
