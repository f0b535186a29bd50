"""What `maestro predict` says, against callgrind, on NFs that prices were not fitted on (fit.py)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from instructions import tools

from maestro_tool import cli
from maestro_tool.certificate.binding import load as load_certificate
from maestro_tool.cli import predict
from maestro_tool.nf import load
from maestro_tool.predict.contract import COSTS
from tests.operations.library import Compiler
from tests.predict import errors
from tests.predict.counted import Bench, Row
from tests.predict.errors import SEEDS, error, of_nf, of_seed
from tests.predict.fit import fitted
from tests.replay.test_nfs import NFS

#: Of the mean of an NF's packets.
PROMISED = 0.10
#: Those further off, and how far at most.
FURTHER: dict[int, float] = {2007: 0.16, 2009: 0.28, 2014: 0.11}
GATE = ("fw",)
GATE_SEEDS = (2002,)

same_tools = pytest.mark.skipif(
    dict(tools()) != json.loads(COSTS.read_text(encoding="utf-8"))["tools"],
    reason=f"prices are of other tools than {dict(tools())}",
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("predict")
    return Bench(folder, Compiler(folder))


@same_tools
@pytest.mark.parametrize("name", [n if n in GATE else pytest.param(n, marks=pytest.mark.long) for n in NFS])
def test_nfs_of_the_tree(bench: Bench, name: str) -> None:
    found = of_nf(bench, name)
    assert not found.unpriced
    assert abs(found.of_mean) <= PROMISED, found.text


@same_tools
@pytest.mark.parametrize("seed", [s if s in GATE_SEEDS else pytest.param(s, marks=pytest.mark.long) for s in SEEDS])
def test_random_nfs(bench: Bench, seed: int) -> None:
    found = of_seed(bench, seed)
    assert not found.unpriced
    assert abs(found.of_mean) <= FURTHER.get(seed, PROMISED), found.text


def test_prices_are_found_again() -> None:
    """From counts that were made with them: of work that comes in different mixtures."""
    prices = {"packet": 10.0, "load": 2.0, "map_get yes": 31.0}
    mixtures = [(1, 0, 0), (1, 3, 0), (1, 1, 1), (1, 4, 2)]
    rows = [
        Row("x", "auto", n, 1, Counter(dict(zip(prices, of, strict=True))), sum(p * m for p, m in zip(prices.values(), of, strict=True)))
        for n, of in enumerate(mixtures)
    ]  # fmt: skip
    assert fitted(rows) == pytest.approx(prices, rel=0.01)
    assert all(price >= 0 for price in fitted([*rows, Row("x", "auto", 9, 1, Counter(packet=1, load=9), 5.0)]).values())


def test_errors_are_those_of_the_mean() -> None:
    burst = Row("x", "auto", -1, 0, Counter(), 64.0)
    rows = [Row("x", "auto", 0, 3, Counter(), 8.0), Row("x", "auto", 1, 1, Counter(nonsense=1), 28.0)]
    found = error([burst, *rows])
    assert (found.counted, found.predicted, found.of_mean) == (2 + 13, 0, -1)
    assert found.unpriced == ("nonsense",)


@pytest.fixture(scope="module")
def built(bench: Bench) -> Path:
    return bench.built(bench.recorded(load(errors.ROOT / "nfs" / "nop")), "auto")


def test_the_command(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in (built, built / "plan.json"):
        assert cli.main(["predict", str(place), "--json", "--cores", "4", "--speed", "5"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["schema"], said["nf"], said["strategy"]) == ("maestro-predict/1", "nop", "shared-nothing")
        assert said["machine"] == {"instructions_per_ns": 5.0, "ns_per_line": 45.0}
        assert {p["port"] for p in said["paths"]} == {0, 1}
        for p in said["paths"]:
            assert p["condition"] == "true" and p["lines"] == 0 and 8 < p["instructions"] < 15
            one, four = (r["missed"] for r in p["packets_per_second"])
            assert one == pytest.approx(5e9 / p["instructions"], rel=0.01) and four == pytest.approx(4 * one, rel=0.01)
    assert cli.main(["predict", str(built)]) == 0
    assert capsys.readouterr().out.startswith("port 0\n  12 instructions, 0 lines; million packets/s on cores 1: ")


def test_what_is_no_build(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["predict", str(tmp_path)]) == 1
    assert "is no build: cannot read" in capsys.readouterr().err
    assert cli.main(["predict", str(tmp_path / "fw")]) == 1
    assert "give plan.json of a build, or its folder" in capsys.readouterr().err
    for words in (["--cores", "0"], ["--cores", "x"], ["--speed", "0"], ["--line", "nan"]):
        assert cli.main(["predict", str(built), *words]) == 2
    for file in built.glob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "plan.json").write_text("{}")
    assert cli.main(["predict", str(tmp_path / "plan.json")]) == 1
    assert "leave its files as they are" in capsys.readouterr().err


def test_operations_of_another_version(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = load_certificate(built)
    document["events"].append({"op": "map_turn"})
    monkeypatch.setattr(predict, "load", lambda folder: document)
    assert cli.main(["predict", str(built)]) == 1
    assert "performs what is not known here: map_turn" in capsys.readouterr().err
