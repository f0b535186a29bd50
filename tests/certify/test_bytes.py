"""Keys of bytes: certificates of builds that steer by them are proved, and with other bytes refused."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builds import document, reseal, violation, write
from test_mutants import _move_entry

from maestro_tool.certificate.binding import BindingError, load
from maestro_tool.certificate.read import Certificate
from maestro_tool.cli.certify import prove

NF = "anyhost"
MUTANTS, TRIES = 4, 400


def frames(rng: random.Random) -> Iterator[bytearray]:
    """IPv4, behind a tag, behind two or none, and ARP; some too short."""
    while True:
        frame = bytearray(rng.randbytes(rng.choice((60, 60, 60, 42, 41, 38, 37, 34))))
        two = b"\x88\xa8\x00\x01\x81\x00\x00\x01\x08\x00"
        kind = rng.choice((b"\x08\x00\x45", b"\x81\x00\x00\x01\x08\x00", two, b"\x08\x06"))
        frame[12 : 12 + len(kind)] = kind
        if len(kind) == 3 and rng.random() < 0.8:
            frame[16:18], frame[20:22] = (len(frame) - 14).to_bytes(2, "big"), b"\0\0"
        yield frame


def parted(mutant: dict[str, Any], rng: random.Random, card: str) -> bool:
    return violation(Certificate(document(NF, card)), Certificate(mutant), rng, TRIES, frames(rng)) is not None


@pytest.mark.parametrize("card", ["soft", "e810"])
def test_is_proved(tmp_path: Path, card: str) -> None:
    certificate = load(write(tmp_path, NF, card))
    assert [p["classes"]["vlan"] for p in certificate["ports"]] == [
        ["software", ["if 13 12=88", "frame[34..37]"], ["frame[30..33]"]],
        ["software", ["if 13 12=88", "frame[38..41]"], ["frame[34..37]"]],
    ]
    report = prove(certificate, "bitwuzla")
    assert (report.verdict, report.failed) == ("proved", []) and report.obligations["pair"] >= 28
    assert not parted(certificate, random.Random(1), card)


def _other_bytes(d: dict[str, Any], rng: random.Random) -> None:
    name, port = rng.choice(("vlan", "non_ip")), rng.choice(d["ports"])
    first = rng.choice((0, 6, 26, 28, 31, 34, 38))
    port["classes"][name] = ["software", [f"frame[{first}..{first + 3}]"]]


def _fewer_bytes(d: dict[str, Any], rng: random.Random) -> None:
    port = rng.choice(d["ports"])
    first = 30 if port is d["ports"][0] else 34
    port["classes"]["vlan"][2] = [f"frame[{first + rng.randrange(1, 4)}]"]


def _more_bytes(d: dict[str, Any], rng: random.Random) -> None:
    rng.choice(d["ports"])["classes"]["non_ip"][1].append(rng.choice(("frame[20]", "frame[6..11]", "frame[14..17]")))


def _other_shape(d: dict[str, Any], rng: random.Random) -> None:
    shapes = ("60 12=88", "13 12=81", "13 13=00", "24 20=0800", "1", "17 16=88")
    rng.choice(d["ports"])["classes"]["vlan"][1][0] = f"if {rng.choice(shapes)}"


def _no_shape(d: dict[str, Any], rng: random.Random) -> None:
    del rng.choice(d["ports"])["classes"]["vlan"][rng.choice((1, 2))]


def _flip_key(d: dict[str, Any], rng: random.Random) -> None:
    """A bit that 4 bytes of input and an index of 9 bits look at."""
    port, bit = rng.choice(d["ports"]), rng.randrange(24, 62)
    key = bytearray.fromhex(port["key"])
    key[bit // 8] ^= 0x80 >> bit % 8
    port["key"] = key.hex()


def _by_view(d: dict[str, Any], rng: random.Random) -> None:
    rng.choice(d["ports"])["classes"][rng.choice(("vlan", "non_ip"))] = [rng.choice(("software", "any"))]


@pytest.mark.parametrize("kind", [
    _flip_key, _move_entry, _other_bytes, _fewer_bytes, _more_bytes, _by_view, _other_shape, _no_shape,
])  # fmt: skip
def test_other_set_ups(kind: Callable[[dict[str, Any], random.Random], None]) -> None:
    """Refused, or found right by concrete packets, which seldom meet the one entry of a table that was changed."""
    rng, refused, found = random.Random(kind.__name__), 0, 0
    for _ in range(MUTANTS):
        mutant = document(NF, "soft")
        kind(mutant, rng)
        proved = prove(mutant, "bitwuzla").verdict == "proved"
        wrong = parted(mutant, rng, "soft")
        assert not (proved and wrong)
        refused += not proved
        found += wrong
    assert refused > 0 and (found > 0 or kind is _move_entry)


def test_fields_are_no_bytes() -> None:
    """A function that mixes fields leaves bytes alone: the checker must not take the one for the other."""
    mutant = document(NF, "soft")
    mutant["ports"][0]["classes"]["vlan"] = ["software", ["src_ip", "dst_ip"]]
    report = prove(mutant, "bitwuzla")
    assert report.verdict == "damaged" and "no bytes" in str(report)


@pytest.mark.parametrize("inputs", [
    [["frame[30..33]"], ["if 13 12=88", "frame[34..37]"]], [["if 12 12=88", "frame[34..37]"]], [["if 13", "if 14"]],
])  # fmt: skip
def test_shapes_come_first_and_ask_for_what_is_there(inputs: list[list[str]]) -> None:
    mutant = document(NF, "soft")
    mutant["ports"][0]["classes"]["vlan"] = ["software", *inputs]
    assert prove(mutant, "bitwuzla").verdict == "damaged"


# --------------------------------------------------------------------------- flags


@pytest.mark.parametrize("card", ["soft", "e810"])
def test_places_that_flags_tell_are_proved(card: str) -> None:
    report = prove(document("carried", card), "bitwuzla")
    assert (report.verdict, report.failed) == ("proved", []) and report.obligations["pair"] >= 60


@pytest.mark.parametrize(("shape", "other", "proved"), [
    ("if 35 34=20/a0", "if 35 34=20/e0", False),  # frames with another flag, too, have the key there
    ("if 35 34=20/a0", "if 35 34=20", False),
    ("if 35 34=20/a0", "if 35 34=20/20", False),  # these are not all there
    ("if 35 34=20/a0", "if 36 34=20/a0", True),  # all frames that get there are as long
])  # fmt: skip
def test_other_flags(shape: str, other: str, proved: bool) -> None:
    mutant = document("carried", "soft")
    inputs = mutant["ports"][0]["classes"]["ipv4_other"]
    [mine] = [items for items in inputs if items[0] == shape]
    mine[0] = other
    assert prove(mutant, "bitwuzla").verdict == ("proved" if proved else "refuted")


def test_a_mask_is_one_of_a_byte() -> None:
    mutant = document("carried", "soft")
    mutant["ports"][0]["classes"]["ipv4_other"][1][0] = "if 35 34=20/a"
    assert prove(mutant, "bitwuzla").verdict == "damaged"


# --------------------------------------------------------------------------- indices that packets bring (R5)


@pytest.mark.parametrize("card", ["soft", "e810"])
def test_what_is_compared_is_proved(card: str) -> None:
    """A NAT behind tags: packets meet by the bytes that its entries are compared with."""
    report = prove(document("tagnat", card), "bitwuzla")
    assert (report.verdict, report.failed) == ("proved", []) and report.obligations["match"] >= 4


@pytest.mark.parametrize("change", [_no_shape, _other_shape])
def test_packets_that_bring_indices_must_meet_the_entry(
    change: Callable[[dict[str, Any], random.Random], None],
) -> None:
    mutant = document("tagnat", "soft")
    change({"ports": mutant["ports"][1:]}, random.Random(1))
    report = prove(mutant, "bitwuzla")
    assert report.verdict == "refuted" and any("who matches an entry" in f["text"] for f in report.failed), str(report)


CHANGES = {
    "gen/anyhost_parallel.c": [
        ("{ MAESTRO_VLAN, 0, {0}, {1, {{30, 4}}} }", "{ MAESTRO_VLAN, 0, {0}, {1, {{26, 4}}} }"),
        ("{ MAESTRO_VLAN, 0, {0}, {1, {{30, 4}}} }", "{ MAESTRO_MALFORMED, 0, {0}, {1, {{30, 4}}} }"),
        ("{ MAESTRO_VLAN, 13, {1, {{12, 0x88, 0xff}}}, {1", "{ MAESTRO_VLAN, 13, {1, {{12, 0x81, 0xff}}}, {1"),
        ("{ MAESTRO_VLAN, 13, {1, {{12, 0x88, 0xff}}}, {1", "{ MAESTRO_VLAN, 14, {1, {{12, 0x88, 0xff}}}, {1"),
        ("{ MAESTRO_VLAN, 13, {1, {{12, 0x88, 0xff}}}, {1", "{ MAESTRO_VLAN, 13, {0}, {1"),
        ("{ MAESTRO_VLAN, 13, {1, {{12, 0x88, 0xff}}}, {1", "{ MAESTRO_VLAN, 13, {1, {{12, 0x88, 0x8f}}}, {1"),
        (".n_byte_inputs = 3", ".n_byte_inputs = 2"),
        (".byte_inputs = byte_inputs_0", ".byte_inputs = byte_inputs_1"),
        (".byte_inputs = byte_inputs_0,\n        .n_byte_inputs = 3,\n", ""),
        (".software_classes", ".byte_inputs = byte_inputs_1, .n_byte_inputs = 2, .software_classes"),
    ],
    "plan.json": [("frame[34..37]", "frame[30..33]"), ("software_bytes", "other_bytes"), ("12=88", "12=81")],
}


@pytest.mark.parametrize(("file", "change"), [(file, c) for file, changes in CHANGES.items() for c in changes])
def test_files_must_say_the_same(tmp_path: Path, file: str, change: tuple[str, str]) -> None:
    folder = write(tmp_path, NF, "soft")
    text = (folder / file).read_text()
    assert change[0] in text
    (folder / file).write_text(text.replace(*change))
    reseal(folder)
    with pytest.raises(BindingError, match=r"is not that of the certificate|twice \.byte_inputs"):
        load(folder)
