"""The tool's own model of steering: where a frame goes, from the ``ports`` of plan.json alone.

The runtime must agree with it (``maestro_classify``, ``maestro_toeplitz``, ``maestro_index``), and so must the NIC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final, Literal

from maestro_tool.diagnostics import InputError
from maestro_tool.packet.classes import (
    CLASSES,
    ETHERNET_LENGTH,
    FIELDS_OF_VIEW,
    IPV6_LENGTH,
    ClassName,
    View,
    classify,
    view,
)
from maestro_tool.packet.fields import (
    ADDRESSES_OF,
    ALL_FIELDS,
    INPUT_BITS,
    PROFILE_NAMES_OF,
    InputName,
    field_of,
    input_bits,
)
from maestro_tool.packet.kinds import base, kind_of
from maestro_tool.rss.solution import PortSolution
from maestro_tool.rss.symmetric import FUNCTIONS, PARTNER, Function, applied, is_source
from maestro_tool.rss.table import table
from maestro_tool.rss.toeplitz import HASH_BITS, toeplitz


@dataclass(frozen=True, slots=True)
class PortModel:
    """One entry of ``ports``: key in bytes, table size in entries; ``weights`` and ``groups`` as in `table.table`."""

    port: int
    key: bytes
    table_size: int
    hashed: Mapping[str, tuple[str, ...]]
    steering: Mapping[str, str]
    software: Mapping[View | None, tuple[str, ...]]
    nic_hashes: bool
    weights: tuple[int, ...] = ()
    function: Function = "toeplitz"
    groups: tuple[int, ...] = ()
    of_bytes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a frame goes.  ``hash`` None: nothing was hashed, the index is 0 then."""

    packet_class: str
    steering: str
    fields: tuple[str, ...]
    hash: int | None
    index: int
    worker: int


def port_models(plan: Mapping[str, Any]) -> list[PortModel]:
    """All ports of a plan.json, with its table weights if traffic was measured; `InputError` if it is none."""
    ports = plan.get("ports") if isinstance(plan, Mapping) else None
    if not isinstance(ports, list):
        raise InputError("not a plan: it has no list of ports", hint="give the plan.json of a build")
    traffic = plan.get("traffic")
    weights = traffic.get("weights") if isinstance(traffic, Mapping) else ()
    if not isinstance(weights, list | tuple) or not all(type(w) is int and w >= 0 for w in weights):
        raise InputError("plan.json: the weights of its traffic are no list of numbers", hint="build the NF again")
    groups = plan.get("groups", ())
    if not isinstance(groups, list | tuple) or not all(type(g) is int for g in groups) or not _numbered(groups):
        raise InputError("plan.json: its groups are no list of consecutive numbers", hint="build the NF again")
    return [port_model(entry, tuple(weights), tuple(groups)) for entry in ports]


def _numbered(groups: Sequence[int]) -> bool:
    """From 0 on, in order of first occurrence."""
    first = list(dict.fromkeys(groups))
    return first == list(range(len(first)))


def port_model(entry: Mapping[str, Any], weights: tuple[int, ...] = (), groups: tuple[int, ...] = ()) -> PortModel:
    """Reads one entry of plan.json's ``ports``; `InputError` if it is not one."""
    try:
        key, size = bytes.fromhex(entry["key"]), entry["table_size"]
        given = entry["software_input"]
        # Plans of before IPv6 was hashed in software do not name its views.
        software: dict[View | None, tuple[str, ...]] = {None: ()}
        for view, offered in FIELDS_OF_VIEW.items():
            software[view] = _fields(given[view] if offered.family == 4 else given.get(view, ()))
        model = PortModel(
            port=int(entry["port"]),
            key=key,
            table_size=size,
            hashed={c: _fields(f) for c, f in entry["hashed"].items()},
            steering={c: str(entry["steering"][c]) for c in CLASSES},
            software=software,
            nic_hashes=bool(entry["rss_hf"]),
            weights=weights,
            function=_function(entry.get("function", "toeplitz")),
            groups=groups,
            # Nor do those of before bytes were hashed have any.
            of_bytes={c: _fields(f) for c, f in entry.get("software_bytes", {}).items()},
        )
        for name in model.of_bytes:
            kind_of(name)  # a ValueError if there is none
        for what, values in (("weights", weights), ("groups", groups)):
            if values and len(values) != size:
                raise ValueError(f"{len(values)} {what} for a table of {size} entries")
        if not isinstance(size, int) or size <= 0 or size & (size - 1):
            raise ValueError(f"table_size {size!r} is no power of two")
        inputs = (*model.hashed.values(), *software.values(), *model.of_bytes.values())
        longest = max(sum(input_bits(f) for f in fields) for fields in inputs)
        if longest + HASH_BITS - 1 > 8 * len(key):
            raise ValueError(f"a key of {len(key)} bytes is too short for {longest} bits of input")
        return model
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"plan.json: not a port: {what}", hint="build the NF again") from None


