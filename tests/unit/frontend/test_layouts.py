"""Struct layouts and the small headers: gcc, DPDK, glibc and the runtime must agree with what the frontend believes."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from maestro_tool.frontend import load_program, spellings
from maestro_tool.frontend.ir import Const, StructLayout
from maestro_tool.frontend.preprocess import HEADERS

from .against_gcc import check

SCALARS = [
    "char",
    "uint8_t",
    "short",
    "uint16_t",
    "int",
    "uint32_t",
    "long",
    "uint64_t",
    "void *",
    "_Bool",
    "double",
    "float",
]
FIELDS = ["unsigned", "int", "uint8_t", "unsigned short", "long", "_Bool", "unsigned long"]
RUNTIME = HEADERS.parent.parent / "runtime" / "include"


class Structs:
    """Random struct definitions, later ones using earlier ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names: list[str] = []

    def definition(self, number: int) -> str:
        r = self.random
        keyword = r.choice(["struct", "struct", "struct", "union"])
        attributes = r.choice(["", "", "", " __attribute__((packed))", " __attribute__((aligned(16)))"])
        attributes = r.choice([attributes, attributes, " __attribute__((packed, aligned(2)))"])
        text = f"{keyword} S{number} {{ {self.members(r.randrange(1, 7), 0)} }}{attributes};"
        self.names.append(f"{keyword} S{number}")
        return text

    def members(self, count: int, depth: int) -> str:
        return " ".join(self.member(f"m{depth}_{i}_{self.random.randrange(1000)}", depth) for i in range(count))

    def member(self, name: str, depth: int) -> str:
        r = self.random
        pick = r.random()
        own = r.choice([""] * 8 + [" __attribute__((packed))"])
        aligned = r.choice([own] * 8 + [" __attribute__((aligned(8)))", " __attribute__((packed, aligned(4)))"])
        if pick < 0.4:
            return f"{r.choice(SCALARS)} {name}{aligned};"
        if pick < 0.55:
            return f"{r.choice(SCALARS)} {name}[{r.randrange(1, 5)}]{aligned};"
        if pick < 0.8:
            type_ = r.choice(FIELDS)
            width = 1 if type_ == "_Bool" else r.randrange(1, {"uint8_t": 8, "unsigned short": 16}.get(type_, 32) + 1)
            return r.choice([f"{type_} {name} : {width}{own};"] * 5 + [f"{type_} : 0;", f"{type_} : {width};"])
        if pick < 0.9 and self.names:
            return f"{r.choice(self.names)} {name}{r.choice(['', '[2]'])}{own};"
        if depth < 2:
            return f"{r.choice(['struct', 'union'])} {{ {self.members(2, depth + 1)} }};"
        return f"_Alignas({r.choice([4, 8, 16])}) char {name};"


#: DPDK 24.11 and later align these so.  Where structs of an NF hold them, generated C asserts sizes and offsets.
ALIGNED = {f"struct rte_{name}_hdr": (2,) for name in ("ipv4", "ipv6", "vlan")}


def assertions(layouts: list[StructLayout], bit_fields: set[str] = frozenset()) -> str:  # type: ignore[assignment]
    lines = []
    for layout in layouts:
        lines.append(f'_Static_assert(sizeof({layout.name}) == {layout.size}, "size of {layout.name}");')
        aligned = " || ".join(f"_Alignof({layout.name}) == {n}" for n in {layout.align, *ALIGNED.get(layout.name, ())})
        lines.append(f'_Static_assert({aligned}, "alignment of {layout.name}");')
        for field in layout.fields:
            if field.name not in bit_fields:
                at = f"offsetof({layout.name}, {field.name}) == {field.offset}"
                size = f"sizeof((({layout.name} *)0)->{field.name}) == {field.size}"
                lines.append(f'_Static_assert({at} && {size}, "{layout.name}.{field.name}");')
    return "\n".join(lines)


