"""What an analysis read, and when that is no longer so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from maestro_tool import inputs
from maestro_tool.inputs import INPUTS, OUTSIDE, Read

DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of nothing


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of an NF that reads common/deep/x.h by -Icommon, before which -Ifirst is searched, and opens two files."""
    monkeypatch.chdir(tmp_path)
    for name in ("nf/a.c", "nf/own.h", "common/deep/x.h", "there.cfg"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    read = Read(
        ("nf/a.c", "nf/own.h", "nf/made.gen.h", "common/deep/x.h"), Path("nf"), (Path("first"), Path("common")),
        (("there.cfg", DIGEST), ("absent.cfg", None)),
    )  # fmt: skip
    for name, text in inputs.texts(read).items():
        Path(name).write_text(text)
    return Path(INPUTS)


def test_only_headers_elsewhere_are_outside(record: Path) -> None:
    assert json.loads(Path(OUTSIDE).read_text()) == {"common/deep/x.h": DIGEST}
    assert json.loads(record.read_text())["files"] == {
        "nf/a.c": DIGEST, "nf/own.h": DIGEST, "common/deep/x.h": DIGEST, "there.cfg": DIGEST, "absent.cfg": None,
        "nf/made.gen.h": None,
    }  # fmt: skip


def test_a_file_that_the_tool_made_appears(record: Path) -> None:
    Path("nf/made.gen.h").touch()
    assert inputs.changed(record)


def test_nothing_changed(record: Path) -> None:
    assert not inputs.changed(record)
    Path("common/other.h").touch()
    assert not inputs.changed(record)
    assert not inputs.changed(Path("no-record"))


@pytest.mark.parametrize("name", ["nf/a.c", "nf/own.h", "common/deep/x.h", "there.cfg"])
def test_a_file_changes_or_goes(record: Path, name: str) -> None:
    Path(name).write_text("1")
    assert inputs.changed(record)
    Path(name).unlink()
    assert inputs.changed(record)


@pytest.mark.parametrize(
    "name", ["absent.cfg", "first/deep/x.h", "nf/deep/x.h", "first/nf-util.h", "common/rte_ether.h", "nf/stdlib.h"]
)
def test_a_file_comes(record: Path, name: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).touch()
    assert inputs.changed(record)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"files": 1, "found": [], "places": [], "names": []}'])
def test_a_damaged_record_says_nothing(record: Path, text: str) -> None:
    record.write_text(text)
    assert inputs.changed(record)
