// The kernel test_precompiles runs precompiles as the interpreter would, for tests.
#include "precompiles.cuh"

struct PrecompileCase {
  u32 revision, number;
  u64 at, size;             // of the input, in bytes
  u64 out, out_capacity;    // in outs
  u64 scratch, scratch_size;
};
struct PrecompileEnd {
  u64 gas;
  u32 active, status, error, pad;
  u64 size;
};
struct PrecompileArgs {
  u32 count, pad;
  u64 cases;   // PrecompileCase[]
  u64 bytes;
  u64 outs;
  u64 scratch;
  u64 ends;    // PrecompileEnd[]
};

KERNEL(test_precompiles, PrecompileArgs, 128) {
  for (u32 i = lane; i < a.count; i += lanes) {
    const PrecompileCase& c = ((const PrecompileCase*)a.cases)[i];
    PrecompileEnd& end = ((PrecompileEnd*)a.ends)[i];
    const u8* in = (const u8*)a.bytes + c.at;
    u8 addr[20];
    fill_bytes(addr, 0, 18);
    addr[18] = (u8)(c.number >> 8);
    addr[19] = (u8)c.number;
    end.active = is_precompile(c.revision, addr);
    end.gas = precompile_gas(c.revision, c.number, in, c.size);
    Precompiled p = precompile_run(c.revision, c.number, (u8*)a.outs + c.out, c.out_capacity, in, c.size,
                                   (u8*)a.scratch + c.scratch, c.scratch_size);
    end.status = p.status;
    end.error = p.error;
    end.size = p.size;
  }
}