def compile_only(folder: Path, text: str, *flags: str) -> None:
    source = folder / "assertions.c"
    source.write_text(text)
    done = subprocess.run(
        ["gcc", "-std=gnu11", "-w", "-fsyntax-only", *flags, source], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:3000]


@pytest.mark.parametrize("seed", range(3))
def test_random_structs_have_gcc_layout(tmp_path: Path, seed: int) -> None:
    structs = Structs(seed)
    text = "#include <stddef.h>\n#include <stdint.h>\n" + "\n".join(structs.definition(i) for i in range(120))
    source = tmp_path / "structs.c"
    source.write_text(text)
    layouts = [s for s in load_program([source]).structs.values() if s.name in structs.names]
    assert len(layouts) == 120
    compile_only(tmp_path, text + "\n" + assertions(layouts, set(re.findall(r"(\w+) : \d", text))))


@pytest.mark.parametrize("pack", [1, 2, 4, 8])
def test_pragma_pack_has_gcc_layout(tmp_path: Path, pack: int) -> None:
    structs = Structs(pack)
    text = ["#include <stddef.h>", "#include <stdint.h>", "struct Outside { char c; long l; };"]
    text += ["#pragma pack(push)", f"#pragma pack({pack})"]
    while len(structs.names) < 60:
        definition = structs.definition(len(structs.names))
        if " : " in definition:
            structs.names.pop()
        else:
            text.append(definition)
    text += ["#pragma pack(pop)", "struct Behind { char c; long l; };"]
    source = tmp_path / "structs.c"
    source.write_text("\n".join(text))
    layouts = [s for s in load_program([source]).structs.values() if "<" not in s.name]
    assert len(layouts) == 62
    compile_only(tmp_path, "\n".join(text) + "\n" + assertions(layouts))


@pytest.mark.parametrize("seed", range(2))
def test_random_bit_fields_are_where_gcc_puts_them(tmp_path: Path, seed: int) -> None:
    structs = Structs(50 + seed)
    definitions = [structs.definition(i) for i in range(40)]
    body = []
    for i, definition in enumerate(definitions):
        body.append(f"{{ {structs.names[i]} s; memset(&s, 0, sizeof s);")
        # Only of this struct itself or its anonymous members: the names say so.
        for field, width in re.findall(r"(m\d_\d_\d+) : (\d+)", definition):
            body.append(f"s.{field} = 0x5a5a5a5aul; out(s.{field}); out(s.{field} - 3 < 0); s.{field} += {width};")
            body.append("for (int i = 0; i < sizeof s; i++) out(((unsigned char *)&s)[i]);")
        body.append("}")
    check(tmp_path, "\n".join([*definitions, "void run(void) {", *body, "}"]))


# --------------------------------------------------------------------------- the headers


def all_headers(pattern: str = "**/*.h") -> list[str]:
    return sorted(p.relative_to(HEADERS).as_posix() for p in HEADERS.glob(pattern))


