// The curve bn254 (alt_bn128): addition, multiplication and the pairing check of EIP-196 and
// EIP-197.
//
// The pairing is the optimal ate one over Fp2[i]/(i^2 + 1), Fp6 = Fp2[v]/(v^3 - xi), Fp12 =
// Fp6[w]/(w^2 - v), xi = 9 + i. The second argument lies on the twist y^2 = x^3 + 3/xi; as
// (x w^2, y w^3) it lies on the curve over Fp12.
#pragma once
#include "precompile_errors.cuh"
#include "weierstrass.cuh"

struct BnPrime {
  static constexpr u64 m0 = 0x3c208c16d87cfd47, m1 = 0x97816a916871ca8d, m2 = 0xb85045b68181585d,
                       m3 = 0x30644e72e131a029;
  static constexpr u64 inv = 0x87d20782e4866389;
  static constexpr u64 one0 = 0xd35d438dc58f0d9d, one1 = 0x0a78eb28f5c70b3d, one2 = 0x666ea36f7879462c,
                       one3 = 0x0e0a77c19a07df2f;
  static constexpr u64 r20 = 0xf32cfc5b538afa89, r21 = 0xb5e71911d44501fb, r22 = 0x47ab1eff0a417ff6,
                       r23 = 0x06d89f71cab8351f;
};

static constexpr u64 BN_X = 0x44e992b44a6909f1; // the curve's parameter

FN u256 bn_add(const u256& a, const u256& b) { return mont_add<BnPrime>(a, b); }
FN u256 bn_sub(const u256& a, const u256& b) { return mont_sub<BnPrime>(a, b); }
FN u256 bn_zero() { return u256{{0, 0, 0, 0}}; }
FN u256 bn_mul(const u256& a, const u256& b) { return mont_product<BnPrime>(a, b); }
FN u256 bn_half(const u256& a) {
  u256 s, p = modulus<BnPrime>();
  UNROLL for (int i = 0; i < 4; i++) p.w[i] &= 0 - (a.w[0] & 1);
  add_words(&s, a, p); // below 2^255
  return u256{{s.w[0] >> 1 | s.w[1] << 63, s.w[1] >> 1 | s.w[2] << 63, s.w[2] >> 1 | s.w[3] << 63, s.w[3] >> 1}};
}

struct BnField {
  typedef u256 T;
  static constexpr bool minus3 = false;
  FN T add(const T& a, const T& b) { return bn_add(a, b); }
  FN T sub(const T& a, const T& b) { return bn_sub(a, b); }
  FN T mul(const T& a, const T& b) { return bn_mul(a, b); }
  FN T square(const T& a) { return bn_mul(a, a); }
  FN T one() { return mont_one<BnPrime>(); }
  FN bool is_zero(const T& a) { return field_is_zero(a); }
};

// ---- Fp2

struct Fp2 {
  u256 re, im;
};

// Called through pointers: there are hundreds of them.
CALL_FN void fp2_sum(Fp2* r, const Fp2* a, const Fp2* b) {
  r->re = bn_add(a->re, b->re);
  r->im = bn_add(a->im, b->im);
}
CALL_FN void fp2_difference(Fp2* r, const Fp2* a, const Fp2* b) {
  r->re = bn_sub(a->re, b->re);
  r->im = bn_sub(a->im, b->im);
}
FN Fp2 fp2_add(const Fp2& a, const Fp2& b) {
  Fp2 r;
  fp2_sum(&r, &a, &b);
  return r;
}
FN Fp2 fp2_sub(const Fp2& a, const Fp2& b) {
  Fp2 r;
  fp2_difference(&r, &a, &b);
  return r;
}
FN Fp2 fp2_twice(const Fp2& a) { return fp2_add(a, a); }
FN Fp2 fp2_half(const Fp2& a) { return Fp2{bn_half(a.re), bn_half(a.im)}; }
FN Fp2 fp2_zero() { return Fp2{bn_zero(), bn_zero()}; }
FN Fp2 fp2_one() { return Fp2{mont_one<BnPrime>(), bn_zero()}; }
FN Fp2 fp2_negate(const Fp2& a) { return fp2_sub(fp2_zero(), a); }
FN Fp2 fp2_conjugate(const Fp2& a) { return Fp2{a.re, bn_sub(bn_zero(), a.im)}; }
FN bool fp2_is_zero(const Fp2& a) { return field_is_zero(a.re) && field_is_zero(a.im); }

