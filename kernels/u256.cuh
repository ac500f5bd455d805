// 256-bit arithmetic as the EVM defines it. Everything takes and gives values, so nothing
// can alias. No limb is ever chosen by a computed index: on a GPU that would put the number
// into memory.
#pragma once
#include "cells.cuh"

FN u256 u256_from(u64 v) { return u256{{v, 0, 0, 0}}; }
FN u256 u256_zero() { return u256_from(0); }
FN bool is_zero(const u256& a) { return (a.w[0] | a.w[1] | a.w[2] | a.w[3]) == 0; }
FN bool equal(const u256& a, const u256& b) {
  return ((a.w[0] ^ b.w[0]) | (a.w[1] ^ b.w[1]) | (a.w[2] ^ b.w[2]) | (a.w[3] ^ b.w[3])) == 0;
}
FN u256 add_overflow(const u256& a, const u256& b, bool* over) {
  u256 r;
  *over = add_wide(r.w, a.w, b.w) != 0;
  return r;
}
FN u256 sub_underflow(const u256& a, const u256& b, bool* under) {
  u256 r;
  *under = sub_wide(r.w, a.w, b.w) != 0;
  return r;
}
FN u256 add(const u256& a, const u256& b) {
  bool over;
  return add_overflow(a, b, &over);
}
FN u256 sub(const u256& a, const u256& b) {
  bool under;
  return sub_underflow(a, b, &under);
}
FN bool less(const u256& a, const u256& b) {
  bool under;
  sub_underflow(a, b, &under);
  return under;
}
FN bool negative(const u256& a) { return a.w[3] >> 63; }
FN u256 negate(const u256& a) { return sub(u256_zero(), a); }
FN bool signed_less(const u256& a, const u256& b) {
  return negative(a) != negative(b) ? negative(a) : less(a, b);
}
FN u256 bit_and(const u256& a, const u256& b) {
  return u256{{a.w[0] & b.w[0], a.w[1] & b.w[1], a.w[2] & b.w[2], a.w[3] & b.w[3]}};
}
FN u256 bit_or(const u256& a, const u256& b) {
  return u256{{a.w[0] | b.w[0], a.w[1] | b.w[1], a.w[2] | b.w[2], a.w[3] | b.w[3]}};
}
FN u256 bit_xor(const u256& a, const u256& b) {
  return u256{{a.w[0] ^ b.w[0], a.w[1] ^ b.w[1], a.w[2] ^ b.w[2], a.w[3] ^ b.w[3]}};
}
FN u256 bit_not(const u256& a) { return u256{{~a.w[0], ~a.w[1], ~a.w[2], ~a.w[3]}}; }
FN bool fits64(const u256& a) { return (a.w[1] | a.w[2] | a.w[3]) == 0; }
FN u64 low64(const u256& a) { return a.w[0]; }
FN int bit_length(const u256& a) {
  if (a.w[3]) return 256 - leading_zeros(a.w[3]);
  if (a.w[2]) return 192 - leading_zeros(a.w[2]);
  if (a.w[1]) return 128 - leading_zeros(a.w[1]);
  return 64 - leading_zeros(a.w[0]);
}
FN int byte_length(const u256& a) { return (bit_length(a) + 7) / 8; }

// ---- shifts; arguments in the order in which the EVM pops them

