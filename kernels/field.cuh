// Arithmetic modulo 256-bit primes, shared by the curves: wide products, Montgomery
// multiplication for any odd modulus, and inversion.
//
// Nothing here runs in constant time: what the chain holds is public.
#pragma once
#include "cells.cuh"

FN u256 field_load(const u8* p) { // big-endian
  return u256{{load64_be(p + 24), load64_be(p + 16), load64_be(p + 8), load64_be(p)}};
}
FN void field_store(u8* p, const u256& a) {
  UNROLL for (int i = 0; i < 4; i++) store64_be(p + 24 - 8 * i, a.w[i]);
}
FN bool field_is_zero(const u256& a) { return (a.w[0] | a.w[1] | a.w[2] | a.w[3]) == 0; }
FN bool field_equal(const u256& a, const u256& b) {
  return ((a.w[0] ^ b.w[0]) | (a.w[1] ^ b.w[1]) | (a.w[2] ^ b.w[2]) | (a.w[3] ^ b.w[3])) == 0;
}
// add_words and sub_words return the carry.
FN u64 add_words(u256* r, const u256& a, const u256& b) { return add_wide(r->w, a.w, b.w); }
FN u64 sub_words(u256* r, const u256& a, const u256& b) { return sub_wide(r->w, a.w, b.w); }
FN bool field_less(const u256& a, const u256& b) {
  u256 d;
  return sub_words(&d, a, b) != 0;
}
FN u256 field_select(bool first, const u256& a, const u256& b) {
  u64 m = 0 - (u64)first;
  u256 r;
  UNROLL for (int i = 0; i < 4; i++) r.w[i] = (a.w[i] & m) | (b.w[i] & ~m);
  return r;
}

// ---- Montgomery form: a stands for a * 2^256 mod m. M names a modulus:
//   struct M { static constexpr u64 m0.., m3, inv /* -1/m mod 2^64 */, one0.., r20..; };

template <class M> FN u256 modulus() { return u256{{M::m0, M::m1, M::m2, M::m3}}; }
template <class M> FN u256 mont_one() { return u256{{M::one0, M::one1, M::one2, M::one3}}; }

// reduce_once takes m off where the number, with its carry, is not below m.
template <class M> FN u256 reduce_once(const u256& a, u64 carry) {
  u256 d;
  u64 borrow = sub_words(&d, a, modulus<M>());
  return field_select(carry >= borrow, d, a);
}

// mont_reduce is t / 2^256 mod m, for t below m * 2^256.
template <class M> FN u256 mont_reduce(u64 t[8]) {
  const u64 m[4] = {M::m0, M::m1, M::m2, M::m3};
  u64 top = 0;
  UNROLL for (int i = 0; i < 4; i++) {
    u64 c = mul_word_add(t + i, m, t[i] * M::inv, t + i);
    t[i + 4] = add_carry(t[i + 4], c, &top);
  }
  return reduce_once<M>(u256{{t[4], t[5], t[6], t[7]}}, top);
}
template <class M> FN u256 mont_mul(const u256& a, const u256& b) {
  u64 t[8];
  mul_wide(t, a.w, b.w);
  return mont_reduce<M>(t);
}
template <class M> FN u256 mont_add(const u256& a, const u256& b) {
  u256 s;
  u64 c = add_words(&s, a, b);
  return reduce_once<M>(s, c);
}
template <class M> FN u256 mont_sub(const u256& a, const u256& b) {
  u256 d, e;
  u64 borrow = sub_words(&d, a, b);
  add_words(&e, d, modulus<M>());
  return field_select(borrow, e, d);
}
// mont_product is mont_mul for where a call does: it is one copy.
template <class M> CALL_FN u256 mont_product(u256 a, u256 b) { return mont_mul<M>(a, b); }
template <class M> FN u256 to_mont(const u256& a) {
  return mont_product<M>(a, u256{{M::r20, M::r21, M::r22, M::r23}});
}
template <class M> FN u256 from_mont(const u256& a) { return mont_product<M>(a, u256{{1, 0, 0, 0}}); }

