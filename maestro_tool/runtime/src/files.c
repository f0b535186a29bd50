/* Files that set-up read when the NF was analysed: their content must be the same. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "objects.h"

/* SHA-256 (FIPS 180-4): the digest that the analysis computed, at start-up only. */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }

static void add_block(uint32_t state[8], const uint8_t block[64]) {
  uint32_t w[64], v[8];
  for (unsigned i = 0; i < 16; i++)
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
           block[4 * i + 3];
  for (unsigned i = 16; i < 64; i++) {
    const uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] + (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
  }
  memcpy(v, state, sizeof v);
  for (unsigned i = 0; i < 64; i++) {
    const uint32_t e = v[4], a = v[0];
    const uint32_t t1 =
        v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + K[i] + w[i];
    const uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
    memmove(v + 1, v, 7 * sizeof *v);
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (unsigned i = 0; i < 8; i++) state[i] += v[i];
}

void maestro_digest(FILE *file, char text[65]) {
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t block[64];
  uint64_t length = 0;
  size_t n;
  while ((n = fread(block, 1, sizeof block, file)) == sizeof block) {
    add_block(state, block);
    length += n;
  }
  length += n;
  block[n] = 0x80;
  memset(block + n + 1, 0, sizeof block - n - 1);
  if (n >= 56) { /* no room for the length */
    add_block(state, block);
    memset(block, 0, sizeof block);
  }
  for (unsigned i = 0; i < 8; i++) block[63 - i] = (uint8_t)(8 * length >> 8 * i);
  add_block(state, block);
  for (unsigned i = 0; i < 8; i++) snprintf(text + 8 * i, 9, "%08x", state[i]);
}

bool maestro_files_as_analysed(const struct maestro_nf *nf, char *error, size_t error_size) {
  for (unsigned i = 0; i < nf->n_files; i++) {
    const struct maestro_file *expected = &nf->files[i];
    FILE *file = fopen(expected->name, "rb");
    if (file == NULL && expected->digest == NULL) continue;
    if (file == NULL) {
      snprintf(error, error_size, "%s: the file '%s', which the plan was made for, cannot be read: %s", nf->name,
               expected->name, strerror(errno));
      return false;
    }
    char digest[65];
    maestro_digest(file, digest);
    fclose(file);
    if (expected->digest != NULL && strcmp(digest, expected->digest) == 0) continue;
    snprintf(error, error_size, "%s: the file '%s' %s; build again with it", nf->name, expected->name,
             expected->digest == NULL ? "did not exist when the plan was made" : "has changed since the plan was made");
    return false;
  }
  return true;
}
