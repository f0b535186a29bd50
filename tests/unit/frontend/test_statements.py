"""Statements, aggregates and calls: small programs whose output must be that of gcc's."""

from __future__ import annotations

from pathlib import Path

import pytest

from .against_gcc import check

CASES = {
    "variable arguments": """
#include <stdarg.h>
static long sum_of(const char *kinds, ...) {
  va_list list; va_start(list, kinds); long r = 0;
  for (; *kinds; kinds++) switch (*kinds) {
    case 'i': r += va_arg(list, int); break;
    case 'l': r += va_arg(list, long); break;
    case 'u': r += va_arg(list, unsigned); break;
    case 'd': r += (long)va_arg(list, double); break;
    case 's': r += strlen(va_arg(list, char *)); break;
  }
  va_end(list); return r;
}
static int inner(int n, va_list list) { int r = 0; while (n-- > 0) r = r * 10 + va_arg(list, int); return r; }
static int twice(int n, ...) {
  va_list list, copy; va_start(list, n); va_copy(copy, list);
  int a = inner(n, list), b = inner(n - 1, copy); va_end(list); va_end(copy); return a * 1000 + b;
}
struct P { long a, b, c; };
static struct P made(int n, ...) { va_list l; va_start(l, n); struct P p = { n, va_arg(l, long) }; p.c = va_arg(l, int); va_end(l); return p; }
void run(void) {
  signed char c = -3; float f = 2.5f; unsigned short s = 65535;
  out(sum_of("")); out(sum_of("iluds", -5, 1L << 40, 4000000000u, 7.9, "four")); out(sum_of("iid", c, s, f));
  out(twice(3, 1, 2, 3)); struct P p = made(4, 1L << 50, -9); out(p.a); out(p.b); out(p.c);
}""",
    "GNU expressions": """
#define MAX(a, b) ({ __typeof__(a) _a = (a); typeof(b) _b = (b); _a > _b ? _a : _b; })
#define SWAP(a, b) do { __auto_type t = (a); (a) = (b); (b) = t; } while (0)
static int calls; static int next(void) { return ++calls; }
struct S { unsigned long wide : 40; signed char c; } s = { 0xffffffffff, -1 };
void run(void) {
  unsigned char small = 200; long big = -1; int i = 3, j = 4;
  out(MAX(small, 100)); out(sizeof(MAX(big, i))); out(MAX(i, j)); SWAP(i, j); out(i); out(j);
  typeof(s) copy = s; typeof(int *) p = &i; const typeof(s.c) c = s.c; out(copy.wide); out(*p); out(c); out(sizeof c);
  const __auto_type k = small; out(k); typeof(int[3]) a = { 1, 2, 3 }; out(a[2]);
  out(next() ?: 7); out(calls); out(0 ?: next()); out(calls); out(big ?: next()); out(calls); out(sizeof(small ?: 1L));
  char *text = 0; out((text ?: "none")[1]); out(s.wide ?: 5); out((s.c ?: 2u) > 0); int k2 = 0 ?: 0 ?: 9; out(k2);
}""",
    "ranges": """
static int f(int x) { switch (x) { case -5 ... -1: return 1; case 0: return 2; case 1 ... 1: return 3; case 10 ... 1000000: return 4; default: return 5; } }
static int g(unsigned char c) { switch (c) { case 'a' ... 'z': c -= 32; case 'A' ... 'Z': return c; case '0' ... '9': return c - '0'; } return -1; }
static int h(unsigned long x) { switch (x) { case 5 ... 9: return 1; case 0xffffffffffffff00 ... 0xffffffffffffffff: return 2; } return 3; }
static const unsigned char table[16] = { [2 ... 5] = 7, 9, [10] = 1, [12 ... 13] = 2 };
void run(void) {
  for (int i = -7; i < 12; i++) out(f(i)); out(f(1000000)); out(f(1000001)); for (int c = 40; c < 130; c += 3) out(g(c));
  out(h(5)); out(h(9)); out(h(10)); out(h(-1)); out(h(-256)); out(h(-257)); for (int i = 0; i < 16; i++) out(table[i]);
  int local[2][4] = { [0 ... 1] = { [1 ... 2] = 5 }, [1][3] = 6 }; for (int i = 0; i < 8; i++) out(local[i / 4][i % 4]);
  struct { int a, b[3]; } s[3] = { [0 ... 2].b = { 1, 2 }, [1 ... 2].a = 8 }; for (int i = 0; i < 3; i++) { out(s[i].a); out(s[i].b[1]); }
}""",
    "loops": """
void run(void) {
  int total = 0;
  for (int i = 0; i < 10; i++) { if (i == 3) continue; if (i == 8) break; total += i; }
  out(total);
  int n = 5; while (n--) total += n; out(total); out(n);
  do { total -= 3; if (total < 20) break; } while (total > 0); out(total);
  for (;;) { if (++total > 30) break; } out(total);
  while (1) { if (total-- < 10) break; } out(total);
  int i, j; for (i = 0, j = 10; i < j; i++, j--) total += i * j; out(total); out(i); out(j);
  for (int a = 0; a < 3; a++) for (int b = 0; b < 3; b++) { if (b == 1) continue; if (a == 2) break; total += a * 3 + b; }
  out(total);
  for (unsigned char c = 250; c >= 250; c++) total++; out(total);
  do total++; while (0); out(total);
  int k = 0; while (k < 5 && total != 1000 || k == 6) k++; out(k);
}""",
    "switch": """
static int f(int x) {
  int r = 0;
  switch (x) { case 1: r += 1; case 2: r += 10; break; case -3: return 77; default: r += 100; case 4: { r += 1000; break; } }
  return r;
}
static int duff(int n) { int c = 0, k = (n + 3) / 4; switch (n % 4) { case 0: do { c++; case 3: c++; case 2: c++; case 1: c++; } while (--k > 0); } return c; }
static long wide(unsigned long x) { switch (x) { case 0xffffffffffffffff: return 1; case 1L << 40: return 2; } return 3; }
static int small(signed char c) { switch (c) { case -1: return 1; case 255: return 2; default: return 3; } }
static int scoped(int x) { switch (x) { int y; case 1: y = 5; return y; default: y = x; return y + 1; } }
static int none(int x) { switch (x) { } switch (x) { default: x++; } switch (x) case 5: return 55; return x; }
static int in_loop(void) { int n = 0; for (int i = 0; i < 6; i++) { switch (i) { case 2: continue; case 4: break; default: n += i; } n += 100; } return n; }
enum E { A, B = 7, C };
static int e(enum E x) { switch (x) { case A: return 1; case B: return 2; case C: return 3; } return 4; }
void run(void) {
  for (int i = -4; i < 6; i++) { out(f(i)); out(scoped(i)); out(none(i)); }
  for (int i = 1; i < 14; i++) out(duff(i));
  out(wide(-1)); out(wide(1L << 40)); out(wide(0)); out(small(-1)); out(in_loop()); out(e(A)); out(e(B)); out(e(C)); out(e(3));
}""",
    "goto": """
static int f(int n) { int r = 0; again: if (n == 0) goto done; r += n; n--; goto again; done: return r; }
static int skip(int n) { if (n) goto inside; { int x = 5; out(x); inside: x = n; out(x); } return n; }
static int nested(void) { for (int i = 0; ; i++) for (int j = 0; j < 5; j++) if (i * j == 12) goto out; out: ; return 9; }
void run(void) { out(f(5)); skip(0); skip(3); out(nested()); { goto end; } out(1); end: out(2); }""",
    "structs by value": """
struct P { int x, y; }; struct Big { char name[13]; struct P p[2]; long v; };
static struct P add(struct P a, struct P b) { a.x += b.x; a.y += b.y; return a; }
static struct Big make(int n) { struct Big b = { "hello", { { n, n + 1 }, { n + 2 } }, n * 100L }; return b; }
static int total(struct Big b) { b.v = 1; return b.p[0].x + b.p[0].y + b.p[1].x + b.p[1].y + b.v; }
static struct P pick(int c, struct P a, struct P b) { return c ? a : b; }
struct P fact(int n) { if (n < 2) return (struct P){ 1, n }; struct P r = fact(n - 1); r.x *= n; r.y += n; return r; }
void run(void) {
  struct P a = { 1, 2 }, b = { 10, 20 }, c;
  c = add(a, b); out(c.x); out(c.y); out(a.x); out(add(add(a, b), add(b, b)).y); out(pick(0, a, b).x);
  struct Big g = make(5), h; h = g; h.p[1].y = 9; out(total(g)); out(total(h)); out(g.v); out(make(3).name[1]); out(strlen(h.name));
  struct P *p = &g.p[1]; *p = a; out(g.p[1].y); a = *p; b = a = (struct P){ .y = 4 }; out(b.x); out(b.y); out(a.y);
  out(fact(6).x); out(fact(6).y); struct P arr[3] = { a, b, { 7, 8 } }; arr[0] = arr[2]; out(arr[0].x + arr[0].y);
  out((a.x ? a : arr[2]).x); struct Big *q = &h; out(q->p->x); out((*q).p[1].y); out((&g)->p[0].y);
}""",
    "unions and bit-fields": """
union U { uint32_t w; uint16_t h[2]; uint8_t b[4]; struct { uint8_t lo; int16_t mid; } __attribute__((packed)) s; };
struct B { unsigned a : 3; int b : 5; unsigned c : 11; unsigned : 0; unsigned long d : 30; _Bool e : 1; signed char f : 4; };
struct N { int before; union { int i; float x; struct { short p, q; }; }; struct { int deep; } named; };
struct __attribute__((packed)) K { uint8_t t; unsigned long v : 29; uint16_t n : 12; uint8_t end; };
void run(void) {
  union U u = { 0x12345678 }; out(u.h[0]); out(u.b[3]); out(u.s.mid); u.s.mid = -2; out(u.w); union U v = { .b = { 1, 2, 3 } }; out(v.w); v = u; out(v.w);
  struct B s = { 9, -17, 5000, 1 << 29, 2, 7 }; out(s.a); out(s.b); out(s.c); out(s.d); out(s.e); out(s.f);
  out(s.a = 13); out(s.b = 15); out(s.b += 1); out(s.b--); out(s.b); out(++s.a); out(s.a -= 7); out((s.a = 3) - 4 < 0); out((s.c = 3) - 4 < 0);
  out(s.a - 5 < 0); out((s.e = 4) + 1); out(s.f = 8); out(s.f < 0); out(s.d - (1 << 30) < 0); out(-s.a < 0); out(sizeof s);
  unsigned char raw[sizeof s]; memset(&s, 0, sizeof s); s.b = -1; s.d = 0x2aaaaaaa; s.f = -3; memcpy(raw, &s, sizeof s); for (int i = 0; i < sizeof s; i++) out(raw[i]);
  struct N n = { 1, { 5 }, { 6 } }; out(n.i); n.q = 3; out(n.i); out(n.named.deep); struct N m = { .q = 7, .named.deep = 8 }; out(m.i); out(m.named.deep); out(offsetof(struct N, q));
  struct K k = { 1, 0x15555555, 0xabc, 9 }; unsigned char kr[sizeof k]; memcpy(kr, &k, sizeof k); for (int i = 0; i < sizeof k; i++) out(kr[i]); out(k.v); out(k.n); k.v++; out(k.v); out(k.end); out(sizeof(struct K));
}""",
    "initialisers": """
int a[] = { 1, 2, [5] = 6, 7, [1] = 9 }; int m[2][3] = { 1, 2, 3, 4 }, z[][2] = { { 1 }, { 2, 3 }, 4 };
char s[] = "ab\\"c\\x41\\101\\n", t[3] = "xyz", u[8] = "hi", v[2][4] = { "one", { 't', 'w' } }; const char *p = "text" " more" + 2;
struct S { int a; struct { char b; short c[3]; } in; int *ptr; union { long l; char q; }; char tail[3]; } g = { .in.c[1] = 5, 6, &a[2], .q = 7, "ok" };
struct S arr[] = { [1].a = 3, [1].in = { 4, { 5 } }, [0] = { 1, 2, 3, 4, 5, 0, { 9 } }, { .tail = { 1, 2 } } };
int *pa = a + 3, **ppa = &pa; long diff = &a[4] - &a[1]; int (*fp)(int); static int twice(int x) { return 2 * x; } int (*table[])(int) = { twice, &twice, 0 };
union W { long l; struct { char a, b; } s; char q; } w[] = { { .l = -1, .q = 7 }, { .q = 1, .s.a = 2, .s.b = 3 }, [0].s.a = 4, [0].s.b = 5, [1] = { .s = { 8 } } };
struct S *lit = &(struct S){ .a = 42 }; int *il = (int[]){ 4, 5, 6 }; unsigned long sz = sizeof(a) / sizeof a[0];
struct opt { const char *name; int has; int *flag; int val; } opts[] = { { "wan", 1, NULL, 'w' }, { "x", 0, &a[1], 300 }, { NULL, 0, NULL, 0 } };
struct bits { unsigned x : 3, y : 9; int z : 20; } bf = { 5, 300, -2 }; enum { K = 3, L } en = L; int neg = -1, sh = 1 << K; _Bool bo = 0x100;
static void dump(void *q, int n) { unsigned char *b = q; while (n--) out(*b++); }
void run(void) {
  dump(w, sizeof w); union W lw[] = { { .l = -1, .q = 7 }, { .s.b = 2, .s.a = 3 } }; out(lw[0].q); out(lw[1].s.a); out(lw[1].s.b);
  dump(a, sizeof a); dump(m, sizeof m); dump(z, sizeof z); dump(s, sizeof s); dump(t, 3); dump(u, 8); dump(v, 8); out(strlen(p)); out(*p);
  out(g.in.c[1]); out(g.in.c[2]); out(*g.ptr); out(g.l); out(g.tail[1]); out(g.a);
  out(sizeof arr / sizeof *arr); for (int i = 0; i < 2; i++) { out(arr[i].a); out(arr[i].in.b); dump(arr[i].in.c, 6); out(arr[i].ptr == 0); out(arr[i].l); dump(arr[i].tail, 3); }
  out(*pa); out(**ppa); out(diff); out(table[0](4)); out(table[1](5)); out(!table[2]); out(!fp); out(lit->a); out(il[2]); out(sz);
  for (int i = 0; opts[i].name; i++) { out(opts[i].name[0]); out(opts[i].has); out(opts[i].flag ? *opts[i].flag : -1); out(opts[i].val); }
  out(bf.x); out(bf.y); out(bf.z); out(en); out(neg); out(sh); out(bo);
  int la[5] = { [3] = 1, 2 }, n = 3; struct S ls = { .a = n, .in = { n + 1, { n + 2, .0 } }, .ptr = &n, .tail = "z" }; char ch[6] = "loc"; char un[] = { 'a', 'b' };
  dump(la, sizeof la); out(ls.a); out(ls.in.b); dump(ls.in.c, 6); out(*ls.ptr); out(ls.l); dump(ls.tail, 3); dump(ch, 6); out(sizeof un);
  struct S copy[2] = { ls, { n } }; out(copy[0].in.c[0]); out(copy[1].a); out(copy[1].in.b); int sc = { 4 }; out(sc); struct S zero = {}; out(zero.a + zero.in.c[2]);
  for (int i = 0; i < 3; i++) { int fresh[2] = { i }; out(fresh[0] + fresh[1]); fresh[1] = 9; struct S *x = &(struct S){ i + 1 }; out(x->a); x->a = 5; }
  out(((int[]){ 1, 2, 3 })[n - 1]); union { struct { int a, b; }; long l; } un2 = { { 1, 2 } }; out(un2.l); double dd[] = { 1, 'b' }; out(dd[1]);
}""",
    "pointers": """
struct N { int v; struct N *next; }; struct Pair { uint16_t a, b; uint32_t c; };
static int walk(struct N *n) { int s = 0; for (; n; n = n->next) s += n->v; return s; }
static void set(void **out_) { static int x = 31; *out_ = &x; }
static void swap(int *a, int *b) { int t = *a; *a = *b; *b = t; }
static int apply(int (*f)(int, int), int a, int b) { int r = f(a, b); r += (*f)(b, a); return r + (**f)(1, 1); }
static int sub(int a, int b) { return a - b; }
typedef unsigned hash_fn(void *); static unsigned h(void *p) { return __builtin_ia32_crc32si(7, *(uint32_t *)p); } static unsigned call(hash_fn *f, hash_fn g, void *p) { unsigned r = f(p); return r ^ g(p) ^ 1; }
static int sumarr(int a[static 3], int n) { int s = 0; while (n--) s += *a++; return s; }
void run(void) {
  struct N c = { 3, 0 }, b = { 2, &c }, a = { 1, &b }; out(walk(&a)); out(a.next->next->v); a.next->next->v++; out(c.v);
  int *p; set((void **)&p); out(*p); int x[5] = { 1, 2, 3, 4, 5 }, *q = x + 4; out(q - x); out(*--q); out(*q--); out(q[1]); out(2[x]); out(&x[4] - q); q -= -1; out(*q); q += 1u; out(*q);
  swap(&x[0], x + 1); out(x[0]); out(x[1]); out(apply(sub, 5, 3)); out(call(h, h, x)); out(call(&h, *h, x)); out(sumarr(x, 3));
  struct Pair pr = { 0x1234, 0x5678, 0x9abcdef0 }; uint8_t *raw = (uint8_t *)&pr; for (int i = 0; i < 8; i++) out(raw[i]); out(*(uint32_t *)&pr); out(((struct Pair *)raw)->c); out(*(uint16_t *)(raw + 2));
  void *v = x; out(((int *)v)[2]); out((char *)&x[2] - (char *)v); v += 4; out(*(int *)v); out(v == x + 1); out(v > (void *)x); out(!v); out(v && x); out((uintptr_t)v - (uintptr_t)x); out(p ? 1 : 2);
  int m[3][4]; for (int i = 0; i < 12; i++) m[i / 4][i % 4] = i; int (*row)[4] = m; out(row[1][2]); out((*(row + 2))[3]); out(sizeof *row); out(sizeof m[0][0]); out(&m[2] - &m[0]); out(*(*(m + 1) + 1));
  char str[] = "hello"; char *e = str; while (*e) e++; out(e - str); *e = '!'; out(str[5]); const char *lit = "abc"; out(lit[1]); out("xyz"[2]); out(sizeof "abc"); out(*"q"); e = NULL; out(e == 0); out(e == NULL); out(0 == e);
  int i = 2; long l = -1; unsigned u = 1; out(*(x + i + l)); out(x[i - u]); out(*(&x[3] - u)); uint8_t idx = 255; out((&str[0] + 256 - 255)[idx - 254]); int **pp = &p; **pp = 8; out(*p); out(*&x[1]); out(&*p == p);
  out(sum(3, (char)-1, (short)5, 'a')); out(sum(2, idx, (_Bool)7)); int *mem = malloc(12); mem[2] = 5; out(mem[2]); uint64_t big = (uint64_t)(uint32_t)-1 << 8; out(big);
}""",
    "evaluation": """
static int calls; static int t(int r) { calls = calls * 10 + r; return r; } static int g; static int next(void) { return ++g; } static bool is(int x) { return x & 6; } static unsigned char narrow(int x) { return x; } static void nothing(void) {}
static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); } static int even(int n); static int odd(int n) { return n ? even(n - 1) : 0; } static int even(int n) { return n ? odd(n - 1) : 1; }
static int counter(void) { static int n = 5; static int table[] = { 1, 2, 3 }; int t = table[n % 3]; return n++ + t; } static int other(void) { static int n; return ++n; }
static int vla_like(const int n) { enum { M = 4 }; int a[M * 2] = { n }; return sizeof a + a[0]; } static bool both(int a, int b) { return a == 3 && b != 4 || a > b; } static _Bool ptr(void *p) { return p; }
void run(void) {
  out(t(0) && t(1)); out(calls); out(t(2) || t(3)); out(calls); out((t(4) && t(0)) || !t(5)); out(calls); calls = 0; if (t(1) && (t(0) || t(2)) && !t(0)) out(calls); else out(0);
  int x = (next(), next(), next()); out(x); out(g); int y = x++ + 10; out(y); out(x); y += x <<= 2; out(x); out(y); x = y = 6; out(x ^= y |= 9); out(is(4)); out(is(8)); out(narrow(-1)); out(fib(12)); out(even(7)); out(odd(7));
  out(counter()); out(counter()); out(other()); out(other()); out(vla_like(3)); out(both(3, 5)); out(both(3, 4)); out(both(9, 4)); out(ptr(&x)); out(ptr(0)); nothing(); out(({ int q = 3; q *= 2; q + 1; })); out(({ int r = 0; for (int i = 0; i < 4; i++) r += i; r; }));
  out(1 ? 2 : 1 ? 3 : 4); int a = 5; out(a > 3 ? a < 10 ? 1 : 2 : 3); a > 3 ? (void)t(7) : (void)0; out(calls); out((a, 8)); bool b = a == 5 && x; out(b); b = 256; out(b); b += 3; out(b); b--; out(b); b = !b; out(b);
  { int a = 1; { int a = 2; out(a); } out(a); } out(a); int self = sizeof self; out(self); out(sizeof(struct { char c; long l; })); out(_Alignof(long)); out(sizeof(char[7])); out(sizeof calls + sizeof(out)); out(-7 / 2); out(-7 % 3); out(-7 >> 1); out((unsigned)-7 >> 28);
  out(strlen(__func__)); unsigned char c = 255; c++; out(c); c = c - 1; out(c); out(c + 1); out((unsigned char)(c + 1)); short s = 0x7fff; s++; out(s); out(~c); out(!c); out(c << 24 < 0); uint16_t h = 0xffff; out(h * h); out((uint32_t)h << 16 | h); int64_t now = 5; now = now - 10u; out(now); now = 1; out(now - 2u < 0);
  out(__builtin_bswap16(0x1234)); out(__builtin_bswap32(0x12345678 + g)); out(__builtin_bswap64(0x1122334455667788 + g)); out(__builtin_expect(a == 5, 1)); if (__builtin_expect(!!(a && b), 0)) out(1); else out(2); out(0x7fffffff + 1u); out('a' + '\\''); out(1000000007ull * 998244353 % 1000003);
}""",
}


