"""Compares what two runs of an NF sent: the same frames on the same ports, in order within each flow and direction.

Workers run in parallel, so the order *between* flows may differ, and that between the directions of one; a flow is what
the NF sees as one (docs/architecture.md, "view"): addresses, protocol and ports, where the NF reads them.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any, Literal

from maestro_tool.packet.fields import L3_VIEW_LENGTH, L3_VIEW_LENGTH6, L4_VIEW_LENGTH, L4_VIEW_LENGTH6
from maestro_tool.traffic.renaming import Renamed, clashes, has_other_checksum, hide, values

#: Output frames per port.
Outputs = Mapping[int, Sequence[bytes]]

#: A flow, or one direction of it (source first), in a form that can be compared and sorted.
Flow = tuple[str, ...]

DifferenceKind = Literal["missing", "unexpected", "other-port", "order", "renaming", "checksum"]

#: A frame without what is renamed in it, and that.
Sent = tuple[bytes, tuple[bytes, ...]]

_TCP_UDP = (6, 17)


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: ``frame`` was ``missing`` on ``port``, was not to be there (``unexpected``), came out of
    ``other`` instead (``other-port``), is where the flow's ``order`` first differs, or has a value in a renamed field
    that stands for another one, too (``renaming``).  ``position`` counts the flow's (``renaming``: all) frames on that
    port from 0; -1 where it means nothing.  ``relaxation``: that permits the difference; "" if none does."""

    kind: DifferenceKind
    port: int
    flow: Flow
    frame: bytes
    position: int = -1
    other: int = -1
    relaxation: str = ""

    def __str__(self) -> str:
        what = {
            "missing": f"missing on port {self.port}",
            "unexpected": f"unexpected on port {self.port}",
            "other-port": f"expected on port {self.port}, but sent on port {self.other}",
            "checksum": f"another checksum on port {self.port}",
            "renaming": f"no one-to-one renaming on port {self.port} in frame {self.position}",
            "order": f"order on port {self.port} differs from the flow's frame {self.position} on",
        }[self.kind]
        return f"{what}: {' '.join(self.flow)}: {len(self.frame)} bytes: {self.frame[:64].hex()}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``frames`` and ``flows`` count what was expected.  ``differences`` that nothing permits, and those that are
    ``permitted``, in order of port and flow."""

    frames: int
    flows: int
    differences: tuple[Difference, ...]
    permitted: tuple[Difference, ...] = ()

    @property
    def equal(self) -> bool:
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "equal": self.equal,
            "frames": self.frames,
            "flows": self.flows,
            "differences": [_json(d) for d in self.differences],
            "permitted": [_json(d) | {"relaxation": d.relaxation} for d in self.permitted],
        }

    def text(self, limit: int = 10) -> str:
        of = f"{self.frames} frames of {self.flows} flows"
        if self.equal and not self.permitted:
            return f"equal: {of}"
        if self.equal:
            lines = [f"equal but for what is permitted: {of}"]
        else:
            lines = [f"different: {_counts(self.differences)} (of {of})"]
            lines += [f"  {difference}" for difference in self.differences[:limit]]
        if len(self.differences) > limit:
            lines.append(f"  ... and {len(self.differences) - limit} more")
        for name in sorted({d.relaxation for d in self.permitted}):
            lines.append(f"  permitted by {name}: {_counts([d for d in self.permitted if d.relaxation == name])}")
        return "\n".join(lines)


def _counts(differences: Sequence[Difference]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(d.kind for d in differences).items()))


def _json(d: Difference) -> dict[str, Any]:
    return {"kind": d.kind, "port": d.port, "flow": list(d.flow), "position": d.position, "other": d.other,
            "frame": d.frame.hex()}  # fmt: skip


def compare(expected: Outputs, actual: Outputs, renamed: Renamed | None = None, verdicts: str = "") -> Comparison:
    """``expected`` is what the sequential program sent, ``actual`` what the parallel one did.

    Fields that are ``renamed`` may have other values, if these correspond one-to-one at any time; differences then
    show frames without them.  ``verdicts``: name of the relaxations by which a packet may get another verdict, so that
    its frame is missing, or is sent nevertheless, or elsewhere; but it has to be the same frame.
    """
    differences: list[Difference] = []
    flows: set[Flow] = set()
    for port in sorted({*expected, *actual}):
        names = renamed.get(port, ()) if renamed else ()
        want, got = (_by_stream(sent.get(port, ()), names) for sent in (expected, actual))
        if names:
            differences += _renaming(port, names, expected.get(port, ()), actual.get(port, ()))
        flows |= {_either_direction(stream) for stream in want}
        for stream in sorted({*want, *got}):
            if want.get(stream) != got.get(stream):
                differences += _stream_differences(port, stream, want.get(stream, []), got.get(stream, []))
    differences = _other_checksums(_join_moved(differences), renamed or {})
    if verdicts:
        differences = _other_verdicts(differences, verdicts, expected, renamed or {})
    return Comparison(
        sum(map(len, expected.values())),
        len(flows),
        tuple(d for d in differences if not d.relaxation),
        tuple(d for d in differences if d.relaxation),
    )


#: EtherTypes of 802.1Q and 802.1ad.
_TAGS = ("8100", "88a8")


def flow_of(frame: bytes) -> Flow:
    """The flow of a frame in the NF's view, the same for both directions."""
    return _either_direction(stream_of(frame))


