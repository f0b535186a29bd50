"""Which lines are the user's is not for users to say: macros of other files are not checked, and would reach the
generated program (``#define _Thread_local`` would give all workers one copy of each variable)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from maestro_tool.diagnostics import SourceLocation, UnsupportedError
from maestro_tool.frontend import Compilation, compiler, load_program
from maestro_tool.frontend.preprocess import HEADERS

MACRO = "#define _Thread_local\n"
WRONG = {
    "the compiler": '#line 1 "<built-in>"\n',
    "the command line": '#line 1 "<command-line>"\n',
    "a header of ours": f'#line 1 "{HEADERS}/nf.h"\n',
    "another way to it": f'#line 1 "{HEADERS}/../headers/nf.h"\n',
    "a marker": '# 1 "<built-in>" 1\n',
    "a digraph": '%: 3 "<q>"\n',
    "comments": 'int x; /* a\n*/ # /* b */ line /* c */ 5 "<s"\n',
    "a splice": '#li\\\nne 3 "<q"\n',
    "a macro": '#define FILE "<q"\n#line 1 FILE\n',
    "a number": "#define ONE 1\n#line ONE\n",
    "octal digits": '#line 1 "\\074q"\n',
    "digits": '#line 1 "\\x3cq"\n',
    "a trigraph": '#line 1 "??/074q"\n',
    "no comment": '#if 0\n#include <a/*b>\n#endif\n#line 1 "<q"\n#if 0\n#include <a*/b>\n#endif\n',
}
RIGHT = [
    '#line 7 "a.y"\n', "#line 7\n", '# 7 "a.h" 3 4\n', '// #line 1 "<q"\n', '/*\n# 1 first\n#line FILE */\n',
    'char *s = "\\\n#line FILE";\n', '#line 7 /* x */ "a \\"x\\".y" // <\n',
]  # fmt: skip


@pytest.mark.parametrize("how", WRONG)
def test_lines_that_would_pass_for_others(how: str, tmp_path: Path) -> None:
    source = tmp_path / "a.c"
    source.write_text(f"int a;\n{WRONG[how]}{MACRO}int f(void) {{ return 1; }}\n")
    with pytest.raises(UnsupportedError, match="could pass for one that is not the program's") as caught:
        load_program([source])
    line = 2 + {"comments": 1, "a macro": 1, "a number": 1, "no comment": 3}.get(how, 0)
    assert caught.value.location == SourceLocation(str(source), line)


def test_a_header_of_the_user_is_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "a.h").write_text(f"{WRONG['the compiler']}{MACRO}")
    (tmp_path / "a.c").write_text('#include "a.h"\nint f(void) { return 1; }\n')
    with pytest.raises(UnsupportedError, match=r"#line with the name"):
        load_program([tmp_path / "a.c"])


@pytest.mark.parametrize("text", RIGHT)
def test_lines_as_generators_write_them(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text(f"{text}int f(void) {{ return 1; }}\n")
    assert list(load_program([tmp_path / "a.c"]).functions) == ["f"]


@pytest.mark.parametrize("cc", ["gcc", "clang"])
@pytest.mark.parametrize("flag", ["-D_Thread_local=", "-Dmaestro_x=1", "-Umaestro_x"])
def test_macros_of_the_command_line(cc: str, flag: str, tmp_path: Path) -> None:
    if shutil.which(cc) is None:
        pytest.skip(f"no {cc}: run tests/releases/prepare.sh --clang")
    (tmp_path / "a.c").write_text("int f(void) { return 1; }\n")
    with pytest.raises(UnsupportedError, match=r"^-D or -U: "):
        load_program([tmp_path / "a.c"], compilation=Compilation((cc,), (flag,)))


def test_files_are_told_apart_that_one_process_preprocesses(tmp_path: Path) -> None:
    """Also where one prints what another begins with."""
    files = [tmp_path / f"{name}.c" for name in "abc"]
    for file, text in zip(files, ("int a;", "", "int c;\n"), strict=True):
        file.write_text(text)
    command = ["gcc", "-E", "-dD", "-x", "c"]
    alone = [subprocess.run([*command, f], capture_output=True, text=True, check=True).stdout for f in files]
    assert compiler.run_at_once(command, files) == alone
    files[1].write_text(f'#line 1 "{files[2]}"\n#line 1 "<built-in>"\n')
    assert compiler.run_at_once(command, files) is None
    files[1].write_text("#error\n")
    assert compiler.run_at_once(command, files) is None
