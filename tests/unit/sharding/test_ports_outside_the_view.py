"""Ports of frames that are neither TCP nor UDP are no fields: their packets are parted by addresses, or by bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import PRELUDE, Result, plan_of, same

RAW = PRELUDE.split("  struct rte_ether_hdr *ether")[0]
FRAME = """
  if (packet_length < 38 || device != 0) return device;
  uint8_t *p = nf_borrow_next_chunk(buffer, 38);
  if (p[12] != 8 || p[13] != 0 || p[14] != 0x45 || ({other})) return device;
  uint32_t src = *(uint32_t *)(p + 26); uint16_t port = *(uint16_t *)(p + 34);
"""
SCTP, ANY = "p[23] != 132", "p[23] != 132 && p[23] != 6"


def planned(folder: Path, other: str, then: str) -> Result:
    return plan_of(folder, FRAME.format(other=other) + then, prelude=RAW)


@pytest.mark.parametrize("other", [SCTP, ANY])
def test_addresses_are_left(tmp_path: Path, other: str) -> None:
    r = planned(tmp_path, other, "touch_ip_port(src, port, now);")
    assert r.plan.shardable, r.texts
    assert r.constraints == {(0, 0, same("src_ip"))}
    assert all("sctp4" in side for c in r.plan.constraints for side in c.classes)


@pytest.mark.parametrize("then", ["touch_ip_port(0, port, now);", "touch_ip_port(port ^ 7, 1, now);"])
def test_ports_alone_are_for_software(tmp_path: Path, then: str) -> None:
    r = planned(tmp_path, SCTP, then)
    assert r.plan.shardable and r.constraints == {(0, 0, same("frame[34..35]"))}, r.texts


def test_addresses_are_left_only_if_they_are_there(tmp_path: Path) -> None:
    body = FRAME.replace("p[12] != 8 || p[13] != 0 || p[14] != 0x45 || ({other})", "p[12] == 9")
    r = plan_of(tmp_path, body + "touch_ip_port(src, port, now);", prelude=RAW)
    assert r.plan.shardable and r.constraints == {(0, 0, same("frame[26..29]", "frame[34..35]"))}, r.texts


def test_a_frame_without_addresses_is_still_none(tmp_path: Path) -> None:
    """30 bytes end behind the source."""
    body = FRAME.replace("38", "30").replace("p[14] != 0x45 || ({other})", "p[14] != 0x45")
    r = plan_of(tmp_path, body.replace("*(uint16_t *)(p + 34)", "7") + "touch_ip_port(src, port, now);", prelude=RAW)
    assert r.plan.shardable and r.constraints == {(0, 0, same("frame[26..29]"))}, r.texts
