// RIPEMD-160 (Dobbertin, Bosselaers, Preneel 1996).
#pragma once
#include "dialect.cuh"

CONST_TABLE u8 RIPEMD_WORD[2][80] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8,
     3, 10, 14, 4, 9, 15, 8, 1, 2, 7, 0, 6, 13, 11, 5, 12, 1, 9, 11, 10, 0, 8, 12, 4, 13, 3, 7, 15, 14, 5, 6, 2,
     4, 0, 5, 9, 7, 12, 2, 10, 14, 1, 3, 8, 11, 6, 15, 13},
    {5, 14, 7, 0, 9, 2, 11, 4, 13, 6, 15, 8, 1, 10, 3, 12, 6, 11, 3, 7, 0, 13, 5, 10, 14, 15, 8, 12, 4, 9, 1, 2,
     15, 5, 1, 3, 7, 14, 6, 9, 11, 8, 12, 2, 10, 0, 4, 13, 8, 6, 4, 1, 3, 11, 15, 0, 5, 12, 2, 13, 9, 7, 10, 14,
     12, 15, 10, 4, 1, 5, 8, 7, 6, 2, 13, 14, 0, 3, 9, 11}};
CONST_TABLE u8 RIPEMD_SHIFT[2][80] = {
    {11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8, 7, 6, 8, 13, 11, 9, 7, 15, 7, 12, 15, 9, 11, 7, 13, 12,
     11, 13, 6, 7, 14, 9, 13, 15, 14, 8, 13, 6, 5, 12, 7, 5, 11, 12, 14, 15, 14, 15, 9, 8, 9, 14, 5, 6, 8, 6, 5, 12,
     9, 15, 5, 11, 6, 8, 13, 12, 5, 12, 13, 14, 11, 8, 5, 6},
    {8, 9, 9, 11, 13, 15, 15, 5, 7, 7, 8, 11, 14, 14, 12, 6, 9, 13, 15, 7, 12, 8, 9, 11, 7, 7, 12, 7, 6, 15, 13, 11,
     9, 7, 15, 11, 8, 6, 6, 14, 12, 13, 5, 14, 13, 13, 7, 5, 15, 5, 8, 11, 14, 14, 6, 14, 6, 9, 12, 9, 12, 5, 15, 8,
     8, 5, 12, 9, 12, 5, 14, 6, 8, 13, 6, 5, 15, 13, 11, 11}};
CONST_TABLE u32 RIPEMD_K[2][5] = {{0, 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xa953fd4e},
                                  {0x50a28be6, 0x5c4dd124, 0x6d703ef3, 0x7a6d76e9, 0}};

FN u32 ripemd_mix(int f, u32 x, u32 y, u32 z) {
  switch (f) {
  case 0: return x ^ y ^ z;
  case 1: return (x & y) | (~x & z);
  case 2: return (x | ~y) ^ z;
  case 3: return (x & z) | (y & ~z);
  default: return x ^ (y | ~z);
  }
}

CALL_FN void ripemd160_block(u32 h[5], const u8* p) {
  u32 x[16], line[2][5];
  for (int i = 0; i < 16; i++) x[i] = p[4 * i] | (u32)p[4 * i + 1] << 8 | (u32)p[4 * i + 2] << 16 | (u32)p[4 * i + 3] << 24;
  for (int k = 0; k < 2; k++) {
    u32 a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 80; i++) {
      int f = k ? 4 - i / 16 : i / 16;
      u32 t = rotate_left32(a + ripemd_mix(f, b, c, d) + x[RIPEMD_WORD[k][i]] + RIPEMD_K[k][i / 16], RIPEMD_SHIFT[k][i]) + e;
      a = e;
      e = d;
      d = rotate_left32(c, 10);
      c = b;
      b = t;
    }
    line[k][0] = a;
    line[k][1] = b;
    line[k][2] = c;
    line[k][3] = d;
    line[k][4] = e;
  }
  u32 t = h[1] + line[0][2] + line[1][3];
  h[1] = h[2] + line[0][3] + line[1][4];
  h[2] = h[3] + line[0][4] + line[1][0];
  h[3] = h[4] + line[0][0] + line[1][1];
  h[4] = h[0] + line[0][1] + line[1][2];
  h[0] = t;
}

CALL_FN void ripemd160(u8 out[20], const u8* in, u64 n) {
  u32 h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  u64 bits = n * 8;
  for (; n >= 64; n -= 64, in += 64) ripemd160_block(h, in);
  u8 last[64];
  fill_bytes(last, 0, 64);
  copy_bytes(last, in, n);
  last[n] = 0x80;
  if (n >= 56) {
    ripemd160_block(h, last);
    fill_bytes(last, 0, 64);
  }
  store64(last + 56, bits);
  ripemd160_block(h, last);
  for (int i = 0; i < 20; i++) out[i] = (u8)(h[i / 4] >> 8 * (i % 4));
}
