// The interpreter: one loop for all frames of a transaction. What an opcode means stands in
// u256.cuh, state.cuh, gas.cuh and calls.cuh; here is which function it is, and how control
// goes.
//
// Static gas and the stack are checked once per basic block, where the host has analysed
// the code and the block can run to its end. Otherwise the frame is `precise` until the
// block ends: every instruction is checked by itself, so that the one that fails is the one
// that fails in go-ethereum, with the same error. An instruction of dynamic cost that finds
// too little gas gives back what was paid for the rest of the block and goes on precisely.
#pragma once
#include "gas.cuh"

// Machine is the frame on top while it runs.
struct Machine {
  const u8* code;
  const u16* marks;
  const CodeBlock* blocks;
  u8* memory;
  u64 gas;
  u32 code_size, pc;
  u32 base, top; // of the stack: the frame's first word, and the next free one
  u32 memory_size;
  bool precise, is_static;
};

FN void resume(const Evm& e, Machine& m) {
  const Frame& f = e.frames[e.depth - 1];
  m.code = f.code;
  m.marks = f.marks;
  m.blocks = f.blocks;
  m.memory = e.memory + f.memory_base;
  m.gas = f.gas;
  m.code_size = f.code_size;
  m.pc = f.pc;
  m.base = f.stack_base;
  m.top = f.stack_base + f.stack_height;
  m.memory_size = f.memory_size;
  m.is_static = f.flags & F_STATIC;
  m.precise = true;
}

FN void suspend(Evm& e, const Machine& m) {
  Frame& f = e.frames[e.depth - 1];
  f.gas = m.gas;
  f.pc = m.pc;
  f.stack_height = m.top - m.base;
  f.memory_size = m.memory_size;
}

FN bool ends_block(u8 op) { return op == 0x00 || op == 0x56 || op == 0xf3 || op == 0xfd || op == 0xff; }

// rest_of_block is the static gas of the instructions behind pc in its block.
CALL_FN u64 rest_of_block(const Evm& e, const u8* code, const u16* marks, u32 size, u32 pc) {
  u64 sum = 0;
  u8 op = code[pc];
  while (!ends_block(op)) {
    pc += op >= 0x60 && op <= 0x7f ? op - 0x5f + 1 : 1;
    if (pc >= size || marks[pc]) break;
    op = code[pc];
    if (!e.block->ops[op].defined) break;
    sum += e.block->ops[op].gas;
  }
  return sum;
}

// charge takes dynamic gas.
FN bool charge(Evm& e, Machine& m, u64 cost) {
  if (m.gas < cost && !m.precise) {
    m.gas += rest_of_block(e, m.code, m.marks, m.code_size, m.pc);
    m.precise = true;
  }
  if (m.gas < cost) {
    set_error(e, ERR_OUT_OF_GAS);
    return false;
  }
  m.gas -= cost;
  return true;
}

// grow makes memory reach to end. It has been paid for.
FN bool grow(Evm& e, Machine& m, u64 end) {
  if (end <= m.memory_size) return true;
  u64 size = (end + 31) & ~31ull, from = (u64)(m.memory - e.memory);
  if (!memory_fits(e, from + size)) return false;
  fill_bytes(m.memory + m.memory_size, 0, size - m.memory_size);
  m.memory_size = (u32)size;
  return true;
}

// touch pays `more`, and for memory up to the end of the range, and grows it.
FN bool touch(Evm& e, Machine& m, const u256& offset, const u256& size, u64 per_word, u64 more) {
  u64 end, cost;
  if (!range_end(offset, size, &end)) {
    set_error(e, ERR_GAS_OVERFLOW);
    return false;
  }
  if (!memory_cost(end, m.memory_size, &cost)) return inner(e, ERR_GAS_OVERFLOW);
  return charge(e, m, cost + per_word * word_count(low64(size)) + more) && grow(e, m, end);
}

// at is where a range that was touched begins; an empty one may be anywhere.
FN u8* at(const Machine& m, const u256& offset, const u256& size) {
  return m.memory + (is_zero(size) ? 0 : low64(offset));
}

// touch_word is touch for a fixed size.
FN bool touch_word(Evm& e, Machine& m, const u256& offset, u32 size) {
  if (fits64(offset) && low64(offset) + size <= m.memory_size && low64(offset) < m.memory_size) return true;
  return touch(e, m, offset, u256_from(size), 0, 0);
}

