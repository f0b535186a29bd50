"""The walkthroughs of docs/maintaining.md, followed: in a copy of the tree, by another interpreter."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs" / "maintaining.md"
#: "13 before": what an operation took when each phase had a list of its own.
MOST_PYTHON_FILES = 4


def blocks(walkthrough: str) -> list[tuple[str, str, str]]:
    """File, text that is there, and text in its place, of each block."""
    text = GUIDE.read_text(encoding="utf-8").split(f"<!-- walkthrough: {walkthrough} -->")[1].split("\n## ")[0]
    found = []
    for block in re.findall(r"```diff\n\+\+\+ (\S+)\n(.*?)```", text, re.DOTALL):
        lines = block[1].splitlines()
        assert {line[0] for line in lines} <= set(" +-"), block
        before = [line[1:] for line in lines if line[0] != "+"]
        after = [line[1:] for line in lines if line[0] != "-"]
        found.append((block[0], "\n".join(before), "\n".join(after)))
    return found


def follow(walkthrough: str, tree: Path) -> set[str]:
    """Copies what an analysis needs to ``tree``, changed as the guide says; the files that changed."""
    for folder in ("maestro_tool", "configs"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    changed = set()
    for name, before, after in blocks(walkthrough):
        path = tree / name
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, (name, before)
        path.write_text(text.replace(before, after), encoding="utf-8")
        changed.add(name)
    return changed


def ask(tree: Path, program: str) -> str:
    """What the program prints that runs there."""
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, cwd=tree, env={"PYTHONPATH": str(tree)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


NF = r"""
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/verified/boilerplate-util.h"
struct nf_config { uint16_t lan; } config;
static struct Map *map; static struct Vector *keys; static struct DoubleChain *chain;
static bool eq(void *a, void *b) { return *(uint32_t *)a == *(uint32_t *)b; }
static unsigned hash(void *a) { return __builtin_ia32_crc32si(0, *(uint32_t *)a); }
void nf_config_init(int argc, char **argv) {}
void nf_config_usage(void) {}
void nf_config_print(void) {}
bool nf_init(void) {
  if (!map_allocate(eq, hash, 16, &map) || !vector_allocate(4, 16, null_init, &keys) || !dchain_allocate(1, &chain)) return false;
  int first;
  if (dchain_is_full(chain) || !dchain_allocate_new_index(chain, &first, 5) || !dchain_is_full(chain)) return false;
  return dchain_free_index(chain, first);
}
int nf_process(uint16_t device, uint8_t **buffer, uint16_t length, vigor_time_t now, struct rte_mbuf *mbuf) {
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL) return device;
  uint32_t key = ip->src_addr, *stored;
  int index;
  expire_items_single_map(chain, keys, map, now - 1000);
  if (map_get(map, &key, &index)) { dchain_rejuvenate_index(chain, index, now); return 1 - device; }
  QUESTION
  if (!dchain_allocate_new_index(chain, &index, now)) return device;
  vector_borrow(keys, index, (void **)&stored);
  *stored = key;
  map_put(map, stored, index);
  vector_return(keys, index, stored);
  return 1 - device;
}
""".replace('#include "lib/verified/map.h"', '#include "lib/verified/map.h"\n#include "lib/verified/expirator.h"')

ANALYSE = """
from pathlib import Path
from rich.console import Console
from maestro_tool import forms, pipeline, profiles
from maestro_tool.cache import NoCache
from maestro_tool.explain import terminal
from maestro_tool.frontend.library import OBJECTS, behaviour
from maestro_tool.nic import load_profile
from maestro_tool.operations import operation
from maestro_tool.operations.semantics import Call, Dchain
from maestro_tool.sharding import derive_plan
from maestro_tool.symex import Analysis

