// One kernel per opcode, to count its instructions in machine code: `make sass`. What a kernel
// has over op_none is what the interpreter executes for the opcode, without finding it.
#include "interpreter.cuh"

struct OpArgs {
  u32 count, top;
  u64 stack, memory;
  u64 evm;
};

#define OP(name, ...)                                               \
  KERNEL(op_##name, OpArgs, 128) {                                  \
    u32* words = (u32*)a.stack + 4 * lane;                              \
    Machine m;                                                      \
    m.top = a.top;                                                  \
    m.memory = (u8*)a.memory + 1024 * (u64)lane;                    \
    m.memory_size = a.count;                                        \
    m.code = (const u8*)a.evm;                                      \
    m.pc = lanes;                                                   \
    __VA_ARGS__;                                                    \
    ((u32*)a.memory)[lane] = m.top + m.pc;                          \
  }
#define TOP(i) get_word(words, m.top - 1 - (i))
#define PUT(i, v) set_word(words, m.top - 1 - (i), v)
#define BINARY(f)              \
  u256 x = TOP(0), y = TOP(1); \
  m.top--;                     \
  PUT(0, f(x, y));             \
  m.pc++

OP(none, )
OP(add, BINARY(add))
OP(sub, BINARY(sub))
OP(mul, BINARY(mul))
OP(div, BINARY(divide))
OP(mod, BINARY(modulo))
OP(sdiv, BINARY(signed_divide))
OP(exp, BINARY(power))
OP(signextend, BINARY(sign_extend))
OP(and, BINARY(bit_and))
OP(or, BINARY(bit_or))
OP(byte, BINARY(byte_at))
OP(shl, BINARY(shift_left))
OP(shr, BINARY(shift_right))
OP(sar, BINARY(shift_right_signed))
OP(addmod, u256 x = TOP(0), y = TOP(1), z = TOP(2); m.top -= 2; PUT(0, add_mod(x, y, z)); m.pc++)
OP(mulmod, u256 x = TOP(0), y = TOP(1), z = TOP(2); m.top -= 2; PUT(0, mul_mod(x, y, z)); m.pc++)
OP(lt, u256 x = TOP(0), y = TOP(1); m.top--; PUT(0, u256_from(less(x, y))); m.pc++)
OP(slt, u256 x = TOP(0), y = TOP(1); m.top--; PUT(0, u256_from(signed_less(x, y))); m.pc++)
OP(eq, u256 x = TOP(0), y = TOP(1); m.top--; PUT(0, u256_from(equal(x, y))); m.pc++)
OP(iszero, PUT(0, u256_from(is_zero(TOP(0)))); m.pc++)
OP(not, u256 x = TOP(0); PUT(0, bit_not(x)); m.pc++)
OP(pop, m.top--; m.pc++)
OP(push1, set_word(words, m.top, u256_from(m.code[m.pc + 1])); m.top++; m.pc += 2)
OP(push4, set_word(words, m.top, push_data(m.code + m.pc + 1, 4)); m.top++; m.pc += 5)
OP(push32, set_word(words, m.top, push_data(m.code + m.pc + 1, 32)); m.top++; m.pc += 33)
OP(dup, set_word(words, m.top, TOP(2)); m.top++; m.pc++)
OP(swap, u256 x = TOP(0), y = TOP(2); PUT(0, y); PUT(2, x); m.pc++)
OP(mload, u256 x = TOP(0);
   if (fits64(x) && low64(x) + 32 <= m.memory_size && low64(x) < m.memory_size) { PUT(0, load_be(m.memory + low64(x))); m.pc++; })
OP(mstore, u256 x = TOP(0);
   if (fits64(x) && low64(x) + 32 <= m.memory_size && low64(x) < m.memory_size) { store_be(m.memory + low64(x), TOP(1)); m.top -= 2; m.pc++; })
OP(keccak_slot, u8 hash[32]; keccak256(hash, m.memory, 64); PUT(0, load_be(hash)); m.pc++)
