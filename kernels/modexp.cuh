// Modular exponentiation of numbers of any size (EIP-198), and its gas.
//
// Odd moduli go through Montgomery multiplication, even ones through division by words; the
// rest, sliding windows over the exponent, is common. Exponent and base are read where they
// lie, with the zeros that the input is taken to end in, so that only the modulus decides
// how much memory is needed.
#pragma once
#include "cells.cuh"

// ModexpIn is the input taken apart. Sizes beyond 64 bits are all ones.
struct ModexpIn {
  const u8* in;
  u64 size;
  u64 base_size, exp_size, mod_size;
};

// Digits is a big-endian number in the input: zeros follow where the input ends.
struct Digits {
  const u8* at;
  u64 have, size;
};

FN u64 saturating_add(u64 a, u64 b) { return a + b < a ? ~0ull : a + b; }

FN Digits input_digits(const u8* in, u64 input_size, u64 from, u64 size) {
  if (from > input_size) from = input_size;
  u64 have = input_size - from;
  return Digits{in + from, have < size ? have : size, size};
}

FN u32 digit_at(const Digits& d, u64 i) { return i < d.have ? d.at[i] : 0; }

// skip_zeros cuts leading zeros off; a zero has size 0.
CALL_FN Digits skip_zeros(Digits d) {
  while (d.have && *d.at == 0) d.at++, d.have--, d.size--;
  if (d.have == 0) d.size = 0;
  return d;
}

FN u64 word_count(const Digits& d) { return d.size / 8 + (d.size % 8 != 0); }

// word_at is the i-th 64-bit word, the least significant first.
CALL_FN u64 word_at(const Digits& d, u64 i) {
  u64 end = d.size - 8 * i, begin = end < 8 ? 0 : end - 8, w = 0;
  if (begin >= d.have) return 0;
  ROLLED for (u64 k = begin; k < end; k++) w = w << 8 | digit_at(d, k);
  return w;
}

CALL_FN u64 modexp_size(const u8* in, u64 size, u64 at) {
  Digits d = skip_zeros(input_digits(in, size, at, 32));
  return d.size > 8 ? ~0ull : d.size == 0 ? 0 : word_at(d, 0);
}

FN ModexpIn modexp_in(const u8* in, u64 size) {
  return ModexpIn{in, size, modexp_size(in, size, 0), modexp_size(in, size, 32), modexp_size(in, size, 64)};
}

// ---- gas

FN u64 modexp_complexity(u32 revision, u64 x) {
  u64 square, high;
  if (revision < BERLIN) { // EIP-198
    if (x <= 64) return x * x;
    if (x <= 1024) return x * x / 4 + 96 * x - 3072;
    if (x >> 32) return ~0ull;
    return saturating_add(x * x / 16, 480 * x - 199680);
  }
  if (revision >= OSAKA && x <= 32) return 16; // EIP-7883
  if (x + 7 < x) return ~0ull;
  x = (x + 7) / 8;
  square = x * x;
  high = mul_high(x, x);
  if (revision >= OSAKA) { // twice EIP-2565's
    high |= square >> 63;
    square *= 2;
  }
  return high ? ~0ull : square;
}

// bit_length of a number without leading zeros.
FN u64 bit_length(const Digits& d) {
  return d.size == 0 ? 0 : 8 * d.size - ((u64)leading_zeros(*d.at) - 56);
}

FN u64 modexp_iterations(const ModexpIn& m, u64 multiplier) {
  u64 n = 0;
  if (m.exp_size > 32) {
    if (mul_high(m.exp_size - 32, multiplier)) return ~0ull;
    n = (m.exp_size - 32) * multiplier;
  }
  u64 head_size = m.exp_size < 32 ? m.exp_size : 32;
  u64 bits = bit_length(skip_zeros(input_digits(m.in, m.size, saturating_add(m.base_size, 96), head_size)));
  if (bits) n = saturating_add(n, bits - 1);
  return n ? n : 1;
}

