// 256-bit arithmetic as the EVM defines it. Everything takes and gives values, so nothing
// can alias.
#pragma once
#include "cells.cuh"

FN u256 u256_from(u64 v) {
  u256 r;
  r.w[0] = v;
  r.w[1] = r.w[2] = r.w[3] = 0;
  return r;
}
FN u256 u256_zero() { return u256_from(0); }
FN bool is_zero(const u256& a) { return (a.w[0] | a.w[1] | a.w[2] | a.w[3]) == 0; }
FN bool equal(const u256& a, const u256& b) {
  return ((a.w[0] ^ b.w[0]) | (a.w[1] ^ b.w[1]) | (a.w[2] ^ b.w[2]) | (a.w[3] ^ b.w[3])) == 0;
}
FN u256 sub_underflow(const u256& a, const u256& b, bool* under) {
  u256 r;
  u64 borrow = 0;
  for (int i = 0; i < 4; i++) r.w[i] = sub_borrow(a.w[i], b.w[i], &borrow);
  *under = borrow;
  return r;
}
FN u256 add_overflow(const u256& a, const u256& b, bool* over) {
  u256 r;
  u64 carry = 0;
  for (int i = 0; i < 4; i++) r.w[i] = add_carry(a.w[i], b.w[i], &carry);
  *over = carry;
  return r;
}
FN bool less(const u256& a, const u256& b) {
  bool under;
  sub_underflow(a, b, &under);
  return under;
}
FN bool signed_less(const u256& a, const u256& b) {
  bool na = a.w[3] >> 63, nb = b.w[3] >> 63;
  return na != nb ? na : less(a, b);
}
FN u256 add(const u256& a, const u256& b) {
  bool over;
  return add_overflow(a, b, &over);
}
FN u256 sub(const u256& a, const u256& b) {
  bool under;
  return sub_underflow(a, b, &under);
}
FN u256 negate(const u256& a) { return sub(u256_zero(), a); }
FN u256 bit_and(const u256& a, const u256& b) {
  u256 r;
  for (int i = 0; i < 4; i++) r.w[i] = a.w[i] & b.w[i];
  return r;
}
FN u256 bit_or(const u256& a, const u256& b) {
  u256 r;
  for (int i = 0; i < 4; i++) r.w[i] = a.w[i] | b.w[i];
  return r;
}
FN u256 bit_xor(const u256& a, const u256& b) {
  u256 r;
  for (int i = 0; i < 4; i++) r.w[i] = a.w[i] ^ b.w[i];
  return r;
}
FN u256 bit_not(const u256& a) {
  u256 r;
  for (int i = 0; i < 4; i++) r.w[i] = ~a.w[i];
  return r;
}
FN bool fits64(const u256& a) { return (a.w[1] | a.w[2] | a.w[3]) == 0; }
FN u64 low64(const u256& a) { return a.w[0]; }
FN int bit_length(const u256& a) {
  for (int i = 3; i >= 0; i--)
    if (a.w[i]) return 64 * i + 64 - leading_zeros(a.w[i]);
  return 0;
}
FN int byte_length(const u256& a) { return (bit_length(a) + 7) / 8; }

// ---- multiplication

// wide is a * b in full, eight limbs.
FN void wide(u64 r[8], const u256& a, const u256& b) {
  for (int i = 0; i < 8; i++) r[i] = 0;
  for (int i = 0; i < 4; i++) {
    u64 carry = 0;
    for (int j = 0; j < 4; j++) {
      u64 low = a.w[i] * b.w[j], high = mul_high(a.w[i], b.w[j]), c = 0;
      low = add_carry(low, r[i + j], &c);
      high += c;
      c = 0;
      low = add_carry(low, carry, &c);
      r[i + j] = low;
      carry = high + c;
    }
    r[i + 4] = carry;
  }
}
CALL_FN u256 mul(const u256& a, const u256& b) {
  u64 r[8];
  wide(r, a, b);
  u256 v;
  for (int i = 0; i < 4; i++) v.w[i] = r[i];
  return v;
}
CALL_FN u256 mul_overflow(const u256& a, const u256& b, bool* over) {
  u64 r[8];
  wide(r, a, b);
  u256 v;
  for (int i = 0; i < 4; i++) v.w[i] = r[i];
  *over = (r[4] | r[5] | r[6] | r[7]) != 0;
  return v;
}

// ---- division

