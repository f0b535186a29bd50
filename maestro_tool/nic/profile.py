"""What a NIC's driver can do, as strict immutable models; docs/nic-profiles.md is written from these docstrings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from maestro_tool.packet.classes import CLASSES
from maestro_tool.packet.fields import INPUT_BITS, PORTS_OF

#: What profiles can list of classes and fields.  What a NIC makes of classes without headers (vlan, non_ip, malformed)
#: is not relied on; ports have one name for both versions of IP.
HASHED_CLASSES: tuple[str, ...] = tuple(c.name for c in CLASSES.values() if c.family is not None)
INPUT_FIELDS: tuple[str, ...] = tuple(name for name in INPUT_BITS if name not in PORTS_OF[6])
#: Classes whose names are those of flow types of ``ethtool -N DEV rx-flow-hash``, too.
FLOWS: tuple[str, ...] = tuple(c.name for c in CLASSES.values() if c.plain)
if TYPE_CHECKING:  # types cannot be made of tables for mypy; for pydantic they can
    HashedClass = str
    InputField = str
    Flow = str
else:
    HashedClass = Literal[HASHED_CLASSES]
    InputField = Literal[INPUT_FIELDS]
    Flow = Literal[FLOWS]
#: What DPDK 22.11 knows (rte_ethdev.h): types of packets, parts of them, and groups of types.
Flag = Literal[
    "RTE_ETH_RSS_IPV4", "RTE_ETH_RSS_FRAG_IPV4", "RTE_ETH_RSS_NONFRAG_IPV4_TCP", "RTE_ETH_RSS_NONFRAG_IPV4_UDP",
    "RTE_ETH_RSS_NONFRAG_IPV4_SCTP", "RTE_ETH_RSS_NONFRAG_IPV4_OTHER", "RTE_ETH_RSS_IPV6", "RTE_ETH_RSS_FRAG_IPV6",
    "RTE_ETH_RSS_NONFRAG_IPV6_TCP", "RTE_ETH_RSS_NONFRAG_IPV6_UDP", "RTE_ETH_RSS_NONFRAG_IPV6_SCTP",
    "RTE_ETH_RSS_NONFRAG_IPV6_OTHER", "RTE_ETH_RSS_L2_PAYLOAD", "RTE_ETH_RSS_IPV6_EX", "RTE_ETH_RSS_IPV6_TCP_EX",
    "RTE_ETH_RSS_IPV6_UDP_EX", "RTE_ETH_RSS_PORT", "RTE_ETH_RSS_VXLAN", "RTE_ETH_RSS_GENEVE", "RTE_ETH_RSS_NVGRE",
    "RTE_ETH_RSS_GTPU", "RTE_ETH_RSS_ETH", "RTE_ETH_RSS_S_VLAN", "RTE_ETH_RSS_C_VLAN", "RTE_ETH_RSS_ESP",
    "RTE_ETH_RSS_AH", "RTE_ETH_RSS_L2TPV3", "RTE_ETH_RSS_PFCP", "RTE_ETH_RSS_PPPOE", "RTE_ETH_RSS_ECPRI",
    "RTE_ETH_RSS_MPLS", "RTE_ETH_RSS_IPV4_CHKSUM", "RTE_ETH_RSS_L4_CHKSUM", "RTE_ETH_RSS_L2TPV2",
    "RTE_ETH_RSS_L3_SRC_ONLY", "RTE_ETH_RSS_L3_DST_ONLY", "RTE_ETH_RSS_L4_SRC_ONLY", "RTE_ETH_RSS_L4_DST_ONLY",
    "RTE_ETH_RSS_L2_SRC_ONLY", "RTE_ETH_RSS_L2_DST_ONLY", "RTE_ETH_RSS_L3_PRE32", "RTE_ETH_RSS_L3_PRE40",
    "RTE_ETH_RSS_L3_PRE48", "RTE_ETH_RSS_L3_PRE56", "RTE_ETH_RSS_L3_PRE64", "RTE_ETH_RSS_L3_PRE96",
    "RTE_ETH_RSS_LEVEL_OUTERMOST", "RTE_ETH_RSS_LEVEL_INNERMOST",
    "RTE_ETH_RSS_IP", "RTE_ETH_RSS_UDP", "RTE_ETH_RSS_TCP", "RTE_ETH_RSS_SCTP", "RTE_ETH_RSS_TUNNEL",
    "RTE_ETH_RSS_VLAN",
]  # fmt: skip
#: Tunnels that drivers tell apart (rte_mbuf_ptype.h of DPDK 22.11).
Tunnel = Literal[
    "RTE_PTYPE_TUNNEL_IP", "RTE_PTYPE_TUNNEL_GRE", "RTE_PTYPE_TUNNEL_VXLAN", "RTE_PTYPE_TUNNEL_NVGRE",
    "RTE_PTYPE_TUNNEL_GENEVE", "RTE_PTYPE_TUNNEL_GRENAT", "RTE_PTYPE_TUNNEL_GTPC", "RTE_PTYPE_TUNNEL_GTPU",
    "RTE_PTYPE_TUNNEL_ESP", "RTE_PTYPE_TUNNEL_L2TP", "RTE_PTYPE_TUNNEL_VXLAN_GPE", "RTE_PTYPE_TUNNEL_MPLS_IN_GRE",
    "RTE_PTYPE_TUNNEL_MPLS_IN_UDP",
]  # fmt: skip
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Hashing = Literal["none", "xor", "sort"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]
Driver = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
#: Stands alone in ``drivers`` where any card will do.
ANY_DRIVER = "any"
TableSize = Annotated[int, Field(ge=1, le=65536)]
#: Letters of ``ethtool -N DEV rx-flow-hash``, in the order of hash inputs.
LETTERS: Mapping[str, str] = {
    "src_ip": "s", "src_ip6": "s", "dst_ip": "d", "dst_ip6": "d", "src_port": "f", "dst_port": "n",
}  # fmt: skip
Letters = Annotated[str, Field(min_length=1, pattern=r"^s?d?f?n?$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Tables(_Model):
    """Indirection tables, in entries (powers of two); ``default`` is what a port has at first.

    ``selectable``: the program may choose any other of ``choices``; else which one it is, is the device's matter.
    """

    default: TableSize
    choices: tuple[TableSize, ...] = Field(min_length=1)
    selectable: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for size in self.choices:
            if size & (size - 1):
                raise ValueError(f"{size} is no power of two")
        if self.default not in self.choices:
            raise ValueError(f"default {self.default} is not among the choices")
        return self


class ClassHash(_Model):
    """What is hashed for a packet class, in the order of the hash input, once ``flags`` are set.

    ``reliable`` False: not for all of its frames (tunnels), or not on each card that has this profile, so plans that
    need the class steer it in software.
    """

    flags: tuple[Flag, ...] = Field(min_length=1)
    fields: tuple[InputField, ...] = Field(min_length=1)
    reliable: bool = True

    @model_validator(mode="after")
    def _no_repetition(self) -> Self:
        if len(set(self.fields)) != len(self.fields):
            raise ValueError("a field is listed twice")
        return self


class Selection(_Model):
    """An alternative set-up (L3_DST_ONLY ...): all flags to set, and what then is hashed.

    ``placement`` of the fields in the hash input: ``packed``, one after the other; ``unknown``: that, or each where it
    would be if all were hashed and zeros instead of the others.  Keys are then right for both.
    ``rules``: if fewer fields are a matter of rte_flow, the types of the RSS rule of each class, which uses the port's
    key and table; ``flags`` are those of the port all the same.
    """

    name: Name
    flags: tuple[Flag, ...] = Field(min_length=1)
    classes: dict[HashedClass, tuple[InputField, ...]] = Field(min_length=1)
    placement: Literal["packed", "unknown"] = "unknown"
    rules: dict[HashedClass, Annotated[tuple[Flag, ...], Field(min_length=1)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _a_rule_for_each_class(self) -> Self:
        if self.rules and self.rules.keys() != self.classes.keys():
            odd = sorted(self.rules.keys() ^ self.classes.keys())[0]
            raise ValueError(f"{self.name}: {odd} has a rule or fields, but not both")
        return self


class Symmetric(_Model):
    """How the card can hash symmetrically by itself, over what the classes list.

    ``xor``: source and destination are both replaced by source ^ destination; ``sort``: the smaller comes first.
    ``port``: by ``rss_conf.algorithm`` (DPDK 23.11); ``flow``: by an rte_flow RSS rule for each class.
    """

    port: Hashing = "none"
    flow: Hashing = "none"


class Settable(_Model):
    """Whether software can set key and table; ``sometimes``: it depends on the device, so plans do not rely on it."""

    key: Literal["always", "sometimes", "never"] = "always"
    table: Literal["always", "sometimes", "never"] = "always"


class ReadBack(_Model):
    """Whether the driver reads back what was set: ``key`` (with the types that are on) and ``table``.

    The program compares what can be read.  Of what cannot it says so when it starts, unless it is False here.
    """

    key: bool = True
    table: bool = True


class RssCapability(_Model):
    """Receive Side Scaling of one port.

    kind: ``hardware`` the NIC hashes; ``software`` this program does (any fields); ``none``: one queue, no hash.
    key_length: bytes of the key.  key_length_passed: what ``rss_key_len`` must be (default: key_length; 0 for vmxnet3).
    tables: sizes of the indirection table.  max_queues: RX queues that RSS can spread over, if not as many as the
    device has; power_of_two_queues: of which only powers of two can be set up.
    flags_advertised: ``flow_type_rss_offloads`` of the driver.  flags_programmed: those that change the hardware.
    classes: per packet class the flags needed and the fields hashed.  A class that is not listed is not hashed.
    blind_to: tunnels that ``classes`` takes the card not to look into; if its driver says that it does, the program
    does not start.
    fixed_key: the key (hex) of a card that takes no other; the program checks at start that it is there.
    key_reversed: the driver wants, and reads back, the key's last byte first.
    initial_hash: 32 bits that the card's hash is XORed with.
    selections: alternative set-ups.  field_selection: where fewer fields can be asked for.
    key_scope: what shares one key.  read_back: what the program cannot compare with what it set.
    """

    kind: Literal["hardware", "software", "none"]
    key_length: int = Field(ge=0, le=128)
    fixed_key: Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$")] | None = None
    key_reversed: bool = False
    initial_hash: int = Field(default=0, ge=0, le=0xFFFFFFFF)
    key_length_passed: int | None = Field(default=None, ge=0, le=128)
    tables: Tables
    max_queues: int | None = Field(default=None, ge=1, le=65535)
    power_of_two_queues: bool = False
    flags_advertised: tuple[Flag, ...] = ()
    flags_programmed: tuple[Flag, ...] = ()
    classes: dict[HashedClass, ClassHash] = Field(default_factory=dict)
    blind_to: Annotated[tuple[Tunnel, ...], Field(max_length=16)] = ()
    selections: tuple[Selection, ...] = ()
    field_selection: Literal["none", "port", "flow", "any"] = "none"
    symmetric: Symmetric = Symmetric()
    key_scope: Literal["port", "vsi", "vf", "vport", "vnic", "flow", "device", "program"] = "port"
    settable: Settable = Settable()
    read_back: ReadBack = ReadBack()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        unknown = [f for f in self.flags_programmed if f not in self.flags_advertised]
        if unknown:
            raise ValueError(f"flags_programmed lists {unknown[0]}, which flags_advertised does not")
        set_ups: list[tuple[str, tuple[str, ...], tuple[InputField, ...]]]
        set_ups = [(name, c.flags, c.fields) for name, c in self.classes.items()]
        set_ups += [(f"{s.name}: {name}", s.flags, f) for s in self.selections for name, f in s.classes.items()]
        for name, flags, fields in set_ups:
            missing = [f for f in flags if f not in self.flags_programmed]
            if missing:
                raise ValueError(f"{name} needs {missing[0]}, which flags_programmed does not list")
            if sum(INPUT_BITS[f] for f in fields) + 31 > 8 * self.key_length:
                raise ValueError(f"{name}: {len(fields)} fields need a longer key than {self.key_length} bytes")
            if len(set(fields)) != len(fields):
                raise ValueError(f"{name}: a field is listed twice")
        for selection in self.selections:
            where = "flow" if selection.rules else "port"
            if self.field_selection != where:
                raise ValueError(
                    f"{selection.name} selects fields by {where}, but field_selection is {self.field_selection}"
                )
        if self.fixed_key is not None and (self.settable.key != "never" or len(self.fixed_key) != 2 * self.key_length):
            raise ValueError("a fixed_key has key_length bytes, and means settable: {key: never}")
        if self.kind != "hardware" and (self.key_reversed or self.initial_hash):
            raise ValueError(f"kind {self.kind} has no key_reversed and no initial_hash: the card does not hash")
        if self.kind == "hardware" and not self.key_length:
            raise ValueError("hardware RSS needs a key_length")
        if self.kind == "software" and (self.field_selection != "any" or self.key_length < 16):
            raise ValueError("kind software means field_selection any and a key of at least 16 bytes")
        if self.kind != "hardware" and (self.flags_advertised or self.classes or self.selections or self.blind_to):
            raise ValueError(f"kind {self.kind} has no flags, classes, selections or blind_to")
        return self

    @property
    def passed(self) -> int:
        """``rss_key_len`` to give to ethdev, in bytes."""
        return self.key_length if self.key_length_passed is None else self.key_length_passed


class Kernel(_Model):
    """What the card hashes under Linux, and how ``ethtool`` tells it to: for `maestro rss --ethtool`.

    driver: its name below /sys/bus.  key_length: bytes of the key.  tables: sizes of the indirection table.
    flows: per packet class that is one of ethtool's flow types, what ``rx-flow-hash`` may be told of it: letters of
    `LETTERS`, in the order of the hash input.  fixed: other classes, of which the same is always hashed.
    interrupts: name of a queue's interrupt, with {device}, {bus} (its device on the bus) and {queue} in it.
    features_off: features, and flags_off: private flags, that take tags away or send packets to other queues.
    """

    driver: Driver
    key_length: int = Field(ge=16, le=128)
    tables: tuple[TableSize, ...] = Field(min_length=1)
    flows: dict[Flow, Annotated[tuple[Letters, ...], Field(min_length=1)]] = Field(min_length=1)
    fixed: dict[HashedClass, Letters] = Field(default_factory=dict)
    interrupts: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*(\{(device|bus)\})[A-Za-z0-9._-]*\{queue\}$")]
    features_off: tuple[Name, ...] = ()
    flags_off: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _each_class_once(self) -> Self:
        if both := sorted(self.flows.keys() & self.fixed.keys()):
            raise ValueError(f"{both[0]} is in flows and in fixed")
        return self


def label(profiles: Sequence[NicProfile]) -> str:
    """As ``nic=`` spells them: ``e810``, or ``e810+x710`` where the ports' cards differ."""
    names = [p.name for p in profiles]
    return names[0] if len(set(names)) == 1 else "+".join(names)


