"""The dialect of lib/state and lib/util: which NFs are in it, what their results mean, what its functions do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from maestro_tool import dpdk, nf, own_files, pipeline, runtime
from maestro_tool.cache import NoCache
from maestro_tool.diagnostics import InputError, UnsupportedError
from maestro_tool.dialects import DIALECTS
from maestro_tool.frontend import fingerprint, ir, load_program
from tests.quick import others_long

NFS = Path(__file__).parents[2] / "dialects" / "state"
#: NF -> call paths, and the rules and fields of its constraints.
EXPECTED = {
    "mirror": (6, []),
    "hedge": (18, [("R1", 4)] * 4),
    "toll": (13, [("R1", 1)]),
    "cellar": (24, [("R1", 1)]),
    "cloak": (19, [("R5", 2)]),
    "waypost": (8, []),
    "knocks": (18, [("R2", 1)]),
}

MAIN = """
#include "nf.h"
#include "nf-util.h"
struct nf_config {{ int unused; }};
struct nf_config config;
{before}
bool nf_init(void) {{ {setup} return true; }}
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, {time} now, struct rte_mbuf *mbuf) {{
  {process}
}}
"""


def written(folder: Path, process: str, *, before: str = "", setup: str = "", time: str = "time_ns_t") -> Path:
    source = folder / "main.c"
    source.write_text(MAIN.format(process=process, before=before, setup=setup, time=time))
    return source


def analysed(*sources: Path, arguments: tuple[str, ...] = ()) -> pipeline.Analysed:
    request = pipeline.Request(sources, arguments, include_dirs=(sources[0].parent,))
    return pipeline.analyse(request, NoCache(), pipeline.Stopwatch())


def verdicts(source: Path) -> list[tuple[int, object]]:
    return sorted({(p.port, p.verdict) for p in analysed(source).analysis.paths}, key=str)


@pytest.mark.parametrize("name", others_long(EXPECTED, ("hedge", "toll"), "hedge"))
def test_plans(name: str) -> None:
    function = nf.load(NFS / name)
    found = analysed(*function.sources, arguments=function.arguments)
    plan = pipeline.derive(found, pipeline.Stopwatch())
    assert plan.shardable, plan.obstacles
    assert found.analysis.dialect == "libvig-state"
    constraints = [(c.rule, len(c.equal)) for c in plan.constraints]
    assert (len(found.analysis.paths), constraints) == EXPECTED[name]


# --------------------------------------------------------------------------- what results mean


RESULTS = [  # result, what it means there, and in the main dialect, for a frame of port 0 of two
    ("65535", "drop", "flood"),
    ("-1", "drop", "flood"),
    ("65534", "flood", 65534),
    ("device", 0, "drop"),
    ("1 - device", 1, 1),
]


@pytest.mark.parametrize(("result", "there", "here"), RESULTS)
def test_each_result_means_what_its_dialect_says(tmp_path: Path, result: str, there: object, here: object) -> None:
    assert verdicts(written(tmp_path, f"return {result};"))[0] == (0, there)
    assert verdicts(written(tmp_path, f"return {result};", time="vigor_time_t"))[0] == (0, here)


def test_the_names_of_results(tmp_path: Path) -> None:
    both = "return packet_length > 100 ? DROP : FLOOD;"
    assert verdicts(written(tmp_path, both)) == [(0, "drop"), (0, "flood"), (1, "drop"), (1, "flood")]
    with pytest.raises(InputError, match="'FLOOD_FRAME' is not declared"):
        analysed(written(tmp_path, "return FLOOD_FRAME;"))
    with pytest.raises(InputError, match="'DROP' is not declared"):
        analysed(written(tmp_path, "return DROP;", time="vigor_time_t"))


def test_the_dialect_is_part_of_what_a_program_means(tmp_path: Path) -> None:
    prints = set()
    for time in ("time_ns_t", "vigor_time_t"):
        (tmp_path / time).mkdir()
        prints.add(fingerprint(load_program([written(tmp_path / time, "return device;", time=time)])))
    assert len(prints) == 2


# --------------------------------------------------------------------------- which one it is


def dialect(folder: Path, **texts: str) -> str:
    for name, text in texts.items():
        (folder / f"{name}.c").write_text(text)
    return own_files.dialect(own_files.find([folder / f"{name}.c" for name in texts])).name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('#include "lib/state/map.h"\n', "libvig-state"),
        ('#include "../lib/util/ether.h"\n', "libvig-state"),
        ('#include "libvig/verified/map.h"\nint DROP;\n', "libvig"),
        ("time_ns_t now;\n", "libvig-state"),
        ("int f(void) { return DROP; }\n", "libvig-state"),
        ("#define DROP 5\nint f(void) { return DROP; }\n", "libvig"),
        ("enum verdict { PASS, DROP };\nenum verdict f(void) { return DROP; }\n", "libvig"),
        ("/* DROP */ const char *text = \"time_ns_t\";\n", "libvig"),
        ("int f(void) { return 1; }\n", "libvig"),
    ],
)  # fmt: skip
def test_what_tells_a_dialect(tmp_path: Path, text: str, name: str) -> None:
    assert dialect(tmp_path, main=text) == name


def test_headers_of_two_are_refused_with_both_places(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"headers of two dialects in one NF: libvig at .*a.c:2:11, and") as caught:
        dialect(tmp_path, a='\n#include "lib/verified/map.h"\n', b='#include "nf.h"\n#include "lib/state/vector.h"\n')
    assert caught.value.location is not None and str(caught.value.location).endswith("b.c:2:11")
    assert "docs/dialects.md" in (caught.value.hint or "")


def test_a_header_of_the_nf_with_such_a_name_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "lib" / "state").mkdir(parents=True)
    (tmp_path / "lib" / "state" / "mine.h").write_text("int mine;\n")
    assert dialect(tmp_path, main='#include "lib/state/mine.h"\n#include "lib/verified/map.h"\n') == "libvig"


def test_sources_are_those_of_the_makefile() -> None:
    """hedge has a copy of its main file beside it, as editors leave them."""
    names = [source.name for source in nf.load(NFS / "hedge").sources]
    assert names == ["hedge.c", "hedge_config.c", "state.c"] and (NFS / "hedge" / "hedge-old.c").is_file()


@pytest.mark.parametrize(
    ("makefile", "sources"),
    [
        ("NF_FILES := a.c  # not b.c\n", ["a.c"]),
        ("NF_FILES = b.c \\\n  a.c x.h.gen.c\n", ["b.c", "a.c"]),
        ("NF_FILES := $(wildcard *.c)\n", ["a.c", "b.c"]),
        ("NF_FILES := a.c\nNF_FILES += b.c\n", ["a.c", "b.c"]),
        ("all:\n\tgcc a.c\n", ["a.c", "b.c"]),
    ],
)
def test_what_of_a_makefile_is_read(tmp_path: Path, makefile: str, sources: list[str]) -> None:
    for name in ("a.c", "b.c"):
        (tmp_path / name).write_text("")
    (tmp_path / "Makefile").write_text(makefile)
    assert [s.name for s in nf.load(tmp_path, "some").sources] == sources
    (tmp_path / "Makefile").write_text("\nNF_FILES := lost.c\n")
    with pytest.raises(InputError, match=r"NF_FILES lists 'lost\.c', which does not exist") as caught:
        nf.load(tmp_path, "some")
    assert str(caught.value.location) == f"{tmp_path / 'Makefile'}:2"


# --------------------------------------------------------------------------- functions that it does not offer


UNSUPPORTED = {
    "cms_allocate": ('#include "lib/state/cms.h"', "struct CMS *c; cms_allocate(4, 1024, 4, 1000, &c);", ""),
    "cms_increment": ('#include "lib/state/cms.h"', "", "cms_increment((struct CMS *)0, &packet_length);"),
    "cms_count_min": ('#include "lib/state/cms.h"', "", "cms_count_min((struct CMS *)0, &packet_length);"),
    "cms_periodic_cleanup": ('#include "lib/state/cms.h"', "", "cms_periodic_cleanup((struct CMS *)0, now);"),
    "vector_clear": ('#include "lib/state/vector.h"\nstruct Vector *v;', "vector_clear(v);", ""),
    "vector_sample_lt": (
        '#include "lib/state/vector.h"\nstruct Vector *v;',
        "int i; vector_sample_lt(v, 1, &i, &i);",
        "",
    ),
    "lpm_from_file": ('#include "lib/state/lpm-dir-24-8.h"\nstruct LPM *l;', 'lpm_from_file(l, "rules");', ""),
}


@pytest.mark.parametrize("name", others_long(UNSUPPORTED, ("cms_increment", "vector_clear")))
def test_what_is_not_offered_is_refused_by_name(tmp_path: Path, name: str) -> None:
    before, setup, process = UNSUPPORTED[name]
    with pytest.raises(UnsupportedError, match=f"'{name}' is neither defined by the NF nor known here") as caught:
        analysed(written(tmp_path, f"{process} return device;", before=before, setup=setup))
    assert caught.value.hint and "nf.yaml" not in caught.value.hint


# --------------------------------------------------------------------------- keys of raw bytes


PADDED = """
#include "lib/state/map.h"
struct odd {{ uint8_t a; uint32_t b; uint16_t c[3]; }};
static struct Map *map;
static int found({type}key) {{ int value; return map_get(map, key, &value); }}
"""
LOOK_UP = "struct odd key = {.a = 1, .b = packet_length}; return found(&key) ? 1 - device : DROP;"
ALLOCATE = "if (!map_allocate(64, {size}, &map)) return false;"


def test_padding_of_keys_is_cleared_where_the_type_is_known(tmp_path: Path) -> None:
    allocate = ALLOCATE.format(size="sizeof(struct odd)")
    known = written(tmp_path, LOOK_UP, before=PADDED.format(type="struct odd *"), setup=allocate)
    (event,) = {e.key for p in analysed(known).analysis.paths for e in p.events if e.op.name == "map_get"}
    assert event is not None
    unknown = written(tmp_path, LOOK_UP, before=PADDED.format(type="void *"), setup=allocate)
    with pytest.raises(InputError, match="reads 'key' before it was written"):
        analysed(unknown)


@pytest.mark.parametrize("size", ["0", "65"])
def test_keys_have_1_to_64_bytes(tmp_path: Path, size: str) -> None:
    source = written(tmp_path, "return device;", before=PADDED.format(type="void *"), setup=ALLOCATE.format(size=size))
    with pytest.raises(InputError, match="nf_init"):
        analysed(source)


# --------------------------------------------------------------------------- what is compiled is what is analysed


def compiled(folder: Path, text: str, *flags: str) -> str:
    """What a C program prints that is compiled with the runtime's headers."""
    source, program = folder / "compiled.c", folder / "compiled"
    source.write_text(text)
    found = dpdk.find()
    words = ["gcc", "-w", "-O2", *found.cflags, f"-I{runtime.INCLUDE}", *(f"-I{d}" for d in found.include_dirs), *flags]
    subprocess.run([*words, source, "-o", program], check=True)
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", DIALECTS)
def test_results_mean_the_same_to_the_compiler(tmp_path: Path, name: str) -> None:
    """MAESTRO_VERDICT, of the dialect's header or of maestro_burst.h, by the row of the table."""
    header = DIALECTS[name].header
    burst = (runtime.INCLUDE / "maestro_burst.h").read_text()
    (otherwise,) = re.findall(r"#ifndef MAESTRO_VERDICT\n(.*?\n)#endif", burst, re.DOTALL)
    included = f'#include "{header}"\n' if header else otherwise
    text = f"""
#include <stdio.h>
#include "maestro.h"
{included}
int main(void) {{
  for (unsigned device = 0; device < 3; device++)
    for (unsigned n = 0; n <= 0xFFFF; n++) {{ const uint16_t output = n, d = device; printf("%u\\n", MAESTRO_VERDICT(output, d)); }}
}}
"""
    said = iter(compiled(tmp_path, text).split())
    numbers = {"drop": 0xFFFE, "flood": 0xFFFF}
    for device in range(3):
        for n in range(0x10000):
            meant = DIALECTS[name].verdict(n, device)
            assert int(next(said)) == (numbers[meant] if isinstance(meant, str) else meant), (n, device)


