// Calls and creations: what happens between the instruction and the first instruction of the
// callee, and between its end and the caller's next instruction. Go twin: go-ethereum's
// evm.go, as fallback uses it.
#pragma once
#include "precompiles.cuh"
#include "state.cuh"

// The calls by their opcodes, which decide what they do.
enum CallOp : u32 { OP_CALL = 0xf1, OP_CALLCODE = 0xf2, OP_DELEGATECALL = 0xf4, OP_STATICCALL = 0xfa };

// Answer is how a call ended, or ENTERED where a frame is now on top.
struct Answer {
  u32 outcome;
  u64 gas; // left
};

FN Answer answer(u32 outcome, u64 gas) {
  Answer a;
  a.outcome = outcome;
  a.gas = gas;
  return a;
}

FN void set_error(Evm& e, u32 error, u64 a = 0, u64 b = 0) {
  e.error = error;
  e.error_a = a;
  e.error_b = b;
}

// Callee is a call as the caller asks for it.
struct Callee {
  u32 self, caller, target; // accounts; target: whose code
  const u8* input;
  u32 input_size;
  u32 flags;
  u64 gas;
  u256 value;
  u32 stack_base, memory_from; // where the caller's end
};

static constexpr u64 MAX_CODE_SIZE = 24576, MAX_INIT_CODE_SIZE = 49152;
static constexpr u32 MAX_DEPTH = 1024, STACK_LIMIT = 1024;

// ---- return data, at the end of the memory part

FN u8* return_data(Evm& e) { return e.memory + capacity(e, PART_MEMORY) - e.return_size; }

// return_bytes makes bytes the return data. They may lie where it goes.
FN void return_bytes(Evm& e, const u8* from, u32 size) {
  e.return_size = size;
  move_bytes(return_data(e), from, size);
}

// ---- frames

// memory_fits reports whether the memory part reaches that far.
FN bool memory_fits(Evm& e, u64 end) {
  if (end + e.return_size <= capacity(e, PART_MEMORY)) return true;
  halt_for_scratch(e, PART_MEMORY);
  return false;
}

// find_jumpdests marks the JUMPDESTs of a code that the host has not analysed.
FN void find_jumpdests(u8* bitmap, const u8* code, u32 size) {
  fill_bytes(bitmap, 0, (size + 7) / 8);
  for (u32 i = 0; i < size; i++) {
    u8 op = code[i];
    if (op == 0x5b) bitmap[i / 8] |= (u8)(1 << i % 8);
    if (op >= 0x60 && op <= 0x7f) i += op - 0x5f;
  }
}

// open_frame puts a frame on top. The code is followed by 33 zeros.
CALL_FN void open_frame(Evm& e, const Callee& c, const Code& code, u32 journal, u32 memory_from) {
  if (e.depth >= capacity(e, PART_FRAMES)) return halt_for_scratch(e, PART_FRAMES);
  Frame& f = e.frames[e.depth];
  f.code = code.bytes;
  f.code_size = code.size;
  f.marks = nullptr;
  f.blocks = nullptr;
  f.jumpdests = nullptr;
  e.return_size = 0;
  if (code.known && code.known->marks) {
    f.marks = (const u16*)code.known->marks;
    f.blocks = (const CodeBlock*)code.known->blocks;
  } else {
    u32 room = (code.size / 8 + 1 + 31) & ~31u;
    if (!memory_fits(e, (u64)memory_from + room)) return;
    e.steps += code.size / 16; // work that no gas pays for: many calls of one new code are too long
    find_jumpdests(e.memory + memory_from, code.bytes, code.size);
    f.jumpdests = e.memory + memory_from;
    memory_from += room;
  }
  f.input = c.input;
  f.input_size = c.input_size;
  f.gas = c.gas;
  f.value = c.value;
  f.pc = 0;
  f.stack_base = c.stack_base;
  f.stack_height = 0;
  f.memory_base = memory_from;
  f.memory_size = 0;
  f.self = c.self;
  f.caller = c.caller;
  f.journal = journal;
  f.flags = c.flags;
  f.compiled = COMPILED && code.known ? code.known->compiled : 0;
  if (COMPILED && code.known && !f.compiled) atomic_add((u32*)&code.known->runs, 1u);
  e.depth++;
}

// ---- calls

