"""What would make the compiled program another than the analysed one, without a trace in its lines, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.frontend import Compilation, load_program
from maestro_tool.frontend.compiler import DEFAULT_FLAGS

MACRO = "a macro may not be called"
#: text -> line, message
REFUSED = {
    "#define _Thread_local\n": (1, f"{MACRO} '_Thread_local'"),
    "int x;\n#define __attribute__(x)\n": (2, f"{MACRO} '__attribute__'"),
    "#define if(x) if (!(x))\n": (1, f"{MACRO} 'if'"),
    "#define memcpy(d, s, n) (d)\n": (1, f"{MACRO} 'memcpy'"),
    "#define snprintf sprintf\n": (1, f"{MACRO} 'snprintf'"),
    "#define uint64_t unsigned\n": (1, f"{MACRO} 'uint64_t'"),
    "#define NULL 1\n": (1, f"{MACRO} 'NULL'"),
    "#define bool int\n": (1, f"{MACRO} 'bool'"),
    "#define MAESTRO_RESTORE_BYTES 1\n": (1, "'MAESTRO_RESTORE_BYTES' is a name of generated programs"),
    "#define maestro_now 1\n": (1, "'maestro_now' is a name of generated programs"),
    "#define MAESTRO_DPDK_VERSION 1\n": (1, "'MAESTRO_DPDK_VERSION' is a name of generated programs"),
    "#undef MAESTRO_THREAD_LOCAL\n": (1, "'MAESTRO_THREAD_LOCAL' is a name of generated programs"),
    '#pragma GCC optimize("Ofast")\n': (1, "'Ofast' for a part of a file is not supported: it has -ffast-math"),
    '#pragma GCC optimize("O2", "fast-math")\n': (1, "'fast-math' for a part of a file is not supported"),
    '#pragma GCC optimize("no-such-thing")\n': (1, "'no-such-thing' for a part of a file is not supported"),
    '#pragma GCC optimize ("-fpack-struct")\n': (1, "'-fpack-struct' for a part of a file is not supported"),
    '__attribute__((optimize("trapv"))) int f(void) { return 1; }\n': (1, "'trapv' for a part of a file"),
    "#pragma redefine_extname f g\n": (1, "#pragma redefine_extname is not supported"),
    "#pragma weak f = g\n": (1, "#pragma weak is not supported"),
    "int f(int n) {\n#pragma GCC ivdep\n  while (n) n--;\n  return n;\n}\n": (2, "#pragma GCC ivdep is not supported"),
    "#pragma clang fp reassociate(on)\n": (1, "#pragma clang fp is not supported"),
    '_Pragma("weak f") int f(void);\n': (1, "#pragma weak is not supported"),
    "static int n;\n__attribute__((const)) int f(void) { return n++; }\n": (2, "attribute 'const' is not supported"),
    "__attribute__((__pure__)) int f(void);\n": (1, "attribute 'pure' is not supported"),
    "int f(int *p) __attribute__((nonnull(1)));\n": (1, "attribute 'nonnull' is not supported"),
    "void f(void);\nvoid (*p)(void) __attribute__((section(\".init_array\"))) = f;\n": (2, "attribute 'section("),
    "#include <stddef.h>\nint memcmp(const void *a, const void *b, size_t n) { return 0; }\n": (
        2, "'memcmp' is a function of the C library, which compilers take for that"
    ),
    "inline int abs(int x) { return 3; }\n": (1, "'abs' is a function of the C library"),
    "int rte_errno_of;\n": (1, "'rte_errno_of' is a name of DPDK's or of generated programs"),
    "int maestro_mine(void) { return 1; }\n": (1, "'maestro_mine' is a name of DPDK's or of generated programs"),
}  # fmt: skip
ACCEPTED = (
    "#define inline __inline__\n#define true 1\n#define MEMCPY(d, s) 3\n#define mine(x) x\n#define NULL ((void *)0)\n",
    '#pragma GCC diagnostic push\n#pragma GCC optimize("O1", "unroll-loops", 2)\n#pragma GCC target("avx2")\n',
    '#pragma STDC FP_CONTRACT OFF\n#pragma push_macro("X")\n#pragma omp parallel for\n',
    '__attribute__((optimize("O3"), hot)) int f(void) { return 1; }\n',
    'int x __attribute__((section(".mine"))) = 1;\n',
    "static int strrchr(int x) { return x; }\nint f(void) { return strrchr(1); }\n",
    "extern int rte_errno_of;\nstatic int rte_mine;\n",
    "int f(int memcmp) { return memcmp; }\n",
)  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_refused(tmp_path: Path, text: str) -> None:
    source = tmp_path / "a.c"
    source.write_text(text, encoding="utf-8")
    line, message = REFUSED[text]
    with pytest.raises(UnsupportedError) as caught:
        load_program([source])
    # gcc 16 says where the pragma makes it define a macro, which is refused first.
    assert message in caught.value.message or ("pragma" in text and "'__FAST_MATH__'" in caught.value.message)
    assert caught.value.location is not None and caught.value.location.line == line
    assert caught.value.location.file == str(source)


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.c").write_text(text, encoding="utf-8")
    load_program([tmp_path / "a.c"])


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("-D_Thread_local=", MACRO),
        ("-Dstatic=", MACRO),
        ("-Dmemcpy=mine", MACRO),
        ("-Drte_eth_rx_burst=mine", MACRO),
        ("-DMAESTRO_LARGE_FROM=1", "is a name of generated programs"),
        ("-DNOW=__TIME__", "'__TIME__' is another each time"),
        ("-DNEXT()=__COUNTER__", "'__COUNTER__' is another each time"),
    ],
)
def test_refused_flags(tmp_path: Path, flag: str, message: str) -> None:
    (tmp_path / "a.c").write_text("int x;\n", encoding="utf-8")
    with pytest.raises(UnsupportedError, match=message):
        load_program([tmp_path / "a.c"], compilation=Compilation(flags=(*DEFAULT_FLAGS, flag)))
    load_program([tmp_path / "a.c"], compilation=Compilation(flags=(*DEFAULT_FLAGS, "-DMINE=1", "-Dinline=__inline")))


def load(folder: Path, **units: str) -> None:
    for name, text in units.items():
        (folder / f"{name}.c").write_text(text, encoding="utf-8")
    load_program([folder / f"{name}.c" for name in sorted(units)])


USE = "int use(void) { return pick(); }\n"


def test_inline_functions_that_differ(tmp_path: Path) -> None:
    """C11 6.7.4: it is unspecified whether a call uses the inline definition or the external one."""
    one = f"inline int pick(void) {{ return 1; }}\n{USE}"
    for other in (
        "int pick(void) { return 2; }\n",
        f"inline int pick(void) {{ return 2; }}\n{USE}".replace("use", "us"),
    ):
        with pytest.raises(UnsupportedError, match="different functions 'pick', one of them inline"):
            load(tmp_path, a=one, b=other)


def test_inline_functions_that_do_not(tmp_path: Path) -> None:
    """Of one header, with a unit that has what is called; and a static one, which is another function."""
    header = "inline int less(int x) { return x - 1; }\ninline int pick(void) { return less(2); }\n"
    load(tmp_path, a=header + USE, b=header + "extern inline int less(int);\nextern inline int pick(void);\n")
    load(tmp_path, a=f"inline int pick(void) {{ return 1; }}\n{USE}", b="static int pick(void) { return 2; }\n"
         "int other(void) { return pick(); }\n")  # fmt: skip


def test_headers_called_as_those_of_generated_code(tmp_path: Path) -> None:
    (tmp_path / "maestro.h").write_text("int mine;\n", encoding="utf-8")
    (tmp_path / "maestro_mine.h").write_text("int others;\n", encoding="utf-8")
    load(tmp_path, a='#include "maestro_mine.h"\n')
    with pytest.raises(UnsupportedError, match=r"the runtime has a header 'maestro\.h', too") as caught:
        load(tmp_path, a='#include "maestro.h"\n')
    assert str(caught.value.location) == f"{tmp_path}/maestro.h:1"