// check is what the block's entry did for all of its instructions: stack and static gas.
CALL_FN bool check(Evm& e, Machine& m, u8 op) {
  const OpFact& f = e.block->ops[op];
  u32 height = m.top - m.base;
  if (height < f.need) return set_error(e, ERR_STACK_UNDERFLOW, height, f.need), false;
  if (height + f.room > STACK_LIMIT) return set_error(e, ERR_STACK_OVERFLOW, height, STACK_LIMIT - f.room), false;
  if (m.gas < f.gas) return set_error(e, ERR_OUT_OF_GAS), false;
  m.gas -= f.gas;
  if (m.top + 1 >= capacity(e, PART_STACK)) return halt_for_scratch(e, PART_STACK), false;
  return true;
}

// enter_block checks and pays a whole block; false: go on precisely.
FN bool enter_block(Evm& e, Machine& m) {
  u32 mark = m.marks ? m.marks[m.pc] : 0;
  if (!mark) return false;
  CodeBlock b = m.blocks[mark - 1];
  u32 height = m.top - m.base;
  if (m.gas < b.gas || height < b.need || height + b.grow > STACK_LIMIT) return false;
  if (m.top + b.grow >= capacity(e, PART_STACK)) return false; // check says so
  m.gas -= b.gas;
  return true;
}

FN bool jump_to(const Evm& e, Machine& m, const u256& to) {
  if (!fits64(to) || low64(to) >= m.code_size) return false;
  u32 pc = (u32)low64(to);
  if (m.code[pc] != 0x5b) return false;
  if (m.marks) {
    if (!m.marks[pc]) return false;
  } else if (!(e.frames[e.depth - 1].jumpdests[pc / 8] >> pc % 8 & 1)) {
    return false;
  }
  m.pc = pc;
  return true;
}

// copy_padded copies from data, with zeros where it has ended.
FN void copy_padded(u8* to, const u8* data, u64 data_size, const u256& offset, u64 size) {
  u64 from = fits64(offset) && low64(offset) < data_size ? low64(offset) : data_size;
  u64 there = data_size - from < size ? data_size - from : size;
  copy_bytes(to, data + from, there);
  fill_bytes(to + there, 0, size - there);
}

FN u32 account_of_word(Evm& e, const u256& w) {
  u8 addr[20];
  address_from(addr, w);
  return account_of(e, addr);
}

FN Frame& frame(Evm& e) { return e.frames[e.depth - 1]; }

// push_data is the n bytes behind a PUSH. The code goes on for 33 bytes at least, so that whole
// words may be read.
FN u256 push_data(const u8* p, u32 n) {
  if (n <= 8) return u256_from(load64_be(p) >> (64 - 8 * n));
  return shift_down(load_be(p), 256 - 8 * n);
}

// ---- opcodes that are more than a line

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

CALL_FN bool op_log(Evm& e, Machine& m, u32 topics) {
  u256 offset = get(e, m.top - 1), size = get(e, m.top - 2);
  if (!touch(e, m, offset, size, 0, 375 + 375 * topics + 8 * low64(size))) return false;
  if (m.is_static) return set_error(e, ERR_WRITE_PROTECTION), false;
  u32 n = (u32)low64(size);
  u8* to = add_log(e, frame(e).self, topics, n);
  if (!to) return false;
  for (u32 i = 0; i < topics; i++) store_be(to + 32 * i, get(e, m.top - 3 - i));
  copy_bytes(to + 32 * topics, at(m, offset, size), n);
  m.top -= 2 + topics;
  return true;
}

CALL_FN bool op_return_data_copy(Evm& e, Machine& m) {
  u256 to = get(e, m.top - 1), from = get(e, m.top - 2), size = get(e, m.top - 3);
  if (!touch(e, m, to, size, 3, 0)) return false;
  bool over;
  u256 end = add_overflow(from, size, &over);
  // go-ethereum adds modulo 2^256; a size that was paid for can't make that differ.
  if (over || !fits64(from) || !fits64(end) || low64(end) > e.return_size) {
    return set_error(e, ERR_RETURN_DATA_BOUNDS), false;
  }
  if (!is_zero(size)) copy_bytes(m.memory + low64(to), return_data(e) + low64(from), low64(size));
  m.top -= 3;
  return true;
}

