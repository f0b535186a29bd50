"""Notes of ELF files: read as binutils do, and no file makes the reader do anything but say that it is damaged."""

from __future__ import annotations

import contextlib
import random
import subprocess
from pathlib import Path

import pytest

from maestro_tool import elf, made_of
from maestro_tool.made_of import MadeOf

SOURCE = """\
__asm__(".pushsection .note.maestro,\\"a\\",%note\\n.balign 4\\n.long 8, 5, 1\\n.asciz \\"Maestro\\"\\n"
        ".ascii \\"hello\\"\\n.balign 4\\n.popsection");
int main(void) { return 0; }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elf")
    (folder / "a.c").write_text(SOURCE, encoding="utf-8")
    for command in (
        "gcc -c a.c -o a.o", "gcc -c -x c /dev/null -o none.o", "ar rc odd.a a.o none.o a.c", "gcc a.o -o program",
        "gcc -shared a.o -o library.so", "strip program -o stripped", "gcc -static a.o -o static",
        "gcc -Wl,--gc-sections a.o -o collected",
    ):  # fmt: skip
        subprocess.run(command.split(), cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("name", ["a.o", "odd.a", "program", "library.so", "stripped", "static", "collected"])
def test_notes_are_found_once(folder: Path, name: str) -> None:
    found = elf.notes((folder / name).read_bytes())
    assert [n for n in found if n.owner == "Maestro"] == [elf.Note("Maestro", 1, b"hello")]
    assert len(set(found)) == len(found)


def test_programs_without_section_headers(folder: Path) -> None:
    data = bytearray((folder / "stripped").read_bytes())
    data[40:48] = bytes(8)  # e_shoff
    data[60:62] = bytes(2)  # e_shnum
    assert elf.Note("Maestro", 1, b"hello") in elf.notes(bytes(data))


def test_other_files(folder: Path) -> None:
    assert elf.notes((folder / "none.o").read_bytes()) == [
        n for n in elf.notes((folder / "a.o").read_bytes()) if n.owner != "Maestro"
    ]
    for content in (b"", b"\x7fELF", b"int main;", b"\x7fELF\x01" + bytes(100), b"!<arch>\n" + bytes(60)):
        with pytest.raises(ValueError):
            elf.notes(content)


@pytest.mark.parametrize("name", ["program", "odd.a"])
def test_damaged_files_are_only_said_to_be(folder: Path, name: str) -> None:
    good, draw = (folder / name).read_bytes(), random.Random(1)
    for _ in range(400):
        data = bytearray(good)
        for _ in range(draw.randrange(1, 6)):
            data[draw.choice([draw.randrange(64), draw.randrange(1000), draw.randrange(len(data))])] = draw.randrange(
                256
            )
        with contextlib.suppress(ValueError):
            elf.notes(bytes(data[: draw.choice([len(data), draw.randrange(len(data))])]))


def test_the_digest_is_of_all_that_a_program_is_made_of() -> None:
    one = MadeOf("p", "gcc 12", "x86_64", ("-O3",))
    others = [
        MadeOf("q", "gcc 12", "x86_64", ("-O3",)), MadeOf("p", "gcc 13", "x86_64", ("-O3",)),
        MadeOf("p", "gcc 12", "aarch64", ("-O3",)), MadeOf("p", "gcc 12", "x86_64", ("-O2",)),
    ]  # fmt: skip
    assert len({m.digest for m in (one, *others)}) == 5
    assert len({made_of.symbol(m, "added") for m in (one, *others)} | {made_of.symbol(one, "other")}) == 6
    assert made_of.note(one, "nf", "soft", "locks", "plan") != made_of.note(one, "nf", "soft", "locks", "plan2")
