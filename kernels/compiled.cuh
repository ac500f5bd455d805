// What compiled code (gpuevm/compiler) is written in: the words and facts of the kernels,
// which are small, and calls of what is not. It is all that such code includes, so that it
// compiles in little time; runtime.cuh has the definitions, once, beside the interpreter.
//
// A frame of compiled code has its words in locals and its gas and memory in the Machine.
// Its stack in memory holds words just while it waits for another frame, and when it is
// handed to the interpreter.
#pragma once
#include "facts.cuh"

// Way is how a compiled function returns: with an Outcome, or
enum Way : u32 {
  LEAVES = 16, // the frame goes on in the interpreter, at m.pc
  CALLS = 256, // + an opcode, whose operands are on the stack; m.pc + 1 is where to resume
  // Within a contract: GOES + 65536 * function + block.
  GOES = 1u << 31,
};
typedef u32 Compiled(Evm&, Machine&);

// Paid says whether an operation could be paid. TOO_DEAR: what `rest` says was given back
// instead, for the interpreter to go on, which then pays by instruction.
enum Paid : u32 { PAID, FAILED, TOO_DEAR };

#if ON_GPU
#define UNLIKELY(x) (x)
#else
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#endif

// ---- gas and memory

// rt_touch is touch. may_leave: it may be too dear.
RUNTIME_FN u32 rt_touch(Evm& e, Machine& m, u256 offset, u256 size, u64 per_word, u64 more, u64 rest, bool may_leave);
// rt_reach is rt_touch where just the memory costs.
RUNTIME_FN u32 rt_reach(Evm& e, Machine& m, u256 offset, u32 size, u64 rest, bool may_leave);
RUNTIME_FN u32 rt_reach64(Evm& e, Machine& m, u64 offset, u32 size, u64 rest, bool may_leave);
RUNTIME_FN bool rt_grow(Evm& e, Machine& m, u64 end);
RUNTIME_FN u32 rt_out_of_gas(Evm& e);
RUNTIME_FN u32 rt_undefined(Evm& e, u32 op);
RUNTIME_FN u32 rt_bad_jump(Evm& e);
// rt_jump sets m.pc where a word is a JUMPDEST's position.
RUNTIME_FN bool rt_jump(Evm& e, Machine& m, u256 to);
RUNTIME_FN u32 rt_give_back(Evm& e, Machine& m, bool reverts, u256 offset, u256 size);
RUNTIME_FN u32 rt_give_back64(Evm& e, Machine& m, bool reverts, u64 offset, u64 size);
RUNTIME_FN u32 rt_self_destruct(Evm& e, Machine& m, u256 heir);

// A contract's functions share an array of words. Lists of numbers say which of them are the
// stack: a source is 4 times a place, + 1 where just its lowest limb counts, + 2 where it is
// a place among constants.
//
// rt_unpaid is for who could not pay: it puts words on the stack as the interpreter wants it,
// from a list of the position (all ones: it is set), how many words there are, and their
// sources from the bottom. Without a list the frame ends. rt_keep puts
// some there: how many, and pairs of slot and source. rt_resume takes some back: how many,
// and pairs of slot and place.
RUNTIME_FN u32 rt_unpaid(Evm& e, Machine& m, const u256* words, const u32* list, const u256* constants);
RUNTIME_FN void rt_keep(Evm& e, Machine& m, const u256* words, const u32* list, const u256* constants);
RUNTIME_FN void rt_resume(Evm& e, Machine& m, u256* words, const u32* list);

// pay takes a section's gas, unless that is not there or the transaction ran too long.
FN bool pay(Evm& e, Machine& m, u64 cost) {
  if ((m.gas < cost) | (e.steps >= e.step_limit)) return false;
  m.gas -= cost;
  e.steps++;
  return true;
}

