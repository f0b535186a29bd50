"""The machines' objects mean what the rows of `maestro_tool.operations` say, where these define it."""

from __future__ import annotations

from random import Random

import pytest

from .machine import ChainState, MapState, Undefined
from .program import Map

semantics = pytest.importorskip("maestro_tool.operations.semantics")


@pytest.mark.parametrize("seed", range(20))
def test_allocators(seed: int) -> None:
    rng = Random(seed)
    mine, rows = ChainState(range(6), 6), semantics.Dchain(6)
    now = 0
    for _ in range(300):
        now += rng.choice((0, 1, 5))
        index = rng.randrange(6)
        match rng.randrange(5):
            case 0:
                done, got = mine.allocate(-1, now)
                assert (got if done else None) == rows.allocate(now)
            case 1:
                mine.rejuvenate(index, now)
                rows.refresh(index, now)
            case 2:
                mine.free_index(index)
                rows.release(index)
            case 3:
                gone, which = mine.expire_one(-1, now - 20)
                assert (which if gone else None) == rows.expire_one(now - 20)
            case _:
                assert bool(mine.is_allocated(index)) == rows.is_allocated(index)
        assert dict(mine.ages) == rows.used


@pytest.mark.parametrize("seed", range(20))
def test_maps(seed: int) -> None:
    """Keys that change where they lie, and equal keys, are found, and not found, alike."""
    rng = Random(seed)
    size, odd = 8, rng.choice((1, 3))
    elements = [[n] for n in range(size)]
    vector = semantics.Vector(size, 1)
    mine = MapState(Map("m", "K", size), lambda key: (key[0] // odd,))
    rows = semantics.Map(
        size, tuple, lambda a, b: a[0] // odd == b[0] // odd, lambda key: key[0] // odd
    )  # fmt: skip
    for n in range(size):
        vector.write(n, 0, bytes([n]))
    for _ in range(300):
        n, key = rng.randrange(size), (rng.randrange(12),)
        match rng.randrange(4):
            case 0 if mine.size < size:
                mine.put(elements[n], n)
                rows.put(tuple(elements[n]), n, (vector, n))
            case 1:
                elements[n][0] = key[0]
                vector.write(n, 0, bytes(key))
            case 2:
                try:
                    mine.erase(key)
                except Undefined:
                    assert rows.find(key) is None
                    continue
                rows.erase(key)
        found = rows.find(key)
        assert mine.get(key, -1) == ((1, found.value) if found else (0, -1))
