"""What there is to know about an operation on state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from maestro_tool.operations.semantics import Call, Outcome, Semantics

ObjectKind = Literal["map", "vector", "dchain", "sketch", "cht", "lpm", "dmap", "global"]


class Role(Enum):
    """What an operand is for.

    An operand that has no role in an operation must be absent from its events, so nothing of it can be overlooked.
    """

    NAMES = "names"  # which entry is meant
    STORES = "stores"  # becomes part of the object, or of what it leads to
    AGES = "ages"  # the time at which an entry was last used
    DECIDES = "decides"  # what is done, or what the answer is
    PRODUCES = "produces"  # no operand: what the operation gives


class Effect(Enum):
    """What is done to the first object's entries; analyses ask for it where the kind of change matters."""

    GET = "get"  # is there an entry of this key, and with what value
    PUT = "put"  # a new entry
    ERASE = "erase"  # an entry goes
    SIZE = "size"  # how many entries there are
    READ = "read"  # bytes of an entry
    WRITE = "write"  # bytes of an entry
    LOOK = "look"  # bytes somewhere in the object
    CHANGE = "change"  # bytes somewhere in the object
    ALLOCATE = "allocate"  # a free index comes into use
    REFRESH = "refresh"  # an index in use, or a counter, becomes as old as the packet
    FREE = "free"  # an index goes out of use
    ASK = "ask"  # is an index in use
    EXPIRE = "expire"  # all entries that are too old go
    ERASE_RANGE = "erase range"  # the keys at several places go
    CHOOSE = "choose"  # one of the entries in use is taken
    COUNT = "count"  # counters of a key
    CALCULATE = "calculate"  # no state: a function that is not followed


class Entries(Enum):
    """How the entries of an object are named that an operation touches."""

    KEY = "key"  # by `Event.key`
    INDEX = "index"  # by `Event.index`
    FRESH = "fresh"  # by the index that it allocates
    RANGE = "range"  # by indices from `Event.index` up to `Event.value`
    ERASED = "erased"  # by keys found at that range of the first object
    OLD = "old"  # those that are too old, whatever they are called
    WHOLE = "whole"  # the object is one entry
    ANY = "any"  # the object itself chooses


@dataclass(frozen=True, slots=True)
class ObjectOperand:
    """An object that an operation is about: which of its entries, and whether it reads or changes them."""

    kind: ObjectKind
    entries: Entries
    reads: bool = False
    writes: bool = False


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a C function that performs the operation does through its arguments, counted from 0.

    ``reads``, ``writes``: what these arguments point to.  ``keeps``: it keeps such an address.  ``lends``: it only
    gives out, or takes back, the address of an entry; the operation is what the NF does there.  That it asks or changes
    the objects, and calls the NF's functions for their keys, follows from the row (`frontend.library`).
    """

    reads: tuple[int, ...] = ()
    writes: tuple[int, ...] = ()
    keeps: bool = False
    lends: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """What an operation takes that follows from its entry and key; what it takes itself is counted (`predict`).

    ``lines``: of memory, where no operation before has touched its entry.  ``hashes``: it hashes its key.
    ``compares``: it compares its key with the one that is stored, if there is one.
    """

    lines: int = 0
    hashes: bool = False
    compares: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """The operation in words, as templates.

    ``what`` follows the verb: ``{verb} {what}``; ``brief`` is said beneath the object's name; ``yes`` and ``no`` where
    its answer decides; ``gives`` names what it produced, ``gives_port`` where that is the port that
    packets leave by.  Fields: ``{objects}``, ``{first}``, ``{second}`` (names),
    ``{key}``, ``{prefix}`` and ``{length}`` (of a route), ``{entry}`` ("entry of src_ip", or nothing), ``{the_entry}``
    (or "the index"), ``{some}`` (or "an entry"), ``{of}`` (`` (entry of src_ip)``, or nothing), ``{from_on}``,
    ``{age}``.
    """

    verb: str
    what: str
    brief: str = "{verb} {entry}"
    yes: str = ""
    no: str = ""
    gives: str = ""
    gives_port: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One row.

    ``operands``: the members of `symex.callpath.Event` that its events may have, and what each is for; those that
    ``required`` names they always have (``key`` counts as there if ``raw`` is).
    ``produces``: what it gives that is no member of its events: part -> bits (None: any number).
    ``semantics``: the function of `operations.semantics` that says what it does to abstract objects (module and name,
    since only tests and oracles need it); None where that is in the NF's functions.
    ``answers``: whether it returns found or not found, done or not done.
    ``functions``: the C functions that perform it, which the models in `symex.models` record.
    ``announces``: whether the runtime's implementation makes a packet a writer by itself where objects are shared
    (docs/strategies.md): always, if the answer is yes, or never.
    ``cost``: for `predict`.
    """

    name: str
    effect: Effect
    objects: tuple[ObjectOperand, ...]
    operands: Mapping[str, Role]
    required: tuple[str, ...]
    wording: Wording
    semantics: str | None
    answers: bool = False
    produces: Mapping[str, int | None] = field(default_factory=dict)
    functions: Mapping[str, Arguments] = field(default_factory=dict)
    announces: Literal["always", "if_yes", "never"] = "never"
    cost: Cost = Cost()

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[object, ...]:
        from maestro_tool.operations.table import operation

        return operation, (self.name,)

    @property
    def written_as(self) -> str:
        """See `forms.row_of`."""
        return self.name

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from maestro_tool import forms
        from maestro_tool.operations.table import OPERATIONS

        return forms.row_of(OPERATIONS)

    def perform(self, call: Call) -> Outcome:
        """What the operation does to the call's abstract objects, and what it gives."""
        assert self.semantics is not None, self
        module, _, name = self.semantics.rpartition(".")
        function: Semantics = getattr(import_module(f"maestro_tool.operations.semantics.{module}"), name)
        return function(call)

    @property
    def writes(self) -> bool:
        """Whether it changes any object."""
        return any(o.writes for o in self.objects)

    def operands_of(self, *roles: Role) -> tuple[str, ...]:
        """The members of its events that have one of ``roles``."""
        return tuple(name for name, role in self.operands.items() if role in roles)
