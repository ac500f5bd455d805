// The kernel that executes transactions: one lane runs one at a time.
#include "transaction.cuh"

// Four blocks to a multiprocessor: without that the precompiles, which rarely run, would take
// 255 registers from the interpreter.
KERNEL(run_transactions, RunArgs, 128, 4) {
  Evm e;
  bind(e, a, lane);
  u32* stamp = (u32*)(a.scratch.base + a.scratch.lane_bytes * lane);
  u32* cursor = (u32*)a.cursor;
  const u32* order = (const u32*)a.order;
  for (u32 i = first_item(cursor, lane); i < a.count; i = next_item(cursor, i, lanes)) {
    u32 n = order[i];
    run_transaction(e, (const TxIn*)a.txs + n, (TxOut*)a.outs + n, stamp);
  }
}
