"""What is dropped of our headers is what nothing depends on: what is left compiles, and declares what is named."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from maestro_tool import nf
from maestro_tool.frontend import Compilation
from maestro_tool.frontend.compiler import DEFAULT_FLAGS
from maestro_tool.frontend.generated import units
from maestro_tool.frontend.preprocess import HEADERS, Source
from maestro_tool.frontend.prune import prune

NFS = [nf.load(folder) for _, folder in sorted(nf.known(Path(__file__).parents[3] / "nfs").items())]
MAIN = sorted(p.relative_to(HEADERS).as_posix() for p in HEADERS.rglob("*.h") if "libvig" not in p.parts)
INCLUDES = "".join(f'#include "{name}"\n' for name in MAIN if name != "maestro_xdp_context.h")


def _sources(files: Sequence[Path]) -> list[Source]:
    """As they are before they are pruned."""
    return [unit.source for unit in units(files, Compilation()).units]


def _compiles(text: str) -> bool:
    allowed = ["-w", "-Wno-incompatible-pointer-types", "-Wno-int-conversion"]  # of our headers; errors of gcc 14
    command = [
        "gcc",
        *DEFAULT_FLAGS,
        "-fsyntax-only",
        *allowed,
        "-Werror=implicit-function-declaration",
        "-x",
        "c",
        "-",
    ]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False).returncode == 0


@pytest.mark.parametrize("function", NFS, ids=lambda function: function.name)
def test_units_of_the_tree_still_compile(function: nf.NetworkFunction) -> None:
    for source in _sources(function.sources):
        pruned = prune(source)
        assert len(pruned) < len(source.text)
        assert _compiles(pruned)


def test_what_is_named_is_kept_and_nothing_else(tmp_path: Path) -> None:
    """Each struct and each function that the headers define."""
    text = "\n".join((HEADERS / name).read_text(encoding="utf-8") for name in MAIN)
    structs = re.findall(r"^struct (?:__attribute__\(\(.*\)\) )?(\w+) \{", text, re.MULTILINE)
    functions = re.findall(r"^static [\w *]*?[ *](\w+)\(", text, re.MULTILINE)
    uses = {"": ""}
    uses |= {s: f"char size[sizeof(struct {s})];" for s in structs}
    uses |= {f: f"void *address = (void *){f};" for f in functions}
    assert len(uses) > 30
    files = {name: tmp_path / f"a{name}.c" for name in uses}
    for name, use in uses.items():
        files[name].write_text(f"{INCLUDES}{use}\n")
    sources = dict(zip(uses, _sources(list(files.values())), strict=True))
    pruned = {name: prune(source) for name, source in sources.items()}
    wrong = [name for name in uses if not _compiles(pruned[name])]
    assert {n for n in wrong if _compiles(sources[n].text)} == set()
    assert {n for n in wrong if "ipv6" not in n} == set()  # of these, some are in newer versions of DPDK only
    kept = {name for name in uses if name and re.search(rf"\b{name}(?: \{{|\()", pruned[""])}
    assert kept == {"rte_mbuf"}  # of which each NF is given one
