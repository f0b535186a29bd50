"""The checker's packet classes, views and hashes are the tool's: two definitions, made apart."""

from __future__ import annotations

import random

import pytest
from builds import CARDS, document, frames, part_of

from maestro_tool.packet.classes import CLASSES as TABLE
from maestro_tool.packet.classes import classify, view
from maestro_tool.packet.fields import ALL_FIELDS, INPUT_BITS
from maestro_tool.smtlib import frames as checked
from maestro_tool.smtlib.frames import CLASSES
from maestro_tool.smtlib.solvers import solve
from maestro_tool.smtlib.terms import Pool, Script


def _of(frame: bytes, script: Script) -> list[str]:
    """Claims that packet a is this frame."""
    claims = [f"(= {script.symbol('a', 'pkt_len', 16)} (_ bv{len(frame)} 16))"]
    return claims + [f"(= {script.symbol('a', f'pkt.{n}', 8)} (_ bv{b} 8))" for n, b in enumerate(frame)]


def test_all_classes_and_fields() -> None:
    """In the order of the program's bits."""
    assert tuple(TABLE) == CLASSES
    for name, (offset, size) in checked.FIELDS.items():
        assert (8 * size == INPUT_BITS[name]) and (offset is None or offset == ALL_FIELDS[name].offset)
    assert set(checked.FIELDS) == set(INPUT_BITS)


def test_classes_and_views() -> None:
    rng, seen = random.Random(1), set()
    source = frames(rng)
    for _ in range(150):
        frame = bytearray(next(source))
        if rng.random() < 0.3:
            frame[rng.choice((14, 16, 17, 18, 20, 21)) % len(frame)] = rng.choice((0, 0x45, 0x46, 0x65, 0x20, 255))
        if len(frame) > 23 and rng.random() < 0.2:
            frame[20 if frame[12] == 0x86 else 23] = rng.choice((44, 132, 1, 17))
        name, seen_as = classify(bytes(frame)), str(view(bytes(frame))).lower()
        seen.add(name)
        script = Script(Pool([]), {"a": 0})
        right = [checked.predicate(script, "a", name), checked.predicate(script, "a", seen_as)]
        others = [checked.predicate(script, "a", n) for n in CLASSES if n != name]
        wrong = f"(or (not (and {' '.join(right)})) {' '.join(others)})"
        assert solve(script.text([*_of(frame, script), wrong]), "bitwuzla")[0] == "unsat", (name, frame.hex())
    assert len(seen) >= 12


@pytest.mark.parametrize(("name", "card"), [("fw", "e810"), ("nat", "soft"), ("psd", "connectx"), ("fw", CARDS[0])])
def test_parts(name: str, card: str) -> None:
    rng, port = random.Random(card), document(name, card)["ports"][1]
    source, tried = frames(rng), 0
    while tried < 25:
        frame = bytes(next(source))
        for items, kinds in checked.modes(port).items():
            named = [k for k in kinds if k[0] == classify(frame) and k[1:] in ((), (str(view(frame)).lower(),))]
            if items is None or not named or any("?" in i for i in items):
                continue
            script = Script(Pool([]), {"a": 0})
            found = checked.part(script, "a", port, items)
            port_alone = {**port, "classes": {classify(frame): ["nic", list(items)]}}
            claim = f"(distinct {found} (_ bv{part_of(port_alone, frame, rng)} 16))"
            assert solve(script.text([*_of(frame, script), claim]), "bitwuzla")[0] == "unsat"
            tried += 1


@pytest.mark.parametrize("function", ["toeplitz", "xor", "sort"])
def test_functions(function: str) -> None:
    rng, port = random.Random(function), document("fw", "e810")["ports"][1] | {"function": function}
    source = frames(rng)
    for _ in range(15):
        frame = next(source).ljust(60, b"\1")
        items = rng.choice(
            (("src_ip", "dst_ip", "src_port", "dst_port"), ("src_ip", "dst_ip", "dst_port"), ("dst_port", "src_port"))
        )
        script = Script(Pool([]), {"a": 0})
        port["classes"] = {classify(bytes(frame)): ["nic", list(items)]}
        claim = f"(distinct {checked.part(script, 'a', port, items)} (_ bv{part_of(port, bytes(frame), rng)} 16))"
        assert solve(script.text([*_of(frame, script), claim]), "bitwuzla")[0] == "unsat"


@pytest.mark.parametrize("card", CARDS)
def test_where_cards_read(card: str) -> None:
    """That a card reads a field elsewhere than NFs do follows from its class: the certificate need not say it."""
    for port in document("pol", card)["ports"]:
        unmarked = {
            name: [how, *([i.lstrip("?") for i in items] for items in inputs)]
            for name, (how, *inputs) in port["classes"].items()
        }
        assert checked.modes({**port, "classes": unmarked}) == checked.modes(port)
