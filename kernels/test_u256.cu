// The kernel test_u256: one operation of 256-bit arithmetic on many operands, for tests.
#include "u256.cuh"

// U256Args: results[i] is the operation on operands[3 i], [3 i + 1] and [3 i + 2].
struct U256Args {
  u32 count, operation;
  u64 operands; // u256[3][]
  u64 results;  // U256Result[]
};
struct U256Result {
  u256 value;
  u64 flag; // overflow, or a number that is not a u256
};
static_assert(sizeof(U256Args) == 24 && sizeof(U256Result) == 40, "");

// The order is that of operations in u256_test.go.
enum Operation : u32 {
  DO_ADD, DO_SUB, DO_MUL, DO_DIVIDE, DO_MODULO, DO_SIGNED_DIVIDE, DO_SIGNED_MODULO, DO_ADD_MOD, DO_MUL_MOD, DO_POWER,
  DO_SIGN_EXTEND, DO_LESS, DO_SIGNED_LESS, DO_EQUAL, DO_IS_ZERO, DO_AND, DO_OR, DO_XOR, DO_NOT, DO_BYTE,
  DO_SHIFT_LEFT, DO_SHIFT_RIGHT, DO_SHIFT_RIGHT_SIGNED, DO_COUNT_LEADING_ZEROS, DO_ADD_OVERFLOW, DO_SUB_UNDERFLOW,
  DO_MUL_OVERFLOW, DO_BIT_LENGTH, DO_BYTE_LENGTH, DO_FITS64, DO_FROM, DO_LOAD, DO_STORE, DO_LOAD_N, DO_FROM_ADDRESS,
  DO_TO_ADDRESS,
};

// The last operations are about bytes: they see the memory of an operand, or of the result.
FN void test_bytes(u32 operation, const u256* in, U256Result* to) {
  u8* out = (u8*)&to->value;
  switch (operation) {
    case DO_LOAD: to->value = load_be((const u8*)in + low64(in[1]) % 32); break;
    case DO_STORE: {
      u8 b[40];
      u32 shift = (u32)low64(in[1]) % 8;
      store_be(b + shift, in[0]);
      copy_bytes(out, b + shift, 32);
      break;
    }
    case DO_LOAD_N: to->value = load_be_n((const u8*)in, (u32)(low64(in[1]) % 33)); break;
    case DO_FROM_ADDRESS: to->value = u256_from_address((const u8*)in + low64(in[1]) % 12); break;
    case DO_TO_ADDRESS:
      to->value = u256_zero();
      address_from(out + 4, in[0]);
      break;
  }
}

KERNEL(test_u256, U256Args, 128) {
  for (u32 i = lane; i < a.count; i += lanes) {
    const u256* in = (const u256*)a.operands + 3ull * i;
    U256Result* to = (U256Result*)a.results + i;
    u256 x = in[0], y = in[1], z = in[2], r = u256_zero();
    bool flag = false;
    to->flag = 0;
    switch (a.operation) {
      case DO_ADD: r = add(x, y); break;
      case DO_SUB: r = sub(x, y); break;
      case DO_MUL: r = mul(x, y); break;
      case DO_DIVIDE: r = divide(x, y); break;
      case DO_MODULO: r = modulo(x, y); break;
      case DO_SIGNED_DIVIDE: r = signed_divide(x, y); break;
      case DO_SIGNED_MODULO: r = signed_modulo(x, y); break;
      case DO_ADD_MOD: r = add_mod(x, y, z); break;
      case DO_MUL_MOD: r = mul_mod(x, y, z); break;
      case DO_POWER: r = power(x, y); break;
      case DO_SIGN_EXTEND: r = sign_extend(x, y); break;
      case DO_LESS: to->flag = less(x, y); break;
      case DO_SIGNED_LESS: to->flag = signed_less(x, y); break;
      case DO_EQUAL: to->flag = equal(x, y); break;
      case DO_IS_ZERO: to->flag = is_zero(x); break;
      case DO_AND: r = bit_and(x, y); break;
      case DO_OR: r = bit_or(x, y); break;
      case DO_XOR: r = bit_xor(x, y); break;
      case DO_NOT: r = bit_not(x); break;
      case DO_BYTE: r = byte_at(x, y); break;
      case DO_SHIFT_LEFT: r = shift_left(x, y); break;
      case DO_SHIFT_RIGHT: r = shift_right(x, y); break;
      case DO_SHIFT_RIGHT_SIGNED: r = shift_right_signed(x, y); break;
      case DO_COUNT_LEADING_ZEROS: r = count_leading_zeros(x); break;
      case DO_ADD_OVERFLOW: r = add_overflow(x, y, &flag); to->flag = flag; break;
      case DO_SUB_UNDERFLOW: r = sub_underflow(x, y, &flag); to->flag = flag; break;
      case DO_MUL_OVERFLOW: r = mul_overflow(x, y, &flag); to->flag = flag; break;
      case DO_BIT_LENGTH: to->flag = (u64)bit_length(x); break;
      case DO_BYTE_LENGTH: to->flag = (u64)byte_length(x); break;
      case DO_FITS64: to->flag = fits64(x); break;
      case DO_FROM: r = u256_from(low64(x)); break;
    }
    to->value = r;
    if (a.operation >= DO_LOAD) test_bytes(a.operation, in, to);
  }
}
