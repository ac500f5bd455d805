// The precompiled contracts: which there are, what they cost, what they answer. The referee
// is go-ethereum's core/vm/contracts.go, whose order of checks is kept, because it decides
// which error is found first.
#pragma once
#include "cells.cuh"
#include "precompile_errors.cuh"
#include "sha256.cuh"
#include "ripemd160.cuh"
#include "blake2f.cuh"
#include "secp256k1.cuh"
#include "secp256r1.cuh"
#include "modexp.cuh"
#include "bn254.cuh"

// Precompiled is how a precompile ended. Status: 0 ok; 1 failed, all gas is gone, error says
// why; 2 not on this device; 3 scratch or output too small.
struct Precompiled {
  u32 status;
  u32 error;
  u64 size;
};

FN Precompiled precompiled(u64 size) { return Precompiled{0, 0, size}; }
FN Precompiled precompile_failed(u32 error) { return Precompiled{1, error, 0}; }
FN Precompiled precompile_elsewhere() { return Precompiled{2, 0, 0}; }
FN Precompiled precompile_no_room() { return Precompiled{3, 0, 0}; }

FN bool is_precompile(u32 revision, const u8 addr[20]) {
  u32 high = 0;
  for (int i = 0; i < 18; i++) high |= addr[i];
  if (high) return false;
  u32 number = (u32)addr[18] << 8 | addr[19];
  u32 last = revision >= PRAGUE ? 0x11 : revision >= CANCUN ? 10 : revision >= ISTANBUL ? 9
             : revision >= BYZANTIUM ? 8 : 4;
  return (number >= 1 && number <= last) || (number == 0x100 && revision >= OSAKA);
}

// Discounts of EIP-2537 for k points, in thousandths.
CONST_TABLE u16 BLS_G1_DISCOUNT[128] = {
  1000, 949, 848, 797, 764, 750, 738, 728, 719, 712, 705, 698, 692, 687, 682, 677, 673, 669, 665,
  661, 658, 654, 651, 648, 645, 642, 640, 637, 635, 632, 630, 627, 625, 623, 621, 619, 617, 615,
  613, 611, 609, 608, 606, 604, 603, 601, 599, 598, 596, 595, 593, 592, 591, 589, 588, 586, 585,
  584, 582, 581, 580, 579, 577, 576, 575, 574, 573, 572, 570, 569, 568, 567, 566, 565, 564, 563,
  562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 551, 550, 549, 548, 547, 547, 546, 545,
  544, 543, 542, 541, 540, 540, 539, 538, 537, 536, 536, 535, 534, 533, 532, 532, 531, 530, 529,
  528, 528, 527, 526, 525, 525, 524, 523, 522, 522, 521, 520, 520, 519
};
CONST_TABLE u16 BLS_G2_DISCOUNT[128] = {
  1000, 1000, 923, 884, 855, 832, 812, 796, 782, 770, 759, 749, 740, 732, 724, 717, 711, 704,
  699, 693, 688, 683, 679, 674, 670, 666, 663, 659, 655, 652, 649, 646, 643, 640, 637, 634, 632,
  629, 627, 624, 622, 620, 618, 615, 613, 611, 609, 607, 606, 604, 602, 600, 598, 597, 595, 593,
  592, 590, 589, 587, 586, 584, 583, 582, 580, 579, 578, 576, 575, 574, 573, 571, 570, 569, 568,
  567, 566, 565, 563, 562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 552, 551, 550, 549,
  548, 547, 546, 545, 545, 544, 543, 542, 541, 541, 540, 539, 538, 537, 537, 536, 535, 535, 534,
  533, 532, 532, 531, 530, 530, 529, 528, 528, 527, 526, 526, 525, 524, 524
};

FN u64 multi_exp_gas(u64 k, u64 each, const u16* discount) {
  return k ? k * each * discount[k < 128 ? k - 1 : 127] / 1000 : 0;
}

// precompile_gas is what the caller charges before it runs the precompile; all ones where it
// does not fit.
CALL_FN u64 precompile_gas(u32 revision, u32 number, const u8* in, u64 size) {
  u64 words = (size + 31) / 32;
  bool istanbul = revision >= ISTANBUL;
  switch (number) {
    case 0x01: return 3000;
    case 0x02: return 60 + 12 * words;
    case 0x03: return 600 + 120 * words;
    case 0x04: return 15 + 3 * words;
    case 0x05: return modexp_gas(revision, in, size);
    case 0x06: return istanbul ? 150 : 500;
    case 0x07: return istanbul ? 6000 : 40000;
    case 0x08: return istanbul ? 45000 + size / 192 * 34000 : 100000 + size / 192 * 80000;
    // A malformed input is free, and fails.
    case 0x09: return size == 213 ? (u64)in[0] << 24 | (u64)in[1] << 16 | (u64)in[2] << 8 | in[3] : 0;
    case 0x0a: return 50000;
    case 0x0b: return 375;
    case 0x0c: return multi_exp_gas(size / 160, 12000, BLS_G1_DISCOUNT);
    case 0x0d: return 600;
    case 0x0e: return multi_exp_gas(size / 288, 22500, BLS_G2_DISCOUNT);
    case 0x0f: return 37700 + size / 384 * 32600;
    case 0x10: return 5500;
    case 0x11: return 23800;
    case 0x100: return 6900;
  }
  return ~0ull;
}

