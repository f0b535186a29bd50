"""Generated C of many NFs, compiled cheaply: DPDK's headers are compiled once, each NF is a shared object of one unit."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from maestro_tool import codegen, dpdk, pipeline, runtime

from .machine import Arrival
from .oracle import Planned, soft

HERE = Path(__file__).parent
#: DPDK's and the C library's headers that the API's headers include; none depends on what a generated file defines.
COMMON = """#include <rte_config.h>
#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>
"""
DROP = 0xFFFE


@dataclass(frozen=True)
class Sent:
    """``verdict``: as the runtime has it; ``frame``: as the packet was left."""

    verdict: int
    worker: int
    frame: bytes


@dataclass(frozen=True)
class Job:
    """A program, ``sequential`` or not, on some workers and some traffic; ``nf``: its number."""

    nf: int
    workers: int
    sequential: bool
    traffic: int


class Workshop:
    """Compiles and runs; what it makes lies in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = dpdk.find()
        flags = [f for f in found.cflags if f not in ("-include", "rte_config.h")]
        folders = [f"-I{d}" for d in (runtime.INCLUDE, runtime.INCLUDE / "lib", runtime.SOURCE, *found.include_dirs)]
        self.cc = ["-std=gnu11", "-O0", "-w", "-fPIC", *dpdk.RENAMES, *flags, *folders]
        header = folder / "common.h"
        header.write_text(COMMON)
        self._run(["gcc", *self.cc, "-x", "c-header", header, "-o", folder / "common.h.gch"])
        # Not what makes a program of its own of an NF: threads, ports, captures, command line.
        sources = [s for s in sorted(runtime.SOURCE.glob("*.c")) if "program_" not in s.read_text()]
        self.driver = folder / "driver"
        objects = []
        for source in (*sources, HERE / "driver.c"):
            objects.append(folder / f"{source.stem}.o")
            self._compile("-c", source, "-o", objects[-1])
        self._run(["gcc", "-rdynamic", "-o", self.driver, *objects, *found.libs, "-lm", "-lpthread", "-ldl"])

    def _run(self, words: Sequence[str | Path]) -> None:
        environment = {**os.environ, "CCACHE_DISABLE": "1"}  # each unit is compiled once
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr[-3000:]

    def _compile(self, *words: str | Path) -> None:
        """The compiled header must come first of all."""
        self._run(["gcc", "-include", self.folder / "common.h", *self.cc, *words])

    def library(self, nf: int, sequential: bool) -> Path:
        return self.folder / f"{'sequential' if sequential else 'parallel'}{nf}.so"

    def build(self, nf: int, planned: Planned) -> None:
        """The NF's parallel and sequential program."""
        program = planned.analysed.loaded
        assert program is not None
        analysis, choice = planned.analysed.analysis, planned.choice
        profiles = pipeline.per_port([soft()], planned.program.ports)
        parallel = codegen.generate(
            program, analysis, choice.plan, choice.solution, profiles, "made", choice.strategy.name
        )
        reference = codegen.generate_sequential(program, "made", planned.program.ports, optimise="none")
        for sequential in (False, True):
            files = reference if sequential else parallel
            units = [text for name, text in files.items() if name.endswith(".c") and "main_" not in name]
            source = self.library(nf, sequential).with_suffix(".c")
            source.write_text("\n".join(units))
            self._compile("-shared", "-Wl,-Bsymbolic", source, "-o", source.with_suffix(".so"))

    def run(self, jobs: Sequence[Job], traffic: dict[int, Sequence[Arrival]]) -> dict[Job, list[Sent]]:
        """What each job's program makes of its traffic."""
        for n, arrivals in traffic.items():
            content = b"".join(struct.pack("<HHq", a.device, len(a.frame), a.time) + a.frame for a in arrivals)
            (self.folder / f"{n}.in").write_bytes(content)
        outputs = {job: self.folder / f"{n}.out" for n, job in enumerate(jobs)}
        lines = [
            f"{self.library(job.nf, job.sequential)} made_nf {job.workers} {self.folder / f'{job.traffic}.in'} {out}\n"
            for job, out in outputs.items()
        ]
        words = [
            self.driver,
            "--no-huge",
            "--no-shconf",
            "--no-pci",
            "--no-telemetry",
            "-m",
            "64",
            "--log-level",
            "1",
            "-l",
            "0",
        ]
        done = subprocess.run(words, input="".join(lines), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return {job: _read(out.read_bytes()) for job, out in outputs.items()}


def _read(content: bytes) -> list[Sent]:
    sent, at = [], 0
    while at < len(content):
        verdict, worker, length = struct.unpack_from("<HHH", content, at)
        sent.append(Sent(verdict, worker, content[at + 6 : at + 6 + length]))
        at += 6 + length
    return sent
