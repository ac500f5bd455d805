// The compression function of BLAKE2b with any number of rounds (EIP-152).
#pragma once
#include "dialect.cuh"

FN void blake2_mix(u64* a, u64* b, u64* c, u64* d, u64 x, u64 y) {
  *a += *b + x;
  *d = rotate_right64(*d ^ *a, 32);
  *c += *d;
  *b = rotate_right64(*b ^ *c, 24);
  *a += *b + y;
  *d = rotate_right64(*d ^ *a, 16);
  *c += *d;
  *b = rotate_right64(*b ^ *c, 63);
}

// blake2_round's numbers are constants, so that v and m are registers.
template <int A, int B, int C, int D, int E, int F, int G, int H, int I, int J, int K, int L, int M, int N, int O, int P>
FN void blake2_round(u64 v[16], const u64 m[16]) {
  blake2_mix(v, v + 4, v + 8, v + 12, m[A], m[B]);
  blake2_mix(v + 1, v + 5, v + 9, v + 13, m[C], m[D]);
  blake2_mix(v + 2, v + 6, v + 10, v + 14, m[E], m[F]);
  blake2_mix(v + 3, v + 7, v + 11, v + 15, m[G], m[H]);
  blake2_mix(v, v + 5, v + 10, v + 15, m[I], m[J]);
  blake2_mix(v + 1, v + 6, v + 11, v + 12, m[K], m[L]);
  blake2_mix(v + 2, v + 7, v + 8, v + 13, m[M], m[N]);
  blake2_mix(v + 3, v + 4, v + 9, v + 14, m[O], m[P]);
}

FN void blake2_rounds(u64 v[16], const u64 m[16], u32 n) {
  for (;;) {
    if (n-- == 0) return;
    blake2_round<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>(v, m);
    if (n-- == 0) return;
    blake2_round<14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3>(v, m);
    if (n-- == 0) return;
    blake2_round<11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4>(v, m);
    if (n-- == 0) return;
    blake2_round<7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8>(v, m);
    if (n-- == 0) return;
    blake2_round<9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13>(v, m);
    if (n-- == 0) return;
    blake2_round<2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9>(v, m);
    if (n-- == 0) return;
    blake2_round<12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11>(v, m);
    if (n-- == 0) return;
    blake2_round<13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10>(v, m);
    if (n-- == 0) return;
    blake2_round<6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5>(v, m);
    if (n-- == 0) return;
    blake2_round<10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0>(v, m);
  }
}

// blake2f takes rounds (big-endian), state, message, offset and the flag of the last block,
// 0 or 1.
CALL_FN void blake2f(u8 out[64], const u8 in[213]) {
  u32 rounds = (u32)in[0] << 24 | (u32)in[1] << 16 | (u32)in[2] << 8 | in[3];
  u64 h[8], m[16];
  UNROLL for (int i = 0; i < 8; i++) h[i] = load64(in + 4 + 8 * i);
  UNROLL for (int i = 0; i < 16; i++) m[i] = load64(in + 68 + 8 * i);
  u64 v[16] = {h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7],
               0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
               0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
  v[12] ^= load64(in + 196);
  v[13] ^= load64(in + 204);
  if (in[212]) v[14] = ~v[14];
  blake2_rounds(v, m, rounds);
  UNROLL for (int i = 0; i < 8; i++) store64(out + 8 * i, h[i] ^ v[i] ^ v[i + 8]);
}
