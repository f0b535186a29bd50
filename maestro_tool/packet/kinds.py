"""Kinds of frames: packet classes, and the parts of one whose frames a program tells apart by what they say.

Where an NF looks for a key at several places in frames of one class, shapes part the class: the first that a frame fits
says where.  A kind's name says all of this, so that it means the same wherever it is written:

* ``udp4``: a class, all of it;
* ``udp4[84 36=12b5]``: frames of the class with at least 84 bytes, of which those at 36 are 12 b5;
* ``vlan[23 22=01/01]``: frames of the class with at least 23 bytes, of which the one at 22 has its last bit set (the
  value behind the mask 01 is 01);
* ``udp4[not 84 36=12b5; 42 23=01]``: frames that do not fit the first shape, but the second;
* ``udp4[not 84 36=12b5; not 42 23=01]``: those that fit none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import binary, compare, const, eq, land, lnot
from maestro_tool.expr.symbols import Packet, packet_byte, packet_length
from maestro_tool.forms import checked
from maestro_tool.meaning import Means
from maestro_tool.packet import classes
from maestro_tool.packet.fields import MOST_BYTES

_TEST: Final = r" [0-9]{1,3}=(?:[0-9a-f]{2}/[0-9a-f]{2}|(?:[0-9a-f]{2})+)"
_SHAPE: Final = re.compile(rf"(not )?([1-9][0-9]{{0,4}})((?:{_TEST})*)", re.ASCII)
#: The mask of a test that asks for all of a byte.
WHOLE: Final = 0xFF
#: Shapes of one class: each costs the program a look at every frame of it.
MOST_SHAPES: Final = 16
#: Bytes that a shape asks for (``tests`` of maestro.h).
MOST_TESTS: Final = 16


@dataclass(frozen=True, slots=True)
class Shape:
    """Frames of at least ``length`` bytes, with these values behind these masks at these offsets (in order)."""

    length: int
    tests: tuple[tuple[int, int, int], ...]

    @property
    def text(self) -> str:
        words = [str(self.length)]
        last = (-1, 0, 0)
        for offset, value, mask in self.tests:
            follows = (last[0] + 1, last[2], mask) == (offset, WHOLE, WHOLE)
            words += [f"{value:02x}"] if follows else [f" {offset}={value:02x}"]
            words += [f"/{mask:02x}"] if mask != WHOLE else []
            last = (offset, value, mask)
        return "".join(words)

    def predicate(self, packet: Packet) -> Expr:
        found = compare("uge", packet_length(packet), const(self.length, 16))
        for offset, value, mask in self.tests:
            found = land(found, eq(binary("and", packet_byte(offset, packet), const(mask, 8)), const(value, 8)))
        return found

    def fits(self, frame: bytes) -> bool:
        return len(frame) >= self.length and all(frame[offset] & mask == value for offset, value, mask in self.tests)


@dataclass(frozen=True, slots=True)
class Kind:
    """Frames of a class that fit ``shape`` (None: whatever), and none of ``before``."""

    base: str
    before: tuple[Shape, ...] = ()
    shape: Shape | None = None

    @property
    def name(self) -> str:
        words = [f"not {s.text}" for s in self.before] + ([self.shape.text] if self.shape else [])
        return f"{self.base}[{'; '.join(words)}]" if words else self.base

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Those that its name tells of."""
        return self.before if self.shape is None else (*self.before, self.shape)

    def fits(self, frame: bytes) -> bool:
        """Whether a frame of the class is of this kind."""
        return not any(s.fits(frame) for s in self.before) and (self.shape is None or self.shape.fits(frame))


def parts(base: str, shapes: Iterable[Shape]) -> tuple[str, ...]:
    """The kinds of a class that these shapes part; the class if there are none."""
    found, before = [], tuple[Shape, ...]()
    for shape in shapes:
        found.append(Kind(base, before, shape).name)
        before += (shape,)
    return (*found, Kind(base, before).name)


@cache
def kind_of(name: str) -> Kind:
    """The kind with this name; ValueError if there is none."""
    base, bracket, rest = name.partition("[")
    words = rest.removesuffix("]").split("; ") if bracket else []
    shapes = [_shape(w) for w in words]
    last = shapes.pop()[1] if shapes and not shapes[-1][0] else None
    kind = Kind(base, tuple(s for _, s in shapes), last)
    if base not in classes.CLASSES or not all(negated for negated, _ in shapes) or kind.name != name:
        raise ValueError(f"no kind of frames: {name!r:.80}")
    return kind


def _shape(text: str) -> tuple[bool, Shape]:
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError(f"no shape of frames: {text!r:.80}")
    tests: list[tuple[int, int, int]] = []
    for word in match[3].split():
        first, _, said = word.partition("=")
        values, _, mask = said.partition("/")
        behind = int(mask, 16) if mask else WHOLE
        tests += [(int(first) + n, value, behind) for n, value in enumerate(bytes.fromhex(values))]
    shape = Shape(int(match[2]), tuple(tests))
    ends = [offset + 1 for offset, _, mask in tests if mask]
    if len(ends) < len(tests) or any(value & ~mask for _, value, mask in tests):
        raise ValueError(f"no shape of frames: {text!r:.80}")
    if ends != sorted(set(ends)) or not max(ends, default=0) <= min(shape.length, MOST_BYTES) or len(ends) > MOST_TESTS:
        raise ValueError(f"no shape of frames: {text!r:.80}")
    return match[1] is not None, shape


def base(name: str) -> str:
    """The class whose frames are of this kind."""
    return kind_of(name).base


@cache
def order(name: str) -> tuple[int, int]:
    """Where a kind comes: classes as in `CLASSES`, parts of one as shapes are asked for."""
    kind = kind_of(name)
    return [*classes.CLASSES].index(kind.base), len(kind.before)


@cache
def predicate(name: str, packet: Packet = "") -> Expr:
    """The frames of a kind: as `classes.predicate`."""
    kind = kind_of(name)
    found = classes.predicate(kind.base, packet)
    for shape in kind.before:
        found = land(found, lnot(shape.predicate(packet)))
    return found if kind.shape is None else land(found, kind.shape.predicate(packet))


@dataclass(frozen=True, slots=True)
class _Named:
    """A string that is the name of a kind."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return checked(handler(source), self._check)

    def _check(self, name: str) -> None:
        kind_of(name)


if TYPE_CHECKING:
    KindName = str
else:
    KindName = Annotated[str, Means("kind"), _Named()]
