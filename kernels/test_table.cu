// Kernels for tests of the state table.
#include "table.cuh"

// TableTestArgs: entries go in with one of `tags` tags, or their own where that is 0, then are
// looked up: found[i] is the entry of the table.
struct TableTestArgs {
  u32 count, tags;
  u64 from;  // Entry[]
  u64 found; // Entry[]
  Table table;
};
static_assert(sizeof(TableTestArgs) == 56, "");

FN u64 test_tag(const TableTestArgs& a, const Entry& e) {
  u64 h = key_hash(a.table.seed, e.kind, e.addr, e.slot);
  return a.tags ? h % a.tags + 1 : h;
}

KERNEL(test_table_insert, TableTestArgs, 128) {
  for (u32 i = lane; i < a.count; i += lanes) {
    const Entry& e = ((const Entry*)a.from)[i];
    upsert_tagged(a.table, test_tag(a, e), e);
  }
}

KERNEL(test_table_find, TableTestArgs, 128) {
  for (u32 i = lane; i < a.count; i += lanes) {
    const Entry& e = ((const Entry*)a.from)[i];
    const Entry* found = a.tags ? find_tagged(a.table, test_tag(a, e), e.kind, e.addr, e.slot)
                       : e.kind == ENTRY_ACCOUNT ? find_account(a.table, e.addr)
                                                 : find_slot(a.table, e.addr, e.slot);
    Entry none = {};
    ((Entry*)a.found)[i] = found ? *found : none;
  }
}
