// Recovery of a signer's address on secp256k1.
//
// The public key is (s/r) R - (z/r) G, with R lifted from r. Each of the two factors is cut
// in halves by the curve's endomorphism, lambda (x, y) = (beta x, y), and the four halves go
// through one ladder of 128 doublings (Strauss). Windows are fixed and not NAFs: the lanes of
// a warp then add at the same steps, and what a NAF saves is lost where any lane's addition
// makes 31 others wait.
//
// A field element is any 256-bit number that is right modulo p: it is brought below p only
// to be compared or written.
#pragma once
#include "field.cuh"
#include "keccak.cuh"
#include "secp256k1_table.cuh"

struct K1Order {
  static constexpr u64 m0 = 0xbfd25e8cd0364141, m1 = 0xbaaedce6af48a03b, m2 = 0xfffffffffffffffe, m3 = ~0ull;
  static constexpr u64 inv = 0x4b0dff665588b13f;
  static constexpr u64 one0 = 0x402da1732fc9bebf, one1 = 0x4551231950b75fc4, one2 = 1, one3 = 0;
  static constexpr u64 r20 = 0x896cf21467d7d140, r21 = 0x741496c20e7cf878, r22 = 0xe697f5e45bcd07c6,
                       r23 = 0x9d671cd581c69bc5;
};

// ---- the field: p = 2^256 - K1_C

static constexpr u64 K1_C = 0x1000003d1;

FN u256 k1_p() { return u256{{0 - K1_C, ~0ull, ~0ull, ~0ull}}; }

// k1_fold adds carry * 2^256 mod p, and once more where that wraps.
FN u256 k1_fold(const u256& a, u64 carry) {
  u256 r;
  carry = add_words(&r, a, u256{{(0 - carry) & K1_C, 0, 0, 0}});
  r.w[0] += (0 - carry) & K1_C;
  return r;
}
FN u256 k1_add(const u256& a, const u256& b) {
  u256 s;
  u64 c = add_words(&s, a, b);
  return k1_fold(s, c);
}
FN u256 k1_sub(const u256& a, const u256& b) {
  u256 d;
  u64 borrow = sub_words(&d, a, b);
  borrow = sub_words(&d, d, u256{{(0 - borrow) & K1_C, 0, 0, 0}});
  d.w[0] -= (0 - borrow) & K1_C;
  return d;
}
FN u256 k1_negate(const u256& a) { return k1_sub(u256{{0, 0, 0, 0}}, a); }
FN u256 k1_half(const u256& a) {
  u64 odd = 0 - (a.w[0] & 1);
  u256 s;
  u64 c = add_words(&s, a, u256{{odd & (0 - K1_C), odd, odd, odd}});
  return u256{{s.w[0] >> 1 | s.w[1] << 63, s.w[1] >> 1 | s.w[2] << 63, s.w[2] >> 1 | s.w[3] << 63,
               s.w[3] >> 1 | c << 63}};
}
// k1_reduce brings a product below 2^256.
FN u256 k1_reduce(const u64 t[8]) {
  u256 r;
  u64 high = mul_short_add(r.w, t + 4, (u32)K1_C, t);
  // high has 34 bits: where what it adds wraps, small words are left for the last carry.
  u64 carry = add_words(&r, r, u256{{high * K1_C, mul_high(high, K1_C), 0, 0}});
  u64 last = (0 - carry) & K1_C;
  r.w[0] += last;
  r.w[1] += r.w[0] < last;
  return r;
}
FN u256 k1_mul(const u256& a, const u256& b) {
  u64 t[8];
  mul_wide(t, a.w, b.w);
  return k1_reduce(t);
}
FN u256 k1_square(const u256& a) {
  u64 t[8];
  square_wide(t, a.w);
  return k1_reduce(t);
}
CALL_FN u256 k1_product(u256 a, u256 b) { return k1_mul(a, b); } // where a call does
CALL_FN u256 k1_square_times(u256 a, u32 n) {
  for (; n; n--) a = k1_square(a);
  return a;
}
FN u256 k1_normal(const u256& a) {
  u256 d;
  return field_select(sub_words(&d, a, k1_p()) == 0, d, a);
}
FN bool k1_is_zero(const u256& a) { return field_is_zero(a) || field_equal(a, k1_p()); }
FN bool k1_equal(const u256& a, const u256& b) { return k1_is_zero(k1_sub(a, b)); }

