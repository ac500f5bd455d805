// What compiled code calls, and how its frames run among those of the interpreter.
#pragma once
#include "compiled.cuh"
#include "interpreter.cuh"

#if COMPILED

// ---- what compiled.cuh declares

RUNTIME_FN u32 rt_touch(Evm& e, Machine& m, u256 offset, u256 size, u64 per_word, u64 more, u64 rest, bool may_leave) {
  u64 end, cost;
  if (!growth(e, m, offset, size, &end, &cost)) return FAILED;
  cost += per_word * word_count(low64(size)) + more;
  if (m.gas < cost && may_leave) {
    m.gas += rest;
    return TOO_DEAR;
  }
  return charge(e, m, cost) && grow(e, m, end) ? PAID : FAILED;
}
RUNTIME_FN u32 rt_reach(Evm& e, Machine& m, u256 offset, u32 size, u64 rest, bool may_leave) {
  return rt_touch(e, m, offset, u256_from(size), 0, 0, rest, may_leave);
}
RUNTIME_FN u32 rt_reach64(Evm& e, Machine& m, u64 offset, u32 size, u64 rest, bool may_leave) {
  return rt_touch(e, m, u256_from(offset), u256_from(size), 0, 0, rest, may_leave);
}
RUNTIME_FN bool rt_grow(Evm& e, Machine& m, u64 end) { return grow(e, m, end); }
RUNTIME_FN u32 rt_out_of_gas(Evm& e) { return set_error(e, ERR_OUT_OF_GAS), HALTED; }
FN u32 too_long(Evm& e) {
  if (e.stop) return HALTED;
  set_error(e, ERR_TOO_LONG);
  halt_for(e, OUT_UNSUPPORTED);
  return HALTED;
}
RUNTIME_FN u32 rt_undefined(Evm& e, u32 op) { return set_error(e, ERR_INVALID_OPCODE, op), HALTED; }
RUNTIME_FN u32 rt_bad_jump(Evm& e) { return set_error(e, ERR_INVALID_JUMP), HALTED; }
RUNTIME_FN bool rt_jump(Evm& e, Machine& m, u256 to) { return jump_to(e, m, to); }
RUNTIME_FN u32 rt_give_back(Evm& e, Machine& m, bool reverts, u256 offset, u256 size) {
  return give_back(e, m, reverts, offset, size);
}
RUNTIME_FN u32 rt_give_back64(Evm& e, Machine& m, bool reverts, u64 offset, u64 size) {
  return give_back(e, m, reverts, u256_from(offset), u256_from(size));
}
RUNTIME_FN u32 rt_self_destruct(Evm& e, Machine& m, u256 heir) {
  if (!destroy(e, m, heir)) return HALTED;
  e.return_size = 0;
  return DONE;
}

FN void put_source(Evm& e, u32 at, const u256* words, u32 source, const u256* constants) {
  const u256* from = (source & 2 ? constants : words) + source / 4;
  set(e, at, source & 1 ? u256_from(from->w[0]) : *from);
}
RUNTIME_FN u32 rt_unpaid(Evm& e, Machine& m, const u256* words, const u32* list, const u256* constants) {
  if (e.steps >= e.step_limit) return too_long(e);
  if (!list) return rt_out_of_gas(e);
  if (list[0] != ~0u) m.pc = list[0];
  for (u32 i = 0; i < list[1]; i++) put_source(e, m.base + i, words, list[2 + i], constants);
  m.top = m.base + list[1];
  return LEAVES;
}
RUNTIME_FN void rt_keep(Evm& e, Machine& m, const u256* words, const u32* list, const u256* constants) {
  for (u32 i = 0; i < list[0]; i++) put_source(e, m.base + list[1 + 2 * i], words, list[2 + 2 * i], constants);
}
RUNTIME_FN void rt_resume(Evm& e, Machine& m, u256* words, const u32* list) {
  for (u32 i = 0; i < list[0]; i++) words[list[2 + 2 * i]] = get(e, m.base + list[1 + 2 * i]);
}

RUNTIME_FN u256 rt_mul(u256 a, u256 b) { return mul(a, b); }
RUNTIME_FN u256 rt_divide(u256 a, u256 b) { return divide(a, b); }
RUNTIME_FN u256 rt_modulo(u256 a, u256 b) { return modulo(a, b); }
RUNTIME_FN u256 rt_signed_divide(u256 a, u256 b) { return signed_divide(a, b); }
RUNTIME_FN u256 rt_signed_modulo(u256 a, u256 b) { return signed_modulo(a, b); }
RUNTIME_FN u256 rt_add_mod(u256 a, u256 b, u256 m) { return add_mod(a, b, m); }
RUNTIME_FN u256 rt_mul_mod(u256 a, u256 b, u256 m) { return mul_mod(a, b, m); }
RUNTIME_FN u256 rt_power(u256 a, u256 b) { return power(a, b); }
RUNTIME_FN u256 rt_hash(Machine& m, u256 offset, u256 size) { return memory_hash(m, offset, size); }
RUNTIME_FN u256 rt_hash1(u256 a) {
  u8 word[32], hash[32];
  store_be(word, a);
  keccak256(hash, word, 32);
  return load_be(hash);
}
RUNTIME_FN u256 rt_hash2(u256 a, u256 b) {
  u8 hash[32];
  keccak256_two(hash, a, b);
  return load_be(hash);
}