// ---- inversion: Bernstein and Yang's safegcd, in its variable-time form as known from
// libsecp256k1. Numbers are five signed limbs of 62 bits. It costs a fifth of a power by
// Fermat, and serves every modulus with one copy of the code.

struct Signed62 {
  i64 v[5];
};

// Step is a 2x2 matrix: what 62 division steps do to (f, g), times 2^62.
struct GcdSteps {
  i64 u, v, q, r;
};

// Wide is a signed 128-bit sum.
struct Wide {
  u64 lo, hi;
};
FN void wide_add_product(Wide* w, i64 a, i64 b) {
  u64 lo = (u64)a * (u64)b;
  u64 hi = mul_high((u64)a, (u64)b) - ((u64)(a >> 63) & (u64)b) - ((u64)(b >> 63) & (u64)a);
  u64 c = 0;
  w->lo = add_carry(w->lo, lo, &c);
  w->hi = add_carry(w->hi, hi, &c);
}
FN void wide_shift62(Wide* w) {
  w->lo = w->lo >> 62 | w->hi << 2;
  w->hi = (u64)((i64)w->hi >> 62);
}
static constexpr u64 MASK62 = ~0ull >> 2;

FN Signed62 to_signed62(const u256& a) {
  Signed62 r;
  r.v[0] = (i64)(a.w[0] & MASK62);
  r.v[1] = (i64)((a.w[0] >> 62 | a.w[1] << 2) & MASK62);
  r.v[2] = (i64)((a.w[1] >> 60 | a.w[2] << 4) & MASK62);
  r.v[3] = (i64)((a.w[2] >> 58 | a.w[3] << 6) & MASK62);
  r.v[4] = (i64)(a.w[3] >> 56);
  return r;
}

FN i64 gcd_steps(i64 eta, u64 f, u64 g, GcdSteps* t) {
  u64 u = 1, v = 0, q = 0, r = 1;
  for (int left = 62;;) {
    int zeros = trailing_zeros(g | ~0ull << left);
    g >>= zeros;
    u <<= zeros;
    v <<= zeros;
    eta -= zeros;
    left -= zeros;
    if (left == 0) break;
    bool swap = eta < 0;
    if (swap) {
      u64 x;
      eta = -eta;
      x = f, f = g, g = 0 - x;
      x = u, u = q, q = 0 - x;
      x = v, v = r, r = 0 - x;
    }
    // Up to `limit` low bits of g can be cancelled at once by adding a multiple of f: six
    // right after a swap, else four, which takes a shorter inverse.
    int limit = eta + 1 > left ? left : (int)eta + 1;
    u64 m = ~0ull >> (64 - limit), w;
    if (swap) {
      w = f * g * (f * f - 2) & m & 63;
    } else {
      w = f + (((f + 1) & 4) << 1);
      w = (0 - w) * g & m & 15;
    }
    g += f * w;
    q += u * w;
    r += v * w;
  }
  t->u = (i64)u, t->v = (i64)v, t->q = (i64)q, t->r = (i64)r;
  return eta;
}

// gcd_update_de applies t / 2^62 modulo m; d and e stay in (-2m, m).
FN void gcd_update_de(Signed62* d, Signed62* e, const GcdSteps& t, const Signed62& m, u64 m_inverse) {
  i64 sd = d->v[4] >> 63, se = e->v[4] >> 63;
  i64 md = (t.u & sd) + (t.v & se), me = (t.q & sd) + (t.r & se);
  Wide cd = {0, 0}, ce = {0, 0};
  wide_add_product(&cd, t.u, d->v[0]);
  wide_add_product(&cd, t.v, e->v[0]);
  wide_add_product(&ce, t.q, d->v[0]);
  wide_add_product(&ce, t.r, e->v[0]);
  md -= (i64)((m_inverse * cd.lo + (u64)md) & MASK62);
  me -= (i64)((m_inverse * ce.lo + (u64)me) & MASK62);
  wide_add_product(&cd, m.v[0], md);
  wide_add_product(&ce, m.v[0], me);
  wide_shift62(&cd);
  wide_shift62(&ce);
  UNROLL for (int i = 1; i < 5; i++) {
    wide_add_product(&cd, t.u, d->v[i]);
    wide_add_product(&cd, t.v, e->v[i]);
    wide_add_product(&cd, m.v[i], md);
    wide_add_product(&ce, t.q, d->v[i]);
    wide_add_product(&ce, t.r, e->v[i]);
    wide_add_product(&ce, m.v[i], me);
    d->v[i - 1] = (i64)(cd.lo & MASK62);
    e->v[i - 1] = (i64)(ce.lo & MASK62);
    wide_shift62(&cd);
    wide_shift62(&ce);
  }
  d->v[4] = (i64)cd.lo;
  e->v[4] = (i64)ce.lo;
}

