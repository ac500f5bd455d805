#pragma once
#include "dialect.cuh"

// PrecompileError is why a precompile failed. Go's texts: PrecompileErrors in
// precompile_errors.go.
enum PrecompileError : u32 {
  PRECOMPILE_FINE,
  PRECOMPILE_MODEXP_LENGTH,      // one or more of base/exponent/modulus length exceeded 1024 bytes
  PRECOMPILE_PAIRING_SIZE,       // bad elliptic curve pairing size
  PRECOMPILE_FIELD_ENCODING,     // invalid fp.Element encoding
  PRECOMPILE_NOT_ON_CURVE,       // point is not on curve
  PRECOMPILE_NOT_IN_SUBGROUP,    // point is not in correct subgroup
  PRECOMPILE_BLAKE2F_LENGTH,     // invalid input length
  PRECOMPILE_BLAKE2F_FINAL_FLAG, // invalid final flag
};
