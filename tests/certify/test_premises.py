"""The NFs that the sharding analysis refuses, passed off as sharded and with all packets on one worker: what the checker
refuses is the premises.  What it accepts nevertheless it trusts, and docs/certificate.md says so."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import test_blocks
import test_found_by_a_sceptic as sceptic
import test_in_step
import test_interchange
import test_several_keys
from builds import ROOT
from small_nfs import PRELUDE

from maestro_tool.certificate import write
from maestro_tool.certificate.read import Certificate
from maestro_tool.certify.obligations import Checker
from maestro_tool.cli.certify import prove
from maestro_tool.frontend import load_program
from maestro_tool.frontend.ir import Program
from maestro_tool.nic import load_profile
from maestro_tool.rss import solve
from maestro_tool.sharding import derive_plan
from maestro_tool.smtlib.frames import CLASSES
from maestro_tool.symex import Analysis, Limits, analyse

SOFT = load_profile(ROOT / "configs" / "soft.yaml", [ROOT / "configs"])


def passed_off(folder: Path, body: str, like: str | None = None, prelude: str = PRELUDE) -> dict[str, Any]:
    """Its certificate; steered by software as the plan of the NF ``like`` wants it, or all to one worker."""
    program, analysis = _analysed(folder, body, prelude)
    plan = derive_plan(analysis)
    constraints = () if like is None else derive_plan(_analysed(folder, like, prelude)[1]).constraints
    sharded = [replace(d, treatment="sharded", split=True, ranged=True) if d.written else d for d in plan.decisions]
    plan = replace(plan, decisions=tuple(sharded))
    text = write.text("nf", program, "", analysis, plan, solve(constraints, SOFT, 2), "shared-nothing", {})
    document: dict[str, Any] = json.loads(text)["certificate"]
    for port in document["ports"]:  # where nothing is hashed, all frames have index 0
        port |= {"classes": {name: ["software"] for name in CLASSES}, "software": port["software"] if like else {}}
    for obj, ways in Checker(Certificate(document), lambda text: False)._chains().items():
        for chain, _ in (w for w in ways if document["objects"][obj]["kind"] == "vector"):
            entries = document["objects"][obj]["capacity"] // document["objects"][chain]["capacity"]
            document["objects"][obj]["led_by"] = [chain, entries]  # which the program makes sure of
    return document


def _analysed(folder: Path, body: str, prelude: str) -> tuple[Program, Analysis]:
    source = folder / "nf.c"
    source.write_text(prelude + body + "\n  return 1 - device;\n}\n")
    program = load_program([source], [], [])
    return program, analyse(program, (), 2, Limits())


def _cases(test: Any) -> list[Any]:
    return [
        pytest.param(change, said, id=f"{'-'.join(change)}: {said}"[:60]) for change, said in test.pytestmark[0].args[1]
    ]


def test_the_nf_itself_is_proved(tmp_path: Path) -> None:
    report = prove(passed_off(tmp_path, test_in_step.NF.format(**test_in_step.FINE)), "bitwuzla")
    assert report.failed == []
    assert report.obligations["pair"] > 0


@pytest.mark.parametrize(("change", "said"), _cases(test_in_step.test_one_thing_wrong))
def test_one_thing_wrong(tmp_path: Path, change: dict[str, str], said: str) -> None:
    report = prove(passed_off(tmp_path, test_in_step.NF.format(**{**test_in_step.FINE, **change})), "bitwuzla")
    assert report.verdict == "refuted"


@pytest.mark.parametrize("name", test_several_keys.ACCEPTED)
def test_several_keys_of_one_packet_are_proved(tmp_path: Path, name: str) -> None:
    body = test_several_keys.START + test_several_keys.ACCEPTED[name]
    assert prove(passed_off(tmp_path, body, body), "bitwuzla").failed == []


@pytest.mark.parametrize("name", test_several_keys.REFUSED)
def test_several_keys_of_one_packet(tmp_path: Path, name: str) -> None:
    body = test_several_keys.START + test_several_keys.REFUSED[name][0]
    assert prove(passed_off(tmp_path, body), "bitwuzla").verdict == "refuted"


def test_an_index_that_packets_bring_is_proved(tmp_path: Path) -> None:
    report = prove(passed_off(tmp_path, test_interchange.nat(), test_interchange.nat()), "bitwuzla")
    assert report.failed == []
    assert report.obligations["match"] > 0


@pytest.mark.parametrize(("change", "said"), _cases(test_interchange.test_refusals))
def test_an_index_that_packets_bring(tmp_path: Path, change: dict[str, str], said: str | None) -> None:
    document = passed_off(tmp_path, test_interchange.nat(**change), test_interchange.nat())
    assert prove(document, "bitwuzla").verdict == ("proved" if said is None else "refuted")


@pytest.mark.parametrize("compared", test_interchange.test_ways_to_compare.pytestmark[0].args[1])
def test_ways_to_compare(tmp_path: Path, compared: str) -> None:
    document = passed_off(tmp_path, test_interchange.nat(compared=compared), test_interchange.nat())
    assert prove(document, "bitwuzla").verdict == "proved"


# --------------------------------------------------------------------------- what a sceptic found in the lemmas


def _refused(folder: Path, body: str, prelude: str = PRELUDE) -> str:
    """Why."""
    report = prove(passed_off(folder, body, prelude=prelude), "bitwuzla")
    assert report.verdict == "refuted"
    return " / ".join(f["text"] for f in report.failed)


@pytest.mark.parametrize(
    ("which", "said"),
    [("frees the new index", "its key stays"), ("frees twice", "freed twice")],
)
def test_the_order_of_erasing_putting_and_freeing(tmp_path: Path, which: str, said: str) -> None:
    assert said in _refused(tmp_path, sceptic.out_of_order(which))


def test_an_index_without_a_key(tmp_path: Path) -> None:
    """UDP takes an index that no key leads to; without expiry that harms nobody."""
    body = """
  if (ip->next_proto_id == 17) return dchain_allocate_new_index(ip_table.chain, &j, now);
  if (map_get(ip_table.map, &k, &i)) { dchain_rejuvenate_index(ip_table.chain, i, now); return 3; }
