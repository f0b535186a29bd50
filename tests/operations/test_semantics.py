"""The rows' semantics against the C runtime: random operations on both, the same answers, numbers and contents.

Where there is a choice, few keys, indices and times are drawn, so that keys come again, tables fill up and all kinds of
entries expire.
"""

from __future__ import annotations

import ctypes
import random
from itertools import chain as joined
from pathlib import Path

import pytest

from maestro_tool.operations import OPERATIONS
from maestro_tool.operations.semantics import (
    Dchain,
    Dmap,
    Lpm,
    Map,
    Outcome,
    Sketch,
    UndefinedError,
    Vector,
    fields,
    fill_preferences,
)
from tests.equivalence import model_tables as facts_page
from tests.operations.both import (
    FUNCTIONS,
    KEY,
    M32,
    M64,
    RAW,
    address,
    crc,
    do,
    random_key,
    same_answer,
    same_dchain,
    same_map,
    same_vector,
    signed_values,
    time_of,
)  # fmt: skip
from tests.operations.library import Compiler

HERE = Path(__file__).parent
SIZE = 24  # of the double map's values
ROUNDS, STEPS = 8, 800


@pytest.fixture(scope="session")
def c(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("operations")
    compiler = Compiler(folder)
    runtime = [o for o in compiler.runtime if o.name != "sketch.o"]  # the driver has it
    library = ctypes.CDLL(
        str(compiler.link(folder / "driver.so", [*compiler.objects(folder, [HERE / "driver.c"]), *runtime]))
    )
    made = ("map", "vector", "dchain", "sketch", "lpm", "dmap")
    for name in (*(f"t_{kind}" for kind in made), "t_vector_element", "t_sketch_row"):
        getattr(library, name).restype = ctypes.c_void_p
    for name in ("t_map_size", "t_dmap_size", "t_map_entries", "t_dchain_contents", "t_sketch_names"):
        getattr(library, name).restype = ctypes.c_uint
    return library


# --------------------------------------------------------------------------- kind by kind


@pytest.mark.parametrize("functions", range(len(FUNCTIONS)))
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_maps_and_vectors(c: ctypes.CDLL, functions: int, seed: int) -> None:
    """Keys lie in the vector, in memory that nobody changes, or at two indices at once; elements change under them."""
    rng = random.Random(f"map {functions} {seed}")
    capacity = rng.choice((1, 5, 16))
    equal, hash_ = FUNCTIONS[functions]
    theirs, keys = c.t_map(functions, capacity), c.t_vector(KEY, capacity)
    vector = Vector(capacity, KEY)
    ours = Map(capacity, RAW, equal, hash_)
    kept = []
    for _ in range(STEPS):
        key, index = random_key(rng), rng.choice((-1, *range(capacity + 1)))
        buffer = ctypes.create_string_buffer(key, KEY)
        match rng.choice(("get", "get", "put home", "put", "erase", "erase home", "write", "read", "range")):
            case "get":
                value = ctypes.c_int(0)
                answer = c.t_map_get(address(theirs), buffer, ctypes.byref(value))
                same_answer(do("map_get", ours, key=RAW(key)), answer, value=value.value)
            case "put home":
                home = c.t_vector_element(address(keys), index)
                number = rng.randrange(-3, 100)
                c.t_map_put(address(theirs), address(home), number)
                do("map_put", ours, key=RAW(vector.element(index)), value=number & M32, key_home=(vector, index))
            case "put" if functions:
                kept.append(buffer)
                c.t_map_put(address(theirs), buffer, 7)
                do("map_put", ours, key=RAW(key), value=7)
            case "erase":
                c.t_map_erase(address(theirs), buffer)
                do("map_erase", ours, key=RAW(key))
            case "erase home":
                c.t_map_erase(address(theirs), address(c.t_vector_element(address(keys), index)))
                do("map_erase", ours, key=RAW(vector.element(index)))
            case "write":
                ctypes.memmove(c.t_vector_element(address(keys), index), key, KEY)
                first = rng.randrange(KEY)
                parts = ((0, key[:first]), (first, key[first:]))
                do("vector_write", vector, index=index & M32, stored=parts)
            case "read":
                first, end = sorted(rng.sample(range(KEY + 1), 2))
                bytes_ = ctypes.string_at(c.t_vector_element(address(keys), index), KEY)
                outcome = do("vector_read", vector, index=index & M32, span=(first, end))
                assert outcome == Outcome(None, {n: bytes_[n] for n in range(first, end)})
            case "range":
                first, end = rng.randrange(-2, capacity + 2), rng.randrange(-2, capacity + 2)
                count = c.t_expire_range(address(keys), address(theirs), first, end)
                outcome = do("expire_range", vector, ours, index=first & M32, value=end & M32)
                assert outcome.produced == {"count": count}
        same_map(c, theirs, signed_values(ours))
    same_vector(c, keys, vector)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_dchains(c: ctypes.CDLL, seed: int) -> None:
    rng = random.Random(f"dchain {seed}")
    capacity = rng.choice((1, 3, 9, 70))
    theirs, ours = c.t_dchain(capacity), Dchain(capacity)
    now = -50
    for _ in range(STEPS):
        now += rng.choice((0, 0, 1, 5))
        index = rng.choice((-1, capacity, *range(capacity)))
        found = ctypes.c_int(0)
        match rng.choice(("allocate", "allocate", "rejuvenate", "free", "ask", "expire")):
            case "allocate":
                answer = c.t_dchain_allocate(address(theirs), ctypes.byref(found), time_of(now))
                same_answer(do("dchain_allocate", ours, value=now & M64), answer, index=found.value)
            case "rejuvenate":
                answer = c.t_dchain_rejuvenate(address(theirs), index, time_of(now))
                same_answer(do("dchain_rejuvenate", ours, index=index & M32, value=now & M64), answer)
            case "free":
                answer = c.t_dchain_free(address(theirs), index)
                same_answer(do("dchain_free", ours, index=index & M32), answer)
            case "ask":
                answer = c.t_dchain_is_allocated(address(theirs), index)
                same_answer(do("dchain_is_allocated", ours, index=index & M32), answer)
            case "expire":
                bound = now - rng.choice((-1, 0, 1, 7, 30))
                answer = c.t_dchain_expire_one(address(theirs), ctypes.byref(found), time_of(bound))
                same_answer(do("dchain_expire_one", ours, value=bound & M64), answer, index=found.value)
        same_dchain(c, theirs, ours)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_expiry_with_a_map(c: ctypes.CDLL, seed: int) -> None:
    """As NFs use it; and now and then a key is put twice, or an index freed whose key stays."""
    rng = random.Random(f"expire {seed}")
    capacity = rng.choice((1, 4, 20))
    chain, keys, table = c.t_dchain(capacity), c.t_vector(KEY, capacity), c.t_map(0, capacity)
    ours, vector = Dchain(capacity), Vector(capacity, KEY)
    map_ = Map(capacity, RAW, *FUNCTIONS[0])
    now = 0
    for _ in range(STEPS):
        now += rng.choice((0, 1, 3))
        key = random_key(rng)
        buffer, found = ctypes.create_string_buffer(key, KEY), ctypes.c_int(0)
        bound = now - rng.choice((2, 10, 25))
        count = c.t_expire(address(chain), address(keys), address(table), time_of(bound))
        assert do("expire", ours, vector, map_, value=bound & M64).produced == {"count": count}
        if c.t_map_get(address(table), buffer, ctypes.byref(found)) and rng.random() < 0.95:
            assert do("map_get", map_, key=RAW(key)) == Outcome(True, {"value": found.value})
            c.t_dchain_rejuvenate(address(chain), found.value, time_of(now))
            do("dchain_rejuvenate", ours, index=found.value, value=now)
        elif c.t_dchain_allocate(address(chain), ctypes.byref(found), time_of(now)):
            assert do("dchain_allocate", ours, value=now) == Outcome(True, {"index": found.value})
            home = c.t_vector_element(address(keys), found.value)
            ctypes.memmove(home, key, KEY)
            do("vector_write", vector, index=found.value, stored=((0, key),))
            c.t_map_put(address(table), address(home), found.value)
            do("map_put", map_, key=RAW(key), value=found.value, key_home=(vector, found.value))
        if rng.random() < 0.05:
            index = rng.randrange(capacity)
            same_answer(do("dchain_free", ours, index=index), c.t_dchain_free(address(chain), index))
        same_map(c, table, map_)
        same_dchain(c, chain, ours)
        same_vector(c, keys, vector)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_sketches(c: ctypes.CDLL, seed: int) -> None:
    """Three of them, written apart: the runtime's, the rows' semantics, and the facts page's in plain Python."""
    rng = random.Random(f"sketch {seed}")
    capacity, threshold = rng.choice((1, 3, 20, 400)), rng.choice((0, 2))
    theirs = c.t_sketch(capacity, threshold)
    ours = Sketch(capacity, threshold, lambda key: crc(bytes(key)))
    page, rows = facts_page.Sketch(capacity, threshold), list[int]()
    now, key, foreign = 0, None, 0
    for _ in range(STEPS):
        now += rng.choice((0, 1, 3))
        if key is None or rng.random() < 0.4:
            key = random_key(rng)
            c.sketch_compute_hashes(address(theirs), ctypes.create_string_buffer(key, KEY))
            do("sketch_compute_hashes", ours, key=RAW(key))
            rows = page.values_of_hash(crc(key))
        match rng.choice(("refresh", "fetch", "touch", "touch", "expire")):
            case "refresh":
                c.sketch_refresh(address(theirs), time_of(now))
                do("sketch_refresh", ours, key=RAW(key), value=now)
                page.refresh(rows, now)
            case "fetch":
                same_answer(do("sketch_fetch", ours, key=RAW(key)), c.sketch_fetch(address(theirs)))
                assert do("sketch_fetch", ours, key=RAW(key)).answer == page.above(rows)
            case "touch":
                answer = c.sketch_touch_buckets(address(theirs), time_of(now))
                same_answer(do("sketch_touch_buckets", ours, key=RAW(key), value=now), answer)
                page.touch(rows, now)
            case "expire":
                bound = now - rng.choice((0, 2, 20))
                c.sketch_expire(address(theirs), time_of(bound))
                do("sketch_expire", ours, value=bound & M64)
                page.expire(bound)
        n = 4 * capacity
        names, counts, slots, owners = (
            (t * n)() for t in (ctypes.c_uint32, ctypes.c_uint32, ctypes.c_int, ctypes.c_int)
        )
        filled = c.t_sketch_names(address(theirs), names, slots, owners, counts)
        assert {names[i]: (owners[i], slots[i]) for i in range(filled)} == ours.owners
        assert {name: slot for name, (_, slot) in ours.owners.items()} == page.slot_of
        assert list(counts) == [ours.counts.get(divmod(i, capacity), 0) for i in range(n)] == [*joined(*page.counts)]
        for row, allocator in enumerate(ours.rows):
            same_dchain(c, c.t_sketch_row(address(theirs), row), allocator)
            assert list(allocator.used.items()) == list(page.last_used[row].items())
        foreign += any(ours.owners.get(v, (row,))[0] != row for row, v in enumerate(rows))
    assert foreign  # rows came to values of others


def test_time_does_not_go_back() -> None:
    chain = Dchain(2)
    do("dchain_allocate", chain, value=7)
    with pytest.raises(UndefinedError):
        do("dchain_rejuvenate", chain, index=0, value=6)
    with pytest.raises(UndefinedError):
        do("dchain_allocate", chain, value=-1 & M64)


def test_a_sketch_has_one_key_at_hand() -> None:
    sketch = Sketch(4, 0, lambda key: key[0])
    do("sketch_compute_hashes", sketch, key=(1,))
    with pytest.raises(UndefinedError):
        do("sketch_fetch", sketch, key=(2,))


@pytest.mark.parametrize("seed", range(2))
def test_routes(c: ctypes.CDLL, seed: int) -> None:
    """Prefixes of some networks; then so many long ones that no block is left."""
    rng = random.Random(f"lpm {seed}")
    theirs, ours = c.t_lpm(), Lpm()
    networks = [0, 0x0A000000, 0x0A010000, 0x0A010200, 0xFFFFFFFF]

    def update(prefix: int, length: int, value: int) -> None:
        done = c.lpm_update_elem(
            address(theirs), ctypes.c_uint32(prefix), ctypes.c_uint8(length), ctypes.c_uint16(value)
        )
        assert do("lpm_update", ours, key=(prefix, length), value=value).produced == {"done": done}

    def look_up(asked: int) -> None:
        found = c.t_lpm_lookup(address(theirs), ctypes.c_uint32(asked))
        assert do("lpm_lookup", ours, key=(asked,)).produced == {"value": found}

    def near() -> int:
        return rng.choice(networks) ^ rng.choice((0, rng.randrange(256), rng.randrange(1 << 12)))

    for _ in range(150):
        update(
            near(),
            rng.choice((0, 1, 8, 15, 16, 23, 24, 25, 28, 31, 32, 33)),
            rng.choice((1, 2, 3, 0x7FFF, 0x8000, 0xFFFF)),
        )
        for _ in range(20):
            look_up(near())
    for n in range(300):
        update(0x14000000 + (n << 8), 30, n)
        look_up(0x14000000 + (n << 8) + rng.randrange(8))


@pytest.mark.parametrize("functions", [(0, 0), (1, 0), (2, 1), (0, 2)])
@pytest.mark.parametrize("seed", range(ROUNDS // 2))
def test_double_maps(c: ctypes.CDLL, functions: tuple[int, int], seed: int) -> None:
    rng = random.Random(f"dmap {functions} {seed}")
    capacity = rng.choice((1, 4, 12))
    theirs, chain = c.t_dmap(*functions, capacity), c.t_dchain(capacity)
    views = RAW, fields([(n, 1, None) for n in range(KEY, 2 * KEY)])
    equal, hash_ = zip(*(FUNCTIONS[n] for n in functions), strict=True)
    ours, allocator = Dmap(capacity, SIZE, views, equal, hash_), Dchain(capacity)
    now = 0
    for _ in range(STEPS):
        now += rng.choice((0, 1, 3))
        index, key, found = rng.choice((-1, capacity, *range(capacity))), random_key(rng), ctypes.c_int(0)
        buffer = ctypes.create_string_buffer(key, KEY)
        match rng.choice(("get_a", "get_b", "put", "put", "put new", "put new", "erase", "read", "expire")):
            case "get_a" | "get_b" as get:
                answer = getattr(c, f"t_dmap_{get}")(address(theirs), buffer, ctypes.byref(found))
                same_answer(do(f"dmap_{get}", ours, key=RAW(key)), answer, value=found.value)
            case "put" | "put new" as put:
                value = key + random_key(rng) + rng.randbytes(8)
                if put == "put new":
                    answer = c.t_dchain_allocate(address(chain), ctypes.byref(found), time_of(now))
                    same_answer(do("dchain_allocate", allocator, value=now), answer, index=found.value)
                    if not answer:
                        continue
                    index = found.value
                answer = c.dmap_put(address(theirs), ctypes.create_string_buffer(value, SIZE), index)
                parts = tuple((n, value[n : n + 1]) for n in range(SIZE))
                same_answer(do("dmap_put", ours, value=index & M32, stored=parts), answer)
            case "erase":
                same_answer(do("dmap_erase", ours, index=index & M32), c.dmap_erase(address(theirs), index))
            case "read" if index & M32 in ours.used:
                out = ctypes.create_string_buffer(SIZE)
                c.t_dmap_read(address(theirs), index, out)
                assert do("dmap_read", ours, index=index, span=(3, SIZE)).produced == {
                    n: out.raw[n] for n in range(3, SIZE)
                }
            case "read":
                with pytest.raises(UndefinedError):
                    do("dmap_read", ours, index=index & M32, span=(0, SIZE))
            case "expire":
                bound = now - rng.choice((2, 10, 25))
                count = c.expire_items(address(chain), address(theirs), time_of(bound))
                assert do("dmap_expire", allocator, ours, value=bound & M64).produced == {"count": count}
        assert do("dmap_size", ours).produced == {"value": c.t_dmap_size(address(theirs))}
        assert [bool(c.t_dmap_used(address(theirs), n)) for n in range(capacity)] == [
            n in ours.used for n in range(capacity)
        ]
        same_dchain(c, chain, allocator)


@pytest.mark.parametrize(("height", "backends"), [(2, 1), (7, 3), (13, 13), (12, 5), (101, 20)])
def test_consistent_hashing(c: ctypes.CDLL, height: int, backends: int) -> None:
    rng = random.Random(f"cht {height} {backends}")
    table, chain = c.t_vector(4, height * backends + 1), c.t_dchain(backends)
    ours, active = Vector(height * backends + 1, 4), Dchain(backends)
    assert c.cht_fill_cht(address(table), height, backends) == fill_preferences(ours, height, backends) == 1
    same_vector(c, table, ours)
    assert not fill_preferences(ours, 1, backends)
    assert not fill_preferences(ours, height + 2, backends)
    for now in range(200):
        if rng.random() < 0.4:
            found = ctypes.c_int(0)
            answer = c.t_dchain_allocate(address(chain), ctypes.byref(found), time_of(now))
            same_answer(do("dchain_allocate", active, value=now), answer, index=found.value)
        elif rng.random() < 0.4:
            index = rng.randrange(backends)
            same_answer(do("dchain_free", active, index=index), c.t_dchain_free(address(chain), index))
        hash_, chosen = rng.randrange(1 << 64), ctypes.c_int(0)
        answer = c.t_cht_find(
            ctypes.c_uint64(hash_), address(table), address(chain), height, backends, ctypes.byref(chosen)
        )
        same_answer(do("cht_find", ours, active, value=hash_, operands=(height, backends)), answer, chosen=chosen.value)


def test_fields_of_keys() -> None:
    """First byte most significant; bit-fields as numbers; whole bytes of bit-fields as bytes."""
    view = fields([(1, 2, None), (0, 1, (4, 3)), (2, 2, (4, 8))])
    assert view(bytes([0xA5, 0x12, 0x34, 0x56])) == (0x1234, 0b010, 0x63)
    assert fields([(0, 3, (4, 16))])(bytes([0x1F, 0x32, 0x04])) == (0x2143,)


def test_every_operation_has_semantics() -> None:
    assert [name for name, op in OPERATIONS.items() if op.semantics is None] == ["opaque"]
    assert all(op.semantics is None or op.semantics.rpartition(".")[2] == name for name, op in OPERATIONS.items())
