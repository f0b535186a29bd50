"""Where no RSS keys are found: what needs them is shared, with the reason, and the rest is sharded."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import PRELUDE

from maestro_tool import pipeline, strategies
from maestro_tool.cache import NoCache
from maestro_tool.frontend import load_program
from maestro_tool.nic import load_profile
from maestro_tool.rss import RssSolution
from maestro_tool.sharding import derive_plan
from maestro_tool.sharding.outcome import words
from maestro_tool.sharding.plan import Code, ShardingPlan
from maestro_tool.symex import Limits, analyse

ROOT = Path(__file__).resolve().parents[3]
SUMS = "(rte_be_to_cpu_16(ports->src_port) + rte_be_to_cpu_16(ports->dst_port)) % 13"
FLOWS = "touch_ip_port(ip->src_addr, ports->src_port, now);"


def chosen(folder: Path, body: str, wanted: str = "auto") -> tuple[strategies.Choice, list[str]]:
    """What is decided if no keys are found for relations that are no equalities of fields; and the obstacles in words."""
    source = folder / "nf.c"
    source.write_text(PRELUDE + f"if (ports == NULL || device != 0) return device; {body} return 1 - device; }}")
    program = load_program([source], [], [])
    analysis = analyse(program, (), 2, Limits())
    profiles = pipeline.per_port([load_profile(ROOT / "configs" / "soft.yaml")], 2)

    def solve(plan: ShardingPlan, software: bool) -> RssSolution:
        unsolved = tuple(n for n, c in enumerate(plan.constraints) if c.relation is not None)
        if unsolved:
            return RssSolution(False, "", 0, conflict=unsolved, reason="none were found")  # type: ignore[arg-type]
        return pipeline.solve(plan, profiles, NoCache(), pipeline.Stopwatch(), software=software)

    question = strategies.Question(
        program, analysis, derive_plan(analysis), profiles, solve, lambda given: derive_plan(analysis, given)
    )
    choice = strategies.choose(question, wanted)
    return choice, [words.obstacle(analysis, o).text for o in choice.plan.obstacles]


def test_all_is_shared_and_it_is_said_why(tmp_path: Path) -> None:
    choice, said = chosen(tmp_path, f"touch_ip({SUMS}, now);")
    assert choice.strategy.name == "locks"
    [text] = said
    assert "ip_table.map: packets meet of which port 0: equal (" in text and "% 13" in text
    assert [o.code for o in choice.plan.obstacles] == [Code.KEYS_NOT_FOUND]
    assert all(d.obstacle == 0 for d in choice.plan.decisions if d.treatment == "shared")
    assert any("none were found" in reason for reason in choice.strategy.why)


def test_what_has_keys_is_sharded(tmp_path: Path) -> None:
    choice, said = chosen(tmp_path, f"touch_ip({SUMS}, now); {FLOWS}")
    assert choice.strategy.name == "hybrid" and len(said) == 1
    assert [len(c.equal) for c in choice.plan.constraints] == [2]
    treated = {d.object: d.treatment for d in choice.plan.decisions if d.written}
    assert list(treated.values()) == ["shared"] * 3 + ["sharded"] * 3


def test_what_is_only_counted_each_core_counts_for_itself(tmp_path: Path) -> None:
    count = f"uint32_t *v; vector_borrow(values, {SUMS}, (void **)&v); *v += 1;"
    choice, said = chosen(tmp_path, count + FLOWS)
    assert choice.strategy.name == "shared-nothing" and not said
    assert {d.treatment for d in choice.plan.decisions if d.written} == {"per-core", "sharded"}


@pytest.mark.parametrize("wanted", ["shared-nothing", "handoff"])
def test_who_asks_for_a_strategy_gets_that_or_the_reason(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(Exception, match="no RSS configuration satisfies the constraints: none were found"):
        chosen(tmp_path, f"touch_ip({SUMS}, now); {FLOWS}", wanted)
