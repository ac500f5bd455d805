// Gas that depends on more than the opcode, as go-ethereum's gas_table.go and
// operations_acl.go compute it, in the same order: what comes first decides the error.
#pragma once
#include "calls.cuh"

static constexpr u64 COLD_ACCOUNT = 2600, COLD_SLOAD = 2100, WARM_READ = 100;

// range_end is the end of a range of memory, 0 of an empty one; false where it overflows.
FN bool range_end(const u256& offset, const u256& size, u64* end) {
  *end = 0;
  if (!fits64(size)) return false;
  if (low64(size) == 0) return true;
  if (!fits64(offset)) return false;
  *end = low64(offset) + low64(size);
  return *end >= low64(offset) && *end <= ~0ull - 31;
}

// memory_cost is what it costs to grow memory from size bytes to end; false where that is
// beyond counting.
FN bool memory_cost(u64 end, u32 size, u64* cost) {
  *cost = 0;
  if (end <= size) return true;
  if (end > 0x1FFFFFFFE0ull) return false;
  u64 words = (end + 31) / 32, before = size / 32;
  *cost = words * 3 + words * words / 512 - (before * 3 + before * before / 512);
  return true;
}

FN u64 word_count(u64 bytes) { return bytes / 32 + (bytes % 32 != 0); }

// inner is an error found while dynamic gas was computed, which comes wrapped in an
// out-of-gas.
FN bool inner(Evm& e, u32 error, u64 detail = 0) {
  set_error(e, ERR_OUT_OF_GAS, error, detail);
  return false;
}

// ---- storage

// A schedule of SSTORE: EIP-1283, EIP-2200, EIP-2929, EIP-3529 differ in their numbers.
struct StoreCosts {
  u64 noop, set, reset, clear_refund;
};

FN StoreCosts store_costs(u32 revision) {
  StoreCosts c;
  c.noop = revision >= BERLIN ? WARM_READ : revision >= ISTANBUL ? 800 : 200;
  c.set = 20000;
  c.reset = revision >= BERLIN ? 5000 - COLD_SLOAD : 5000;
  c.clear_refund = revision >= LONDON ? 4800 : 15000;
  return c;
}

// net_store_cost is net gas metering (EIP-1283 and its heirs), with its refunds.
FN u64 net_store_cost(Evm& e, const Slot& s, const u256& value) {
  StoreCosts c = store_costs(e.revision);
  if (equal(s.value, value)) return c.noop;
  u64 refund = e.refund;
  u64 cost = c.noop;
  if (equal(s.base, s.value)) {
    if (is_zero(s.base)) return c.set;
    if (is_zero(value)) refund += c.clear_refund;
    cost = c.reset;
  } else {
    if (!is_zero(s.base)) {
      if (is_zero(s.value)) refund -= c.clear_refund;
      else if (is_zero(value)) refund += c.clear_refund;
    }
    if (equal(s.base, value)) refund += (is_zero(s.base) ? c.set : c.reset) - c.noop;
  }
  if (refund != e.refund) set_refund(e, refund);
  return cost;
}

FN u64 old_store_cost(Evm& e, const Slot& s, const u256& value) {
  if (is_zero(s.value) && !is_zero(value)) return 20000;
  if (!is_zero(s.value) && is_zero(value)) set_refund(e, e.refund + 15000);
  return 5000;
}

// store_gas computes the cost of SSTORE; false: the error is set.
FN bool store_gas(Evm& e, bool is_static, u64 gas, u32 slot, const u256& value, u64* cost) {
  if (is_static) return inner(e, ERR_WRITE_PROTECTION);
  if (e.revision >= ISTANBUL && gas <= 2300) return inner(e, ERR_SENTRY);
  u64 cold = 0;
  Slot& s = e.slots[slot];
  seen_slot(e, s.account, s.key);
  if (e.revision >= BERLIN && !(s.flags & S_WARM)) {
    warm(e, s.account);
    warm_slot(e, slot);
    cold = COLD_SLOAD;
  }
  bool net = e.revision == CONSTANTINOPLE || e.revision >= ISTANBUL;
  *cost = cold + (net ? net_store_cost(e, s, value) : old_store_cost(e, s, value));
  return true;
}

// ---- calls

// gas_for_callee (EIP-150): what the callee gets of what is left when base is paid.
FN bool gas_for_callee(Evm& e, u64 available, u64 base, const u256& asked, u64* gas) {
  if (e.revision >= TANGERINE_WHISTLE) {
    available -= base;
    *gas = available - available / 64;
    if (!fits64(asked) || *gas < low64(asked)) return true;
  }
  if (!fits64(asked)) return inner(e, ERR_GAS_OVERFLOW);
  *gas = low64(asked);
  return true;
}

