"""Certificates with another meaning are refused, unless brute force over concrete packets finds them still right."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from builds import NFS, Packet, document, files, frames, taken, unmatched, violation

from maestro_tool.certificate.read import Certificate
from maestro_tool.cli.certify import prove

#: Mutants of each kind, per NF; packets, or pairs of them, that the referee tries.
MUTANTS = 4
TRIES = 120


def _verdict(mutant: dict[str, Any]) -> str:
    return prove(mutant, "bitwuzla").verdict


def _parted(name: str, mutant: dict[str, Any], rng: random.Random, card: str = "e810") -> bool:
    """Whether the program, set up as the mutant says, has two packets that must meet and do not."""
    program, c = Certificate(document(name, card)), Certificate(mutant)
    plan = json.loads(files(name, card)["plan.json"])
    return violation(program, c, rng, TRIES) is not None or unmatched(plan, c, rng, TRIES) is not None


def _flip_key(d: dict[str, Any], rng: random.Random) -> None:
    port = rng.choice(d["ports"])
    key = bytearray.fromhex(port["key"])
    key[rng.randrange(min(len(key), 16))] ^= 1 << rng.randrange(8)
    port["key"] = key.hex()


def _move_entry(d: dict[str, Any], rng: random.Random) -> None:
    parts = rng.choice(d["ports"])["parts"]
    parts[rng.randrange(len(parts))] = rng.randrange(len(parts))


def _swap_entries(d: dict[str, Any], rng: random.Random) -> None:
    parts = rng.choice(d["ports"])["parts"]
    i, j = rng.randrange(len(parts)), rng.randrange(len(parts))
    parts[i], parts[j] = parts[j], parts[i]


def _steer_otherwise(d: dict[str, Any], rng: random.Random) -> None:
    classes = rng.choice(d["ports"])["classes"]
    classes[rng.choice(list(classes))] = rng.choice(
        (["any"], ["software"], ["nic", ["src_ip"]], ["nic", ["?src_ip", "?dst_ip"]])
    )


def _hash_less(d: dict[str, Any], rng: random.Random) -> None:
    software = rng.choice(d["ports"])["software"]
    fields = software[rng.choice([v for v in software if software[v]])]
    fields.pop(rng.randrange(len(fields)))


KINDS = (_flip_key, _move_entry, _swap_entries, _steer_otherwise, _hash_less)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["fw", "nat", "psd"])
def test_set_up(name: str, kind: Any) -> None:
    _set_up(name, kind, MUTANTS)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["fw", "nat", "pol", "psd", "cl", "lb", "hhh"])
def test_many_set_ups(name: str, kind: Any) -> None:
    _set_up(name, kind, 10 * MUTANTS)


def _set_up(name: str, kind: Any, mutants: int) -> None:
    rng = random.Random(f"{name} {kind.__name__}")
    refused = 0
    for _ in range(mutants):
        mutant = document(name, "e810")
        kind(mutant, rng)
        verdict = _verdict(mutant)
        refused += verdict != "proved"
        assert verdict != "proved" or not _parted(name, mutant, rng)
    if (name, kind) in {("fw", _flip_key), ("fw", _swap_entries), ("nat", _flip_key), ("fw", _steer_otherwise)}:
        assert refused > 0  # the checker does refuse some of these


@pytest.mark.parametrize("name", ["fw", "nat", "cl", "pol"])
def test_right_mutants_are_accepted(name: str) -> None:
    """Key bits behind all that is hashed, and one rotation of all tables, change nothing that matters."""
    mutant = document(name, "e810")
    for port in mutant["ports"]:
        port["key"] = port["key"][:-2] + "ff" if len(port["key"]) > 2 * 50 else port["key"]
        port["parts"] = port["parts"][1:] + port["parts"][:1]
    assert _verdict(mutant) == "proved"
    assert not _parted(name, mutant, random.Random(1))


# --------------------------------------------------------------------------- treatments


@pytest.mark.parametrize("name", [*(n for n in NFS if n != "hhh"), "oddities", "pairs", "resize"])
def test_less_sharing(name: str, card: str = "e810") -> None:
    """Of objects that packets write, none may be treated as if less were shared.  (hhh: as pol, thrice.)"""
    original = document(name, card)
    written = {o for _, _, e in Certificate(original).events() for o, _, w in Certificate(original).accesses(e) if w}
    for n in written:
        order = ("shared", "sharded", "per-core", "read-only")
        for less in order[order.index(original["objects"][n]["treatment"]) + 1 :]:
            mutant = document(name, card)
            mutant["objects"][n] |= {"treatment": less, "split": True}
            assert _verdict(mutant) == "refuted", (n, less)


def test_ranges_are_needed_where_indices_are_seen() -> None:
    for name in ("nat", "psd"):
        mutant = document(name, "e810")
        [chain] = [o for o in mutant["objects"] if o["kind"] == "dchain"]
        assert chain["ranged"]
        chain["ranged"] = False
        assert _verdict(mutant) == "refuted"


def test_writers_wait_for_their_turn() -> None:
    mutant = document("lb", "e810")
    for o in mutant["objects"]:
        o["guarded"] = False
    assert _verdict(mutant) == "refuted"


# --------------------------------------------------------------------------- paths


def _drop_path(d: dict[str, Any], rng: random.Random) -> None:
    d["paths"].pop(rng.randrange(len(d["paths"])))


def _drop_condition(d: dict[str, Any], rng: random.Random) -> None:
    path = rng.choice([p for p in d["paths"] if p["conditions"]])
    at = rng.randrange(len(path["conditions"]))
    path["conditions"].pop(at)
    for i, e in enumerate(path["events"]):
        event = dict(d["events"][e])
        event["conditions"] -= event["conditions"] > at
        path["events"][i] = len(d["events"])
        d["events"].append(event)


def _other_condition(d: dict[str, Any], rng: random.Random) -> None:
    path = rng.choice([p for p in d["paths"] if p["conditions"]])
    others = [c for p in d["paths"] if p["port"] == path["port"] for c in p["conditions"]]
    path["conditions"][rng.randrange(len(path["conditions"]))] = rng.choice(others)


def _other_constant(d: dict[str, Any], rng: random.Random) -> None:
    pool = d["expressions"]
    entry = pool[rng.choice([n for n, e in enumerate(pool) if e[0] == "const" and e[1] in (8, 16)])]
    entry[2] = (entry[2] + rng.choice((1, 3, 255))) % (1 << entry[1])


@pytest.mark.parametrize("kind", [_drop_path, _drop_condition, _other_condition])
@pytest.mark.parametrize("name", ["fw", "nat", "pol", "lb"])
def test_paths(name: str, kind: Any) -> None:
    """A concrete packet, with answers and state as they may be, takes one path: else the mutant must be refused."""
    rng = random.Random(f"{name} {kind.__name__}")
    refused, source = 0, frames(rng)
    for _ in range(MUTANTS):
        mutant = document(name, "e810")
        kind(mutant, rng)
        verdict = _verdict(mutant)
        refused += verdict != "proved"
        if verdict == "proved":
            c = Certificate(mutant)
            packets = [Packet(rng.randrange(len(c.ports)), next(source), rng.getrandbits(32)) for _ in range(TRIES)]
            assert all(len(taken(c, p)) == 1 for p in packets)
    assert refused >= MUTANTS // 2


@pytest.mark.parametrize("name", ["fw", "cl", "psd", "lb"])
def test_an_access_that_the_names_rest_on_cannot_be_dropped(name: str) -> None:
    """Putting a key, writing it, asking for it, expiring, freeing: on any path."""
    original, rng = document(name, "e810"), random.Random(name)
    needed = ("map_put", "expire", "map_get", "dchain_allocate")
    sharded = {n for n, o in enumerate(original["objects"]) if o["treatment"] == "sharded"}
    for number, path in enumerate(original["paths"]):
        for at, e in enumerate(path["events"]):
            event = original["events"][e]
            if rng.random() < 0.4 and event["op"] in needed and sharded.intersection(event["objects"]):
                mutant = document(name, "e810")
                mutant["paths"][number]["events"].pop(at)
                later = path["events"][at + 1 :]
                # An expiry that nothing follows changes no name; nor does a put whose index nobody keeps.
                if event["op"] == "expire" and not any(sharded & {*original["events"][x]["objects"]} for x in later):
                    continue
                assert _verdict(mutant) != "proved", (number, at, event["op"])


def test_the_referee_finds_what_is_wrong() -> None:
    """Were it blind, the tests above would show nothing."""
    rng = random.Random(2)
    for name in ("fw", "nat"):
        mutant = document(name, "e810")
        mutant["ports"][1]["key"] = mutant["ports"][0]["key"][::-1]
        assert _parted(name, mutant, rng)
        assert not _parted(name, document(name, "e810"), rng)
    mutant = document("fw", "e810")
    mutant["paths"].pop(0)
    c, source = Certificate(mutant), frames(rng)
    assert any(len(taken(c, Packet(0, next(source), n))) != 1 for n in range(300))
