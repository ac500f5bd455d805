// What every opcode does with the registers of a frame: pay gas, grow memory, begin a basic
// block, jump.
#pragma once
#include "facts.cuh"
#include "gas.cuh"

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

// rest_of_block is the static gas of the instructions behind pc in its block. Of compiled code,
// which pays by sections of its own, only the code itself knows it.
CALL_FN u64 rest_of_block(const Evm& e, const u8* code, const u16* marks, u32 size, u32 pc) {
  if (COMPILED && e.frames[e.depth - 1].compiled) return e.rest;
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

// growth is what it costs to make memory reach the end of a range.
FN bool growth(Evm& e, const Machine& m, const u256& offset, const u256& size, u64* end, u64* cost) {
  if (!range_end(offset, size, end)) {
    set_error(e, ERR_GAS_OVERFLOW);
    return false;
  }
  return memory_cost(*end, m.memory_size, cost) || inner(e, ERR_GAS_OVERFLOW);
}

// touch pays `more`, and for memory up to the end of the range, and grows it.
FN bool touch(Evm& e, Machine& m, const u256& offset, const u256& size, u64 per_word, u64 more) {
  u64 end, cost;
  return growth(e, m, offset, size, &end, &cost) &&
         charge(e, m, cost + per_word * word_count(low64(size)) + more) && grow(e, m, end);
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

FN u32 account_of_word(Evm& e, const u256& w) {
  u8 addr[20];
  address_from(addr, w);
  return account_of(e, addr);
}

// push_data is the n bytes behind a PUSH. The code goes on for 33 bytes at least, so that whole
// words may be read.
FN u256 push_data(const u8* p, u32 n) {
  if (n <= 8) return u256_from(load64_be(p) >> (64 - 8 * n));
  return shift_down(load_be(p), 256 - 8 * n);
}
