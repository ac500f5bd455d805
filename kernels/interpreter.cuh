// The interpreter: one loop for all frames of a transaction. What an opcode means stands in
// u256.cuh, opcodes.cuh, state.cuh, gas.cuh and calls.cuh; here is which function it is, and how control
// goes.
//
// Static gas and the stack are checked once per basic block, where the host has analysed
// the code and the block can run to its end. Otherwise the frame is `precise` until the
// block ends: every instruction is checked by itself, so that the one that fails is the one
// that fails in go-ethereum, with the same error. An instruction of dynamic cost that finds
// too little gas gives back what was paid for the rest of the block and goes on precisely.
#pragma once
#include "opcodes.cuh"

// interpret runs the frame on top, and all that it calls, to its end; ENTERED: to where a
// frame of compiled code is on top.
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
    TRY(charge(e, m, exp_cost(e, TOP(1))));
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
    u256 hash = memory_hash(m, offset, size);
    m.top--;
    PUT(0, hash);
    break;
  }

  case 0x30: PUSH(own_address(e))
  case 0x31: { // BALANCE
    u32 i;
    TRY(meet(e, m, TOP(0), &i));
    PUT(0, see_balance(e, i));
    goto touched;
  }
  case 0x32: PUSH(origin(e))
  case 0x33: PUSH(caller(e))
  case 0x34: PUSH(call_value(e))
  case 0x35: PUT(0, call_data_word(e, TOP(0))); break;
  case 0x36: PUSH(u256_from(call_data_size(e)))
  case 0x37: { // CALLDATACOPY
    u256 to = TOP(0), from = TOP(1), size = TOP(2);
    TRY(touch(e, m, to, size, 3, 0));
    call_data_copy(e, m, to, from, size);
    m.top -= 3;
    break;
  }
  case 0x38: PUSH(u256_from(m.code_size))
  case 0x39: { // CODECOPY
    u256 to = TOP(0), from = TOP(1), size = TOP(2);
    TRY(touch(e, m, to, size, 3, 0));
    code_copy(m, to, from, size);
    m.top -= 3;
    break;
  }
  case 0x3a: PUSH(gas_price(e))
  case 0x3b: { // EXTCODESIZE
    u32 i;
    TRY(meet(e, m, TOP(0), &i));
    PUT(0, ext_code_size(e, i));
    goto touched;
  }
  case 0x3c: CALL(op_ext_code_copy); goto touched;
  case 0x3d: SINCE(BYZANTIUM); PUSH(u256_from(return_data_size(e)))
  case 0x3e: SINCE(BYZANTIUM); CALL(op_return_data_copy); break;
  case 0x3f: { // EXTCODEHASH
    SINCE(CONSTANTINOPLE);
    u32 i;
    TRY(meet(e, m, TOP(0), &i));
    PUT(0, ext_code_hash(e, i));
    goto touched;
  }
  case 0x40: PUT(0, block_hash(e, TOP(0))); goto touched;
  case 0x41: PUSH(coinbase(e))
  case 0x42: PUSH(u256_from(timestamp(e)))
  case 0x43: PUSH(block_number(e))
  case 0x44: PUSH(prevrandao(e))
  case 0x45: PUSH(u256_from(gas_limit(e)))
  case 0x46: SINCE(ISTANBUL); PUSH(chain_id(e))
  case 0x47: { // SELFBALANCE
    SINCE(ISTANBUL);
    u256 balance = see_balance(e, frame(e).self);
    set_word(words, m.top++, balance);
    goto touched;
  }
  case 0x48: SINCE(LONDON); PUSH(base_fee(e))
  case 0x49: SINCE(CANCUN); PUT(0, blob_hash(e, TOP(0))); break;
  case 0x4a: SINCE(CANCUN); PUSH(blob_base_fee(e))

  case 0x50: m.top--; break;
  case 0x51: { // MLOAD
    u256 at = TOP(0);
    TRY(touch_word(e, m, at, 32));
    PUT(0, memory_word(m, low64(at)));
    break;
  }
  case 0x52: { // MSTORE
    u256 at = TOP(0);
    TRY(touch_word(e, m, at, 32));
    set_memory_word(m, low64(at), TOP(1));
    m.top -= 2;
    break;
  }
  case 0x53: { // MSTORE8
    u256 at = TOP(0);
    TRY(touch_word(e, m, at, 1));
    set_memory_byte(m, low64(at), TOP(1).w[0]);
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
  case 0x5c: SINCE(CANCUN); PUT(0, tload(e, TOP(0))); goto touched;
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

  case 0xf0: CALL(op_create, false); goto another;
  case 0xf5: SINCE(CONSTANTINOPLE); CALL(op_create, true); goto another;
  case OP_DELEGATECALL: SINCE(HOMESTEAD); CALL(op_call, op); goto another;
  case OP_STATICCALL: SINCE(BYZANTIUM); CALL(op_call, op); goto another;
  case OP_CALL: case OP_CALLCODE: CALL(op_call, op); goto another;
  case 0xfd: SINCE(BYZANTIUM); goto gives_back;
  case 0xf3:
  gives_back: {
    u256 offset = TOP(0), size = TOP(1);
    TRY(touch(e, m, offset, size, 0, 0));
    outcome = give_back(e, m, op == 0xfd, offset, size);
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
    if (!more) goto stopped;
  }
another: // frame is on top, perhaps
  if (COMPILED && !e.stop && frame(e).compiled) {
    suspend(e, m);
    return answer(ENTERED, 0);
  }
  goto enter;
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
