"""Trees as deep as an access list is long are told."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from maestro_tool.cli import main
from maestro_tool.explain.depth import with_room

RULES = 400
LIST = """
#include "nf.h"
struct nf_config { int unused; };
struct nf_config config;
bool nf_init(void) { return true; }
static const uint32_t refused[RULES] = {NETS};
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  if (packet_length < 34) return device;
  for (int i = 0; i < RULES; i++) if (*(uint32_t *)(*buffer + 26) == refused[i]) return device;
  return 1 - device;
}
"""


def test_an_access_list_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets = ", ".join(str(n * 7919) for n in range(RULES))
    (tmp_path / "main.c").write_text(LIST.replace("RULES", str(RULES)).replace("NETS", nets))
    assert main(["explain", str(tmp_path), "--nic", "soft", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["strategy"] == "shared-nothing" and len(said["flows"]) == 2


def test_room_is_given_back() -> None:
    def down(n: int) -> int:
        return 0 if n == 0 else 1 + down(n - 1)

    before = sys.getrecursionlimit()
    assert with_room(lambda: down(20_000)) == 20_000
    assert sys.getrecursionlimit() == before
    with pytest.raises(ZeroDivisionError):
        with_room(lambda: 1 // 0)