// shift_up and shift_down shift by less than 256: by whole limbs in two steps that are
// selections, then by bits.
FN u256 shift_up(u256 v, u32 n) {
  if (n & 128) v = u256{{0, 0, v.w[0], v.w[1]}};
  if (n & 64) v = u256{{0, v.w[0], v.w[1], v.w[2]}};
  u32 up = n & 63, down = 63 - up;
  return u256{{v.w[0] << up, v.w[1] << up | v.w[0] >> 1 >> down, v.w[2] << up | v.w[1] >> 1 >> down,
               v.w[3] << up | v.w[2] >> 1 >> down}};
}
FN u256 shift_down(u256 v, u32 n) {
  if (n & 128) v = u256{{v.w[2], v.w[3], 0, 0}};
  if (n & 64) v = u256{{v.w[1], v.w[2], v.w[3], 0}};
  u32 down = n & 63, up = 63 - down;
  return u256{{v.w[0] >> down | v.w[1] << 1 << up, v.w[1] >> down | v.w[2] << 1 << up,
               v.w[2] >> down | v.w[3] << 1 << up, v.w[3] >> down}};
}
FN u256 shift_left(const u256& shift, const u256& v) {
  return fits64(shift) && shift.w[0] < 256 ? shift_up(v, (u32)shift.w[0]) : u256_zero();
}
FN u256 shift_right(const u256& shift, const u256& v) {
  return fits64(shift) && shift.w[0] < 256 ? shift_down(v, (u32)shift.w[0]) : u256_zero();
}
FN u256 shift_right_signed(const u256& shift, const u256& v) {
  u64 sign = 0 - (v.w[3] >> 63);
  u256 signs = u256{{sign, sign, sign, sign}};
  return bit_xor(shift_right(shift, bit_xor(v, signs)), signs);
}

// ---- multiplication

CALL_FN u256 mul(u256 a, u256 b) {
  u64 r[8];
  mul_wide(r, a.w, b.w); // the compiler drops what only the upper half needs
  return u256{{r[0], r[1], r[2], r[3]}};
}
CALL_FN u256 mul_overflow(u256 a, u256 b, bool* over) {
  u64 r[8];
  mul_wide(r, a.w, b.w);
  *over = (r[4] | r[5] | r[6] | r[7]) != 0;
  return u256{{r[0], r[1], r[2], r[3]}};
}

// ---- division
//
// Schoolbook division by 64-bit digits. A digit comes from the top of the rest and a
// reciprocal of the top of the divisor, computed once (Möller and Granlund, 'Improved
// division by invariant integers'). Divisors of one and two limbs have code of their own.
// Any other is shifted all the way up, so that it has four limbs always: that multiplies by
// zeros sometimes, and saves a copy of the code for every length.

// A pair of limbs, least significant first, is added, subtracted and multiplied as the
// lower half of four, of which the compiler drops the rest.
struct Pair {
  u64 low, high;
};
FN Pair pair_add(Pair a, Pair b) {
  u64 x[4] = {a.low, a.high, 0, 0}, y[4] = {b.low, b.high, 0, 0}, r[4];
  add_wide(r, x, y);
  return Pair{r[0], r[1]};
}
FN Pair pair_sub(Pair a, Pair b) {
  u64 x[4] = {a.low, a.high, 0, 0}, y[4] = {b.low, b.high, 0, 0}, r[4];
  sub_wide(r, x, y);
  return Pair{r[0], r[1]};
}
FN bool pair_less(Pair a, Pair b) {
  u64 x[4] = {a.low, a.high, 0, 0}, y[4] = {b.low, b.high, 0, 0}, r[4];
  sub_wide(r, x, y);
  return r[2] != 0;
}
// pair_mul is a b + c modulo 2^128.
FN Pair pair_mul(u64 a, u64 b, Pair c) {
  u64 x[4] = {a, 0, 0, 0}, y[4] = {c.low, c.high, 0, 0}, r[4];
  mul_word_add(r, x, b, y);
  return Pair{r[0], r[1]};
}

// reciprocal_1 is (2^128 - 1) / d - 2^64; d's top bit is set. Each line doubles the bits
// that are right.
FN u64 reciprocal_1(u64 d) {
  u64 d40 = (d >> 24) + 1, d63 = (d >> 1) + (d & 1);
  u64 v0 = 0x7fd00u / (u32)(d >> 55);
  u64 v1 = (v0 << 11) - (v0 * v0 * d40 >> 40) - 1;
  u64 v2 = (v1 << 13) + (v1 * ((1ull << 60) - v1 * d40) >> 47);
  u64 e = (v2 >> 1 & (0 - (d & 1))) - v2 * d63;
  u64 v3 = (v2 << 31) + (mul_high(v2, e) >> 1);
  return v3 - pair_mul(v3, d, Pair{d, 0}).high - d;
}

