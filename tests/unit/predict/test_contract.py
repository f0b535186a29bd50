"""What a path's work is, and what the contract says of it; certificates with only what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from maestro_tool.operations.parts import EXPIRE_PAIRS
from maestro_tool.operations.row import Effect, Entries
from maestro_tool.operations.table import OPERATIONS
from maestro_tool.predict import contract
from maestro_tool.predict.contract import MACHINE, Machine, predict, prices
from maestro_tool.predict.work import Work, priced

#: 0: byte 12, 1: byte 13, 2: both, 3: 0x800, 4: is IPv4, 5: is not, 6: the length, 7: 34, 8: long enough, 9: it is not.
POOL = [
    ["sym", 8, "pkt.12"], ["sym", 8, "pkt.13"], ["concat", 16, None, 0, 1], ["const", 16, 0x800], ["eq", 0, None, 3, 2],
    ["lnot", 0, None, 4], ["sym", 16, "pkt_len"], ["const", 16, 34], ["ule", 0, None, 7, 6], ["lnot", 0, None, 8],
]  # fmt: skip
IS_IP, IS_NOT, LONG, SHORT = 4, 5, 8, 9


def path(conditions: list[int], events: Sequence[int] = (), **more: Any) -> dict[str, Any]:
    return {
        "port": 0, "location": "nf.c:1:1", "conditions": conditions, "events": list(events), "frame": [], "verdict": 1, "grown": 0,
    } | more  # fmt: skip


def event(op: str, objects: list[int], conditions: int = 0, **more: Any) -> dict[str, Any]:
    return {"op": op, "objects": objects, "conditions": conditions, "location": f"nf.c:{len(more) + 2}:1"} | more


def certificate(
    paths: list[dict[str, Any]],
    events: Sequence[dict[str, Any]] = (),
    shared: bool = False,
) -> dict[str, Any]:
    treatment = "shared" if shared else "sharded"
    kinds = (("map", "state->flows"), ("vector", "state->keys"), ("dchain", "ages"))
    objects = [
        {"name": name, "kind": kind, "capacity": 8, "key": [[0, 4], [4, 2], [6, 6]] if kind == "map" else None,
         "treatment": treatment, "ages_per_worker": True}
        for kind, name in kinds
    ]  # fmt: skip
    return {
        "nf": "nf", "strategy": "locks" if shared else "shared-nothing", "always_write": False, "objects": objects,
        "paths": paths, "events": list(events), "expressions": POOL,
    }  # fmt: skip


GET = [event("map_get", [0], 1, key=[2], result=True), event("map_get", [0], 1, key=[2], result=False)]


def test_what_is_calculated_once_counts_once() -> None:
    twice = [
        event("vector_read", [1], 1, index=2, span=[0, 4]),
        event("vector_write", [1], 1, index=2, span=[4, 8], stored=[[4, 2]]),
    ]
    work = Work(certificate([path([IS_IP], [0, 1]), path([IS_NOT])], twice)).of(0)
    assert (work["compare"], work["load"], work["element"], work["store"]) == (1, 1, 1, 1)
    assert (work["vector_read"], work["vector_write"], work["dereference"]) == (1, 1, 1)


def test_conditions_behind_which_all_goes_on_alike_are_not_asked_for() -> None:
    """As compilers leave out a look at a header that nothing depends on."""
    same = Work(certificate([path([IS_IP, LONG]), path([IS_IP, SHORT]), path([IS_NOT], verdict="drop")]))
    assert [same.of(n)["compare"] for n in range(3)] == [1, 1, 1]
    other = Work(certificate([path([IS_IP, LONG]), path([IS_IP, SHORT], verdict=0), path([IS_NOT], verdict="drop")]))
    assert [other.of(n)["compare"] for n in range(3)] == [2, 2, 1]
    behind = Work(
        certificate(
            [path([IS_IP, LONG], [0]), path([IS_IP, SHORT], [1])],
            [GET[0] | {"conditions": 2}, GET[1] | {"conditions": 2}],
        )
    )
    assert behind.of(0)["compare"] == 2  # what a look-up answers is no matter of conditions


def test_what_is_asked_for_on_one_port_is_on_the_others() -> None:
    """The NF may ask for the port behind its look at headers; where it does so before, no path of the port has that."""
    alike = [path([IS_IP], verdict="drop"), path([IS_NOT], verdict="drop")]
    asked = [path([IS_IP], port=1), path([IS_NOT], port=1, verdict="drop")]
    assert [Work(certificate(alike)).of(n)["compare"] for n in (0, 1)] == [0, 0]
    assert [Work(certificate([*alike, *asked])).of(n)["compare"] for n in range(4)] == [1, 1, 1, 1]
    first = Work(certificate([path([], verdict="drop"), *asked]))
    assert [first.of(n)["compare"] for n in range(3)] == [0, 1, 1]


def test_keys_are_hashed_word_by_word_and_addresses_of_cards_byte_by_byte() -> None:
    found, missed = (Work(certificate([path([IS_IP], [0]), path([IS_IP], [1])], GET)).of(n) for n in (0, 1))
    assert (found["hash"], found["equal"], found["map_get yes"]) == (1 + 1, 1 + 1, 1)
    assert (found["hash by byte"], found["equal by byte"], found["choice"]) == (6, 6, 0)
    assert (missed["hash"], missed["equal"], missed["map_get no"]) == (2, 0, 1)
    assert (missed["hash by byte"], missed["equal by byte"]) == (6, 0)


def test_which_functions_a_key_has_is_asked_for_where_keys_are_of_several_kinds() -> None:
    made = certificate([path([IS_IP], [0]), path([IS_IP], [1])], GET)
    for key, asked in (([[0, 4], [4, 2], [6, 6]], (0, 0)), ([[0, 4]], (2, 1))):
        other = made | {"objects": [*made["objects"], made["objects"][0] | {"key": key}]}
        assert tuple(Work(other).of(n)["choice"] for n in (0, 1)) == asked


def test_in_a_program_that_shares_something_every_operation_asks_if_its_object_is() -> None:
    made = certificate([path([IS_IP], [0])], GET)
    assert Work(made).of(0)["shared map_get"] == 0
    other = made | {"objects": [*made["objects"][:2], made["objects"][2] | {"treatment": "shared"}]}
    work = Work(other)
    assert (work.of(0)["shared map_get"], work.of(0)["shared packet"], work.of_burst()["burst shared"]) == (1, 1, 1)


def test_what_is_inlined_takes_registers_of_all_packets() -> None:
    assert Work(certificate([path([IS_IP], [0]), path([IS_NOT])], GET)).of(1)["registers"] == 1
    routes = certificate([path([IS_IP], [0]), path([IS_NOT])], [event("lpm_lookup", [0], 1, key=[2], value=6)])
    assert Work(routes).of(1)["registers"] == 0


def test_a_loop_is_seen_by_its_places() -> None:
    expire = event("expire", [2, 1, 0], value=6)
    work = Work(
        certificate([path([], [0, 0, 1, 2])], [expire, *(GET[1] | {"conditions": 0, "key": [n]} for n in (2, 6))])
    ).of(0)
    assert (work["again expire"], work["again"]) == (1, 1)


def test_an_entry_is_one_line_whatever_is_done_to_it() -> None:
    events = [*GET, event("dchain_rejuvenate", [2], 1, index=6), event("vector_read", [1], 1, index=6, span=[0, 4])]
    events += [event("vector_write", [1], 1, index=6, stored=[[0, 2]]), event("map_put", [0], 1, key=[2], value=6)]
    events += [event("dchain_allocate", [2], 1, value=6, result=yes) for yes in (True, False)]
    paths = [path([IS_IP], [0, 2, 3, 4]), path([IS_IP], [1, 6, 4, 5]), path([IS_IP], [1, 7]), path([IS_NOT])]
    assert [p.lines for p in predict(certificate(paths, events), 1)] == [4, 4, 1, 0]


def test_who_changes_what_is_shared_is_alone() -> None:
    events = [*GET, event("dchain_rejuvenate", [2], 1, index=6), event("map_put", [0], 1, key=[2], value=6)]
    events.append(event("expire", [2, 1, 0], 1, value=6))
    paths = [path([IS_IP], [4, 0, 2]), path([IS_IP], [4, 1, 3])]
    for shared in (True, False):
        known, new = predict(certificate(paths, events, shared), 4)
        assert (known.serial, new.serial) == (False, shared)
        [one, four] = new.packets_per_second
        assert (one.cores, four.cores) == (1, 4)
        assert four.cached == pytest.approx((1 if shared else 4) * one.cached, rel=0.01)
        assert known.packets_per_second[1].cached == pytest.approx(4 * known.packets_per_second[0].cached, rel=0.01)


def test_rates_follow_from_the_machine() -> None:
    found = certificate([path([IS_IP], [0])], GET)
    [fast] = predict(found, 1)
    [slow] = predict(found, 1, Machine(MACHINE.instructions_per_ns / 2, MACHINE.ns_per_line))
    assert fast.packets_per_second[0].cached == pytest.approx(2 * slow.packets_per_second[0].cached, rel=0.01)
    assert fast.packets_per_second[0].missed < fast.packets_per_second[0].cached


def test_no_price_is_no_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name: price for name, price in prices().items() if name != "map_get yes"}
    monkeypatch.setattr(contract, "prices", lambda: known)
    dear, known_path = predict(certificate([path([IS_IP], [0]), path([IS_IP], [1])], GET), 2)
    assert (dear.instructions, dear.unpriced, dear.packets_per_second) == (None, ("map_get yes",), ())
    assert known_path.instructions is not None and known_path.unpriced == ()
    assert "no price for map_get yes, 2 lines" in "\n".join(contract.text([dear]))


def test_conditions_are_told_in_order() -> None:
    found, missed = predict(certificate([path([IS_IP, LONG], [0]), path([IS_IP, LONG], [1])], GET), 1)
    assert found.condition == "(pkt[12..13] == 0x800) && map_get(state->flows) && (34 <= pkt_len)"
    assert missed.condition == "(pkt[12..13] == 0x800) && !map_get(state->flows) && (34 <= pkt_len)"


#: Of these no primitive is counted; docs/performance.md says so.
UNPRICED = {
    "dmap_erase no", "dmap_erase yes", "dmap_put no", "dmap_size", "lpm_update", "sketch_touch_buckets no",
    "shared dmap_erase", "shared dmap_size", "shared lpm_update",
}  # fmt: skip
#: What is no operation.
OF_PACKETS = {
    "again", "again expire", "arithmetic", "burst", "burst of frames", "burst of look-ups", "burst shared",
    "byte of a key", "calculation", "checksum", "choice", "compare", "dereference", "divide", "element", "equal",
    "equal by byte", "frame", "frame store", "hash", "hash by byte", "load", "multiply", "option", "packet", "port",
    "registers", "shared packet", "store",
}  # fmt: skip


def test_each_operation_has_a_price() -> None:
    """For either answer, and for programs in which workers share something; and nothing else has one."""
    rows = [row for row in (*OPERATIONS.values(), EXPIRE_PAIRS) if row.effect is not Effect.CALCULATE]
    names = {priced(row, yes) for row in rows for yes in (True, False)} | {f"shared {row.name}" for row in rows}
    assert names - prices().keys() == UNPRICED
    assert prices().keys() - names == OF_PACKETS
    assert all(price >= 0 for price in prices().values())


def test_what_rows_say_of_costs() -> None:
    """Who names an entry touches it; keys are hashed and compared by who has one."""
    for row in OPERATIONS.values():
        named = row.objects and row.objects[0].entries in (Entries.KEY, Entries.INDEX, Entries.FRESH, Entries.WHOLE)
        assert row.cost.lines or not named or row.effect is Effect.ERASE_RANGE, row
        assert not (row.cost.hashes or row.cost.compares) or {"key", "raw"} & row.operands.keys(), row
        assert row.cost.compares <= (row.effect in (Effect.GET, Effect.ERASE)), row