CALL_FN void fp2_product(Fp2* r, const Fp2* a, const Fp2* b) {
  u256 re = mont_mul<BnPrime>(a->re, b->re), im = mont_mul<BnPrime>(a->im, b->im);
  u256 both = mont_mul<BnPrime>(bn_add(a->re, a->im), bn_add(b->re, b->im));
  r->re = bn_sub(re, im);
  r->im = bn_sub(bn_sub(both, re), im);
}
CALL_FN void fp2_squared(Fp2* r, const Fp2* a) {
  u256 re = mont_mul<BnPrime>(bn_add(a->re, a->im), bn_sub(a->re, a->im));
  u256 im = mont_mul<BnPrime>(a->re, a->im);
  r->re = re;
  r->im = bn_add(im, im);
}
FN Fp2 fp2_mul(const Fp2& a, const Fp2& b) {
  Fp2 r;
  fp2_product(&r, &a, &b);
  return r;
}
FN Fp2 fp2_square(const Fp2& a) {
  Fp2 r;
  fp2_squared(&r, &a);
  return r;
}
FN Fp2 fp2_scale(const Fp2& a, const u256& k) { return Fp2{bn_mul(a.re, k), bn_mul(a.im, k)}; }

// fp2_times_xi is (9 + i) a.
CALL_FN Fp2 fp2_times_xi(Fp2 a) {
  Fp2 nine = fp2_add(fp2_twice(fp2_twice(fp2_twice(a))), a);
  return Fp2{bn_sub(nine.re, a.im), bn_add(nine.im, a.re)};
}
CALL_FN Fp2 fp2_inverse(Fp2 a) {
  u256 n = mont_inverse<BnPrime>(bn_add(bn_mul(a.re, a.re), bn_mul(a.im, a.im)));
  return fp2_scale(fp2_conjugate(a), n);
}

struct TwistField {
  typedef Fp2 T;
  static constexpr bool minus3 = false;
  FN T add(const T& a, const T& b) { return fp2_add(a, b); }
  FN T sub(const T& a, const T& b) { return fp2_sub(a, b); }
  FN T mul(const T& a, const T& b) { return fp2_mul(a, b); }
  FN T square(const T& a) { return fp2_square(a); }
  FN T one() { return fp2_one(); }
  FN bool is_zero(const T& a) { return fp2_is_zero(a); }
};

// ---- Fp6 and Fp12

struct Fp6 {
  Fp2 c[3];
};
struct Fp12 {
  Fp6 c[2];
};

FN Fp6 fp6_add(const Fp6& a, const Fp6& b) {
  Fp6 r;
  for (int i = 0; i < 3; i++) r.c[i] = fp2_add(a.c[i], b.c[i]);
  return r;
}
FN Fp6 fp6_sub(const Fp6& a, const Fp6& b) {
  Fp6 r;
  for (int i = 0; i < 3; i++) r.c[i] = fp2_sub(a.c[i], b.c[i]);
  return r;
}
FN Fp6 fp6_times_v(const Fp6& a) { return Fp6{{fp2_times_xi(a.c[2]), a.c[0], a.c[1]}}; }

CALL_FN void fp6_mul(Fp6* r, const Fp6* a, const Fp6* b) {
  const Fp2 *x = a->c, *y = b->c;
  Fp2 t0 = fp2_mul(x[0], y[0]), t1 = fp2_mul(x[1], y[1]), t2 = fp2_mul(x[2], y[2]);
  Fp2 u12 = fp2_sub(fp2_sub(fp2_mul(fp2_add(x[1], x[2]), fp2_add(y[1], y[2])), t1), t2);
  Fp2 u01 = fp2_sub(fp2_sub(fp2_mul(fp2_add(x[0], x[1]), fp2_add(y[0], y[1])), t0), t1);
  Fp2 u02 = fp2_sub(fp2_sub(fp2_mul(fp2_add(x[0], x[2]), fp2_add(y[0], y[2])), t0), t2);
  r->c[0] = fp2_add(t0, fp2_times_xi(u12));
  r->c[1] = fp2_add(u01, fp2_times_xi(t2));
  r->c[2] = fp2_add(u02, t1);
}