CALL_FN bool op_mcopy(Evm& e, Machine& m) {
  u256 to = get(e, m.top - 1), from = get(e, m.top - 2), size = get(e, m.top - 3);
  if (!touch(e, m, less(to, from) ? from : to, size, 3, 0)) return false;
  if (!is_zero(size)) move_bytes(m.memory + low64(to), m.memory + low64(from), low64(size));
  m.top -= 3;
  return true;
}

CALL_FN bool op_ext_code_copy(Evm& e, Machine& m) {
  u32 i = account_of_word(e, get(e, m.top - 1));
  u256 to = get(e, m.top - 2), from = get(e, m.top - 3), size = get(e, m.top - 4);
  u64 end, cost;
  if (!range_end(to, size, &end)) return set_error(e, ERR_GAS_OVERFLOW), false;
  if (!memory_cost(end, m.memory_size, &cost)) return inner(e, ERR_GAS_OVERFLOW);
  if (!charge(e, m, cost + 3 * word_count(low64(size)) + cold_account(e, i)) || !grow(e, m, end)) return false;
  Code code = see_code(e, i);
  copy_padded(at(m, to, size), code.bytes, code.size, from, low64(size));
  m.top -= 4;
  return true;
}

CALL_FN bool op_sload(Evm& e, Machine& m) {
  u32 self = frame(e).self;
  u256 key = get(e, m.top - 1);
  if (e.revision >= BERLIN) {
    warm(e, self);
    u32 i = slot_of(e, self, key, 0);
    if (!charge(e, m, warm_slot(e, i) ? WARM_READ : COLD_SLOAD)) return false;
  }
  set(e, m.top - 1, e.slots[seen_slot(e, self, key)].value);
  return true;
}

CALL_FN bool op_sstore(Evm& e, Machine& m) {
  u256 key = get(e, m.top - 1), value = get(e, m.top - 2);
  u32 slot = slot_of(e, frame(e).self, key, 0);
  u64 cost;
  if (!store_gas(e, m.is_static, m.gas, slot, value, &cost) || !charge(e, m, cost)) return false;
  set_slot(e, seen_slot(e, frame(e).self, key), value);
  m.top -= 2;
  return true;
}

CALL_FN bool op_tstore(Evm& e, Machine& m) {
  if (m.is_static) return set_error(e, ERR_WRITE_PROTECTION), false;
  u32 slot = slot_of(e, frame(e).self, get(e, m.top - 1), S_TRANSIENT);
  set_transient(e, slot, get(e, m.top - 2));
  m.top -= 2;
  return true;
}