class NicProfile(_Model):
    """One NIC (family), as its DPDK driver presents it.

    aliases: other names of it, for ``nic=``.
    pmd: name of the driver (``net_ice``).  drivers: names that ``rte_eth_dev_info.driver_name`` may show; the program
    starts with no other card.  ``any`` (alone): with each, which only programs that hash by themselves may.
    kernel: the same card under Linux, if that is known.
    needs: what must be present (firmware packages, features).  quirks: what one should know.
    sources: where a fact was read, by dotted path of the field, e.g. ``rss.key_length``.
    """

    name: Name
    description: Text
    aliases: Annotated[tuple[Name, ...], Field(max_length=32)] = ()
    pmd: Text
    drivers: tuple[Driver, ...] = Field(min_length=1, max_length=64)
    rss: RssCapability
    kernel: Kernel | None = None
    needs: tuple[Text, ...] = ()
    quirks: tuple[Text, ...] = ()
    sources: dict[str, Text] = Field(min_length=1)

    @model_validator(mode="after")
    def _any_driver_is_for_software(self) -> Self:
        if ANY_DRIVER in self.drivers and (len(self.drivers) > 1 or self.rss.kind == "hardware"):
            raise ValueError("drivers: any stands alone, and only where the NIC hashes nothing (kind software or none)")
        return self

    @model_validator(mode="after")
    def _kernel_hashes_as_it_is(self) -> Self:
        if self.kernel is not None and (self.rss.kind != "hardware" or self.rss.key_reversed or self.rss.initial_hash):
            raise ValueError("kernel: the card must hash, by the key as it is (no key_reversed, no initial_hash)")
        return self

    @property
    def planned_drivers(self) -> tuple[str, ...]:
        """The names that are compared when a program starts; none: any card will do."""
        return () if self.drivers == (ANY_DRIVER,) else self.drivers

    @model_validator(mode="after")
    def _sources_name_fields(self) -> Self:
        rss = RssCapability.model_fields
        known = {"pmd", "drivers", "needs", "quirks", "rss", *(f"rss.{f}" for f in rss)}
        known |= {"kernel", *(f"kernel.{f}" for f in Kernel.model_fields)}
        known |= {f"rss.classes.{c}" for c in CLASSES}
        for path in self.sources:
            if path not in known:
                raise ValueError(f"sources: {path!r} is no field of a profile")
        return self
