// Kernels that say whether a Device does what it should.
#include "dialect.cuh"

struct DeviceArgs {
  u32 count, value;
  u64 data;  // u32[count]
  u64 lanes; // u32[2]: how many lanes ran, and of how many each knew
};

// test_device_step makes 3x + value of each x: the order of two steps can be told.
KERNEL(test_device_step, DeviceArgs, 64) {
  u32* x = (u32*)a.data;
  for (u32 i = lane; i < a.count; i += lanes) x[i] = 3 * x[i] + a.value;
}

KERNEL(test_device_lanes, DeviceArgs, 128) {
  u32* seen = (u32*)a.lanes;
  atomic_add(&seen[0], 1u);
  if (lane == 0) seen[1] = lanes;
  for (u32 i = lane; i < a.count; i += lanes) ((u32*)a.data)[i] = i ^ a.value;
}

// test_device_spin takes its time: `value` thousand dependent steps, then one of the above.
KERNEL(test_device_spin, DeviceArgs, 32) {
  u32* x = (u32*)a.data;
  for (u32 i = lane; i < a.count; i += lanes) {
    volatile u32 v = x[i];
    for (u32 n = 0; n < a.value * 1000; n++) v = v * 1664525 + 1013904223;
    x[i] = v ? 3 * x[i] + 1 : 3 * x[i] + 1;
  }
}

// test_device_fault reads where nothing is. It ends a process on the host.
KERNEL(test_device_fault, DeviceArgs, 32) {
  if (lane == 0) *(volatile u32*)a.data = *(volatile u32*)(16ull * a.value);
}