def _fields(names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        input_bits(name)  # a ValueError if there is no such field
    return tuple(names)


def _function(name: Any) -> Function:
    for known in FUNCTIONS:
        if name == known:
            return known
    raise ValueError(f"unknown hash function {name!r}")


def place(model: PortModel, frame: bytes, workers: int) -> Placement:
    """Class, hash, index and worker of a frame (from its Ethernet header on) that arrives on the port.

    For classes steered ``any`` the NIC's or the program's own choice is shown; another would be as right.
    ValueError if the table does not serve so many workers.
    """
    entries = table(model.table_size, workers, model.weights, model.groups)
    name, fields, data = hash_input(model, frame)
    hashed = toeplitz(model.key, data) if fields else None
    index = (hashed or 0) & (model.table_size - 1)
    return Placement(name, model.steering[name], fields, hashed, index, entries[index])


def hash_input(model: PortModel, frame: bytes) -> tuple[str, tuple[str, ...], bytes]:
    """Class of a frame, the fields that are hashed of it (by whom its steering says), and the bytes of the input."""
    name = classify(frame)
    steering = model.steering[name]
    if steering == "nic" or (steering == "any" and model.nic_hashes):
        fields = model.hashed.get(name, ())
        return name, fields, applied(model.function, fields, nic_input(frame, name, fields))
    for kind, fields in model.of_bytes.items():
        if base(kind) == name and fields and kind_of(kind).fits(frame):
            return name, fields, view_input(frame, fields)
    fields = model.software[view(frame)]
    return name, fields, applied(model.function, fields, view_input(frame, fields))


def view_input(frame: bytes, fields: Sequence[str]) -> bytes:
    """The hash input that software takes: fields where the NF reads them; bytes beyond the frame count as 0."""
    places = [(f.offset, f.size) for f in map(field_of, fields)]
    return b"".join(frame[start : start + size].ljust(size, b"\0") for start, size in places)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a NIC finds a field: ``offset`` in bytes from the frame's start, or from its L4 header (the NIC follows the
    IHL); ``base`` None: zeros instead.  ``mixed``: with the next field, by the port's hash function."""

    base: Literal["frame", "l4"] | None
    offset: int
    size: int
    mixed: bool = False


_ADDRESSES: Final = {name: ALL_FIELDS[name].offset for names in ADDRESSES_OF.values() for name in names}
_FROM_FRAME: Final = {**_ADDRESSES, "ip_id": 18}
_FROM_L4: Final = {"src_port": 0, "dst_port": 2, "sctp_tag": 4}


def nic_place(field: str) -> Place:
    """Where a NIC finds a field of its profile."""
    size = INPUT_BITS[field] // 8
    if field in _FROM_L4:
        return Place("l4", _FROM_L4[field], size)
    return Place("frame", _FROM_FRAME[field], size)


def nic_input(frame: bytes, packet_class: str, fields: Sequence[str]) -> bytes:
    """The hash input that a NIC takes: it follows the IHL and knows IPv6; bytes beyond the frame count as 0."""
    ipv6 = CLASSES[packet_class].family == 6
    l4 = IPV6_LENGTH if ipv6 else ETHERNET_LENGTH + 4 * (frame[14] & 15 if fields else 5)
    places = [(p.offset + (l4 if p.base == "l4" else 0), p.size) for p in map(nic_place, fields)]
    return b"".join(frame[start : start + size].ljust(size, b"\0") for start, size in places)


#: A class, the fields that a NIC hashes of it, and its inputs: two, where its driver does not say which it takes.
LeftToCard = tuple[ClassName, tuple[InputName, ...], tuple[tuple[Place, ...], ...]]


def left_to_card(port: PortSolution) -> Iterator[LeftToCard]:
    """What a program compares of the packets whose worker the NIC chooses."""
    hashed = dict(port.hashed)
    for name, steering in port.steering:
        if steering == "nic":
            yield name, hashed[name], tuple(dict.fromkeys(_inputs(port, name, hashed[name])))


def _inputs(port: PortSolution, name: ClassName, fields: tuple[InputName, ...]) -> Iterator[tuple[Place, ...]]:
    yield _together(port.function, fields, fields)
    if port.padded:
        family = CLASSES[name].family
        assert family is not None, "profiles list only classes with headers"
        whole = PROFILE_NAMES_OF[family]
        yield _together(port.function, whole[: 1 + max(map(whole.index, fields))], fields)


def _together(function: Function, fields: Sequence[str], there: Sequence[str]) -> tuple[Place, ...]:
    """The places of ``fields``; zeros for those that are not ``there``."""
    places = [nic_place(f) if f in there else replace(nic_place(f), base=None) for f in fields]
    for i, (name, following) in enumerate(pairwise(fields)):
        if function != "toeplitz" and PARTNER.get(name) == following and {name, following} <= set(there):
            places[i] = replace(places[i], mixed=is_source(name))
    return tuple(places)
