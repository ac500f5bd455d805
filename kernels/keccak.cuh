// Keccak-256, as Ethereum uses it (padding 01, not SHA3's 06). The state's words are
// only ever indexed by constants, so that on a GPU they are registers.
#pragma once
#include "cells.cuh"

CONST_TABLE u64 KECCAK_ROUND[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

// keccak_permute is written in terms of a round, not of 24: a round is 3 KB of a GPU's
// code, and its cache of instructions is small.
FN void keccak_permute(u64 s[25]) {
  for (int round = 0; round < 24; round++) {
    u64 c[5], d[5], b[25];
    UNROLL for (int x = 0; x < 5; x++) c[x] = s[x] ^ s[x + 5] ^ s[x + 10] ^ s[x + 15] ^ s[x + 20];
    UNROLL for (int x = 0; x < 5; x++) d[x] = c[(x + 4) % 5] ^ rotate_left64(c[(x + 1) % 5], 1);
    b[0] = s[0] ^ d[0];
    b[1] = rotate_left64(s[6] ^ d[1], 44);
    b[2] = rotate_left64(s[12] ^ d[2], 43);
    b[3] = rotate_left64(s[18] ^ d[3], 21);
    b[4] = rotate_left64(s[24] ^ d[4], 14);
    b[5] = rotate_left64(s[3] ^ d[3], 28);
    b[6] = rotate_left64(s[9] ^ d[4], 20);
    b[7] = rotate_left64(s[10] ^ d[0], 3);
    b[8] = rotate_left64(s[16] ^ d[1], 45);
    b[9] = rotate_left64(s[22] ^ d[2], 61);
    b[10] = rotate_left64(s[1] ^ d[1], 1);
    b[11] = rotate_left64(s[7] ^ d[2], 6);
    b[12] = rotate_left64(s[13] ^ d[3], 25);
    b[13] = rotate_left64(s[19] ^ d[4], 8);
    b[14] = rotate_left64(s[20] ^ d[0], 18);
    b[15] = rotate_left64(s[4] ^ d[4], 27);
    b[16] = rotate_left64(s[5] ^ d[0], 36);
    b[17] = rotate_left64(s[11] ^ d[1], 10);
    b[18] = rotate_left64(s[17] ^ d[2], 15);
    b[19] = rotate_left64(s[23] ^ d[3], 56);
    b[20] = rotate_left64(s[2] ^ d[2], 62);
    b[21] = rotate_left64(s[8] ^ d[3], 55);
    b[22] = rotate_left64(s[14] ^ d[4], 39);
    b[23] = rotate_left64(s[15] ^ d[0], 41);
    b[24] = rotate_left64(s[21] ^ d[1], 2);
    UNROLL for (int y = 0; y < 5; y++)
      UNROLL for (int x = 0; x < 5; x++)
        s[5 * y + x] = b[5 * y + x] ^ (~b[5 * y + (x + 1) % 5] & b[5 * y + (x + 2) % 5]);
    s[0] ^= KECCAK_ROUND[round];
  }
}

CALL_FN void keccak_f1600(u64 s[25]) { keccak_permute(s); }

CALL_FN void keccak256(u8 out[32], const u8* in, u64 n) {
  u64 s[25];
  UNROLL for (int i = 0; i < 25; i++) s[i] = 0;
  for (;; in += 136, n -= 136) {
    bool last = n < 136;
    u32 words = last ? (u32)n / 8 : 17;
    if (((u64)in & 7) == 0) {
      UNROLL for (u32 i = 0; i < 17; i++)
        if (i < words) s[i] ^= ((const u64*)in)[i];
    } else {
      UNROLL for (u32 i = 0; i < 17; i++)
        if (i < words) s[i] ^= load64(in + 8 * i);
    }
    if (last) {
      u64 end = 1;
      for (u32 i = (u32)n; i > 8 * words; i--) end = end << 8 | in[i - 1];
      UNROLL for (u32 i = 0; i < 17; i++)
        if (i == words) s[i] ^= end;
      s[16] ^= 1ull << 63;
    }
    keccak_permute(s);
    if (last) break;
  }
  UNROLL for (int i = 0; i < 4; i++) store64(out + 8 * i, s[i]);
}

// keccak256_two hashes two words, as a mapping's slot or a public key is hashed, without
// taking them apart into bytes.
CALL_FN void keccak256_two(u8 out[32], const u256& a, const u256& b) {
  u64 s[25];
  UNROLL for (int i = 0; i < 25; i++) s[i] = 0;
  UNROLL for (int i = 0; i < 4; i++) s[i] = swap64(a.w[3 - i]);
  UNROLL for (int i = 0; i < 4; i++) s[4 + i] = swap64(b.w[3 - i]);
  s[8] = 1;
  s[16] = 1ull << 63;
  keccak_permute(s);
  UNROLL for (int i = 0; i < 4; i++) store64(out + 8 * i, s[i]);
}
