"""A user's traffic under a solution: how many packets meet each index, and what a table made for it gains.

All ports have one table, balanced for the sum of their packets: that is what a worker has to do, and packets of
related ports still meet.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro_tool.diagnostics import InputError
from maestro_tool.rss.model import hash_input, port_models
from maestro_tool.rss.quality import WORKERS
from maestro_tool.rss.solution import RssSolution, ports_json
from maestro_tool.rss.table import loads, table
from maestro_tool.rss.toeplitz import toeplitz

#: Weights are 32 bits wide in generated C.
MOST_PACKETS = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Measured:
    """``weights``: packets per index, of all ports.  ``before``/``after``: (workers, max/mean) without and with them.

    ``heaviest``: share of the packets that have the index with most of them; no table can part these.
    """

    source: str
    packets: int
    weights: tuple[int, ...]
    before: tuple[tuple[int, float], ...]
    after: tuple[tuple[int, float], ...]

    @property
    def heaviest(self) -> float:
        return max(self.weights) / self.packets


def read(path: Path, ports: int) -> dict[int, list[bytes]]:
    """Frames per port of a folder with port0.pcap ..., or of one capture; their headers are enough.

    The frames of one capture, whose ports are not known, count on every port.  `InputError` on anything else.
    """
    from maestro_tool.traffic.capture import capture_paths, read_headers

    paths = capture_paths(path) if path.is_dir() else {0: path}
    captures = {port: read_headers(capture) for port, capture in paths.items()}
    for note in (note for capture in captures.values() for note in capture.notes):
        print(f"note: {note}", file=sys.stderr, flush=True)
    found = {port: capture.frames for port, capture in captures.items()}
    if not path.is_dir():
        return dict.fromkeys(range(ports), found[0])
    if unknown := sorted(found.keys() - set(range(ports))):
        raise InputError(f"{path}: has a capture of port {unknown[0]}, but the NF has {ports} ports")
    return found


def measure(solution: RssSolution, frames: Mapping[int, Iterable[bytes]], source: str) -> Measured:
    """Counts ``frames`` (per port) by index; `InputError` if there are none, or too many to count."""
    models = port_models({"ports": ports_json(solution), "groups": solution.groups})
    size = models[0].table_size
    weights = [0] * size
    for port, arriving in frames.items():
        model = models[port]
        inputs = Counter(hash_input(model, frame)[2] for frame in arriving)
        for data, count in inputs.items():
            weights[toeplitz(model.key, data) & (size - 1)] += count
    packets = sum(weights)
    if not 0 < packets <= MOST_PACKETS:
        raise InputError(f"{source}: {packets} packets: tables are balanced for 1 to {MOST_PACKETS}")
    groups = solution.groups
    counts = [n for n in WORKERS if n <= (len(set(groups)) or size)]
    before = tuple((n, _ratio(weights, n, (), groups)) for n in counts)
    after = tuple((n, _ratio(weights, n, tuple(weights), groups)) for n in counts)
    return Measured(source, packets, tuple(weights), before, after)


def _ratio(packets: list[int], workers: int, weights: tuple[int, ...], groups: tuple[int, ...]) -> float:
    """max/mean load of a table that was made with or without the weights."""
    per_worker = loads(table(len(packets), workers, weights, groups), packets, workers)
    return round(max(per_worker) * workers / sum(per_worker), 4)


def to_json(measured: Measured) -> dict[str, Any]:
    """The ``traffic`` of plan.json."""
    return {
        "source": measured.source,
        "packets": measured.packets,
        "weights": list(measured.weights),
        "heaviest": round(measured.heaviest, 4),
        "before": {str(n): ratio for n, ratio in measured.before},
        "after": {str(n): ratio for n, ratio in measured.after},
    }
