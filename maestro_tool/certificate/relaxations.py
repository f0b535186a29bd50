"""The differences from the sequential NF that plan.json permits: which there must be, from objects and paths."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from maestro_tool.certificate.key_storage import key_storage, shown
from maestro_tool.certificate.read import Certificate, Path

#: Header field -> its first byte in the frame, and how many it has.  A byte may be one of either version of IP.
_FIELDS: Final = {
    "dst_mac": (0, 6), "src_mac": (6, 6), "ether_type": (12, 2), "protocol": (23, 1), "ip_checksum": (24, 2),
    "src_ip": (26, 4), "dst_ip": (30, 4), "src_port": (34, 2), "dst_port": (36, 2), "udp_checksum": (40, 2),
    "tcp_checksum": (50, 2), "next_header": (20, 1), "src_ip6": (22, 16), "dst_ip6": (38, 16), "src_port6": (54, 2),
    "dst_port6": (56, 2),
}  # fmt: skip


def relaxations(c: Certificate) -> list[tuple[str, str]]:
    """(kind, object) of each."""
    return list(_relaxations(c))


def _relaxations(c: Certificate) -> Iterator[tuple[str, str]]:
    for o in (o for o in c.objects if "of" not in o):
        if o["split"]:
            yield "capacity-split", o["name"]
        if o["ranged"]:
            yield "index-choice", o["name"]
        if o["treatment"] == "sharded" and o["kind"] == "sketch":
            yield "sketch-collisions", o["name"]


def wrongly_shown(plan: dict[str, Any], c: Certificate) -> list[str]:
    """Allocators of which plan.json does not say rightly in which fields of the frames sent where a choice is seen."""
    bytes_of: dict[str, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    may: dict[str, set[int]] = defaultdict(set)
    storage, _ = key_storage(c)
    for path in c.paths:
        visible = [(e, c.label(chain)) for where, e, _, chain in shown(c, path, storage) if where == "frame"]
        for expression, name in visible:
            for port in _leaves_on(c, path):
                bytes_of[name][port] |= {at for at, e in path.frame if e == expression}
            may[name] |= {path.port} if path.goes else set()
    wrong = []
    for r in plan["relaxations"]:
        said = {s["port"]: s["fields"] for s in r["shown"]}
        mine = bytes_of[r["object"]] if r["kind"] == "index-choice" else {}
        ports = mine.keys() <= said.keys() <= mine.keys() | may[r["object"]] and len(said) == len(r["shown"])
        if not (ports and all(_fits(fields, mine[port]) for port, fields in said.items() if port in mine)):
            wrong.append(r["object"])
    return wrong


def _leaves_on(c: Certificate, path: Path) -> list[int]:
    """The ports that frames of a path leave on; where it is not said which, it may be the one they came in by, too."""
    if isinstance(path.verdict, int):
        return [path.verdict]
    return [] if path.verdict == "drop" else [p for p in range(len(c.ports)) if p != path.port]


def _fits(fields: list[str], found: set[int]) -> bool:
    """Whether these bytes are in the fields that are named, and each field has some of them."""
    of = {f: set(range(at, at + size)) for f in fields for at, size in [_FIELDS.get(f, (_byte(f), 1))]}
    return all(of[f] & found for f in fields) and found <= set[int]().union(*of.values()) and len(of) == len(fields)


def _byte(field: str) -> int:
    """Of ``byte 70``: what belongs to no field."""
    word, _, number = field.partition(" ")
    return int(number) if word == "byte" and number.isdecimal() else -1