CALL_FN u64 modexp_gas(u32 revision, const u8* in, u64 size) {
  ModexpIn m = modexp_in(in, size);
  u64 complexity = modexp_complexity(revision, m.base_size > m.mod_size ? m.base_size : m.mod_size);
  if (complexity == ~0ull) return ~0ull;
  u64 iterations = modexp_iterations(m, revision >= OSAKA ? 16 : 8);
  if (mul_high(iterations, complexity)) return ~0ull;
  u64 gas = iterations * complexity;
  if (revision < BERLIN) return gas / 20;
  u64 least = revision >= OSAKA ? 500 : 200;
  if (revision < OSAKA) gas /= 3;
  return gas > least ? gas : least;
}

// ---- arithmetic on n words, least significant first

// Divisor is the modulus with what division and Montgomery's reduction need to know of it.
struct Divisor {
  const u64* m;      // the modulus
  const u64* normal; // moved up by `shift`, so that its highest bit is set
  u64* room;         // 2 n + 2 words for intermediate results
  u64 n;
  u64 reciprocal; // of normal's highest word: (2^128 - 1) / word - 2^64
  u64 inverse;    // -1/m mod 2^64, of an odd m
  u32 shift;
};

FN u64 word_reciprocal(u64 d) {
  u64 rest = ~d, q = 0; // rest < d, since d's highest bit is set
  ROLLED for (int i = 0; i < 64; i++) {
    u64 carry = rest >> 63;
    rest = rest << 1 | 1;
    q <<= 1;
    if (carry || rest >= d) rest -= d, q |= 1;
  }
  return q;
}

// words_compare is the sign of a - b.
CALL_FN int words_compare(const u64* a, const u64* b, u64 n) {
  ROLLED while (n--)
    if (a[n] != b[n]) return a[n] < b[n] ? -1 : 1;
  return 0;
}
CALL_FN u64 words_sub(u64* r, const u64* a, const u64* b, u64 n) {
  u64 c = 0;
  ROLLED for (u64 i = 0; i < n; i++) r[i] = sub_borrow(a[i], b[i], &c);
  return c;
}
CALL_FN void words_copy(u64* r, const u64* a, u64 n) {
  ROLLED for (u64 i = 0; i < n; i++) r[i] = a[i];
}
CALL_FN void words_up(u64* r, const u64* a, u64 n, u32 shift) {
  ROLLED for (u64 i = n; i--;) r[i] = shift ? a[i] << shift | (i ? a[i - 1] >> (64 - shift) : 0) : a[i];
}
CALL_FN void words_down(u64* r, const u64* a, u64 n, u32 shift) {
  ROLLED for (u64 i = 0; i < n; i++) r[i] = shift ? a[i] >> shift | (i + 1 < n ? a[i + 1] << (64 - shift) : 0) : a[i];
}

// quotient_word estimates (u2, u1, u0) / (d1, d0), at most 1 too large: Knuth's D, with
// Moeller and Granlund's division by a reciprocal.
FN u64 quotient_word(u64 u2, u64 u1, u64 u0, u64 d1, u64 d0, u64 reciprocal) {
  u64 q, rest;
  if (u2 >= d1) {
    q = ~0ull;
    rest = u1 + d1;
    if (rest < u1) return q;
  } else {
    u64 c = 0, low = add_carry(reciprocal * u2, u1, &c);
    q = add_carry(mul_high(reciprocal, u2), u2, &c) + 1;
    rest = u1 - q * d1;
    if (rest > low) q--, rest += d1;
    if (rest >= d1) q++, rest -= d1;
  }
  while (true) {
    u64 high = mul_high(q, d0);
    if (high < rest || (high == rest && q * d0 <= u0)) return q;
    q--;
    rest += d1;
    if (rest < d1) return q;
  }
}

// push_word makes a, which is below d.normal, (a * 2^64 + w) mod d.normal.
CALL_FN void push_word(u64* a, u64 w, const Divisor& d) {
  const u64* m = d.normal;
  u64 n = d.n, top = a[n - 1];
  u64 q = quotient_word(top, n > 1 ? a[n - 2] : w, n > 2 ? a[n - 3] : n > 1 ? w : 0, m[n - 1], n > 1 ? m[n - 2] : 0,
                        d.reciprocal);
  u64 carry = 0, borrow = 0, below = w;
  for (u64 i = 0; i < n; i++) {
    u64 product = mul_add(q, m[i], 0, &carry), word = a[i];
    a[i] = sub_borrow(below, product, &borrow);
    below = word;
  }
  sub_borrow(below, carry, &borrow);
  if (!borrow) return;
  carry = 0;
  ROLLED for (u64 i = 0; i < n; i++) a[i] = add_carry(a[i], m[i], &carry);
}