// divide_2by1 divides (high, low) by d, whose top bit is set; high < d (Knuth D on halves).
FN u64 divide_2by1(u64 high, u64 low, u64 d, u64* rest) {
  u64 d1 = d >> 32, d0 = (u32)d;
  u64 q1 = high / d1, r1 = high % d1;
  while (q1 >> 32 || q1 * d0 > (r1 << 32 | low >> 32)) {
    q1--;
    r1 += d1;
    if (r1 >> 32) break;
  }
  u64 mid = (high << 32 | low >> 32) - q1 * d;
  u64 q0 = mid / d1, r0 = mid % d1;
  while (q0 >> 32 || q0 * d0 > (r0 << 32 | (u32)low)) {
    q0--;
    r0 += d1;
    if (r0 >> 32) break;
  }
  *rest = (mid << 32 | (u32)low) - q0 * d;
  return q1 << 32 | q0;
}

// divide_limbs divides n limbs by d, in place: what is left in u is the remainder.
CALL_FN void divide_limbs(u64* u, int n, const u256& divisor, u64* q) {
  int m = (bit_length(divisor) + 63) / 64;
  for (int i = 0; i < n; i++) q[i] = 0;
  int s = leading_zeros(divisor.w[m - 1]);
  u64 d[4], v[9];
  for (int i = m - 1; i >= 0; i--) d[i] = divisor.w[i] << s | (s && i ? divisor.w[i - 1] >> (64 - s) : 0);
  v[n] = s ? u[n - 1] >> (64 - s) : 0;
  for (int i = n - 1; i >= 0; i--) v[i] = u[i] << s | (s && i ? u[i - 1] >> (64 - s) : 0);
  if (m == 1) {
    u64 rest = v[n];
    for (int i = n - 1; i >= 0; i--) q[i] = divide_2by1(rest, v[i], d[0], &rest);
    for (int i = 0; i < n; i++) u[i] = 0;
    u[0] = rest >> s;
    return;
  }
  for (int j = n - m; j >= 0; j--) {
    u64 qhat, rhat;
    bool big = false;
    if (v[j + m] >= d[m - 1]) {
      qhat = ~0ull;
      rhat = v[j + m - 1] + d[m - 1];
      big = rhat < d[m - 1];
    } else {
      qhat = divide_2by1(v[j + m], v[j + m - 1], d[m - 1], &rhat);
    }
    while (!big) {
      u64 high = mul_high(qhat, d[m - 2]), low = qhat * d[m - 2];
      if (high < rhat || (high == rhat && low <= v[j + m - 2])) break;
      qhat--;
      rhat += d[m - 1];
      big = rhat < d[m - 1];
    }
    u64 borrow = 0, carry = 0;
    for (int i = 0; i < m; i++) {
      u64 low = qhat * d[i], high = mul_high(qhat, d[i]), c = 0;
      low = add_carry(low, carry, &c);
      carry = high + c;
      v[i + j] = sub_borrow(v[i + j], low, &borrow);
    }
    v[j + m] = sub_borrow(v[j + m], carry, &borrow);
    if (borrow) {
      qhat--;
      u64 c = 0;
      for (int i = 0; i < m; i++) v[i + j] = add_carry(v[i + j], d[i], &c);
      v[j + m] += c;
    }
    q[j] = qhat;
  }
  for (int i = 0; i < n; i++) u[i] = i < m ? v[i] >> s | (s ? v[i + 1] << (64 - s) : 0) : 0;
}

