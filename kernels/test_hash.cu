// Kernels for tests of the hashes.
#include "blake2f.cuh"
#include "keccak.cuh"
#include "ripemd160.cuh"
#include "sha256.cuh"

// HashTestArgs: outs[i], 200 bytes, begins with a hash of bytes[offsets[i]:offsets[i+1]].
struct HashTestArgs {
  u32 count, hash;
  u64 bytes;
  u64 offsets; // u64[count + 1]
  u64 outs;    // u8[200][]
};
static_assert(sizeof(HashTestArgs) == 32, "");

enum TestedHash : u32 { TEST_KECCAK256, TEST_KECCAK256_TWO, TEST_KECCAK_F1600, TEST_SHA256, TEST_RIPEMD160, TEST_BLAKE2F };

CALL_FN u256 test_word(const u8* in) {
  u256 r;
  for (int i = 0; i < 4; i++) r.w[3 - i] = load64_be(in + 8 * i);
  return r;
}

KERNEL(test_hash, HashTestArgs, 128) {
  const u64* offsets = (const u64*)a.offsets;
  for (u32 i = lane; i < a.count; i += lanes) {
    u8* out = (u8*)a.outs + 200ull * i;
    const u8* in = (const u8*)a.bytes + offsets[i];
    u64 n = offsets[i + 1] - offsets[i];
    switch (a.hash) {
      case TEST_KECCAK256: keccak256(out, in, n); break;
      case TEST_KECCAK256_TWO: keccak256_two(out, test_word(in), test_word(in + 32)); break;
      case TEST_KECCAK_F1600: {
        u64 s[25];
        for (int j = 0; j < 25; j++) s[j] = load64(in + 8 * j);
        keccak_f1600(s);
        for (int j = 0; j < 25; j++) store64(out + 8 * j, s[j]);
        break;
      }
      case TEST_SHA256: sha256(out, in, n); break;
      case TEST_RIPEMD160: ripemd160(out, in, n); break;
      case TEST_BLAKE2F: blake2f(out, in); break;
    }
  }
}