// k1_root is a^((p+1)/4): a square root where there is one. The exponent is 223 ones, a
// zero, 22 ones, four zeros, two ones, two zeros.
CALL_FN u256 k1_root(u256 a) {
  u256 x2 = k1_product(k1_product(a, a), a);
  u256 x3 = k1_product(k1_product(x2, x2), a);
  u256 x11 = k1_square_times(x3, 3);
  x11 = k1_square_times(k1_product(x11, x3), 3);
  x11 = k1_square_times(k1_product(x11, x3), 2);
  x11 = k1_product(x11, x2);
  u256 x22 = k1_product(k1_square_times(x11, 11), x11);
  u256 x44 = k1_product(k1_square_times(x22, 22), x22);
  u256 x88 = k1_product(k1_square_times(x44, 44), x44);
  u256 x = k1_product(k1_square_times(x88, 88), x88);
  x = k1_product(k1_square_times(x, 44), x44);
  x = k1_product(k1_square_times(x, 3), x3);
  x = k1_product(k1_square_times(x, 23), x22);
  x = k1_product(k1_square_times(x, 6), x2);
  return k1_square_times(x, 2);
}

// ---- points

// K1Point is (x/z^2, y/z^3); z is zero at infinity.
struct K1Point {
  u256 x, y, z;
};
struct K1Affine {
  u256 x, y;
};

CALL_FN void k1_double(K1Point* a, u32 times) {
  K1Point p = *a;
  for (; times; times--) {
    u256 s = k1_square(p.y), l = k1_square(p.x);
    p.z = k1_mul(p.z, p.y);
    l = k1_half(k1_add(k1_add(l, l), l));
    u256 t = k1_mul(s, p.x);
    p.x = k1_sub(k1_square(l), k1_add(t, t));
    p.y = k1_sub(k1_mul(k1_sub(t, p.x), l), k1_square(s));
  }
  *a = p;
}

// k1_set makes a the affine b whose z is 1/bz.
CALL_FN void k1_set(K1Point* a, const K1Affine& b, const u256& bz) {
  u256 z2 = k1_product(bz, bz);
  a->x = k1_product(b.x, z2);
  a->y = k1_product(b.y, k1_product(z2, bz));
  a->z = u256{{1, 0, 0, 0}};
}

// k1_add_affine adds b, whose z is 1/bz (bz_one: 1), and returns what multiplied a's z. It
// takes care of infinity, of a = b and of a = -b, which an attacker can bring about.
CALL_FN u256 k1_add_affine(K1Point* a, const K1Affine& b, const u256& bz, bool bz_one) {
  K1Point p = *a;
  u256 az = p.z;
  if (field_is_zero(p.z)) {
    k1_set(a, b, bz_one ? u256{{1, 0, 0, 0}} : bz);
    return p.z;
  }
  if (!bz_one) az = k1_mul(az, bz);
  u256 z2 = k1_square(az);
  u256 u = k1_sub(k1_mul(b.x, z2), p.x);
  u256 s = k1_sub(p.y, k1_mul(k1_mul(b.y, z2), az));
  if (k1_is_zero(u)) {
    if (k1_is_zero(s)) k1_double(a, 1);
    else a->z = u256{{0, 0, 0, 0}};
    return u;
  }
  u256 u2 = k1_square(u), u3 = k1_mul(u2, u), t = k1_mul(p.x, u2);
  u256 x = k1_sub(k1_sub(k1_square(s), u3), k1_add(t, t));
  a->y = k1_sub(k1_mul(k1_sub(x, t), s), k1_mul(u3, p.y));
  a->x = x;
  a->z = k1_mul(p.z, u);
  return u;
}

