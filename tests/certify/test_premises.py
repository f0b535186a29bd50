"""The NFs that the sharding analysis refuses, passed off as sharded and with all packets on one worker: what the checker
refuses is the premises.  What it accepts nevertheless it trusts, and docs/certificate.md says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import test_in_step
import test_interchange
from builds import ROOT
from small_nfs import PRELUDE

from maestro_tool.certificate import write
from maestro_tool.cli.certify import prove
from maestro_tool.frontend import load_program
from maestro_tool.frontend.ir import Program
from maestro_tool.nic import load_profile
from maestro_tool.rss import solve
from maestro_tool.sharding import derive_plan
from maestro_tool.smtlib.frames import CLASSES
from maestro_tool.symex import Analysis, Limits, analyse

SOFT = load_profile(ROOT / "configs" / "soft.yaml", [ROOT / "configs"])
#: Read of an entry what its present owner did not write.
TRUSTED = ("what an earlier owner left", "is read before", "read before the packet")


def passed_off(folder: Path, body: str, like: str | None = None) -> dict[str, Any]:
    """Its certificate; steered by software as the plan of the NF ``like`` wants it, or all to one worker."""
    program, analysis = _analysed(folder, body)
    plan = derive_plan(analysis)
    constraints = () if like is None else derive_plan(_analysed(folder, like)[1]).constraints
    sharded = [replace(d, treatment="sharded", split=True, ranged=True) if d.written else d for d in plan.decisions]
    plan = replace(plan, decisions=tuple(sharded))
    text = write.text("nf", program, "", analysis, plan, solve(constraints, SOFT, 2), "shared-nothing", {})
    document: dict[str, Any] = json.loads(text)["certificate"]
    for port in document["ports"]:  # where nothing is hashed, all frames have index 0
        port |= {"classes": {name: ["software"] for name in CLASSES}, "software": port["software"] if like else {}}
    return document


def _analysed(folder: Path, body: str) -> tuple[Program, Analysis]:
    source = folder / "nf.c"
    source.write_text(PRELUDE + body + "\n  return 1 - device;\n}\n")
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
    trusted = any(said.startswith(t) for t in TRUSTED)
    assert report.verdict == ("proved" if trusted else "refuted"), [f["text"] for f in report.failed]


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