CALL_FN bool op_self_destruct(Evm& e, Machine& m) {
  u32 self = frame(e).self, heir = account_of_word(e, get(e, m.top - 1));
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
  bool pays = op == 0xf1 || op == 0xf2;
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
  c.self = op == 0xf1 || op == 0xfa ? c.target : f.self;
  c.caller = op == 0xf4 ? f.caller : f.self;
  c.value = op == 0xf4 ? f.value : value;
  c.input = at(m, in, in_size);
  c.input_size = (u32)low64(in_size);
  c.flags = m.is_static || op == 0xfa ? (u32)F_STATIC : 0u;
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

// ---- the loop

// interpret runs the frame on top, and all that it calls, to its end.
CALL_FN Answer interpret(Evm& e) {
  Machine m;
  Answer last = answer(HALTED, 0);
  resume(e, m);
  u32* const words = e.stack;
  u32 outcome;
  u8 op;

#define TOP(i) get_word(words, m.top - 1 - (i))
#define PUT(i, v) set_word(words, m.top - 1 - (i), v)
#define PUSH(v)            \
  {                        \
    set_word(words, m.top, v);      \
    m.top++;               \
    break;                 \
  }
#define UNARY(f)           \
  {                        \
    u256 a = TOP(0);       \
    PUT(0, f(a));          \
    break;                 \
  }
#define BINARY(f)                  \
  {                                \
    u256 a = TOP(0), b = TOP(1);   \
    m.top--;                       \
    PUT(0, f(a, b));               \
    break;                         \
  }
#define TERNARY(f)                             \
  {                                            \
    u256 a = TOP(0), b = TOP(1), c = TOP(2);   \
    m.top -= 2;                                \
    PUT(0, f(a, b, c));                        \
    break;                                     \
  }
#define TEST(condition)                        \
  {                                            \
    u256 a = TOP(0), b = TOP(1);               \
    m.top--;                                   \
    PUT(0, u256_from(condition));              \
    break;                                     \
  }
#define SINCE(r) if (e.revision < r) goto undefined
#define TRY(ok) if (!(ok)) goto halted
// The machine stays in registers: what is called sees a copy.
#define CALL(f, ...)                   \
  {                                    \
    Machine copy = m;                  \
    bool ok = f(e, copy, ##__VA_ARGS__); \
    m = copy;                          \
    if (!ok) goto halted;              \
  }

enter:
  if (e.stop || e.depth == 0) goto stopped;
  if (++e.steps > e.step_limit) {
    set_error(e, ERR_TOO_LONG);
    halt_for(e, OUT_UNSUPPORTED);
    goto stopped;
  }
  m.precise = !enter_block(e, m);
  if (m.precise) goto checked;
  if (m.code[m.pc] == 0x5b) m.pc++;
next:
  if (m.precise) {
    if (m.marks && m.pc < m.code_size && m.marks[m.pc]) goto enter;
  checked:
    CALL(check, m.code[m.pc]);
  }
  op = m.code[m.pc];
  switch (op) {
  case 0x00: outcome = DONE; e.return_size = 0; goto finished;
  case 0x01: BINARY(add)
  case 0x02: BINARY(mul)
  case 0x03: BINARY(sub)
  case 0x04: BINARY(divide)
  case 0x05: BINARY(signed_divide)
  case 0x06: BINARY(modulo)
  case 0x07: BINARY(signed_modulo)
  case 0x08: TERNARY(add_mod)
  case 0x09: TERNARY(mul_mod)
  case 0x0a: {
    TRY(charge(e, m, 10 + (e.revision >= SPURIOUS_DRAGON ? 50 : 10) * (u64)byte_length(TOP(1))));
    BINARY(power)
  }
  case 0x0b: BINARY(sign_extend)
  case 0x10: TEST(less(a, b))
  case 0x11: TEST(less(b, a))
  case 0x12: TEST(signed_less(a, b))
  case 0x13: TEST(signed_less(b, a))
  case 0x14: TEST(equal(a, b))
  case 0x15: PUT(0, u256_from(is_zero(TOP(0)))); break;
  case 0x16: BINARY(bit_and)
  case 0x17: BINARY(bit_or)
  case 0x18: BINARY(bit_xor)
  case 0x19: UNARY(bit_not)
  case 0x1a: BINARY(byte_at)
  case 0x1b: SINCE(CONSTANTINOPLE); BINARY(shift_left)
  case 0x1c: SINCE(CONSTANTINOPLE); BINARY(shift_right)
  case 0x1d: SINCE(CONSTANTINOPLE); BINARY(shift_right_signed)
  case 0x1e: SINCE(OSAKA); UNARY(count_leading_zeros)

  case 0x20: { // KECCAK256
    u256 offset = TOP(0), size = TOP(1);
    TRY(touch(e, m, offset, size, 6, 0));
    u8 hash[32];
    keccak256(hash, at(m, offset, size), low64(size));
    m.top--;
    PUT(0, load_be(hash));
    break;
  }

  case 0x30: PUSH(u256_from_address(e.accounts[frame(e).self].addr))
  case 0x31: { // BALANCE
    u32 i = account_of_word(e, TOP(0));
    TRY(charge(e, m, cold_account(e, i)));
    PUT(0, see_balance(e, i));
    goto touched;
  }
  case 0x32: PUSH(u256_from_address(e.tx->from))
  case 0x33: PUSH(u256_from_address(e.accounts[frame(e).caller].addr))
  case 0x34: PUSH(frame(e).value)
  case 0x35: { // CALLDATALOAD
    u256 at = TOP(0);
    u8 word[32];
    copy_padded(word, frame(e).input, frame(e).input_size, at, 32);
    PUT(0, load_be(word));
    break;
  }
  case 0x36: PUSH(u256_from(frame(e).input_size))
  case 0x37: { // CALLDATACOPY
    u256 to = TOP(0), from = TOP(1), size = TOP(2);
    TRY(touch(e, m, to, size, 3, 0));
    copy_padded(at(m, to, size), frame(e).input, frame(e).input_size, from, low64(size));
    m.top -= 3;
    break;
  }
  case 0x38: PUSH(u256_from(m.code_size))
  case 0x39: { // CODECOPY
    u256 to = TOP(0), from = TOP(1), size = TOP(2);
    TRY(touch(e, m, to, size, 3, 0));
    copy_padded(at(m, to, size), m.code, m.code_size, from, low64(size));
    m.top -= 3;
    break;
  }
  case 0x3a: PUSH(e.tx->gas_price)
  case 0x3b: { // EXTCODESIZE
    u32 i = account_of_word(e, TOP(0));
    TRY(charge(e, m, cold_account(e, i)));
    PUT(0, u256_from(see_code(e, i).size));
    goto touched;
  }
  case 0x3c: CALL(op_ext_code_copy); goto touched;
  case 0x3d: SINCE(BYZANTIUM); PUSH(u256_from(e.return_size))
  case 0x3e: SINCE(BYZANTIUM); CALL(op_return_data_copy); break;
  case 0x3f: { // EXTCODEHASH
    SINCE(CONSTANTINOPLE);
    u32 i = account_of_word(e, TOP(0));
    TRY(charge(e, m, cold_account(e, i)));
    PUT(0, ext_code_hash(e, i));
    goto touched;
  }
  case 0x40: PUT(0, block_hash(e, TOP(0))); goto touched;
  case 0x41: PUSH(u256_from_address(e.block->coinbase))
  case 0x42: PUSH(u256_from(e.block->time))
  case 0x43: PUSH(e.block->number)
  case 0x44: PUSH(e.block->prevrandao)
  case 0x45: PUSH(u256_from(e.block->gas_limit))
  case 0x46: SINCE(ISTANBUL); PUSH(e.block->chain_id)
  case 0x47: { // SELFBALANCE
    SINCE(ISTANBUL);
    u256 balance = see_balance(e, frame(e).self);
    set_word(words, m.top++, balance);
    goto touched;
  }
  case 0x48: SINCE(LONDON); PUSH(e.block->base_fee)
  case 0x49: { // BLOBHASH
    SINCE(CANCUN);
    u256 i = TOP(0);
    bool there = fits64(i) && low64(i) < e.tx->blob_count;
    PUT(0, there ? load_be(e.bytes + e.tx->blobs + 32 * low64(i)) : u256_zero());
    break;
  }
  case 0x4a: SINCE(CANCUN); PUSH(e.block->blob_base_fee)

  case 0x50: m.top--; break;
  case 0x51: { // MLOAD
    u256 at = TOP(0);
    TRY(touch_word(e, m, at, 32));
    PUT(0, load_be(m.memory + low64(at)));
    break;
  }
  case 0x52: { // MSTORE
    u256 at = TOP(0);
    TRY(touch_word(e, m, at, 32));
    store_be(m.memory + low64(at), TOP(1));
    m.top -= 2;
    break;
  }
  case 0x53: { // MSTORE8
    u256 at = TOP(0);
    TRY(touch_word(e, m, at, 1));
    m.memory[low64(at)] = (u8)TOP(1).w[0];
    m.top -= 2;
    break;
  }
  case 0x54: CALL(op_sload); goto touched;
  case 0x55: CALL(op_sstore); goto entered;
  case 0x57: { // JUMPI
    u256 to = TOP(0);
    bool taken = !is_zero(TOP(1));
    m.top -= 2;
    if (!taken) goto entered;
    if (!jump_to(e, m, to)) goto bad_jump;
    goto enter;
  }
  case 0x56: { // JUMP
    u256 to = TOP(0);
    m.top--;
    if (!jump_to(e, m, to)) goto bad_jump;
    goto enter;
  }
  case 0x58: PUSH(u256_from(m.pc))
  case 0x59: PUSH(u256_from(m.memory_size))
  case 0x5a: set_word(words, m.top, u256_from(m.gas)); m.top++; goto entered;
  case 0x5b: // JUMPDEST: in a block that was paid for, the beginning of the next
    if (!m.precise) goto enter;
    break;
  case 0x5c: { // TLOAD
    SINCE(CANCUN);
    u32 i = slot_of(e, frame(e).self, TOP(0), S_TRANSIENT);
    PUT(0, e.slots[i].value);
    goto touched;
  }
  case 0x5d: SINCE(CANCUN); CALL(op_tstore); goto touched;
  case 0x5e: SINCE(CANCUN); CALL(op_mcopy); break;
  case 0x5f: SINCE(SHANGHAI); PUSH(u256_zero())

  case 0x60: { // PUSH1
    set_word(words, m.top, u256_from(m.code[m.pc + 1]));
    m.top++;
    m.pc += 2;
    goto next;
  }
  case 0x61: case 0x62: case 0x63: case 0x64: case 0x65: case 0x66: case 0x67: case 0x68:
  case 0x69: case 0x6a: case 0x6b: case 0x6c: case 0x6d: case 0x6e: case 0x6f: case 0x70:
  case 0x71: case 0x72: case 0x73: case 0x74: case 0x75: case 0x76: case 0x77: case 0x78:
  case 0x79: case 0x7a: case 0x7b: case 0x7c: case 0x7d: case 0x7e: case 0x7f: {
    u32 n = op - 0x5fu;
    set_word(words, m.top, push_data(m.code + m.pc + 1, n));
    m.top++;
    m.pc += 1 + n;
    goto next;
  }
  case 0x80: case 0x81: case 0x82: case 0x83: case 0x84: case 0x85: case 0x86: case 0x87:
  case 0x88: case 0x89: case 0x8a: case 0x8b: case 0x8c: case 0x8d: case 0x8e: case 0x8f:
    set_word(words, m.top, TOP(op - 0x80u));
    m.top++;
    break;
  case 0x90: case 0x91: case 0x92: case 0x93: case 0x94: case 0x95: case 0x96: case 0x97:
  case 0x98: case 0x99: case 0x9a: case 0x9b: case 0x9c: case 0x9d: case 0x9e: case 0x9f: {
    u256 a = TOP(0), b = TOP(op - 0x8fu);
    PUT(0, b);
    PUT(op - 0x8fu, a);
    break;
  }
  case 0xa0: case 0xa1: case 0xa2: case 0xa3: case 0xa4: CALL(op_log, op - 0xa0u); goto touched;

  case 0xf0: CALL(op_create, false); goto enter;
  case 0xf5: SINCE(CONSTANTINOPLE); CALL(op_create, true); goto enter;
  case 0xf4: SINCE(HOMESTEAD); CALL(op_call, op); goto enter;
  case 0xfa: SINCE(BYZANTIUM); CALL(op_call, op); goto enter;
  case 0xf1: case 0xf2: CALL(op_call, op); goto enter;
  case 0xfd: SINCE(BYZANTIUM); goto give_back;
  case 0xf3:
  give_back: {
    u256 offset = TOP(0), size = TOP(1);
    TRY(touch(e, m, offset, size, 0, 0));
    return_bytes(e, at(m, offset, size), (u32)low64(size));
    outcome = op == 0xf3 ? DONE : REVERTED;
    if (outcome == REVERTED) set_error(e, ERR_REVERTED);
    goto finished;
  }
  case 0xff:
    CALL(op_self_destruct);
    outcome = DONE;
    e.return_size = 0;
    goto finished;
  default: goto undefined;
  }
  m.pc++;
  goto next;

touched: // the state, which may have been missing
  if (e.stop) goto stopped;
  m.pc++;
  goto next;
entered:
  m.pc++;
  goto enter;
bad_jump:
  set_error(e, ERR_INVALID_JUMP);
  goto halted;
undefined:
  set_error(e, ERR_INVALID_OPCODE, op);
halted:
  outcome = HALTED;
finished:
  if (e.stop) goto stopped;
  {
    Machine copy = m;
    bool more = finish_frame(e, copy, outcome, &last);
    m = copy;
    if (more) goto enter;
  }
stopped:
  return last;

#undef TOP
#undef PUT
#undef PUSH
#undef UNARY
#undef BINARY
#undef TERNARY
#undef TEST
#undef SINCE
#undef TRY
#undef CALL
}
