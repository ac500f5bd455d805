// Every difference between CUDA C++ and plain C++ is in this file, and every #ifdef.
// The other sources compile with nvcc, with NVRTC (no host headers) and, for the `host`
// device, with g++ or clang++ (-std=c++17).
#pragma once

#if defined(__CUDACC__)
#define ON_GPU 1
#else
#define ON_GPU 0
#endif

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;
typedef long long i64;

// FN is a small function, inlined where the compiler likes; CALL_FN one that is called,
// because a copy at every use costs more (instruction cache, compile time) than the call.
#if ON_GPU
#define FN static __device__ __forceinline__
#define CALL_FN static __device__ __noinline__
#define CONST_TABLE static __device__ const
#else
#define FN static inline __attribute__((always_inline, unused))
#define CALL_FN static __attribute__((noinline, unused))
#define CONST_TABLE static const
#endif

// COMPILED: frames may run compiled code, see runtime.cuh. On a GPU that code has to be linked
// with the kernel, whose registers and stack it changes: there it is an option.
#if !ON_GPU || defined(WITH_COMPILED)
#define COMPILED 1
#else
#define COMPILED 0
#endif

// RUNTIME_FN is a function that code compiled elsewhere calls, COMPILED_FN one of that code.
// LIGHT_FN is one that it may contain: a few instructions on the host, many on a GPU, which has
// no words at any address.
#if ON_GPU
#define RUNTIME_FN extern "C" __device__
#define COMPILED_FN static __device__ __noinline__
#define LIGHT_FN CALL_FN
#else
#define RUNTIME_FN extern "C" __attribute__((visibility("default")))
#define COMPILED_FN static
#define LIGHT_FN FN
#endif

// UNROLL stands before a short loop whose copies index registers; g++ -O2 would keep the loop.
// ROLLED stands before one of which NVIDIA's compiler would make copies that only take time.
#if ON_GPU
#define UNROLL _Pragma("unroll")
#define ROLLED _Pragma("unroll 1")
#else
#define UNROLL _Pragma("GCC unroll 8")
#define ROLLED
#endif

// KERNEL(name, Args, threads) { ... } defines a kernel. Its body is run by `lanes` lanes
// with the arguments `const Args& a, u32 lane, u32 lanes`; a lane takes the items lane,
// lane + lanes, ... of the a.count that there are. `threads` is the block size that
// registers are budgeted for; a fourth argument, the blocks that shall fit on one
// multiprocessor, tightens that. On the host a kernel is an exported function that runs one
// lane.
#if ON_GPU
#define KERNEL(name, Args, ...)                                                 \
  FN void name##_lane(const Args& a, u32 lane, u32 lanes);                      \
  extern "C" __global__ void __launch_bounds__(__VA_ARGS__) name(const Args a) { \
    name##_lane(a, blockIdx.x * blockDim.x + threadIdx.x, gridDim.x * blockDim.x); \
  }                                                                             \
  FN void name##_lane(const Args& a, u32 lane, u32 lanes)
#else
#define KERNEL(name, Args, ...)                                                 \
  static void name##_lane(const Args& a, u32 lane, u32 lanes);                  \
  extern "C" __attribute__((visibility("default"))) void name(const Args* a, u32 lane, u32 lanes) { \
    name##_lane(*a, lane, lanes);                                               \
  }                                                                             \
  static void name##_lane(const Args& a, u32 lane, u32 lanes)
#endif

// GPU_SHAPED: lanes share out their work and interleave their words as on a GPU. On the host
// that is an option, for tests of just that.
#if ON_GPU || defined(GPU_SHAPED)
#define WARP 32
#else
#define WARP 1
#endif

// A 64-bit product's upper half.
#if ON_GPU
FN u64 mul_high(u64 a, u64 b) { return __umul64hi(a, b); }
#else
FN u64 mul_high(u64 a, u64 b) { return (u64)(((unsigned __int128)a * b) >> 64); }
#endif

// Additions with carry: a + b + carry, carry out in *carry (0 or 1). Subtractions alike.
#if ON_GPU
FN u64 add_carry(u64 a, u64 b, u64* carry) {
  u64 s = a + b, t = s + *carry;
  *carry = (u64)(s < a) | (u64)(t < s);
  return t;
}
FN u64 sub_borrow(u64 a, u64 b, u64* borrow) {
  u64 d = a - b, t = d - *borrow;
  *borrow = (u64)(a < b) | (u64)(d < *borrow);
  return t;
}
#else
FN u64 add_carry(u64 a, u64 b, u64* carry) {
  u64 s, t;
  bool c = __builtin_add_overflow(a, b, &s), d = __builtin_add_overflow(s, *carry, &t);
  *carry = c | d;
  return t;
}
FN u64 sub_borrow(u64 a, u64 b, u64* borrow) {
  u64 s, t;
  bool c = __builtin_sub_overflow(a, b, &s), d = __builtin_sub_overflow(s, *borrow, &t);
  *borrow = c | d;
  return t;
}
#endif

