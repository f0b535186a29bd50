"""The sharding plan: constraints between packets, a treatment for each state object, and why; no words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from maestro_tool.forms import Boolean, Natural, checked
from maestro_tool.packet.fields import FieldName, field_of, is_hashable
from maestro_tool.packet.kinds import KindName

Rule = Literal["R1", "R2", "R3", "R4", "R5"]
Treatment = Literal["read-only", "sharded", "shared", "per-core"]


@dataclass(frozen=True, slots=True)
class FieldBits:
    """Bits high..low of a header field, or of bytes (`packet.fields.field_of`); bit ``bits - 1`` comes first."""

    field: FieldName
    high: Natural
    low: Natural

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return checked(handler(source), cls._check)

    def _check(self) -> None:
        if not self.low <= self.high < field_of(self.field).bits:
            raise ValueError(f"{self.field} has no bits {self.high}..{self.low}")


@dataclass(frozen=True, slots=True)
class Constraint:
    """Packets a on ``ports[0]`` and b on ``ports[1]`` that agree in all pairs of ``equal`` must meet.

    The fields of one side are such as Toeplitz engines hash (`packet.fields.HASHABLE_OF`), all of one version of IP,
    which every packet has that reaches the state there; or they are bytes that every such packet has (`of_bytes`), and
    only software can hash.  ``relation`` is for what is no conjunction of
    field equalities: a Boolean over symbols ``a.pkt.N`` and ``b.pkt.N`` of IPv4; then ``equal`` is ().
    ``classes``: the packet classes on either side for which the state is reached, or parts of them (`packet.kinds`).
    """

    ports: tuple[Natural, Natural]
    equal: tuple[tuple[FieldBits, FieldBits], ...]
    classes: tuple[tuple[KindName, ...], tuple[KindName, ...]]
    rule: Rule
    objects: tuple[Natural, ...]
    locs: tuple[Natural, ...]
    relation: Boolean | None = None

    def of_bytes(self, side: int) -> bool:
        """Whether it names bytes of the packets on ``side`` (0: a, 1: b)."""
        return any(not is_hashable(pair[side].field) for pair in self.equal)

    @property
    def in_software(self) -> bool:
        """Whether some packets must be hashed by what no NIC hashes."""
        return self.of_bytes(0) or self.of_bytes(1)


class Code(StrEnum):
    """Why objects cannot be sharded: what a lemma or a rule could not show, or refuted.

    `outcome.words` says each in words; the operands of each are there, too.
    """

    # Names are total: each entry that packets touch has a name that packets determine, or follows one that has.
    ONE_ENTRY_FOR_ALL = "one entry for all"
    COUNTS_ALL_ENTRIES = "counts all entries"
    CHOICE_AMONG_ALL = "choice among all"
    DOUBLE_MAP = "double map"
    CHANGED_ROUTES = "changed routes"
    MAP_KEYS_UNKNOWN = "map keys unknown"
    SKETCH_KEYS_UNKNOWN = "sketch keys unknown"
    ENTRY_CHOSEN = "entry chosen"
    OLDEST_ENTRY_CHOSEN = "oldest entry chosen"
    OUTSIDE_BLOCK = "outside block"
    RANGE_NOT_OWN = "range not own"
    INDEX_OUT_OF_RANGE = "index out of range"
    RANGE_TOO_LARGE = "range too large"
    VALUES_NO_INDICES = "values no indices"
    WAYS_NOT_RELATED = "ways not related"
    # Key storage is kept.
    KEY_NOT_IN_VECTOR = "key not in vector"
    KEY_NOT_AT_FRESH_INDEX = "key not at fresh index"
    KEY_NOT_WRITTEN = "key not written"
    KEY_NOT_LOOKED_UP = "key not looked up"
    SEVERAL_KEYS_PUT = "several keys put"
    BLOCK_KEY_VALUE = "block key value"
    KEYS_IN_DIFFERENT_VECTORS = "keys in different vectors"
    KEY_CHANGED = "key changed"
    KEY_OF_SET_UP_CHANGED = "key of set-up changed"
    # Groups are closed.
    GROUP_NOT_CLOSED = "group not closed"
    # What set-up leaves is the same for all.
    FILLED_IN_SET_UP = "filled in set-up"
    # Indices are interchangeable.
    INDEX_DECIDES = "index decides"
    EXPIRED_COUNT_DECIDES = "expired count decides"
    OTHER_ALLOCATOR_ASKED = "other allocator asked"
    # Nothing is left over.
    READ_BEFORE_WRITTEN = "read before written"
    BYTE_LEFT_OVER = "byte left over"
    BLOCK_ENTRY_READ = "block entry read"
    # Keys and indices leave together.
    INDEX_NOT_FREED = "index not freed"
    INDEX_WITHOUT_KEY = "index without key"
    INDEX_MAY_STAY = "index may stay"
    KEY_STAYS = "key stays"
    KEY_MAY_STAY = "key may stay"
    KEY_OF_OLDEST_MAY_STAY = "key of oldest may stay"
    RANGE_ERASED_UNKNOWN = "range erased unknown"
    EXPIRED_ELSEWHERE = "expired elsewhere"
    # Expiry commutes.
    SEVERAL_TIME_LIMITS = "several time limits"
    TIME_LIMIT_NO_AGE = "time limit no age"
    AGE_NOT_NOW = "age not now"
    EXPIRED_LATE = "expired late"
    # Related packets meet.
    KEY_NOT_HASHED = "key not hashed"
    KEY_CONSTANT = "key constant"
    FEW_CONSTANT_KEYS = "few constant keys"
    KEY_COMPUTED_OF_IPV6 = "key computed of IPv6"
    OUTSIDE_VIEW = "outside view"
    NOTHING_IN_COMMON = "nothing in common"
    KEYS_DISJOINT = "keys disjoint"
    PLACES_NOT_TOLD = "places not told"
    KEYS_NOT_FOUND = "keys not found"
    # R5: what a packet does about an entry that it names by an index of its own.
    NOT_ASKED_FIRST = "not asked first"
    DIFFERENT_INDICES = "different indices"
    NOT_IN_USE_DOES_MORE = "not in use does more"
    NO_PATH_NOT_IN_USE = "no path not in use"
    MISMATCH_CHANGES_STATE = "mismatch changes state"
    NOT_COMPARED = "not compared"
    SEVERAL_ALLOCATED = "several allocated"
    COMPARED_NOT_STORED = "compared not stored"


#: The rule that forbids it; what no rule forbids could not be decided.
RULE_OF: Final[Mapping[Code, Rule]] = {
    **dict.fromkeys(
        (
            Code.ONE_ENTRY_FOR_ALL, Code.COUNTS_ALL_ENTRIES, Code.CHOICE_AMONG_ALL, Code.DOUBLE_MAP,
            Code.CHANGED_ROUTES, Code.ENTRY_CHOSEN, Code.OLDEST_ENTRY_CHOSEN, Code.KEY_NOT_HASHED, Code.KEY_CONSTANT,
            Code.FEW_CONSTANT_KEYS,
        ),
        "R4",
    ),
    **dict.fromkeys((Code.NOTHING_IN_COMMON, Code.KEYS_DISJOINT), "R3"),
    **dict.fromkeys(
        (
            Code.NOT_ASKED_FIRST, Code.DIFFERENT_INDICES, Code.NOT_IN_USE_DOES_MORE, Code.NO_PATH_NOT_IN_USE,
            Code.MISMATCH_CHANGES_STATE, Code.NOT_COMPARED, Code.SEVERAL_ALLOCATED, Code.COMPARED_NOT_STORED,
        ),
        "R5",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dependency:
    """What an expression depends on.

    ``name``: a header field (all of it, or ``bits``), or an option's place; ``number``: a byte of the frame, or an
    object; ``of``: what a function that is not followed was given.
    """

    kind: Literal["field", "byte", "length", "time", "port", "option", "index", "stored", "function", "unknown"]
    name: str = ""
    number: Natural = 0
    of: tuple[Dependency, ...] = ()
    bits: FieldBits | None = None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why ``objects`` cannot be sharded.

    ``locs``: the places that conflict.  The rest are operands of the code: ``about``, objects that it names
    (``objects``, if none); ``number``, a byte, a capacity or a version of IP; ``operand``, one of an event,
    as in `callpath.Use`;
    ``fields``, what the entries are named by there; ``constraints`` that cannot be met together.
    """

    code: Code
    objects: tuple[Natural, ...]
    locs: tuple[Natural, ...]
    about: tuple[Natural, ...] = ()
    number: Natural = 0
    operand: str = ""
    fields: tuple[Dependency, ...] = ()
    constraints: tuple[Constraint, ...] = ()

    @property
    def rule(self) -> Rule | None:
        """The one that says so; None: could not decide."""
        return RULE_OF.get(self.code)