// within: memory reaches that far, nothing is to be paid.
FN bool within(const Machine& m, u64 offset, u64 size) {
  return offset < m.memory_size && offset + size <= m.memory_size;
}
// handy is within where that is worth its text: on a GPU it takes a sixth of the time in which a
// contract compiles, and rt_reach looks itself.
FN bool handy(const Machine& m, u64 offset, u64 size) { return !ON_GPU && within(m, offset, size); }
FN bool handy(const Machine& m, const u256& offset, u64 size) {
  return !ON_GPU && fits64(offset) && within(m, low64(offset), size);
}

// room: the stack takes that many words of the frame, and one.
FN bool room(const Evm& e, const Machine& m, u32 words) { return m.base + words + 1 < capacity(e, PART_STACK); }

// ---- words

LIGHT_FN u256 read_word(const Machine& m, u64 at) { return memory_word(m, at); }
LIGHT_FN void write_word(const Machine& m, u64 at, u256 v) { set_memory_word(m, at, v); }
LIGHT_FN void write_word(const Machine& m, u64 at, u64 v) { set_memory_word(m, at, u256_from(v)); }
LIGHT_FN void write_word(const Machine& m, u64 at, const u256* v) { set_memory_word(m, at, *v); }
LIGHT_FN void put_word(const Evm& e, const Machine& m, u32 slot, u256 v) { set_word(e.stack, m.base + slot, v); }

RUNTIME_FN u256 rt_mul(u256 a, u256 b);
RUNTIME_FN u256 rt_divide(u256 a, u256 b);
RUNTIME_FN u256 rt_modulo(u256 a, u256 b);
RUNTIME_FN u256 rt_signed_divide(u256 a, u256 b);
RUNTIME_FN u256 rt_signed_modulo(u256 a, u256 b);
RUNTIME_FN u256 rt_add_mod(u256 a, u256 b, u256 m);
RUNTIME_FN u256 rt_mul_mod(u256 a, u256 b, u256 m);
RUNTIME_FN u256 rt_power(u256 a, u256 b);
RUNTIME_FN u256 rt_hash(Machine& m, u256 offset, u256 size);
RUNTIME_FN u256 rt_hash1(u256 a);
RUNTIME_FN u256 rt_hash2(u256 a, u256 b);

// ---- the frame and the block

RUNTIME_FN u256 rt_call_data_word(Evm& e, u256 at);
RUNTIME_FN u256 rt_call_data_at(Evm& e, u64 at);
RUNTIME_FN u256 rt_block_hash(Evm& e, u256 number);
RUNTIME_FN void rt_call_data_copy(Evm& e, Machine& m, u256 to, u256 from, u256 size);
RUNTIME_FN void rt_code_copy(Machine& m, u256 to, u256 from, u256 size);
RUNTIME_FN void rt_memory_copy(Machine& m, u256 to, u256 from, u256 size);
RUNTIME_FN bool rt_return_data_copy(Evm& e, Machine& m, u256 to, u256 from, u256 size);

// ---- state

RUNTIME_FN u32 rt_balance(Evm& e, Machine& m, u256 who, u256* word, u64 rest, bool may_leave);
RUNTIME_FN u32 rt_ext_code_size(Evm& e, Machine& m, u256 who, u256* word, u64 rest, bool may_leave);
RUNTIME_FN u32 rt_ext_code_hash(Evm& e, Machine& m, u256 who, u256* word, u64 rest, bool may_leave);
RUNTIME_FN u32 rt_ext_code_copy(Evm& e, Machine& m, u256 who, u256 to, u256 from, u256 size, u64 rest, bool may_leave);
RUNTIME_FN u32 rt_sload(Evm& e, Machine& m, u256 key, u256* word, u64 rest, bool may_leave);
RUNTIME_FN u256 rt_self_balance(Evm& e);
RUNTIME_FN bool rt_sstore(Evm& e, Machine& m, u256 key, u256 value);
RUNTIME_FN u256 rt_tload(Evm& e, u256 key);
RUNTIME_FN bool rt_tstore(Evm& e, Machine& m, u256 key, u256 value);

// Topics are those of a LOG; what it has less than four is not read.
struct Topics {
  u256 word[4];
};
RUNTIME_FN bool rt_log(Evm& e, Machine& m, u32 topics, u256 offset, u256 size, const Topics& t);
