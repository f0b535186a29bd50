"""The typed program as a whole: its text, names and linkage, what its fingerprint covers, where things are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from maestro_tool.diagnostics import SourceLocation
from maestro_tool.frontend import fingerprint, load_program
from maestro_tool.frontend.ir import Alloca, Call, CopyMemory, FunctionAddress
from maestro_tool.frontend.show import show

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("source", sorted(GOLDEN.glob("*.c")), ids=lambda p: p.stem)
def test_text_of_the_program(source: Path) -> None:
    """To accept a change: MAESTRO_UPDATE_GOLDEN=1 pytest tests/unit/frontend."""
    text = show(load_program([source]))
    expected = source.with_suffix(".txt")
    if os.environ.get("MAESTRO_UPDATE_GOLDEN"):
        expected.write_text(text)
    assert text == expected.read_text()


def test_command_prints_the_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "maestro_tool.frontend"]
    done = subprocess.run([*command, GOLDEN / "switches.c"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == (GOLDEN / "switches.txt").read_text()
    wrong = tmp_path / "wrong.c"
    wrong.write_text("int x = ;\n")
    done = subprocess.run([*command, wrong], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "wrong.c:1:9: error: syntax error" in done.stderr
    assert "Traceback" not in done.stderr


# --------------------------------------------------------------------------- fingerprint

PROGRAM = """\
#include <stdio.h>
#include <assert.h>
struct Config { int wan; } config;
static int helper(int x) { return x * 2; }
int f(int a) { assert(a > 0); printf("%d", a); return helper(a) + config.wan; }
"""


def fingerprint_of(folder: Path, text: str, name: str = "nf.c") -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return fingerprint(load_program([folder / name]))


@pytest.mark.parametrize(
    "edited",
    [
        "/* A comment\n * of two lines. */\n" + PROGRAM,
        PROGRAM.replace("return helper(a) + config.wan;", "\n\n  return  helper( a )  // twice\n    + config.wan;\n"),
        PROGRAM.replace("x * 2", "(x * 2)"),
        PROGRAM.replace("<stdio.h>", "<stdio.h>\n#include <stdlib.h>\n#include <rte_mbuf.h>"),
        "#define UNUSED 1\n" + PROGRAM.replace("0x0", "0"),
        PROGRAM + "static int unused(void) { return 5; }\n",
    ],
)
def test_fingerprint_ignores_what_means_nothing(tmp_path: Path, edited: str) -> None:
    before = fingerprint_of(tmp_path / "one", PROGRAM)
    assert before == fingerprint_of(tmp_path / "two", edited)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x * 2", "x * 3"),
        ("int wan;", "short wan;"),
        ("int wan;", "int wan, lan;"),
        ("} config;", "} config = { 1 };"),
        ("a > 0", "a >= 0"),
        ('"%d"', '"%i"'),
        ("static int helper(int x)", "static int helper(unsigned x)"),
        ("} config;", "}; static struct Config config;"),
    ],
)
def test_fingerprint_covers_what_means_something(tmp_path: Path, old: str, new: str) -> None:
    assert old in PROGRAM
    before = fingerprint_of(tmp_path / "one", PROGRAM)
    assert before != fingerprint_of(tmp_path / "two", PROGRAM.replace(old, new))


PRINTS = """\
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
static void tell(const char *text) { fputs(text, stdout); }
char block[40];
int f(int a, char *s) {
  printf("a: %d %s %%", a, "plain");
  fprintf(stderr, "usage");
  puts("line");
  tell("own");
  sprintf(block, "kept %d", a);
  int n = printf("counted");
  const char *held = "held";
  if (strcmp(s, "name") == 0) fputs("name", stderr);
  printf("%s", held);
  return n;
}
"""


@pytest.mark.parametrize(
    ("old", "new", "is_same"),
    [
        ("a: ", "the number is ", True),
        ("plain", "other", True),
        ("usage", "usage: see there", True),
        ("line", "", True),
        ("%d %s %%", "%u %s %%", False),
        (" %%", " 100 %%", True),
        ("a: %d %s", "%d %s", False),
        ("usage", "usage %n", False),
        ("own", "mine", False),  # by a function of the NF's own
        ("kept", "lost", False),
        ("counted", "longer", False),  # its length is what is returned
        ('"held"', '"let go"', False),
        ('"name"', '"game"', False),  # it is also compared
    ],
)
def test_texts_that_are_only_printed_mean_nothing(tmp_path: Path, old: str, new: str, is_same: bool) -> None:
    assert old in PRINTS
    before = fingerprint_of(tmp_path / "one", PRINTS)
    assert (before == fingerprint_of(tmp_path / "two", PRINTS.replace(old, new))) == is_same
    # Of a function of that name of the NF's own, nothing is known.
    own = 'static int puts(const char *s) { return s[0]; }\nint f(void) { puts("line"); return 0; }\n'
    assert fingerprint_of(tmp_path / "three", own) != fingerprint_of(tmp_path / "four", own.replace("line", "mine"))


def test_fingerprint_survives_a_renamed_file(tmp_path: Path) -> None:
    assert fingerprint_of(tmp_path / "one", PROGRAM) == fingerprint_of(tmp_path / "two", PROGRAM, "other.c")


def test_location_numbers_survive_an_edit(tmp_path: Path) -> None:
    """The same number, the new place: analyses are cached with numbers."""
    programs = []
    for folder, text in (
        ("one", PROGRAM),
        ("two", "/* new */\n\n" + PROGRAM.replace("+ config.wan", "\n+\n   config.wan")),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "nf.c").write_text(text)
        programs.append(load_program([tmp_path / folder / "nf.c"]))
    one, two = programs
    assert len(one.locations) == len(two.locations)
    assert one.functions == two.functions
    places = [p.locations[p.functions["f"].loc] for p in programs]
    assert [(Path(p.file).parent.name, p.line, p.column) for p in places] == [("one", 5, 5), ("two", 7, 5)]


# --------------------------------------------------------------------------- names


def test_globals_say_where_they_are_declared(tmp_path: Path) -> None:
    header, one, two = tmp_path / "shared.h", tmp_path / "one.c", tmp_path / "two.c"
    header.write_text("extern int total;\nstatic const int limits[2] = { 7 };\n")
    one.write_text(
        '#include "shared.h"\nint total = 1;\nstatic  /* here */ long mine;\nint f(void) { static int n; return n++ + total; }\n'
    )
    two.write_text('#include "shared.h"\nstatic char mine = 2;\nint g(void) { return mine + limits[0]; }\n')
    program = load_program([one, two])
    total = program.globals["total"]
    assert (total.scope, total.defined, total.file, total.type_name) == ("file", True, str(one), "int")
    places = {SourceLocation(str(header), 1, 12), SourceLocation(str(one), 2, 5)}
    assert set(total.declarations) == places
    assert program.locations[total.loc] == SourceLocation(str(one), 2, 5)
    mine = program.globals["one.c:mine"]
    assert (mine.c_name, mine.scope, mine.size) == ("mine", "static_file", 8)
    assert mine.declarations == (SourceLocation(str(one), 3, 25),)
    assert program.globals["two.c:mine"].size == 1
    assert program.globals["two.c:limits"].const and not total.const
    local = program.globals["f.n"]
    assert (local.c_name, local.scope, local.declarations) == ("n", "static_local", ())
    assert program.files == (str(one), str(header), str(two))


def test_const_is_that_of_the_object(tmp_path: Path) -> None:
    source = tmp_path / "a.c"
    source.write_text(
        "typedef const int ci; const char *a; char *const b; const int c[2]; ci d; struct S { const int x; } e; const struct S f;"
    )
    program = load_program([source])
    assert {n: g.const for n, g in program.globals.items()} == {
        "a": False,
        "b": True,
        "c": True,
        "d": True,
        "e": False,
        "f": True,
    }


def test_externals_and_external_objects(tmp_path: Path) -> None:
    source = tmp_path / "a.c"
    source.write_text(
        '#include "nf-util.h"\n#include <getopt.h>\nint f(void *p) { return optind + (int)strlen(p); }\n'
        "int g(void) { return sizeof(malloc(1)); }\n"
    )
    program = load_program([source])
    assert program.externals == ("strlen",)  # what sizeof looks at is not called
    assert list(program.globals) == ["optind"] and not program.globals["optind"].defined
    assert "struct rte_ipv4_hdr" not in program.structs  # nothing names it


def test_inline_functions_of_headers_are_one(tmp_path: Path) -> None:
    """Equal copies become one function; copies that use a file's own variable stay apart."""
    (tmp_path / "inline.h").write_text(
        "static int mine; static inline int inc(int x) { return x + 1; }\n"
        "static inline int twice(int x) { return inc(inc(x)); }\nstatic inline int count(void) { return ++mine; }\n"
    )
    one, two = tmp_path / "one.c", tmp_path / "two.c"
    one.write_text('#include "inline.h"\nint f(void) { return twice(1) + count(); }\n')
    two.write_text('#include "inline.h"\nint (*g(void))(int) { count(); return twice; }\n')
    program = load_program([one, two])
    assert set(program.functions) == {"f", "g", "twice", "inc", "one.c:count", "two.c:count"}
    callees = {i.callee for b in program.functions["twice"].blocks for i in b.instructions if isinstance(i, Call)}
    assert callees == {FunctionAddress("inc")}


