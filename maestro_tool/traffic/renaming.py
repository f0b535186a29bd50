"""Fields whose values a parallel program may choose otherwise than the sequential one (relaxation ``index-choice``).

A NAT picks an external port; which one differs, but there must be a one-to-one correspondence between the two runs'
choices at any time: a value may stand for another one later, once its entry has expired, but never for two at once.
Behind VLAN tags, plans name the bytes of such fields.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from maestro_tool.diagnostics import InputError
from maestro_tool.packet.classes import CLASSES, classify
from maestro_tool.packet.fields import CHECKSUMS, FIELDS, L3_VIEW_LENGTH, L4_VIEW_LENGTH

#: Port -> the fields of frames sent there that may differ, checksums included.
Renamed = Mapping[int, Sequence[str]]

#: Of the renamed fields of a frame, in their order.
Value = tuple[bytes, ...]

_PROTOCOL_OF = {"tcp_checksum": 6, "udp_checksum": 17}
_ADDRESSES = ("src_ip", "dst_ip")
_PORTS = ("src_port", "dst_port")
_FIELDS = {name: (FIELDS | CHECKSUMS)[name] for name in (*_ADDRESSES, *_PORTS, *CHECKSUMS)}
#: EtherTypes of VLAN tags, and how many bytes the tags have behind which headers are looked for.
_TAGS = (b"\x81\x00", b"\x88\xa8")
_TAGS_LENGTH = (4, 8)


def renamed_by(plan: Mapping[str, Any]) -> Renamed:
    """What a plan.json declares.  Raises `InputError` if that is no field of the headers, and cannot be compared."""
    found: dict[int, dict[str, None]] = defaultdict(dict)
    for relaxation in plan.get("relaxations", ()):
        for shown in relaxation.get("shown", ()):
            for name in shown["fields"]:
                behind_tags = any(name in _bytes_of(f, tags) for tags in _TAGS_LENGTH for f in _FIELDS)
                if name not in _FIELDS and not behind_tags:
                    raise InputError(f"{relaxation['text']}: frames that show it in '{name}' cannot be compared")
                found[int(shown["port"])][name] = None
    return {port: tuple(names) for port, names in found.items()}


def _bytes_of(field: str, tags: int) -> list[str]:
    """What a plan calls the bytes of a field behind so many bytes of tags."""
    first = _FIELDS[field].offset + tags
    return [f"byte {n}" for n in range(first, first + _FIELDS[field].size)]


@lru_cache
def _behind(names: tuple[str, ...], tags: int) -> tuple[str, ...]:
    """The fields behind tags all of whose bytes are among ``names``; without tags, the fields among them."""
    return tuple(f for f in _FIELDS if (set(_bytes_of(f, tags)).issubset(names) if tags else f in names))


def _bare(frame: bytes, names: Sequence[str]) -> tuple[bytes, int, tuple[str, ...]]:
    """The frame without VLAN tags, how many bytes these have, and the fields among ``names`` that are behind them."""
    tags = 0
    while tags < max(_TAGS_LENGTH) and frame[12 + tags : 14 + tags] in _TAGS:
        tags += 4
    return frame[:12] + frame[12 + tags :], tags, _behind(tuple(names), tags)


def hide(frame: bytes, names: Sequence[str]) -> bytes:
    """``frame`` with 0 in the fields ``names``; those of them that are checksums are as they should be then."""
    bare, tags, behind = _bare(frame, names)
    return frame[: 12 + tags] + _hide(bare, behind)[12:]


def _hide(frame: bytes, names: Sequence[str]) -> bytes:
    fields = _present(frame, names)
    if not fields:
        return frame
    hidden = bytearray(frame)
    sums = {"ip": 0, "l4": 0}
    for name in fields:
        start, end = FIELDS[name].offset, FIELDS[name].offset + FIELDS[name].size
        value = sum(int.from_bytes(frame[i : i + 2], "big") for i in range(start, end, 2))
        sums["l4"] += value  # addresses count there too: the pseudo-header
        sums["ip"] += value if name in _ADDRESSES else 0
        hidden[start:end] = bytes(end - start)
    for name, checksum in CHECKSUMS.items():
        end = checksum.offset + checksum.size
        if name in names and end <= len(frame) and _PROTOCOL_OF.get(name, frame[23]) == frame[23]:
            value = int.from_bytes(frame[checksum.offset : end], "big")
            if name == "udp_checksum" and value == 0:  # the sender computed none (RFC 768)
                continue
            # The complement of a sum: what the sum loses it gains, modulo 65535 (RFC 1071).
            changed = (value + sums["ip" if name == "ip_checksum" else "l4"]) % 0xFFFF
            hidden[checksum.offset : end] = changed.to_bytes(2, "big")
    return bytes(hidden)


def has_other_checksum(frame: bytes, names: Sequence[str]) -> bytes | None:
    """The frame without the checksums that need not go with its renamed fields as `hide` has it.  Where lengths
    lie or something is missing, NFs calculate those among ``names`` of what the headers claim; and where there are IP
    options, ports are in these for the NF (docs/architecture.md), and so in the checksum of the IP header.
    None: there are none."""
    frame, _, names = _bare(frame, names)
    present = _present(frame, names)
    options = frame[14:15] > b"\x45" and any(name in _PORTS for name in present)
    kind = CLASSES[classify(frame)]
    unclear = kind.name == "malformed" or (kind.fragment and kind.family == 4)
    if not present or not (options or unclear):
        return None
    bare = bytearray(frame)
    found = options
    if options:
        bare[24:26] = bytes(2)
    for name, checksum in CHECKSUMS.items():
        end = checksum.offset + checksum.size
        if name in names and end <= len(frame) and _PROTOCOL_OF.get(name, frame[23]) == frame[23]:
            bare[checksum.offset : end] = bytes(checksum.size)
            found = True
    return bytes(bare) if found else None


def values(frame: bytes, names: Sequence[str]) -> Value:
    """What `hide` hides, but for checksums."""
    frame, _, names = _bare(frame, names)
    fields = [FIELDS[name] for name in _present(frame, names)]
    return tuple(frame[f.offset : f.offset + f.size] for f in fields)


def _present(frame: bytes, names: Sequence[str]) -> list[str]:
    """The fields that an NF sees in this frame."""
    if frame[12:14] != b"\x08\x00" or len(frame) < L3_VIEW_LENGTH:
        return []
    ports = frame[23] in _PROTOCOL_OF.values() and len(frame) >= L4_VIEW_LENGTH
    return [name for name in names if name in _ADDRESSES or (ports and name in _PORTS)]


def clashes(pairs: Iterable[tuple[int, Value, Value, object]]) -> list[int]:
    """Where a correspondence stops to be one-to-one.

    ``pairs``: (position in time, value in the one run, value in the other, flow as it is sent).  A value corresponds to
    another one from the first position to the last before it corresponds to a third, in each flow by itself: a later
    flow may get both values again by chance.  Two periods of different values with the same counterpart must not
    overlap.
    """
    periods: dict[Value, list[tuple[list[int], Value]]] = defaultdict(list)  # of the counterpart: [first, last]
    current: dict[tuple[Value, object], tuple[Value, list[int]]] = {}
    for position, one, other, flow in pairs:
        if (one, flow) in current and current[one, flow][0] == other:
            current[one, flow][1][1] = position
        else:
            current[one, flow] = other, [position, position]
            periods[other].append((current[one, flow][1], one))
    found = []
    for spans in periods.values():
        spans.sort()
        ends: dict[Value, int] = {}  # of two values at most: the latest, and the latest of another one
        for (first, last), one in spans:
            if any(first <= end for value, end in ends.items() if value != one):
                found.append(first)
            ends[one] = max(last, ends.get(one, -1))
            if len(ends) > 2:
                ends.pop(min(ends, key=lambda value: ends[value]))
    return sorted(found)