// fp6_mul_line multiplies by y0 + y1 v.
CALL_FN void fp6_mul_line(Fp6* r, const Fp6* a, const Fp2* y0, const Fp2* y1) {
  const Fp2* x = a->c;
  Fp2 t0 = fp2_mul(x[0], *y0), t1 = fp2_mul(x[1], *y1);
  Fp2 x2y1 = fp2_mul(x[2], *y1), x2y0 = fp2_mul(x[2], *y0);
  Fp2 u = fp2_sub(fp2_sub(fp2_mul(fp2_add(x[0], x[1]), fp2_add(*y0, *y1)), t0), t1);
  r->c[0] = fp2_add(t0, fp2_times_xi(x2y1));
  r->c[1] = u;
  r->c[2] = fp2_add(t1, x2y0);
}

CALL_FN void fp6_inverse(Fp6* r, const Fp6* a) {
  const Fp2* x = a->c;
  Fp2 t0 = fp2_sub(fp2_square(x[0]), fp2_times_xi(fp2_mul(x[1], x[2])));
  Fp2 t1 = fp2_sub(fp2_times_xi(fp2_square(x[2])), fp2_mul(x[0], x[1]));
  Fp2 t2 = fp2_sub(fp2_square(x[1]), fp2_mul(x[0], x[2]));
  Fp2 n = fp2_add(fp2_mul(x[2], t1), fp2_mul(x[1], t2));
  n = fp2_inverse(fp2_add(fp2_mul(x[0], t0), fp2_times_xi(n)));
  r->c[0] = fp2_mul(t0, n);
  r->c[1] = fp2_mul(t1, n);
  r->c[2] = fp2_mul(t2, n);
}

FN void fp12_set_one(Fp12* r) {
  for (int i = 0; i < 6; i++) r->c[i / 3].c[i % 3] = i == 0 ? fp2_one() : fp2_zero();
}

CALL_FN void fp12_mul(Fp12* r, const Fp12* a, const Fp12* b) {
  Fp6 t0, t1, s = fp6_add(a->c[0], a->c[1]), u = fp6_add(b->c[0], b->c[1]);
  fp6_mul(&t0, &a->c[0], &b->c[0]);
  fp6_mul(&t1, &a->c[1], &b->c[1]);
  fp6_mul(&s, &s, &u);
  r->c[1] = fp6_sub(fp6_sub(s, t0), t1);
  r->c[0] = fp6_add(t0, fp6_times_v(t1));
}

CALL_FN void fp12_square(Fp12* r) {
  Fp6 t, s = fp6_add(r->c[0], r->c[1]), u = fp6_add(r->c[0], fp6_times_v(r->c[1]));
  fp6_mul(&t, &r->c[0], &r->c[1]);
  fp6_mul(&s, &s, &u);
  r->c[0] = fp6_sub(fp6_sub(s, t), fp6_times_v(t));
  r->c[1] = fp6_add(t, t);
}

// fp12_mul_line multiplies by a line: c0 + c1 w + c3 w^3.
CALL_FN void fp12_mul_line(Fp12* f, const Fp2* c0, const Fp2* c1, const Fp2* c3) {
  Fp6 t0, t1, s = fp6_add(f->c[0], f->c[1]);
  for (int i = 0; i < 3; i++) t0.c[i] = fp2_mul(f->c[0].c[i], *c0);
  fp6_mul_line(&t1, &f->c[1], c1, c3);
  Fp2 sum = fp2_add(*c0, *c1);
  fp6_mul_line(&s, &s, &sum, c3);
  f->c[1] = fp6_sub(fp6_sub(s, t0), t1);
  f->c[0] = fp6_add(t0, fp6_times_v(t1));
}

// fp12_conjugate is the p^6th power.
FN void fp12_conjugate(Fp12* f) {
  for (int i = 0; i < 3; i++) f->c[1].c[i] = fp2_negate(f->c[1].c[i]);
}

CALL_FN void fp12_inverse(Fp12* r, const Fp12* a) {
  Fp6 t, u;
  fp6_mul(&t, &a->c[0], &a->c[0]);
  fp6_mul(&u, &a->c[1], &a->c[1]);
  t = fp6_sub(t, fp6_times_v(u));
  fp6_inverse(&t, &t);
  fp6_mul(&r->c[0], &a->c[0], &t);
  fp6_mul(&r->c[1], &a->c[1], &t);
  fp12_conjugate(r);
}

