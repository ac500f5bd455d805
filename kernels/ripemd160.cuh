// RIPEMD-160. It is called rarely, so it is kept small: its words come in an order that is
// looked up, and they are taken from the message itself, since on a GPU a local array that
// is indexed by a number would be memory too.
#pragma once
#include "sha256.cuh"

// Per line (left, right) and round of 16 steps, four bits a step, the first lowest: which
// word, and by how much to rotate.
CONST_TABLE u64 RIPEMD_WORD[2][5] = {
    {0xfedcba9876543210, 0x8be2590c3f6a1d47, 0xc5bd607218f94ea3,
     0x265ef73d4c80ab91, 0xdf6b831ea2c79504},
    {0xc3a18f6d4b2907e5, 0x2194c8fea5d073b6, 0xd40a2c8b96e7315f,
     0xea79d2c50fb31468, 0xb930ed2678514afc},
};
CONST_TABLE u64 RIPEMD_TURN[2][5] = {
    {0x8976fedb9785cfeb, 0xcd7b9fc7f79bd867, 0x57c56d8efd9e76db,
     0xc56865e989fefecb, 0x658bedc5cd86b5f9},
    {0x6ceeb8775ffdb998, 0xbdf67c77b98c7fd9, 0x57dde5dce668bf79,
     0x8f5c9c96e6eeb85f, 0xbbdf56d86e5c9c58},
};
CONST_TABLE u32 RIPEMD_ADD[2][5] = {
    {0x00000000, 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xa953fd4e},
    {0x50a28be6, 0x5c4dd124, 0x6d703ef3, 0x7a6d76e9, 0x00000000},
};

FN u32 ripemd_mix(int kind, u32 x, u32 y, u32 z) {
  switch (kind) {
    case 0: return x ^ y ^ z;
    case 1: return (x & y) | (~x & z);
    case 2: return (x | ~y) ^ z;
    case 3: return (x & z) | (y & ~z);
  }
  return x ^ (y | ~z);
}

// padded_word is four bytes at `at` of the message with its padding, without its length.
FN u32 padded_word(const u8* in, u64 n, u64 at) {
  if (at + 4 <= n) return load32(in + at);
  return at <= n ? end_word(in + at, (u32)(n - at)) : 0;
}

CALL_FN void ripemd160(u8 out[20], const u8* in, u64 n) {
  u32 s[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  u64 size = (n + 9 + 63) / 64 * 64; // with the padding
  for (u64 at = 0; at < size; at += 64) {
    bool last = at + 64 == size;
    u32 a = s[0], b = s[1], c = s[2], d = s[3], e = s[4];
    u32 left[5] = {a, b, c, d, e};
    for (int line = 0; line < 2; line++) {
      if (line) {
        left[0] = a, left[1] = b, left[2] = c, left[3] = d, left[4] = e;
        a = s[0], b = s[1], c = s[2], d = s[3], e = s[4];
      }
      for (int round = 0; round < 5; round++) {
        u64 words = RIPEMD_WORD[line][round], turns = RIPEMD_TURN[line][round];
        u32 k = RIPEMD_ADD[line][round];
        int kind = line ? 4 - round : round;
        for (int i = 0; i < 16; i++, words >>= 4, turns >>= 4) {
          u32 index = (u32)words & 15, x;
          if (last && index >= 14) x = (u32)(index == 14 ? n << 3 : n >> 29);
          else x = padded_word(in, n, at + 4 * index);
          u32 t = rotate_left32(a + ripemd_mix(kind, b, c, d) + x + k, (int)(turns & 15)) + e;
          a = e, e = d, d = rotate_left32(c, 10), c = b, b = t;
        }
      }
    }
    u32 t = s[1] + left[2] + d;
    s[1] = s[2] + left[3] + e;
    s[2] = s[3] + left[4] + a;
    s[3] = s[4] + left[0] + b;
    s[4] = s[0] + left[1] + c;
    s[0] = t;
  }
  UNROLL for (int i = 0; i < 5; i++) {
    u8* p = out + 4 * i;
    p[0] = (u8)s[i], p[1] = (u8)(s[i] >> 8), p[2] = (u8)(s[i] >> 16), p[3] = (u8)(s[i] >> 24);
  }
}
