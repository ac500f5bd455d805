// What one transaction works on: the records of a lane's scratch, and the transaction
// itself. Everything that grows is a part of fixed capacity; where one is full the
// transaction stops and the host runs it again with larger parts.
#pragma once
#include "cells.cuh"
#include "u256.cuh"

// ---- records

enum AccountFlag : u32 {
  A_EXISTS_SEEN = 1 << 0,   // observed: whether it is in the state
  A_ALIVE = 1 << 1,         // created, credited or written by this transaction
  A_NONCE_SEEN = 1 << 2,    // observed: the nonce before
  A_NONCE_NONZERO = 1 << 3, // observed: that it was at least 1
  A_NONCE_SET = 1 << 4,
  A_NONCE_TRUSTED = 1 << 5, // the nonce before is taken from the transaction
  A_BALANCE_EXACT = 1 << 6, // observed: the balance before
  A_WRAPPED = 1 << 7,       // plus or minus overflowed: only exact observation is sound
  A_CODE_SEEN = 1 << 8,     // observed: the code hash before
  A_CODE_SET = 1 << 9,
  A_WARM = 1 << 10,         // EIP-2929
  A_NEW_CONTRACT = 1 << 11, // EIP-6780
  A_DESTRUCTED = 1 << 12,
  A_REMOVED = 1 << 13,      // settled as deleted
};

// Account is what a transaction knows of one account: the state before it, once that was
// looked up, what was observed of it, and what was changed. The balance is that before,
// plus, minus, modulo 2^256.
struct Account {
  u8 addr[20];
  u32 flags;
  const Entry* base;
  u64 nonce; // now, where set
  u256 plus, minus;
  u256 at_least; // observed lower bound of the balance; 0: none
  u256 code_hash; // where set; zero: no code
  const u8* code;
  u32 code_size;
  i32 dirty; // changes in the journal; 0: nothing to settle
};

enum SlotFlag : u32 { S_SEEN = 1, S_WARM = 2, S_TRANSIENT = 4 };

// Slot is what a transaction knows of one storage word, or one word of transient storage.
struct Slot {
  u256 key, base, value;
  u32 account, flags;
};

enum Change : u32 {
  ACCOUNT_CREATED, ACCOUNT_TOUCHED, CONTRACT_CREATED, SELF_DESTRUCTED, NONCE_CHANGED,
  BALANCE_CHANGED, CODE_CHANGED, SLOT_CHANGED, TRANSIENT_CHANGED, ACCOUNT_WARMED,
  SLOT_WARMED, REFUND_CHANGED, LOG_ADDED,
};

// Undo undoes one change. Observations are never undone: what a reverted call saw still
// decided that it reverted.
struct Undo {
  u32 kind;
  u32 record; // account or slot
  u32 flags;  // of the account before
  u32 count;  // log records before
  u64 number; // nonce, refund, bytes of logs, or address of the code before
  u256 a, b;  // values before
};

enum FrameFlag : u32 { F_STATIC = 1, F_CREATE = 2 };

// Frame is a call that waits for the one above it, and the arguments of the one on top.
struct Frame {
  const u8* code;
  const u16* marks;        // 0: jumpdests, and every instruction is checked
  const CodeBlock* blocks;
  const u8* jumpdests;     // bitmap
  const u8* input;
  u64 gas;
  u256 value;
  u32 code_size, input_size;
  u32 pc;
  u32 stack_base, stack_height;
  u32 memory_base, memory_size; // in the lane's memory part; size a multiple of 32
  u32 self, caller;             // accounts
  u32 journal, flags;
  u32 return_at, return_size;   // where in this frame's memory its callee's output goes
  u64 compiled;                 // the function that runs it, 0: the interpreter does
};

// LogHead precedes a log's topics and data in the logs part.
struct LogHead {
  u32 account, topics, size, pad;
};

static constexpr u32 ACCOUNT_BYTES = 184, SLOT_BYTES = 104, UNDO_BYTES = 88, FRAME_BYTES = 144;
static_assert(sizeof(Account) == ACCOUNT_BYTES && sizeof(Slot) == SLOT_BYTES, "");
static_assert(sizeof(Undo) == UNDO_BYTES && sizeof(Frame) == FRAME_BYTES, "");
static_assert(sizeof(LogHead) == 16, "");

// ---- the transaction

// Evm is one transaction under way on one lane.
struct Evm {
  const RunArgs* args;
  const BlockIn* block;
  const TxIn* tx;
  const u8* bytes;
  u32 revision;