// xi^(k (p-1)/6) for k from 1 to 5, in Montgomery form: what w^k gains by the p-th power.
CONST_TABLE u64 BN_FROBENIUS[5][8] = {
  {0xaf9ba69633144907, 0xca6b1d7387afb78a, 0x11bded5ef08a2087, 0x02f34d751a1f3a7c,
   0xa222ae234c492d72, 0xd00f02a4565de15b, 0xdc2ff3a253dfc926, 0x10a75716b3899551},
  {0xb5773b104563ab30, 0x347f91c8a9aa6454, 0x7a007127242e0991, 0x1956bcd8118214ec,
   0x6e849f1ea0aa4757, 0xaa1c7b6d89f89141, 0xb6e713cdfae0ca3a, 0x26694fbb4e82ebc3},
  {0xe4bbdd0c2936b629, 0xbb30f162e133bacb, 0x31a9d1b6f9645366, 0x253570bea500f8dd,
   0xa1d77ce45ffe77c7, 0x07affd117826d1db, 0x6d16bd27bb7edc6b, 0x2c87200285defecc},
  {0x7361d77f843abe92, 0xa5bb2bd3273411fb, 0x9c941f314b3e2399, 0x15df9cddbb9fd3ec,
   0x5dddfd154bd8c949, 0x62cb29a5a4445b60, 0x37bc870a0c7dd2b9, 0x24830a9d3171f0fd},
  {0xc970692f41690fe7, 0xe240342127694b0b, 0x32bee66b83c459e8, 0x12aabced0ab08841,
   0x0d485d2340aebfa9, 0x05193418ab2fcc57, 0xd3b0a40b8a4910f5, 0x2f21ebb535d2925a},
};
FN Fp2 bn_frobenius(int k) {
  const u64* g = BN_FROBENIUS[k - 1];
  return Fp2{{{g[0], g[1], g[2], g[3]}}, {{g[4], g[5], g[6], g[7]}}};
}

// fp12_frobenius is the p-th power, `times` times.
CALL_FN void fp12_frobenius(Fp12* f, u32 times) {
  for (; times; times--)
    for (int i = 0; i < 6; i++) { // the coefficient of w^i
      Fp2* c = &f->c[i & 1].c[i >> 1];
      *c = fp2_conjugate(*c);
      if (i) *c = fp2_mul(*c, bn_frobenius(i));
    }
}

// fp4_square squares a + b s where s^2 = xi.
FN void fp4_square(Fp2* a, Fp2* b) {
  Fp2 aa = fp2_square(*a), bb = fp2_square(*b), s = fp2_square(fp2_add(*a, *b));
  *a = fp2_add(aa, fp2_times_xi(bb));
  *b = fp2_sub(fp2_sub(s, aa), bb);
}

// fp12_cyclotomic_square squares what the easy part of the final power leaves (Granger and
// Scott): three squarings in Fp4.
CALL_FN void fp12_cyclotomic_square(Fp12* f) {
  Fp2 *x = f->c[0].c, *y = f->c[1].c;
  Fp2 a[3] = {x[0], y[0], x[1]}, b[3] = {y[1], x[2], y[2]};
  for (int i = 0; i < 3; i++) fp4_square(&a[i], &b[i]);
  // 3 t - 2 x, and 3 t + 2 y
  x[0] = fp2_add(fp2_twice(fp2_sub(a[0], x[0])), a[0]);
  x[1] = fp2_add(fp2_twice(fp2_sub(a[1], x[1])), a[1]);
  x[2] = fp2_add(fp2_twice(fp2_sub(a[2], x[2])), a[2]);
  b[2] = fp2_times_xi(b[2]);
  y[0] = fp2_add(fp2_twice(fp2_add(b[2], y[0])), b[2]);
  y[1] = fp2_add(fp2_twice(fp2_add(b[0], y[1])), b[0]);
  y[2] = fp2_add(fp2_twice(fp2_add(b[1], y[2])), b[1]);
}

// fp12_power_x raises to BN_X. r is not a.
CALL_FN void fp12_power_x(Fp12* r, const Fp12* a) {
  *r = *a;
  for (int i = 61; i >= 0; i--) {
    fp12_cyclotomic_square(r);
    if (BN_X >> i & 1) fp12_mul(r, r, a);
  }
}

