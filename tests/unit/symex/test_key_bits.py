"""Keys of bit-fields: equality functions over random structs, against gcc's; and what must not be taken for a key."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.expr.nodes import const
from maestro_tool.frontend import load_program
from maestro_tool.symex.callpath import KeyField
from maestro_tool.symex.keys import Hashed, compared, hashed_fields
from maestro_tool.symex.limits import Limits
from maestro_tool.symex.solver import Solver
from tests.unit.frontend.against_gcc import by_gcc, load, write

UNITS = {"uint8_t": 8, "unsigned short": 16, "unsigned": 32, "int": 32, "uint64_t": 56, "_Bool": 1}
SIZE = 64  # bytes, of memory with a key


class Key:
    """``struct Key`` of plain members and bit-fields of any width, of which some are compared."""

    def __init__(self, seed: int) -> None:
        r = random.Random(seed)
        members = [f"m{n}" for n in range(r.randrange(3, 7))]
        texts = []
        for name in members:
            type_, unit = r.choice(list(UNITS.items()))
            texts.append(f"{type_} {name}{r.choice(['', f' : {r.randrange(1, unit + 1)}', f' : {unit}'])};")
            texts += r.choice([[], [], ["unsigned : 0;"], ["unsigned : 5;"]])
        packed = r.choice(["", " __attribute__((packed))"])
        self.compared = sorted(r.sample(members, r.randrange(1, len(members) + 1)))
        tests = " && ".join(f"x->{name} == y->{name}" for name in self.compared)
        self.text = (
            f"struct Key {{ {' '.join(texts)} }}{packed};\n"
            f"bool eq(void *a, void *b) {{ struct Key *x = a, *y = b; return {tests}; }}\n"
        )


CHANGE_EACH_BIT = f"""
static uint8_t a[{SIZE}] __attribute__((aligned(16))), b[{SIZE}] __attribute__((aligned(16)));
void run(void) {{
  for (int n = 0; n < {SIZE}; n++) a[n] = b[n] = n * 7 % 11 & 1; /* what a _Bool may hold */
  out(eq(a, b));
  for (int n = 0; n < {8 * SIZE}; n++) {{
    b[n / 8] ^= 1 << n % 8;
    out(eq(a, b));
    b[n / 8] ^= 1 << n % 8;
  }}
}}
"""


@pytest.mark.parametrize("seed", range(12))
def test_keys_are_equal_where_gcc_says_so(seed: int, tmp_path: Path) -> None:
    key = Key(seed)
    equal, *changed = by_gcc(tmp_path, [write(tmp_path, key.text + CHANGE_EACH_BIT)])
    assert equal == 1 and 0 in changed
    fields = compared(load(tmp_path, key.text), "eq", Solver(Limits()), Limits()).fields
    assert fields is not None and sorted(f.name for f in fields) == key.compared
    positions = [n for f in fields for n in f.positions]
    assert len(positions) == len(set(positions))
    # A _Bool's byte that holds neither 0 nor 1: C does not say what it equals.
    spoilt = {n for f in fields if f.bits is None and f.size == 1 for n in f.positions[1:]}
    assert [n for n in range(8 * SIZE) if not changed[n] and n not in spoilt] == sorted(set(positions) - spoilt)


BITS = "struct Key { uint32_t ip; unsigned kind : 3, port : 16, spare : 13; } __attribute__((packed));\n"
EQUAL = (
    "bool eq(void *a, void *b) { struct Key *x = a, *y = b;"
    " return x->ip == y->ip && x->kind == y->kind && x->port == y->port; }\n"
)


def fields_of(folder: Path, equality: str) -> list[tuple[str, int, int, tuple[int, int] | None]] | None:
    found = compared(load(folder, BITS + equality), "eq", Solver(Limits()), Limits()).fields
    return None if found is None else [(f.name, f.offset, f.size, f.bits) for f in found]


def test_bit_fields_have_their_names_and_places(tmp_path: Path) -> None:
    assert fields_of(tmp_path, EQUAL) == [("ip", 0, 4, None), ("kind", 4, 1, (0, 3)), ("port", 4, 3, (3, 16))]


def test_memcmp_compares_the_spare_bits_too(tmp_path: Path) -> None:
    equality = "bool eq(void *a, void *b) { struct Key *x = a; return memcmp(x, b, sizeof *x) == 0; }\n"
    found = fields_of(tmp_path, equality)
    assert found is not None and found[-1] == ("spare", 6, 2, (3, 13))


def test_a_mask_leaves_runs_of_bits(tmp_path: Path) -> None:
    equality = "bool eq(void *a, void *b) { struct Key *x = a, *y = b; return ((x->ip ^ y->ip) & 0x00fff00f) == 0; }\n"
    assert fields_of(tmp_path, equality) == [("bits_0_3", 0, 1, (0, 4)), ("bits_12_23", 1, 2, (4, 12))]


@pytest.mark.parametrize(
    "test", ["x->kind == 4 && y->port == x->port", "x->kind == y->spare", "x->kind <= y->kind", "x->port != y->port"]
)
def test_no_equality_of_bits(tmp_path: Path, test: str) -> None:
    assert fields_of(tmp_path, f"bool eq(void *a, void *b) {{ struct Key *x = a, *y = b; return {test}; }}\n") is None


def hashed(folder: Path, expression: str) -> Hashed:
    text = BITS + f"unsigned hash(void *o) {{ struct Key *k = o; return {expression}; }}\n"
    return hashed_fields(load_program([write(folder, text)]), "hash", 0, Solver(Limits()), Limits())


def test_a_hash_reads_the_bits_that_it_reads(tmp_path: Path) -> None:
    assert [f.name for f in hashed(tmp_path, "k->port * 31u + k->kind").fields] == ["kind", "port"]
    assert [f.name for f in hashed(tmp_path, "k->port + k->spare").fields] == ["port", "spare"]


@pytest.mark.parametrize("kind", ["uintptr_t", "void *"])
def test_the_address_of_a_key_is_no_hash(tmp_path: Path, kind: str) -> None:
    """An equal key elsewhere would not be found."""
    text = BITS + f"{kind} hash(void *o) {{ return ({kind})o; }}\n"
    with pytest.raises(UnsupportedError, match="it returns no number"):
        hashed_fields(load_program([write(tmp_path, text)]), "hash", 0, Solver(Limits()), Limits())


def test_a_sum_of_checks_tells_bits_apart(tmp_path: Path) -> None:
    chained = "__builtin_ia32_crc32si(__builtin_ia32_crc32si(0, k->port), k->kind)"
    assert hashed(tmp_path, chained).tells_apart
    assert not hashed(tmp_path, "k->port ^ k->kind").tells_apart


def test_values_are_the_bits_of_a_key() -> None:
    """16 bits from bit 3 on are bytes as they were stored; 5 bits are a number."""
    stored = [const(n, 8) for n in (0xB4, 0xA2, 0x05)]  # 0x05a2b4
    assert KeyField("port", 4, 3, (3, 16)).value(stored).const == 0x56B4
    assert KeyField("kind", 4, 3, (7, 5)).value(stored).const == (0x05A2B4 >> 7) & 31
    assert KeyField("ip", 0, 3).value(stored).const == 0xB4A205
