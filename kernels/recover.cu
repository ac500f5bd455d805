// The kernel recover_senders: addresses of a batch's signers.
#include "secp256k1.cuh"

KERNEL(recover_senders, RecoverArgs, 128, 4) {
  for (u32 i = lane; i < a.count; i += lanes) {
    const u8* sig = (const u8*)a.signatures + 65ull * i;
    u8 address[20];
    bool ok = secp256k1_recover(address, (const u8*)a.hashes + 32ull * i, sig, sig + 32, sig[64]);
    u8* to = (u8*)a.addresses + 20ull * i;
    if (ok) copy_bytes(to, address, 20);
    else fill_bytes(to, 0, 20);
    ((u8*)a.ok)[i] = ok;
  }
}
