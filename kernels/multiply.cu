// The kernel multiply: nothing but 256-bit multiplications, to measure them. Four chains of
// 64 a number, so that one need not wait for the other. Go twin: bench/duel_multiply.go.
#include "u256.cuh"

KERNEL(multiply, MultiplyArgs, 256) {
  for (u32 i = lane; i < a.count; i += lanes) {
    u256 x = ((const u256*)a.numbers)[i];
    u256 y = bit_or(x, u256_from(1));
    u256 b = add(x, u256_from(1)), c = add(x, u256_from(2)), d = add(x, u256_from(3));
    for (int step = 0; step < 64; step++) {
      x = mul(x, y);
      b = mul(b, y);
      c = mul(c, y);
      d = mul(d, y);
    }
    ((u256*)a.products)[i] = bit_xor(bit_xor(x, b), bit_xor(c, d));
  }
}
