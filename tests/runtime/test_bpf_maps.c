/* Maps of programs for XDP, with random operations, against a list of what is in them. */
#define MAESTRO_DIALECT "dialects/xdp.h"
#define MAESTRO_XDP 1
#include <bpf/bpf_helpers.h>

#include "check.h"

enum { KEYS = 48, KEY_MOST = 64, VALUE_MOST = 24 };

struct definition {
  __uint(type, BPF_MAP_TYPE_HASH);
};

struct model {
  bool present[KEYS];
  uint8_t key[KEYS][KEY_MOST], value[KEYS][VALUE_MOST];
  uint32_t key_size, value_size, max_entries;
  enum maestro_bpf_kind kind;
  uint64_t used[KEYS], time; /* when a key was used last */
};

static uint64_t seed = 1;

static void random_bytes(uint8_t *bytes, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) bytes[i] = (uint8_t)below(&seed, 256);
}

static uint32_t count(const struct model *m) {
  uint32_t n = 0;
  for (uint32_t k = 0; k < KEYS; k++) n += m->present[k];
  return n;
}

/* A look-up or an update that finds the key, or puts it there. */
static void use(struct model *m, uint32_t k) { m->used[k] = ++m->time; }

/* The key that was used least recently goes, if one must. */
static void evict(struct model *m) {
  if (count(m) < m->max_entries) return;
  uint32_t oldest = KEYS;
  for (uint32_t k = 0; k < KEYS; k++)
    if (m->present[k] && (oldest == KEYS || m->used[k] < m->used[oldest])) oldest = k;
  m->present[oldest] = false;
}

/* What Linux gives (kernel/bpf/hashtab.c, arraymap.c). */
static long expected_update(const struct model *m, uint32_t k, uint64_t flags) {
  if (flags > BPF_EXIST) return -EINVAL;
  if (m->kind == MAESTRO_ARRAY) return k >= m->max_entries ? -E2BIG : flags == BPF_NOEXIST ? -EEXIST : 0;
  if (m->present[k]) return flags == BPF_NOEXIST ? -EEXIST : 0;
  if (flags == BPF_EXIST) return -ENOENT;
  return m->kind == MAESTRO_HASH && count(m) == m->max_entries ? -E2BIG : 0;
}

static void check_all(struct model *m, struct definition *d) {
  for (uint32_t k = 0; k < KEYS; k++) {
    const uint8_t *found = bpf_map_lookup_elem(d, m->key[k]);
    CHECK_EQ(found != NULL, m->present[k]);
    use(m, k);
    if (found != NULL) CHECK(memcmp(found, m->value[k], m->value_size) == 0);
  }
}

static void step(struct model *m, struct definition *d) {
  const uint32_t k = below(&seed, KEYS);
  uint8_t value[VALUE_MOST], *found;
  random_bytes(value, sizeof value);
  switch (below(&seed, 4)) {
    case 0:
    case 1: {
      const uint64_t flags = below(&seed, 5);
      const long expected = expected_update(m, k, flags);
      CHECK_EQ(bpf_map_update_elem(d, m->key[k], value, flags), expected);
      if (m->present[k] && flags <= BPF_EXIST) use(m, k);
      if (expected != 0) break;
      if (!m->present[k] && m->kind == MAESTRO_LRU_HASH) evict(m);
      use(m, k);
      m->present[k] = true;
      memcpy(m->value[k], value, m->value_size);
      break;
    }
    case 2:
      CHECK_EQ(bpf_map_delete_elem(d, m->key[k]), m->kind == MAESTRO_ARRAY ? -EINVAL : m->present[k] ? 0 : -ENOENT);
      if (m->kind != MAESTRO_ARRAY) m->present[k] = false;
      break;
    default:
      found = bpf_map_lookup_elem(d, m->key[k]);
      use(m, k);
      if (found != NULL) memcpy(found, value, m->value_size);
      if (m->present[k]) memcpy(m->value[k], value, m->value_size);
  }
}

static void check_map(enum maestro_bpf_kind kind) {
  static struct model m;
  struct definition d = {0};
  memset(&m, 0, sizeof m);
  const bool hash = kind != MAESTRO_ARRAY;
  m.kind = kind;
  m.key_size = hash ? 1 + below(&seed, KEY_MOST) : 4;
  m.value_size = 1 + below(&seed, VALUE_MOST);
  m.max_entries = 1 + below(&seed, KEYS);
  for (uint32_t k = 0; k < KEYS; k++) {
    random_bytes(m.key[k], m.key_size);
    m.key[k][0] = (uint8_t)k; /* no two are equal */
    if (!hash) memcpy(m.key[k], &k, sizeof k);
    m.present[k] = !hash && k < m.max_entries;
  }
  CHECK(maestro_bpf_map_create(&d, kind, m.key_size, m.value_size, m.max_entries));
  check_all(&m, &d);
  for (int i = 0; i < 500; i++) step(&m, &d);
  check_all(&m, &d);
}