CALL_FN Answer run_precompile(Evm& e, const Callee& c, u32 number, u32 journal) {
  u64 cost = precompile_gas(e.revision, number, c.input, c.input_size);
  if (cost > c.gas) {
    set_error(e, ERR_OUT_OF_GAS);
    revert(e, journal);
    return answer(HALTED, 0);
  }
  e.return_size = 0;
  if (number == 9) e.steps += cost / 4; // a round of BLAKE2F costs but one unit of gas
  if (e.steps > e.step_limit) {
    set_error(e, ERR_TOO_LONG);
    halt_for(e, OUT_UNSUPPORTED);
    return answer(HALTED, 0);
  }
  u32 from = (c.memory_from + 31) & ~31u, end = capacity(e, PART_MEMORY);
  u32 room = from < end ? (end - from) & ~31u : 0, half = (room / 4) & ~31u;
  u8* out = e.memory + from;
  Precompiled p = precompile_run(e.revision, number, out, half, c.input, c.input_size, out + half, room - half);
  if (p.status == 2) {
    set_error(e, ERR_NO_PRECOMPILE, number);
    halt_for(e, OUT_UNSUPPORTED);
  } else if (p.status == 3) {
    halt_for_scratch(e, PART_MEMORY);
  } else if (p.status == 1) {
    set_error(e, ERR_PRECOMPILE, number, p.error);
    revert(e, journal);
    return answer(HALTED, 0);
  } else {
    return_bytes(e, out, (u32)p.size);
  }
  return answer(DONE, c.gas - cost);
}

// code_to_run follows a delegation, one step.
FN Code code_to_run(Evm& e, u32 target) {
  Code code = see_code(e, target);
  const u8* to;
  if (e.revision >= PRAGUE && delegation(code, &to)) code = see_code(e, account_of(e, to));
  return code;
}

FN Answer run_code(Evm& e, const Callee& c, u32 journal) {
  Code code = code_to_run(e, c.target);
  e.return_size = 0;
  if (e.stop || code.size == 0) return answer(DONE, c.gas);
  open_frame(e, c, code, journal, (c.memory_from + 31) & ~31u);
  return answer(ENTERED, 0);
}

FN bool is_system(const u8* a) { // params.SystemAddress, 0xff..fe
  return load64(a) == ~0ull && load64(a + 8) == ~0ull && load64(a + 12) == 0xfeffffffffffffffull;
}

// begin_call makes a CALL, CALLCODE, DELEGATECALL or STATICCALL by opcode.
CALL_FN Answer begin_call(Evm& e, u32 op, const Callee& c) {
  bool by_system = op == OP_CALL && is_system(e.accounts[c.caller].addr);
  if (e.depth > MAX_DEPTH) {
    e.return_size = 0;
    set_error(e, ERR_DEPTH);
    return answer(HALTED, c.gas);
  }
  if ((op == OP_CALL || op == OP_CALLCODE) && !by_system && !covers(e, c.caller, c.value)) {
    e.return_size = 0;
    set_error(e, ERR_INSUFFICIENT_BALANCE);
    return answer(HALTED, c.gas);
  }
  u32 journal = e.journal_count;
  const u8* addr = e.accounts[c.target].addr;
  bool pre = is_precompile(e.revision, addr);
  if (op == OP_CALL) {
    if (!exists(e, c.target)) {
      if (!pre && e.revision >= SPURIOUS_DRAGON && is_zero(c.value)) {
        e.return_size = 0;
        return answer(DONE, c.gas);
      }
      revive(e, c.target, ACCOUNT_CREATED);
    }
    if (!by_system) {
      sub_balance(e, c.caller, c.value);
      add_balance(e, c.target, c.value);
    }
  } else if (op == OP_STATICCALL) {
    add_balance(e, c.target, u256_zero());
  }
  if (e.stop) return answer(HALTED, 0);
  if (pre) return run_precompile(e, c, (u32)addr[18] << 8 | addr[19], journal);
  return run_code(e, c, journal);
}

// ---- creations

// create_address is the address of CREATE: keccak(rlp([sender, nonce])).
CALL_FN void create_address(u8 out[20], const u8* sender, u64 nonce) {
  u8 b[32], hash[32];
  u32 n = 0;
  for (u64 v = nonce; v; v >>= 8) n++;
  u32 size = 21 + (nonce < 0x80 ? 1 : 1 + n);
  b[0] = (u8)(0xc0 + size);
  b[1] = 0x94;
  copy_bytes(b + 2, sender, 20);
  if (nonce < 0x80) {
    b[22] = nonce ? (u8)nonce : 0x80;
  } else {
    b[22] = (u8)(0x80 + n);
    for (u32 i = 0; i < n; i++) b[23 + i] = (u8)(nonce >> (8 * (n - 1 - i)));
  }
  keccak256(hash, b, size + 1);
  copy_bytes(out, hash + 12, 20);
}

