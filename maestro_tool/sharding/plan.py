"""The sharding plan: constraints between packets and a treatment for each state object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from maestro_tool.forms import Boolean, Natural, checked
from maestro_tool.packet.classes import ClassName
from maestro_tool.packet.fields import ALL_FIELDS, FieldName

Rule = Literal["R1", "R2", "R3", "R4", "R5"]
Treatment = Literal["read-only", "sharded", "shared", "per-core"]


@dataclass(frozen=True, slots=True)
class FieldBits:
    """Bits high..low of a header field (``packet.fields.ALL_FIELDS``); bit ``bits - 1`` comes first on the wire."""

    field: FieldName
    high: Natural
    low: Natural

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return checked(handler(source), cls._check)

    def _check(self) -> None:
        if not self.low <= self.high < ALL_FIELDS[self.field].bits:
            raise ValueError(f"{self.field} has no bits {self.high}..{self.low}")


@dataclass(frozen=True, slots=True)
class Constraint:
    """Packets a on ``ports[0]`` and b on ``ports[1]`` that agree in all pairs of ``equal`` must meet.

    Only fields that Toeplitz engines hash appear (`packet.fields.HASHABLE_OF`); those of one side are all of one
    version of IP, which every packet has that reaches the state there.  ``relation`` is for what is no conjunction of
    field equalities: a Boolean over symbols ``a.pkt.N`` and ``b.pkt.N`` of IPv4; then ``equal`` is ().
    ``classes``: the packet classes on either side for which the state is reached.
    """

    ports: tuple[Natural, Natural]
    equal: tuple[tuple[FieldBits, FieldBits], ...]
    classes: tuple[tuple[ClassName, ...], tuple[ClassName, ...]]
    rule: Rule
    objects: tuple[Natural, ...]
    locs: tuple[Natural, ...]
    relation: Boolean | None = None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why ``objects`` cannot be sharded.

    ``rule``: the one that says so (None: could not decide); ``locs``: the places that conflict; ``fields``: what the
    entries are named by there, in a network engineer's words; ``remedy``: what change to the NF, or which NIC, helps.
    """

    rule: Rule | None
    text: str
    objects: tuple[Natural, ...]
    locs: tuple[Natural, ...]
    fields: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class ObjectDecision:
    """What becomes of one state object, and why.

    ``split``: its capacity is divided over the cores.  ``ranged``: so are its indices; no two cores hand out the same.
    ``min_capacity``: elements that it must have in every run, because packets choose among that many.
    ``fields``: what the packets that meet in it agree in, or, where it is shared, what its entries are named by.
    ``remedy`` of shared objects: what change would make it sharded.
    """

    object: Natural
    read: bool
    written: bool
    treatment: Treatment
    rule: Rule | None
    reason: str
    locs: tuple[Natural, ...]
    split: bool = False
    ranged: bool = False
    min_capacity: Natural = 0
    fields: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A permitted difference from the sequential NF (docs/guarantees.md lists all kinds).

    ``shown``: (port, names of header fields) of the frames in which the choice of an index may be seen when they are
    sent; what belongs to no field of `packet.fields` is named ``byte N``.
    """

    kind: Literal["capacity-split", "index-choice", "sketch-collisions"]
    object: Natural
    text: str
    shown: tuple[tuple[Natural, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class ShardingPlan:
    """``shardable``: no object is shared.  Else ``obstacles`` say why, and ``constraints`` are what those objects need
    that are sharded nevertheless (a hybrid); without any, all that packets write is shared."""

    shardable: bool
    constraints: tuple[Constraint, ...]
    decisions: tuple[ObjectDecision, ...]
    relaxations: tuple[Relaxation, ...]
    obstacles: tuple[Obstacle, ...] = ()
