"""The C library in set-up: the models do what glibc does, on the same program."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from maestro_tool.codegen.generate import _c_string
from maestro_tool.diagnostics import InputError, MaestroError, UnsupportedError
from maestro_tool.expr import Expr
from maestro_tool.frontend import load_program
from maestro_tool.symex import analyse, files
from maestro_tool.symex.limits import Limits
from maestro_tool.symex.setup import SetUpResult, run_setup
from maestro_tool.symex.solver import Solver

HEAD = r"""
#include <stdbool.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <arpa/inet.h>
unsigned long long results[512];
unsigned n_results;
static void out(unsigned long long v) { results[n_results++] = v; }
static void text(const char *s) { if (!s) { out(~0ull); return; } do out((unsigned char)*s); while (*s++); }
"""
CASES = {
    "printing": r"""
char b[40]; out(snprintf(b, sizeof b, "%5d|%-4u|%04x|%c|%.3s", -42, 7u, 255, 'z', "abcdef")); text(b);
out(snprintf(b, 4, "%s", "longer")); text(b); out(sprintf(b, "%lu %ld %hhu %%", 1ul << 40, -5l, 300)); text(b);
sprintf(b, "%*d %.2f %o %X", 6, 3, 2.5, 8, 0xabc); text(b); sprintf(b, "%#x %+d % d", 16, 5, 5); text(b);""",
    "variadic": r"""
char b[40]; say(b, "%d-%s-%.1f", 5, "x", 1.5); text(b); say(b, "%%"); text(b);""",
    "scanning": r"""
int a = -1, c = -1; unsigned u = 0; char w[20] = "", ch = 0; short h = 0; unsigned char hh = 0;
out(sscanf("10.20.x", "%d.%d.%d", &a, &c, &a)); out(a); out(c); out(sscanf("  -7 word", "%d %19s", &a, w)); out(a); text(w);
out(sscanf("0x1f,077", "%x,%i", &u, &c)); out(u); out(c); out(sscanf("", "%d", &a)); out(sscanf("abc", "%d", &a));
out(sscanf("12345", "%2d%c%hd", &a, &ch, &h)); out(a); out(ch); out(h); out(sscanf("k=v;", "%[a-z]=%[^;]", w, w + 10));
text(w); text(w + 10); out(sscanf("300", "%hhu", &hh)); out(hh); out(sscanf("5 6", "%*d %d%n", &a, &c)); out(a); out(c);""",
    "words": r"""
char s[] = ",a,,b c,d"; for (char *t = strtok(s, ", "); t; t = strtok(NULL, ", ")) text(t);
char r[] = "1:2:3", *rest; text(strtok_r(r, ":", &rest)); text(strtok_r(NULL, ":", &rest)); text(rest);
const char *p = "needle in hay"; out(strstr(p, "in") - p); out(!strstr(p, "x")); out(strchr(p, 'e') - p); out(strrchr(p, 'e') - p);
out(strchr(p, 0) - p); out(strspn(p, "ned")); out(strcspn(p, " ")); out(strpbrk(p, "xyi") - p); out(strnlen("abc", 2)); out(strnlen("a", 9));
char d[20] = "x"; strcat(d, "yz"); strncat(d, "12345", 2); text(d); out((char *)memchr(p, 'i', 10) - p); out(!memchr(p, 'y', 4));
out(strcasecmp("AbC", "aBc")); out(strncasecmp("abX", "ABy", 2)); out(strcasecmp("a", "b") < 0); text(strdup("copy"));""",
    "numbers": r"""
errno = 0; char *e; out(strtol("99999999999999999999", &e, 10)); out(errno); out(*e); errno = 0; out(strtoul("-1", &e, 0)); out(errno);
out(strtol("0x1G", &e, 0)); out(*e); out(strtol("z", &e, 36)); out(atoi("12ab")); out((long)(strtod(" 2.5e2x", &e) * 4)); out(*e);
out((long)(atof("-.5") * 10)); out(abs(-5)); out(labs(-5l)); out((long)(ceil(1.2) + floor(-1.2) * 10 + sqrt(16) + pow(2, 10)));""",
    "characters": r"""
for (int c = 0; c < 128; c++) out(!!isdigit(c) + 2 * !!isalpha(c) + 4 * !!isspace(c) + 8 * !!ispunct(c) + 16 * !!isxdigit(c) + 32 * !!isprint(c));
for (int c = 60; c < 130; c += 3) out(toupper(c) + 256 * tolower(c));""",
    "sorting": r"""