FN bool fp12_is_one(const Fp12& f) {
  bool one = field_equal(f.c[0].c[0].re, mont_one<BnPrime>()) && field_is_zero(f.c[0].c[0].im);
  for (int i = 1; i < 6; i++) one = one && fp2_is_zero(f.c[i / 3].c[i % 3]);
  return one;
}

// final_power raises to a multiple, prime to the group's order, of (p^12 - 1) / order: the
// hard part is Fuentes-Castaneda's. Its numbers are the caller's, since what a rare function
// keeps on its stack is set aside for every lane of a GPU.
CALL_FN void final_power(Fp12* f, Fp12 room[6]) {
  Fp12 &g = room[0], &t0 = room[1], &t1 = room[2], &t2 = room[3], &t3 = room[4], &t4 = room[5];
  fp12_inverse(&g, f);
  fp12_conjugate(f);
  fp12_mul(&g, &g, f);
  t0 = g;
  fp12_frobenius(&t0, 2);
  fp12_mul(&g, &g, &t0);

  fp12_power_x(&t0, &g);
  fp12_conjugate(&t0);
  fp12_cyclotomic_square(&t0); // -2x
  t1 = t0;
  fp12_cyclotomic_square(&t1);
  fp12_mul(&t1, &t1, &t0); // -6x
  fp12_power_x(&t2, &t1);
  fp12_conjugate(&t2); // 6x^2
  t3 = t1;
  fp12_conjugate(&t3);
  fp12_mul(&t1, &t2, &t3); // 6x^2 + 6x
  t3 = t2;
  fp12_cyclotomic_square(&t3); // 12x^2
  fp12_power_x(&t4, &t3);
  fp12_mul(&t4, &t4, &t1); // 12x^3 + 6x^2 + 6x
  fp12_mul(&t3, &t0, &t4); // 12x^3 + 6x^2 + 4x
  fp12_mul(&t0, &t2, &t4);
  fp12_mul(&t0, &t0, &g); // 12x^3 + 12x^2 + 6x + 1
  t2 = t3;
  fp12_frobenius(&t2, 1);
  fp12_mul(&t0, &t0, &t2);
  fp12_frobenius(&t4, 2);
  fp12_mul(&t0, &t0, &t4);
  fp12_conjugate(&g);
  fp12_mul(&t3, &t3, &g);
  fp12_frobenius(&t3, 3);
  fp12_mul(f, &t0, &t3);
}

// ---- points in and out

FN bool bn_decode(u256* r, const u8* in) {
  u256 a = field_load(in);
  *r = to_mont<BnPrime>(a);
  return field_less(a, modulus<BnPrime>());
}

// bn_point reads a point; zeros are infinity. It answers a PrecompileError.
CALL_FN u32 bn_point(Jacobian<BnField>* p, const u8 in[64]) {
  if (!bn_decode(&p->x, in) || !bn_decode(&p->y, in + 32)) return PRECOMPILE_FIELD_ENCODING;
  p->z = mont_one<BnPrime>();
  if (field_is_zero(p->x) && field_is_zero(p->y)) {
    set_infinity<BnField>(p);
    return PRECOMPILE_FINE;
  }
  u256 three = bn_add(bn_add(p->z, p->z), p->z);
  u256 right = bn_add(bn_mul(bn_mul(p->x, p->x), p->x), three);
  return field_equal(bn_mul(p->y, p->y), right) ? PRECOMPILE_FINE : PRECOMPILE_NOT_ON_CURVE;
}

CALL_FN void bn_write(u8 out[64], const Jacobian<BnField>& p) {
  u256 zi = mont_inverse<BnPrime>(p.z), zi2 = bn_mul(zi, zi); // of infinity: zeros
  field_store(out, from_mont<BnPrime>(bn_mul(p.x, zi2)));
  field_store(out + 32, from_mont<BnPrime>(bn_mul(p.y, bn_mul(zi2, zi))));
}

CALL_FN u32 bn254_add(u8 out[64], const u8 in[128]) {
  Jacobian<BnField> p, q;
  u32 error = bn_point(&p, in);
  if (!error) error = bn_point(&q, in + 64);
  if (error) return error;
  point_add<BnField>(&p, &q);
  bn_write(out, p);
  return PRECOMPILE_FINE;
}