FN u256 divide_modulo(const u256& a, const u256& b, u256* rest) {
  *rest = u256_zero();
  if (is_zero(b)) return u256_zero();
  if (less(a, b)) {
    *rest = a;
    return u256_zero();
  }
  u256 q = u256_zero();
  if (fits64(a)) {
    rest->w[0] = a.w[0] % b.w[0];
    q.w[0] = a.w[0] / b.w[0];
    return q;
  }
  u64 u[4] = {a.w[0], a.w[1], a.w[2], a.w[3]};
  divide_limbs(u, 4, b, q.w);
  for (int i = 0; i < 4; i++) rest->w[i] = u[i];
  return q;
}
CALL_FN u256 divide(const u256& a, const u256& b) {
  u256 rest;
  return divide_modulo(a, b, &rest);
}
CALL_FN u256 modulo(const u256& a, const u256& b) {
  u256 rest;
  divide_modulo(a, b, &rest);
  return rest;
}
FN bool negative(const u256& a) { return a.w[3] >> 63; }
FN u256 magnitude(const u256& a) { return negative(a) ? negate(a) : a; }
CALL_FN u256 signed_divide(const u256& a, const u256& b) {
  u256 q = divide(magnitude(a), magnitude(b));
  return negative(a) != negative(b) ? negate(q) : q;
}
CALL_FN u256 signed_modulo(const u256& a, const u256& b) {
  u256 r = modulo(magnitude(a), magnitude(b));
  return negative(a) ? negate(r) : r;
}
CALL_FN u256 add_mod(const u256& a, const u256& b, const u256& m) {
  if (is_zero(m)) return u256_zero();
  bool over;
  u256 s = add_overflow(a, b, &over);
  if (!over) return modulo(s, m);
  u64 u[5] = {s.w[0], s.w[1], s.w[2], s.w[3], 1}, q[5];
  divide_limbs(u, 5, m, q);
  for (int i = 0; i < 4; i++) s.w[i] = u[i];
  return s;
}
CALL_FN u256 mul_mod(const u256& a, const u256& b, const u256& m) {
  if (is_zero(m)) return u256_zero();
  u64 u[8], q[8];
  wide(u, a, b);
  divide_limbs(u, 8, m, q);
  u256 r;
  for (int i = 0; i < 4; i++) r.w[i] = u[i];
  return r;
}
CALL_FN u256 power(const u256& base, const u256& exponent) {
  u256 r = u256_from(1), b = base;
  int n = bit_length(exponent);
  for (int i = 0; i < n; i++) {
    if (exponent.w[i / 64] >> i % 64 & 1) r = mul(r, b);
    if (i + 1 < n) b = mul(b, b);
  }
  return r;
}

// ---- shifts and bytes; arguments in the order in which the EVM pops them

FN u256 shift_left(const u256& shift, const u256& v) {
  if (!fits64(shift) || shift.w[0] >= 256) return u256_zero();
  int words = (int)shift.w[0] / 64, bits = (int)shift.w[0] % 64;
  u256 r;
  for (int i = 3; i >= 0; i--) {
    u64 high = i >= words ? v.w[i - words] : 0, low = i > words ? v.w[i - words - 1] : 0;
    r.w[i] = bits ? high << bits | low >> (64 - bits) : high;
  }
  return r;
}
FN u256 shift_right(const u256& shift, const u256& v) {
  if (!fits64(shift) || shift.w[0] >= 256) return u256_zero();
  int words = (int)shift.w[0] / 64, bits = (int)shift.w[0] % 64;
  u256 r;
  for (int i = 0; i < 4; i++) {
    u64 low = i + words < 4 ? v.w[i + words] : 0, high = i + words + 1 < 4 ? v.w[i + words + 1] : 0;
    r.w[i] = bits ? low >> bits | high << (64 - bits) : low;
  }
  return r;
}
FN u256 shift_right_signed(const u256& shift, const u256& v) {
  if (!negative(v)) return shift_right(shift, v);
  return bit_not(shift_right(shift, bit_not(v)));
}
FN u256 sign_extend(const u256& index, const u256& v) {
  if (!fits64(index) || index.w[0] >= 31) return v;
  u256 up = u256_from(248 - 8 * index.w[0]);
  return shift_right_signed(up, shift_left(up, v));
}
FN u256 byte_at(const u256& index, const u256& v) {
  if (!fits64(index) || index.w[0] >= 32) return u256_zero();
  int i = 31 - (int)index.w[0];
  return u256_from(v.w[i / 8] >> 8 * (i % 8) & 0xff);
}
FN u256 count_leading_zeros(const u256& v) { return u256_from((u64)(256 - bit_length(v))); }

FN u256 load_be(const u8* p) {
  u256 r;
  for (int i = 0; i < 4; i++) r.w[3 - i] = load64_be(p + 8 * i);
  return r;
}
FN void store_be(u8* p, const u256& v) {
  for (int i = 0; i < 4; i++) store64_be(p + 8 * i, v.w[3 - i]);
}
FN u256 load_be_n(const u8* p, u32 n) { // n from 1 to 32
  u256 r = u256_zero();
  for (u32 i = 0; i < n; i++) {
    u32 at = n - 1 - i;
    r.w[at / 8] |= (u64)p[i] << 8 * (at % 8);
  }
  return r;
}
FN u256 u256_from_address(const u8* p) {
  u256 r;
  r.w[3] = 0;
  r.w[2] = swap64(load64(p)) >> 32;
  r.w[1] = load64_be(p + 4);
  r.w[0] = load64_be(p + 12);
  return r;
}
FN void address_from(u8* out, const u256& v) {
  store64_be(out + 4, v.w[1]);
  store64_be(out + 12, v.w[0]);
  u64 top = swap64(v.w[2] << 32);
  for (int i = 0; i < 4; i++) out[i] = (u8)(top >> 8 * i);
}