// ---- scalars

// K1Half is half of a factor, as windows: its words, moved up so that every window's digit is
// what stands there less half the window's range.
struct K1Half {
  u64 w[3];
  bool negative;
};

FN u256 mul_low(const u256& a, const u256& b) {
  u64 t[8];
  mul_wide(t, a.w, b.w);
  return u256{{t[0], t[1], t[2], t[3]}};
}

// rounded_high is a * b / 2^384, rounded.
FN u256 rounded_high(const u256& a, const u256& b) {
  u64 t[8];
  mul_wide(t, a.w, b.w);
  u64 c = t[5] >> 63;
  u256 r = {{0, 0, 0, 0}};
  r.w[0] = add_carry(t[6], 0, &c);
  r.w[1] = add_carry(t[7], 0, &c);
  r.w[2] = c;
  return r;
}

FN K1Half k1_half_factor(const u256& k, u64 offset) {
  K1Half h;
  h.negative = k.w[3] >> 63;
  u256 a = k;
  if (h.negative) sub_words(&a, u256{{0, 0, 0, 0}}, k);
  u64 c = 0;
  h.w[0] = add_carry(a.w[0], offset, &c);
  h.w[1] = add_carry(a.w[1], offset, &c);
  h.w[2] = a.w[2] + c;
  return h;
}

// k1_split finds short h[0] + h[1] * lambda = k mod n: k less the lattice's nearest point.
CALL_FN void k1_split(K1Half h[2], u256 k, u64 offset) {
  const u256 g1 = {{0xe893209a45dbb031, 0x3daa8a1471e8ca7f, 0xe86c90e49284eb15, 0x3086d221a7d46bcd}};
  const u256 g2 = {{0x1571b4ae8ac47f71, 0x221208ac9df506c6, 0x6f547fa90abfe4c4, 0xe4437ed6010e8828}};
  const u256 a1 = {{0xe86c90e49284eb15, 0x3086d221a7d46bcd, 0, 0}};
  const u256 a2 = {{0x57c1108d9d44cfd8, 0x14ca50f7a8e2f3f6, 1, 0}};
  const u256 minus_b1 = {{0x6f547fa90abfe4c3, 0xe4437ed6010e8828, 0, 0}};
  u256 c1 = rounded_high(k, g1), c2 = rounded_high(k, g2), k1, k2;
  sub_words(&k1, k, mul_low(c1, a1));
  sub_words(&k1, k1, mul_low(c2, a2));
  sub_words(&k2, mul_low(c1, minus_b1), mul_low(c2, a1));
  h[0] = k1_half_factor(k1, offset);
  h[1] = k1_half_factor(k2, offset);
}

// ---- recovery

// k1_multiples fills t with 1 to 8 times p, all with one z, which it returns: on the curve
// scaled by that z they are affine, and no inversion is needed.
CALL_FN u256 k1_multiples(K1Affine t[8], const K1Affine& p) {
  u256 ratio[8]; // of the z of t[i] to that of t[i-1]
  const u256 one = {{1, 0, 0, 0}};
  K1Point sum = {p.x, p.y, one};
  k1_double(&sum, 1);
  t[0] = p;
  t[1] = K1Affine{sum.x, sum.y};
  ratio[1] = p.y;
  for (int i = 2; i < 8; i++) {
    ratio[i] = k1_add_affine(&sum, p, one, true);
    t[i] = K1Affine{sum.x, sum.y};
  }
  u256 z = ratio[7];
  for (int i = 6; i >= 0; i--) {
    u256 z2 = k1_product(z, z);
    t[i].x = k1_product(t[i].x, z2);
    t[i].y = k1_product(t[i].y, k1_product(z2, z));
    if (i) z = k1_product(z, ratio[i]);
  }
  return sum.z;
}

