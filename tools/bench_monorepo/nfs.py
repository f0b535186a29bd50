"""Network functions that differ in what they mean: keys, directions, tables, limits, what becomes of the rest.

The n-th is always the same.  Each has five files, as those in nfs/: options, the key, the state, the packets.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

#: A field of the key by its name: its type, and what a packet has, on the way out and on the way back.
_FIELDS = {
    "src_ip": ("uint32_t", "ip->src_addr", "ip->dst_addr"),
    "dst_ip": ("uint32_t", "ip->dst_addr", "ip->src_addr"),
    "src_port": ("uint16_t", "ports->src_port", "ports->dst_port"),
    "dst_port": ("uint16_t", "ports->dst_port", "ports->src_port"),
}
_KEYS = [names for count in (4, 3, 2, 1) for names in itertools.combinations(_FIELDS, count)]
_RULES = ("answers", "counts", "remembers")


@dataclass(frozen=True)
class Variant:
    """``rule``: only answers to what went out come in; or so many packets of a key pass; or all pass, and are
    remembered.  ``key``: names of fields.  ``capacity``: entries.  ``seconds``: after which one is forgotten."""

    name: str
    rule: str
    key: tuple[str, ...]
    capacity: int
    seconds: int
    most: int


def variant(number: int) -> Variant:
    """The one of this number, from 0 on."""
    rest, rule = divmod(number, len(_RULES))
    rest, key = divmod(rest, len(_KEYS))
    return Variant(
        f"nf{number:03d}", _RULES[rule], _KEYS[key], 1 << (10 + rest % 6), 10 + number % 50, 100 + 7 * number
    )


def write(folder: Path, count: int) -> list[str]:
    """Write ``count`` NFs to folders below ``folder``; their names."""
    names = []
    for wanted in map(variant, range(count)):
        for name, text in files(wanted).items():
            path = folder / wanted.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        names.append(wanted.name)
    return names


def files(wanted: Variant) -> dict[str, str]:
    """The files of an NF by name."""
    hashed = "\n".join(f"  hash = __builtin_ia32_crc32si(hash, key->{f});" for f in wanted.key)
    return {
        "key.h": _KEY_H.replace("FIELDS", "\n".join(f"  {_FIELDS[f][0]} {f};" for f in wanted.key)),
        "key.c": _KEY_C.replace("HASH", hashed)
        .replace("EQUAL", "\n     AND ".join(f"(one->{f} == other->{f})" for f in wanted.key))
        .replace("ZERO", "\n".join(f"  key->{f} = 0;" for f in wanted.key)),
        "state.h": _STATE_H,
        "state.c": _STATE_C,
        f"{wanted.name}_main.c": _main(wanted),
    }  # fmt: skip


def _main(wanted: Variant) -> str:
    out = ", ".join(f".{f} = {_FIELDS[f][1]}" for f in wanted.key)
    back = ", ".join(f".{f} = {_FIELDS[f][2]}" for f in wanted.key)
    packets = {"answers": _ANSWERS, "counts": _COUNTS, "remembers": _REMEMBERS}[wanted.rule]
    text = _MAIN.replace("PACKETS", packets).replace("OUT", out).replace("BACK", back)
    for name, value in (
        ("NAME", wanted.name),
        ("CAPACITY", wanted.capacity),
        ("SECONDS", wanted.seconds),
        ("MOST", wanted.most),
    ):
        text = text.replace(name, str(value))
    return text


_KEY_H = """\
/* What packets of one entry have in common. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/verified/boilerplate-util.h"

struct Key {
FIELDS
};

unsigned Key_hash(void *object);
bool Key_eq(void *a, void *b);
void Key_allocate(void *object);
"""

_KEY_C = """\
#include "key.h"

unsigned Key_hash(void *object) {
  struct Key *key = (struct Key *)object;
  unsigned hash = 0;
HASH
  return hash;
}

bool Key_eq(void *a, void *b) {
  struct Key *one = (struct Key *)a;
  struct Key *other = (struct Key *)b;
  return EQUAL;
}

void Key_allocate(void *object) {
  struct Key *key = (struct Key *)object;
ZERO
}
"""

_STATE_H = """\
/* Entry i of all of these is one thing. */
#pragma once

