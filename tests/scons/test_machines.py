"""The build's process that knows a cluster: started once, told of in the steps' environment, ended with the build."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool import cluster
from maestro_tool.scons import machines


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter that does what it is told instead of running the broker."""
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/started\n. {tmp_path}/do\n')
    script.chmod(0o755)
    return script


def test_without_a_cluster_steps_are_as_they_were(python: Path) -> None:
    assert machines.reached(str(python), {"A": "b"}) == {"A": "b"} and not (python.parent / "started").exists()


def test_steps_are_told_where_it_is(python: Path) -> None:
    (python.parent / "do").write_text("echo ready; read nothing\n")
    environment = {"A": "b", cluster.ADDRESS: "tcp://host:8786"}
    found = machines.reached(str(python), environment)
    assert found == machines.reached(str(python), environment) is not None
    assert found == {**environment, cluster.SOCKET: found[cluster.SOCKET]}
    started = (python.parent / "started").read_text()
    assert started == f"-P -m maestro_tool.cluster.broker {found[cluster.SOCKET]} tcp://host:8786\n"
    assert Path(found[cluster.SOCKET]).parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("does", "said"),
    [("echo OSError: nobody there", "OSError: nobody there"), ("exit 3", "the process that asks it has ended")],
)
def test_no_cluster_is_one_line(python: Path, does: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    (python.parent / "do").write_text(f"{does}\n")
    for _ in range(2):
        assert machines.reached(str(python), {cluster.ADDRESS: "tcp://host:1"}) is None
    assert capfd.readouterr().out == f"scons: cluster=tcp://host:1: {said}\n"
