"""The examples of docs/c-subset.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scons_tree import ROOT

from maestro_tool import pipeline
from maestro_tool.cache import NoCache
from maestro_tool.diagnostics import MaestroError

SKELETON = """
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "nf.h"
#include "nf-util.h"
struct nf_config { uint32_t n; };
struct nf_config config;
void nf_config_init(int argc, char **argv) { (void)argc; (void)argv; }
void nf_config_usage(void) {}
void nf_config_print(void) {}
bool nf_init(void) { return true; }
int nf_process(uint16_t device, uint8_t **p, uint16_t length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)now; (void)mbuf; (void)length;
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(p);
  (void)ether;
  @CODE@
  return 1 - device;
}
"""


def examples() -> list[tuple[str, str, str]]:
    """(fine or refused, what is said, code) of each example."""
    text = (ROOT / "docs/c-subset.md").read_text()
    return re.findall(r"```c\n/\* (fine|refused): (.*?) \*/\n(.*?)```", text, re.S)


def test_all_examples_say_what_they_are() -> None:
    assert len(examples()) == (ROOT / "docs/c-subset.md").read_text().count("```c\n") >= 10


@pytest.mark.parametrize(("kind", "said", "code"), examples())
def test_example_of_the_c_subset(tmp_path: Path, kind: str, said: str, code: str) -> None:
    source = tmp_path / "example.c"
    source.write_text(SKELETON.replace("@CODE@", code))
    if kind == "fine":
        assert pipeline.analyse(pipeline.Request((source,)), NoCache(), pipeline.Stopwatch()).analysis.paths
        return
    with pytest.raises(MaestroError, match=re.escape(said)) as caught:
        pipeline.analyse(pipeline.Request((source,)), NoCache(), pipeline.Stopwatch())
    assert caught.value.location is not None and caught.value.location.file.endswith("example.c")
