// Modular exponentiation of numbers of any size (EIP-198), and its gas.
#pragma once
#include "cells.cuh"

// ModexpIn is the input taken apart. Sizes beyond 64 bits are all ones.
struct ModexpIn {
  const u8* in;
  u64 size; // of the input behind the header
  u64 base_size, exp_size, mod_size;
};

FN ModexpIn modexp_in(const u8* in, u64 size) { return ModexpIn{in, size, 0, 0, 0}; }
CALL_FN u64 modexp_gas(u32 revision, const u8* in, u64 size) { return ~0ull; }
FN u64 modexp_scratch(u64 base, u64 exp, u64 mod) { return 0; }
CALL_FN bool modexp(u8* out, const ModexpIn& m, u8* scratch, u64 scratch_size) { return false; }
