"""The digest of what compiles: contents count, places and times do not."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from maestro_tool import dpdk, toolchain


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    header = tmp_path / "dpdk/include/rte_ether.h"
    header.parent.mkdir(parents=True)
    header.write_text("#include_next <rte_ether.h>\n")
    old = time.time() - 60
    for path in (header, header.parent):
        os.utime(path, (old, old))
    time.sleep(0.05)  # what changes while somebody asks is asked for again
    return tmp_path / "dpdk"


def digest(prefix: Path, *, memory: Path | None = None, **environment: str) -> str:
    """Of the installed DPDK with the headers of ``prefix`` in front."""
    found = dpdk.find()
    found = dataclasses.replace(found, include_dirs=(f"{prefix}/include", *found.include_dirs))
    return toolchain.digest(["gcc"], found, {**os.environ, **environment}, memory or prefix.with_suffix(".json"))


def test_places_and_times_do_not_count(prefix: Path, tmp_path: Path) -> None:
    before = digest(prefix)
    (tmp_path / "elsewhere").mkdir()
    moved = prefix.rename(tmp_path / "elsewhere/dpdk")
    assert digest(moved, memory=tmp_path / "new.json") == before
    os.utime(moved / "include/rte_ether.h")
    assert digest(moved, memory=tmp_path / "new.json") == before


def test_a_specs_file_that_was_not_there_counts(prefix: Path, tmp_path: Path) -> None:
    """gcc reads one among its own files, and gives its parts the flags that it says."""
    (tmp_path / "own").mkdir()
    command = tmp_path / "gcc"
    command.write_text(
        f'#!/bin/sh\ntest "$1" = -print-search-dirs && echo "install: {tmp_path}/own/" || exec gcc "$@"\n'
    )
    command.chmod(0o755)
    found = dataclasses.replace(dpdk.find(), include_dirs=(f"{prefix}/include", *dpdk.find().include_dirs))

    def ask() -> str:
        return toolchain.digest([str(command)], found, os.environ, tmp_path / "known.json")

    before = ask()
    assert ask() == before
    (tmp_path / "own/specs").write_text("*cpp:\n+ -DMORE\n")
    assert ask() != before


def test_settings_of_the_environment_count(prefix: Path) -> None:
    assert digest(prefix, SOURCE_DATE_EPOCH="1") != digest(prefix)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: (p / "include/rte_ether.h").write_text("#include_next <rte_ether.h>\n#define MORE 1\n"),
        lambda p: (p / "include/rte_ether.h").write_text("#include_next <rte_ether.h> "),  # as long as before
        lambda p: (p / "include/rte_ether.h").unlink(),
        lambda p: (p / "include/rte_mbuf.h").write_text("#include_next <rte_mbuf.h>\n"),
        lambda p: (p / "include/netinet").mkdir() or (p / "include/netinet/in.h").write_text("#include_next <netinet/in.h>\n"),
    ],
    ids=["content", "size kept", "gone", "new", "new folder"],
)  # fmt: skip
def test_contents_count_and_what_is_new(prefix: Path, change: Callable[[Path], object]) -> None:
    before = digest(prefix)
    known = json.loads(prefix.with_suffix(".json").read_text())
    change(prefix)
    assert digest(prefix) != before
    assert json.loads(prefix.with_suffix(".json").read_text())["seen"] != known["seen"]


def test_what_was_not_there_counts(prefix: Path, tmp_path: Path) -> None:
    """A compiler before the one on the path; a folder of headers that somebody names before it exists."""
    path, more = f"{tmp_path / 'bin'}:{os.environ['PATH']}", str(tmp_path / "more")
    before = digest(prefix, PATH=path, CPATH=more)
    (tmp_path / "more").mkdir()
    (tmp_path / "more/rte_ring.h").write_text("#include_next <rte_ring.h>\n")
    with_header = digest(prefix, PATH=path, CPATH=more)
    assert with_header != before
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gcc").write_text('#!/bin/sh\nexec /usr/bin/gcc "$@"\n')
    (tmp_path / "bin/gcc").chmod(0o755)
    assert digest(prefix, PATH=path, CPATH=more) != with_header


def test_nothing_is_asked_twice(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(prefix)
    found = dpdk.find()
    monkeypatch.setattr("maestro_tool.dpdk.find", lambda: found)
    monkeypatch.setattr("subprocess.run", None)
    assert digest(prefix) == before


def test_a_file_that_changed_just_before_is_read_again(prefix: Path) -> None:
    """It may change again without a new time."""
    digest(prefix)
    header = prefix / "include/rte_ether.h"
    header.write_text("#include_next <rte_ether.h>\n//1\n")
    times = header.stat()
    before = digest(prefix)
    header.write_text("#include_next <rte_ether.h>\n//2\n")
    os.utime(header, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert digest(prefix) != before


def test_what_cannot_be_run_is_no_error_here(tmp_path: Path) -> None:
    known = dpdk.Dpdk("22.11", (), (), ())
    made = {toolchain.digest([name], known, {"PATH": ""}, tmp_path / f"{name}.json") for name in ("none", "neither")}
    assert len(made) == 2


def test_a_damaged_memory_is_none(prefix: Path) -> None:
    before = digest(prefix)
    for text in ("", "[]", '{"question": 1}', "null"):
        prefix.with_suffix(".json").write_text(text)
        assert digest(prefix) == before
