// The frame on top while it runs: its registers, so to speak, and what every opcode does with
// them: pay gas, grow memory, begin a basic block, jump.
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
