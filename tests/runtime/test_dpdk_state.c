/* rte_hash and rte_lpm as NFs have them, against DPDK's, with random operations. */
#include <errno.h>

#include "check.h"
#include "dpdk_api.h"
#define EAL_MEMORY "600"
#include "start_eal.h"

/* Positions are each one's own: which of ours is which of theirs, as long as a key has them. */
enum { KEYS = 96, KEY_MOST = 64 };

struct tables {
  void *ours, *theirs;
  uint32_t entries, key_len;
  uint8_t keys[KEYS][KEY_MOST];
  int32_t our_position[KEYS], their_position[KEYS]; /* -1: the key is not there */
};

static unsigned present(const struct tables *t) {
  unsigned n = 0;
  for (unsigned k = 0; k < KEYS; k++) n += t->our_position[k] >= 0;
  return n;
}

static void *number(uint64_t n) { return (void *)(uintptr_t)n; }

static void check_position(const struct tables *t, unsigned k, int32_t position, const int32_t *of) {
  CHECK(position >= 0 && (uint32_t)position < t->entries);
  for (unsigned other = 0; other < KEYS; other++) CHECK(other == k || of[other] != position);
}

/* `mine`, `its`: what adding gave; whether the key is new, and there is room, is known. */
static void added(struct tables *t, unsigned k, int32_t mine, int32_t its, bool data) {
  const bool was_there = t->our_position[k] >= 0;
  CHECK_EQ(mine, was_there || present(t) < t->entries ? (data ? 0 : mine) : -ENOSPC);
  CHECK_EQ(its < 0, mine < 0);
  if (mine < 0) {
    CHECK_EQ(its, -ENOSPC);
    return;
  }
  if (data) {
    mine = ours.lookup(t->ours, t->keys[k]);
    its = theirs.lookup(t->theirs, t->keys[k]);
  }
  if (was_there) {
    CHECK_EQ(mine, t->our_position[k]);
    CHECK_EQ(its, t->their_position[k]);
  }
  check_position(t, k, mine, t->our_position);
  check_position(t, k, its, t->their_position);
  t->our_position[k] = mine;
  t->their_position[k] = its;
}

static void deleted(struct tables *t, unsigned k) {
  const int32_t mine = ours.del(t->ours, t->keys[k]), its = theirs.del(t->theirs, t->keys[k]);
  CHECK_EQ(mine, t->our_position[k] < 0 ? -ENOENT : t->our_position[k]);
  CHECK_EQ(its, t->their_position[k] < 0 ? -ENOENT : t->their_position[k]);
  t->our_position[k] = t->their_position[k] = -1;
}

static void looked_up(const struct tables *t, unsigned k) {
  CHECK_EQ(ours.lookup(t->ours, t->keys[k]), t->our_position[k] < 0 ? -ENOENT : t->our_position[k]);
  CHECK_EQ(theirs.lookup(t->theirs, t->keys[k]), t->their_position[k] < 0 ? -ENOENT : t->their_position[k]);
  void *mine = number(77), *its = number(77);
  const int found = ours.lookup_data(t->ours, t->keys[k], &mine);
  CHECK_EQ(found, t->our_position[k] < 0 ? -ENOENT : t->our_position[k]);
  CHECK_EQ(theirs.lookup_data(t->theirs, t->keys[k], &its) < 0, found < 0);
  CHECK(mine == its); /* also what a miss leaves there */
}

static void looked_up_in_bulk(const struct tables *t, uint64_t *seed) {
  const void *keys[65];
  unsigned which[65];
  const uint32_t n = below(seed, 65);
  for (unsigned i = 0; i < 65; i++) keys[i] = t->keys[which[i] = below(seed, KEYS)];
  int32_t mine[65], its[65];
  CHECK_EQ(ours.bulk(t->ours, keys, n, mine), 0);
  CHECK_EQ(theirs.bulk(t->theirs, keys, n, its), 0);
  for (unsigned i = 0; i < n; i++) {
    CHECK_EQ(mine[i], t->our_position[which[i]] < 0 ? -ENOENT : t->our_position[which[i]]);
    CHECK_EQ(its[i], t->their_position[which[i]] < 0 ? -ENOENT : t->their_position[which[i]]);
  }
  uint64_t my_mask = 5, its_mask = 5;
  void *my_data[65], *its_data[65];
  for (unsigned i = 0; i < 65; i++) my_data[i] = its_data[i] = number(77);
  const int hits = ours.bulk_data(t->ours, keys, n, &my_mask, my_data);
  CHECK_EQ(hits, theirs.bulk_data(t->theirs, keys, n, &its_mask, its_data));
  CHECK_EQ(my_mask, its_mask);
  for (unsigned i = 0; i < 65; i++) CHECK(my_data[i] == its_data[i]);
}

