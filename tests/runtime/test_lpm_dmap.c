/* Longest-prefix match and double map against models, with random operations. */
#include "check.h"
#include "lib/unverified/util.h"
#include "lib/verified/expirator.h"
#include "lib/verified/lpm-dir-24-8.h"
#include "objects.h"

enum { RULES = 300 };

struct rule {
  uint32_t prefix;
  uint8_t length;
  uint16_t value;
};

static uint32_t mask(uint8_t length) { return (uint32_t)(UINT64_C(0xFFFFFFFF) << (32 - length)); }

static int slow_lookup(const struct rule *rules, unsigned n, uint32_t address) {
  int best = -1, value = INVALID;
  for (unsigned i = 0; i < n; i++) /* later rules replace earlier ones of the same prefix */
    if ((address & mask(rules[i].length)) == rules[i].prefix && rules[i].length >= best) {
      best = rules[i].length;
      value = rules[i].value;
    }
  return value;
}

static void lpm_like_model(uint64_t seed) {
  struct lpm *lpm = NULL;
  struct rule rules[RULES];
  CHECK_EQ(lpm_allocate(&lpm), 1);
  CHECK_EQ(lpm_lookup_elem(lpm, 0), INVALID);
  for (unsigned n = 0; n < RULES; n++) {
    /* Few distinct prefixes, so that they nest and repeat; any order of lengths. */
    const uint8_t length = (uint8_t)(n == 7 ? 0 : below(&seed, 33));
    const uint32_t base = 0x0A000000 | below(&seed, 4) << 16 | below(&seed, 3) << 8 | below(&seed, 256);
    rules[n] = (struct rule){base & mask(length), length, (uint16_t)(n == 9 ? MAESTRO_LPM_MAX_VALUE : below(&seed, 0x8000))};
    CHECK_EQ(lpm_update_elem(lpm, base, length, rules[n].value), 1);
    for (unsigned i = 0; i < 20; i++) {
      const uint32_t address = below(&seed, 10) == 0 ? (uint32_t)next_random(&seed)
                                                     : 0x0A000000 | below(&seed, 4) << 16 | below(&seed, 1024);
      CHECK_EQ(lpm_lookup_elem(lpm, address), slow_lookup(rules, n + 1, address));
    }
  }
  lpm_free(lpm);
}

static void lpm_limits(void) {
  struct lpm *lpm = NULL;
  CHECK_EQ(lpm_allocate(&lpm), 1);
  CHECK_EQ(lpm_update_elem(lpm, 0, 33, 1), 0);
  CHECK_EQ(lpm_update_elem(lpm, 0, 8, 0x8000), 0);
  for (uint32_t i = 0; i < MAESTRO_LPM_MAX_BLOCKS; i++) CHECK_EQ(lpm_update_elem(lpm, i << 8 | 5, 32, (uint16_t)i), 1);
  CHECK_EQ(lpm_update_elem(lpm, 0x0A000001, 32, 1), 0); /* no block left */
  CHECK_EQ(lpm_update_elem(lpm, 200 << 8 | 6, 32, 77), 1);
  CHECK_EQ(lpm_update_elem(lpm, 0xFFFFFFFF, 24, 3), 1);
  CHECK_EQ(lpm_lookup_elem(lpm, 200 << 8 | 6), 77);
  CHECK_EQ(lpm_lookup_elem(lpm, 255 << 8 | 5), 255);
  CHECK_EQ(lpm_lookup_elem(lpm, 255 << 8 | 6), INVALID);
  CHECK_EQ(lpm_lookup_elem(lpm, 0xFFFFFF07), 3);
}

/* ------------------------------------------------------------------ double map */

struct value {
  uint32_t a;
  uint16_t filler;
  uint64_t b;
  unsigned payload;
};

static bool eq_a(void *x, void *y) { return *(uint32_t *)x == *(uint32_t *)y; }
static bool eq_b(void *x, void *y) { return *(uint64_t *)x == *(uint64_t *)y; }
static unsigned hash_a(void *x) { return *(uint32_t *)x * 2654435761U; }
static unsigned hash_b(void *x) { return hash_obj(x, 8); }
static void copy(char *to, void *from) { *(struct value *)(void *)to = *(struct value *)from; }
static unsigned destroyed;
static void destroy(void *value) {
  (void)value;
  destroyed++;
}
static void extract(void *value, void **a, void **b) {
  *a = &((struct value *)value)->a;
  *b = &((struct value *)value)->b;
}

