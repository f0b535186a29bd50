"""What is compiled is what was analysed: lines that are left, names, numbers, layouts."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from maestro_tool import dpdk, runtime
from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.frontend import comparison, compilation, load_program, spellings
from maestro_tool.frontend.conditionals import HEADERS
from maestro_tool.frontend.ir import Assumed
from maestro_tool.pipeline import Request, Stopwatch, generate_sequential

#: A newer DPDK: another number, more macros.
REAL = """\
#include_next <rte_common.h>
#undef RTE_CACHE_LINE_SIZE
#undef RTE_MIN
#define RTE_CACHE_LINE_SIZE 128
#define weight(x) (x)
#define limit 3
#define RTE_MIN(x, y) (x)
"""


@pytest.fixture(params=["lines", "groups"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With headers that differ from the analysis'; also for a compiler that cannot print lines as they are."""
    if request.param == "groups":
        monkeypatch.setattr(comparison, "_has_directives_only", lambda compiler: False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "real/rte_common.h").write_text(REAL, encoding="utf-8")
    return tmp_path


def load(text: str, header: str = "") -> None:
    Path("a.c").write_text(text, encoding="utf-8")
    Path("own.h").write_text(header, encoding="utf-8")
    found = dpdk.find()
    load_program([Path("a.c")], compilation=compilation((), found.cflags, ["real", *found.include_dirs]))