// multiply_montgomery is a * b / 2^(64 n) mod m. r may be a or b.
CALL_FN void multiply_montgomery(u64* r, const u64* a, const u64* b, const Divisor& d) {
  const u64* m = d.m;
  u64* t = d.room;
  u64 n = d.n, top = 0;
  ROLLED for (u64 j = 0; j < n; j++) t[j] = 0;
  ROLLED for (u64 i = 0; i < n; i++) {
    u64 c = 0, e = 0, word = b[i];
    u64 x = mul_add(a[0], word, t[0], &c), k = x * d.inverse;
    mul_add(k, m[0], x, &e);
    for (u64 j = 1; j < n; j++) {
      x = mul_add(a[j], word, t[j], &c);
      t[j - 1] = mul_add(k, m[j], x, &e);
    }
    t[n - 1] = add_carry(c, e, &top);
  }
  if (top || words_compare(t, m, n) >= 0) words_sub(r, t, m, n);
  else words_copy(r, t, n);
}

// multiply_divide is a * b mod m. With b moved up the product's upper half is below the
// moved modulus already.
CALL_FN void multiply_divide(u64* r, const u64* a, const u64* b, const Divisor& d) {
  u64 n = d.n;
  u64* t = d.room;
  ROLLED for (u64 j = 0; j < n; j++) t[j] = 0;
  ROLLED for (u64 i = 0; i < n; i++) {
    u64 c = 0, word = d.shift ? b[i] << d.shift | (i ? b[i - 1] >> (64 - d.shift) : 0) : b[i];
    for (u64 j = 0; j < n; j++) t[i + j] = mul_add(a[j], word, t[i + j], &c);
    t[i + n] = c;
  }
  ROLLED for (u64 i = n; i--;) push_word(t + n, t[i], d);
  words_down(r, t + n, n, d.shift);
}

FN void multiply_modulo(u64* r, const u64* a, const u64* b, const Divisor& d) {
  if (d.m[0] & 1) multiply_montgomery(r, a, b, d);
  else multiply_divide(r, a, b, d);
}

// ---- the power

static constexpr u32 MODEXP_WINDOW = 4; // bits; odd powers only are kept

// What modexp needs: modulus, moved modulus, result, base, room and the odd powers.
FN u64 modexp_words(u64 n, u32 powers) { return n * (5 + powers) + 2; }

// modexp_scratch is how much scratch these sizes need at most.
FN u64 modexp_scratch(u64, u64, u64 mod_size) {
  u64 n = mod_size / 8 + 1;
  return n >> 40 ? ~0ull : 8 * modexp_words(n, 1 << (MODEXP_WINDOW - 1)) + 8;
}

FN u32 exponent_bit(const Digits& e, u64 bits, u64 i) { // i from the highest
  u64 at = 8 * e.size - bits + i;
  return digit_at(e, at >> 3) >> (7 - (at & 7)) & 1;
}

// raise makes r the power of powers[0], which it completes to the odd powers 1, 3, ... that
// a window can hold. The exponent is not zero.
CALL_FN void raise(u64* r, u64* powers, u32 window, const Digits& e, const Divisor& d) {
  u64 n = d.n, bits = bit_length(e);
  if (window > 1) {
    multiply_modulo(r, powers, powers, d);
    ROLLED for (u32 i = 1; i < 1u << (window - 1); i++) multiply_modulo(powers + i * n, powers + (i - 1) * n, r, d);
  }
  bool begun = false;
  ROLLED for (u64 i = 0; i < bits;) {
    if (!exponent_bit(e, bits, i)) {
      multiply_modulo(r, r, r, d);
      i++;
      continue;
    }
    u32 value = 0, width = 0, taken = 0; // the longest window that ends in a one
    ROLLED for (u32 k = 0, v = 0; k < window && i + k < bits; k++) {
      v = v << 1 | exponent_bit(e, bits, i + k);
      if (v & 1) value = v, width = k + 1;
    }
    ROLLED for (; begun && taken < width; taken++) multiply_modulo(r, r, r, d);
    if (begun) multiply_modulo(r, r, powers + (value >> 1) * n, d);
    else words_copy(r, powers + (value >> 1) * n, n);
    begun = true;
    i += width;
  }
}

