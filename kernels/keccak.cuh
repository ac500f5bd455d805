// Keccak-256 as Ethereum uses it (the padding of the competition, not of FIPS 202).
#pragma once
#include "dialect.cuh"

CONST_TABLE u64 KECCAK_ROUND[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

// keccak_f1600 is the permutation. All indexes are constants, so that the state stays in
// registers.
FN void keccak_f1600(u64 s[25]) {
  for (int round = 0; round < 24; round++) {
    u64 c[5], b[25];
    for (int x = 0; x < 5; x++) c[x] = s[x] ^ s[x + 5] ^ s[x + 10] ^ s[x + 15] ^ s[x + 20];
    for (int x = 0; x < 5; x++) {
      u64 d = c[(x + 4) % 5] ^ rotate_left64(c[(x + 1) % 5], 1);
      for (int y = 0; y < 25; y += 5) s[x + y] ^= d;
    }
    // rho and pi: lane (x, y) goes to (y, 2x + 3y), rotated.
    b[0] = s[0];
    b[10] = rotate_left64(s[1], 1);
    b[20] = rotate_left64(s[2], 62);
    b[5] = rotate_left64(s[3], 28);
    b[15] = rotate_left64(s[4], 27);
    b[16] = rotate_left64(s[5], 36);
    b[1] = rotate_left64(s[6], 44);
    b[11] = rotate_left64(s[7], 6);
    b[21] = rotate_left64(s[8], 55);
    b[6] = rotate_left64(s[9], 20);
    b[7] = rotate_left64(s[10], 3);
    b[17] = rotate_left64(s[11], 10);
    b[2] = rotate_left64(s[12], 43);
    b[12] = rotate_left64(s[13], 25);
    b[22] = rotate_left64(s[14], 39);
    b[23] = rotate_left64(s[15], 41);
    b[8] = rotate_left64(s[16], 45);
    b[18] = rotate_left64(s[17], 15);
    b[3] = rotate_left64(s[18], 21);
    b[13] = rotate_left64(s[19], 8);
    b[14] = rotate_left64(s[20], 18);
    b[24] = rotate_left64(s[21], 2);
    b[9] = rotate_left64(s[22], 61);
    b[19] = rotate_left64(s[23], 56);
    b[4] = rotate_left64(s[24], 14);
    for (int y = 0; y < 25; y += 5)
      for (int x = 0; x < 5; x++) s[x + y] = b[x + y] ^ (~b[(x + 1) % 5 + y] & b[(x + 2) % 5 + y]);
    s[0] ^= KECCAK_ROUND[round];
  }
}

CALL_FN void keccak256(u8 out[32], const u8* in, u64 n) {
  u64 s[25];
  for (int i = 0; i < 25; i++) s[i] = 0;
  for (; n >= 136; n -= 136, in += 136) {
    for (int i = 0; i < 17; i++) s[i] ^= load64(in + 8 * i);
    keccak_f1600(s);
  }
  for (int i = 0; i < 17; i++) {
    u64 at = 8 * (u64)i, word = 0;
    if (at + 8 <= n) {
      word = load64(in + at);
    } else {
      for (u64 k = at; k < n; k++) word |= (u64)in[k] << 8 * (k - at);
      if (n >= at) word |= 1ull << 8 * (n - at);
    }
    if (at <= n && n < at + 8) s[i] ^= word;
    else if (at + 8 <= n) s[i] ^= word;
  }
  s[16] ^= 1ull << 63;
  keccak_f1600(s);
  for (int i = 0; i < 4; i++) store64(out + 8 * i, s[i]);
}
