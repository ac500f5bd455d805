// Opcodes that are more than a line. Those that return a bool say whether the frame goes on;
// where it does not, the error is set, or the transaction has stopped. Each stands here once,
// with operands as arguments; op_* take them from the stack, for the interpreter.
#pragma once
#include "compiled.cuh"
#include "machine.cuh"

CALL_FN u256 block_hash(Evm& e, const u256& number) {
  u64 upper = e.block->number.w[0], lower = upper < 257 ? 0 : upper - 256, n = low64(number);
  if (!fits64(number) || n < lower || n >= upper) return u256_zero();
  if (!e.block->hash_known[n % 256]) {
    const u8 none[20] = {};
    miss(e, MISS_BLOCK_HASH, none, number);
  }
  return load_be(e.block->block_hashes[n % 256]);
}

CALL_FN u256 ext_code_hash(Evm& e, u32 i) {
  if (empty(e, i)) return u256_zero();
  u256 hash = see_code_hash(e, e.accounts[i]);
  if (!is_zero(hash)) return load_be((const u8*)&hash);
  hash.w[0] = 0x7bfad8045d85a470ull; // of no bytes
  hash.w[1] = 0xe500b653ca82273bull;
  hash.w[2] = 0x927e7db2dcc703c0ull;
  hash.w[3] = 0xc5d2460186f7233cull;
  return hash;
}

// exp_cost is what EXP costs by its exponent.
FN u64 exp_cost(const Evm& e, const u256& exponent) {
  return 10 + (e.revision >= SPURIOUS_DRAGON ? 50 : 10) * (u64)byte_length(exponent);
}

FN u256 memory_hash(const Machine& m, const u256& offset, const u256& size) {
  u8 hash[32];
  keccak256(hash, at(m, offset, size), low64(size));
  return load_be(hash);
}

// ---- accounts

// meet finds an account, which costs more where it was not accessed before.
FN bool meet(Evm& e, Machine& m, const u256& who, u32* account) {
  *account = account_of_word(e, who);
  return charge(e, m, cold_account(e, *account));
}

FN u256 ext_code_size(Evm& e, u32 i) { return u256_from(see_code(e, i).size); }

// copy_code_of: the memory has been touched.
FN void copy_code_of(Evm& e, const Machine& m, u32 i, const u256& to, const u256& from, const u256& size) {
  Code code = see_code(e, i);
  copy_padded(at(m, to, size), code.bytes, code.size, from, low64(size));
}

CALL_FN bool op_ext_code_copy(Evm& e, Machine& m) {
  u32 i = account_of_word(e, get(e, m.top - 1));
  u256 to = get(e, m.top - 2), from = get(e, m.top - 3), size = get(e, m.top - 4);
  u64 end, cost;
  if (!range_end(to, size, &end)) return set_error(e, ERR_GAS_OVERFLOW), false;
  if (!memory_cost(end, m.memory_size, &cost)) return inner(e, ERR_GAS_OVERFLOW);
  if (!charge(e, m, cost + 3 * word_count(low64(size)) + cold_account(e, i)) || !grow(e, m, end)) return false;
  copy_code_of(e, m, i, to, from, size);
  m.top -= 4;
  return true;
}

// ---- logs and memory

// write_log logs memory that was touched.
FN bool write_log(Evm& e, const Machine& m, u32 topics, const u256& offset, const u256& size, const Topics& t) {
  if (m.is_static) return set_error(e, ERR_WRITE_PROTECTION), false;
  u32 n = (u32)low64(size);
  u8* to = add_log(e, frame(e).self, topics, n);
  if (!to) return false;
  for (u32 i = 0; i < topics; i++) store_be(to + 32 * i, t.word[i]);
  copy_bytes(to + 32 * topics, at(m, offset, size), n);
  return true;
}

CALL_FN bool op_log(Evm& e, Machine& m, u32 topics) {
  u256 offset = get(e, m.top - 1), size = get(e, m.top - 2);
  if (!touch(e, m, offset, size, 0, 375 + 375 * topics + 8 * low64(size))) return false;
  Topics t;
  for (u32 i = 0; i < topics; i++) t.word[i] = get(e, m.top - 3 - i);
  if (!write_log(e, m, topics, offset, size, t)) return false;
  m.top -= 2 + topics;
  return true;
}

// return_data_copy copies to memory that was touched.
FN bool return_data_copy(Evm& e, const Machine& m, const u256& to, const u256& from, const u256& size) {
  bool over;
  u256 end = add_overflow(from, size, &over);
  // go-ethereum adds modulo 2^256; a size that was paid for can't make that differ.
  if (over || !fits64(from) || !fits64(end) || low64(end) > e.return_size) {
    return set_error(e, ERR_RETURN_DATA_BOUNDS), false;
  }
  if (!is_zero(size)) copy_bytes(m.memory + low64(to), return_data(e) + low64(from), low64(size));
  return true;
}