static void hash_like_dpdk(uint64_t seed) {
  char name[16];
  snprintf(name, sizeof name, "hash%" PRIu64, seed);
  /* Theirs may find no place for a key although one is free, but hardly where a quarter of its buckets stays empty. */
  static const uint32_t sizes[] = {9, 12, 17, 24, 33, 48};
  struct tables t = {.entries = sizes[below(&seed, 6)], .key_len = 1 + below(&seed, KEY_MOST)};
  t.ours = ours.hash_create(name, t.entries, t.key_len, 0);
  t.theirs = theirs.hash_create(name, t.entries, t.key_len, 0);
  CHECK(t.ours != NULL && t.theirs != NULL);
  for (unsigned k = 0; k < KEYS; k++) {
    memset(t.keys[k], 'x', sizeof t.keys[k]);
    t.keys[k][0] = (uint8_t)k;
    if (t.key_len > 1) t.keys[k][t.key_len - 1] = (uint8_t)(k * 7);
    if (t.key_len < KEY_MOST) t.keys[k][t.key_len] = (uint8_t)next_random(&seed); /* no part of it */
    t.our_position[k] = t.their_position[k] = -1;
  }
  for (unsigned step = 0; step < 2000; step++) {
    const unsigned k = below(&seed, KEYS), filling = step / 500 % 2 ? 1 : 6;
    const unsigned what = below(&seed, filling + 4);
    if (what < filling) {
      if (below(&seed, 2)) {
        const int32_t mine = ours.add(t.ours, t.keys[k]);
        added(&t, k, mine, theirs.add(t.theirs, t.keys[k]), false);
      } else {
        void *data = number(next_random(&seed));
        const int mine = ours.add_data(t.ours, t.keys[k], data);
        added(&t, k, mine, theirs.add_data(t.theirs, t.keys[k], data), true);
      }
    } else if (what == filling || what == filling + 1) {
      deleted(&t, k);
    } else if (what == filling + 2) {
      looked_up(&t, k);
    } else {
      looked_up_in_bulk(&t, &seed);
    }
    CHECK_EQ(ours.count(t.ours), present(&t));
    CHECK_EQ(theirs.count(t.theirs), present(&t));
  }
}

static void hash_refusals(void) {
  static const uint32_t cases[][3] = {{7, 4, 0}, {8, 0, 0}, {0x40000001, 4, 0}}; /* entries, key_len, flags */
  for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    CHECK(theirs.hash_create("refused", cases[i][0], cases[i][1], (uint8_t)cases[i][2]) == NULL);
    CHECK_EQ(theirs.error(), EINVAL);
    CHECK(ours.hash_create("refused", cases[i][0], cases[i][1], (uint8_t)cases[i][2]) == NULL);
    CHECK_EQ(ours.error(), EINVAL);
  }
  CHECK(ours.hash_create("long", 8, 65, 0) == NULL);
  CHECK_EQ(ours.error(), ENOTSUP);
  CHECK(ours.hash_create("later", 8, 4, 0x10) == NULL);
  CHECK(ours.hash_create("lock-free", 8, 4, 0x20) == NULL);
  const char key[8] = "key";
  const void *keys[65] = {key};
  int32_t positions[65];
  /* Theirs only looks in builds for debugging. */
  CHECK_EQ(ours.add(NULL, key), -EINVAL);
  CHECK_EQ(ours.lookup(NULL, key), -EINVAL);
  CHECK_EQ(ours.del(NULL, key), -EINVAL);
  CHECK_EQ(ours.bulk(NULL, keys, 1, positions), -EINVAL);
  CHECK_EQ(ours.bulk(ours.hash_create("bulk", 8, 4, 0), keys, 65, positions), -EINVAL);
}

