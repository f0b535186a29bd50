"""Certificates with another meaning are refused, unless brute force over concrete packets finds them still right."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import meaning
import pytest
from builds import NFS, document, files, unmatched, violation
from judge import judge

from maestro_tool.certificate.read import Certificate
from maestro_tool.cli.certify import prove
from tests.quick import others_long

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


#: NF -> mutants of each kind.
MEANINGS = {"fw": 3, "psd": 2, "cl": 2, "nat": 2, "lb": 1}


@pytest.mark.parametrize("name", others_long(MEANINGS, ["fw", "psd", "lb"]))
def test_meaning(name: str) -> None:
    _meaning(name, MEANINGS[name], 1)


@pytest.mark.long
@pytest.mark.parametrize("name", NFS)
def test_many_meanings(name: str) -> None:
    _meaning(name, 5 if name == "hhh" else 25, 3)


def _meaning(name: str, mutants: int, seeds: int) -> None:
    """Of each kind: what the checker accepts is right, says the judge.  Of each kind that makes packets take no path, or
    several, most are refused; and the judge, too, finds many of those that are refused wrong."""
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    wrong = refused = 0
    for kind in meaning.KINDS:
        rng = random.Random(f"{name} {kind.__name__}")
        for n in range(mutants):
            mutant = document(name, "e810")
            try:
                kind(mutant, rng)
            except IndexError:
                continue  # there is nothing of that kind
            verdict = _verdict(mutant)
            verdicts[kind.__name__][verdict] += 1
            accepted = verdict == "proved"
            refused += not accepted
            if verdict != "damaged" and (accepted or n == 0):
                found = [judge(name, Certificate(mutant), seed, 200).wrong for seed in range(seeds)]
                assert not accepted or not any(found), (kind.__name__, n, found)
                wrong += any(found)
    print(name, {kind: dict(found) for kind, found in verdicts.items()})
    total = sum(found.total() for found in verdicts.values())
    for kind in ("drop_path", "drop_condition", "other_condition", "drop_access"):
        assert verdicts[kind]["proved"] <= verdicts[kind].total() // 2, kind
    if name not in ("nop", "sbridge"):
        assert refused >= total * 0.4
        assert wrong >= 2


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


def test_the_judges_find_what_is_wrong() -> None:
    """Were they blind, the tests above would show nothing."""
    rng = random.Random(2)
    for name in ("fw", "nat"):
        mutant = document(name, "e810")
        mutant["ports"][1]["key"] = mutant["ports"][0]["key"][::-1]
        assert _parted(name, mutant, rng)
        assert not _parted(name, document(name, "e810"), rng)
        assert judge(name, Certificate(mutant), 0, 200).wrong
    mutant = document("fw", "e810")
    mutant["paths"].pop(0)
    assert "0 ways" in judge("fw", Certificate(mutant), 0, 200).wrong


@pytest.mark.parametrize("name", NFS)
def test_certificates_are_right_for_concrete_packets(name: str) -> None:
    """As builds write them; and all but few of the paths are taken."""
    c, taken = Certificate(document(name, "e810")), frozenset[int]()
    for seed in range(1 if name in ("hhh", "lb") else 3):
        found = judge(name, c, seed, 120 if name == "hhh" else 200)
        assert (found.wrong, found.packets > 100) == ("", True)
        taken |= found.taken
    assert len(taken) >= min(6, len(c.paths) // 3)


# --------------------------------------------------------------------------- events that need one another


def _changed(name: str, operation: str, change: Callable[[dict[str, Any]], object]) -> str:
    """The verdict on a certificate in which the first of these events is changed."""
    mutant = document(name, "e810")
    change(next(e for e in mutant["events"] if e["op"] == operation))
    return _verdict(mutant)


@pytest.mark.parametrize(
    ("name", "operation", "change"),
    [
        ("fw", "map_put", lambda e: e.pop("value")),
        ("fw", "map_put", lambda e: e.pop("key")),
        ("fw", "dchain_rejuvenate", lambda e: e.pop("index")),
        ("fw", "dchain_allocate", lambda e: e.update(result=False)),
        ("nat", "vector_read", lambda e: e.update(span=[e["span"][0], e["span"][0] + 1])),
        ("nat", "vector_read", lambda e: e.update(span=[e["span"][1], e["span"][1]])),
        ("nat", "vector_write", lambda e: e.update(span=[e["span"][0], e["span"][1] - 1])),
        ("cl", "sketch_fetch", lambda e: e["key"].reverse()),
        ("cl", "sketch_compute_hashes", lambda e: e.update(op="sketch_refresh", value=e["key"][0])),
    ],
)
def test_what_events_need(name: str, operation: str, change: Any) -> None:
    assert _changed(name, operation, change) == "damaged"


@pytest.mark.parametrize("name", ["nat", "pol", "psd"])
def test_an_event_that_others_refer_to_cannot_be_dropped(name: str) -> None:
    original = document(name, "e810")
    asked = {
        (number, at)
        for number, path in enumerate(original["paths"])
        for c in path["conditions"]
        for s in _symbols(original, c)
        for at in range(len(path["events"]))
        if f".{at}." in str(original["expressions"][s][2])
    }
    assert len(asked) > 3
    for number, at in sorted(asked)[:6]:
        mutant = document(name, "e810")
        mutant["paths"][number]["events"].pop(at)
        assert _verdict(mutant) == "damaged"


def _symbols(d: dict[str, Any], e: int) -> set[int]:
    op, _, _, *args = d["expressions"][e]
    return {e} if op == "sym" else set[int]().union(*(_symbols(d, a) for a in args))
