"""The analysis' headers and those that the compiler reads offer the same names, with the same meaning.

Nothing here lists names but the few that are meant to differ: what a header offers is read off it (`header_names`).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from maestro_tool import dpdk
from maestro_tool.diagnostics import ToolError
from maestro_tool.frontend import DEFAULT, load_program
from maestro_tool.frontend.preprocess import HEADERS

from .header_names import RUNTIME, Offered, offered
from .test_layouts import all_headers, dpdk_flags


def _version() -> list[str]:
    """Where DPDK's versions differ, the analysis follows what it is told: see `Dpdk.number`."""
    try:
        return [f"-D{dpdk.VERSION_MACRO}={dpdk.find().number}"]
    except ToolError:
        return []  # those that need DPDK are skipped


STUBS = ("-nostdinc", f"-I{HEADERS}", f"-I{HEADERS / 'lib'}", "-Dd_addr=dst_addr", "-Ds_addr=src_addr", *_version())
#: Headers of the NF API: the runtime has them, too.
API = [h for h in all_headers() if (RUNTIME / h).is_file()]
#: What the analysis' headers are called by themselves only; `assert` and the builtins of the compiler may differ.
OWN = re.compile(r"(struct )?(maestro|MAESTRO|_)")
#: Of the runtime's structures, which NFs have pointers to: analyses refuse what looks into them.
INSIDE = {
    "DCHAIN_FREE",
    "DCHAIN_GROUP",
    "DCHAIN_MAX_LEVELS",
    "dchain_bound",
    "dchain_cell",
    "dchain_age",
    "map_slot",
    "map_small_slot",
    "map_packed",
}
OPAQUE = {"struct Map", "struct Vector", "struct DoubleChain", "struct DoubleMap", "struct lpm"}