// take_input is n bytes of the input, zeros behind its end.
FN void take_input(u8* to, const u8* in, u64 size, u64 n) {
  u64 have = size < n ? size : n;
  copy_bytes(to, in, have);
  fill_bytes(to + have, 0, n - have);
}

CALL_FN Precompiled run_ecrecover(u8* out, const u8* in, u64 size) {
  u8 p[128]; // hash, v, r, s
  take_input(p, in, size, 128);
  u32 high = 0;
  for (int i = 32; i < 63; i++) high |= p[i];
  if (high || (p[63] != 27 && p[63] != 28)) return precompiled(0);
  u8 address[20];
  if (!secp256k1_recover(address, p, p + 64, p + 96, p[63] - 27u)) return precompiled(0);
  fill_bytes(out, 0, 12);
  copy_bytes(out + 12, address, 20);
  return precompiled(32);
}

CALL_FN Precompiled run_ripemd160(u8* out, const u8* in, u64 size) {
  u8 hash[20];
  ripemd160(hash, in, size);
  fill_bytes(out, 0, 12);
  copy_bytes(out + 12, hash, 20);
  return precompiled(32);
}

CALL_FN Precompiled run_modexp(u32 revision, u8* out, u64 out_capacity, const u8* in, u64 size, u8* scratch,
                               u64 scratch_size) {
  ModexpIn m = modexp_in(in, size);
  if (revision >= OSAKA && (m.base_size > 1024 || m.exp_size > 1024 || m.mod_size > 1024))
    return precompile_failed(PRECOMPILE_MODEXP_LENGTH);
  if (m.mod_size == 0) return precompiled(0);
  if (m.mod_size > out_capacity || !modexp(out, m, scratch, scratch_size)) return precompile_no_room();
  return precompiled(m.mod_size);
}

CALL_FN Precompiled run_bn254_add(u8* out, const u8* in, u64 size) {
  u8 p[128];
  take_input(p, in, size, 128);
  u32 error = bn254_add(out, p);
  return error ? precompile_failed(error) : precompiled(64);
}

CALL_FN Precompiled run_bn254_mul(u8* out, const u8* in, u64 size) {
  u8 p[96];
  take_input(p, in, size, 96);
  u32 error = bn254_mul(out, p);
  return error ? precompile_failed(error) : precompiled(64);
}

CALL_FN Precompiled run_bn254_pairing(u8* out, const u8* in, u64 size, u8* scratch, u64 scratch_size) {
  if (size % 192) return precompile_failed(PRECOMPILE_PAIRING_SIZE);
  u32 error = 0;
  u32 is_one = bn254_pairing(&error, in, size / 192, scratch, scratch_size);
  if (is_one > 1) return precompile_no_room();
  if (error) return precompile_failed(error);
  fill_bytes(out, 0, 31);
  out[31] = (u8)is_one;
  return precompiled(32);
}

CALL_FN Precompiled run_blake2f(u8* out, const u8* in, u64 size) {
  if (size != 213) return precompile_failed(PRECOMPILE_BLAKE2F_LENGTH);
  if (in[212] > 1) return precompile_failed(PRECOMPILE_BLAKE2F_FINAL_FLAG);
  blake2f(out, in);
  return precompiled(64);
}

// precompile_run answers into out, which must not overlap in. The gas has been charged.
CALL_FN Precompiled precompile_run(u32 revision, u32 number, u8* out, u64 out_capacity, const u8* in, u64 size,
                                   u8* scratch, u64 scratch_size) {
  if (number == 0x04) {
    if (size > out_capacity) return precompile_no_room();
    copy_bytes(out, in, size);
    return precompiled(size);
  }
  if (number == 0x05) return run_modexp(revision, out, out_capacity, in, size, scratch, scratch_size);
  if (out_capacity < 64) return precompile_no_room(); // the others answer 64 bytes at most
  switch (number) {
    case 0x01: return run_ecrecover(out, in, size);
    case 0x02: sha256(out, in, size); return precompiled(32);
    case 0x03: return run_ripemd160(out, in, size);
    case 0x06: return run_bn254_add(out, in, size);
    case 0x07: return run_bn254_mul(out, in, size);
    case 0x08: return run_bn254_pairing(out, in, size, scratch, scratch_size);
    case 0x09: return run_blake2f(out, in, size);
    case 0x100:
      if (size != 160 || !secp256r1_verify(in)) return precompiled(0);
      fill_bytes(out, 0, 31);
      out[31] = 1;
      return precompiled(32);
  }
  return precompile_elsewhere(); // KZG and BLS12-381
}