// reciprocal_2 is (2^192 - 1) / d - 2^64; d's top bit is set.
FN u64 reciprocal_2(Pair d) {
  u64 v = reciprocal_1(d.high), p = d.high * v + d.low;
  if (p < d.low) {
    v--;
    if (p >= d.high) {
      v--;
      p -= d.high;
    }
    p -= d.high;
  }
  Pair t = pair_mul(v, d.low, Pair{0, 0});
  p += t.high;
  if (p < t.high) {
    v--;
    if (!pair_less(Pair{t.low, p}, d)) v--;
  }
  return v;
}

// divide_word divides (*rest, next) by d, whose reciprocal_1 is v; *rest < d.
FN u64 divide_word(u64* rest, u64 next, u64 d, u64 v) {
  Pair q = pair_mul(v, *rest, Pair{next, *rest});
  u64 digit = q.high + 1, r = next - digit * d;
  if (r > q.low) {
    digit--;
    r += d;
  }
  if (r >= d) {
    digit++;
    r -= d;
  }
  *rest = r;
  return digit;
}

// divide_pair divides (*rest, next) by d, whose reciprocal_2 is v; *rest < d.
FN u64 divide_pair(Pair* rest, u64 next, Pair d, u64 v) {
  Pair q = pair_mul(v, rest->high, *rest);
  u64 digit = q.high;
  Pair r = pair_sub(Pair{next, rest->low - digit * d.high}, pair_mul(digit, d.low, d));
  digit++;
  if (r.high >= q.low) {
    digit--;
    r = pair_add(r, d);
  }
  if (!pair_less(r, d)) {
    digit++;
    r = pair_sub(r, d);
  }
  *rest = r;
  return digit;
}

// divide_digit divides (*rest, next) by d, whose top bit is set; v is reciprocal_2 of its
// upper half; *rest < d.
FN u64 divide_digit(u256* rest, u64 next, const u256& d, u64 v) {
  u256 r;
  u64 digit;
  bool too_large = false;
  Pair upper = Pair{rest->w[2], rest->w[3]}, top = Pair{d.w[2], d.w[3]};
  if (upper.high == top.high && upper.low == top.low) {
    // The digit is 2^64 - 1: rest - d has two limbs and is negative, and the new rest,
    // (rest - d, next) + d, is not.
    digit = ~0ull;
    u256 s = sub(*rest, d);
    r = add(u256{{next, s.w[0], s.w[1], s.w[2]}}, d);
  } else {
    // Three limbs by two give a digit that is right or one too large. The lower half of d
    // times the digit has yet to be taken off.
    digit = divide_pair(&upper, rest->w[1], top, v);
    u64 low[4] = {d.w[0], d.w[1], 0, 0}, zero[4] = {0, 0, 0, 0};
    u256 off;
    mul_word_add(off.w, low, digit, zero);
    r = sub_underflow(u256{{next, rest->w[0], upper.low, upper.high}}, off, &too_large);
  }
  if (too_large) {
    digit--;
    r = add(r, d);
  }
  *rest = r;
  return digit;
}

