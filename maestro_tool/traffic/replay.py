"""Replays captures through a built program: port N reads ``portN.pcap``, what it sends becomes ``portN.pcap``."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maestro_tool import canonical
from maestro_tool.diagnostics import InputError, ToolError
from maestro_tool.traffic.capture import Frame, as_programs_read, capture_paths, pcap_bytes, read_capture
from maestro_tool.traffic.permitted import RUN

#: Columns of the table that is printed; the programs count some more.
_COLUMNS = ("rx", "forwarded", "flooded", "dropped", "handed_over")

_STDERR_LINES = 12
#: What NFs can be called (`nf.C_NAME`).
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """``workers``: the counters of each worker, as the program writes them (docs/architecture.md).
    ``received`` and ``sent``: frames per port."""

    workers: tuple[Mapping[str, int], ...]
    received: Mapping[int, int]
    sent: Mapping[int, int]

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "workers": [dict(worker) for worker in self.workers],
            "ports": [{"port": p, "received": self.received[p], "sent": self.sent[p]} for p in sorted(self.received)],
        }

    def text(self) -> str:
        """A table: one line per worker and one per port."""
        total = sum(self.received.values())
        lines = ["worker" + "".join(f"{name:>12}" for name in _COLUMNS) + f"{'share':>9}"]
        for worker in self.workers:
            counts = "".join(f"{worker.get(name, 0):>12}" for name in _COLUMNS)
            lines.append(f"{worker['worker']:<6}{counts}{worker['rx'] / total if total else 0:>9.1%}")
        lines.append("port  " + f"{'received':>12}{'sent':>12}")
        lines += [f"{port:<6}{self.received[port]:>12}{self.sent[port]:>12}" for port in sorted(self.received)]
        return "\n".join(lines)


def replay(
    program: Path,
    captures: Path,
    out: Path,
    *,
    workers: int | None = None,
    nf_arguments: Sequence[str] = (),
    timeout: float = 300,
) -> ReplayResult:
    """Runs ``program`` (an executable, its plan.json, or the folder of both) over the captures in folder ``captures``.

    Writes one capture per port to ``out``, all of them or none.  Their frames are in the order in which they were
    sent; the timestamps only count them (1 us each), so that equal output means equal bytes.  ``workers`` None: as
    many as the program chooses.  ``timeout`` in seconds.  Raises `InputError` for what is wrong with the captures
    or the folders, `ToolError` if the program fails.
    """
    executable = _executable(program)
    inputs = capture_paths(captures, _ports(executable))
    if out.exists() and out.resolve() == captures.resolve():
        raise InputError(f"{out}: input and output are the same folder")
    frames = {port: read_capture(path) for port, path in inputs.items()}
    received = {port: len(found) for port, found in frames.items()}
    if not any(received.values()):
        raise InputError(f"{captures}: no capture there has a frame", hint="`maestro traffic --out DIR` makes captures")
    with tempfile.TemporaryDirectory(prefix="maestro-run-") as name:
        folder = Path(name)
        # The arguments of --vdev are split at commas: the user's paths reach DPDK as links with plain names.
        if any(character in name for character in ", \t\n[]"):
            raise InputError(f"{name}: DPDK cannot use a temporary folder of that name", hint="set TMPDIR")
        command = [str(executable)]
        command += ["--workers", str(workers)] if workers is not None else []
        command += ["--replay", "--stats", str(folder / "stats.json")]
        for port, path in inputs.items():
            if (plain := as_programs_read(path, frames[port])) is None:
                (folder / f"in{port}.pcap").symlink_to(path.resolve())
            else:
                (folder / f"in{port}.pcap").write_bytes(plain)
            command.append(f"--vdev=net_pcap{port},rx_pcap={folder}/in{port}.pcap,tx_pcap={folder}/out{port}.pcap")
        named = {str(folder / f"in{port}.pcap"): str(path) for port, path in inputs.items()}
        _run([*command, "--", *nf_arguments], executable, timeout, named)
        counters = _read_statistics(folder / "stats.json")
        sent = {port: read_capture(folder / f"out{port}.pcap") for port in inputs}
    _check_complete(counters, inputs, frames)
    result = ReplayResult(tuple(counters["workers"]), received, {port: len(frames) for port, frames in sent.items()})
    written = {out / f"port{port}.pcap": pcap_bytes(_numbered(frames)) for port, frames in sent.items()}
    canonical.write_files(written | {out / RUN: canonical.dumps(result.to_json()).encode()})
    return result


def _executable(program: Path) -> Path:
    if (program / "plan.json").is_file():
        program = program / "plan.json"
    path = program
    if program.name == "plan.json":
        try:
            name = json.loads(program.read_text(encoding="utf-8"))["nf"]
            if not isinstance(name, str) or not _NAME.fullmatch(name):  # it becomes a command
                raise ValueError(f"{name!r:.80} cannot name an NF")
            path = program.parent / name
        except FileNotFoundError:
            raise InputError(f"{program}: no such plan", hint="`scons nf=NAME nic=soft` builds it") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{program}: not a plan of this tool: {error}") from None
    if not path.is_file():
        what = "there is no program in this folder" if path.is_dir() else "no such program"
        raise InputError(f"{path}: {what}", hint="`scons nf=NAME nic=soft` builds it")
    if not os.access(path, os.X_OK):
        raise InputError(f"{path}: this file cannot be executed")
    return path.resolve()


def _ports(executable: Path) -> int:
    """How many ports the plan beside ``executable`` is for; 0 if it has none: then the program says what it misses."""
    try:
        plan = json.loads((executable.parent / "plan.json").read_text(encoding="utf-8"))
        return int(plan["n_ports"]) if plan["nf"] == executable.name else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _run(command: list[str], executable: Path, timeout: float, named: Mapping[str, str]) -> None:
    """``named``: paths of ours -> the user's paths for the same."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise ToolError(f"{executable.name}: did not finish in {timeout:g} seconds") from None
    except OSError as error:
        raise ToolError(f"{executable}: does not start: {error.strerror}") from None
    if done.returncode == 0:
        return
    if done.returncode < 0:
        how = f"was killed by {signal.Signals(-done.returncode).name}"
    else:
        how = f"failed with status {done.returncode}"
    text = done.stderr.decode(errors="replace")
    for ours, users in named.items():
        text = text.replace(ours, users)
    said = text.strip().splitlines()[-_STDERR_LINES:]
    raise ToolError("\n".join([f"{executable.name} {how}", *(f"  {line}" for line in said)]))


