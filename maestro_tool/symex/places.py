"""Names for what set-up left in memory: C expressions over the NF's globals, found by following pointers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from maestro_tool.expr import Expr
from maestro_tool.frontend import ir
from maestro_tool.symex.layout import Layout
from maestro_tool.symex.memory import Block, StateObjectFill
from maestro_tool.symex.setup import SetUpResult
from maestro_tool.symex.values import Pointer

Access = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """``offset`` and ``size`` in the block; ``text`` and ``access`` as in `callpath.Pinned`."""

    offset: int
    size: int
    text: str
    access: Access


@dataclass(frozen=True, slots=True)
class _Root:
    """How a block is reached: ``text`` is its C expression, ``arrow`` when that is a pointer to it."""

    text: str
    access: Access
    type_name: str
    arrow: bool
    start: int = 0  # where in the block the pointer leads


class Places:
    """Every block that globals lead to, by the shortest way (ties: by name and offset)."""

    def __init__(self, program: ir.Program, result: SetUpResult) -> None:
        self._layout = Layout(program.structs)
        self._memory = result.memory
        self._roots: dict[int, _Root] = {}
        self._leaves: dict[tuple[int, int], Place] = {}
        work: deque[int] = deque()
        for name, number in sorted(result.globals.items()):
            g = program.globals[name]
            self._roots[number] = _Root(name, (name,), g.type_name, False)
            if g.defined:
                work.append(number)
        while work:
            number = work.popleft()
            block = self._memory.get(number)
            for offset, (_, value) in sorted(block.cells.items()) if block is not None else ():
                if isinstance(value, Pointer) and value.block not in self._roots and isinstance(value.offset, int):
                    place = self.leaf(number, offset)
                    pointee = self._layout.pointee(self._type_of(number, offset)) or ""
                    self._roots[value.block] = _Root(place.text, place.access, pointee, True, value.offset)
                    work.append(value.block)

    def object_name(self, number: int) -> str | None:
        """How the NF reaches a state object or other block; None when no global leads to it."""
        root = self._roots.get(number)
        return None if root is None else root.text

    def address(self, number: int, offset: int) -> Access | None:
        """The access whose address is byte ``offset`` of a block; None when no global leads to it."""
        root = self._roots.get(number)
        return None if root is None else (*root.access, offset - root.start)

    def leaf(self, number: int, offset: int) -> Place:
        """The scalar that covers byte ``offset`` of block ``number``."""
        found = self._leaves.get((number, offset))
        if found is None:
            found = self._leaves[number, offset] = self._find(number, offset)
        return found

    def _element(self, root: _Root, block: Block, offset: int) -> tuple[int, int, str]:
        """(start, size, C text) of the object of the root's type around ``offset``."""
        if not root.arrow:
            return 0, block.size or 0, root.text
        size = self._layout.size(root.type_name)
        if not size or (offset - root.start) < 0:
            return 0, 0, root.text
        index = (offset - root.start) // size
        return root.start + index * size, size, f"{root.text}[{index}]" if index else f"(*{root.text})"

    def _member(self, number: int, offset: int) -> tuple[Place, str] | None:
        root, block = self._roots.get(number), self._memory.get(number)
        if root is None or block is None:
            return None
        start, size, text = self._element(root, block, offset)
        whole = block.cells[offset][0] if offset in block.cells else 0
        member = self._layout.member(root.type_name, size, offset - start, whole) if size and root.type_name else None
        if member is None:
            return None
        text = f"{text}{member.path}"
        if text.startswith(f"(*{root.text})."):
            text = f"{root.text}->{text[len(root.text) + 4 :]}"
        elif text == f"(*{root.text})":
            text = f"*{root.text}"
        place = start + member.offset
        return Place(place, member.size, text, (*root.access, place - root.start)), member.type_name

    def _type_of(self, number: int, offset: int) -> str:
        found = self._member(number, offset)
        return found[1] if found else ""

    def _find(self, number: int, offset: int) -> Place:
        found = self._member(number, offset)
        block, root = self._memory.get(number), self._roots.get(number)
        assert block is not None
        if found is not None and self._is_whole(block, found[0]):
            return found[0]
        first, size = offset, 1
        for o, (s, _) in block.cells.items():
            if o <= offset < o + s and s <= 8:
                first, size = o, s
        text = root.text if root is not None else f"block_{number}"
        access = root.access if root is not None else (f"block_{number}",)
        if root is not None and not root.arrow:
            text = f"&{text}"
        at = first - (root.start if root is not None else 0)
        return Place(first, size, f"*(uint{8 * size}_t *)((char *){text} + {at})", (*access, at))

    @staticmethod
    def _is_whole(block: Block, place: Place) -> bool:
        """Pointers and floats inside a place of another shape (unions, casts) must not be cut."""
        if isinstance(block.fill, StateObjectFill):
            return False
        segments = block.segments(place.offset, place.size)
        whole = (place.offset, place.size)
        return all(v is None or isinstance(v, Expr) or (o, s) == whole for o, s, v in segments)
