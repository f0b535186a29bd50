"""Compares what two runs of an NF sent: the same frames on the same ports, in order within each flow.

Workers run in parallel, so the order *between* flows may differ; a flow is what the NF sees as one
(docs/architecture.md, "view"): addresses, protocol and ports in either direction, where the NF reads them.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any, Literal

from maestro_tool.packet.fields import L3_VIEW_LENGTH, L3_VIEW_LENGTH6, L4_VIEW_LENGTH, L4_VIEW_LENGTH6
from maestro_tool.traffic.renaming import Renamed, clashes, hide, values

#: Output frames per port.
Outputs = Mapping[int, Sequence[bytes]]

#: A flow in a form that can be compared and sorted.
Flow = tuple[str, ...]

DifferenceKind = Literal["missing", "unexpected", "other-port", "order", "renaming"]

_TCP_UDP = (6, 17)


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: ``frame`` was ``missing`` on ``port``, was not to be there (``unexpected``), came out of
    ``other`` instead (``other-port``), is where the flow's ``order`` first differs, or has a value in a renamed field
    that stands for another one, too (``renaming``).  ``position`` counts the flow's (``renaming``: all) frames on that
    port from 0; -1 where it means nothing."""

    kind: DifferenceKind
    port: int
    flow: Flow
    frame: bytes
    position: int = -1
    other: int = -1

    def __str__(self) -> str:
        what = {
            "missing": f"missing on port {self.port}",
            "unexpected": f"unexpected on port {self.port}",
            "other-port": f"expected on port {self.port}, but sent on port {self.other}",
            "renaming": f"no one-to-one renaming on port {self.port} in frame {self.position}",
            "order": f"order on port {self.port} differs from the flow's frame {self.position} on",
        }[self.kind]
        return f"{what}: {' '.join(self.flow)}: {len(self.frame)} bytes: {self.frame[:64].hex()}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``frames`` and ``flows`` count what was expected.  All differences, in order of port and flow."""

    frames: int
    flows: int
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "equal": self.equal,
            "frames": self.frames,
            "flows": self.flows,
            "differences": [
                {"kind": d.kind, "port": d.port, "flow": list(d.flow), "position": d.position, "other": d.other,
                 "frame": d.frame.hex()}
                for d in self.differences
            ],
        }  # fmt: skip

    def text(self, limit: int = 10) -> str:
        if self.equal:
            return f"equal: {self.frames} frames of {self.flows} flows"
        counts = Counter(d.kind for d in self.differences)
        summary = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        lines = [f"different: {summary} (of {self.frames} frames of {self.flows} flows)"]
        lines += [f"  {difference}" for difference in self.differences[:limit]]
        if len(self.differences) > limit:
            lines.append(f"  ... and {len(self.differences) - limit} more")
        return "\n".join(lines)


def compare(expected: Outputs, actual: Outputs, renamed: Renamed | None = None) -> Comparison:
    """``expected`` is what the sequential program sent, ``actual`` what the parallel one did.

    Fields that are ``renamed`` may have other values, if these correspond one-to-one at any time; differences then
    show frames without them.
    """
    differences: list[Difference] = []
    flows: set[Flow] = set()
    for port in sorted({*expected, *actual}):
        names = renamed.get(port, ()) if renamed else ()
        want, got = (_by_flow([hide(f, names) for f in sent.get(port, ())]) for sent in (expected, actual))
        if names:
            differences += _renaming(port, names, expected.get(port, ()), actual.get(port, ()))
        flows |= want.keys()
        for flow in sorted({*want, *got}):
            if want.get(flow) != got.get(flow):
                differences += _flow_differences(port, flow, want.get(flow, []), got.get(flow, []))
    return Comparison(sum(map(len, expected.values())), len(flows), tuple(_join_moved(differences)))


def flow_of(frame: bytes) -> Flow:
    """The flow of a frame in the NF's view, the same for both directions."""
    ether_type = frame[12:14].hex()
    if ether_type == "86dd" and len(frame) >= L3_VIEW_LENGTH6:
        return _flow6(frame)
    if ether_type != "0800" or len(frame) < L3_VIEW_LENGTH:
        return ("ethernet", frame[0:6].hex(":"), frame[6:12].hex(":"), ether_type)
    with_ports = frame[23] in _TCP_UDP and len(frame) >= L4_VIEW_LENGTH
    return _flow4(frame[23], frame[26 : 38 if with_ports else 34])


@lru_cache(maxsize=1 << 16)  # captures have many packets of a flow
def _flow4(protocol: int, ends: bytes) -> Flow:
    """``ends``: the addresses, and the ports if there are some."""
    texts = [".".join(map(str, ends[at : at + 4])) for at in (0, 4)]
    if len(ends) > 8:
        texts = [f"{text}:{int.from_bytes(ends[at : at + 2], 'big')}" for text, at in zip(texts, (8, 10), strict=True)]
    return ("ipv4", str(protocol), *sorted(texts))


def _flow6(frame: bytes) -> Flow:
    next_header = frame[20]
    ends = [str(IPv6Address(frame[at : at + 16])) for at in (22, 38)]
    if next_header in _TCP_UDP and len(frame) >= L4_VIEW_LENGTH6:
        ends = [f"[{end}]:{int.from_bytes(frame[at : at + 2], 'big')}" for end, at in zip(ends, (54, 56), strict=True)]
    return ("ipv6", str(next_header), *sorted(ends))


def _by_flow(frames: Sequence[bytes]) -> dict[Flow, list[bytes]]:
    flows: dict[Flow, list[bytes]] = {}
    for frame in frames:
        flows.setdefault(flow_of(frame), []).append(frame)
    return flows


def _renaming(port: int, names: Sequence[str], want: Sequence[bytes], got: Sequence[bytes]) -> list[Difference]:
    """Equal frames but for the names belong together, in their order; time is that of the sequential program."""
    counterparts: dict[bytes, deque[bytes]] = defaultdict(deque)
    for frame in got:
        counterparts[hide(frame, names)].append(frame)
    pairs = []
    for position, frame in enumerate(want):
        others = counterparts[hide(frame, names)]
        if others and (value := values(frame, names)):
            pairs.append((position, value, values(others.popleft(), names)))
    return [Difference("renaming", port, flow_of(want[i]), want[i], i) for i in clashes(pairs)]


def _flow_differences(port: int, flow: Flow, want: list[bytes], got: list[bytes]) -> list[Difference]:
    missing, unexpected = Counter(want) - Counter(got), Counter(got) - Counter(want)
    differences = [Difference("missing", port, flow, frame) for frame in missing.elements()]
    differences += [Difference("unexpected", port, flow, frame) for frame in unexpected.elements()]
    # Order among the frames that both have: a lost frame is no reordering of the others.
    common_want, common_got = _without(want, missing), _without(got, unexpected)
    for position, (a, b) in enumerate(zip(common_want, common_got, strict=True)):
        if a != b:
            differences.append(Difference("order", port, flow, a, position))
            break
    return differences


def _without(frames: list[bytes], excess: Counter[bytes]) -> list[bytes]:
    """``frames`` without the last occurrences that ``excess`` counts."""
    left = Counter(excess)
    kept = []
    for frame in reversed(frames):
        if left[frame] > 0:
            left[frame] -= 1
        else:
            kept.append(frame)
    return kept[::-1]


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