// mul_add is the lower half of a * b + c + *carry, which fits; the upper goes to *carry.
#if ON_GPU
FN u64 mul_add(u64 a, u64 b, u64 c, u64* carry) {
  u64 lo = a * b, hi = __umul64hi(a, b);
  lo += c;
  hi += lo < c;
  lo += *carry;
  hi += lo < *carry;
  *carry = hi;
  return lo;
}
#else
FN u64 mul_add(u64 a, u64 b, u64 c, u64* carry) {
  unsigned __int128 t = (unsigned __int128)a * b + c + *carry;
  *carry = (u64)(t >> 64);
  return (u64)t;
}
#endif

// Wide arithmetic on four words, least significant first. ptx.cuh says what each does.
#if ON_GPU
#include "ptx.cuh"
#else
FN void mul_wide(u64 r[8], const u64 a[4], const u64 b[4]) {
  UNROLL for (int i = 0; i < 8; i++) r[i] = 0;
  UNROLL for (int i = 0; i < 4; i++) {
    u64 c = 0;
    UNROLL for (int j = 0; j < 4; j++) r[i + j] = mul_add(a[i], b[j], r[i + j], &c);
    r[i + 4] = c;
  }
}
FN void square_wide(u64 r[8], const u64 a[4]) {
  r[0] = 0;
  UNROLL for (int i = 1; i < 8; i++) r[i] = 0;
  UNROLL for (int i = 0; i < 3; i++) {
    u64 c = 0;
    UNROLL for (int j = i + 1; j < 4; j++) r[i + j] = mul_add(a[i], a[j], r[i + j], &c);
    r[i + 4] = c;
  }
  UNROLL for (int i = 7; i; i--) r[i] = r[i] << 1 | r[i - 1] >> 63;
  u64 c = 0;
  UNROLL for (int i = 0; i < 4; i++) {
    u64 hi = 0;
    u64 lo = mul_add(a[i], a[i], 0, &hi);
    r[2 * i] = add_carry(r[2 * i], lo, &c);
    r[2 * i + 1] = add_carry(r[2 * i + 1], hi, &c);
  }
}
FN u64 mul_word_add(u64 r[4], const u64 a[4], u64 k, const u64 c[4]) {
  u64 carry = 0;
  UNROLL for (int i = 0; i < 4; i++) r[i] = mul_add(a[i], k, c[i], &carry);
  return carry;
}
FN u64 mul_short_add(u64 r[4], const u64 a[4], u32 k, const u64 c[4]) {
  return mul_word_add(r, a, 1ull << 32 | k, c);
}
FN u64 add_wide(u64 r[4], const u64 a[4], const u64 b[4]) {
  u64 c = 0;
  UNROLL for (int i = 0; i < 4; i++) r[i] = add_carry(a[i], b[i], &c);
  return c;
}
FN u64 sub_wide(u64 r[4], const u64 a[4], const u64 b[4]) {
  u64 c = 0;
  UNROLL for (int i = 0; i < 4; i++) r[i] = sub_borrow(a[i], b[i], &c);
  return c;
}
#endif

#if ON_GPU
FN int leading_zeros(u64 x) { return __clzll((long long)x); } // 64 of 0
FN int trailing_zeros(u64 x) { return __ffsll((long long)x) - 1; } // not of 0
FN u32 swap32(u32 x) { return __byte_perm(x, 0, 0x0123); }
FN u64 swap64(u64 x) { return (u64)swap32((u32)x) << 32 | swap32((u32)(x >> 32)); }
FN u32 rotate_left32(u32 x, int n) { return __funnelshift_l(x, x, n); }
#else
FN int leading_zeros(u64 x) { return x ? __builtin_clzll(x) : 64; }
FN int trailing_zeros(u64 x) { return __builtin_ctzll(x); }
FN u32 swap32(u32 x) { return __builtin_bswap32(x); }
FN u64 swap64(u64 x) { return __builtin_bswap64(x); }
FN u32 rotate_left32(u32 x, int n) { n &= 31; return n ? x << n | x >> (32 - n) : x; }
#endif
FN u64 rotate_left64(u64 x, int n) { n &= 63; return n ? x << n | x >> (64 - n) : x; }
FN u64 rotate_right64(u64 x, int n) { return rotate_left64(x, 64 - n); }