def test_a_struct_of_one_header_is_one_type_in_all_units(tmp_path: Path) -> None:
    """`shared` has the type of the unit that was read first, `copy` that of its own."""
    header = "struct mac { char bytes[6]; };\nstruct all { struct mac a; };\nextern struct all shared;\n"
    (tmp_path / "mac.h").write_text(header)
    (tmp_path / "a.c").write_text('#include "mac.h"\nstruct all shared;\n')
    (tmp_path / "b.c").write_text(
        '#include "mac.h"\nstruct mac f(void) { struct mac copy; copy = shared.a; return copy; }\n'
    )
    function = load_program([tmp_path / "a.c", tmp_path / "b.c"]).functions["f"]
    assert {i.size for b in function.blocks for i in b.instructions if isinstance(i, CopyMemory)} == {6}


def test_structs_of_packed_and_unnamed_types(tmp_path: Path) -> None:
    source = tmp_path / "a.c"
    source.write_text(
        "typedef struct { char c; int i; } __attribute__((packed)) pair_t; pair_t p; void f(pair_t *q) { *q = p; }"
    )
    program = load_program([source])
    assert program.structs["pair_t"].size == 5
    assert program.globals["p"].type_name == "pair_t"
    assert program.functions["f"].parameters[0].type_name == "pair_t *"