enum { CAPACITY = 16 };

static void dmap_like_model(uint64_t seed) {
  struct DoubleMap *map = NULL;
  struct value model[CAPACITY];
  bool used[CAPACITY] = {false};
  int size = 0;
  destroyed = 0;
  unsigned erased = 0;
  CHECK_EQ(
      dmap_allocate(eq_a, hash_a, eq_b, hash_b, sizeof(struct value), copy, destroy, extract, NULL, 8, CAPACITY, &map),
      1);
  for (unsigned round = 0; round < 20000; round++) {
    const int index = (int)below(&seed, CAPACITY + 2) - 1;
    const bool inside = index >= 0 && index < CAPACITY;
    struct value v = {.a = below(&seed, 64), .b = below(&seed, 64), .payload = round}, out = {.payload = 1};
    int found_a = -1, found_b = -1, expected_a = -1, expected_b = -1;
    for (int i = 0; i < CAPACITY; i++) {
      if (used[i] && model[i].a == v.a) expected_a = i;
      if (used[i] && model[i].b == v.b) expected_b = i;
    }
    CHECK_EQ(dmap_get_a(map, &v.a, &found_a), expected_a >= 0);
    CHECK_EQ(dmap_get_b(map, &v.b, &found_b), expected_b >= 0);
    CHECK_EQ(found_a, expected_a);
    CHECK_EQ(found_b, expected_b);
    CHECK_EQ(dmap_size(map), size);
    if (inside && used[index]) {
      dmap_get_value(map, index, &out);
      CHECK_EQ(out.payload, model[index].payload);
      if (below(&seed, 2)) {
        CHECK_EQ(dmap_erase(map, index), 1);
        used[index] = false;
        size--;
        erased++;
      }
    } else if (inside && expected_a < 0 && expected_b < 0) {
      CHECK_EQ(dmap_erase(map, index), 0);
      CHECK_EQ(dmap_put(map, &v, index), 1);
      model[index] = v;
      used[index] = true;
      size++;
    } else if (!inside) {
      CHECK_EQ(dmap_erase(map, index), 0);
    }
  }
  CHECK_EQ(destroyed, erased);
}

static void dmap_expires_with_its_chain(void) {
  struct DoubleMap *map = NULL;
  struct DoubleChain *chain = NULL;
  CHECK_EQ(dmap_allocate(eq_a, hash_a, eq_b, hash_b, 0, copy, NULL, extract, NULL, 8, 8, &map), 0);
  CHECK_EQ(dmap_allocate(eq_a, hash_a, eq_b, hash_b, sizeof(struct value), copy, NULL, extract, NULL, 8, 8, &map), 1);
  CHECK_EQ(dchain_allocate(8, &chain), 1);
  for (int i = 0; i < 8; i++) {
    int index;
    struct value v = {.a = (uint32_t)i, .b = 100 + (uint64_t)i};
    CHECK_EQ(dchain_allocate_new_index(chain, &index, 10 * i), 1);
    CHECK_EQ(dmap_put(map, &v, index), 1);
  }
  CHECK_EQ(dchain_rejuvenate_index(chain, 0, 100), 1);
  CHECK_EQ(expire_items(chain, map, 31), 3); /* 1, 2, 3 */
  CHECK_EQ(dmap_size(map), 5);
  uint32_t a = 2;
  int index = -1;
  CHECK_EQ(dmap_get_a(map, &a, &index), 0);
  a = 0;
  CHECK_EQ(dmap_get_a(map, &a, &index), 1);
}

/* ------------------------------------------------------------------ digests of files */

static void digest_is(const char *text, size_t repeat, const char *expected) {
  FILE *file = tmpfile();
  CHECK(file != NULL);
  for (size_t i = 0; i < repeat; i++) fputs(text, file);
  rewind(file);
  char digest[65];
  maestro_digest(file, digest);
  fclose(file);
  CHECK_EQ(strcmp(digest, expected), 0);
}

int main(void) {
  for (uint64_t seed = 1; seed <= 3; seed++) {
    lpm_like_model(seed);
    dmap_like_model(seed);
  }
  lpm_limits();
  dmap_expires_with_its_chain();
  /* FIPS 180-2, appendix B. */
  digest_is("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  digest_is("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  digest_is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  digest_is("a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  return 0;
}