"""
    body = sceptic.LOCALS + body + sceptic.NEW
    assert "no key leads to" in _refused(tmp_path, sceptic.EXPIRE + body)
    assert prove(passed_off(tmp_path, body), "bitwuzla").failed == []


def test_an_index_of_which_no_one_knows_whose_it_is(tmp_path: Path) -> None:
    """It was found before another was freed, and a new one taken: for all that the packet knows, this is the same."""
    body = """
  struct Ip o = { ip->dst_addr };
  if (!map_get(ip_table.map, &k, &i)) {
NEW return 3; }
  if (!map_get(ip_table.map, &o, &q)) return 4;
  map_erase(ip_table.map, &k, &t);
  dchain_free_index(ip_table.chain, i);
  struct Ip z = { ip->src_addr ^ 5 };
  if (map_get(ip_table.map, &z, &j) || !dchain_allocate_new_index(ip_table.chain, &j, now)) return device;
  vector_borrow(ip_table.keys, j, (void **)&s);
  *s = z;
  map_put(ip_table.map, s, j);
  USE
""".replace("NEW", sceptic.NEW)
    used = body.replace("USE", "dchain_rejuvenate_index(ip_table.chain, q, now);")
    assert "another's by then" in _refused(tmp_path, sceptic.LOCALS + used)
    assert prove(passed_off(tmp_path, sceptic.LOCALS + body.replace("USE", "")), "bitwuzla").failed == []


@pytest.mark.parametrize(
    "limit", ["(uint64_t)now + 0x7ffffffffffffff0ull", "(uint64_t)now + 5", "(uint64_t)now - (uint64_t)-5"]
)
def test_a_limit_that_wraps_or_lies_ahead(tmp_path: Path, limit: str) -> None:
    wraps = sceptic.EXPIRE.replace("now - 100", f"(vigor_time_t)({limit})")
    body = sceptic.LOCALS + "if (map_get(ip_table.map, &k, &i)) return 3;" + sceptic.NEW
    assert "what is too old" in _refused(tmp_path, wraps + body)


def test_indices_of_a_later_worker_fit_vectors(tmp_path: Path) -> None:
    larger = PRELUDE.replace("dchain_allocate(1024, &t->chain)", "dchain_allocate(2048, &t->chain)")
    body = "if (!map_get(ip_table.map, &k, &j)) {" + sceptic.NEW + "}"
    assert "a later worker" in _refused(tmp_path, sceptic.LOCALS + body, larger)
    assert prove(passed_off(tmp_path, sceptic.LOCALS + body), "bitwuzla").failed == []


def test_keys_inside_of_elements(tmp_path: Path) -> None:
    body = """
  if (map_get(found, &k, &i)) return 5;
  if (!dchain_allocate_new_index(places, &i, now)) return device;
  vector_borrow(entries, i, (void **)&e);
  e->key.addr = ip->src_addr;
  map_put(found, &e->key, i);