STRUCTS = {
    "a": "struct a { uint8_t x; uint32_t y; uint16_t z; };",
    "b": "struct b { uint8_t x; struct { uint8_t p; uint64_t q; } y[2]; uint8_t z; };",
    "c": "struct c { union { uint8_t x; uint32_t y; } u; uint8_t v[3]; uint64_t w; };",
    "d": "struct d { uint8_t x; uint32_t y; } __attribute__((packed));",
    "e": "struct e { uint32_t x, y; };",
}


def test_padding_is_what_the_compiler_clears(tmp_path: Path) -> None:
    types = "\n".join(STRUCTS.values())
    body = "".join(
        f'{{ struct {n} s; memset(&s, 255, sizeof s); (void)MAESTRO_KEY(&s); puts("{n}"); '
        f'for (unsigned i = 0; i < sizeof s; i++) if (((uint8_t *)&s)[i] == 0) printf("%u\\n", i); }}\n'
        for n in STRUCTS
    )
    includes = '#include <stdint.h>\n#include <string.h>\n#include "maestro_key.h"\n'
    said = compiled(tmp_path, f"#include <stdio.h>\n{includes}{types}\nint main(void) {{ {body} }}")
    functions = "".join(f"void f{n}(struct {n} *p) {{ (void)MAESTRO_KEY(p); }}\n" for n in STRUCTS)
    (tmp_path / "analysed.c").write_text(f"{includes}{types}\n{functions}")
    program = load_program([tmp_path / "analysed.c"])
    expected = ""
    for n in STRUCTS:
        instructions = [i for block in program.functions[f"f{n}"].blocks for i in block.instructions]
        places = {i.dst: i.offset.value for i in instructions if isinstance(i, ir.PointerAdd)}
        cleared = [(places[z.destination.id], z.size) for z in instructions if isinstance(z, ir.ZeroMemory)]
        expected += f"{n}\n" + "".join(f"{start + k}\n" for start, size in cleared for k in range(size))
    assert said == expected and said.count("\n") > 10
