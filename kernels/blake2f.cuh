// The compression function F of BLAKE2b (RFC 7693), as precompile 9 gives it (EIP-152).
#pragma once
#include "dialect.cuh"

CONST_TABLE u64 BLAKE2_IV[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                                0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
CONST_TABLE u8 BLAKE2_SIGMA[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

FN void blake2_mix(u64& a, u64& b, u64& c, u64& d, u64 x, u64 y) {
  a = a + b + x;
  d = rotate_right64(d ^ a, 32);
  c = c + d;
  b = rotate_right64(b ^ c, 24);
  a = a + b + y;
  d = rotate_right64(d ^ a, 16);
  c = c + d;
  b = rotate_right64(b ^ c, 63);
}

// blake2f: in is rounds (4 bytes, big-endian), h (64), m (128), t (16), final (1: 0 or 1).
CALL_FN void blake2f(u8 out[64], const u8 in[213]) {
  u32 rounds = (u32)in[0] << 24 | (u32)in[1] << 16 | (u32)in[2] << 8 | in[3];
  u64 h[8], m[16], v[16];
  for (int i = 0; i < 8; i++) h[i] = load64(in + 4 + 8 * i);
  for (int i = 0; i < 16; i++) m[i] = load64(in + 68 + 8 * i);
  for (int i = 0; i < 8; i++) {
    v[i] = h[i];
    v[i + 8] = BLAKE2_IV[i];
  }
  v[12] ^= load64(in + 196);
  v[13] ^= load64(in + 204);
  if (in[212]) v[14] = ~v[14];
  for (u32 r = 0, line = 0; r < rounds; r++, line = line == 9 ? 0 : line + 1) {
    const u8* s = BLAKE2_SIGMA[line];
    for (int i = 0; i < 4; i++) blake2_mix(v[i], v[4 + i], v[8 + i], v[12 + i], m[s[2 * i]], m[s[2 * i + 1]]);
    for (int i = 0; i < 4; i++)
      blake2_mix(v[i], v[4 + (i + 1) % 4], v[8 + (i + 2) % 4], v[12 + (i + 3) % 4], m[s[8 + 2 * i]], m[s[9 + 2 * i]]);
  }
  for (int i = 0; i < 8; i++) store64(out + 8 * i, h[i] ^ v[i] ^ v[i + 8]);
}
