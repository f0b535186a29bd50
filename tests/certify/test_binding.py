"""A changed byte is refused: in plan.json, in certificate.json, in the generated C."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from builds import noted, reseal, write
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_tool.cli.certify import check


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("fw"), "fw", "e810")


def _verdict(folder: Path, file: str, changed: bytes) -> str:
    path = folder / file
    before = path.read_bytes()
    try:
        path.write_bytes(changed)
        return check(folder, "bitwuzla").verdict
    finally:
        path.write_bytes(before)


def _places(file: str, text: str) -> list[tuple[int, int]]:
    """Where keys, tables, treatments and classes stand."""
    if file == "certificate.json":
        return [(0, len(text))]
    patterns = {
        "plan.json": (
            r'"key": "[^"]*"',
            r'"table_size": \d+',
            r'"treatment": "[^"]*"',
            r'"steering": \{[^}]*\}',
            r'"groups": \[\]',
        ),
        "gen/fw_parallel.c": (
            r"key_\d\[\] = \{[^}]*\}",
            r"\.table_size = \d+",
            r"\.treatment = \w+",
            r"\.software_classes = \w+",
        ),
    }
    return [m.span() for p in patterns[file] for m in re.finditer(p, text)]


@pytest.mark.parametrize("file", ["plan.json", "certificate.json", "gen/fw_parallel.c"])
@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_changed_byte_is_refused(build: Path, file: str, data: st.DataObject) -> None:
    content = bytearray((build / file).read_bytes())
    start, end = data.draw(st.sampled_from(_places(file, content.decode())))
    content[data.draw(st.integers(start, end - 1))] ^= data.draw(st.integers(1, 127))
    assert _verdict(build, file, bytes(content)) in ("damaged", "mismatch")


@pytest.mark.parametrize("file", ["plan.json", "certificate.json", "gen/fw_parallel.c"])
def test_files_are_needed(build: Path, file: str) -> None:
    path = build / file
    path.rename(path.with_suffix(".away"))
    try:
        assert check(build, "bitwuzla").verdict == "missing"
    finally:
        path.with_suffix(".away").rename(path)


CHANGES = {
    "no relaxations": lambda p, c: p.update(relaxations=[]),
    "another relaxation": lambda p, c: p["relaxations"][0].update(kind="index-choice"),
    "a relaxation of another": lambda p, c: p["relaxations"][0].update(object="state->flows"),
    "what is not shown": lambda p, c: p["relaxations"][0].update(shown=[{"port": 1, "fields": ["src_port"]}]),
    "no constraints": lambda p, c: p.update(constraints=[]),
    "a constraint of less": lambda p, c: p["constraints"][0]["equal"].pop(),
    "a constraint of other packets": lambda p, c: p["constraints"][0]["classes"][0].pop(),
    "another strategy": lambda p, c: c.update(strategy="hybrid"),
    "key": lambda p, c: c["ports"][0].update(key="00" + c["ports"][0]["key"][2:]),
    "table": lambda p, c: p["groups"].extend([0] * 512),
    "treatment": lambda p, c: c["objects"][0].update(treatment="read-only"),
    "split": lambda p, c: c["objects"][2].update(split=False),
    "steering": lambda p, c: p["ports"][1]["steering"].update(ipv4_fragment="any"),
    "hash input": lambda p, c: p["ports"][1]["hashed"].update(tcp4=["src_ip"]),
    "software input": lambda p, c: c["ports"][1]["software"].update(l4=["dst_ip"]),
    "written": lambda p, c: p["objects"][0].update(written=False),
    "accesses": lambda p, c: c["accesses"][0].pop(),
    "an access dropped there": lambda p, c: _drop(c, "dchain_rejuvenate"),
    "one of many dropped there": lambda p, c: _drop(c, "expire"),
    "an access dropped here": lambda p, c: p["objects"][2]["accesses"].pop(),
    "an access once less": lambda p, c: p["objects"][0]["accesses"][0].update(times=1),
    "an access elsewhere": lambda p, c: p["objects"][0]["accesses"][0].update(location="nf.c:1:1"),
    "an event that no path has": lambda p, c: [path["events"].clear() for path in c["paths"]],
}


def _drop(certificate: dict[str, Any], operation: str) -> None:
    """An access that ends its path, and the lists of accesses as they are without it."""
    events = certificate["events"]
    path = next(p for p in certificate["paths"] if p["events"] and events[p["events"][-1]]["op"] == operation)
    gone = path["events"].pop()
    if not any(gone in p["events"] for p in certificate["paths"]):
        del events[gone]
        for p in certificate["paths"]:
            p["events"] = [e - (e > gone) for e in p["events"]]
        certificate["accesses"] = [[e - (e > gone) for e in a if e != gone] for a in certificate["accesses"]]


@pytest.mark.parametrize("what", CHANGES)
def test_digests_made_right_again_do_not_help(tmp_path: Path, what: str) -> None:
    """What one of the files says and the others do not."""
    folder = write(tmp_path, "fw", "e810")
    plan = json.loads((folder / "plan.json").read_text())
    value = json.loads((folder / "certificate.json").read_text())
    CHANGES[what](plan, value["certificate"])
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "certificate.json").write_text(json.dumps(value))
    noted(folder, "fw")
    reseal(folder)
    assert check(folder, "bitwuzla").verdict == "mismatch"


def test_what_is_shown_of_indices(tmp_path: Path) -> None:
    """nat: the chosen index leaves as a port, and in checksums."""
    folder = write(tmp_path, "nat", "e810")
    plan, before = json.loads((folder / "plan.json").read_text()), (folder / "gen/nat_parallel.c").read_text()
    [choice] = [r for r in plan["relaxations"] if r["kind"] == "index-choice"]
    assert choice["shown"] == [{"port": 1, "fields": ["src_port", "udp_checksum", "tcp_checksum"]}]
    fields = choice["shown"][0]["fields"]
    for shown in ([], [{"port": 0, "fields": fields}], [{"port": 1, "fields": fields[:-1]}],
                  [{"port": 1, "fields": [*fields, "dst_port"]}], [{"port": 1, "fields": fields}] * 2,
                  [{"port": 1, "fields": fields}, {"port": 0, "fields": fields}]):  # fmt: skip
        choice["shown"] = shown
        (folder / "plan.json").write_text(json.dumps(plan))
        (folder / "gen/nat_parallel.c").write_text(before)
        noted(folder, "nat")
        reseal(folder)
        report = check(folder, "bitwuzla")
        assert [f["text"] for f in report.failed] == [
            "plan.json: what is shown of indices is not that of the certificate"
        ]


def test_the_generated_keys_and_tables_count(tmp_path: Path) -> None:
    folder = write(tmp_path, "fw", "e810")
    program = folder / "gen/fw_parallel.c"
    text = program.read_text()
    for old, new in (("0x0d, 0x7a", "0x0d, 0x7b"), (".table_size = 512", ".table_size = 256"), (" = 0x10130", " = 0x10120"),
                     ("MAESTRO_SHARDED, .split = true", "MAESTRO_READ_ONLY, .split = true"), ("{30, 4}", "{26, 4}")):  # fmt: skip
        first = re.search(r"key_0\[\] = \{\s*(0x.., 0x..)", text)
        assert first is not None
        changed = text.replace(old if "0x0d" not in old else first[1], new, 1)
        assert changed != text
        program.write_text(changed)
        reseal(folder)
        assert check(folder, "bitwuzla").verdict == "mismatch", old


def test_resealing_is_right(tmp_path: Path) -> None:
    """The tests above fail for their reason."""
    folder = write(tmp_path, "fw", "e810")
    before = (folder / "certificate.json").read_bytes()
    reseal(folder)
    assert (folder / "certificate.json").read_bytes() == before
    assert check(folder, "bitwuzla").verdict == "proved"