CALL_FN bool op_return_data_copy(Evm& e, Machine& m) {
  u256 to = get(e, m.top - 1), from = get(e, m.top - 2), size = get(e, m.top - 3);
  if (!touch(e, m, to, size, 3, 0) || !return_data_copy(e, m, to, from, size)) return false;
  m.top -= 3;
  return true;
}

CALL_FN bool op_mcopy(Evm& e, Machine& m) {
  u256 to = get(e, m.top - 1), from = get(e, m.top - 2), size = get(e, m.top - 3);
  if (!touch(e, m, less(to, from) ? from : to, size, 3, 0)) return false;
  memory_copy(m, to, from, size);
  m.top -= 3;
  return true;
}

// ---- storage

// sload finds the slot whose value is the answer.
FN bool sload(Evm& e, Machine& m, const u256& key, u32* slot) {
  u32 self = frame(e).self;
  if (e.revision >= BERLIN) {
    warm(e, self);
    u32 i = slot_of(e, self, key, 0);
    if (!charge(e, m, warm_slot(e, i) ? WARM_READ : COLD_SLOAD)) return false;
  }
  *slot = seen_slot(e, self, key);
  return true;
}

CALL_FN bool op_sload(Evm& e, Machine& m) {
  u32 slot;
  if (!sload(e, m, get(e, m.top - 1), &slot)) return false;
  set(e, m.top - 1, e.slots[slot].value);
  return true;
}

FN bool sstore(Evm& e, Machine& m, const u256& key, const u256& value) {
  u32 slot = slot_of(e, frame(e).self, key, 0);
  u64 cost;
  if (!store_gas(e, m.is_static, m.gas, slot, value, &cost) || !charge(e, m, cost)) return false;
  set_slot(e, seen_slot(e, frame(e).self, key), value);
  return true;
}

CALL_FN bool op_sstore(Evm& e, Machine& m) {
  if (!sstore(e, m, get(e, m.top - 1), get(e, m.top - 2))) return false;
  m.top -= 2;
  return true;
}

FN u256 tload(Evm& e, const u256& key) { return e.slots[slot_of(e, frame(e).self, key, S_TRANSIENT)].value; }

FN bool tstore(Evm& e, const Machine& m, const u256& key, const u256& value) {
  if (m.is_static) return set_error(e, ERR_WRITE_PROTECTION), false;
  u32 slot = slot_of(e, frame(e).self, key, S_TRANSIENT);
  set_transient(e, slot, value);
  return true;
}

CALL_FN bool op_tstore(Evm& e, Machine& m) {
  if (!tstore(e, m, get(e, m.top - 1), get(e, m.top - 2))) return false;
  m.top -= 2;
  return true;
}

FN bool destroy(Evm& e, Machine& m, const u256& who) {
  u32 self = frame(e).self, heir = account_of_word(e, who);
  u64 cost;
  if (!self_destruct_gas(e, m.is_static, m.gas, self, heir, &cost) || !charge(e, m, cost)) return false;
  u256 balance = see_balance(e, self);
  if (e.revision < CANCUN) {
    if (self != heir) add_balance(e, heir, balance);
    sub_balance(e, self, balance);
    self_destruct(e, self);
  } else if (e.accounts[self].flags & A_NEW_CONTRACT) { // EIP-6780
    if (self != heir) add_balance(e, heir, balance);
    sub_balance(e, self, balance);
    self_destruct(e, self);
  } else if (self != heir) {
    sub_balance(e, self, balance);
    add_balance(e, heir, balance);
  }
  return true;
}

CALL_FN bool op_self_destruct(Evm& e, Machine& m) { return destroy(e, m, get(e, m.top - 1)); }

// give_back ends a frame with memory that was touched; its outcome.
FN u32 give_back(Evm& e, const Machine& m, bool reverts, const u256& offset, const u256& size) {
  return_bytes(e, at(m, offset, size), (u32)low64(size));
  if (!reverts) return DONE;
  set_error(e, ERR_REVERTED);
  return REVERTED;
}

// ---- calls

