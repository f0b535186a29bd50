"""Which elements and cells lie side by side, derived from call paths; what forbids it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from maestro_tool import nf, pipeline
from maestro_tool.cache import NoCache
from maestro_tool.codegen.generate import generate_sequential
from maestro_tool.codegen.joined import has_room, joined
from maestro_tool.diagnostics import InputError
from maestro_tool.symex.callpath import Pinned, PinnedFile

ROOT = Path(__file__).parents[3]

NF = """
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/vector.h"
#include "lib/verified/double-chain.h"
struct nf_config { int unused; };
struct nf_config config;
struct entry { uint8_t bytes[SIZE]; };
static struct Vector *entries, *others;
static struct DoubleChain *chain;
static void init(void *entry) { (void)entry; }
bool nf_init(void) { return ALLOCATIONS; }
int nf_process(uint16_t device, uint8_t **buffer, uint16_t length, vigor_time_t now, struct rte_mbuf *mbuf) {
  int index = (*buffer)[0] & 15;
  struct entry *entry;
  if (!dchain_rejuvenate_index(chain, index, now)) return device;
  BODY
}
"""
ENTRIES = "vector_allocate(sizeof(struct entry), 16, init, &entries)"
OTHERS = "vector_allocate(sizeof(struct entry), 16, init, &others)"
CHAIN = "dchain_allocate(16, &chain)"
BORROW = "vector_borrow(entries, index, (void **)&entry);"


def _analysed(
    folder: Path, body: str, allocations: tuple[str, ...] = (ENTRIES, CHAIN), size: int = 16
) -> pipeline.Analysed:
    source = folder / "nf.c"
    text = NF.replace("ALLOCATIONS", " && ".join(allocations)).replace("SIZE", str(size)).replace("BODY", body)
    source.write_text(text)
    return pipeline.analyse(pipeline.Request((source,)), NoCache(), pipeline.Stopwatch())


@pytest.mark.parametrize(("name", "pairs"), [("fw", ((1, 2),)), ("pol", ((2, 3),))])
def test_of_the_tree(name: str, pairs: tuple[tuple[int, int], ...]) -> None:
    """pol: the bucket, which has room, and not the key."""
    function = nf.load(ROOT / "nfs" / name, name)
    request = pipeline.Request(function.sources, function.arguments, function.ports, (function.root,))
    analysis = pipeline.analyse(request, NoCache(), pipeline.Stopwatch()).analysis
    assert joined(analysis, ()) == pairs
    assert joined(analysis, [o for pair in pairs for o in pair[1:]]) == ()  # workers share the chain
    assert joined(analysis, [o for pair in pairs for o in pair[:1]]) == ()  # or the vector


@pytest.mark.parametrize(("body", "allocations", "size", "pairs"), [
    (f"{BORROW} return entry->bytes[0];", (ENTRIES, CHAIN), 16, ((0, 1),)),
    (f"{BORROW} return entry->bytes[0];", (ENTRIES, CHAIN), 40, ((0, 1),)),
    # No room, or more memory.
    (f"{BORROW} return entry->bytes[0];", (ENTRIES, CHAIN), 4, ()),
    (f"{BORROW} return entry->bytes[0];", (ENTRIES, CHAIN), 20, ()),
    (f"{BORROW} return entry->bytes[0];", (ENTRIES, CHAIN), 64, ()),
    # The vector is there only after the chain.
    (f"{BORROW} return entry->bytes[0];", (CHAIN, ENTRIES), 16, ()),
    # Another index.
    ("vector_borrow(entries, device, (void **)&entry); return entry->bytes[0];", (ENTRIES, CHAIN), 16, ()),
    # Of two, the one that is used with the index more often.
    (f"if (length > 60) {{ {BORROW} }} vector_borrow(others, index, (void **)&entry); return entry->bytes[0];",
     (ENTRIES, OTHERS, CHAIN), 16, ((1, 2),)),
])  # fmt: skip
def test_small_nfs(
    tmp_path: Path, body: str, allocations: tuple[str, ...], size: int, pairs: tuple[tuple[int, int], ...]
) -> None:
    assert joined(_analysed(tmp_path, body, allocations, size).analysis, ()) == pairs


@pytest.mark.parametrize("body", ["return entry->bytes[16];", "return entry[1].bytes[0];", "entry[-1].bytes[0] = 1;"])
def test_nothing_behind_an_element_is_touched_in_what_was_analysed(tmp_path: Path, body: str) -> None:
    """There the chain has its cells."""
    with pytest.raises(InputError, match="at offset"):
        _analysed(tmp_path, f"{BORROW} {body} return 1;")


def test_options_of_a_sequential_program(tmp_path: Path) -> None:
    """With other options it may do what was not analysed: then it has objects apart, as where it cannot ask."""
    found = _analysed(tmp_path, f"{BORROW} return entry->bytes[0];")
    assert found.loaded is not None

    def tables(optimise: str = "full", **assumed: object) -> dict[str, str]:
        analysis = replace(found.analysis, **assumed)
        return generate_sequential(found.loaded, "nf", 2, optimise=optimise, analysis=analysis)

    text = tables()["gen/nf_parallel.c"]
    assert ".joined = joined" in text and ".as_analysed" not in text
    files = tables(pinned=(Pinned("config.unused", ("config", 0), 4, 7, 0),))
    assert ".joined = joined" in files["gen/nf_parallel.c"] and ".as_analysed" in files["gen/nf_parallel.c"]
    assert "(maestro_configured_0() & UINT64_MAX >> 32) == UINT64_C(7)" in files["gen/nf_parallel.c"]
    assert "maestro_configured_0(void) { return (uint64_t)(config.unused); }" in files["gen/nf.c"]
    for assumed in (
        {"pinned": (Pinned("config->unused", ("config", 0), 4, 7, 0),)},
        {"files": (PinnedFile("rules", None, 0),)},
    ):
        assert ".joined" not in tables(**assumed)["gen/nf_parallel.c"]
    assert ".joined" not in tables("none")["gen/nf_parallel.c"]


def test_room() -> None:
    assert [size for size in range(100) if has_room(size)] == [*range(9, 17), *range(33, 49)]
    assert not has_room(None)
