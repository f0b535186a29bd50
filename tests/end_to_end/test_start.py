"""A program refuses to start where its own set-up is not the one that was analysed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from scons_tree import Tree, make_tree

#: Every option changes what set-up leaves in memory in another way; --size and --extra change only numbers
#: that the plan does not depend on.
NF = r"""
#include <getopt.h>
#include <stdlib.h>
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

struct nf_config { uint16_t out; int extra, swap, none, size, more, early, other, wide, full; };
struct key { uint32_t a; };
struct nf_config config;
struct Tables { struct Vector *a, *b; };
struct Settings { uint32_t limit; };
static struct Tables *tables;
static struct Map *map;
static unsigned key_hash(void *o) { return ((struct key *)o)->a; }
static unsigned other_hash(void *o) { return ((struct key *)o)->a >> 1; }
static bool key_eq(void *a, void *b) { return ((struct key *)a)->a == ((struct key *)b)->a; }
static bool other_eq(void *a, void *b) { return ((struct key *)a)->a >> 1 == ((struct key *)b)->a >> 1; }
static struct Settings *settings, *other;

void nf_config_init(int argc, char **argv) {
  static const struct option options[] = {
    {"out", required_argument, NULL, 'o'}, {"swap", no_argument, NULL, 's'}, {"none", no_argument, NULL, 'n'},
    {"extra", no_argument, NULL, 'e'}, {"size", required_argument, NULL, 'z'}, {"more", no_argument, NULL, 'm'},
    {"early", no_argument, NULL, 'y'}, {"eq", no_argument, NULL, 'q'}, {"hash", no_argument, NULL, 'h'},
    {"wide", no_argument, NULL, 'w'}, {"full", no_argument, NULL, 'f'}, {NULL, 0, NULL, 0} };
  config.out = 1;
  config.size = 16;
  int o;
  while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
    switch (o) {
    case 'o': config.out = (uint16_t)nf_util_parse_int(optarg, "out", 10, '\0'); break;
    case 'z': config.size = (int)nf_util_parse_int(optarg, "size", 10, '\0'); break;
    case 's': config.swap = 1; break;
    case 'n': config.none = 1; break;
    case 'e': config.extra = 1; break;
    case 'm': config.more = 1; break;
    case 'y': config.early = 1; break;
    case 'q': config.other = 1; break;
    case 'h': config.other = 2; break;
    case 'w': config.wide = 1; break;
    case 'f': config.full = 1; break;
    default: exit(1);
    }
  }
  optind = 1;
  if (config.early) tables = malloc(sizeof *tables); /* of all workers */
}
void nf_config_usage(void) {}
void nf_config_print(void) {}

bool nf_init(void) {
  if (!config.early) tables = malloc(sizeof *tables);
  settings = malloc(sizeof *settings);
  other = malloc(sizeof *other);
  settings->limit = 1000;
  other->limit = 5;
  if (!vector_allocate(sizeof(uint32_t), (unsigned)config.size, null_init, &tables->a)) return false;
  if (!vector_allocate(config.wide ? 8 : 4, (unsigned)config.size, null_init, &tables->b)) return false;
  if (config.other == 1 ? !map_allocate(other_eq, key_hash, 16, &map)
      : config.other == 2 ? !map_allocate(key_eq, other_hash, 16, &map) : !map_allocate(key_eq, key_hash, 16, &map))
    return false;
  if (config.full) {
    struct key *key;
    vector_borrow(tables->a, 0, (void **)&key);
    map_put(map, key, 0);
  }
  struct Vector *third;
  if (config.more && !vector_allocate(sizeof(uint32_t), 4, null_init, &third)) return false;
  if (config.swap) { struct Vector *t = tables->a; tables->a = tables->b; tables->b = t; }
  if (config.none) settings = NULL;
  if (config.extra) settings = other;
  return true;
}
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)buffer; (void)now; (void)mbuf;
  uint32_t *x;
  vector_borrow(tables->a, 3, (void **)&x);
  uint32_t limit = settings != NULL ? settings->limit : 0;
  uint32_t count = *x;
  vector_return(tables->a, 3, x);
  struct key key = { .a = packet_length };
  int found;
  if (map_get(map, &key, &found)) return device;
  if (packet_length > limit + count) return device;
  return device == 0 ? config.out : 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree: Tree = make_tree(tmp_path_factory.mktemp("start"), "nop")
    tree.write("nfs/start/start_main.c", NF)
    tree.built("nf=start", "nic=soft", "-j2")
    return tree.root / "build/soft/start/start"


def start(program: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    captures = Path(__file__).parent / "one_frame.pcap"
    ports = []
    for n in range(2):
        shutil.copy(captures, folder / f"in{n}.pcap")
        ports += ["--vdev", f"net_pcap{n},rx_pcap={folder}/in{n}.pcap,tx_pcap={folder}/out{n}.pcap"]
    return subprocess.run(
        [program, "--workers", "2", "--replay", *ports, "--", *arguments],
        capture_output=True, text=True, timeout=60, check=False, cwd=folder, env={**os.environ, "LANG": "C"},
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [(), ("--size", "32"), ("--extra",)])
def test_numbers_may_differ_wherever_they_come_from(program: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = start(program, tmp_path, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--out", "0"), "config.out is 0, but the plan was made for 1"),
        (("--swap",), "tables->a is not the object"),
        (("--none",), "settings does not lead where it did"),
        (("--eq",), "the equality function of map is another in this run, but the plan was made for 'key_eq'"),
        (("--hash",), "the hash function of map is another in this run, but the plan was made for 'key_hash'"),
        (("--wide",), "the elements of 'tables->b' have 8 bytes, but the plan was made for 4"),
        (("--full",), "1 entries in 'map', but the plan was made for 0"),
        (("--early",), "tables->a is not the object"),
        (("--more",), "allocates more than the 3 objects"),
    ],
)
def test_refuses_another_set_up(program: Path, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = start(program, tmp_path, *arguments)
    assert done.returncode != 0 and said in done.stdout + done.stderr, done.stdout + done.stderr