def test_unnamed_types_that_units_share(tmp_path: Path) -> None:
    """One unit has unnamed types besides those of the header that both include."""
    (tmp_path / "config.h").write_text(
        "struct config { struct { int n; union { int a; char b; } u; } rules, other; };\nextern struct config config;\n"
    )
    (tmp_path / "a.c").write_text('#include "config.h"\nstruct config config;\n')
    (tmp_path / "b.c").write_text(
        'union { struct { char c; } s; } own;\n#include "config.h"\nint f(void) { return config.rules.n; }\n'
    )
    program = load_program([tmp_path / "a.c", tmp_path / "b.c"])
    assert program.globals["config"].type_name == "struct config"
    assert not [name for name in program.structs if "#" in name]


# --------------------------------------------------------------------------- the NFs


@pytest.mark.parametrize(
    "folder", sorted(p for p in (ROOT / "nfs").glob("*/") if list(p.glob("*.c"))), ids=lambda p: p.name
)
def test_nfs_are_read(folder: Path) -> None:
    program = load_program(sorted(folder.rglob("*.c")))
    process = program.functions["nf_process"]
    assert [p.name for p in process.parameters][:4] == ["device", "buffer", "packet_length", "now"]
    assert {"nf_init", "nf_config_init"} <= set(program.functions)
    assert "config" in program.globals
    for function in program.functions.values():
        temps = [i.dst for b in function.blocks for i in b.instructions if getattr(i, "dst", None) is not None]
        assert len(temps) == len(set(temps)), "each temporary is assigned by one instruction"
        targets = range(len(function.blocks))
        for block in function.blocks:
            for name in ("target", "then", "otherwise", "default"):
                assert getattr(block.terminator, name, 0) in targets
            assert all(i.size >= 0 for i in block.instructions if isinstance(i, Alloca))


@pytest.mark.parametrize("name, given", [("memset", "p, 0, 4"), ("memcmp", "p, p, 4"), ("strlen", "p"), ("abort", "")])
def test_the_compilers_name_of_a_library_function_calls_it(tmp_path: Path, name: str, given: str) -> None:
    """Also where nothing else in the file names it."""
    source = tmp_path / "nf.c"
    source.write_text(f"#include <stdlib.h>\n#include <string.h>\nvoid f(char *p) {{ __builtin_{name}({given}); }}\n")
    assert load_program([source]).externals == (name,)
