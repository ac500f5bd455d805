// The curve bn254 and its pairing.
#pragma once
#include "cells.cuh"
#include "precompile_errors.cuh"

CALL_FN u32 bn254_add(u8 out[64], const u8 in[128]) { return PRECOMPILE_NOT_ON_CURVE; }
CALL_FN u32 bn254_mul(u8 out[64], const u8 in[96]) { return PRECOMPILE_NOT_ON_CURVE; }
CALL_FN u32 bn254_pairing(u32* error, const u8* in, u64 pairs, u8* scratch, u64 scratch_size) { return 0; }