"""
    assert "from an element's start" in _refused(tmp_path, sceptic.LOCALS + body, sceptic.ENTRIES)


def test_indices_out_of_packets_are_in_range(tmp_path: Path) -> None:
    body = (
        "if (ports == NULL) return device; uint32_t *c; {} vector_borrow(values, ports->dst_port, (void **)&c); (*c)++;"
    )
    assert "there is such an entry" in _refused(tmp_path, body.replace("{}", ""))
    inside = body.replace("{}", "if (ports->dst_port >= 1024) return device;")
    report = prove(passed_off(tmp_path, inside), "bitwuzla")
    assert report.failed == []
    assert report.obligations["range"] > 0


def _cases_of_blocks() -> list[dict[str, str]]:
    test = sceptic.test_the_number_of_an_index_does_not_decide_which_entries_of_a_block_are_meant
    found: list[dict[str, str]] = test.pytestmark[0].args[1]
    left = "uint32_t n = *v < 4 ? *v : 4;" + sceptic.SIBLING + sceptic.ERASE.format("w * 4", "w * 4 + (int)n") + "}"
    return [*found, {"clean": left}]


def test_blocks_are_proved(tmp_path: Path) -> None:
    body = test_blocks.NF.format(**test_blocks.FINE)
    report = prove(passed_off(tmp_path, body, body, test_blocks.PRELUDE), "bitwuzla")
    assert report.failed == []
    assert report.obligations["left"] > 0


@pytest.mark.parametrize("change", _cases_of_blocks(), ids=str)
def test_what_does_not_decide_about_blocks(tmp_path: Path, change: dict[str, str]) -> None:
    """Neither the number of the index, nor what an earlier owner left of another index's."""
    body = test_blocks.NF.format(**{**test_blocks.FINE, **change})
    like = test_blocks.NF.format(**test_blocks.FINE)
    assert prove(passed_off(tmp_path, body, like, test_blocks.PRELUDE), "bitwuzla").verdict == "refuted"


def test_keys_of_which_only_the_bytes_are_known(tmp_path: Path) -> None:
    """A map whose equality is no conjunction: what is shared needs no names, what is sharded does."""
    prelude = PRELUDE.replace("->addr == ((struct Ip *)b)->addr", "->addr / 3 == ((struct Ip *)b)->addr / 3")
    body = "touch_ip(ip->src_addr, now); int i; struct Ip k = { ip->dst_addr }; if (!map_get(ip_table.map, &k, &i)) return 3;"
    program, analysis = _analysed(tmp_path, body, prelude)
    plan = derive_plan(analysis)
    assert {d.treatment for d in plan.decisions if d.written} == {"shared"}
    text = write.text("nf", program, "", analysis, plan, solve((), SOFT, 2), "locks", {})
    assert prove(json.loads(text)["certificate"], "bitwuzla").failed == []
    assert "not known which keys are equal" in _refused(tmp_path, body, prelude)


def test_groups_are_closed(tmp_path: Path) -> None:
    """The entries that a core's own indices lead to are shared, or the other way round."""
    body = test_in_step.NF.format(**test_in_step.FINE)
    original = passed_off(tmp_path, body)
    for name in ("values", "ip_table.keys", "ip_table.chain", "ip_table.map"):
        document = copy.deepcopy(original)
        [obj] = [o for o in document["objects"] if o["name"] == name]
        obj |= {"treatment": "shared", "guarded": True}
        assert prove(document, "bitwuzla").verdict == "refuted", name
