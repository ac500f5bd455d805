// SHA-256 (FIPS 180-4).
#pragma once
#include "dialect.cuh"

CONST_TABLE u32 SHA256_K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

FN u32 rotate_right32(u32 x, int n) { return rotate_left32(x, 32 - n); }

FN void sha256_block(u32 h[8], const u8* p) {
  u32 w[16], v[8];
  for (int i = 0; i < 16; i++) w[i] = (u32)p[4 * i] << 24 | (u32)p[4 * i + 1] << 16 | (u32)p[4 * i + 2] << 8 | p[4 * i + 3];
  for (int i = 0; i < 8; i++) v[i] = h[i];
  for (int i = 0; i < 64; i++) {
    u32 x = w[i % 16];
    if (i >= 16) {
      u32 a = w[(i + 1) % 16], b = w[(i + 14) % 16];
      x += (rotate_right32(a, 7) ^ rotate_right32(a, 18) ^ a >> 3) + w[(i + 9) % 16] +
           (rotate_right32(b, 17) ^ rotate_right32(b, 19) ^ b >> 10);
      w[i % 16] = x;
    }
    u32 t1 = v[7] + (rotate_right32(v[4], 6) ^ rotate_right32(v[4], 11) ^ rotate_right32(v[4], 25)) +
             ((v[4] & v[5]) ^ (~v[4] & v[6])) + SHA256_K[i] + x;
    u32 t2 = (rotate_right32(v[0], 2) ^ rotate_right32(v[0], 13) ^ rotate_right32(v[0], 22)) +
             ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    for (int k = 7; k > 0; k--) v[k] = v[k - 1];
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++) h[i] += v[i];
}

CALL_FN void sha256(u8 out[32], const u8* in, u64 n) {
  u32 h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  u64 bits = n * 8;
  for (; n >= 64; n -= 64, in += 64) sha256_block(h, in);
  u8 last[64];
  fill_bytes(last, 0, 64);
  copy_bytes(last, in, n);
  last[n] = 0x80;
  if (n >= 56) {
    sha256_block(h, last);
    fill_bytes(last, 0, 64);
  }
  store64_be(last + 56, bits);
  sha256_block(h, last);
  for (int i = 0; i < 4; i++) store64_be(out + 8 * i, (u64)h[2 * i] << 32 | h[2 * i + 1]);
}