class Because(StrEnum):
    """Why an object is treated as it is; ``about`` of the decision names the objects that this speaks of."""

    UNTOUCHED = "untouched"
    ONLY_READ = "only read"
    ONLY_COUNTED = "only counted"
    KEYS_MEET = "keys meet"
    COMPARED_CONTENTS_MEET = "compared contents meet"
    INDICES_OF_OTHERS = "indices of others"
    OWN_INDICES = "own indices"
    OBSTACLE = "obstacle"
    GROUP_SHARED = "group shared"
    VARIABLE_SHARED = "variable shared"
    ALL_SHARED = "all shared"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Packets on ``ports`` that meet in an object agree in these bits."""

    ports: tuple[Natural, Natural]
    bits: tuple[FieldBits, FieldBits]


@dataclass(frozen=True, slots=True)
class ObjectDecision:
    """What becomes of one state object, and why.

    ``split``: its capacity is divided over the cores.  ``ranged``: so are its indices; no two cores hand out the same.
    ``min_capacity``: elements that it must have in every run, because packets choose among that many.
    ``max_capacity``: indices that it may have in every run, because packets use no more bits of them; 0: any number.
    ``led_by``: an allocator, and how many elements of this vector, or double map, each of its indices has in every run;
    of vectors if it is ranged.
    ``agree``: what the packets that meet in it agree in.  ``obstacle`` and ``remedied``: of shared objects, what
    forbids to shard it, and what should be lifted first (numbers in `ShardingPlan.obstacles`).
    """

    object: Natural
    read: bool
    written: bool
    treatment: Treatment
    rule: Rule | None
    because: Because
    locs: tuple[Natural, ...]
    about: tuple[Natural, ...] = ()
    split: bool = False
    ranged: bool = False
    min_capacity: Natural = 0
    max_capacity: Natural = 0
    led_by: tuple[Natural, Natural] | None = None
    agree: tuple[Agreement, ...] = ()
    obstacle: Natural | None = None
    remedied: Natural | None = None


class RangedBecause(StrEnum):
    """Why an allocator must hand out indices of each core's own."""

    LEAVES_IN_PACKETS = "leaves in packets"
    NAMED_BY_PACKETS = "named by packets"
    HAS_BLOCKS = "has blocks"


@dataclass(frozen=True, slots=True)
class Ranged:
    """An allocator that must hand out indices of each core's own.

    ``about``: the object whose entries make it so.  ``shown`` as in `Relaxation`.
    """

    because: RangedBecause
    about: Natural | None = None
    shown: tuple[tuple[Natural, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A permitted difference from the sequential NF (docs/guarantees.md lists all kinds).

    ``ranged`` of ``index-choice``: why.  Its ``shown``: (port, names of header fields) of the frames in which the
    choice of an index may be seen when they are sent; what belongs to no field of `packet.fields` is named ``byte N``.
    """

    kind: Literal["capacity-split", "index-choice", "sketch-collisions"]
    object: Natural
    ranged: Ranged | None = None


@dataclass(frozen=True, slots=True)
class ShardingPlan:
    """``shardable``: no object is shared.  Else ``obstacles`` say why, and ``constraints`` are what those objects need
    that are sharded nevertheless (a hybrid); without any, all that packets write is shared."""

    shardable: bool
    constraints: tuple[Constraint, ...]
    decisions: tuple[ObjectDecision, ...]
    relaxations: tuple[Relaxation, ...]
    obstacles: tuple[Obstacle, ...] = ()
