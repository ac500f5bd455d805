// Signatures on secp256r1 (P-256), for the precompile of EIP-7951.
#pragma once
#include "weierstrass.cuh"

struct R1Prime {
  static constexpr u64 m0 = ~0ull, m1 = 0xffffffff, m2 = 0, m3 = 0xffffffff00000001;
  static constexpr u64 inv = 1;
  static constexpr u64 one0 = 1, one1 = 0xffffffff00000000, one2 = ~0ull, one3 = 0xfffffffe;
  static constexpr u64 r20 = 3, r21 = 0xfffffffbffffffff, r22 = 0xfffffffffffffffe, r23 = 0x4fffffffd;
};
struct R1Order {
  static constexpr u64 m0 = 0xf3b9cac2fc632551, m1 = 0xbce6faada7179e84, m2 = ~0ull, m3 = 0xffffffff00000000;
  static constexpr u64 inv = 0xccd1c8aaee00bc4f;
  static constexpr u64 one0 = 0x0c46353d039cdaaf, one1 = 0x4319055258e8617b, one2 = 0, one3 = 0xffffffff;
  static constexpr u64 r20 = 0x83244c95be79eea2, r21 = 0x4699799c49bd6fa6, r22 = 0x2845b2392b6bec59,
                       r23 = 0x66e12d94f3d95620;
};

FN u256 r1_mul(const u256& a, const u256& b) { return mont_product<R1Prime>(a, b); }

struct R1Field {
  typedef u256 T;
  static constexpr bool minus3 = true;
  FN T add(const T& a, const T& b) { return mont_add<R1Prime>(a, b); }
  FN T sub(const T& a, const T& b) { return mont_sub<R1Prime>(a, b); }
  FN T mul(const T& a, const T& b) { return r1_mul(a, b); }
  FN T square(const T& a) { return r1_mul(a, a); }
  FN T one() { return mont_one<R1Prime>(); }
  FN bool is_zero(const T& a) { return field_is_zero(a); }
};

// r1_point takes a point apart from infinity in, into Montgomery form; false off the curve.
FN bool r1_point(Jacobian<R1Field>* p, const u256& x, const u256& y) {
  typedef R1Field F;
  const u256 b = {{0x3bce3c3e27d2604b, 0x651d06b0cc53b0f6, 0xb3ebbd55769886bc, 0x5ac635d8aa3a93e7}};
  if (!field_less(x, modulus<R1Prime>()) || !field_less(y, modulus<R1Prime>())) return false;
  p->x = to_mont<R1Prime>(x);
  p->y = to_mont<R1Prime>(y);
  p->z = F::one();
  u256 right = F::sub(F::mul(F::square(p->x), p->x), F::add(twice<F>(p->x), p->x));
  return field_equal(F::square(p->y), F::add(right, to_mont<R1Prime>(b)));
}

// secp256r1_verify takes hash, r, s and the key's x and y.
CALL_FN bool secp256r1_verify(const u8 in[160]) {
  typedef R1Order N;
  const u256 order = modulus<N>();
  u256 z = reduce_once<N>(field_load(in), 0), r = field_load(in + 32), s = field_load(in + 64);
  if (field_is_zero(r) || field_is_zero(s) || !field_less(r, order) || !field_less(s, order)) return false;
  Jacobian<R1Field> points[2], sum;
  const u256 gx = {{0xf4a13945d898c296, 0x77037d812deb33a0, 0xf8bce6e563a440f2, 0x6b17d1f2e12c4247}};
  const u256 gy = {{0xcbb6406837bf51f5, 0x2bce33576b315ece, 0x8ee7eb4a7c0f9e16, 0x4fe342e2fe1a7f9b}};
  r1_point(&points[0], gx, gy);
  if (!r1_point(&points[1], field_load(in + 96), field_load(in + 128))) return false;
  u256 inverse = to_mont<N>(field_inverse(s, order));
  u256 factors[2] = {mont_product<N>(z, inverse), mont_product<N>(r, inverse)};
  point_combine<R1Field>(&sum, points, factors, 2);
  if (is_infinity<R1Field>(sum)) return false;
  u256 zi = mont_inverse<R1Prime>(sum.z);
  u256 x = from_mont<R1Prime>(r1_mul(sum.x, r1_mul(zi, zi)));
  return field_equal(reduce_once<N>(x, 0), r);
}