// k1_ladder is u times the generator and w times p, added.
CALL_FN K1Point k1_ladder(const u256& u, const u256& w, const K1Affine& p) {
  K1Affine multiples[8];
  u256 z = k1_multiples(multiples, p);
  K1Half halves[4]; // of w in windows of 4 bits, of u in windows of 8
  k1_split(halves, w, 0x8888888888888888);
  k1_split(halves + 2, u, 0x8080808080808080);
  const u256 beta = {{0xc1396c28719501ee, 0x9cf0497512f58995, 0x6e64479eac3434e9, 0x7ae96a2b657c0710}};
  const u256 zero = {{0, 0, 0, 0}};
  K1Point sum = {zero, zero, zero};
  for (int step = 32; step >= 0; step--) {
    k1_double(&sum, 4);
    int streams = step & 1 ? 2 : 4;
    for (int s = 0; s < streams; s++) {
      bool fixed = s >= 2;
      int bit = 4 * step, digit;
      u64 word = halves[s].w[step >> 4] >> (bit & 63);
      if (step == 32) digit = (int)word;
      else digit = fixed ? (int)(word & 255) - 128 : (int)(word & 15) - 8;
      if (digit == 0) continue;
      int n = (digit < 0 ? -digit : digit) - 1;
      K1Affine b;
      if (fixed) {
        const u64* g = K1_GENERATOR[n];
        b = K1Affine{{{g[0], g[1], g[2], g[3]}}, {{g[4], g[5], g[6], g[7]}}};
      } else {
        b = multiples[n];
      }
      if (s & 1) b.x = k1_product(b.x, beta);
      if ((digit < 0) != halves[s].negative) b.y = k1_negate(b.y);
      k1_add_affine(&sum, b, z, !fixed);
    }
  }
  sum.z = k1_product(sum.z, z);
  return sum;
}

FN u256 k1_order_times(const u256& a, const u256& b) {
  return to_mont<K1Order>(mont_product<K1Order>(a, b));
}

// k1_lift finds the point with that x and y's parity.
FN bool k1_lift(K1Affine* p, const u256& x, u32 odd) {
  u256 y2 = k1_add(k1_product(k1_product(x, x), x), u256{{7, 0, 0, 0}});
  u256 y = k1_root(y2);
  if (!k1_equal(k1_product(y, y), y2)) return false;
  y = k1_normal(y);
  if ((y.w[0] & 1) != odd) y = k1_negate(y);
  *p = K1Affine{x, y};
  return true;
}

// secp256k1_recover finds the address of who signed hash with (r, s, v); false where nobody
// can have.
CALL_FN bool secp256k1_recover(u8 address[20], const u8 hash[32], const u8 r[32], const u8 s[32], u32 v) {
  const u256 order = modulus<K1Order>();
  u256 x = field_load(r), factor = field_load(s), z = reduce_once<K1Order>(field_load(hash), 0);
  if (v > 1 || field_is_zero(x) || field_is_zero(factor) || !field_less(x, order) || !field_less(factor, order))
    return false;
  K1Affine p;
  if (!k1_lift(&p, x, v)) return false;
  u256 inverse = field_inverse(x, order);
  u256 u = mont_sub<K1Order>(u256{{0, 0, 0, 0}}, k1_order_times(z, inverse));
  K1Point q = k1_ladder(u, k1_order_times(factor, inverse), p);
  if (field_is_zero(q.z)) return false;
  u256 zi = field_inverse(k1_normal(q.z), k1_p()), zi2 = k1_product(zi, zi);
  u8 key[64], digest[32];
  field_store(key, k1_normal(k1_product(q.x, zi2)));
  field_store(key + 32, k1_normal(k1_product(q.y, k1_product(zi2, zi))));
  keccak256(digest, key, 64);
  copy_bytes(address, digest + 12, 20);
  return true;
}