def dpdk_flags() -> list[str]:
    if shutil.which("pkg-config") is None:
        pytest.skip("pkg-config is not installed")
    done = subprocess.run(["pkg-config", "--cflags", "libdpdk"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("DPDK is not installed")
    return [*done.stdout.split(), "-Dd_addr=dst_addr", "-Ds_addr=src_addr"]


def real_includes() -> str:
    """The same headers, real ones: DPDK's and glibc's; the runtime's for the NF API."""
    names = [h for h in all_headers() if not h.startswith(("libvig/", "lib/")) and (h[:3] != "nf-" and h != "nf.h")]
    names += [h for h in all_headers() if (RUNTIME / h).is_file()]
    return "".join(f"#include <{n}>\n" for n in names)


@pytest.fixture
def whole_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what a unit does not name."""
    monkeypatch.setattr(spellings, "prune", lambda source: source.text)


@pytest.mark.usefixtures("whole_headers")
def test_every_header_can_be_read_alone(tmp_path: Path) -> None:
    sources = []
    for i, name in enumerate(all_headers()):
        sources.append(tmp_path / f"h{i}.c")
        sources[-1].write_text(f'#include "{name}"\n')
    assert load_program(sources).functions == {}


@pytest.mark.usefixtures("whole_headers")
def test_structs_are_the_real_ones(tmp_path: Path) -> None:
    source = tmp_path / "all.c"
    source.write_text("".join(f"#include <{h}>\n" for h in all_headers()))
    layouts = [s for s in load_program([source]).structs.values() if "__va_list" not in s.name and "<" not in s.name]
    assert {"struct rte_ipv4_hdr", "struct rte_tcp_hdr", "struct option", "struct tcpudp_hdr"} <= {
        s.name for s in layouts
    }
    text = real_includes() + assertions(layouts, {"ihl", "version"})
    compile_only(tmp_path, text, *dpdk_flags(), f"-I{RUNTIME}")


def test_constants_are_the_real_ones(tmp_path: Path) -> None:
    defined = {
        name
        for header in all_headers()
        for name in re.findall(r"^#define (\w+) \S", (HEADERS / header).read_text(), re.M)
        if name.isupper() and not re.match(r"(PRI|SCN|__)", name)
    } - {
        "AND",
        "RTE_VERSION",  # that, and what differs with it: test_headers
        "RTE_IPV6_ADDR_SIZE",
        "MAESTRO_ASSERT",
        "PRVIGT",
        "RTE_ETHER_ADDR_PRT_FMT",
        "MAX_CHT_HEIGHT",
        "CAPACITY_UPPER_LIMIT",
        "INVALID",
    }
    source = tmp_path / "all.c"
    includes = "".join(f"#include <{h}>\n" for h in all_headers())
    names = sorted(defined)
    source.write_text(includes + "\n".join(f"unsigned long long c_{n} = (unsigned long long)({n});" for n in names))
    program = load_program([source])
    lines = []
    for name in names:
        initial = program.globals[f"c_{name}"].initial
        value = initial[0].value if initial else Const(0, 64)
        assert isinstance(value, Const)
        lines.append(f'_Static_assert((unsigned long long)({name}) == {value.value}ull, "{name}");')
    assert len(lines) > 120
    compile_only(tmp_path, real_includes() + "\n".join(lines), *dpdk_flags(), f"-I{RUNTIME}")


def test_format_macros_are_the_real_ones(tmp_path: Path) -> None:
    """glibc 2.42 and later say "hhd" and "hd" where "d" was: the same of what a call passes on."""
    lines = []
    for name, text in re.findall(r'^#define ((?:PRI|SCN)\w+) ("\w+")', (HEADERS / "inttypes.h").read_text(), re.M):
        real = f'{name} + __builtin_strspn({name}, "h")' if name.startswith("PRI") else name
        lines.append(f'_Static_assert(__builtin_strcmp({real}, {text}) == 0, "{name}");')
    assert len(lines) > 20
    compile_only(tmp_path, "#include <inttypes.h>\n" + "\n".join(lines))


def test_functions_are_declared_as_the_real_ones(tmp_path: Path) -> None:
    declared = {}
    for header in all_headers():
        text = re.sub(r"\{[^{}]*\}", ";", (HEADERS / header).read_text())  # bodies of inline functions
        for found in re.finditer(r"^(?!static|typedef|#)([A-Za-z_][\w ]*?[ *])(\w+)(\([^;{}]*\));", text, re.M):
            declared[found[2]] = f"{found[1]} {found[3]}"
    assert len(declared) > 150
    absent = {
        "maestro_assert_failed",
        "maestro_mbuf_data",
        *re.findall(r"\b((?:cht|lpm|dmap|sketch)_\w+)\(", "".join((HEADERS / h).read_text() for h in all_headers())),
        "expire_items",  # double maps come with the NFs that use them
    }
    lines = [
        f'_Static_assert(__builtin_types_compatible_p(__typeof__({n}), {t}), "{n}");'
        for n, t in sorted(declared.items())
        if n not in absent
    ]
    compile_only(tmp_path, real_includes() + "\n".join(lines), *dpdk_flags(), f"-I{RUNTIME}")