FN void gcd_update_fg(Signed62* f, Signed62* g, const GcdSteps& t) {
  Wide cf = {0, 0}, cg = {0, 0};
  wide_add_product(&cf, t.u, f->v[0]);
  wide_add_product(&cf, t.v, g->v[0]);
  wide_add_product(&cg, t.q, f->v[0]);
  wide_add_product(&cg, t.r, g->v[0]);
  wide_shift62(&cf);
  wide_shift62(&cg);
  UNROLL for (int i = 1; i < 5; i++) {
    wide_add_product(&cf, t.u, f->v[i]);
    wide_add_product(&cf, t.v, g->v[i]);
    wide_add_product(&cg, t.q, f->v[i]);
    wide_add_product(&cg, t.r, g->v[i]);
    f->v[i - 1] = (i64)(cf.lo & MASK62);
    g->v[i - 1] = (i64)(cg.lo & MASK62);
    wide_shift62(&cf);
    wide_shift62(&cg);
  }
  f->v[4] = (i64)cf.lo;
  g->v[4] = (i64)cg.lo;
}

FN void signed62_carry(Signed62* a) {
  UNROLL for (int i = 0; i < 4; i++) {
    a->v[i + 1] += a->v[i] >> 62;
    a->v[i] &= (i64)MASK62;
  }
}

// field_inverse is 1/x modulo the odd m, 0 of 0. x is below m.
CALL_FN u256 field_inverse(u256 x, u256 modulus) {
  Signed62 m = to_signed62(modulus), f = m, g = to_signed62(x);
  Signed62 d = {{0, 0, 0, 0, 0}}, e = {{1, 0, 0, 0, 0}};
  u64 m_inverse = modulus.w[0]; // right in 3 bits; each step doubles them
  UNROLL for (int i = 0; i < 5; i++) m_inverse *= 2 - modulus.w[0] * m_inverse;
  i64 eta = -1;
  while (g.v[0] | g.v[1] | g.v[2] | g.v[3] | g.v[4]) {
    GcdSteps t;
    eta = gcd_steps(eta, (u64)f.v[0], (u64)g.v[0], &t);
    gcd_update_de(&d, &e, t, m, m_inverse);
    gcd_update_fg(&f, &g, t);
  }
  // f is 1 or -1, and d its inverse's share, in (-2m, m).
  i64 negative = d.v[4] >> 63, negate = f.v[4] >> 63;
  UNROLL for (int i = 0; i < 5; i++) d.v[i] = ((d.v[i] + (m.v[i] & negative)) ^ negate) - negate;
  signed62_carry(&d);
  negative = d.v[4] >> 63;
  UNROLL for (int i = 0; i < 5; i++) d.v[i] += m.v[i] & negative;
  signed62_carry(&d);
  return u256{{(u64)d.v[0] | (u64)d.v[1] << 62, (u64)d.v[1] >> 2 | (u64)d.v[2] << 60,
               (u64)d.v[2] >> 4 | (u64)d.v[3] << 58, (u64)d.v[3] >> 6 | (u64)d.v[4] << 56}};
}

// mont_inverse takes and returns Montgomery form.
template <class M> FN u256 mont_inverse(const u256& a) {
  return to_mont<M>(field_inverse(from_mont<M>(a), modulus<M>()));
}