@pytest.fixture(scope="module")
def patch() -> Iterable[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def runtime_flags(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The runtime's headers, with the analysis' in place of the system's, so that its parser can read them."""
    folder = tmp_path_factory.mktemp("sharing")
    (folder / "maestro_sharing.h").write_text("#include <stdbool.h>\n#include <stdint.h>\n#include <string.h>\n")
    words = ["-nostdinc", f"-I{folder}", f"-I{RUNTIME}", f"-I{RUNTIME / 'lib'}", f"-I{HEADERS}", "-msse4.2"]
    return [*words, "-D_Thread_local=", "-Drte_pktmbuf_mtod(m,t)=0"]


def test_the_api_is_one() -> None:
    """Headers of dialects are read as they are compiled: there is one text of each (docs/dialects.md)."""
    inside = {p.relative_to(RUNTIME).as_posix() for p in RUNTIME.rglob("*.h") if not p.name.startswith("maestro")}
    alike = {h for h in inside if h.startswith(("lib/state/", "lib/util/", "dialects/", "rte_", "linux/", "bpf/"))}
    assert inside - alike == {h for h in API if not h.startswith("maestro")} and len(API) > 30
    assert len(alike) > 15 and not any((HEADERS / h).exists() for h in alike)


def test_the_documentation_lists_them() -> None:
    text = (HEADERS.parents[2] / "docs" / "c-subset.md").read_text()
    (row,) = (line for line in text.splitlines() if line.startswith("| headers |"))
    listed = set(re.findall(r"`(\S+\.h)`", row))
    assert listed == {h for h in all_headers() if not h.startswith(("lib/", "libvig/", "nf", "maestro"))}


@pytest.mark.parametrize("header", API)
def test_the_runtime_offers_nothing_else(header: str, runtime_flags: list[str], patch: pytest.MonkeyPatch) -> None:
    """Compiler -> analysis, for all that the runtime's own files declare."""
    analysed, compiled = offered(header, STUBS, patch), offered(header, runtime_flags, patch)
    own = {n for n, file in compiled.files.items() if file.startswith(str(RUNTIME)) and not OWN.match(n)}
    assert {n for n in own if n.removeprefix("struct ") not in INSIDE} - OPAQUE <= analysed.names()


@pytest.mark.parametrize("header", all_headers())
def test_what_is_analysed_is_what_is_compiled(tmp_path: Path, header: str, patch: pytest.MonkeyPatch) -> None:
    """Analysis -> compiler, through the same header.

    Of the API's, also what headers of the API declare that it includes.  System and DPDK headers include others than
    their small copies do: which ones differs from version to version, and a compiler says what it misses."""
    found = offered(header, STUBS, patch)
    its = API if header in API else (header,)
    chosen = {n for n, file in found.files.items() if file.removeprefix(f"{HEADERS}/") in its and not OWN.match(n)}
    checks = list(_checks(found, chosen, _expansions(header, found)))
    source = tmp_path / "checks.c"
    source.write_text(f"#include <{header}>\n" + "\n".join(checks) + "\n")
    words = ["gcc", "-std=gnu11", "-w", "-fsyntax-only", *dpdk_flags(), f"-I{RUNTIME}", f"-I{RUNTIME / 'lib'}"]
    done = subprocess.run([*words, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:3000]


def test_macros_with_parameters_give_the_same(tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
    """Those that are numbers, with one set of numbers for their parameters."""
    no_program = ("stdarg.h", "stddef.h", "assert.h", "rte_hash_crc.h")  # the last wants DPDK's libraries
    names = [h for h in all_headers("*.h") if h not in no_program]
    lines, text = [], "".join(f"#include <{h}>\n" for h in names)
    for header in names:
        found = offered(header, STUBS, patch)
        for name, (parameters, _) in sorted(found.macros.items()):
            if (
                parameters
                and "." not in parameters
                and not OWN.match(name)
                and found.files[name].endswith(f"/{header}")
            ):
                numbers = (f"{0x8192A3B4C5D6E7F8 >> 5 * i:#x}" for i, _ in enumerate(parameters.split(",")))
                lines.append((name, f"{name}({', '.join(numbers)})"))
    calls = text + "".join(f"@{i} {call}\n" for i, (_, call) in enumerate(lines))
    words = ["gcc", "-std=gnu11", "-E", "-P", "-x", "c", *STUBS, "-"]
    done = subprocess.run(words, input=calls, capture_output=True, text=True, check=True)
    ours = [line.partition(" ")[2] for line in done.stdout.splitlines() if line.startswith("@")]
    body = [
        f'if ((unsigned long long)({call}) != (unsigned long long)({value})) puts("{name}");'
        for (name, call), value in zip(lines, ours, strict=True)
        if _VALUE.fullmatch(re.sub(r"\b__builtin_(bswap\d+|expect)\b|,|!", " ", value))
    ]
    assert len(body) > 30
    source = tmp_path / "same.c"
    source.write_text(text + "int main(void) {\n" + "\n".join(body) + "\nreturn 0;\n}\n")
    words = ["gcc", "-std=gnu11", "-w", *dpdk_flags(), f"-I{RUNTIME}", str(source), "-o", str(tmp_path / "same")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:3000]
    assert subprocess.run([str(tmp_path / "same")], capture_output=True, text=True, check=True).stdout == ""


_VALUE = re.compile(
    r"(?:\b(?:0[xX][\da-fA-F]+|\d+)[uUlL]*\b|\bu?int\d+_t\b|\b(?:unsigned|int|long)\b|[-+*/%<>|&~^()\s])+"
)


def _expansions(header: str, found: Offered) -> dict[str, str]:
    """What macros without parameters become where the analysis reads them."""
    names = sorted(n for n, (parameters, _) in found.macros.items() if parameters is None)
    text = f"#include <{header}>\n" + "".join(f"@{n[0]}{n[1:]!r} {n}\n" for n in names)
    words = ["gcc", "-std=gnu11", "-E", "-P", "-x", "c", *STUBS, "-"]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("@")]
    return dict(zip(names, (line.partition(" ")[2] for line in lines), strict=True))


def _checks(found: Offered, names: Iterable[str], expansions: dict[str, str]) -> Iterable[str]:
    """C that does not compile where a name is missing, or means something else."""
    for name in sorted(names):
        value = expansions.get(name, "").strip()
        if re.fullmatch(r"PRI[diouxX](?:8|16)", name):
            yield f"#ifndef {name}\n#error {name}\n#endif"  # newer C libraries say "hh" and "h" of promoted numbers
        elif value.startswith('"'):
            yield f'_Static_assert(__builtin_strcmp({name}, {value}) == 0, "{name}");'
        elif re.search(r"\b\d", value) and _VALUE.fullmatch(value):
            yield f'_Static_assert(({name}) == ({value}), "{name}");'
        elif name in found.macros and found.macros[name][0] is None:
            yield f"#ifndef {name}\n__typeof__({name}) *is_{name};\n#endif"
        elif name in found.macros:
            yield f"#ifndef {name}\n__typeof__(({name})) *is_{name};\n#endif"
        elif name in found.functions:
            yield f'_Static_assert(__builtin_types_compatible_p(__typeof__({name}), {found.functions[name]}), "{name}");'
        elif name in found.types:
            same = f"__builtin_types_compatible_p({name}, {found.types[name]})"
            yield f"typedef {name} t_{name};" if "{" in found.types[name] else f'_Static_assert({same}, "{name}");'
        elif name in found.enumerators:
            yield f"enum {{ e_{name} = {name} }};"
        elif name in found.structs:
            yield f'_Static_assert(sizeof({name}) > 0, "{name}");'
        else:
            yield f"__typeof__({name}) *v_{name};"


@pytest.mark.parametrize(("version", "number"), [
    ("22.11.11", 0x160B0B63), ("24.11", 0x180B0063), ("25.11.0-rc2", 0x190B0002), ("25.03.0~x", 0x19030063),
])  # fmt: skip
def test_versions_are_numbers(version: str, number: int) -> None:
    assert dpdk.Dpdk(version, (), (), ()).number == number


@pytest.mark.parametrize(("version", "member"), [("22.11.11", ""), ("24.11.2", ".a")])
def test_ipv6_addresses_are_those_of_the_version(tmp_path: Path, version: str, member: str) -> None:
    """A struct from 24.11 on, an array before; in the same bytes."""
    source = tmp_path / "nf.c"
    source.write_text(
        "#include <rte_ip.h>\n"
        f"uint8_t last(const struct rte_ipv6_hdr *ip) {{ return ip->src_addr{member}[15]; }}\n"
        "#if defined RTE_VERSION && RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)\n"
        "bool same(const struct rte_ipv6_hdr *ip) { return rte_ipv6_addr_eq(&ip->src_addr, &ip->dst_addr); }\n"
        "#endif\n"
    )
    number = dpdk.Dpdk(version, (), (), ()).number
    program = load_program([source], compilation=DEFAULT.with_more((), [f"{dpdk.VERSION_MACRO}={number}"]))
    assert {f.name for f in program.functions.values()} >= {"last", *(["same"] if member else [])}
    (layout,) = (s for s in program.structs.values() if s.name == "struct rte_ipv6_hdr")
    assert layout.size == 40