#include <stdint.h>

#include "lib/verified/double-chain.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

struct State {
  struct Map *indices;      /* Key -> index */
  struct Vector *keys;      /* index -> Key */
  struct Vector *counts;    /* index -> uint32_t */
  struct DoubleChain *ages; /* which indices are in use, oldest first */
};

/* NULL if there is not enough memory. */
struct State *alloc_state(uint32_t capacity);
"""

_STATE_C = """\
#include "state.h"

#include <stdlib.h>

#include "key.h"

static void count_allocate(void *object) { *(uint32_t *)object = 0; }

struct State *alloc_state(uint32_t capacity) {
  struct State *state = malloc(sizeof(struct State));
  if (state == NULL) {
    return NULL;
  }
  if (!map_allocate(Key_eq, Key_hash, capacity, &state->indices)) {
    return NULL;
  }
  if (!vector_allocate(sizeof(struct Key), capacity, Key_allocate, &state->keys)) {
    return NULL;
  }
  if (!vector_allocate(sizeof(uint32_t), capacity, count_allocate, &state->counts)) {
    return NULL;
  }
  if (!dchain_allocate((int)capacity, &state->ages)) {
    return NULL;
  }
  return state;
}
"""

_MAIN = """\
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/verified/expirator.h"

#include "key.h"
#include "state.h"

struct nf_config {
  int unused;
} config;

void nf_config_init(int argc, char **argv) {
  (void)argc;
  (void)argv;
}

void nf_config_usage(void) { fprintf(stderr, "NAME takes no options.\\n"); }

void nf_config_print(void) { NF_INFO("NAME: at most CAPACITY entries"); }

static struct State *state;

bool nf_init(void) {
  state = alloc_state(CAPACITY);
  return state != NULL;
}

/* The index of the key's entry, new if there was none; -1 if all are in use. */
static int entry_of(struct Key *key, vigor_time_t now) {
  int index;
  if (map_get(state->indices, key, &index)) {
    dchain_rejuvenate_index(state->ages, index, now);
    return index;
  }
  if (!dchain_allocate_new_index(state->ages, &index, now)) {
    return -1;
  }
  struct Key *stored;
  vector_borrow(state->keys, index, (void **)&stored);
  *stored = *key;
  map_put(state->indices, stored, index);
  vector_return(state->keys, index, stored);
  uint32_t *count;
  vector_borrow(state->counts, index, (void **)&count);
  *count = 0;
  vector_return(state->counts, index, count);
  return index;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)mbuf;
  expire_items_single_map(state->ages, state->keys, state->indices, now - (vigor_time_t)SECONDS * 1000000000);
  if (packet_length < sizeof(struct rte_ether_hdr)) {
    return device;
  }
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL) {
    return device;
  }
  struct tcpudp_hdr *ports = nf_then_get_tcpudp_header(ip, buffer);
  if (ports == NULL) {
    return device;
  }
PACKETS}
"""

_ANSWERS = """\
  if (device == 0) {
    struct Key key = {OUT};
    return entry_of(&key, now) < 0 ? device : 1;
  }
  struct Key key = {BACK};
  int index;
  if (!map_get(state->indices, &key, &index)) {
    return device;
  }
  dchain_rejuvenate_index(state->ages, index, now);
  return 0;
"""

_COUNTS = """\
  if (device == 0) {
    return 1;
  }
  struct Key key = {OUT};
  int index = entry_of(&key, now);
  if (index < 0) {
    return device;
  }
  uint32_t *count;
  vector_borrow(state->counts, index, (void **)&count);
  bool passes = *count < MOST;
  if (passes) {
    *count = *count + 1;
  }
  vector_return(state->counts, index, count);
  return passes ? 0 : device;
"""

_REMEMBERS = """\
  struct Key key = {OUT};
  if (device == 0) {
    entry_of(&key, now);
  }
  return device ^ 1;
"""
