"""Keys as driver.c has them, and whether an object of C and an abstract one have the same contents."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable
from typing import Any

from maestro_tool.operations import OPERATIONS
from maestro_tool.operations.semantics import Call, Dchain, Map, Outcome, Vector, fields

KEY = 8  # bytes
M32, M64 = (1 << 32) - 1, (1 << 64) - 1


def do(name: str, *objects: Any, **operands: Any) -> Outcome:
    return OPERATIONS[name].perform(Call(objects, **operands))


def address(number: int) -> ctypes.c_void_p:
    return ctypes.c_void_p(number)


def time_of(number: int) -> ctypes.c_int64:
    return ctypes.c_int64(number)


# --------------------------------------------------------------------------- keys: as in driver.c


def crc(content: bytes) -> int:
    """CRC32C, byte by byte into words (`hash_obj`)."""
    value = 0
    for byte in content:
        value ^= byte
        for _ in range(32):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


def word(key: tuple[int, ...]) -> int:
    return int.from_bytes(bytes(key[:4]), "little")


#: As bytes, by equality of all; those of each kind of driver.c: equality, hash.
RAW = fields([(n, 1, None) for n in range(KEY)])
FUNCTIONS: tuple[tuple[Callable[..., bool], Callable[..., int]], ...] = (
    (lambda a, b: a == b, lambda key: crc(bytes(key))),
    (lambda a, b: a == b, lambda key: word(key) % 2),
    (lambda a, b: word(a) // 3 == word(b) // 3, lambda key: word(key) // 3),
)


def random_key(rng: random.Random) -> bytes:
    return rng.randrange(24).to_bytes(4, "little") + bytes(3) + bytes([rng.randrange(2)])


# --------------------------------------------------------------------------- contents


def same_map(c: ctypes.CDLL, theirs: int, ours: Map) -> None:
    n = c.t_map_size(address(theirs))
    values, keys = (ctypes.c_int * (n + 1))(), ctypes.create_string_buffer(KEY * (n + 1))
    assert c.t_map_entries(address(theirs), values, keys) == n
    found = [(values[i], keys.raw[KEY * i : KEY * (i + 1)]) for i in range(n)]
    assert sorted(found) == sorted((e.value, bytes(ours.stored_key(e))) for e in ours.entries)
    assert do("map_size", ours).produced == {"value": n}


def same_dchain(c: ctypes.CDLL, theirs: int, ours: Dchain) -> None:
    n = ours.capacity
    uses, times, free = (ctypes.c_int64 * n)(), (ctypes.c_int64 * n)(), (ctypes.c_int * n)()
    n_free = c.t_dchain_contents(address(theirs), uses, times, free)
    used = sorted((i for i in range(n) if uses[i] >= 0), key=lambda i: uses[i])
    assert [(i, times[i]) for i in used] == list(ours.used.items())
    assert [free[i] for i in range(n_free)] == ours.free[::-1]


def same_vector(c: ctypes.CDLL, theirs: int, ours: Vector) -> None:
    for index in (*range(ours.capacity), ours.capacity, -1, ours.capacity + 5):
        assert ctypes.string_at(c.t_vector_element(address(theirs), index), ours.size) == ours.element(index)


def same_answer(outcome: Outcome, answer: int, **produced: int) -> None:
    assert outcome.answer is bool(answer)
    assert dict(outcome.produced) == ({name: number & M32 for name, number in produced.items()} if answer else {})


def signed_values(table: Map) -> Map:
    """With the numbers that C prints."""
    shown = Map(table.capacity, table.view)
    shown.entries = [
        type(e)(e.key, e.home, e.hash, e.value - (1 << 32) if e.value >> 31 else e.value) for e in table.entries
    ]
    return shown
