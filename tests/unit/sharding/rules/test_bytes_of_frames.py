"""Which bytes of a frame name an entry for software: those that are there in every frame, and say more than the protocol."""

from __future__ import annotations

from pathlib import Path

import pytest
from raw_frames import INSIDE, PLAIN, RAW, touch
from small_nfs import plan_of, question_of, same

from maestro_tool.sharding.plan import Code
from maestro_tool.sharding.rules.by_bytes import by_bytes
from maestro_tool.sharding.rules.key_equality import Side

IPV6 = "packet_length >= 54 && p[12] == 0x86 && p[13] == 0xdd && p[14] >> 4 == 6"
#: Port 0 asks under a byte of its own what port 1 puts.
ASKED = (
    "struct Ip k = {{ {} }}; int i; if (device == 0) return map_get(ip_table.map, &k, &i) ? 1 : 0;"
    "if (packet_length >= 60) touch_ip(p[30], now);"
)
MAC_TAIL = "uint16_t tail; memcpy(&tail, p, 2);"

FINE = {
    # On one side it is more than the protocol.  All frames have Ethernet's header.
    "ethertype of the one, byte of the other": (
        ASKED.format("p[13]"), {(0, 1, (("frame[13]", "frame[30]"),))},
    ),
    "part of an address where frames are IPv4": (INSIDE + f"if ({PLAIN})" + touch(6), {(0, 0, same("frame[6..9]"))}),
    "a field and more of the one, bytes of the other": (
        f"if (!({PLAIN})) return device; {MAC_TAIL} memcpy(&word, p + (device ? 6 : 26), 4);"
        "touch_ip_port(word, tail, now);",
        {
            (0, 0, same("src_ip")),
            (0, 1, (("frame[0..1]", "frame[0..1]"), ("frame[26..29]", "frame[6..9]"))),
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FINE)
def test_bytes_that_name_an_entry(tmp_path: Path, name: str) -> None:
    body, constraints = FINE[name]
    r = plan_of(tmp_path, body, prelude=RAW)
    assert r.plan.shardable and r.constraints == constraints, (r.texts, r.constraints)


@pytest.mark.parametrize(
    "body",
    # Few values, of which most are rare.
    ["touch_ip(p[13], now);", f"if ({IPV6}) touch_ip(p[20], now);", f"if ({PLAIN}) touch_ip(p[23], now);"],
)
def test_what_says_the_protocol_does_not(tmp_path: Path, body: str) -> None:
    r = plan_of(tmp_path, INSIDE + body, prelude=RAW)
    assert not r.plan.shardable and {o.code for o in r.plan.obstacles} == {Code.KEY_NOT_HASHED}, r.texts


def test_bytes_are_there_in_each_frame_that_comes_there(tmp_path: Path) -> None:
    """The path of longer frames reads them; those of shorter ones are asked about."""
    q = question_of(tmp_path, INSIDE + "if (packet_length >= 54)" + touch(50), prelude=RAW)
    a = next(a for a in q.scope.touched if a.how == "key")
    others = set(range(len(q.scope.analysis.paths))) - {x.path for x in q.scope.touched}
    side = Side(q.scope.analysis.paths[a.path], a.name, q.reach.classes([a.path]), a.loc, 4)
    assert others and by_bytes(q.reach, a.object, side, side, ({a.path}, {a.path})) is not None
    for paths in (({a.path}, others), (others, {a.path})):
        assert by_bytes(q.reach, a.object, side, side, paths) is None
