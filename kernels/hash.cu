// The kernel hash_bytes: Keccak-256 of many.
#include "keccak.cuh"

KERNEL(hash_bytes, HashArgs, 128) {
  const u64* offsets = (const u64*)a.offsets;
  for (u32 i = lane; i < a.count; i += lanes)
    keccak256((u8*)a.hashes + 32ull * i, (const u8*)a.bytes + offsets[i], offsets[i + 1] - offsets[i]);
}
