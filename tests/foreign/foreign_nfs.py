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
    "gate", "meter", "masq", "spread", "fixedbridge", "threeports", "oddities", "ipoptions", "wholeapi", "pairs",
    "resize", "bitfields", "tagnat", "carried",
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
    """masq with the changes that the report about it asks for: look into the entry, then refresh it."""

    def edit(name: str, before: str, after: str) -> None:
        text = (folder / name).read_text()
        assert text.count(before) == 1
        (folder / name).write_text(text.replace(before, after))

    behind = "  vector_return(doors->state->channels, number, found);\n"
    refresh = "  dchain_rejuvenate_index(doors->state->doors, number, now);\n"
    edit("doors.c", behind + refresh, behind)
    asked = "  if (!dchain_is_index_allocated(doors->state->doors, number)) return false;\n"
    edit("doors.c", asked, f"  if (number < 0 || number >= doors->state->max_channels) return false;\n{asked}")
    later = "void doors_used(struct Doors *doors, uint16_t door, vigor_time_t now)"
    with (folder / "doors.c").open("a") as file:
        file.write(f"{later} {{\n  int number = door - doors->state->first_door;\n{refresh}}}\n")
    edit("doors.h", "bool doors_find", f"{later};\nbool doors_find")
    rewrite = "  ip->dst_addr = channel.local_host;\n"
    edit("masq.c", rewrite, f"  doors_used(doors, l4->dst_port, now);\n{rewrite}")


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
    (foreign / "masq/nf.yaml").write_text('arguments: [--outside, "1", --address, 192.0.2.1]\n')
    shutil.copytree(foreign / "masq", foreign / "liftedmasq")
    lift_conflicts(foreign / "liftedmasq")
    (folder / "nfs").mkdir()
    names = ",".join(f"tests/foreign/{n}" for n in (*NFS, "liftedmasq"))
    said = ""
    for words in (["nic=soft"], ["sequential"]):
        command = [sys.executable, "-m", "SCons", "-Q", f"nf={names}", *words]
        environment = {**os.environ, **compiling.for_scons(precompiled=True), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.fail(f"{' '.join(command[2:])}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}", pytrace=False)
        said += done.stdout
    (folder / "said").write_text(said)