FN u256 divide_by_word(const u256& a, u64 b, u256* rest) {
  u32 s = (u32)leading_zeros(b);
  u64 d = b << s, v = reciprocal_1(d), r = a.w[3] >> 1 >> (63 - s);
  u256 q = shift_up(a, s);
  UNROLL for (int i = 3; i >= 0; i--) q.w[i] = divide_word(&r, q.w[i], d, v);
  *rest = u256_from(r >> s);
  return q;
}
FN u256 divide_by_pair(const u256& a, const u256& b, u256* rest) {
  u32 s = (u32)leading_zeros(b.w[1]);
  u256 d = shift_up(b, s), q = shift_up(a, s);
  Pair low = Pair{d.w[0], d.w[1]}, r = Pair{q.w[3], a.w[3] >> 1 >> (63 - s)};
  u64 v = reciprocal_2(low);
  UNROLL for (int i = 2; i >= 0; i--) q.w[i] = divide_pair(&r, q.w[i], low, v);
  q.w[3] = 0;
  *rest = shift_down(u256{{r.low, r.high, 0, 0}}, s);
  return q;
}
// divide_both is called for either, so that there is one copy of it.
struct Division {
  u256 quotient, rest;
};
CALL_FN Division divide_both(u256 a, u256 b) {
  if (is_zero(b)) return Division{u256_zero(), u256_zero()};
  if (less(a, b)) return Division{u256_zero(), a};
  if (fits64(a)) {
    u64 q = a.w[0] / b.w[0];
    return Division{u256_from(q), u256_from(a.w[0] - q * b.w[0])};
  }
  u256 q = u256_zero(), rest;
  if ((b.w[2] | b.w[3]) == 0) {
    q = b.w[1] ? divide_by_pair(a, b, &rest) : divide_by_word(a, b.w[0], &rest);
    return Division{q, rest};
  }
  u32 s = 256 - (u32)bit_length(b);
  u256 d = shift_up(b, s), u = shift_up(a, s & 63);
  u64 next = u.w[0], v = reciprocal_2(Pair{d.w[2], d.w[3]});
  rest = u256{{u.w[1], u.w[2], u.w[3], a.w[3] >> 1 >> (63 - (s & 63))}};
  for (u32 i = 0; i <= s / 64; i++, next = 0) { // once or twice
    q.w[1] = q.w[0];
    q.w[0] = divide_digit(&rest, next, d, v);
  }
  return Division{q, shift_down(rest, s)};
}
FN u256 divide(const u256& a, const u256& b) { return divide_both(a, b).quotient; }
FN u256 modulo(const u256& a, const u256& b) { return divide_both(a, b).rest; }
FN u256 magnitude(const u256& a) { return negative(a) ? negate(a) : a; }
CALL_FN u256 signed_divide(u256 a, u256 b) {
  u256 q = divide(magnitude(a), magnitude(b));
  return negative(a) != negative(b) ? negate(q) : q;
}
CALL_FN u256 signed_modulo(u256 a, u256 b) {
  u256 r = modulo(magnitude(a), magnitude(b));
  return negative(a) ? negate(r) : r;
}
CALL_FN u256 add_mod(u256 a, u256 b, u256 m) {
  if (is_zero(m)) return u256_zero();
  u256 x = less(a, m) ? a : modulo(a, m), y = less(b, m) ? b : modulo(b, m);
  bool over, under;
  u256 s = add_overflow(x, y, &over), less_m = sub_underflow(s, m, &under);
  return over || !under ? less_m : s;
}
CALL_FN u256 mul_mod(u256 a, u256 b, u256 m) {
  u64 p[8];
  mul_wide(p, a.w, b.w);
  u256 low = u256{{p[0], p[1], p[2], p[3]}}, high = u256{{p[4], p[5], p[6], p[7]}};
  if (is_zero(high)) return modulo(low, m);
  if (fits64(m) && m.w[0] < 2) return u256_zero();
  if (is_zero(bit_not(m))) { // 2^256 is 1: how contracts find a product's upper half
    bool over;
    u256 r = add_overflow(low, high, &over);
    if (over) r = add(r, u256_from(1));
    return equal(r, m) ? u256_zero() : r;
  }
  u32 s = 256 - (u32)bit_length(m), up = s & 63, down = 63 - up;
  u256 d = shift_up(m, s);
  low = shift_up(low, up);
  u256 rest = shift_up(high, up);
  rest.w[0] |= p[3] >> 1 >> down;
  u64 next[5] = {low.w[0], low.w[1], low.w[2], low.w[3], rest.w[0]};
  rest = u256{{rest.w[1], rest.w[2], rest.w[3], p[7] >> 1 >> down}};
  u64 v = reciprocal_2(Pair{d.w[2], d.w[3]});
  for (u32 i = 0; i < 5 + s / 64; i++) {
    divide_digit(&rest, next[4], d, v);
    UNROLL for (int j = 4; j; j--) next[j] = next[j - 1];
    next[0] = 0;
  }
  return shift_down(rest, s);
}

