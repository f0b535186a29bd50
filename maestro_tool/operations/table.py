"""All operations, one row each.  No other file lists them: what a phase does about an operation follows its row.

The columns are explained in `row`; docs/maintaining.md walks through adding one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from maestro_tool.operations.row import Arguments, Cost, Effect, Entries, ObjectOperand, Operation, Role, Wording

_NAMES, _STORES, _AGES = Role.NAMES, Role.STORES, Role.AGES
_DECIDES, _PRODUCES = Role.DECIDES, Role.PRODUCES

_INDEX_YES, _INDEX_NO = "{the_entry} in use in {objects}", "not in use in {objects}"

_ROWS: Final = (
    # ----------------------------------------------------------------- maps: key -> number
    Operation(
        "map_get", Effect.GET, (ObjectOperand("map", Entries.KEY, reads=True),),
        {"key": _NAMES, "raw": _NAMES, "value": _PRODUCES}, ("key",),
        Wording("look up", "{key} in {objects}", "look up {key}", "{key} found in {objects}", "not in {objects}",
                "number found in {first}", "the port found in {first}"),
        answers=True, produces={"value": 32}, functions={"map_get": Arguments((1,), (2,))},
        semantics="maps.map_get", cost=Cost(lines=1, hashes=True, compares=True),
    ),
    Operation(
        "map_put", Effect.PUT, (ObjectOperand("map", Entries.KEY, writes=True),),
        {"key": _NAMES, "raw": _NAMES, "value": _STORES, "key_home": _STORES}, ("key", "value"),
        Wording("put", "{key} into {objects}", "put {key}"),
        functions={"map_put": Arguments((1,), (), keeps=True)}, announces="always",
        semantics="maps.map_put", cost=Cost(lines=1, hashes=True),
    ),
    Operation(
        "map_erase", Effect.ERASE, (ObjectOperand("map", Entries.KEY, writes=True),),
        {"key": _NAMES, "raw": _NAMES, "key_home": _NAMES}, ("key",),
        Wording("erase", "{key} from {objects}", "erase {key}"),
        functions={"map_erase": Arguments((1,), (2,))}, announces="always",
        semantics="maps.map_erase", cost=Cost(lines=1, hashes=True, compares=True),
    ),
    Operation(
        "map_size", Effect.SIZE, (ObjectOperand("map", Entries.ANY, reads=True),),
        {"value": _PRODUCES}, ("value",),
        Wording("count", "all entries of {objects}", "count all entries", gives="number of entries of {first}"),
        produces={"value": 32}, functions={"map_size": Arguments()},
        semantics="maps.map_size",
    ),
    # ----------------------------------------------------------------- vectors, and the NF's variables
    Operation(
        "vector_read", Effect.READ, (ObjectOperand("vector", Entries.INDEX, reads=True),),
        {"index": _NAMES}, ("index", "span"),
        Wording("read", "{objects}{of}"), produces={"*": 8},
        functions={"vector_borrow": Arguments((), (2,), lends=True)},
        semantics="vectors.vector_read", cost=Cost(lines=1),
    ),
    Operation(
        "vector_write", Effect.WRITE, (ObjectOperand("vector", Entries.INDEX, writes=True),),
        {"index": _NAMES, "stored": _STORES}, ("index", "span"),
        Wording("write", "{objects}{of}"), functions={"vector_return": Arguments(lends=True)},
        semantics="vectors.vector_write", cost=Cost(lines=1),
    ),
    Operation(
        "global_read", Effect.READ, (ObjectOperand("global", Entries.WHOLE, reads=True),),
        {"index": _NAMES}, ("index", "span"), Wording("read", "{objects}{of}"), produces={"*": 8},
        semantics="vectors.global_read", cost=Cost(lines=1),
    ),
    Operation(
        "global_write", Effect.WRITE, (ObjectOperand("global", Entries.WHOLE, writes=True),),
        {"index": _NAMES, "stored": _STORES}, ("index", "span"), Wording("write", "{objects}{of}"),
        semantics="vectors.global_write", cost=Cost(lines=1),
    ),
    # Arrays that the NF has itself, at a place that packets choose: what they are for is not known, so they are shared.
    Operation(
        "array_read", Effect.LOOK, (ObjectOperand("global", Entries.ANY, reads=True),),
        {"index": _NAMES}, ("index", "span"), Wording("read", "an element of {objects}", "read an element"),
        produces={"*": 8}, semantics="vectors.array_read", cost=Cost(lines=1),
    ),
    Operation(
        "array_write", Effect.CHANGE, (ObjectOperand("global", Entries.ANY, writes=True),),
        {"index": _NAMES, "stored": _STORES}, ("index", "span"),
        Wording("write", "an element of {objects}", "write an element"), semantics="vectors.array_write",
        cost=Cost(lines=1),
    ),
    # ----------------------------------------------------------------- index allocators
    Operation(
        "dchain_allocate", Effect.ALLOCATE, (ObjectOperand("dchain", Entries.FRESH, reads=True, writes=True),),
        {"value": _AGES, "index": _PRODUCES}, ("value", "result"),
        Wording("take", "a new index from {objects}", "take a new index", "{objects} has room: take a new index",
                "{objects} is full", "new index of {first}"),
        answers=True, produces={"index": 32}, functions={"dchain_allocate_new_index": Arguments((), (1,))},
        announces="if_yes",
        semantics="chains.dchain_allocate", cost=Cost(lines=2),
    ),
    Operation(
        "dchain_rejuvenate", Effect.REFRESH, (ObjectOperand("dchain", Entries.INDEX, reads=True, writes=True),),
        {"index": _NAMES, "value": _AGES}, ("index", "value"),
        Wording("refresh", "the age in {objects}{of}", yes=_INDEX_YES, no=_INDEX_NO),
        answers=True, functions={"dchain_rejuvenate_index": Arguments()},
        semantics="chains.dchain_rejuvenate", cost=Cost(lines=1),
    ),
    Operation(
        "dchain_free", Effect.FREE, (ObjectOperand("dchain", Entries.INDEX, writes=True),),
        {"index": _NAMES}, ("index",),
        Wording("free", "the index in {objects}{of}", yes=_INDEX_YES, no=_INDEX_NO),
        answers=True, functions={"dchain_free_index": Arguments()}, announces="if_yes",
        semantics="chains.dchain_free", cost=Cost(lines=1),
    ),
    Operation(
        "dchain_is_allocated", Effect.ASK, (ObjectOperand("dchain", Entries.INDEX, reads=True),),
        {"index": _NAMES}, ("index",),
        Wording("check", "the index in {objects}{of}", yes=_INDEX_YES, no=_INDEX_NO),
        answers=True, functions={"dchain_is_index_allocated": Arguments()},
        semantics="chains.dchain_is_allocated", cost=Cost(lines=1),
    ),
    Operation(
        "dchain_expire_one", Effect.FREE, (ObjectOperand("dchain", Entries.ANY, reads=True, writes=True),),
        {"value": _DECIDES, "index": _PRODUCES}, ("value",),
        Wording("free", "the oldest index in {objects}, if it is older than {age}", "free the oldest index",
                "an index of {objects} is too old", "none of {objects} is too old", "oldest index of {first}"),
        answers=True, produces={"index": 32}, functions={"dchain_expire_one_index": Arguments((), (1,))},
        announces="if_yes",
        semantics="chains.dchain_expire_one", cost=Cost(lines=1),
    ),
    # ----------------------------------------------------------------- expiry
    Operation(
        "expire", Effect.EXPIRE,
        (
            ObjectOperand("dchain", Entries.OLD, reads=True, writes=True),
            ObjectOperand("vector", Entries.OLD, reads=True),
            ObjectOperand("map", Entries.OLD, reads=True, writes=True),
        ),
        {"value": _DECIDES}, ("value",),
        Wording("forget", "what is older than {age} in {objects}", "forget old entries",
                gives="number of entries expired in {first}"),
        produces={"count": None}, functions={"expire_items_single_map": Arguments()},
        semantics="chains.expire",
    ),
    Operation(
        "expire_range", Effect.ERASE_RANGE,
        (
            ObjectOperand("vector", Entries.RANGE, reads=True),
            ObjectOperand("map", Entries.ERASED, writes=True),
        ),
        {"index": _NAMES, "value": _NAMES}, ("index", "value"),
        Wording("erase", "the keys in {first}{from_on} from {second}", "forget old entries",
                gives="number of entries expired in {first}"),
        produces={"count": None}, functions={"expire_items_single_map_iteratively": Arguments()},
        semantics="chains.expire_range",
    ),
    Operation(
        "dmap_expire", Effect.EXPIRE,
        (
            ObjectOperand("dchain", Entries.ANY, reads=True, writes=True),
            ObjectOperand("dmap", Entries.ANY, reads=True, writes=True),
        ),
        {"value": _DECIDES}, ("value",),
        Wording("forget", "what is older than {age} in {objects}", "forget old entries",
                gives="number of entries expired in {first}"),
        produces={"count": None}, functions={"expire_items": Arguments()},
        semantics="chains.dmap_expire",
    ),
    # ----------------------------------------------------------------- sketches: counters of keys
    Operation(
        "sketch_compute_hashes", Effect.COUNT, (ObjectOperand("sketch", Entries.KEY, writes=True),),
        {"key": _NAMES, "raw": _NAMES}, ("key",), Wording("hash", "{key} for {objects}", "hash {key}"),
        functions={"sketch_compute_hashes": Arguments((1,))}, announces="always",
        semantics="sketches.sketch_compute_hashes", cost=Cost(lines=5, hashes=True),
    ),
    Operation(
        "sketch_refresh", Effect.COUNT, (ObjectOperand("sketch", Entries.KEY, writes=True),),
        {"key": _NAMES, "raw": _NAMES, "value": _AGES}, ("key", "value"),
        Wording("refresh", "the counters of {key} in {objects}", "refresh {key}"),
        functions={"sketch_refresh": Arguments()}, announces="always",
        semantics="sketches.sketch_refresh", cost=Cost(lines=5),
    ),
    Operation(
        "sketch_fetch", Effect.COUNT, (ObjectOperand("sketch", Entries.KEY, writes=True),),
        {"key": _NAMES, "raw": _NAMES}, ("key",),
        Wording("read", "the counters of {key} in {objects}", "read {key}",
                "counters of {key} in {objects} above the threshold", "not above the threshold"),
        answers=True, functions={"sketch_fetch": Arguments()}, announces="always",
        semantics="sketches.sketch_fetch", cost=Cost(lines=5),
    ),
    Operation(
        "sketch_touch_buckets", Effect.COUNT, (ObjectOperand("sketch", Entries.KEY, writes=True),),
        {"key": _NAMES, "raw": _NAMES, "value": _AGES}, ("key", "value"),
        Wording("count", "{key} in {objects}", "count {key}", "{key} counted in {objects}",
                "no room to count in {objects}"),
        answers=True, functions={"sketch_touch_buckets": Arguments()}, announces="always",
        semantics="sketches.sketch_touch_buckets", cost=Cost(lines=5),
    ),
    Operation(
        "sketch_expire", Effect.EXPIRE, (ObjectOperand("sketch", Entries.OLD, writes=True),),
        {"value": _DECIDES}, ("value",), Wording("forget", "old counts in {objects}", "forget old entries"),
        functions={"sketch_expire": Arguments()},
        semantics="sketches.sketch_expire",
    ),
    # ----------------------------------------------------------------- consistent hashing tables
    Operation(
        "cht_find", Effect.CHOOSE,
        (
            ObjectOperand("vector", Entries.ANY, reads=True),
            ObjectOperand("dchain", Entries.ANY, reads=True),
        ),
        {"value": _DECIDES, "operands": _DECIDES, "index": _PRODUCES}, ("value", "result"),
        Wording("choose", "an entry of {second} by {first}", "choose an entry",
                "an entry in use in {second} is chosen by {first}", "none is in use in {second}",
                "chosen of {first}"),
        answers=True, produces={"chosen": 32},
        functions={"cht_find_preferred_available_backend": Arguments((), (5,))},
        semantics="vectors.cht_find", cost=Cost(lines=2),
    ),
    # ----------------------------------------------------------------- routing tables
    Operation(
        "lpm_lookup", Effect.GET, (ObjectOperand("lpm", Entries.ANY, reads=True),),
        {"key": _NAMES, "value": _PRODUCES}, ("key", "value"),
        Wording("look up", "{key} in {objects}", "look up {key}", gives="number found in {first}",
                gives_port="the port found in {first}"),
        produces={"value": 16}, functions={"lpm_lookup_elem": Arguments()},
        semantics="routes.lpm_lookup", cost=Cost(lines=2),
    ),
    Operation(
        "lpm_update", Effect.PUT, (ObjectOperand("lpm", Entries.ANY, writes=True),),
        {"key": _NAMES, "value": _STORES}, ("key", "value"),
        Wording("set", "the route {prefix}/{length} in {objects}", "set a route"),
        produces={"done": 1}, functions={"lpm_update_elem": Arguments()},
        semantics="routes.lpm_update", cost=Cost(lines=2),
    ),
    # ----------------------------------------------------------------- double maps: either of two keys -> value
    Operation(
        "dmap_get_a", Effect.GET, (ObjectOperand("dmap", Entries.ANY, reads=True),),
        {"raw": _NAMES, "value": _PRODUCES}, (),
        Wording("look up", "{key} in {objects}", "look up {key}", "{key} found in {objects}", "not in {objects}",
                "number found in {first}", "the port found in {first}"),
        answers=True, produces={"value": 32}, functions={"dmap_get_a": Arguments((1,), (2,))},
        semantics="pairs.dmap_get_a", cost=Cost(lines=1, compares=True),
    ),
    Operation(
        "dmap_get_b", Effect.GET, (ObjectOperand("dmap", Entries.ANY, reads=True),),
        {"raw": _NAMES, "value": _PRODUCES}, (),
        Wording("look up", "{key} in {objects}", "look up {key}", "{key} found in {objects}", "not in {objects}",
                "number found in {first}", "the port found in {first}"),
        answers=True, produces={"value": 32}, functions={"dmap_get_b": Arguments((1,), (2,))},
        semantics="pairs.dmap_get_b", cost=Cost(lines=1, compares=True),
    ),
    Operation(
        "dmap_read", Effect.READ, (ObjectOperand("dmap", Entries.ANY, reads=True),),
        {"index": _NAMES}, ("index", "span"), Wording("read", "{objects}{of}"), produces={"*": 8},
        functions={"dmap_get_value": Arguments((), (2,))},
        semantics="pairs.dmap_read", cost=Cost(lines=1),
    ),
    Operation(
        "dmap_put", Effect.PUT, (ObjectOperand("dmap", Entries.ANY, writes=True),),
        {"value": _NAMES, "stored": _STORES}, ("value",),
        Wording("put", "a new entry into {objects}", "put a new entry"),
        answers=True, functions={"dmap_put": Arguments((1,))},
        semantics="pairs.dmap_put", cost=Cost(lines=3),
    ),
    Operation(
        "dmap_erase", Effect.ERASE, (ObjectOperand("dmap", Entries.ANY, writes=True),),
        {"index": _NAMES}, ("index",), Wording("erase", "{some} from {objects}", "erase {some}"),
        answers=True, functions={"dmap_erase": Arguments()},
        semantics="pairs.dmap_erase", cost=Cost(lines=3),
    ),
    Operation(
        "dmap_size", Effect.SIZE, (ObjectOperand("dmap", Entries.ANY, reads=True),),
        {"value": _PRODUCES}, ("value",),
        Wording("count", "all entries of {objects}", "count all entries", gives="number of entries of {first}"),
        produces={"value": 32}, functions={"dmap_size": Arguments()},
        semantics="pairs.dmap_size",
    ),
    # ----------------------------------------------------------------- no state
    Operation(
        "opaque", Effect.CALCULATE, (), {"operands": _DECIDES, "value": _PRODUCES}, ("value",),
        Wording("calculate", "a value"), produces={"value": None, "room": 8},
        semantics=None,
    ),
)  # fmt: skip

OPERATIONS: Final[Mapping[str, Operation]] = {row.name: row for row in _ROWS}


def operation(name: str) -> Operation:
    """The row of that name; KeyError if there is none."""
    return OPERATIONS[name]
