"""Who hashes on which card, in words; and what cards offer that plans do without."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rss_cases import CONFIGS, FW, NOP, POL, profile

from maestro_tool.rss import problem, prove, solve, solve_problem
from maestro_tool.rss.strategy import strategy_of, unused

ALL = sorted(p.stem for p in CONFIGS.glob("*.yaml"))
BY_HAND = {
    "ena", "af_packet", "af_xdp", "virtio-norss", "82599vf", "em", "gve", "idpf", "mana", "memif", "mlx4", "netvsc", "nfp",
    "vhost",
}  # fmt: skip


@pytest.mark.parametrize("nic", ALL)
def test_each_card_has_a_strategy_and_says_why(nic: str) -> None:
    card = profile(nic)
    chosen = strategy_of(solve(FW, card, 2), (card, card))
    assert chosen.name == ("handoff" if nic in BY_HAND else "shared-nothing")
    assert [text.split(":")[0] for text in chosen.why[:2]] == ["port 0", "port 1"]
    assert ("hands packets to their owner" in chosen.why[0]) == (nic in BY_HAND)


@pytest.mark.parametrize(
    ("nic", "reason"),
    [
        ("ena", "ena does not always take a key"),
        ("virtio-norss", "virtio-norss never takes a key"),
        ("af_xdp", "net_af_xdp has no RSS"),
    ],
)
def test_reasons_to_hand_over(nic: str, reason: str) -> None:
    assert reason in strategy_of(solve(FW, profile(nic), 2), (profile(nic),) * 2).why[0]


def test_an_nf_without_state_needs_no_hand_off() -> None:
    chosen = strategy_of(solve(NOP, profile("ena"), 2), (profile("ena"),) * 2)
    assert chosen.name == "shared-nothing" and "any core" in chosen.why[0]


def test_software_may_do_what_the_card_could() -> None:
    card = profile("e810")
    task = problem(FW, card, 2, software=True)
    solution = solve_problem(task)
    chosen = strategy_of(solution, (card, card), forced=True)
    assert chosen.name == "handoff" and "asked for" in chosen.why[0]
    assert all(p.rss_hf == () and dict(p.steering)["tcp4"] == "software" for p in solution.ports)
    assert all(prove.holds(c, solution) for c in FW)


def test_what_the_card_does_not_hash_is_said() -> None:
    """vmxnet3 hashes TCP only; nothing of it is assumed for UDP."""
    card = profile("vmxnet3")
    why = strategy_of(solve(FW, card, 2), (card, card)).why[0]
    assert why.startswith("port 0: the NIC steers tcp4; software steers udp4")


def test_parts_of_a_class_without_bytes_of_their_own_go_by_fields() -> None:
    """Of fragments, ICMP errors by what they are about, and the others as whole packets."""
    soft = profile("soft")
    solution = solve(FW, soft, 2)
    parts = (("ipv4_fragment[70 23=01]", ("frame[54..57]",)), ("ipv4_fragment[not 70 23=01]", ()))
    ports = tuple(replace(p, of_bytes=parts) for p in solution.ports)
    assert strategy_of(replace(solution, ports=ports), (soft, soft)).why[0] == (
        "port 0: the program hashes and dispatches, by frame[54..57] of ipv4_fragment[70 23=01]; "
        "header fields of ipv4_fragment[not 70 23=01]; no card is needed"
    )


def test_offers_that_are_not_used() -> None:
    texts = {nic: " / ".join(unused(solve(POL, profile(nic), 2).ports[1], profile(nic))) for nic in ALL}
    assert "RTE_ETH_RSS_FRAG_IPV4: advertised, but the driver does not program it" in texts["e810"]
    assert "hashing fewer fields (src_ip, src_ip-src_port, dst_ip, dst_ip-dst_port, by rte_flow)" in texts["e810"]
    assert "symmetric hashing (xor), by rte_flow: the key makes those packets meet" in texts["e810"]
    assert "rss_conf.algorithm" in texts["hns3"]
    assert "hashing fewer fields (src_ip, src_ip-src_port, dst_ip, dst_ip-dst_port)" in texts["connectx"]
    assert texts["82599"] == texts["soft"] == ""
