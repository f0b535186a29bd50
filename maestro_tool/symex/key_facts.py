"""What the keys of maps, sketches and double maps are, asked once per function; what is not understood is noted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from maestro_tool.expr import nodes
from maestro_tool.expr.symbols import memory_byte
from maestro_tool.frontend import ir
from maestro_tool.symex.callpath import KeyDoubt, KeyField, KeyShape
from maestro_tool.symex.keys import (
    Compared,
    Hashed,
    compared,
    copies_whole,
    hash_follows,
    hashed_fields,
    key_offsets,
)
from maestro_tool.symex.limits import Limits
from maestro_tool.symex.notes import Note, NoteCode
from maestro_tool.symex.objects import KeyFacts, PairFacts, PairFunctions
from maestro_tool.symex.solver import Solver


class KeyAnalysis:
    """The keys of one program.  ``notes``: what is not known of them and why."""

    def __init__(self, program: ir.Program, solver: Solver, limits: Limits) -> None:
        self._program, self._solver, self._limits = program, solver, limits
        self._compared: dict[str, Compared] = {}
        self._hashed: dict[str, Hashed] = {}
        self.notes: set[Note] = set()
        self.padded: dict[tuple[str, ...], tuple[tuple[KeyField, ...], tuple[int, ...]]] = {}  # see `padding`

    def of_map(self, equality: str, hash_function: str, loc: int) -> KeyFacts:
        """Of the map at ``loc``."""
        hashed, equal = self._hash(hash_function, loc), self._equality(equality)
        shape, fields = _shape(equal, hashed), self._fields(equality, hash_function, loc)
        if fields is not None:
            return KeyFacts(fields)
        if equal.fields is None:
            self.notes.add(Note(loc, NoteCode.KEYS_NO_FIELDS, (equality,)))
            return KeyFacts(None, (replace(shape, doubt=KeyDoubt(equality)),))
        positions = {n for f in equal.fields for n in f.positions}
        ignored = next(f.name for f in hashed.fields if not positions.issuperset(f.positions))
        # Whether the map finds a key that is equal to one it holds then depends on what else it holds.
        read = {n for f in hashed.fields for n in f.positions} - positions
        if all({n // 8 * 8 + bit for bit in range(8)} <= read for n in read):
            self.padded[equality, hash_function] = equal.fields, tuple(sorted({n // 8 for n in read}))
        self.notes.add(Note(loc, NoteCode.HASH_READS_MORE, (hash_function, ignored, equality)))
        return KeyFacts(None, (replace(shape, doubt=KeyDoubt(equality, hash_function, ignored)),))

    def _fields(self, equality: str, hash_function: str, loc: int) -> tuple[KeyField, ...] | None:
        """What keys agree in that are equal, and have one hash then."""
        hashed, equal = self._hash(hash_function, loc), self._equality(equality)
        if equal.fields is None:
            return equal.computed if equal.computed and self._follows(hash_function, equal) else None
        positions = {n for f in equal.fields for n in f.positions}
        return equal.fields if all(positions.issuperset(f.positions) for f in hashed.fields) else None

    def of_sketch(self, hash_function: str, loc: int) -> KeyFacts:
        """What packets must have in common to meet in the counters of the sketch at ``loc``, but by chance."""
        hashed = self._hash(hash_function, loc)
        if not hashed.tells_apart and hashed.computed is not None:
            return KeyFacts(hashed.computed)
        if not hashed.tells_apart:
            self.notes.add(Note(loc, NoteCode.HASH_MIXES, (hash_function,)))
            return KeyFacts(None, (KeyShape(tuple(sorted(_bytes(hashed)))),))
        return KeyFacts(hashed.fields)

    def of_pair(self, functions: PairFunctions, size: int, loc: int) -> PairFacts:
        """Of the double map at ``loc``, whose values have ``size`` bytes."""
        first, second = (_shape(self._equality(eq), self._hash(hash_, loc)) for eq, hash_ in functions.keys)
        offsets = key_offsets(self._program, functions, size, self._solver, self._limits)
        return PairFacts((first, second), offsets, self._in_values(functions, size, offsets, loc))

    def _in_values(
        self, functions: PairFunctions, size: int, offsets: tuple[int, int] | None, loc: int
    ) -> tuple[tuple[KeyField, ...], tuple[KeyField, ...]] | None:
        """The parts of either key, at their places in a value; None if these are not known, or not all is copied."""
        first, second = (self._fields(equality, hash_, loc) for equality, hash_ in functions.keys)
        if offsets is None or first is None or second is None:
            return None
        if not copies_whole(self._program, functions.copy, size, self._solver, self._limits):
            return None
        return tuple(_behind(f, offsets[0]) for f in first), tuple(_behind(f, offsets[1]) for f in second)

    def _hash(self, name: str, loc: int) -> Hashed:
        if name not in self._hashed:
            self._hashed[name] = hashed_fields(self._program, name, loc, self._solver, self._limits)
        return self._hashed[name]

    def _follows(self, name: str, equal: Compared) -> bool:
        assert equal.formula is not None
        return hash_follows(self._program, name, equal.formula, self._solver, self._limits)

    def _equality(self, name: str) -> Compared:
        if name not in self._compared:
            self._compared[name] = compared(self._program, name, self._solver, self._limits)
        return self._compared[name]


def _behind(f: KeyField, start: int) -> KeyField:
    """The part of a key that lies so many bytes further back."""
    own = {memory_byte("a", f.offset + n): memory_byte("a", start + f.offset + n) for n in range(f.size)}
    return replace(
        f, offset=start + f.offset, computed=None if f.computed is None else nodes.substitute(f.computed, own)
    )


def _shape(equal: Compared, hashed: Hashed) -> KeyShape:
    read = None if equal.offsets is None else tuple(sorted({*equal.offsets, *_bytes(hashed)}))
    return KeyShape(read, equal.formula)


def _bytes(hashed: Hashed) -> Iterable[int]:
    return {n // 8 for f in hashed.fields for n in f.positions}