CALL_FN u32 bn254_mul(u8 out[64], const u8 in[96]) {
  Jacobian<BnField> p, sum;
  u32 error = bn_point(&p, in);
  if (error) return error;
  u256 k = field_load(in + 64);
  point_combine<BnField>(&sum, &p, &k, 1);
  bn_write(out, sum);
  return PRECOMPILE_FINE;
}

FN Fp2 twist_b() { // 3 / xi
  return Fp2{{{0x3bf938e377b802a8, 0x020b1b273633535d, 0x26b7edf049755260, 0x2514c6324384a86d}},
             {{0x38e7ecccd1dcff67, 0x65f0b37d93ce0d3e, 0xd749d0dd22ac00aa, 0x0141b9ce4a688d4d}}};
}

// twist_psi is the p-th power of a point, seen on the twist.
FN void twist_psi(Jacobian<TwistField>* p) {
  p->x = fp2_mul(fp2_conjugate(p->x), bn_frobenius(2));
  p->y = fp2_mul(fp2_conjugate(p->y), bn_frobenius(3));
  p->z = fp2_conjugate(p->z);
}

// in_subgroup: [x+1]q + psi([x]q) + psi^2([x]q) = psi^3([2x]q) holds just there (El Housni,
// Guillevic and Piellard, eprint 2022/348).
CALL_FN bool in_subgroup(const Jacobian<TwistField>* q) {
  Jacobian<TwistField> xq = *q;
  for (int i = 61; i >= 0; i--) {
    point_double<TwistField>(&xq);
    if (BN_X >> i & 1) point_add<TwistField>(&xq, q);
  }
  Jacobian<TwistField> sum = xq, right = xq;
  point_add<TwistField>(&sum, q);
  twist_psi(&right);
  point_add<TwistField>(&sum, &right);
  twist_psi(&right);
  point_add<TwistField>(&sum, &right);
  twist_psi(&right);
  point_double<TwistField>(&right);
  return points_equal<TwistField>(sum, right);
}

CALL_FN u32 twist_point(Jacobian<TwistField>* q, const u8 in[128]) {
  if (!bn_decode(&q->x.im, in) || !bn_decode(&q->x.re, in + 32) || !bn_decode(&q->y.im, in + 64) ||
      !bn_decode(&q->y.re, in + 96))
    return PRECOMPILE_FIELD_ENCODING;
  if (fp2_is_zero(q->x) && fp2_is_zero(q->y)) {
    set_infinity<TwistField>(q);
    return PRECOMPILE_FINE;
  }
  q->z = fp2_one();
  Fp2 right = fp2_add(fp2_mul(fp2_square(q->x), q->x), twist_b());
  if (!fp2_is_zero(fp2_sub(fp2_square(q->y), right))) return PRECOMPILE_NOT_ON_CURVE;
  return in_subgroup(q) ? PRECOMPILE_FINE : PRECOMPILE_NOT_IN_SUBGROUP;
}

// ---- the pairing

// BnPair is a pair in the Miller loop: the point p of the curve, q of the twist, and the
// multiple t of q, homogeneous (x/z, y/z).
struct BnPair {
  u256 px, py;
  Fp2 qx, qy, tx, ty, tz;
};

// double_step doubles t and multiplies f by the tangent's value at p (Costello, Lange and
// Naehrig), scaled by 2 y z.
CALL_FN void double_step(Fp12* f, BnPair* s) {
  Fp2 a = fp2_half(fp2_mul(s->tx, s->ty)), b = fp2_square(s->ty), c = fp2_square(s->tz);
  Fp2 bt = twist_b();
  Fp2 e = fp2_mul(fp2_add(fp2_twice(bt), bt), c), three_e = fp2_add(fp2_twice(e), e);
  Fp2 h = fp2_sub(fp2_square(fp2_add(s->ty, s->tz)), fp2_add(b, c));
  Fp2 xx = fp2_square(s->tx), g = fp2_half(fp2_add(b, three_e)), ee = fp2_square(e);
  s->tx = fp2_mul(a, fp2_sub(b, three_e));
  s->ty = fp2_sub(fp2_square(g), fp2_add(fp2_twice(ee), ee));
  s->tz = fp2_mul(b, h);
  Fp2 c0 = fp2_scale(h, s->py), c1 = fp2_negate(fp2_scale(fp2_add(fp2_twice(xx), xx), s->px)), c3 = fp2_sub(b, e);
  fp12_mul_line(f, &c0, &c1, &c3);
}

