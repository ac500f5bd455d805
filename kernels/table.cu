// The kernel upsert_entries: what the host loaded goes into the state table, or all of a
// table into a larger one. Entries of kind 0 are skipped.
#include "table.cuh"

KERNEL(upsert_entries, UpsertArgs, 128) {
  u32 added = 0;
  for (u32 i = lane; i < a.count; i += lanes) {
    const Entry& e = ((const Entry*)a.from)[i];
    if (e.kind) added += upsert(a.table, e);
  }
  if (added) atomic_add((u32*)a.added, added);
}