/* Longest prefixes, against all that are there; rules longer than /24 stay within 256 blocks. */
static void check_trie(void) {
  enum { ROUTES = 200 };
  struct definition d = {0};
  struct maestro_bpf_prefix routes[ROUTES];
  uint32_t values[ROUTES], n = 0;
  CHECK(maestro_bpf_map_create(&d, MAESTRO_TRIE, 8, 4, ROUTES));
  for (int step = 0; step < 3 * ROUTES; step++) {
    struct maestro_bpf_prefix key = {below(&seed, 35), 0x0a | (below(&seed, 4) << 8) | (below(&seed, 4) << 22)};
    const uint32_t value = below(&seed, 1000);
    const uint64_t flags = below(&seed, 4);
    const uint32_t mask = key.bits == 0 || key.bits > 32 ? 0 : rte_cpu_to_be_32(UINT32_MAX << (32 - key.bits));
    uint32_t at = 0;
    while (at < n && !(routes[at].bits == key.bits && routes[at].address == (key.address & mask))) at++;
    const long expected = flags > BPF_EXIST   ? -EINVAL
                          : at < n            ? (flags == BPF_NOEXIST ? -EEXIST : 0)
                          : flags == BPF_EXIST ? -ENOENT
                          : key.bits > 32     ? -EINVAL
                          : n == ROUTES       ? -ENOSPC
                                              : 0;
    CHECK_EQ(bpf_map_update_elem(&d, &key, &value, flags), expected);
    if (expected != 0) continue;
    routes[at] = (struct maestro_bpf_prefix){key.bits, key.address & mask};
    values[at] = value;
    n += at == n;
    for (int look = 0; look < 20; look++) {
      key = (struct maestro_bpf_prefix){32, 0x0a | (below(&seed, 4) << 8) | (below(&seed, 4) << 22) | (below(&seed, 2) << 31)};
      uint32_t best = n;
      for (uint32_t r = 0; r < n; r++) {
        const uint32_t of = routes[r].bits == 0 ? 0 : rte_cpu_to_be_32(UINT32_MAX << (32 - routes[r].bits));
        if ((key.address & of) == routes[r].address && (best == n || routes[r].bits > routes[best].bits)) best = r;
      }
      const uint32_t *found = bpf_map_lookup_elem(&d, &key);
      CHECK_EQ(found != NULL, best < n);
      if (found != NULL) CHECK_EQ(*found, values[best]);
    }
  }
  CHECK(n > 50);
}

static void check_options(void) {
  struct definition hash = {0}, array = {0}, trie = {0};
  CHECK(maestro_bpf_map_create(&hash, MAESTRO_HASH, 4, 8, 2) && maestro_bpf_map_create(&array, MAESTRO_ARRAY, 4, 2, 3));
  const uint32_t address = 0x0200000a; /* 10.0.0.2 in network byte order */
  const uint32_t one = 1;
  CHECK(maestro_bpf_map_set(&hash, "hosts", "hosts[10.0.0.2]=0x100000005"));
  CHECK(maestro_bpf_map_set(&hash, "hosts", "hosts[10.0.0.2]=6") && maestro_bpf_map_set(&hash, "hosts", "hosts[7]=1"));
  CHECK(!maestro_bpf_map_set(&hash, "hosts", "hosts[8]=1")); /* full */
  CHECK_EQ(*(uint64_t *)bpf_map_lookup_elem(&hash, &address), 6);
  CHECK(maestro_bpf_map_set(&array, "a", "a[1]=65535") && !maestro_bpf_map_set(&array, "a", "a[3]=1"));
  CHECK_EQ(*(uint16_t *)bpf_map_lookup_elem(&array, &one), 65535);
  CHECK(maestro_bpf_map_create(&trie, MAESTRO_TRIE, 8, 4, 4) && maestro_bpf_map_set(&trie, "t", "t[10.0.0.0/8]=3"));
  const struct maestro_bpf_prefix whole = {32, address};
  CHECK_EQ(*(uint32_t *)bpf_map_lookup_elem(&trie, &whole), 3);
  const char *const nowhere[] = {"t[10.0.0.0]=3", "t[10.0.0.0/33]=3", "t[10.0.0/8]=3", "t[10.0.0.0/]=3", "t[10.0.0.0/x]=3"};
  for (unsigned i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) CHECK(!maestro_bpf_map_set(&trie, "t", nowhere[i]));
  const char *const wrong[] = {"b[1]=1", "a[1]", "a[1]=", "a[1]=x", "a=1", "a[1]=1 ", "aa[1]=1", "a[x]=1", "a[]=1",
                               "a[1]=65536", "a[4294967297]=1", "a[1.0]=1", "a[1.0.0.0.0]=1", "a[1.0.0.256]=1"};
  for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) CHECK(!maestro_bpf_map_set(&array, "a", wrong[i]));
}

int main(void) {
  for (int i = 0; i < 300; i++) check_map(i % 3 == 0 ? MAESTRO_ARRAY : i % 3 == 1 ? MAESTRO_HASH : MAESTRO_LRU_HASH);
  struct definition d = {0};
  CHECK(!maestro_bpf_map_create(&d, MAESTRO_HASH, 65, 4, 8)); /* keys of 64 bytes at most */
  CHECK(!maestro_bpf_map_create(&d, MAESTRO_HASH, 4, 4, 0));
  CHECK(!maestro_bpf_map_create(&d, MAESTRO_ARRAY, 8, 4, 8));
  check_options();
  check_trie();
  return 0;
}