// add_step adds (qx, qy) to t and multiplies f by the value of the line through both.
CALL_FN void add_step(Fp12* f, BnPair* s, const Fp2* qx, const Fp2* qy) {
  Fp2 theta = fp2_sub(s->ty, fp2_mul(*qy, s->tz)), l = fp2_sub(s->tx, fp2_mul(*qx, s->tz));
  Fp2 c = fp2_square(theta), d = fp2_square(l), e = fp2_mul(l, d), g = fp2_mul(s->tx, d);
  Fp2 h = fp2_sub(fp2_add(e, fp2_mul(s->tz, c)), fp2_twice(g));
  s->tx = fp2_mul(l, h);
  s->ty = fp2_sub(fp2_mul(theta, fp2_sub(g, h)), fp2_mul(e, s->ty));
  s->tz = fp2_mul(s->tz, e);
  Fp2 c0 = fp2_scale(l, s->py), c1 = fp2_negate(fp2_scale(theta, s->px));
  Fp2 c3 = fp2_sub(fp2_mul(theta, *qx), fp2_mul(l, *qy));
  fp12_mul_line(f, &c0, &c1, &c3);
}

// miller_loop is the product of the pairs' values: they share f's squarings. Its length is
// 6 BN_X + 2 as digits -1, 0, 1, the first of which (2^65) is where t begins.
CALL_FN void miller_loop(Fp12* f, BnPair* pairs, u32 n) {
  const u64 plus = 0x2002004200804028, minus = 0x82889008420a0480;
  fp12_set_one(f);
  for (int i = 64; i >= 0; i--) {
    fp12_square(f);
    bool add = i < 64 && (plus >> i & 1), sub = i < 64 && (minus >> i & 1);
    for (u32 k = 0; k < n; k++) {
      BnPair* s = pairs + k;
      double_step(f, s);
      if (!add && !sub) continue;
      Fp2 y = add ? s->qy : fp2_negate(s->qy);
      add_step(f, s, &s->qx, &y);
    }
  }
  for (u32 k = 0; k < n; k++) { // psi(q) and -psi^2(q)
    BnPair* s = pairs + k;
    for (int i = 0; i < 2; i++) {
      s->qx = fp2_mul(fp2_conjugate(s->qx), bn_frobenius(2));
      s->qy = fp2_mul(fp2_conjugate(s->qy), bn_frobenius(3));
      Fp2 y = i ? fp2_negate(s->qy) : s->qy;
      add_step(f, s, &s->qx, &y);
    }
  }
}

// PairingRoom is what the check keeps in scratch, before its pairs.
struct PairingRoom {
  Fp12 product, f, power[6];
};

// bn254_pairing is 1 where the product of the pairings is one, else 0 (where a point is
// wrong, *error says how), and 2 where scratch does not hold PairingRoom and a BnPair. With
// more of it more pairs go through one loop.
CALL_FN u32 bn254_pairing(u32* error, const u8* in, u64 pairs, u8* scratch, u64 scratch_size) {
  u64 misaligned = (0 - (u64)scratch) & 7;
  if (pairs == 0) return 1;
  if (scratch_size < misaligned + sizeof(PairingRoom) + sizeof(BnPair)) return 2;
  PairingRoom& room = *(PairingRoom*)(scratch + misaligned);
  BnPair* waiting = (BnPair*)(&room + 1);
  u64 capacity = (scratch_size - misaligned - sizeof(PairingRoom)) / sizeof(BnPair);
  fp12_set_one(&room.product);
  u32 n = 0;
  for (u64 i = 0; i < pairs; i++) {
    Jacobian<BnField> p;
    Jacobian<TwistField> q;
    *error = bn_point(&p, in + 192 * i);
    if (!*error) *error = twist_point(&q, in + 192 * i + 64);
    if (*error) return 0;
    if (!is_infinity<BnField>(p) && !is_infinity<TwistField>(q))
      waiting[n++] = BnPair{p.x, p.y, q.x, q.y, q.x, q.y, fp2_one()};
    if (n == 0 || (n < capacity && i + 1 < pairs)) continue;
    miller_loop(&room.f, waiting, n);
    fp12_mul(&room.product, &room.product, &room.f);
    n = 0;
  }
  final_power(&room.product, room.power);
  return fp12_is_one(room.product);
}
