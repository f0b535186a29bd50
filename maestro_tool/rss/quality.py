"""How well a key spreads realistic traffic.

Traffic in which some input bits vary uniformly and the others stand still fills a subspace of the indices evenly,
so its balance is computed exactly, without sampling.  Zipf traffic is simulated, always with the same flows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import xor
from typing import Final

from maestro_tool.packet.fields import ADDRESSES_OF, HASHABLE_OF, INPUT_BITS, PORTS_OF, Family, is_hashable
from maestro_tool.rss import toeplitz
from maestro_tool.rss.gf2 import Span, rank
from maestro_tool.rss.table import entries


@dataclass(frozen=True, slots=True)
class Traffic:
    """Kinds of traffic over one version of IP.

    ``host_bits``: of the addresses of each kind; "uniform" varies the ports too.  ``weights`` of `cost`; "all": every
    bit of every field varies, so that no key is good which makes nothing of the bits that may decide.  ``reported``:
    kinds that solutions report.
    """

    host_bits: Mapping[str, int]
    weights: Mapping[str, float]
    reported: tuple[str, ...]


TRAFFIC: Final[Mapping[Family, Traffic]] = {
    4: Traffic(
        {"uniform": 32, "/16": 16, "/20": 12, "/24": 8, "/28": 4},
        {"all": 16.0, "uniform": 16.0, "/16": 8.0, "/20": 2.0, "/24": 4.0, "/28": 0.25, "ports": 0.25},
        ("uniform", "/16", "/24", "ports", "zipf"),
    ),
    # A site has a /48, a link a /64; /112: hosts that are numbered one by one.
    6: Traffic(
        {"uniform": 128, "/48": 80, "/56": 72, "/64": 64, "/112": 16},
        {"all": 16.0, "uniform": 16.0, "/48": 8.0, "/56": 2.0, "/64": 4.0, "/112": 2.0, "ports": 0.25},
        ("uniform", "/48", "/64", "/112", "ports", "zipf"),
    ),
}
#: Worker counts that solutions report.
WORKERS: Final = (2, 4, 8, 12, 16)
#: Ephemeral ports of one client: the low bits vary.
_PORT_BITS: Final = 10
_ZIPF_FLOWS: Final = 512

Columns = Mapping[str, Sequence[int]]
#: Per field and bit of it the input bits that it changes (`steering.Layout.traffic_positions`).
Positions = Mapping[str, Sequence[tuple[int, ...]]]
#: Per kind of traffic a dimension of a space of indices.
Dimensions = Mapping[str, int]


def field_columns(key: bytes, positions: Positions, index_bits: int) -> dict[str, list[int]]:
    """Per field what each of its bits adds to the index, most significant bit of the field first."""
    longest = 1 + max((p for bits in positions.values() for places in bits for p in places), default=-1)
    return combined(toeplitz.columns(key, longest, index_bits), positions)


def combined(columns: Sequence[int], positions: Positions) -> dict[str, list[int]]:
    """The columns of input bits -> those of the bits of fields, which may each change several input bits."""
    return {field: [reduce(xor, (columns[p] for p in places)) for places in bits] for field, bits in positions.items()}


def field_ranks(columns: Columns) -> dict[str, int]:
    """How many independent index bits each field decides by itself."""
    return {field: rank(c) for field, c in columns.items()}


def attainable(columns: Columns, table_size: int, family: Family = 4) -> Dimensions:
    """Dimension of the indices each traffic could fill, given what tells the columns of all correct keys apart."""
    full = table_size.bit_length() - 1
    weights = TRAFFIC[family].weights
    return {traffic: min(full, len(set(_varying(columns, traffic, family)) - {0})) for traffic in weights}


def cost(columns: Columns, table_size: int, ideal: Dimensions, family: Family = 4) -> float:
    """What `solve` minimises: weighted excess over the balance of `attainable` dimensions; 0.0 is perfect."""
    total, full = 0.0, table_size.bit_length() - 1
    for traffic, weight in TRAFFIC[family].weights.items():
        varying = _varying(columns, traffic, family)
        if _fills(varying, full):
            continue
        basis, best = _reduced(varying), tuple(1 << full - 1 - i for i in range(ideal[traffic]))
        for workers in WORKERS:
            total += weight * max(
                0.0, _subspace_imbalance(basis, workers, table_size) - _subspace_imbalance(best, workers, table_size)
            )
    return round(total, 6)


def granularity(table_size: int) -> float:
    """max/mean load of a table all of whose indices are met alike, for the number of workers that it fits worst."""
    return max(-(-table_size // n) * n / table_size for n in WORKERS)


def report(
    columns: Columns, table_size: int, family: Family = 4, groups: tuple[int, ...] = ()
) -> dict[str, dict[int, float]]:
    """max/mean load for each kind of traffic and number of workers; 1.0 is perfect, N: one of N workers does it all.

    ``groups``: see `RssSolution.groups`; numbers of workers that they do not serve are left out.
    """
    counts = [n for n in WORKERS if n <= (len(set(groups)) or table_size)]
    result = {}
    for traffic in (t for t in TRAFFIC[family].reported if t != "zipf"):
        # Choosing a key looks at the ports of short-lived flows, which are near each other; "uniform" is what it says.
        basis = _reduced(set(_varying(columns, "all" if traffic == "uniform" else traffic, family)))
        result[traffic] = {n: round(_subspace_imbalance(basis, n, table_size, groups), 4) for n in counts}
    result["zipf"] = _zipf(columns, counts, table_size, family, groups)
    return result


def _varying(columns: Columns, traffic: str, family: Family) -> list[int]:
    """Columns of the input bits that vary in this traffic."""
    if traffic == "all":
        return [column for bits in columns.values() for column in bits]
    varying: list[int] = []
    # Bytes that only software hashes are taken for addresses: hosts differ in the last of them.
    addresses = (*ADDRESSES_OF[family], *(f for f in columns if not is_hashable(f)))
    if traffic != "ports":
        for field in addresses:
            bits = columns.get(field, ())
            varying += bits[max(0, len(bits) - TRAFFIC[family].host_bits[traffic]) :]
    # Where ports alone decide, hosts inside a prefix differ by their ports only.
    if traffic in ("ports", "uniform") or not any(any(columns.get(f, ())) for f in addresses):
        for field in PORTS_OF[family]:
            varying += columns.get(field, ())[-_PORT_BITS:]
    return varying


def _fills(vectors: Iterable[int], dimension: int) -> bool:
    """The vectors span all indices; seen after a few of them in good keys."""
    span = Span()
    return any(span.add(v) and span.dimension == dimension for v in vectors)


def _reduced(vectors: Iterable[int]) -> tuple[int, ...]:
    """The reduced basis: one form for each subspace."""
    rows = Span(vectors).rows
    leads = sorted(rows)
    for lead in leads:
        for other in leads:
            if other > lead and rows[other] >> lead & 1:
                rows[other] ^= rows[lead]
    return tuple(rows[lead] for lead in leads)


@lru_cache(maxsize=4096)
def _subspace_imbalance(basis: tuple[int, ...], workers: int, table_size: int, groups: tuple[int, ...] = ()) -> float:
    indices = [0]
    for b in basis:
        indices += [i ^ b for i in indices]
    loads, table = [0] * workers, entries(table_size, workers, groups=groups)
    for i in indices:
        loads[table[i]] += 1
    return max(loads) * workers / len(indices)


@lru_cache(maxsize=2)
def _zipf_flows(family: Family) -> tuple[tuple[dict[str, int], float], ...]:
    """Flows with fixed pseudo-random headers; the k-th heaviest has weight 1/k."""
    flows = []
    fields = HASHABLE_OF[family]
    length = sum(INPUT_BITS[f] for f in fields) // 8 + 4
    for k in range(_ZIPF_FLOWS):
        random = int.from_bytes(hashlib.shake_256(b"zipf flow %d" % k).digest(length), "big")
        values = {}
        for field in fields:
            width = INPUT_BITS[field]
            values[field] = random & ((1 << width) - 1)
            random >>= width
        flows.append((values, 1 / (k + 1)))
    return tuple(flows)


@lru_cache(maxsize=1024)
def _zipf_bytes(name: str, flow: int, size: int) -> int:
    """What a flow has in bytes that only software hashes."""
    return int.from_bytes(hashlib.shake_256(f"{name} of zipf flow {flow}".encode()).digest(size), "big")


def _zipf(
    columns: Columns, counts: Sequence[int], table_size: int, family: Family, groups: tuple[int, ...]
) -> dict[int, float]:
    hashable = HASHABLE_OF[family]
    tables = {field: _byte_tables(c) for field, c in columns.items() if field in hashable or not is_hashable(field)}
    load: dict[int, float] = {}
    for number, (values, weight) in enumerate(_zipf_flows(family)):
        index = 0
        for field, by_byte in tables.items():
            value = values[field] if field in values else _zipf_bytes(field, number, len(by_byte))
            for table in by_byte:
                index ^= table[value & 0xFF]
                value >>= 8
        load[index] = load.get(index, 0.0) + weight
    result = {}
    for workers in counts:
        loads, owners = [0.0] * workers, entries(table_size, workers, groups=groups)
        for index, weight in load.items():
            loads[owners[index]] += weight
        result[workers] = round(max(loads) * workers / sum(loads), 4)
    return result


def _byte_tables(columns: Sequence[int]) -> list[list[int]]:
    """Per byte of a field (least significant first) what each of its 256 values adds to the index."""
    tables = []
    for end in range(len(columns), 0, -8):
        table = [0]
        for column in reversed(columns[end - 8 : end]):
            table += [entry ^ column for entry in table]
        tables.append(table)
    return tables
