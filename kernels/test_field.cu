// The kernel test_field runs one operation of field.cuh or secp256k1.cuh on pairs of numbers.
#include "bn254.cuh"
#include "secp256k1.cuh"
#include "secp256r1.cuh"

struct FieldArgs {
  u32 count, operation;
  u64 as, bs, results; // u256[]
};

template <class M> FN u256 run_field(u32 operation, const u256& a, const u256& b) {
  switch (operation) {
    case 0: return mont_add<M>(a, b);
    case 1: return mont_sub<M>(a, b);
    case 2: return mont_mul<M>(to_mont<M>(a), b);
    case 3: return from_mont<M>(to_mont<M>(a));
    default: return field_inverse(a, modulus<M>());
  }
}

FN u256 run_k1(u32 operation, const u256& a, const u256& b) {
  switch (operation) {
    case 0: return k1_normal(k1_add(a, b));
    case 1: return k1_normal(k1_sub(a, b));
    case 2: return k1_normal(k1_mul(a, b));
    case 3: return k1_normal(k1_square(a));
    case 4: return field_inverse(k1_normal(a), k1_p());
    case 5: return k1_normal(k1_half(a));
    default: return u256{{k1_equal(a, b), 0, 0, 0}};
  }
}

KERNEL(test_field, FieldArgs, 128) {
  for (u32 i = lane; i < a.count; i += lanes) {
    const u256 &x = ((const u256*)a.as)[i], &y = ((const u256*)a.bs)[i];
    u32 operation = a.operation % 8;
    u256 r;
    switch (a.operation / 8) {
      case 0: r = run_k1(operation, x, y); break;
      case 1: r = run_field<K1Order>(operation, x, y); break;
      case 2: r = run_field<R1Prime>(operation, x, y); break;
      case 3: r = run_field<R1Order>(operation, x, y); break;
      default: r = run_field<BnPrime>(operation, x, y);
    }
    ((u256*)a.results)[i] = r;
  }
}
