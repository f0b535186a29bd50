"""Ten thousand call paths are analysed within a minute of CPU time and a gigabyte, whether paths can be merged or not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS, BYTES, PATHS = 60, 1 << 30, 10_000

#: 2 to the power of 11 ways through the tables, and 5 through the switch: all with events or verdicts of their own.
NF = """
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/map.h"
struct nf_config { int unused; };
struct nf_config config;
static bool eq(void *a, void *b) { return *(uint32_t *)a == *(uint32_t *)b; }
static unsigned hash(void *a) { return *(uint32_t *)a; }
static struct Map *maps[11];
bool nf_init(void) {
  for (int i = 0; i < 11; i++) if (!map_allocate(eq, hash, 16, &maps[i])) return false;
  return true;
}
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  uint8_t *p = *buffer;
  if (packet_length < 60 || device != 0) return device;
  unsigned found = 0;
  for (int i = 0; i < 11; i++) {
    uint32_t key = *(uint32_t *)(p + 14 + i);
    int value;
    if (map_get(maps[i], &key, &value)) found += 1 + (uint32_t)value % 2;
  }
  p[58] = found;
  switch (p[57]) {
    case 1: return 1;
    case 2: return FLOOD_FRAME;
    case 3: p[59] = 1; return 1;
    case 4: p[59] = 2; return 1;
  }
  return device;
}
"""

PROGRAM = """
import resource, sys
from pathlib import Path
from maestro_tool.frontend import load_program
from maestro_tool.symex import Limits, analyse
analysis = analyse(load_program([Path(sys.argv[1])]), limits=Limits(merge_after=int(sys.argv[2])))
used = resource.getrusage(resource.RUSAGE_SELF)
print(len(analysis.paths), used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
"""


@pytest.mark.parametrize("merge_after", [2_000, 1_000_000])
def test_ten_thousand_paths(tmp_path: Path, merge_after: int) -> None:
    source = tmp_path / "nf.c"
    source.write_text(NF)
    words = [sys.executable, "-c", PROGRAM, str(source), str(merge_after)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT)
    paths, seconds, size = map(float, done.stdout.split())
    assert paths > PATHS and seconds < SECONDS and size < BYTES, (paths, seconds, size)