// write_digits writes n words as a number of `size` bytes.
CALL_FN void write_digits(u8* out, u64 size, const u64* a, u64 n) {
  ROLLED for (u64 i = 0; i < size; i++) {
    u64 word = (size - 1 - i) / 8;
    out[i] = word < n ? (u8)(a[word] >> (8 * ((size - 1 - i) & 7))) : 0;
  }
}

// modexp writes mod_size bytes; false where scratch is too small.
CALL_FN bool modexp(u8* out, const ModexpIn& in, u8* scratch, u64 scratch_size) {
  u64 at = saturating_add(in.base_size, 96);
  Digits base = skip_zeros(input_digits(in.in, in.size, 96, in.base_size));
  Digits exp = skip_zeros(input_digits(in.in, in.size, at, in.exp_size));
  Digits mod = skip_zeros(input_digits(in.in, in.size, saturating_add(at, in.exp_size), in.mod_size));
  fill_bytes(out, 0, in.mod_size);
  if (mod.size == 0) return true; // modulo 0: 0
  u64 n = word_count(mod);
  bool odd = word_at(mod, 0) & 1, mod_is_one = n == 1 && word_at(mod, 0) == 1;
  if (exp.size == 0) { // even 0^0 is 1
    out[in.mod_size - 1] = !mod_is_one;
    return true;
  }
  u64 misaligned = (0 - (u64)scratch) & 7;
  u32 window = MODEXP_WINDOW;
  if (bit_length(exp) <= 16 || n >> 40 || misaligned + 8 * modexp_words(n, 1u << (window - 1)) > scratch_size) window = 1;
  if (n >> 40 || misaligned + 8 * modexp_words(n, 1) > scratch_size) return false;

  u64* m = (u64*)(scratch + misaligned);
  u64 *normal = m + n, *r = normal + n, *room = r + n, *powers = room + 2 * n + 2;
  ROLLED for (u64 i = 0; i < n; i++) m[i] = word_at(mod, i);
  Divisor d = {m, normal, room, n, 0, 0, (u32)leading_zeros(m[n - 1])};
  words_up(normal, m, n, d.shift);
  d.reciprocal = word_reciprocal(normal[n - 1]);
  u64 inverse = m[0]; // right in 3 bits; each step doubles them
  ROLLED for (int i = 0; i < 5; i++) inverse *= 2 - m[0] * inverse;
  d.inverse = 0 - inverse;

  // The base moved up, modulo the modulus moved up.
  u64 *a = powers, any = 0;
  ROLLED for (u64 i = 0; i < n; i++) a[i] = 0;
  u64 words = word_count(base), above = 0;
  if (words && d.shift) push_word(a, word_at(base, words - 1) >> (64 - d.shift), d);
  ROLLED for (u64 i = words; i--;) {
    above = word_at(base, i);
    push_word(a, d.shift ? above << d.shift | (i ? word_at(base, i - 1) >> (64 - d.shift) : 0) : above, d);
  }
  ROLLED for (u64 i = 0; i < n; i++) any |= a[i];
  if (any == 0) return true; // 0 to a power that isn't 0
  if (odd)
    ROLLED for (u64 i = 0; i < n; i++) push_word(a, 0, d);
  words_down(a, a, n, d.shift);
  raise(r, powers, window, exp, d);
  if (odd) { // out of Montgomery's form
    ROLLED for (u64 i = 0; i < n; i++) normal[i] = i == 0;
    multiply_montgomery(r, r, normal, d);
  }
  write_digits(out, in.mod_size, r, n);
  return true;
}