HEAD = "#include <rte_common.h>\n"
LINES = {
    "compiled only": (
        HEAD + "#if RTE_CACHE_LINE_SIZE > 64\nint x;\n#endif\nint y;\n", "", "a.c:3",
        "this is compiled, but not analysed: there, the analysis goes on at a.c:5",
    ),
    "analysed only": (
        HEAD + "int y;\n#if RTE_CACHE_LINE_SIZE == 64\nint x;\n#endif\n", "", "a.c:4",
        "this is analysed, but not compiled: there, the compiler has ended",
    ),
    "one or the other": (
        HEAD + "#if RTE_CACHE_LINE_SIZE == 64\nint x;\n#else\nlong x;\n#endif\nint y;\n", "", "a.c:5",
        "this is compiled, but not analysed: there, the analysis goes on at a.c:3",
    ),
    "in a header, a macro": (
        HEAD + '#include "own.h"\nint y = X;\n',
        "#if RTE_CACHE_LINE_SIZE == 64\n#define X 1\n#else\n#define X 2\n#endif\n", "own.h:4",
        "this is compiled, but not analysed: there, the analysis goes on at own.h:2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_lines_that_differ(folder: Path, name: str) -> None:
    text, header, place, message = LINES[name]
    with pytest.raises(UnsupportedError) as caught:
        load(text, header)
    lines = [int(n) for n in re.findall(r":(\d+)", f"{place} {message}")]
    groups = re.sub(r":\d+", "", f"{place} {message}")
    assert re.sub(r":\d+", "", f"{caught.value.location} {caught.value.message}") == groups
    shown = [int(n) for n in re.findall(r":(\d+)", f"{caught.value.location} {caught.value.message}")]
    assert shown == lines or all(n - s in (0, 1) for n, s in zip(lines, shown, strict=False))  # the group's first line


def test_lines_that_do_not(folder: Path) -> None:
    """Where conditions agree, and where only the text of macros differs."""
    load(
        HEAD + "/* weight(1) */\n#if RTE_CACHE_LINE_SIZE >= 64\n#define TWICE(x) \\\n  (2 * (x))\n#endif\n"
        '#if 0\nint limit;\n#endif\nconst char *s = "limit";\nint f(int x) { return RTE_MIN(TWICE(x)\n + 1, 7); }\n'
    )


def test_names_that_are_macros_there(folder: Path) -> None:
    load(HEAD + "int weight;\nint f(void) { return weight; }\n")  # not called
    load("#define limit 7\nint f(void) { return limit; }\n")
    for text in ("int weight(int x) { return x; }\n", "int x, limit;\n", "struct s { int x, limit; };\n"):
        with pytest.raises(UnsupportedError, match="is a macro of the real headers, which the analysis does") as caught:
            load(HEAD + text)
        assert str(caught.value.location).startswith("a.c:2:")


def test_lines_that_line_directives_number_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("real").mkdir()
    Path("real/rte_common.h").write_text(REAL, encoding="utf-8")
    same = '#line 9 "a.c"\nint x = 1;\n'
    for text in (f"#if RTE_CACHE_LINE_SIZE == 64\n{same}#else\n{same}#endif\n", f"{same}int y;\n#line 9\nint z;\n"):
        load(HEAD + text)
    with pytest.raises(UnsupportedError, match="another line of this number is compiled than is analysed") as caught:
        load(f"{HEAD}#if RTE_CACHE_LINE_SIZE == 64\n{same}#else\n{same.replace('1', '2')}#endif\n")
    assert str(caught.value.location) == "a.c:9" and caught.value.source_line == "int x = 2;"
    # Once more the same, or a part of it.
    for again in (same, same.replace("int x = 1", "")):
        with pytest.raises(UnsupportedError, match="another line of this number"):
            load(f"{HEAD}{same}#if RTE_CACHE_LINE_SIZE == 64\n{again}#endif\n")


@pytest.mark.parametrize("how", ["-isystem", "-idirafter", "C_INCLUDE_PATH"])
def test_others_headers_do_not_stand_for_the_systems(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The analysis reads its own <string.h>, wherever the compiler finds one."""
    monkeypatch.chdir(tmp_path)
    Path("others").mkdir()
    if how == "C_INCLUDE_PATH":
        monkeypatch.setenv(how, "others")
    found = dpdk.find()
    flags = [*found.cflags, *([f"{how}others"] if how[0] == "-" else [])]

    def read(text: str) -> None:
        Path("a.c").write_text(text, encoding="utf-8")
        load_program([Path("a.c")], compilation=compilation((), flags, found.include_dirs))

    name = "rte_mine.h" if how == "-idirafter" else "string.h"
    Path("others", name).write_text("#define memset(p, c, n) 0\n#include_next <string.h>\n", encoding="utf-8")
    if how == "-idirafter":  # the system's comes first
        Path("others/string.h").write_text("#error\n", encoding="utf-8")
        read("#include <string.h>\nint x;\n")
        return
    with pytest.raises(UnsupportedError, match=r"this is compiled in place of the system's <string\.h>") as caught:
        read("#include <string.h>\nint x;\n")
    assert str(caught.value.location) == "others/string.h:1"
    read("#include <stdint.h>\nint x;\n")


def test_without_the_real_headers_nothing_is_compared(folder: Path) -> None:
    Path("a.c").write_text(HEAD + "#if RTE_CACHE_LINE_SIZE > 64\nint x;\n#endif\n", encoding="utf-8")
    load_program([Path("a.c")])


def _assertions(assumed: tuple[Assumed, ...]) -> str:
    return "".join(
        f"_Static_assert({a.spelled} == {a.value} && __builtin_types_compatible_p(__typeof__({a.spelled}),"
        f' __typeof__({a.value})), "{a.spelled}");\n'
        if a.value is not None
        else f'_Static_assert(sizeof({a.spelled}) == {a.size}, "{a.spelled}");\n'
        + "".join(f'_Static_assert(__builtin_offsetof({a.spelled}, {m}) == {n}, "{m}");\n' for m, n in a.members)
        for a in assumed
    )


def test_numbers_and_layouts_of_the_analysis_headers_are_those_of_the_real_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them: what an NF takes from there is asserted in its own files."""
    names = sorted(p.relative_to(HEADERS).as_posix() for p in HEADERS.rglob("*.h") if "libvig" not in p.parts)
    words = {w for p in HEADERS.rglob("*.h") for w in re.findall(r"\w+", p.read_text(encoding="utf-8"))}
    found = dpdk.find()
    flags = ["-std=gnu11", "-O3", *dpdk.RENAMES, *found.cflags]
    source = tmp_path / "all.c"
    source.write_text("".join(f"#include <{n}>\n" for n in names) + f"#if 0\n{' '.join(sorted(words))}\n#endif\n")
    monkeypatch.setattr(spellings, "prune", lambda source: source.text)  # no unit names all types
    assumed = load_program([source], compilation=compilation(("gcc",), flags)).assumed
    values = {a.spelled: a.value for a in assumed}
    assert values["RTE_ETHER_TYPE_IPV4"] == "0x0800" and values["UINT64_MAX"] == "18446744073709551615UL"
    assert {"struct rte_ipv4_hdr", "struct tcpudp_hdr", "struct option"} <= values.keys() and len(values) > 150
    with source.open("a") as f:
        f.write(_assertions(assumed))
    folders = [f"-I{d}" for d in (runtime.INCLUDE, runtime.INCLUDE / "lib", *found.include_dirs)]
    done = subprocess.run(
        ["gcc", "-fsyntax-only", *flags, *folders, source], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("right", [True, False])
def test_the_version_of_dpdk_is_asserted_where_it_is_used(tmp_path: Path, right: bool) -> None:
    """The number is made of what pkg-config says, and users' flags come behind ours."""
    found = dpdk.find()
    flags = [*found.cflags, f"-D{dpdk.VERSION_MACRO}={found.number + (not right)}"]
    source = tmp_path / "a.c"
    source.write_text("#include <rte_version.h>\nint version(void);\nint version(void) { return RTE_VERSION; }\n")
    assumed = load_program([source], compilation=compilation(("gcc",), flags)).assumed
    assert [a.spelled for a in assumed] == ["RTE_VERSION"]
    with source.open("a") as f:
        f.write(_assertions(assumed))
    folders = [f"-I{d}" for d in found.include_dirs]
    done = subprocess.run(["gcc", "-fsyntax-only", *flags, *folders, source], capture_output=True, check=False)
    assert (done.returncode == 0) == right


NF = """\
#include "nf.h"
#include "nf-util.h"
struct own { char c; int i; struct { int deep; } in; unsigned bit : 3; };
typedef struct { char c; long l; } named;
struct nf_config { int unused; };
struct nf_config config;
bool nf_init(void) { return true; }
void nf_config_init(int argc, char **argv) { (void)argc; (void)argv; }
int nf_process(uint16_t device, uint8_t *buffer, uint16_t packet_length, vigor_time_t now) {
  struct own x = { .c = 1, .in.deep = RTE_ETHER_TYPE_ARP };
  named y = { 1, 2 };
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(&buffer);
  return ether->ether_type == x.in.deep + y.l ? device : 1;
}
"""


def test_generated_c_asserts_what_was_assumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.c").write_text(NF, encoding="utf-8")
    text = generate_sequential(Request((Path("a.c"),)), "a", Stopwatch())[1]["gen/a.c"]
    for expected in (
        "sizeof(struct own) == 16 &&\n               __builtin_offsetof(struct own, c) == 0 &&",
        "__builtin_offsetof(named, l) == 8",
        "__builtin_offsetof(struct rte_ether_hdr, ether_type) == 12",
        "_Static_assert((RTE_ETHER_TYPE_ARP) == (0x0806) &&",
    ):
        assert expected in text
    Path("gen.c").write_text(text, encoding="utf-8")
    found = dpdk.find()
    flags = ["-std=gnu11", "-O3", "-w", *dpdk.RENAMES, *found.cflags]
    flags += [f"-I{d}" for d in (runtime.INCLUDE, runtime.INCLUDE / "lib", *found.include_dirs)]

    def compiled(*more: str) -> str:
        done = subprocess.run(
            ["gcc", "-fsyntax-only", *flags, *more, "gen.c"], capture_output=True, text=True, check=False
        )
        return "" if done.returncode == 0 else done.stderr

    assert compiled() == ""
    assert "the layout differs from the analysis" in compiled("-fpack-struct")
    Path("gen.c").write_text(f"{text}\n".replace("== (0x0806)", "== (0x0807)"), encoding="utf-8")
    assert "the number differs from the analysis" in compiled()


@pytest.mark.parametrize("said", ["/* {} */", "// {}\n", 'static const char said[] = "{}";'])
def test_comments_and_literals_name_nothing(said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word of theirs may be that of a macro, of a struct or of a member of our headers (`a`, of DPDK 24.11)."""
    monkeypatch.chdir(tmp_path)
    found = []
    for words in ("", "RTE_ETHER_TYPE_IPV6 rte_udp_hdr dgram_len _Alignof"):
        Path("a.c").write_text(f"{NF}\n{said.format(words)}\n", encoding="utf-8")
        text = generate_sequential(Request((Path("a.c"),)), "a", Stopwatch())[1]["gen/a.c"]
        found.append(re.findall(r"_Static_assert[^;]*;", text))
    assert found[0] == found[1] and len(found[0]) > 2


@pytest.mark.parametrize("asks", ["_Alignof", "__alignof__"])
def test_alignments_are_asserted_where_a_file_asks_for_one(
    asks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere they do not count: DPDK 24.11 has aligned its headers' structs."""
    monkeypatch.chdir(tmp_path)
    Path("a.c").write_text(NF, encoding="utf-8")
    assert "_Alignof" not in generate_sequential(Request((Path("a.c"),)), "a", Stopwatch())[1]["gen/a.c"]
    Path("a.c").write_text(NF.replace("y = { 1, 2 }", f"y = {{ 1, {asks}(struct own) }}"), encoding="utf-8")
    text = generate_sequential(Request((Path("a.c"),)), "a", Stopwatch())[1]["gen/a.c"]
    found = dpdk.find()
    command = ["gcc", "-fsyntax-only", "-std=gnu11", "-w", *dpdk.RENAMES, *found.cflags, "gen.c"]
    command += [f"-I{d}" for d in (runtime.INCLUDE, runtime.INCLUDE / "lib", *found.include_dirs)]
    for align, said in ((4, ""), (8, "the layout differs from the analysis")):
        changed = text.replace("_Alignof(struct own) == 4,", f"_Alignof(struct own) == {align},")
        assert (changed == text) == (align == 4)
        Path("gen.c").write_text(changed, encoding="utf-8")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert said in done.stderr and (done.returncode == 0) == (align == 4), done.stderr


CONDITIONS = """\
#include "nf.h"
#ifdef A
#endif
#if B > 1
#endif
#ifndef C
#define C 3
#endif
#ifdef __AVX2__
#endif
#ifdef NDEBUG
#endif
#ifndef GUARD_H
#define GUARD_H
#endif
struct nf_config { int unused; };
struct nf_config config;
bool nf_init(void) { return true; }
int nf_process(uint16_t device, uint8_t *buffer, uint16_t packet_length, vigor_time_t now) { return device; }
"""


@pytest.mark.parametrize(
    ("flags", "wrong"),
    [
        ((), ["-DA", "-DB=1", "-DC=4", "-mavx2", "-DNDEBUG", "-funsigned-char", "-fpack-struct", "-ffast-math"]),
        (("-DA", "-DB=7", "-DC=0x10"), ["-UA", "-DB=6", "-UB", "-DC=15", "-UC"]),
        (("-DB=some(1)", "-mavx2"), ["-DA", "-UB", "-mno-avx2"]),
    ],
)
def test_generated_c_wants_the_flags_of_the_analysis(
    flags: tuple[str, ...], wrong: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who compiles gen/ by themselves cannot compile another program."""
    monkeypatch.chdir(tmp_path)
    text = CONDITIONS if "-DB=some(1)" not in flags else CONDITIONS.replace("#if B > 1", "#ifdef B")
    Path("a.c").write_text(text, encoding="utf-8")
    Path("gen.c").write_text(
        generate_sequential(Request((Path("a.c"),), flags=flags), "a", Stopwatch())[1]["gen/a.c"], encoding="utf-8"
    )
    found = dpdk.find()
    command = ["gcc", "-fsyntax-only", "-std=gnu11", "-O3", "-w", *dpdk.RENAMES, *found.cflags, *flags]
    command += [f"-I{d}" for d in (runtime.INCLUDE, runtime.INCLUDE / "lib", *found.include_dirs)] + ["gen.c"]
    assert subprocess.run(command, check=False).returncode == 0
    for flag in wrong:
        done = subprocess.run([*command, flag], capture_output=True, text=True, check=False)
        assert done.returncode != 0 and ("analysed" in done.stderr or "analysis" in done.stderr), flag


def test_numbers_of_the_users_own_are_not_asserted(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("#include <stdint.h>\n#define OWN 3\nint x[OWN] = { UINT8_MAX };\n", encoding="utf-8")
    program = load_program([tmp_path / "a.c"])
    assert [replace(a, file="") for a in program.assumed] == [Assumed("", "UINT8_MAX", value="255")]


def test_a_source_that_another_includes_is_no_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Macros are not what they were before the first line, and what is asserted once is asserted."""
    monkeypatch.chdir(tmp_path)
    Path("b.c").write_text("#ifdef X\nint counter;\n#endif\n", encoding="utf-8")
    Path("a.c").write_text(NF.replace("struct own", '#define X\n#include "b.c"\nstruct own', 1), encoding="utf-8")
    _, files = generate_sequential(Request((Path("a.c"),)), "a", Stopwatch())
    assert files["gen/b.c"] == '#line 1 "b.c"\n#ifdef X\nint counter;\n#endif\n'
    assert "#if defined X\n" in files["gen/a.c"] and "maestro_made_of" in files["gen/a.c"]
