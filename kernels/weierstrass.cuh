// Points in Jacobian coordinates on y^2 = x^3 + a x + b, for the curves that need no code of
// their own. F names the field of the coordinates:
//   struct F { typedef .. T; static constexpr bool minus3 /* a: -3, else 0 */;
//              static T add(..), sub(..), mul(..), square(..), one(); static bool is_zero(..); };
#pragma once
#include "field.cuh"

// Jacobian is (x/z^2, y/z^3); z is zero at infinity.
template <class F> struct Jacobian {
  typename F::T x, y, z;
};

template <class F> FN typename F::T twice(const typename F::T& a) { return F::add(a, a); }

template <class F> FN bool is_infinity(const Jacobian<F>& a) { return F::is_zero(a.z); }
template <class F> FN void set_infinity(Jacobian<F>* a) {
  a->x = a->y = F::one();
  a->z = F::sub(a->x, a->x);
}

template <class F> CALL_FN void point_double(Jacobian<F>* p) {
  typedef typename F::T T;
  T m, yy = F::square(p->y), c = F::square(yy);
  if (F::minus3) {
    T zz = F::square(p->z);
    m = F::mul(F::sub(p->x, zz), F::add(p->x, zz));
  } else {
    m = F::square(p->x);
  }
  m = F::add(twice<F>(m), m);
  T s = twice<F>(twice<F>(F::mul(p->x, yy)));
  p->z = twice<F>(F::mul(p->y, p->z));
  p->x = F::sub(F::square(m), twice<F>(s));
  p->y = F::sub(F::mul(m, F::sub(s, p->x)), twice<F>(twice<F>(twice<F>(c))));
}

// point_add adds any points: infinity, equal and opposite ones too.
template <class F> CALL_FN void point_add(Jacobian<F>* p, const Jacobian<F>* q) {
  typedef typename F::T T;
  if (is_infinity<F>(*q)) return;
  if (is_infinity<F>(*p)) {
    *p = *q;
    return;
  }
  T z1 = F::square(p->z), z2 = F::square(q->z);
  T u1 = F::mul(p->x, z2), s1 = F::mul(p->y, F::mul(z2, q->z));
  T h = F::sub(F::mul(q->x, z1), u1);
  T r = F::sub(F::mul(q->y, F::mul(z1, p->z)), s1);
  if (F::is_zero(h)) {
    if (F::is_zero(r)) point_double<F>(p);
    else set_infinity<F>(p);
    return;
  }
  T h2 = F::square(h), h3 = F::mul(h2, h), t = F::mul(u1, h2);
  p->x = F::sub(F::sub(F::square(r), h3), twice<F>(t));
  p->y = F::sub(F::mul(r, F::sub(t, p->x)), F::mul(s1, h3));
  p->z = F::mul(F::mul(p->z, q->z), h);
}

template <class F> FN bool points_equal(const Jacobian<F>& p, const Jacobian<F>& q) {
  typedef typename F::T T;
  if (is_infinity<F>(p) || is_infinity<F>(q)) return is_infinity<F>(p) == is_infinity<F>(q);
  T z1 = F::square(p.z), z2 = F::square(q.z);
  return F::is_zero(F::sub(F::mul(p.x, z2), F::mul(q.x, z1))) &&
         F::is_zero(F::sub(F::mul(p.y, F::mul(z2, q.z)), F::mul(q.y, F::mul(z1, p.z))));
}

// point_combine is the sum of k[i] p[i], for n of at most 2, in windows of 4 bits with digits
// from -8 to 7.
template <class F> CALL_FN void point_combine(Jacobian<F>* sum, const Jacobian<F>* p, const u256* k, u32 n) {
  Jacobian<F> multiples[2][8];
  u64 digits[2][5];
  for (u32 i = 0; i < n; i++) {
    u64 c = 0;
    for (int j = 0; j < 4; j++) digits[i][j] = add_carry(k[i].w[j], 0x8888888888888888, &c);
    digits[i][4] = c;
    multiples[i][0] = p[i];
    for (int j = 1; j < 8; j++) {
      multiples[i][j] = multiples[i][j - 1];
      point_add<F>(&multiples[i][j], &p[i]);
    }
  }
  set_infinity<F>(sum);
  for (int step = 64; step >= 0; step--) {
    for (int j = 0; j < 4; j++) point_double<F>(sum);
    for (u32 i = 0; i < n; i++) {
      int digit = (int)(digits[i][step >> 4] >> (4 * (step & 15)) & 15) - (step < 64 ? 8 : 0);
      if (digit == 0) continue;
      Jacobian<F> q = multiples[i][(digit < 0 ? -digit : digit) - 1];
      if (digit < 0) q.y = F::sub(F::sub(q.y, q.y), q.y);
      point_add<F>(sum, &q);
    }
  }
}