// power goes from the exponent's top bit down. (Windows of four bits would save a seventh
// of the time of a full exponent, which nobody has, and cost a table in memory.)
CALL_FN u256 power(u256 base, u256 exponent) {
  int n = bit_length(exponent);
  if (n == 0) return u256_from(1);
  if ((base.w[0] & 1) == 0) {
    u256 lowest = bit_and(base, negate(base));
    int zeros = bit_length(lowest) - 1; // -1: the base is 0
    if (zeros < 0 || n > 8 || zeros * (int)exponent.w[0] >= 256) return u256_zero();
    if (equal(base, lowest)) return shift_up(u256_from(1), zeros * (u32)exponent.w[0]);
  }
  u256 r = base, bits = shift_up(exponent, 256 - (u32)n);
  for (int i = 1; i < n; i++) {
    u64 p[8];
    square_wide(p, r.w);
    r = u256{{p[0], p[1], p[2], p[3]}};
    bits = add(bits, bits);
    if (negative(bits)) {
      mul_wide(p, r.w, base.w);
      r = u256{{p[0], p[1], p[2], p[3]}};
    }
  }
  return r;
}

// ---- bytes

// limb_of is the limb that holds a bit.
FN u64 limb_of(const u256& v, u32 bit) {
  u64 even = bit & 128 ? v.w[2] : v.w[0], odd = bit & 128 ? v.w[3] : v.w[1];
  return bit & 64 ? odd : even;
}
FN u256 sign_extend(const u256& index, const u256& v) {
  if (!fits64(index) || index.w[0] >= 31) return v;
  u32 top = 8 * (u32)index.w[0] + 7; // the sign's bit
  u64 sign = 0 - (limb_of(v, top) >> (top & 63) & 1);
  u256 keep = shift_down(u256{{~0ull, ~0ull, ~0ull, ~0ull}}, 255 - top);
  return bit_or(bit_and(v, keep), bit_and(u256{{sign, sign, sign, sign}}, bit_not(keep)));
}
FN u256 byte_at(const u256& index, const u256& v) {
  if (!fits64(index) || index.w[0] >= 32) return u256_zero();
  u32 bit = 248 - 8 * (u32)index.w[0];
  return u256_from(limb_of(v, bit) >> (bit & 63) & 0xff);
}
FN u256 count_leading_zeros(const u256& v) { return u256_from((u64)(256 - bit_length(v))); }

FN u256 load_be(const u8* p) {
  return u256{{load64_be(p + 24), load64_be(p + 16), load64_be(p + 8), load64_be(p)}};
}
FN void store_be(u8* p, const u256& v) {
  UNROLL for (int i = 0; i < 4; i++) store64_be(p + 8 * i, v.w[3 - i]);
}
// load_be_n takes n bytes, at most 32.
FN u256 load_be_n(const u8* p, u32 n) {
  u256 r;
  UNROLL for (int i = 0; i < 4; i++) {
    int end = (int)n - 8 * i; // of this limb's bytes
    r.w[i] = 0;
    if (end >= 8) {
      r.w[i] = load64_be(p + end - 8);
    } else {
      for (int j = 0; j < end; j++) r.w[i] = r.w[i] << 8 | p[j];
    }
  }
  return r;
}
FN u256 u256_from_address(const u8* p) {
  u64 top = (u64)p[0] << 24 | (u64)p[1] << 16 | (u64)p[2] << 8 | p[3];
  return u256{{load64_be(p + 12), load64_be(p + 4), top, 0}};
}
FN void address_from(u8* out, const u256& v) {
  UNROLL for (int i = 0; i < 4; i++) out[i] = (u8)(v.w[2] >> (24 - 8 * i));
  store64_be(out + 4, v.w[1]);
  store64_be(out + 12, v.w[0]);
}