  u32* stack; // interleaved, see get_word
  u8* memory;
  Frame* frames;
  Account* accounts;
  u64* account_index;
  Slot* slots;
  u64* slot_index;
  Undo* journal;
  u8* logs;
  u8* codes;

  u32 stamp; // of the index entries that are this transaction's
  u32 account_count, slot_count, journal_count;
  u32 log_count, log_bytes, code_bytes;
  u32 depth;       // frames
  u32 return_size; // return data: at the end of the memory part
  u64 refund;
  u64 steps, step_limit; // basic blocks entered
  bool missed;           // state was missing: from there on everything is a guess

  bool prepared, precompiles_warm, top_call;
  u32 stop; // an OutStatus from OUT_REFUSED on: the transaction can't go on here
  u32 needs;
  u32 error;
  u64 error_a, error_b;
  u64 rest; // while compiled code runs: what charge gives back, see rest_of_block
};

// Machine is the frame on top while it runs: its registers, so to speak.
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

// Outcome of a frame; ENTERED: another frame is on top now.
enum Outcome : u32 { DONE, REVERTED, HALTED, ENTERED };

FN Frame& frame(Evm& e) { return e.frames[e.depth - 1]; }

FN u32 capacity(const Evm& e, u32 part) { return e.args->scratch.capacity[part]; }

// halt_for stops the transaction for good; the host knows what to do. After a miss all other
// reasons are guesses.
FN void halt_for(Evm& e, u32 status) {
  if (!e.stop) e.stop = e.missed ? (u32)OUT_MISSED : status;
  if (COMPILED) e.step_limit = 0; // compiled code looks at nothing else
}
FN void halt_for_scratch(Evm& e, u32 part) {
  e.needs |= 1u << part;
  halt_for(e, OUT_SCRATCH);
}

// bind points the transaction at the scratch of a lane.
FN void bind(Evm& e, const RunArgs& args, u32 lane) {
  const ScratchIn& s = args.scratch;
  u8* own = (u8*)(s.base + s.lane_bytes * lane);
  e.args = &args;
  e.block = (const BlockIn*)args.block;
  e.bytes = (const u8*)args.bytes;
  e.revision = e.block->revision;
  e.stack = (u32*)(s.base + s.offset[PART_STACK]) +
            (u64)(lane / WARP) * s.capacity[PART_STACK] * 8 * WARP + (WARP == 1 ? 0 : 4 * (lane % WARP));
  e.memory = own + s.offset[PART_MEMORY];
  e.frames = (Frame*)(own + s.offset[PART_FRAMES]);
  e.accounts = (Account*)(own + s.offset[PART_ACCOUNTS]);
  e.account_index = (u64*)(own + s.offset[PART_ACCOUNT_INDEX]);
  e.slots = (Slot*)(own + s.offset[PART_SLOTS]);
  e.slot_index = (u64*)(own + s.offset[PART_SLOT_INDEX]);
  e.journal = (Undo*)(own + s.offset[PART_JOURNAL]);
  e.logs = own + s.offset[PART_LOGS];
  e.codes = own + s.offset[PART_CODES];
}

// A stack word lies in two halves, WARP apart, so that a warp whose lanes are at one height
// moves whole lines, 16 bytes a lane. (By limbs of 32 bits it would take eight loads a word:
// ADD was 43 instructions instead of 21, DUP 27 instead of 11; make sass.)
struct alignas(16) Half {
  u64 low, high;
};

FN u256 get_word(const u32* stack, u32 word) {
  if (WARP == 1) return ((const u256*)stack)[word];
  const Half* p = (const Half*)stack + (u64)word * 2 * WARP;
  Half a = p[0], b = p[WARP];
  u256 v;
  v.w[0] = a.low;
  v.w[1] = a.high;
  v.w[2] = b.low;
  v.w[3] = b.high;
  return v;
}
FN void set_word(u32* stack, u32 word, const u256& v) {
  if (WARP == 1) {
    ((u256*)stack)[word] = v;
    return;
  }
  Half* p = (Half*)stack + (u64)word * 2 * WARP;
  Half a, b;
  a.low = v.w[0];
  a.high = v.w[1];
  b.low = v.w[2];
  b.high = v.w[3];
  p[0] = a;
  p[WARP] = b;
}
FN u256 get(const Evm& e, u32 word) { return get_word(e.stack, word); }
FN void set(Evm& e, u32 word, const u256& v) { set_word(e.stack, word, v); }