static uint32_t an_address(uint64_t *seed) {
  return below(seed, 8) == 0 ? (uint32_t)next_random(seed)
                             : 0x0A000000 | below(seed, 3) << 16 | below(seed, 4) << 8 | below(seed, 256);
}

static void lpm_like_dpdk(uint64_t seed) {
  char name[16];
  snprintf(name, sizeof name, "lpm%" PRIu64, seed);
  const uint32_t rules = 1 + below(&seed, 200);
  void *mine = ours.lpm_create(name, -1, rules), *its = theirs.lpm_create(name, -1, rules);
  CHECK(mine != NULL && its != NULL);
  for (unsigned step = 0; step < 300; step++) {
    const uint32_t ip = an_address(&seed), hop = below(&seed, 2) ? below(&seed, 4) : (uint32_t)next_random(&seed);
    const uint8_t depth = (uint8_t)below(&seed, 35); /* 0, 33 and 34 are refused */
    CHECK_EQ(ours.lpm_add(mine, ip, depth, hop & 0xFFFFFF), theirs.lpm_add(its, ip, depth, hop & 0xFFFFFF));
    for (unsigned i = 0; i < 20; i++) {
      const uint32_t address = an_address(&seed);
      uint32_t my_hop = 77, its_hop = 77;
      CHECK_EQ(ours.lpm_lookup(mine, address, &my_hop), theirs.lpm_lookup(its, address, &its_hop));
      CHECK_EQ(my_hop, its_hop); /* also what a miss writes */
      const uint8_t asked = (uint8_t)below(&seed, 34);
      my_hop = its_hop = 77;
      CHECK_EQ(ours.lpm_present(mine, address, asked, &my_hop), theirs.lpm_present(its, address, asked, &its_hop));
      CHECK_EQ(my_hop, its_hop);
    }
    uint32_t ips[9], my_hops[9], its_hops[9];
    for (unsigned i = 0; i < 9; i++) ips[i] = an_address(&seed);
    CHECK_EQ(ours.lpm_bulk(mine, ips, my_hops, 9), theirs.lpm_bulk(its, ips, its_hops, 9));
    /* Theirs also has the length of the prefix there. */
    for (unsigned i = 0; i < 9; i++) CHECK_EQ(my_hops[i], its_hops[i] & 0x01FFFFFF);
  }
}

/* As many rules as there may be, and as many blocks for those longer than /24. */
static void lpm_is_full(void) {
  void *mine = ours.lpm_create("full", 0, 1000), *its = theirs.lpm_create("full", 0, 1000);
  for (uint32_t i = 0; i < 300; i++) {
    const int expected = i < 256 ? 0 : -ENOSPC;
    CHECK_EQ(ours.lpm_add(mine, i << 8 | 5, 32, i), expected);
    CHECK_EQ(theirs.lpm_add(its, i << 8 | 5, 32, i), expected);
    uint32_t hop;
    CHECK_EQ(ours.lpm_present(mine, i << 8 | 5, 32, &hop), expected == 0);
    CHECK_EQ(theirs.lpm_present(its, i << 8 | 5, 32, &hop), expected == 0);
  }
  for (uint32_t i = 0; i < 1000; i++) {
    const int expected = i < 1000 - 256 ? 0 : -ENOSPC;
    CHECK_EQ(ours.lpm_add(mine, 0x10000000 | i << 12, 20, i), expected);
    CHECK_EQ(theirs.lpm_add(its, 0x10000000 | i << 12, 20, i), expected);
  }
  CHECK(theirs.lpm_create("none", 0, 0) == NULL && ours.lpm_create("none", 0, 0) == NULL);
  CHECK(theirs.lpm_create("none", -2, 9) == NULL && ours.lpm_create("none", -2, 9) == NULL);
  CHECK_EQ(ours.error(), EINVAL);
  CHECK(ours.lpm_create("many", 0, 32768) == NULL);
  CHECK_EQ(ours.error(), ENOTSUP);
}

int main(void) {
  start_eal();
  for (uint64_t seed = 1; seed <= 30; seed++) hash_like_dpdk(seed);
  hash_refusals();
  for (uint64_t seed = 1; seed <= 3; seed++) lpm_like_dpdk(seed);
  lpm_is_full();
  return 0;
}
