// The kernel upsert_entries: what the host loaded goes into the state table.
#include "table.cuh"

KERNEL(upsert_entries, UpsertArgs, 128) {
  u32 added = 0;
  for (u32 i = lane; i < a.count; i += lanes) added += upsert(a.table, ((const Entry*)a.from)[i]);
  if (added) atomic_add((u32*)a.added, added);
}