// Memory: plain loops on the GPU, where the compiler's own would go byte by byte.
#if ON_GPU
FN void copy_bytes(u8* to, const u8* from, u64 n) {
  if ((((u64)to | (u64)from) & 7) == 0)
    for (; n >= 8; n -= 8, to += 8, from += 8) *(u64*)to = *(const u64*)from;
  for (; n; n--) *to++ = *from++;
}
FN void move_bytes(u8* to, const u8* from, u64 n) { // may overlap
  if (to < from || to >= from + n) {
    for (u64 i = 0; i < n; i++) to[i] = from[i];
  } else {
    while (n--) to[n] = from[n];
  }
}
FN void fill_bytes(u8* to, u8 with, u64 n) {
  for (; n && ((u64)to & 7); n--) *to++ = with;
  u64 w = 0x0101010101010101ull * with;
  for (; n >= 8; n -= 8, to += 8) *(u64*)to = w;
  for (; n; n--) *to++ = with;
}
#else
FN void copy_bytes(u8* to, const u8* from, u64 n) { if (n) __builtin_memcpy(to, from, n); }
FN void move_bytes(u8* to, const u8* from, u64 n) { if (n) __builtin_memmove(to, from, n); }
FN void fill_bytes(u8* to, u8 with, u64 n) { if (n) __builtin_memset(to, with, n); }
#endif

// Words at any address, least significant byte first.
#if ON_GPU
// The aligned words that hold the bytes are read: byte by byte it takes eight loads.
FN u64 load64(const u8* p) {
  const u64* w = (const u64*)((u64)p & ~7ull);
  u32 bits = 8 * ((u32)(u64)p & 7);
  u64 low = w[0];
  return bits ? low >> bits | w[1] << (64 - bits) : low;
}
FN void store64(u8* p, u64 v) {
  if (((u64)p & 7) == 0) {
    *(u64*)p = v;
    return;
  }
  for (int i = 0; i < 8; i++) p[i] = (u8)(v >> (8 * i));
}
#else
FN u64 load64(const u8* p) { u64 v; __builtin_memcpy(&v, p, 8); return v; }
FN void store64(u8* p, u64 v) { __builtin_memcpy(p, &v, 8); }
#endif
FN u64 load64_be(const u8* p) { return swap64(load64(p)); }
FN void store64_be(u8* p, u64 v) { store64(p, swap64(v)); }

// What lanes share. Each returns the value before.
#if ON_GPU
FN u32 atomic_add(u32* p, u32 v) { return atomicAdd(p, v); }
FN u64 atomic_add(u64* p, u64 v) { return atomicAdd(p, v); }
FN u64 atomic_cas(u64* p, u64 expected, u64 v) { return atomicCAS(p, expected, v); }
FN u32 atomic_or(u32* p, u32 v) { return atomicOr(p, v); }
FN void memory_fence() { __threadfence(); }
#else
FN u32 atomic_add(u32* p, u32 v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
FN u64 atomic_add(u64* p, u64 v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
FN u64 atomic_cas(u64* p, u64 expected, u64 v) {
  __atomic_compare_exchange_n(p, &expected, v, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  return expected;
}
FN u32 atomic_or(u32* p, u32 v) { return __atomic_fetch_or(p, v, __ATOMIC_RELAXED); }
FN void memory_fence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
#endif

// The next item of a kernel whose items differ in length. On the GPU the items of a warp
// stay side by side, since they were sorted to run the same code; on the host whoever is
// free takes the next.
#if WARP > 1
FN u32 first_item(u32*, u32 lane) { return lane; }
FN u32 next_item(u32*, u32 item, u32 lanes) { return item + lanes; }
#else
FN u32 first_item(u32* cursor, u32) { return atomic_add(cursor, 1); }
FN u32 next_item(u32* cursor, u32, u32) { return atomic_add(cursor, 1); }
#endif

// Sizes and offsets that the other side relies on are asserted where they are declared. NVRTC
// has no constant expression for an offset: there the host's compiler has checked it.
#if ON_GPU
struct AnyOffset {
  __device__ constexpr bool operator==(u64) const { return true; }
};
#define OFFSET(type, field) AnyOffset()
#else
#define OFFSET(type, field) __builtin_offsetof(type, field)
#endif