@pytest.mark.parametrize("name", CASES)
def test_as_gcc(tmp_path: Path, name: str) -> None:
    check(tmp_path, CASES[name])


def test_several_files(tmp_path: Path) -> None:
    """Linkage: statics of one name in each file, externs across files, tentative definitions, a header's inline function."""
    (tmp_path / "shared.h").write_text(
        "struct State { int n; char *name; };\nextern struct State state; extern int table[]; int helper(int);\n"
        "static int local; static inline int inc(int x) { return x + 1; }\n"
        "static inline int twice(int x) { return inc(inc(x)); } static inline int count(void) { static int n; return ++n; }\n"
    )
    output = check(
        tmp_path,
        '#include "shared.h"\nstatic int secret(void) { return 1; }\nint common; int common;\nstruct State state = { 3, "x" };\n'
        "void run(void) { local = 5; out(secret() + helper(2)); out(state.n); out(table[2]); out(local); out(twice(7)); out(count());"
        " out(count()); out(helper(3)); extern int late; out(late); }\nint late = 44;",
        '#include "shared.h"\nstatic int secret(void) { return 10; }\nint table[3] = { 1, 2, 3 }; extern int common; struct other;\n'
        "int helper(int n) { local++; state.n += n; common = local; return secret() * n + twice(1) + count() + common; }",
    )
    assert output[4] == 9


@pytest.mark.parametrize("flags", [(), ("FLAVOUR=2",)])
def test_defines_reach_the_preprocessor(tmp_path: Path, flags: tuple[str, ...]) -> None:
    from maestro_tool.frontend import load_program

    source = tmp_path / "a.c"
    source.write_text("#ifndef FLAVOUR\n#define FLAVOUR 1\n#endif\nint flavour = FLAVOUR;\n")
    program = load_program([source], (), flags)
    assert program.globals["flavour"].initial[0].value.value == (2 if flags else 1)  # type: ignore[union-attr]