def stream_of(frame: bytes, tags: int = 2) -> Flow:
    """The flow of a frame and its direction: the source is first.  ``tags``: how many are looked behind."""
    ether_type = frame[12:14].hex()
    if tags and ether_type in _TAGS and len(frame) >= 18:
        # What is behind the tag belongs to it: software may hash that, and packets of different hosts have no order.
        vlan = int.from_bytes(frame[14:16], "big") & 0xFFF
        ends = (frame[0:6].hex(":"), frame[6:12].hex(":"))
        return ("ethernet", *ends, ether_type, f"vlan {vlan}", *stream_of(frame[:12] + frame[16:], tags - 1))
    if ether_type == "86dd" and len(frame) >= L3_VIEW_LENGTH6:
        return _stream6(frame)
    if ether_type != "0800" or len(frame) < L3_VIEW_LENGTH:
        return ("ethernet", frame[0:6].hex(":"), frame[6:12].hex(":"), ether_type)
    with_ports = frame[23] in _TCP_UDP and len(frame) >= L4_VIEW_LENGTH
    return _stream4(frame[23], frame[26 : 38 if with_ports else 34])


def _either_direction(stream: Flow) -> Flow:
    return stream if stream[0] == "ethernet" else (*stream[:2], *sorted(stream[2:]))


@lru_cache(maxsize=1 << 16)  # captures have many packets of a flow
def _stream4(protocol: int, ends: bytes) -> Flow:
    """``ends``: the addresses, and the ports if there are some."""
    texts = [".".join(map(str, ends[at : at + 4])) for at in (0, 4)]
    if len(ends) > 8:
        texts = [f"{text}:{int.from_bytes(ends[at : at + 2], 'big')}" for text, at in zip(texts, (8, 10), strict=True)]
    return ("ipv4", str(protocol), *texts)


def _stream6(frame: bytes) -> Flow:
    next_header = frame[20]
    ends = [str(IPv6Address(frame[at : at + 16])) for at in (22, 38)]
    if next_header in _TCP_UDP and len(frame) >= L4_VIEW_LENGTH6:
        ends = [f"[{end}]:{int.from_bytes(frame[at : at + 2], 'big')}" for end, at in zip(ends, (54, 56), strict=True)]
    return ("ipv6", str(next_header), *ends)


def _by_stream(frames: Sequence[bytes], names: Sequence[str]) -> dict[Flow, list[Sent]]:
    streams: dict[Flow, list[Sent]] = {}
    for frame in frames:
        hidden = hide(frame, names)
        streams.setdefault(stream_of(hidden), []).append((hidden, values(frame, names) if names else ()))
    return streams


def _renaming(port: int, names: Sequence[str], want: Sequence[bytes], got: Sequence[bytes]) -> list[Difference]:
    """Equal frames but for the names belong together, in their order; time is that of the sequential program.

    Of frames that are equal but for the names in several flows, nobody knows which belong together.
    """
    counterparts: dict[bytes, deque[bytes]] = defaultdict(deque)
    for frame in got:
        counterparts[hide(frame, names)].append(frame)
    seen: dict[bytes, set[tuple[bytes, ...]]] = defaultdict(set)
    for frame in want:
        seen[hide(frame, names)].add(values(frame, names))
    pairs = []
    for position, frame in enumerate(want):
        others = counterparts[hidden := hide(frame, names)]
        if others and (value := values(frame, names)):
            other = values(others.popleft(), names)
            if len(seen[hidden]) == 1:
                pairs.append((position, value, other, stream_of(hidden)))
    return [Difference("renaming", port, stream_of(want[i]), want[i], i) for i in clashes(pairs)]


def _stream_differences(port: int, stream: Flow, want: list[Sent], got: list[Sent]) -> list[Difference]:
    counts = Counter(frame for frame, _ in want), Counter(frame for frame, _ in got)
    missing, unexpected = counts[0] - counts[1], counts[1] - counts[0]
    differences = [Difference("missing", port, stream, frame) for frame in missing.elements()]
    differences += [Difference("unexpected", port, stream, frame) for frame in unexpected.elements()]
    # Order among the frames that both have: a lost frame is no reordering of the others.
    first = _first_out_of_order(_without(want, missing), _without(got, unexpected))
    if first is not None:
        differences.append(Difference("order", port, stream, first[1], first[0]))
    return differences


