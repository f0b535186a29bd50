"""Builds the foreign NFs by their folders, all at once, sequential and parallel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from maestro_tool import plan_json
from tests import compiling

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NFS = (
    "vigfw", "vigpol", "vignat", "viglb", "staticbridge", "threeports", "oddities", "ipoptions", "wholeapi", "pairs",
    "resize", "bitfields",
)  # fmt: skip


@dataclass(frozen=True)
class Build:
    """``folder``: of the SConstruct; ``said``: what the build printed."""

    folder: Path
    said: str

    def sequential(self, nf: str) -> Path:
        return self.folder / "build/sequential" / nf / nf

    def parallel(self, nf: str) -> Path:
        return self.folder / "build/soft" / nf / nf

    def plan(self, nf: str) -> dict[str, Any]:
        return plan_json.read(self.parallel(nf).parent / "plan.json")


def lift_conflicts(folder: Path) -> None:
    """vignat with the changes that the report about it asks for: look into the entry, then refresh it."""

    def edit(name: str, before: str, after: str) -> None:
        text = (folder / name).read_text()
        assert text.count(before) == 1
        (folder / name).write_text(text.replace(before, after))

    refresh = "  dchain_rejuvenate_index(manager->state->heap, index, time);\n\n  return true;"
    edit("nat_flowmanager.c", refresh, "  return true;")
    asked = "if (dchain_is_index_allocated(manager->state->heap, index) == 0) {"
    edit("nat_flowmanager.c", asked, f"if (index < 0 || index >= manager->state->max_flows) return false;\n  {asked}")
    later = "void refresh(struct FlowManager *manager, uint16_t external_port, vigor_time_t time)"
    with (folder / "nat_flowmanager.c").open("a") as file:
        index = "external_port - manager->state->start_port"
        file.write(f"{later} {{\n  dchain_rejuvenate_index(manager->state->heap, {index}, time);\n}}\n")
    edit("nat_main.c", "struct FlowManager *flow_manager;", f"struct FlowManager *flow_manager;\n{later};")
    rewrite = "      rte_ipv4_header->dst_addr = internal_flow.src_ip;"
    edit("nat_main.c", rewrite, f"      refresh(flow_manager, tcpudp_header->dst_port, now);\n{rewrite}")


def build_all(folder: Path) -> None:
    """The folder ``folder`` with all programs; ``said`` is what the build printed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for part in ("SConstruct", "configs", "site_scons"):
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / part)
    foreign = folder / "tests/foreign"
    shutil.copytree(HERE, foreign, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    # The traffic's inside is port 0.
    (foreign / "vignat/nf.yaml").write_text('arguments: [--wan, "1", --extip, 192.0.2.1]\n')
    shutil.copytree(foreign / "vignat", foreign / "liftednat")
    lift_conflicts(foreign / "liftednat")
    (folder / "nfs").mkdir()
    names = ",".join(f"tests/foreign/{n}" for n in (*NFS, "liftednat"))
    said = ""
    # The sequential programs show that NFs include what they need.
    for words, precompiled in ((["nic=soft"], True), (["sequential"], False)):
        command = [sys.executable, "-m", "SCons", "-Q", f"nf={names}", *words]
        environment = {**os.environ, **compiling.for_scons(precompiled), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.fail(f"{' '.join(command[2:])}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}", pytrace=False)
        said += done.stdout
    (folder / "said").write_text(said)
