"""`python tools/figures [--plans] [--random N] [FOLDER ...]`: a table of these NFs (default: all NFs of this tree).

Per NF: its plan for nic=soft, CPU seconds of that, whether both programs build, and whether 2 workers send what the
sequential program does (`maestro compare --plan`) of one generated capture.  With ``--plans`` nothing is built.  Then
what so many NFs of the random generator (tests/oracle) get, by strategy.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from maestro_tool.traffic.capture import pcap_bytes  # noqa: E402
from tests.oracle.population import specimens  # noqa: E402

FOLDERS = ("nfs", "tests/foreign", "tests/dialects/state", "tests/dialects/dpdk", "tests/dialects/xdp")
TRAFFIC = ("--packets", "2000", "--flows", "200", "--odd", "0.1", "--unknown", "0.1")
FIRST_SEED = 8_500_000


@dataclass(frozen=True)
class Row:
    """``plan``: the strategy, or the error.  ``built`` and ``equal``: "yes", "no", or "" if not tried."""

    name: str
    plan: str
    seconds: float
    built: str = ""
    equal: str = ""


def run(*words: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *map(str, words)], cwd=folder, capture_output=True, text=True, check=False
    )


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def nfs(folder: Path) -> Iterable[Path]:
    """The folder itself, if C lies in it, or the NFs below it."""
    found = sorted({source.parent for source in folder.glob("*/*.c")}) if folder.is_dir() else []
    return [folder] if list(folder.glob("*.c")) else found


def row(nf: Path, plans: bool) -> Row:
    start = cpu()
    done = run("maestro_tool", "explain", nf, "--nic", "soft", "--json")
    seconds = cpu() - start
    if done.returncode:
        return Row(nf.name, done.stderr.splitlines()[0][-100:], seconds)
    said = json.loads(done.stdout)
    name, plan = said["nf"], said["strategy"]
    if plans:
        return Row(name, plan, seconds)
    built = all(run("SCons", "-s", f"nf={nf}", *words).returncode == 0 for words in (["nic=soft"], ["sequential"]))
    return Row(name, plan, seconds, "yes" if built else "no", same(name) if built else "")


def same(name: str) -> str:
    """Whether both programs send the same."""
    parallel = ROOT / "build/soft" / name
    plan = json.loads((parallel / "plan.json").read_text())
    ports, options = len(plan["ports"]), plan["arguments"]
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        run("maestro_tool", "traffic", "--out", at / "in", *TRAFFIC)
        for port in range(2, ports):
            (at / "in" / f"port{port}.pcap").write_bytes(pcap_bytes([]))
        replay = ("maestro_tool", "run")
        sides = {"expected": ROOT / "build/sequential" / name / name, "actual": parallel / name}
        for side, program in sides.items():
            workers = () if side == "expected" else ("--workers", "2")
            done = run(*replay, program, "--in", at / "in", "--out", at / side, *workers, "--", *options)
            if done.returncode:
                return f"no: {done.stderr.splitlines()[-1][:60]}"
        done = run("maestro_tool", "compare", at / "expected", at / "actual", "--plan", parallel / "plan.json")
    return "yes" if done.returncode == 0 else "no"


def main() -> None:
    parser = argparse.ArgumentParser(prog="figures", description=__doc__)
    parser.add_argument("--plans", action="store_true", help="build nothing")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="NFs of the random generator")
    parser.add_argument("folders", nargs="*", type=Path)
    options = parser.parse_args()
    rows = []
    for folder in options.folders or [ROOT / name for name in FOLDERS]:
        for nf in nfs(folder.resolve()):
            rows.append(row(nf, options.plans))
            r = rows[-1]
            print(f"{r.name:14} {r.plan:16} {r.seconds:6.1f} s  {r.built:4} {r.equal}", flush=True)
    built, equal = sum(r.built == "yes" for r in rows), sum(r.equal == "yes" for r in rows)
    print(f"{len(rows)} tried, {built} built, {equal} equal; {sum(r.seconds for r in rows):.0f} s of CPU")
    print(dict(Counter(r.plan for r in rows)))
    if options.random:
        with tempfile.TemporaryDirectory() as at:
            found = specimens(FIRST_SEED, options.random, Path(at))
            print(dict(Counter(s.planned.choice.strategy.name if s.planned else "refused" for s in found)))


if __name__ == "__main__":
    main()
