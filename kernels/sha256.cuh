// SHA-256.
#pragma once
#include "dialect.cuh"

CONST_TABLE u32 SHA256_ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

FN u32 load32(const u8* p) { return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24; }

// end_word is the last n < 4 bytes of a message and the padding's 0x80, least significant
// byte first.
FN u32 end_word(const u8* in, u32 n) {
  u32 w = 0x80;
  while (n--) w = w << 8 | in[n];
  return w;
}

FN void sha256_step(u32 a, u32 b, u32 c, u32* d, u32 e, u32 f, u32 g, u32* h, u32 kw) {
  u32 t = *h + kw + (rotate_left32(e, 26) ^ rotate_left32(e, 21) ^ rotate_left32(e, 7)) + ((e & f) ^ (~e & g));
  *d += t;
  *h = t + (rotate_left32(a, 30) ^ rotate_left32(a, 19) ^ rotate_left32(a, 10)) + ((a & b) ^ (a & c) ^ (b & c));
}

// sha256_block takes a block's words; it leaves w undefined.
FN void sha256_block(u32 s[8], u32 w[16]) {
  u32 a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
  for (int r = 0; r < 64; r += 16) {
    const u32* k = SHA256_ROUND + r;
    UNROLL for (int i = 0; i < 16; i += 8) {
      sha256_step(a, b, c, &d, e, f, g, &h, k[i] + w[i]);
      sha256_step(h, a, b, &c, d, e, f, &g, k[i + 1] + w[i + 1]);
      sha256_step(g, h, a, &b, c, d, e, &f, k[i + 2] + w[i + 2]);
      sha256_step(f, g, h, &a, b, c, d, &e, k[i + 3] + w[i + 3]);
      sha256_step(e, f, g, &h, a, b, c, &d, k[i + 4] + w[i + 4]);
      sha256_step(d, e, f, &g, h, a, b, &c, k[i + 5] + w[i + 5]);
      sha256_step(c, d, e, &f, g, h, a, &b, k[i + 6] + w[i + 6]);
      sha256_step(b, c, d, &e, f, g, h, &a, k[i + 7] + w[i + 7]);
    }
    if (r == 48) break;
    UNROLL for (int i = 0; i < 16; i += 8)
      UNROLL for (int j = i; j < i + 8; j++) {
        u32 x = w[(j + 1) % 16], y = w[(j + 14) % 16];
        w[j] += (rotate_left32(x, 25) ^ rotate_left32(x, 14) ^ x >> 3) + w[(j + 9) % 16] +
                (rotate_left32(y, 15) ^ rotate_left32(y, 13) ^ y >> 10);
      }
  }
  s[0] += a, s[1] += b, s[2] += c, s[3] += d, s[4] += e, s[5] += f, s[6] += g, s[7] += h;
}

CALL_FN void sha256(u8 out[32], const u8* in, u64 n) {
  u32 s[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  u64 bits = n << 3;
  bool ended = false, last = false; // ended: the 0x80 has been
  for (; !last; in += 64, n -= 64) {
    if (ended) n = 0;
    u32 whole = n < 64 ? (u32)n / 4 : 16, w[16];
    UNROLL for (int i = 0; i < 16; i++) w[i] = 0;
    if (((u64)in & 3) == 0) {
      UNROLL for (u32 i = 0; i < 16; i++)
        if (i < whole) w[i] = swap32(((const u32*)in)[i]);
    } else {
      UNROLL for (u32 i = 0; i < 16; i++)
        if (i < whole) w[i] = swap32(load32(in + 4 * i));
    }
    if (n < 64) {
      u32 end = ended ? 0 : swap32(end_word(in + 4 * whole, (u32)n & 3));
      UNROLL for (u32 i = 0; i < 16; i++)
        if (i == whole) w[i] = end;
      ended = true;
      last = n < 56;
    }
    if (last) {
      w[14] = (u32)(bits >> 32);
      w[15] = (u32)bits;
    }
    sha256_block(s, w);
  }
  UNROLL for (int i = 0; i < 8; i++) {
    u8* p = out + 4 * i;
    p[0] = (u8)(s[i] >> 24), p[1] = (u8)(s[i] >> 16), p[2] = (u8)(s[i] >> 8), p[3] = (u8)s[i];
  }
}
