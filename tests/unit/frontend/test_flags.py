"""The compiler's flags: each row of the table, words that hide others, and what no table knows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from maestro_tool.diagnostics import InputError, MaestroError, ToolError, UnsupportedError
from maestro_tool.frontend import Compilation, compilation, fingerprint, load_program
from maestro_tool.frontend.compiler import find
from maestro_tool.frontend.flags import ROWS, Row, checked, row_of, words

SOURCE = """\
enum color { RED, GREEN };
struct s { char c; int i; enum color color; };
struct s value = { -1, 2, GREEN };
int f(int x) { return value.c < 0 ? x : sizeof(struct s); }
"""
#: Files that examples of the table name.
FILES = {"x.h": "", "flags": "-DNAME=1"}


def _id(row: Row) -> str:
    return row.example


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, text in {**FILES, "a.c": SOURCE}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / "a.c"


@pytest.mark.parametrize("row", ROWS, ids=_id)
def test_each_row(row: Row, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its example is matched by no row before; refused flags are, others leave the program as it is."""
    monkeypatch.chdir(source.parent)
    ((flag, argument),) = words([row.example])
    assert row_of(flag, argument) is row
    flags = compilation((), (row.example,))
    if row.treatment == "refused":
        with pytest.raises(UnsupportedError) as caught:
            load_program([source], compilation=flags)
        shown = row.example if len(flag) == 2 or not argument else f"{flag} {argument}"
        assert f"'{shown}' is not supported: {row.why}" in caught.value.message and caught.value.hint
        return
    assert row_of(flag, argument) is not None and bool(checked([row.example])) == (row.treatment == "kept")
    if row.example == "--sysroot=/sdk":
        return  # there is none
    try:
        found = load_program([source], compilation=flags)
    except ToolError as error:  # a flag of another compiler, or of another version
        assert row.example in str(error)
        return
    assert fingerprint(found) == fingerprint(load_program([source]))


# What they change, shown: a program whose exit status is 0 as the analysis has it, and 1 with the flag.
CHANGES = {
    "-funsigned-char": "int main(void) { return (char)-1 > 0; }",
    "-funsigned-bitfields": "struct { int b : 2; } x = { -1 }; int main(void) { return x.b > 0; }",
    "-fshort-enums": "enum e { A }; int main(void) { return sizeof(enum e) != 4; }",
    "-fpack-struct": "struct s { char c; int i; }; int main(void) { return sizeof(struct s) != 8; }",
    "-fshort-wchar": "int main(void) { return sizeof(L'a') != 4; }",
    "-mms-bitfields": "struct s { char a : 4; int b : 4; }; int main(void) { return sizeof(struct s) != 4; }",
    "-fsso-struct=big-endian": "union { struct { int i; } s; char c[4]; } u = { { 1 } }; int main(void) { return !u.c[0]; }",
}


@pytest.mark.parametrize("flag", CHANGES)
def test_refused_flags_do_change_programs(flag: str, tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text(CHANGES[flag], encoding="utf-8")
    for given, status in (([], 0), ([flag], 1)):
        subprocess.run(["gcc", *given, "a.c", "-o", "a"], cwd=tmp_path, check=True)
        assert subprocess.run([tmp_path / "a"], check=False).returncode == status
    assert "refused" in {row.treatment for row in ROWS if row.example == flag}


@pytest.mark.parametrize(
    "flag", ["-fno-such-flag", "-mno-such-flag", "--unsigned-char", "-include-pch", "-Zx", "x.c", "-", "-fpack-structs"]
)
def test_unknown_flags_are_refused(flag: str) -> None:
    with pytest.raises(UnsupportedError, match="is not known: it may change what the program means"):
        checked(["-O2", flag])


def test_arguments_are_words_of_their_own_or_not() -> None:
    given = ["-D", "A=1", "-DB", "-include", "x.h", "-I", "d", "-Ie", "--param", "x=1", "-MF", "a.d", "-MMD"]
    assert list(words(given)) == [
        ("-D", "A=1"), ("-D", "B"), ("-include", "x.h"), ("-I", "d"), ("-I", "e"), ("--param", "x=1"), ("-MF", "a.d"),
        ("-MMD", ""),
    ]  # fmt: skip
    assert checked(["-MF", "a.d", "-MMD", "-o", "x.o", "-c"]) == ()
    # The argument of a flag is no flag.
    assert checked(["-D", "@x"]) == (("-D", "@x"),)
    with pytest.raises(InputError, match="'-include' has no argument"):
        checked(["-include"])


@pytest.mark.parametrize("flags", [("-DX=1", "-UX", "-DX=2"), ("-UX", "-DX=2"), ("-DX=1", "-includex.h")])
def test_the_order_of_macros_counts(flags: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.h").write_text("#undef X\n#define X 2\n", encoding="utf-8")
    Path("a.c").write_text("#if X == 2\nint right;\n#endif\n", encoding="utf-8")
    assert "right" in load_program([Path("a.c")], compilation=compilation((), flags)).globals


def test_flags_of_a_build_are_all_there_are() -> None:
    assert "-std=gnu11" in compilation((), ("-DX",)).flags
    assert compilation(("gcc",), ("-DX",)).flags == ("-DX",)


def test_the_compiler_says_what_it_compiles_for(tmp_path: Path) -> None:
    """Also a compiler that has a refused flag by itself."""
    assert find(Compilation()).target.startswith(("x86_64", "aarch64"))
    other = tmp_path / "cc"
    other.write_text('#!/bin/sh\nexec gcc -funsigned-char "$@"\n', encoding="utf-8")
    other.chmod(0o755)
    with pytest.raises(UnsupportedError, match="does not model: char is unsigned; -fsigned-char makes it signed"):
        find(Compilation((str(other),)))
    with pytest.raises(UnsupportedError, match="neither gcc nor clang"):
        find(Compilation(("true",)))
    with pytest.raises(ToolError, match="'no-such-cc' was not found"):
        find(Compilation(("no-such-cc",)))


@pytest.mark.parametrize("macro", ["__BASE_FILE__", "__DATE__", "__TIME__", "__TIMESTAMP__", "__COUNTER__"])
def test_macros_that_differ_each_time(macro: str, tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text(f"int x;\nint f(void) {{ return !{macro}; }}\n", encoding="utf-8")
    with pytest.raises(MaestroError, match=f"'{macro}' is another each time") as caught:
        load_program([tmp_path / "a.c"])
    assert caught.value.location is not None and caught.value.location.line == 2
