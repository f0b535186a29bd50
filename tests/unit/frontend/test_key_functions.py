"""Key functions that an NF leaves to be generated: found by text, written from the structs, as good as written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool import own_files
from maestro_tool.diagnostics import InputError, UnsupportedError
from maestro_tool.frontend import load_program
from maestro_tool.pipeline import Request, Stopwatch, generate_sequential
from maestro_tool.symex import analyse
from tests.unit.frontend.interpreter import Interpreter

HEADER = """\
#pragma once
#include <stdint.h>
#include <stdbool.h>
#include "lib/verified/ether.h"
/* struct NotThis { int a; }; */
struct Inner { uint16_t port; uint8_t kind; };
struct Key {
  uint32_t address;
  struct Inner inner[2];
  struct rte_ether_addr mac;
  uint64_t wide;
} __attribute__((packed));
bool Key_eq(void *a, void *b);
unsigned Key_hash(void *obj);
"""
MAIN = """\
#include "nf.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "keys/key.h"
struct nf_config { int unused; };
struct nf_config config;
static struct Map *map;
static struct Vector *keys;
bool nf_init(void) {
  return map_allocate(Key_eq, Key_hash, 16, &map) && vector_allocate(sizeof(struct Key), 16, Key_allocate, &keys);
}
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  struct Key key = { .address = packet_length, .wide = 5 };
  int index;
  return map_get(map, &key, &index) ? 1 : device;
}
"""


def write(folder: Path, main: str = MAIN, header: str = HEADER) -> list[Path]:
    (folder / "keys").mkdir()
    (folder / "keys" / "key.h").write_text(header)
    (folder / "main.c").write_text(main)
    return [folder / "main.c"]


def test_functions_that_are_used_but_not_defined(tmp_path: Path) -> None:
    sources = write(tmp_path, MAIN.replace('"keys/key.h"', '"keys/key.h"\nvoid Key_allocate(void *);'))
    found = own_files.find(sources)
    assert found.headers == (tmp_path / "keys/key.h",)
    assert found.generated == (tmp_path / "keys/key.h.gen.c",)
    program = load_program(sources)
    assert str(tmp_path / "keys/key.h.gen.c") in program.files
    analysis = analyse(program)
    assert sum(note.code == "generated" for note in analysis.notes) == 3
    key = analysis.objects[0].key
    assert key is not None and next((f.offset, f.size) for f in key) == (0, 4)
    assert sum(f.size for f in key) == 4 + 2 * 3 + 6 + 8  # all but the padding


def test_headers_that_are_generated(tmp_path: Path) -> None:
    """The header is included under its generated name, from two folders."""
    sources = write(tmp_path, MAIN.replace("keys/key.h", "keys/key.h.gen.h"))
    (tmp_path / "keys" / "other.c").write_text(
        '#include "../keys/key.h.gen.h"\nint f(struct Key *k) { return Key_eq(k, k); }\n'
    )
    sources.append(tmp_path / "keys" / "other.c")
    assert own_files.find(sources).generated == (tmp_path / "keys/key.h.gen.c", tmp_path / "keys/key.h.gen.h")
    program = load_program(sources)
    assert {"Key_eq", "Key_hash", "Key_allocate", "Inner_eq"} <= program.functions.keys()
    texts = dict(program.generated)
    assert "LOG_KEY(obj, p)" in texts[str(tmp_path / "keys/key.h.gen.h")]
    assert '#include "keys/key.h"' in texts[str(tmp_path / "keys/key.h.gen.c")]


def test_they_compare_and_hash_every_field_and_no_padding(tmp_path: Path) -> None:
    program = load_program(write(tmp_path, MAIN.replace("keys/key.h", "keys/key.h.gen.h")))
    size = program.structs["struct Key"].size
    padding = {7, 11}  # behind `kind`
    machine = Interpreter(program)
    a, b = machine.allocate(size), machine.allocate(size)
    machine.write(a, bytes(range(size)))
    for byte in range(size):
        data = bytearray(range(size))
        machine.write(b, bytes(data))
        assert machine.call("Key_eq", [a, b]) == 1
        same_hash = machine.call("Key_hash", [b])
        data[byte] ^= 0x40
        machine.write(b, bytes(data))
        assert machine.call("Key_eq", [a, b]) == (byte in padding)
        assert (machine.call("Key_hash", [b]) == same_hash) == (byte in padding)
    machine.call("Key_allocate", [a])
    assert {machine.read(a, size)[i] for i in range(size) if i not in padding} == {0}


def test_what_the_nf_defines_is_left_alone(tmp_path: Path) -> None:
    sources = write(tmp_path, MAIN.replace('"keys/key.h"', '"keys/key.h"\nvoid Key_allocate(void *);'))
    (tmp_path / "eq.c").write_text(
        '#include "keys/key.h"\nbool Key_eq(void *a,\n  void *b) // by hand\n{ return a == b; }\n'
    )
    sources.append(tmp_path / "eq.c")
    assert own_files.find(sources).key_types[0].functions == ("Key_allocate", "Key_hash")


def test_structs_that_cannot_be_compared_by_fields(tmp_path: Path) -> None:
    sources = write(
        tmp_path, MAIN.replace("keys/key.h", "keys/key.h.gen.h"), HEADER.replace("uint64_t wide", "void *wide")
    )
    with pytest.raises(UnsupportedError, match=r"struct Key cannot be generated: wide \(void \*\)") as caught:
        load_program(sources)
    assert caught.value.location is not None and caught.value.location.file.endswith("key.h")
    assert "Key_hash" in (caught.value.hint or "")


def test_a_generated_header_of_no_header(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"header 'absent.h.gen.h' not found"):
        load_program(write(tmp_path, MAIN.replace("keys/key.h", "absent.h.gen.h")))


def beside(folder: Path) -> list[Path]:
    """An NF with sources in src/ and headers in inc/."""
    (folder / "src").mkdir()
    (folder / "inc").mkdir()
    (folder / "inc" / "key.h").write_text(HEADER)
    main = MAIN.replace('"keys/key.h"', '"../inc/key.h.gen.h"')
    (folder / "src" / "main.c").write_text(main)
    return [folder / "src" / "main.c"]


def test_the_familys_own_header_above_an_nf_is_none_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "nf-util.h").write_text("#error the family's own\n")
    (tmp_path / "nf").mkdir()
    main = tmp_path / "nf" / "main.c"
    main.write_text('#include "../nf-util.h"\n')
    assert own_files.common_folder([main]) == tmp_path / "nf"


def test_headers_in_a_folder_beside_the_sources(tmp_path: Path) -> None:
    sources = beside(tmp_path)
    assert own_files.common_folder(sources) == tmp_path
    found = own_files.find(sources)
    assert found.headers == (tmp_path / "inc/key.h",)
    assert found.generated == (tmp_path / "inc/key.h.gen.c", tmp_path / "inc/key.h.gen.h")
    _, files = generate_sequential(Request(tuple(sources)), "beside", Stopwatch())
    assert {"gen/src/main.c", "gen/inc/key.h", "gen/inc/key.h.gen.h", "gen/inc/key.h.gen.c"} <= files.keys()


def test_structs_that_are_no_keys_may_lie_beside_one(tmp_path: Path) -> None:
    odd = "struct Odd { union { int a; char b[4]; } either; float f; };\n"
    sources = write(tmp_path, MAIN.replace('"keys/key.h"', '"keys/key.h.gen.h"'), HEADER + odd)
    assert "Odd_eq" not in load_program(sources).functions
    used = MAIN.replace('"keys/key.h"', '"keys/key.h.gen.h"').replace("Key_eq,", "Odd_eq,")
    (tmp_path / "main.c").write_text(used)
    with pytest.raises(UnsupportedError, match="the functions of the key type struct Odd cannot be generated"):
        load_program(sources)