// give_answer hands a call's answer to the frame on top, which made it.
FN void give_answer(Evm& e, Machine& m, bool is_create, const Answer& a, u32 created) {
  u256 word = u256_from(a.outcome == DONE);
  Frame& f = frame(e);
  m.gas += a.gas;
  if (is_create) {
    if (a.outcome == DONE) word = u256_from_address(e.accounts[created].addr);
    if (a.outcome != REVERTED) e.return_size = 0;
  } else if (a.outcome != HALTED) {
    u32 n = f.return_size < e.return_size ? f.return_size : e.return_size;
    copy_bytes(m.memory + f.return_at, return_data(e), n);
  } else {
    e.return_size = 0;
  }
  if (!e.stop) e.error = ERR_NONE; // else it says why
  set(e, m.top++, word);
}

// op_call: CALL, CALLCODE, DELEGATECALL, STATICCALL. Afterwards either the answer is on the
// stack or another frame is on top.
CALL_FN bool op_call(Evm& e, Machine& m, u32 op) {
  bool pays = op == OP_CALL || op == OP_CALLCODE;
  u32 k = pays ? 4 : 3; // words before the input's offset
  u256 value = pays ? get(e, m.top - 3) : u256_zero();
  u256 in = get(e, m.top - k), in_size = get(e, m.top - k - 1);
  u256 out = get(e, m.top - k - 2), out_size = get(e, m.top - k - 3);
  u64 in_end, out_end, cost, gas;
  if (!range_end(out, out_size, &out_end) || !range_end(in, in_size, &in_end)) {
    return set_error(e, ERR_GAS_OVERFLOW), false;
  }
  u64 end = in_end > out_end ? in_end : out_end;
  Frame& f = frame(e);
  Callee c;
  c.target = account_of_word(e, get(e, m.top - 2));
  if (!call_gas(e, op, m.is_static, m.gas, !is_zero(value), c.target, get(e, m.top - 1), end, m.memory_size, &cost, &gas)) return false;
  if (!charge(e, m, cost) || !grow(e, m, end)) return false;
  m.top -= k + 3;
  m.pc++;
  f.return_at = (u32)low64(out);
  f.return_size = (u32)low64(out_size);
  c.self = op == OP_CALL || op == OP_STATICCALL ? c.target : f.self;
  c.caller = op == OP_DELEGATECALL ? f.caller : f.self;
  c.value = op == OP_DELEGATECALL ? f.value : value;
  c.input = at(m, in, in_size);
  c.input_size = (u32)low64(in_size);
  c.flags = m.is_static || op == OP_STATICCALL ? (u32)F_STATIC : 0u;
  c.gas = gas + (is_zero(value) ? 0 : 2300);
  c.stack_base = m.top;
  c.memory_from = (u32)(m.memory - e.memory) + m.memory_size;
  suspend(e, m);
  Answer a = begin_call(e, op, c);
  if (a.outcome != ENTERED) give_answer(e, m, false, a, 0);
  else resume(e, m);
  return true;
}

CALL_FN bool op_create(Evm& e, Machine& m, bool hashes) {
  u256 value = get(e, m.top - 1), offset = get(e, m.top - 2), size = get(e, m.top - 3);
  u64 end, cost;
  if (!range_end(offset, size, &end)) return set_error(e, ERR_GAS_OVERFLOW), false;
  if (!create_gas(e, m.is_static, hashes, low64(size), end, m.memory_size, &cost)) return false;
  if (!charge(e, m, cost) || !grow(e, m, end)) return false;
  Frame& f = frame(e);
  Callee c;
  c.caller = f.self;
  c.input = at(m, offset, size);
  c.input_size = (u32)low64(size);
  u8 addr[20];
  const u8* sender = e.accounts[f.self].addr;
  if (hashes) create2_address(addr, sender, get(e, m.top - 4), c.input, c.input_size);
  else create_address(addr, sender, see_nonce(e, f.self));
  m.top -= hashes ? 4 : 3;
  m.pc++;
  c.self = c.target = account_of(e, addr);
  c.value = value;
  c.flags = 0;
  c.gas = e.revision >= TANGERINE_WHISTLE ? m.gas - m.gas / 64 : m.gas;
  m.gas -= c.gas;
  c.stack_base = m.top;
  c.memory_from = (u32)(m.memory - e.memory) + m.memory_size;
  suspend(e, m);
  Answer a = begin_create(e, c);
  if (a.outcome != ENTERED) give_answer(e, m, true, a, c.self);
  else resume(e, m);
  return true;
}

// finish_frame ends the frame on top and resumes its caller; false: there is none, and
// *last is the answer to the transaction.
CALL_FN bool finish_frame(Evm& e, Machine& m, u32 outcome, Answer* last) {
  u32 self = frame(e).self;
  bool is_create = frame(e).flags & F_CREATE;
  *last = close_frame(e, outcome, m.gas);
  if (e.depth == 0 || e.stop) return false;
  resume(e, m);
  give_answer(e, m, is_create, *last, self);
  return true;
}