RUNTIME_FN u256 rt_call_data_word(Evm& e, u256 at) { return call_data_word(e, at); }
RUNTIME_FN u256 rt_call_data_at(Evm& e, u64 at) { return call_data_word(e, u256_from(at)); }
RUNTIME_FN u256 rt_block_hash(Evm& e, u256 number) { return block_hash(e, number); }
RUNTIME_FN void rt_call_data_copy(Evm& e, Machine& m, u256 to, u256 from, u256 size) { call_data_copy(e, m, to, from, size); }
RUNTIME_FN void rt_code_copy(Machine& m, u256 to, u256 from, u256 size) { code_copy(m, to, from, size); }
RUNTIME_FN void rt_memory_copy(Machine& m, u256 to, u256 from, u256 size) { memory_copy(m, to, from, size); }
RUNTIME_FN bool rt_return_data_copy(Evm& e, Machine& m, u256 to, u256 from, u256 size) {
  return return_data_copy(e, m, to, from, size);
}

// before_surcharge and after_surcharge stand around what charges when the section has been
// paid, and is done when it turns out too dear: where the machine is not precise, charge
// gives `rest` back and makes it so.
FN void before_surcharge(Evm& e, Machine& m, u64 rest, bool may_leave) {
  e.rest = rest;
  m.precise = !may_leave;
}
FN u32 after_surcharge(Machine& m, bool ok, bool may_leave) {
  bool too_dear = may_leave && m.precise;
  m.precise = true;
  return !ok ? FAILED : too_dear ? TOO_DEAR : PAID;
}

// MEETING is an operation on an account `i`.
#define MEETING(operation)                         \
  {                                                \
    before_surcharge(e, m, rest, may_leave);       \
    u32 i;                                         \
    bool ok = meet(e, m, who, &i);                 \
    if (ok) operation;                             \
    return after_surcharge(m, ok, may_leave);      \
  }

RUNTIME_FN u32 rt_balance(Evm& e, Machine& m, u256 who, u256* word, u64 rest, bool may_leave)
    MEETING(*word = see_balance(e, i))
RUNTIME_FN u32 rt_ext_code_size(Evm& e, Machine& m, u256 who, u256* word, u64 rest, bool may_leave)
    MEETING(*word = ext_code_size(e, i))
RUNTIME_FN u32 rt_ext_code_hash(Evm& e, Machine& m, u256 who, u256* word, u64 rest, bool may_leave)
    MEETING(*word = ext_code_hash(e, i))
RUNTIME_FN u32 rt_ext_code_copy(Evm& e, Machine& m, u256 who, u256 to, u256 from, u256 size, u64 rest, bool may_leave)
    MEETING(copy_code_of(e, m, i, to, from, size))
#undef MEETING
RUNTIME_FN u32 rt_sload(Evm& e, Machine& m, u256 key, u256* word, u64 rest, bool may_leave) {
  before_surcharge(e, m, rest, may_leave);
  u32 slot;
  bool ok = sload(e, m, key, &slot);
  if (ok) *word = e.slots[slot].value;
  return after_surcharge(m, ok, may_leave);
}

RUNTIME_FN u256 rt_self_balance(Evm& e) { return see_balance(e, frame(e).self); }
RUNTIME_FN bool rt_sstore(Evm& e, Machine& m, u256 key, u256 value) { return sstore(e, m, key, value); }
RUNTIME_FN u256 rt_tload(Evm& e, u256 key) { return tload(e, key); }
RUNTIME_FN bool rt_tstore(Evm& e, Machine& m, u256 key, u256 value) { return tstore(e, m, key, value); }
RUNTIME_FN bool rt_log(Evm& e, Machine& m, u32 topics, u256 offset, u256 size, const Topics& t) {
  return write_log(e, m, topics, offset, size, t);
}

// ---- frames

// operate makes the call that a compiled function returned for.
FN bool operate(Evm& e, Machine& m, u32 op) {
  return op == 0xf0 ? op_create(e, m, false) : op == 0xf5 ? op_create(e, m, true) : op_call(e, m, op);
}

// run_compiled runs frames of compiled code until one of the interpreter's is on top
// (ENTERED), or none.
CALL_FN Answer run_compiled(Evm& e) {
  Machine m;
  Answer last = answer(HALTED, 0);
  resume(e, m);
  while (Compiled* run = (Compiled*)frame(e).compiled) {
    u32 way = run(e, m);
    if (e.stop) return last;
    if (way == LEAVES) {
      frame(e).compiled = 0;
    } else {
      if (way >= CALLS) way = operate(e, m, way - CALLS) ? ENTERED : HALTED;
      if (e.stop || (way != ENTERED && !finish_frame(e, m, way, &last))) return last;
    }
  }
  suspend(e, m);
  return answer(ENTERED, 0);
}

// run_top runs the frame on top and all that it calls.
FN Answer run_top(Evm& e) {
  Answer last;
  do last = frame(e).compiled ? run_compiled(e) : interpret(e);
  while (last.outcome == ENTERED && !e.stop);
  return last;
}

#else
FN Answer run_top(Evm& e) { return interpret(e); }
#endif