watch = pipeline.Stopwatch()
analysed = pipeline.analyse(pipeline.Request((Path("nf.c"),)), NoCache(), watch)
analysis = analysed.analysis
asked = [e for p in analysis.paths for e in p.events if e.op.name == "dchain_is_full"]
print("answers", *sorted({e.result for e in asked}))
print("round trip", forms.read(Analysis, forms.write(analysis)) == analysis)
print("order", sorted(behaviour("dchain_is_full").uses) == [OBJECTS], sorted(behaviour("dchain_is_full").changes))
chain, row = Dchain(1), operation("dchain_is_full")
print("semantics", row.perform(Call((chain,))).answer, chain.allocate(5), row.perform(Call((chain,))).answer)
plan = derive_plan(analysis)
print("treatments", *sorted({d.treatment for d in plan.decisions if d.written}))
card = load_profile(profiles.resolve("soft", Path("configs")), profiles.folders(Path("configs")))
explanation = pipeline.explain(analysed, (card,), "nf", "auto", NoCache(), watch)
terminal.show(explanation, Console(width=100, highlight=False))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tree")
    changed = follow("operation", made)
    python = {name for name in changed if name.endswith(".py")}
    assert {name.partition("/")[0] for name in changed} == {"maestro_tool"}
    assert 1 <= len(python) <= MOST_PYTHON_FILES, python
    return made


def analysed(tree: Path, question: str) -> str:
    (tree / "nf.c").write_text(NF.replace("QUESTION", question), encoding="utf-8")
    return ask(tree, ANALYSE)


def test_a_new_operation_is_followed_everywhere(tree: Path) -> None:
    """Recorded with both answers; written and read; ordered as what only asks; explained; and shared, as a core of its
    own would not know whether there is room on the others."""
    found = analysed(tree, "if (dchain_is_full(chain)) return device;")
    assert "answers False True\n" in found
    assert "round trip True\n" in found
    assert "order True []\n" in found
    assert "semantics False 0 True\n" in found
    assert "treatments shared\n" in found
    # The new words: what decides, and what is done to the object.
    assert "── chain is full -> drop\n" in found and "── chain has room\n" in found
    assert re.search(r"ports 0, 1  check for room +nf\.c:30:7\n", found)
    without = analysed(tree, "")
    assert "answers\n" in without and "treatments sharded\n" in without
    assert "check for room" not in without


def test_the_order_of_evaluation_knows_it(tree: Path) -> None:
    ask_order = "from pathlib import Path; from maestro_tool.frontend import load_program; load_program([Path('nf.c')])"
    (tree / "nf.c").write_text(
        NF.replace("QUESTION", "if (dchain_is_full(chain) + (int)map_size(map) > 9) return device;")
    )
    assert ask(tree, ask_order) == ""
    (tree / "nf.c").write_text(
        NF.replace("QUESTION", "if (dchain_is_full(chain) + dchain_free_index(chain, 3)) return device;")
    )
    with pytest.raises(AssertionError, match="evaluated first"):
        ask(tree, ask_order)


def test_the_function_in_c_says_what_the_model_says(tree: Path) -> None:
    source = tree / "full.c"
    source.write_text(
        '#include "lib/verified/double-chain.h"\n'
        "int main(void) {\n"
        "  struct DoubleChain chain = {.range = 4, .free = 4, .target = &chain};\n"
        "  if (dchain_is_full(&chain) != 1) return 1;\n"
        "  chain.free = 2;\n"
        "  return dchain_is_full(&chain) == 0 ? 0 : 2;\n"
        "}\n"
    )
    words = ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", f"-I{tree / 'maestro_tool/runtime/include'}"]
    subprocess.run([*words, str(source), "-o", str(tree / "full")], check=True)
    assert subprocess.run([str(tree / "full")], check=False).returncode == 0


def test_a_new_libc_function(tmp_path: Path) -> None:
    changed = follow("libc", tmp_path)
    assert len([name for name in changed if name.endswith(".py")]) <= 2
    (tmp_path / "nf.c").write_text(
        '#include <strings.h>\n#include "nf.h"\nstruct nf_config { int n; } config;\n'
        "void nf_config_init(int argc, char **argv) {}\nvoid nf_config_usage(void) {}\nvoid nf_config_print(void) {}\n"
        "bool nf_init(void) { return ffs(0) == 0 && ffs(12) == 3 && ffs(-1) == 1; }\n"
        "int nf_process(uint16_t device, uint8_t **buffer, uint16_t length, vigor_time_t now, struct rte_mbuf *mbuf) {\n"
        "  int n = length;\n  return n + ffs(n) == 36 + 3 ? device : 1 - device;\n}\n"
    )
    program = (
        "from pathlib import Path; from maestro_tool.frontend import load_program; from maestro_tool.symex import analyse\n"
        "print(*sorted({str(p.verdict) for p in analyse(load_program([Path('nf.c')])).paths}))"
    )
    assert ask(tmp_path, program) == "0 1 drop\n"
