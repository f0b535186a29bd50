"""docs/tutorial.md, command by command, in an empty folder; the examples of docs/c-subset.md."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from scons_tree import ROOT, Tree

from maestro_tool import pipeline
from maestro_tool.cache import NoCache
from maestro_tool.diagnostics import MaestroError


def tutorial_commands() -> list[str]:
    """All but the installation, which tests/wheel does."""
    text = (ROOT / "docs/tutorial.md").read_text().split("## A network function")[1]
    return re.findall(r"^    ((?:scons|maestro|python|sed) .*)$", text, re.M)


def test_the_tutorial_has_commands() -> None:
    commands = tutorial_commands()
    assert len(commands) >= 10 and commands[0] == "maestro new limiter"


@pytest.mark.slow
def test_every_command_of_the_tutorial_in_an_empty_folder(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    said = []
    for command in tutorial_commands():
        words = shlex.split(command)
        if words[0] == "sed":
            subprocess.run(words, cwd=tmp_path, check=True)
            continue
        if words[0] == "python":
            continue  # the NF's own test: tests/scons/test_new.py
        result = tree.scons(*words[1:]) if words[0] == "scons" else tree.maestro(*words[1:])
        assert result.status == 0, f"{command}\n{result.out}\n{result.err}"
        said.append(result.out)
    everything = "\n".join(said)
    assert "port 0: equal (src_ip) [R1: indices]" in everything  # as the page shows it
    assert "port 0: equal (dst_ip)" in everything
    assert "equal: " in everything


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