// create2_address (EIP-1014).
CALL_FN void create2_address(u8 out[20], const u8* sender, const u256& salt, const u8* init, u32 size) {
  u8 b[85], hash[32];
  b[0] = 0xff;
  copy_bytes(b + 1, sender, 20);
  store_be(b + 21, salt);
  keccak256(b + 53, init, size);
  keccak256(hash, b, 85);
  copy_bytes(out, hash + 12, 20);
}

// begin_create runs init code, which c.input is, for the account c.self.
CALL_FN Answer begin_create(Evm& e, const Callee& c) {
  e.return_size = 0;
  if (e.depth > MAX_DEPTH) {
    set_error(e, ERR_DEPTH);
    return answer(HALTED, c.gas);
  }
  if (!covers(e, c.caller, c.value)) {
    set_error(e, ERR_INSUFFICIENT_BALANCE);
    return answer(HALTED, c.gas);
  }
  u64 nonce = see_nonce(e, c.caller);
  if (nonce + 1 == 0) {
    set_error(e, ERR_NONCE_OVERFLOW);
    return answer(HALTED, c.gas);
  }
  set_nonce(e, c.caller, nonce + 1);
  if (e.revision >= BERLIN) warm(e, c.self); // stays warm even where the creation fails
  u256 hash = see_code_hash(e, e.accounts[c.self]);
  if (see_nonce(e, c.self) != 0 || !is_zero(hash)) {
    set_error(e, ERR_ADDRESS_COLLISION);
    return answer(HALTED, 0);
  }
  u32 journal = e.journal_count;
  if (!exists(e, c.self)) revive(e, c.self, ACCOUNT_CREATED);
  create_contract(e, c.self);
  if (e.revision >= SPURIOUS_DRAGON) set_nonce(e, c.self, 1);
  sub_balance(e, c.caller, c.value);
  add_balance(e, c.self, c.value);
  // A copy, since it must be followed by zeros.
  u32 from = (c.memory_from + 31) & ~31u, room = (c.input_size + 33 + 31) & ~31u;
  if (e.stop || !memory_fits(e, (u64)from + room)) return answer(HALTED, 0);
  copy_bytes(e.memory + from, c.input, c.input_size);
  fill_bytes(e.memory + from + c.input_size, 0, room - c.input_size);
  Code code;
  code.bytes = e.memory + from;
  code.size = c.input_size;
  code.known = nullptr;
  Callee callee = c;
  callee.input = nullptr;
  callee.input_size = 0;
  callee.flags |= F_CREATE;
  open_frame(e, callee, code, journal, from + room);
  return answer(ENTERED, 0);
}

// deposit ends a creation whose init code has returned the code.
FN u32 deposit(Evm& e, Frame& f, u64* gas) {
  u32 size = e.return_size;
  if (size && return_data(e)[0] == 0xef && e.revision >= LONDON) {
    set_error(e, ERR_INVALID_CODE);
    return HALTED;
  }
  if (*gas < (u64)size * 200) {
    set_error(e, ERR_CODE_STORE_OUT_OF_GAS);
    return e.revision >= HOMESTEAD ? HALTED : DONE; // Frontier: no code, no loss
  }
  *gas -= (u64)size * 200;
  if (e.revision >= SPURIOUS_DRAGON && size > MAX_CODE_SIZE) {
    set_error(e, ERR_MAX_CODE, 0, size);
    return HALTED;
  }
  if (size) set_code(e, f.self, keep_code(e, return_data(e), size), size);
  return DONE;
}

// close_frame takes the frame on top away and undoes what it did unless it is done.
CALL_FN Answer close_frame(Evm& e, u32 outcome, u64 gas) {
  Frame& f = e.frames[e.depth - 1];
  if (outcome == DONE && f.flags & F_CREATE) outcome = deposit(e, f, &gas);
  else if (outcome == HALTED) e.return_size = 0;
  if (outcome != DONE) revert(e, f.journal);
  e.depth--;
  return answer(outcome, outcome == HALTED ? 0 : gas);
}