// call_base is memory, value transfer and a new account.
FN bool call_base(Evm& e, u32 op, u64 gas, bool value, u32 target, u64 memory_end, u32 memory_size, u64* cost) {
  if (!memory_cost(memory_end, memory_size, cost)) return inner(e, ERR_GAS_OVERFLOW);
  if ((op == OP_CALL || op == OP_CALLCODE) && value) *cost += 9000;
  if (op != OP_CALL) return true;
  if (gas < *cost) return inner(e, ERR_OUT_OF_GAS);
  if (e.revision >= SPURIOUS_DRAGON ? value && empty(e, target) : !exists(e, target)) *cost += 25000;
  return true;
}

// call_gas computes the cost of a call and what of it the callee gets (without stipend).
CALL_FN bool call_gas(Evm& e, u32 op, bool is_static, u64 gas, bool value, u32 target, const u256& asked,
                      u64 memory_end, u32 memory_size, u64* cost, u64* callee) {
  bool prague = e.revision >= PRAGUE;
  if (prague && op == OP_CALL && is_static && value) return inner(e, ERR_WRITE_PROTECTION);
  u64 access = 0, base, delegated = 0;
  if (e.revision >= BERLIN && !is_warm(e, target)) {
    warm(e, target);
    access = COLD_ACCOUNT - WARM_READ;
    if (gas < access) return inner(e, ERR_OUT_OF_GAS);
    gas -= access;
  }
  if (op == OP_CALL && is_static && value) return inner(e, ERR_WRITE_PROTECTION);
  if (!call_base(e, op, gas, value, target, memory_end, memory_size, &base)) return false;
  u64 unpaid = base;
  if (prague) {
    if (gas < base) return inner(e, ERR_OUT_OF_GAS);
    gas -= base;
    unpaid = 0;
    const u8* to;
    if (delegation(see_code(e, target), &to)) {
      u32 i = account_of(e, to);
      delegated = is_warm(e, i) ? WARM_READ : COLD_ACCOUNT;
      warm(e, i);
      if (gas < delegated) return inner(e, ERR_OUT_OF_GAS);
      gas -= delegated;
    }
  }
  if (!gas_for_callee(e, gas, unpaid, asked, callee)) return false;
  u64 sum = base + *callee;
  if (sum < base || sum + access + delegated < sum) return inner(e, ERR_GAS_OVERFLOW);
  *cost = sum + access + delegated;
  return true;
}

// ---- the rest

FN bool create_gas(Evm& e, bool is_static, bool hashes, u64 size, u64 memory_end, u32 memory_size, u64* cost) {
  if (is_static) return inner(e, ERR_WRITE_PROTECTION);
  if (!memory_cost(memory_end, memory_size, cost)) return inner(e, ERR_GAS_OVERFLOW);
  if (e.revision >= SHANGHAI) {
    if (size > MAX_INIT_CODE_SIZE) return inner(e, ERR_MAX_INIT_CODE, size);
    *cost += 2 * word_count(size);
  }
  if (hashes) *cost += 6 * word_count(size);
  return true;
}

FN bool self_destruct_gas(Evm& e, bool is_static, u64 gas, u32 self, u32 heir, u64* cost) {
  *cost = 0;
  if (is_static) return inner(e, ERR_WRITE_PROTECTION);
  if (e.revision >= BERLIN) {
    if (!is_warm(e, heir)) {
      warm(e, heir);
      *cost = COLD_ACCOUNT;
      if (gas < *cost) return inner(e, ERR_OUT_OF_GAS);
    }
  } else if (e.revision >= TANGERINE_WHISTLE) {
    *cost = 5000;
  }
  if (e.revision >= SPURIOUS_DRAGON) {
    if (empty(e, heir) && !is_zero(see_balance(e, self))) *cost += 25000;
  } else if (e.revision >= TANGERINE_WHISTLE && !exists(e, heir)) {
    *cost += 25000;
  }
  if (e.revision < LONDON && !(e.accounts[self].flags & A_DESTRUCTED)) set_refund(e, e.refund + 24000);
  return true;
}

// cold_account is the surcharge for an account not accessed before (EIP-2929).
FN u64 cold_account(Evm& e, u32 i) {
  if (e.revision < BERLIN || is_warm(e, i)) return 0;
  warm(e, i);
  return COLD_ACCOUNT - WARM_READ;
}