int a[7] = { 5, -2, 9, 0, 5, -7, 3 }; qsort(a, 7, sizeof *a, by_value); for (int i = 0; i < 7; i++) out(a[i]);
struct P { short k; char *name; } p[3] = { { 3, "c" }, { 1, "a" }, { 2, "b" } }; qsort(p, 3, sizeof *p, by_key); for (int i = 0; i < 3; i++) text(p[i].name);""",
    "addresses": r"""
struct in_addr a; out(inet_pton(AF_INET, "1.2.3.4", &a)); out(*(uint32_t *)&a); out(inet_pton(AF_INET, "1.2.3", &a)); out(inet_pton(AF_INET, "1.2.3.256", &a));
out(inet_addr("10.0.0.1"));""",
    "files": r"""
FILE *f = fopen("table.txt", "r"); char line[16], word[16]; int n, ch, lines = 0; out(!f); out(feof(f));
while ((ch = fgetc(f)) != EOF) lines += ch == '\n'; out(lines); out(!!feof(f)); rewind(f); out(!!feof(f));
while (fgets(line, sizeof line, f)) text(line); out(!!feof(f)); fseek(f, 4, SEEK_SET); out(ftell(f)); out(fscanf(f, "%15s %d", word, &n)); text(word); out(n);
ungetc(ch = fgetc(f), f); out(ch); out(fgetc(f)); fseek(f, -3, SEEK_END); out(fread(word, 1, 10, f)); out(word[0]); fclose(f);
char *l = NULL; size_t size = 0; f = fopen("table.txt", "rb"); while ((n = getline(&l, &size, f)) != -1) { out(n); text(l); } free(l); fclose(f);
out(fopen("absent.txt", "r") == NULL); out(errno == ENOENT);""",
}
FUNCTIONS = r"""
static int by_value(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
static int by_key(const void *a, const void *b) { return *(const short *)a - *(const short *)b; }
static void say(char *b, const char *format, ...) { va_list l; va_start(l, format); vsprintf(b, format, l); va_end(l); }
"""
TABLE = "# x\nport 80 tcp\na line that is longer than the buffer\nlast"


def run(folder: Path, body: str) -> SetUpResult:
    (folder / "nf.c").write_text(f"{HEAD}{FUNCTIONS}bool nf_init(void) {{\n{body}\nreturn true; }}\n")
    program = load_program([folder / "nf.c"])
    return run_setup(program, (), 2, Solver(Limits()), Limits(), None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CASES)
def test_as_glibc(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.txt").write_text(TABLE)
    result = run(tmp_path, CASES[name])
    main = '\nint main(void) { nf_init(); for (unsigned i = 0; i < n_results; i++) printf("%llu\\n", results[i]); }\n'
    (tmp_path / "main.c").write_text((tmp_path / "nf.c").read_text() + main)
    subprocess.run(["gcc", "-std=gnu11", "-w", "-O1", "main.c", "-o", "main", "-lm"], check=True)
    printed = subprocess.run(["./main"], check=True, capture_output=True, text=True).stdout.split()
    block = result.memory.get(result.globals["results"])
    assert block is not None and len(printed) > 4
    found = [next(iter(block.segments(8 * i, 8)))[2] for i in range(len(printed))]
    assert [str(v.const) if isinstance(v, Expr) else "0" for v in found] == printed


def test_files_are_pinned_by_their_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.txt").write_text(TABLE)
    pinned = run(tmp_path, 'fclose(fopen("table.txt", "r")); if (fopen("absent.txt", "r")) return false;').files
    assert [(f.name, f.digest is None) for f in pinned] == [("absent.txt", True), ("table.txt", False)]
    assert files.changed(pinned) is None
    (tmp_path / "table.txt").write_text(TABLE + "\n")
    assert files.changed(pinned) == pinned[1]
    (tmp_path / "table.txt").write_text(TABLE)
    (tmp_path / "absent.txt").write_text("")
    assert files.changed(pinned) == pinned[0]


def test_names_of_files_are_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C has bytes; artifacts, and the check when the program starts, have text."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t\u00e9\u4e2d.txt").write_text(TABLE)
    [pinned] = run(tmp_path, 'fclose(fopen("t\u00e9\u4e2d.txt", "r"));').files
    assert pinned.name == "t\u00e9\u4e2d.txt" and pinned.digest is not None and files.changed((pinned,)) is None
    assert _c_string(pinned.name) == '"t\\303\\251\\344\\270\\255.txt"'


def test_arguments_are_bytes(tmp_path: Path) -> None:
    """As the program gets them: characters beyond Latin-1 are neither one byte nor lost."""
    (tmp_path / "nf.c").write_text(
        f"{HEAD}{FUNCTIONS}void nf_config_init(int argc, char **argv) {{ for (int i = 1; i < argc; i++) {{"
        " out(strlen(argv[i])); out((unsigned char)argv[i][0]); } }\nbool nf_init(void) { return true; }\n"
    )
    program = load_program([tmp_path / "nf.c"])
    words = ("\u00e9", "\u4e2d", "x")
    result = run_setup(program, words, 1, Solver(Limits()), Limits(), None)  # type: ignore[arg-type]
    block = result.memory.get(result.globals["results"])
    assert block is not None
    found = [next(iter(block.segments(8 * i, 8)))[2] for i in range(6)]
    assert [v.const for v in found if isinstance(v, Expr)] == [2, 0xC3, 3, 0xE4, 1, ord("x")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('fopen("\\xff.txt", "r");', "is not UTF-8"),
        ('fopen("out.txt", "w");', "may read files, not write"),
        ("fgetc(stdin);", "on what is no open file"),
        ('fgetc(fopen("absent.txt", "r"));', "is given no file"),
        ('FILE *f = fopen("nf.c", "r"); fclose(f); fgetc(f);', "on what is no open file"),
        ('FILE *f = fopen("nf.c", "r"); ungetc(1, f);', "ungetc of another character"),
        ('int n; sscanf("1 2", "%d %d", &n);', "fewer arguments than its format"),
        ('char b[4]; sprintf(b, "%s", "long");', "at offset 0 of 'b', which has 4"),
    ],
)
def test_mistakes(body: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MaestroError) as caught:
        run(tmp_path, body)
    assert words in f"{caught.value.message} {caught.value.hint}" and caught.value.location is not None


def test_functions_that_set_up_stores_are_checked_at_start(tmp_path: Path) -> None:
    from maestro_tool.symex import analyse

    (tmp_path / "nf.c").write_text(
        '#include "nf.h"\nstruct nf_config { int (*out)(int); };\nstruct nf_config config;\n'
        "static int other(int d) { return 1 - d; }\n"
        "bool nf_init(void) { config.out = other; return true; }\n"
        "int nf_process(uint16_t device, uint8_t **b, uint16_t l, vigor_time_t now, struct rte_mbuf *m) {\n"
        "  struct nf_config copy = config;\n  return copy.out(device); }\n"
    )
    analysis = analyse(load_program([tmp_path / "nf.c"]))
    assert [(p.place, p.target) for p in analysis.memory_pointers] == [("config.out", ("other",))]


def test_unknown_functions_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="'mystery' is neither defined"):
        (tmp_path / "nf.c").write_text(
            "#include <stdbool.h>\nint mystery(void);\nbool nf_init(void) { return mystery(); }\n"
        )
        run_setup(load_program([tmp_path / "nf.c"]), (), 2, Solver(Limits()), Limits(), None)  # type: ignore[arg-type]


PACKETS = """
#include <stdlib.h>
#include <stdio.h>
#include "nf.h"
struct nf_config { unsigned rules; };
struct nf_config config;
struct rule { uint8_t low, high; } *table;
void nf_config_init(int argc, char **argv) { config.rules = argc > 1 ? atoi(argv[1]) : 0; }
bool nf_init(void) {
  if (config.rules) table = calloc(config.rules, sizeof *table);
  return true;
}
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  char text[8];
  USE
  for (struct rule *r = table; r < table + config.rules; r++)
    if ((*buffer)[0] >= r->low && (*buffer)[0] <= r->high) return device;
  return 1 - device;
}
"""


@pytest.mark.parametrize(("rules", "ways"), [("0", 1), ("2", 7)])
def test_a_table_of_no_entries_is_a_null_pointer(rules: str, ways: int, tmp_path: Path) -> None:
    source = tmp_path / "nf.c"
    source.write_text(PACKETS.replace("USE", ""))
    analysis = analyse(load_program([source]), (rules,), ports=1)
    assert len(analysis.paths) == ways
    assert [p.value for p in analysis.pinned if "rules" in p.place] == [int(rules)]


def test_functions_of_set_up_are_not_for_packets(tmp_path: Path) -> None:
    source = tmp_path / "nf.c"
    source.write_text(PACKETS.replace("USE", 'snprintf(text, sizeof text, "%d", device);'))
    with pytest.raises(UnsupportedError, match="'snprintf' is neither") as caught:
        analyse(load_program([source]))
    assert caught.value.hint == "this function is followed in set-up only: do without it here"
    with pytest.raises(InputError, match="'snprintf' is declared as a pure function of others, but is one of the lib"):
        analyse(load_program([source]), pure=("snprintf",))
