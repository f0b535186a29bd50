"""R1 over bytes that no NIC hashes: what software may part packets by, and what it may not."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from raw_frames import INSIDE, PLAIN, RAW, touch
from small_nfs import Result, plan_of, same

from maestro_tool.nic import load_profile
from maestro_tool.packet.classes import classify
from maestro_tool.packet.fields import field_of
from maestro_tool.packet.kinds import kind_of
from maestro_tool.rss import problem, prove, solve_problem
from maestro_tool.rss.model import place, port_models
from maestro_tool.rss.solution import RssSolution, ports_json
from maestro_tool.rss.verify import check
from maestro_tool.sharding.plan import Code, Constraint

ROOT = Path(__file__).resolve().parents[4]
MAC_TABLE = """
static void touch_mac(uint8_t *address, vigor_time_t now) {
  struct Mac key, *stored;
  memcpy(key.b, address, 6);
  int index;
  if (map_get(mac_table.map, &key, &index)) { dchain_rejuvenate_index(mac_table.chain, index, now); return; }
  if (!dchain_allocate_new_index(mac_table.chain, &index, now)) return;
  vector_borrow(mac_table.keys, index, (void **)&stored);
  *stored = key;
  map_put(mac_table.map, stored, index);
  vector_return(mac_table.keys, index, stored);
}
int nf_process("""
BY_MAC = RAW.replace("int nf_process(", MAC_TABLE)
VLAN = "packet_length >= 38 && p[12] == 0x81 && p[13] == 0 && p[16] == 8 && p[17] == 0"
QINQ = (
    "packet_length >= 42 && p[12] == 0x88 && p[13] == 0xa8 && p[16] == 0x81 && p[17] == 0 && p[20] == 8 && p[21] == 0"
)
GRE = f"{PLAIN.replace('34', '80')} && p[14] == 0x45 && p[23] == 47"
VXLAN = f"{PLAIN.replace('34', '84')} && p[14] == 0x45 && p[23] == 17 && p[36] == 0x12 && p[37] == 0xb5"


def planned(folder: Path, body: str, prelude: str = RAW) -> Result:
    return plan_of(folder, body, prelude=prelude)


def solved(plan: Result, card: str) -> RssSolution:
    """Keys for the card; proved again by what does not know how they were found."""
    task = problem(plan.plan.constraints, load_profile(ROOT / f"configs/{card}.yaml"), 2)
    solution = solve_problem(task)
    assert solution.satisfiable and check(task, solution) == []
    assert all(prove.holds(c, solution) for c in plan.plan.constraints)
    return solution


SHARDED = {
    "mac": (BY_MAC, INSIDE + "touch_mac(p + 6, now);", {(0, 0, same("src_mac"))}),
    "vlan": (RAW, INSIDE + f"if ({VLAN})" + touch(30), {(0, 0, same("frame[30..33]"))}),
    "vxlan": (RAW, INSIDE + f"if ({VXLAN})" + touch(76), {(0, 0, same("frame[76..79]"))}),
    "vlan id": (
        RAW,
        INSIDE + "if (packet_length >= 18 && p[12] == 0x81 && p[13] == 0) touch_ip((p[14] & 15) << 8 | p[15], now);",
        {(0, 0, same("frame[14..15][11:0]"))},
    ),
    "tag or none": (
        RAW,
        INSIDE + f"if ({PLAIN})" + touch(26) + f" else if ({VLAN})" + touch(30),
        {
            (0, 0, (("frame[30..33]", "src_ip"),)),
            (0, 0, (("src_ip", "frame[30..33]"),)),
        },
    ),
    "out by source, in by destination": (
        BY_MAC,
        "touch_mac(device == 0 ? p + 6 : p, now);",
        {(0, 1, (("src_mac", "dst_mac"),))},
    ),
    "two tags or one": (
        RAW,
        INSIDE + f"if ({VLAN})" + touch(30) + f" else if ({QINQ})" + touch(34),
        {(0, 0, (("frame[30..33]", "frame[34..37]"),)), (0, 0, same("frame[34..37]"))},
    ),
    "a tunnel or none": (
        RAW,
        INSIDE + f"if ({VXLAN})" + touch(76) + f" else if ({PLAIN})" + touch(26),
        {(0, 0, (("frame[76..79]", "src_ip"),)), (0, 0, same("src_ip"))},
    ),
    "an error is about a flow of the other side": (
        RAW,
        f"if ({PLAIN} && p[23] == 6 && device == 0)" + touch(26) + f" else if ({PLAIN} && p[23] == 6)" + touch(30)
        + f" else if (device == 1 && {PLAIN} && packet_length >= 62 && p[23] == 1 && p[34] == 3 && p[51] == 6)" + touch(54),
        {(0, 1, (("src_ip", "frame[54..57]"),)), (0, 1, (("src_ip", "dst_ip"),))},
    ),
    "behind flags that say how long a header is": (
        RAW,
        INSIDE + f"if ({GRE}) {{ int at = 38; if (p[34] & 0x80) at += 4; if (p[34] & 0x20) at += 4;"
        " memcpy(&word, p + at + 12, 4); touch_ip(word, now); }",
        {(0, 0, ((f"frame[{a}..{a + 3}]", f"frame[{b}..{b + 3}]"),)) for a in (50, 54, 58) for b in (50, 54, 58)},
    ),
    "an offset is calculated from flags": (
        RAW,
        INSIDE + f"if ({GRE}) {{ int at = 50 + ((p[34] & 0x80) >> 5) + ((p[34] & 0x20) >> 3);"
        " memcpy(&word, p + at, 4); touch_ip(word, now); }",
        {(0, 0, ((f"frame[{a}..{a + 3}]", f"frame[{b}..{b + 3}]"),)) for a in (50, 54, 58) for b in (50, 54, 58)},
    ),
    "behind labels": (
        RAW,
        INSIDE + "if (packet_length >= 60 && p[12] == 0x88 && p[13] == 0x47) for (int at = 14, n = 0; n < 3; n++, at += 4)"
        "{ uint32_t label; memcpy(&label, p + at, 4);"
        "  if (rte_be_to_cpu_32(label) >> 8 & 1) { memcpy(&word, p + at + 16, 4); touch_ip(word, now); return 1; } }",
        {(0, 0, ((f"frame[{a}..{a + 3}]", f"frame[{b}..{b + 3}]"),)) for a in (30, 34, 38) for b in (30, 34, 38)},
    ),
    "behind options of ipv4": (
        RAW,
        INSIDE + "if (packet_length >= 80 && p[12] == 8 && p[13] == 0 && (p[14] & 15) >= 5)"
        "{ uint16_t port; memcpy(&port, p + 14 + 4 * (p[14] & 15), 2); touch_ip(port, now); }",
        {(0, 0, ((f"frame[{4 * a + 14}..{4 * a + 15}]", f"frame[{4 * b + 14}..{4 * b + 15}]"),))
         for a in range(6, 16) for b in range(6, 16)},
    ),
    "ports of sctp": (
        RAW,
        INSIDE + "if (packet_length >= 38 && p[12] == 8 && p[13] == 0 && p[23] == 132)"
        "{ uint16_t port; memcpy(&port, p + 34, 2); touch_ip(port, now); }",
        {(0, 0, same("frame[34..35]"))},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHARDED)
def test_what_software_can_hash_is_sharded(tmp_path: Path, name: str) -> None:
    prelude, body, constraints = SHARDED[name]
    r = planned(tmp_path, body, prelude)
    assert r.plan.shardable, r.texts
    assert constraints <= r.constraints
    assert any(c.in_software for c in r.plan.constraints)


@pytest.mark.parametrize("card", ["soft", "e810"])
@pytest.mark.parametrize("name", ["mac", "tag or none", "out by source, in by destination", "two tags or one",
                                  "a tunnel or none", "an error is about a flow of the other side", "behind labels",
                                  "behind flags that say how long a header is", "behind options of ipv4"])  # fmt: skip
def test_related_packets_meet(tmp_path: Path, name: str, card: str) -> None:
    """By the tool's model of steering, for random pairs of frames that constraints relate; and others part."""
    prelude, body, _ = SHARDED[name]
    r, rng = planned(tmp_path, body, prelude), Random(name)
    models = port_models({"ports": ports_json(solved(r, card))})
    seen: set[int] = set()
    for _ in range(400):
        c = rng.choice(r.plan.constraints)
        frames = [frame_of(rng, c, side) for side in (0, 1)]
        _copy(c, frames)
        if all(_is_one_of(bytes(f), names) for f, names in zip(frames, c.classes, strict=True)):
            placed = [place(models[port], bytes(f), 5) for port, f in zip(c.ports, frames, strict=True)]
            assert placed[0].worker == placed[1].worker
            seen.add(placed[0].worker)
    assert seen == set(range(5))


def frame_of(rng: Random, c: Constraint, side: int) -> bytearray:
    """Of one of the kinds on that side, more or less."""
    frame, kind = bytearray(rng.randbytes(rng.choice((80, 90)))), kind_of(rng.choice(c.classes[side]))
    if kind.base in ("vlan", "non_ip"):
        frame[12:14] = {"vlan": b"\x81\x00", "non_ip": b"\x88\x47"}[kind.base]
    else:
        frame[12:15], frame[16:18], frame[20:22] = b"\x08\x00\x45", b"\x00\x32", b"\0\0"
        frame[23] = rng.choice((1, 6, 17))
    for offset, value, mask in kind.shape.tests if kind.shape else ():
        frame[offset] = frame[offset] & ~mask | value
    return frame


def _is_one_of(frame: bytes, kinds: tuple[str, ...]) -> bool:
    return any(kind.base == classify(frame) and kind.fits(frame) for kind in map(kind_of, kinds))


def _copy(c: Constraint, frames: list[bytearray]) -> None:
    for x, y in c.equal:
        f, g = field_of(x.field), field_of(y.field)
        frames[1][g.offset : g.offset + g.size] = frames[0][f.offset : f.offset + f.size]


def test_the_nic_does_what_it_can(tmp_path: Path) -> None:
    prelude, body, _ = SHARDED["tag or none"]
    port = solved(planned(tmp_path, body, prelude), "e810").ports[0]
    steering = dict(port.steering)
    assert (steering["tcp4"], steering["vlan"], steering["non_ip"]) == ("nic", "software", "any")
    assert port.of_bytes == (("vlan", ("frame[30..33]",)),)


SHARED = {
    # A packet looks for what others have put under another address.
    "bridge": (BY_MAC, "touch_mac(p + 6, now); touch_mac(p, now);", {Code.KEYS_DISJOINT}),
    # One class, of which no function of bytes says where the address is.
    "places that nothing tells apart": (
        RAW,
        f"if ({VLAN} && p[20] % 3)" + touch(30) + f" else if ({VLAN})" + touch(34),
        {Code.PLACES_NOT_TOLD},
    ),
    "more places than are asked for": (
        RAW,
        "if (packet_length < 150 || p[12] != 0x88 || p[13] != 0x47) return device;"
        "for (int at = 14, n = 0; n < 18; n++, at += 4)"
        "  if (p[at + 2] & 1) { memcpy(&word, p + at + 16, 4); touch_ip(word, now); return 1; }",
        {Code.PLACES_NOT_TOLD},
    ),
    "two places of one frame": (
        RAW,
        f"if ({VLAN})" + touch(30) + f" if ({VLAN} && p[20] == 1)" + touch(34),
        {Code.KEYS_DISJOINT, Code.OUTSIDE_VIEW},
    ),
    # They meet whatever is hashed, also where the key is something else.
    "two places of one frame, or calculated": (
        RAW,
        f"if ({VLAN})" + touch(30) + f" if ({VLAN} && p[20] == 1)" + touch(34)
        + " else if (packet_length >= 60) { memcpy(&word, p + 50, 4); touch_ip(word / 3, now); }",
        {Code.KEYS_DISJOINT, Code.OUTSIDE_VIEW},
    ),
    # Short frames meet each other, and those whose bytes are the constant: where these lie no view says.
    "short frames": (RAW, f"if ({VLAN})" + touch(30) + " else touch_ip(7, now);", {Code.OUTSIDE_VIEW}),
    "far behind": (RAW, "if (packet_length >= 600)" + touch(300), {Code.KEY_NOT_HASHED}),
    "calculated": (
        RAW,
        "if (packet_length >= 60) { memcpy(&word, p + 50, 4); touch_ip(word / 3, now); }",
        {Code.KEY_NOT_HASHED},
    ),
    # All that TCP has is on one core then.
    "protocols": (RAW, f"if ({PLAIN}) touch_ip(p[23], now);", {Code.KEY_NOT_HASHED}),
}  # fmt: skip


@pytest.mark.parametrize("name", SHARED)
def test_what_does_not_meet_by_the_same_bytes_is_shared(tmp_path: Path, name: str) -> None:
    prelude, body, codes = SHARED[name]
    r = planned(tmp_path, INSIDE + body, prelude)
    assert not r.plan.shardable and r.plan.constraints == ()
    assert {o.code for o in r.plan.obstacles} == codes


def test_what_cards_hash_is_not_given_up(tmp_path: Path) -> None:
    """A table by source and one by MAC address have nothing in common: the one that no card hashes is shared."""
    body = INSIDE + f"if ({PLAIN})" + touch(26) + " touch_mac(p + 6, now);"
    r = planned(tmp_path, body, BY_MAC)
    assert r.constraints == {(0, 0, same("src_ip"))}
    assert r.named("shared") == {"mac_table.map", "mac_table.keys", "mac_table.chain"}
    assert {o.code for o in r.plan.obstacles} == {Code.NOTHING_IN_COMMON}


def test_tables_that_agree_are_both_sharded(tmp_path: Path) -> None:
    body = (
        INSIDE
        + f"if ({VLAN}) {{ touch_mac(p + 6, now); touch_mac(p + 6, now); memcpy(&word, p + 6, 4); touch_ip(word, now); }}"
    )
    r = planned(tmp_path, body, BY_MAC)
    assert r.plan.shardable, r.texts
    assert (0, 0, same("frame[6..9]")) in r.constraints