def _read_statistics(path: Path) -> dict[str, Any]:
    try:
        statistics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ToolError(f"the program wrote no packet counts: {error}") from None
    return statistics


def _check_complete(
    statistics: dict[str, Any], inputs: Mapping[int, Path], frames: Mapping[int, Sequence[Frame]]
) -> None:
    """A replay waits for slow workers, so that nothing is lost; a result that lacks frames would mislead."""
    total = statistics["total"]
    received = sum(map(len, frames.values()))
    if too_long := total.get("too_long", 0):
        port, number = max(
            ((port, n) for port, found in frames.items() for n in range(len(found))),
            key=lambda at: len(frames[at[0]][at[1]].data),
        )
        raise ToolError(
            f"{too_long} of {received} frames fit into no buffer of the program; the longest is frame {number + 1} of "
            f"{inputs[port]} with {len(frames[port][number].data)} bytes"
        )
    lost = total["unsent"] + total["lost"] + statistics["lost_by_dispatcher"]
    processed = total["processed"]
    if lost or processed != received:
        raise ToolError(f"only {processed} of {received} frames were processed, and {lost} were lost on the way")


def _numbered(frames: list[Frame]) -> list[Frame]:
    return [replace(frame, time=i * 1000) for i, frame in enumerate(frames)]