def _first_out_of_order(want: list[Sent], got: list[Sent]) -> tuple[int, bytes] | None:
    """Position and frame; both have the same frames.  Hidden values part a stream: it looks like one flow, but is one
    for each value."""
    places: dict[bytes, deque[tuple[int, tuple[bytes, ...]]]] = defaultdict(deque)
    for place, (frame, value) in enumerate(got):
        places[frame].append((place, value))
    found: tuple[int, bytes] | None = None
    parts: dict[object, list[tuple[int, int, bytes]]] = defaultdict(list)
    for position, (frame, value) in enumerate(want):
        place, other = places[frame].popleft()
        part = parts[value, other]
        if part and part[-1][0] > place:
            earlier = next((at, f) for before, at, f in part if before > place)
            found = min(found, earlier) if found else earlier
        else:
            part.append((place, position, frame))
    return found


def _without(entries: list[Sent], excess: Counter[bytes]) -> list[Sent]:
    """``entries`` without the last occurrences of the frames that ``excess`` counts."""
    if not excess:
        return entries
    left = Counter(excess)
    kept = []
    for entry in reversed(entries):
        if left[entry[0]] > 0:
            left[entry[0]] -= 1
        else:
            kept.append(entry)
    return kept[::-1]


def _other_checksums(differences: list[Difference], renamed: Renamed) -> list[Difference]:
    """Where a frame's lengths lie, its checksum may be made of other bytes than are renamed: then any will do."""
    open_: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for n, d in enumerate(differences):
        if d.kind == "unexpected" and (bare := has_other_checksum(d.frame, renamed.get(d.port, ()))):
            open_[d.port, bare].append(n)
    result, gone = list(differences), set()
    for n, d in enumerate(differences):
        bare = has_other_checksum(d.frame, renamed.get(d.port, ())) if d.kind == "missing" else None
        if bare is not None and open_[d.port, bare]:
            gone.add(open_[d.port, bare].pop(0))
            result[n] = replace(d, kind="checksum", relaxation="index-choice")
    return [d for n, d in enumerate(result) if n not in gone]


def _other_verdicts(
    differences: list[Difference], relaxation: str, expected: Outputs, renamed: Renamed
) -> list[Difference]:
    """Frames that are sent or not, or elsewhere, are permitted; frames that are changed, or sent twice, are not."""
    missing = Counter(key for d in differences if d.kind == "missing" for key in _packet(d.frame))
    unexpected = Counter(key for d in differences if d.kind == "unexpected" for key in _packet(d.frame))
    twice = {
        (port, hide(frame, renamed.get(port, ())))
        for port in {d.port for d in differences if d.kind == "unexpected"}
        for frame in expected.get(port, ())
    }

    def permitted(d: Difference) -> bool:
        if d.kind == "missing":
            return not any(unexpected[key] for key in _packet(d.frame))
        if d.kind == "unexpected":
            return (d.port, d.frame) not in twice and not any(missing[key] for key in _packet(d.frame))
        return d.kind == "other-port"

    return [replace(d, relaxation=relaxation) if not d.relaxation and permitted(d) else d for d in differences]


def _packet(frame: bytes) -> tuple[object, ...]:
    """What two frames that are the same packet, but for changes, have in common: one of these is equal."""
    if frame[12:14] != b"\x08\x00" or len(frame) < L3_VIEW_LENGTH:
        return ((stream_of(frame), len(frame)),)
    ports = frame[23] in _TCP_UDP and len(frame) >= L4_VIEW_LENGTH
    # All but what NFs rewrite: TTL, checksums, addresses, ports.
    kept = frame[14:22] + frame[23:24] + frame[38 if ports else 34 :]
    if ports:
        at = 12 if frame[23] == 6 else 2  # of the checksum, behind the ports
        kept = kept[: 9 + at] + kept[11 + at :]
    return (stream_of(frame), len(frame), frame[18:20]), (len(frame), kept)


def _join_moved(differences: list[Difference]) -> list[Difference]:
    """A frame missing on one port and unexpected on another has moved: one difference, not two."""
    unexpected: dict[bytes, list[Difference]] = {}
    for difference in differences:
        if difference.kind == "unexpected":
            unexpected.setdefault(difference.frame, []).append(difference)
    gone: set[int] = set()
    joined: dict[int, Difference] = {}
    for i, difference in enumerate(differences):
        candidates = unexpected.get(difference.frame)
        if difference.kind == "missing" and candidates:
            found = candidates.pop()
            gone.add(id(found))
            joined[i] = Difference("other-port", difference.port, difference.flow, difference.frame, -1, found.port)
    return [joined.get(i, d) for i, d in enumerate(differences) if id(d) not in gone]
