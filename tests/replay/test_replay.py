"""The replay notices call paths that are wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from maestro_tool.expr import nodes
from maestro_tool.operations.semantics import UndefinedError
from maestro_tool.symex.callpath import Analysis, CallPath, Event
from tests.operations.library import Compiler
from tests.replay.compare import Comparison, Packet, ReplayError
from tests.replay.prelude import PRELUDE, PROCESS
from tests.replay.program import Sequential, build_file

#: A table of sources that counts their packets, in the packet.
COUNTED = """
  struct addr key = { ip->src_addr }, *stored;
  uint32_t *count;
  int index;
  expire_items_single_map(chain, keys, map, now - 50);
  if (map_get(map, &key, &index)) {
    dchain_rejuvenate_index(chain, index, now);
    vector_borrow(values, index, (void **)&count);
    ++*count;
  } else {
    if (!dchain_allocate_new_index(chain, &index, now)) return device;
    vector_borrow(keys, index, (void **)&stored);
    *stored = key;
    map_put(map, stored, index);
    vector_borrow(values, index, (void **)&count);
    *count = 1;
  }
  ip->packet_id = *count;
  return 1 - device;
"""


@pytest.fixture(scope="session")
def counted(compiler: Compiler) -> Sequential:
    before = "bool nf_init(void) { return make(ip_eq, ip_hash, 4, 4); }"
    return build_file(compiler, "counted", f"{PRELUDE}{before}{PROCESS}{COUNTED}}}\n")


def packets() -> list[Packet]:
    """Six sources for a table of four; some pause, some do not."""
    frame = bytes(12) + b"\x08\x00\x45" + bytes(25)
    return [
        Packet(1000 + 10 * n, 0, frame[:26] + bytes([10, 0, 0, source]) + frame[30:] + bytes(4))
        for n, source in enumerate([1, 2, 1, 3, 4, 5, 1, 1, 2, 1, 6, 1, 5, 1, 1, 1, 3, 1, 2, 2, 4, 5, 6, 1, 2])
    ]


Change = Callable[[Event], Event]


def events(analysis: Analysis, op: str, change: Change) -> Analysis:
    """With all operations ``op`` changed."""

    def of(path: CallPath) -> CallPath:
        return replace(path, events=tuple(change(e) if e.op.name == op else e for e in path.events))

    changed = replace(analysis, paths=tuple(map(of, analysis.paths)))
    assert changed.paths != analysis.paths
    return changed


def plus_one(name: str, event: Event) -> Event:
    operand = getattr(event, name)
    return replace(event, **{name: nodes.binary("add", operand, nodes.const(1, operand.width))})


def stored(event: Event) -> Event:
    return replace(event, stored=tuple((at, nodes.bv_not(e)) for at, e in event.stored))


def key(event: Event) -> Event:
    assert event.key is not None
    return replace(event, key=tuple(map(nodes.bv_not, event.key)))


WRONG: dict[str, Callable[[Analysis], Analysis]] = {
    "a path is missing": lambda a: replace(a, paths=a.paths[1:]),
    "a path is there twice": lambda a: replace(a, paths=(*a.paths, replace(a.paths[0], loc=0))),
    "another verdict": lambda a: replace(a, paths=tuple(replace(p, verdict="flood" if p.verdict == 1 else p.verdict) for p in a.paths)),
    "a frame that stays": lambda a: replace(a, paths=tuple(replace(p, packet_writes=()) for p in a.paths)),
    "another byte": lambda a: replace(a, paths=tuple(replace(p, packet_writes=tuple((o, nodes.bv_not(e)) for o, e in p.packet_writes)) for p in a.paths)),
    "a condition too few": lambda a: replace(a, paths=tuple(replace(p, condition=p.condition[:-1]) for p in a.paths)),
    "an operation too few": lambda a: replace(a, paths=tuple(replace(p, events=p.events[1:]) for p in a.paths)),
    "another key looked up": partial(events, op="map_get", change=key),
    "another key put": partial(events, op="map_put", change=key),
    "another number put": partial(events, op="map_put", change=partial(plus_one, "value")),
    "another index refreshed": partial(events, op="dchain_rejuvenate", change=partial(plus_one, "index")),
    "later refreshed": partial(events, op="dchain_rejuvenate", change=lambda e: replace(e, value=nodes.const(10**6, 64))),
    "later allocated": partial(events, op="dchain_allocate", change=lambda e: replace(e, value=nodes.const(10**6, 64))),
    "later expired": partial(events, op="expire", change=lambda e: replace(e, value=nodes.const(0, 64))),
    "other bytes written": partial(events, op="vector_write", change=stored),
    "another entry read": partial(events, op="vector_read", change=partial(plus_one, "index")),
    "another entry written": partial(events, op="vector_write", change=partial(plus_one, "index")),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_wrong_paths_are_noticed(counted: Sequential, what: str) -> None:
    compared = Comparison(counted, change=WRONG[what])
    with pytest.raises((AssertionError, ReplayError, UndefinedError)):
        for packet in packets():
            compared.send(packet)


def test_right_ones_are_not(counted: Sequential) -> None:
    compared = Comparison(counted)
    for packet in packets():
        compared.send(packet)
    assert {"expire", "dchain_rejuvenate", "map_put", "vector_read"} <= compared.counts.events.keys()
