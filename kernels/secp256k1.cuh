// Recovery of signers on secp256k1.
#pragma once
#include "cells.cuh"

CALL_FN bool secp256k1_recover(u8 address[20], const u8 hash[32], const u8 r[32], const u8 s[32], u32 v) {
  return false;
}
