"""Which strategy each NF gets, and what is said when another is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool import nf, pipeline, profiles
from maestro_tool.cache import NoCache
from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.nic import load_profile
from maestro_tool.strategies import Choice

ROOT = Path(__file__).resolve().parents[2]

_ANALYSED: dict[str, pipeline.Analysed] = {}


def choose(name: str, strategy: str, nic: str = "soft") -> Choice:
    watch = pipeline.Stopwatch()
    if name not in _ANALYSED:
        function = nf.load(ROOT / "nfs" / name)
        request = pipeline.Request(function.sources, function.arguments, function.ports, (function.root,))
        _ANALYSED[name] = pipeline.analyse(request, NoCache(), watch)
    analysed = _ANALYSED[name]
    card = load_profile(profiles.resolve(nic), profiles.folders())
    cards = (card,) * analysed.analysis.ports
    return pipeline.decide(analysed, pipeline.load_again(analysed, watch), cards, strategy, NoCache(), watch)


@pytest.mark.parametrize(
    ("name", "nic", "strategy"),
    [
        ("fw", "e810", "shared-nothing"),
        ("fw", "ena", "handoff"),
        ("lb", "e810", "hybrid"),
        ("lb", "ena", "hybrid"),
        ("bridge", "e810", "locks"),
        ("bridge", "virtio-norss", "locks"),
        ("sbridge", "soft", "shared-nothing"),
    ],
)
def test_auto_takes_the_best_that_is_sound(name: str, nic: str, strategy: str) -> None:
    assert choose(name, "auto", nic).strategy.name == strategy


def test_auto_says_what_stood_in_the_way() -> None:
    why = choose("lb", "auto").strategy.why
    assert "not shared-nothing" in why[0] and "[R4] (" in why[0] and "lb_main.c:" in why[0]
    assert why[1].startswith("shared: ") and "state->backends" in why[1] and "flow" not in why[1]


ROUTES = """
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/lpm-dir-24-8.h"
struct nf_config { int unused; };
struct nf_config config;
void nf_config_init(int argc, char **argv) { (void)argc; (void)argv; }
void nf_config_usage(void) {}
void nf_config_print(void) {}
static struct lpm *routes;
bool nf_init(void) { return lpm_allocate(&routes); }
int nf_process(uint16_t device, uint8_t **buffer, uint16_t length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)buffer; (void)now; (void)mbuf;
  return device == 0 ? lpm_update_elem(routes, length, 32, 1) : lpm_lookup_elem(routes, length) == 1;
}
"""


@pytest.mark.parametrize("strategy", ["auto", "locks", "tm"])
def test_routes_that_packets_change_are_shared(tmp_path: Path, strategy: str) -> None:
    folder = tmp_path / "routes"
    folder.mkdir()
    (folder / "nf.c").write_text(ROUTES)
    choice = choose(str(folder), strategy)
    assert choice.strategy.name == ("tm" if strategy == "tm" else "locks")
    assert [d.treatment for d in choice.plan.decisions] == ["shared"]


@pytest.mark.parametrize(("name", "own"), [("fw", False), ("sbridge", True)])
def test_variables_are_one_copy_only_where_something_is_shared(name: str, own: bool) -> None:
    """`nf_init` then runs once; without shared state it runs for each worker, which needs variables of its own."""
    choose(name, "locks")
    card = load_profile(profiles.resolve("soft"), profiles.folders())
    files = pipeline.generate(_ANALYSED[name], (card,), name, "locks", NoCache(), pipeline.Stopwatch())
    program = files[f"gen/{name}_parallel.c"]
    assert (".globals_size" in program) == own and (".sharing" in program) != own


@pytest.mark.parametrize("strategy", ["locks", "tm"])
@pytest.mark.parametrize("name", ["fw", "lb", "nop"])
def test_everything_can_be_shared(name: str, strategy: str) -> None:
    choice = choose(name, strategy)
    assert choice.strategy.name == strategy and not choice.plan.constraints and not choice.plan.relaxations
    assert {d.treatment for d in choice.plan.decisions if d.written} <= {"shared"}
    assert (name == "nop") == any("nothing to share" in text for text in choice.strategy.why)


@pytest.mark.parametrize(
    ("name", "strategy", "nic", "reason", "located"),
    [
        ("bridge", "shared-nothing", "soft", "keyed by dst_mac here, by src_mac there", True),
        ("bridge", "handoff", "soft", "keyed by dst_mac here, by src_mac there", True),
        ("bridge", "hybrid", "soft", "nothing that packets write can be sharded", True),
        ("lb", "shared-nothing", "soft", "an entry of state->backend_ages is chosen by", True),
        ("fw", "hybrid", "soft", "every object that packets write can be sharded", False),
        ("fw", "shared-nothing", "ena", "hands packets to their owner", False),
        ("fw", "fast", "soft", "unknown strategy", False),
    ],
)
def test_what_is_not_sound_is_refused(name: str, strategy: str, nic: str, reason: str, located: bool) -> None:
    with pytest.raises(UnsupportedError) as caught:
        choose(name, strategy, nic)
    assert reason in caught.value.message
    assert (caught.value.location is not None) == located and caught.value.hint
