"""Instructions of single packets, and the call path of each: what `maestro predict` is fitted on, and compared with.

The path is found by the replay of call paths (tests/replay) beside a compiled program; instructions are counted by
callgrind in the program that a build makes of the same sources and arguments.
"""

from __future__ import annotations

import re
import struct
import subprocess
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from maestro_tool import canonical, dpdk, pipeline, profiles, runtime
from maestro_tool.cache import NoCache
from maestro_tool.certificate.binding import load
from maestro_tool.nf import NetworkFunction
from maestro_tool.nic import load_profile
from maestro_tool.predict.work import Work
from tests import compiling
from tests.operations.library import Compiler
from tests.replay.compare import SHORTEST, Comparison, Packet
from tests.replay.program import build

HERE = Path(__file__).parent
FLAGS = ("-std=gnu11", "-O3", "-w", *dpdk.RENAMES)


@dataclass(frozen=True)
class Row:
    """What was counted of a path of an NF: the work of a packet that takes it, and its instructions, the median of
    ``packets`` that ended no entry.  Or of a burst without packets (path -1)."""

    nf: str
    strategy: str
    path: int
    packets: int
    work: Counter[str]
    instructions: float

    @property
    def is_burst(self) -> bool:
        return self.path < 0


class Recorder(Comparison):
    """Keeps what was sent, which way it went, and how many entries it ended."""

    def __init__(self, bench: Bench, nf: NetworkFunction, arguments: tuple[str, ...]) -> None:
        super().__init__(build(bench.compiler, nf), arguments)
        self.nf, self.arguments = nf, arguments
        self.sent: list[tuple[Packet, int, int]] = []
        self._ended = 0
        perform = self._replay._perform

        def watched(*given: Any) -> Any:
            outcome = perform(*given)
            self._ended += int(outcome.produced.get("count", 0))
            return outcome

        self._replay._perform = watched  # type: ignore[method-assign]

    def send(self, packet: Packet) -> tuple[int, bytes] | None:
        before, self._ended = Counter(self.counts.paths), 0
        left = super().send(packet)
        if len(packet.frame) >= SHORTEST:
            (path,) = self.counts.paths - before
            self.sent.append((packet, path, self._ended))
        return left


@dataclass
class Bench:
    """Makes and runs programs in ``folder``."""

    folder: Path
    compiler: Compiler
    _runtime: list[Path] = field(default_factory=list)

    def recorded(self, nf: NetworkFunction, arguments: tuple[str, ...] = ()) -> Recorder:
        return Recorder(self, nf, arguments)

    def rows(self, recorder: Recorder, strategy: str) -> list[Row]:
        """What the recorder's packets cost in the parallel program with one worker."""
        folder = self.built(recorder, strategy)
        work = Work(load(folder))
        assert len(work.paths) == len(recorder.analysis.paths), "another analysis"
        burst, counts = self._counted(folder, recorder)
        paths: dict[int, list[int]] = defaultdict(list)
        for (_, path, ended), count in zip(recorder.sent, counts, strict=True):
            if not ended:
                paths[path].append(count)
        name = recorder.nf.name
        return [
            Row(name, strategy, -1, 0, work.of_burst(), burst),
            *(Row(name, strategy, n, len(found), work.of(n), median(found)) for n, found in sorted(paths.items())),
        ]

    def built(self, recorder: Recorder, strategy: str) -> Path:
        """A build folder; the program in it reads a trace."""
        nf, watch, folder = recorder.nf, pipeline.Stopwatch(), self.folder / strategy / recorder.nf.name
        request = pipeline.Request(nf.sources, recorder.arguments, nf.ports, (nf.root,), limits=nf.limits, pure=nf.pure)
        analysed = pipeline.analyse(request, NoCache(), watch)
        card = load_profile(profiles.resolve("soft"), profiles.folders())
        files = pipeline.generate(analysed, (card,), nf.name, strategy, NoCache(), watch)
        canonical.write_files({folder / name: text.encode("utf-8", "surrogateescape") for name, text in files.items()})
        if not self._runtime:
            # What makes no program of its own of an NF: no threads, ports, captures, command line.
            parts = [s for s in sorted(runtime.SOURCE.glob("*.c")) if "program_" not in s.read_text()]
            self._runtime = compiling.objects(parts, _flags(), self.folder / "runtime")
        sources = [*sorted((folder / "gen").rglob("*.c")), HERE / "driver.c"]
        objects = compiling.objects(sources, _flags(folder / "gen"), folder / "objects")
        words = ["gcc", *objects, *self._runtime, *dpdk.find().libs, "-lm", "-lpthread", "-o", folder / "driver"]
        subprocess.run(list(map(str, words)), check=True)
        return folder

    def _counted(self, folder: Path, recorder: Recorder) -> tuple[int, list[int]]:
        """Instructions of a burst without packets, and what each packet adds to it."""
        trace = folder / "trace"
        packets = [packet for packet, _, _ in recorder.sent]
        trace.write_bytes(b"".join(struct.pack("<HHq", p.port, len(p.frame), p.time) + p.frame for p in packets))
        command = [
            "valgrind", "--tool=callgrind", "--toggle-collect=counted", "--dump-before=next",
            f"--callgrind-out-file={folder}/out", str(folder / "driver"), str(trace), *recorder.arguments,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        # A dump before each call has what was counted in the one before; the last is made at the end.
        dumps = [*sorted(folder.glob("out.*"), key=lambda dump: int(dump.suffix[1:])), folder / "out"]
        burst, *counts = [_total(dump) for dump in dumps[2:]]
        assert len(counts) == len(packets)
        for dump in dumps:
            dump.unlink()
        return burst, [count - burst for count in counts]


def _flags(*folders: Path) -> list[str]:
    found = dpdk.find()
    ours = (*folders, runtime.INCLUDE, runtime.INCLUDE / "lib")
    places = [word for include in found.include_dirs for word in ("-isystem", include)]
    return [*FLAGS, *found.cflags, f"-D{dpdk.VERSION_MACRO}={found.number}", *(f"-I{f}" for f in ours), *places]


def _total(dump: Path) -> int:
    found = re.search(r"^(?:summary|totals): (\d+)", dump.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, dump
    return int(found[1])


def source(folder: Path, name: str, text: str, ports: int = 2) -> NetworkFunction:
    """An NF of one file, below ``folder``."""
    file = folder / "nfs" / name / f"{name}.c"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return NetworkFunction(name, (file,), (), ports=ports)


def traffic_error(rows: Sequence[Row], predicted: Sequence[float]) -> float:
    """Of the mean of all packets, relative: what is predicted above what was counted."""
    counted = sum(r.packets * r.instructions for r in rows)
    return sum(r.packets * p for r, p in zip(rows, predicted, strict=True)) / counted - 1
