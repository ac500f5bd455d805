// The state as one transaction sees and changes it: a lazy overlay on the state table that
// notes what was observed. The Go twin is fallback's state.go, account.go, balance.go,
// storage.go and journal.go, function by function; enginetest holds both to go-ethereum.
#pragma once
#include "keccak.cuh"
#include "scratch.cuh"
#include "table.cuh"

// ---- addresses and words

FN bool same_address(const u8* a, const u8* b) {
  return load64(a) == load64(b) && load64(a + 8) == load64(b + 8) &&
         load64(a + 12) == load64(b + 12); // overlapping: 20 bytes
}
FN bool low_address(const u8* a, u32* number) { // below 2^16
  *number = (u32)a[18] << 8 | a[19];
  return (load64(a) | load64(a + 8) | a[16] | a[17]) == 0;
}
FN u64 mix64(u64 x) { // of murmur3: every bit counts
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdull;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ull;
  return x ^ x >> 33;
}

// ---- the journal

FN Undo* note_change(Evm& e, u32 kind, u32 record) {
  if (e.journal_count >= capacity(e, PART_JOURNAL)) {
    halt_for_scratch(e, PART_JOURNAL);
    return &e.journal[0];
  }
  Undo* u = &e.journal[e.journal_count++];
  u->kind = kind;
  u->record = record;
  return u;
}

// ---- accounts

// How many basic blocks a transaction runs on after a miss. Most look up what they need early,
// and where does not depend on what is there.
static constexpr u64 GUESS_STEPS = 512;

// miss reports what the table lacks. The transaction goes on for a while as if it were
// absent, to find out what else it will ask for; its result is thrown away.
FN void miss(Evm& e, u32 kind, const u8* addr, const u256& slot) {
  e.missed = true;
  if (e.step_limit > e.steps + GUESS_STEPS) e.step_limit = e.steps + GUESS_STEPS;
  u32 at = atomic_add((u32*)e.args->miss_count, 1u);
  if (at >= e.args->miss_capacity) return;
  Miss* m = (Miss*)e.args->misses + at;
  m->kind = kind;
  m->slot = slot;
  copy_bytes(m->addr, addr, 20);
}

// What a look-up that missed stands on.
CONST_TABLE Entry nothing = {};

// account_of returns the record of an account, a new one where it is not known yet.
CALL_FN u32 account_of(Evm& e, const u8* addr) {
  u32 mask = capacity(e, PART_ACCOUNT_INDEX) - 1;
  u64 h = mix64(load64(addr) ^ load64(addr + 12) * 0x9e3779b97f4a7c15ull);
  for (u32 at = (u32)h & mask;; at = (at + 1) & mask) {
    u64 entry = e.account_index[at];
    if ((u32)(entry >> 32) != e.stamp) {
      if (e.account_count >= capacity(e, PART_ACCOUNTS)) {
        halt_for_scratch(e, PART_ACCOUNTS);
        return 0;
      }
      u32 i = e.account_count++;
      e.account_index[at] = (u64)e.stamp << 32 | i;
      Account& a = e.accounts[i];
      fill_bytes((u8*)&a, 0, sizeof(Account));
      copy_bytes(a.addr, addr, 20);
      return i;
    }
    if (same_address(e.accounts[(u32)entry].addr, addr)) return (u32)entry;
  }
}

// find_known returns an account's record where there is one, else ~0.
FN u32 find_known(Evm& e, const u8* addr) {
  u32 mask = capacity(e, PART_ACCOUNT_INDEX) - 1;
  u64 h = mix64(load64(addr) ^ load64(addr + 12) * 0x9e3779b97f4a7c15ull);
  for (u32 at = (u32)h & mask;; at = (at + 1) & mask) {
    u64 entry = e.account_index[at];
    if ((u32)(entry >> 32) != e.stamp) return ~0u;
    if (same_address(e.accounts[(u32)entry].addr, addr)) return (u32)entry;
  }
}

// base_of is the account before the transaction.
FN const Entry& base_of(Evm& e, Account& a) {
  if (!a.base) {
    a.base = find_account(e.args->table, a.addr);
    if (!a.base) {
      miss(e, MISS_ACCOUNT, a.addr, u256_zero());
      a.base = &nothing;
    }
  }
  return *a.base;
}

FN u64 base_nonce(Evm& e, Account& a) {
  return a.flags & A_NONCE_TRUSTED ? e.tx->nonce : base_of(e, a).nonce;
}

FN bool see_exists(Evm& e, Account& a) {
  a.flags |= A_EXISTS_SEEN;
  return base_of(e, a).exists;
}

FN u256 see_code_hash(Evm& e, Account& a) {
  if (a.flags & A_CODE_SET) return a.code_hash;
  a.flags |= A_CODE_SEEN;
  return base_of(e, a).value;
}

// exists. The top call of a transaction that transfers value asks whether its recipient
// exists just to create it where not, which the credit does anyway; 'yes' leads to the same
// state and observes nothing, so that transfers to one new account stay independent.
FN bool exists(Evm& e, u32 i) {
  Account& a = e.accounts[i];
  if (e.top_call && e.prepared && same_address(a.addr, e.tx->to)) {
    e.top_call = false;
    return true;
  }
  return a.flags & A_ALIVE || see_exists(e, a);
}

// ---- balances. A credit observes nothing; a check that a balance covers an amount observes
// a lower bound; only code that sees the number observes the number. Lower bounds assume that
// nothing overflows: where this transaction adds 2^255 or more the base is observed exactly.

FN u256 current_balance(Evm& e, Account& a) {
  return sub(add(base_of(e, a).slot, a.plus), a.minus);
}

FN void observe_at_least(Evm& e, Account& a, const u256& amount) {
  if (a.flags & A_BALANCE_EXACT) return;
  bool over;
  u256 need = add_overflow(amount, a.minus, &over);
  if (over || a.flags & A_WRAPPED) {
    a.flags |= A_BALANCE_EXACT;
    return;
  }
  add_overflow(base_of(e, a).slot, a.plus, &over);
  if (over) {
    a.flags |= A_BALANCE_EXACT;
    return;
  }
  bool under;
  need = sub_underflow(need, a.plus, &under);
  if (under) return; // its own credits cover it
  if (less(a.at_least, need)) a.at_least = need;
}

FN bool covers(Evm& e, u32 i, const u256& amount) {
  if (is_zero(amount)) return true; // a creation asks even then
  Account& a = e.accounts[i];
  if (less(current_balance(e, a), amount)) {
    a.flags |= A_BALANCE_EXACT;
    return false;
  }
  observe_at_least(e, a, amount);
  return true;
}

FN bool balance_zero(Evm& e, Account& a) {
  if (is_zero(current_balance(e, a))) {
    a.flags |= A_BALANCE_EXACT;
    return true;
  }
  observe_at_least(e, a, u256_from(1));
  return false;
}

FN u256 see_balance(Evm& e, u32 i) {
  Account& a = e.accounts[i];
  a.flags |= A_BALANCE_EXACT;
  return current_balance(e, a);
}

// empty (EIP-161) observes just what decides: a code hash, or that the balance or the nonce
// is at least 1, or that all three are zero.
CALL_FN bool empty(Evm& e, u32 i) {
  Account& a = e.accounts[i];
  if (!is_zero(see_code_hash(e, a))) return false;
  if (a.flags & A_NONCE_SET && a.nonce != 0) return false;
  if (!balance_zero(e, a)) return false;
  if (a.flags & A_NONCE_SET) return true; // set to 0, which only a new account's can be
  if (base_nonce(e, a) != 0) {
    if (!(a.flags & A_NONCE_SEEN)) a.flags |= A_NONCE_NONZERO;
    return false;
  }
  a.flags |= A_NONCE_SEEN;
  return true;
}

// ---- changes of accounts

// revive marks an account as existing from now on, whether or not it did.
FN void revive(Evm& e, u32 i, u32 kind) {
  Account& a = e.accounts[i];
  note_change(e, kind, i)->flags = a.flags;
  a.flags |= A_ALIVE;
  a.dirty++;
}

FN void balance_change(Evm& e, u32 i) {
  Account& a = e.accounts[i];
  Undo* u = note_change(e, BALANCE_CHANGED, i);
  u->a = a.plus;
  u->b = a.minus;
  u->flags = a.flags;
  a.dirty++;
}

// add_balance. Adding nothing touches an empty account (EIP-161); whether it is empty is seen
// when the transaction is settled, where it matters. The touch of precompile 3 outlives a
// revert (mainnet block 1714175), but only where it found the account empty.
CALL_FN void add_balance(Evm& e, u32 i, const u256& amount) {
  Account& a = e.accounts[i];
  if (is_zero(amount)) {
    u32 number;
    bool ripemd = low_address(a.addr, &number) && number == 3;
    revive(e, i, ripemd && !empty(e, i) ? ACCOUNT_CREATED : ACCOUNT_TOUCHED);
    return;
  }
  balance_change(e, i);
  bool over;
  a.plus = add_overflow(a.plus, amount, &over);
  if (over || a.plus.w[3] >> 63) {
    a.flags |= A_WRAPPED | A_BALANCE_EXACT;
    base_of(e, a);
  }
  a.flags |= A_ALIVE;
}

// sub_balance. Whoever takes something away has checked that it is there.
CALL_FN void sub_balance(Evm& e, u32 i, const u256& amount) {
  if (is_zero(amount)) return;
  Account& a = e.accounts[i];
  balance_change(e, i);
  bool over;
  a.minus = add_overflow(a.minus, amount, &over);
  if (over) {
    a.flags |= A_WRAPPED | A_BALANCE_EXACT;
    base_of(e, a);
  }
  a.flags |= A_ALIVE;
}

FN u64 see_nonce(Evm& e, u32 i) {
  Account& a = e.accounts[i];
  if (a.flags & A_NONCE_SET) return a.nonce;
  a.flags |= A_NONCE_SEEN;
  return base_nonce(e, a);
}

FN void set_nonce(Evm& e, u32 i, u64 nonce) {
  Account& a = e.accounts[i];
  Undo* u = note_change(e, NONCE_CHANGED, i);
  u->number = a.nonce;
  u->flags = a.flags;
  a.nonce = nonce;
  a.flags |= A_NONCE_SET | A_ALIVE;
  a.dirty++;
}

FN void create_contract(Evm& e, u32 i) {
  Account& a = e.accounts[i];
  if (a.flags & A_NEW_CONTRACT) return;
  a.flags |= A_NEW_CONTRACT;
  note_change(e, CONTRACT_CREATED, i);
}

FN void self_destruct(Evm& e, u32 i) {
  Account& a = e.accounts[i];
  if (a.flags & A_DESTRUCTED) return;
  note_change(e, SELF_DESTRUCTED, i);
  a.flags |= A_DESTRUCTED;
  a.dirty++;
}

// ---- code

// Code is a code to look at or run. marks is 0 where the host has not analysed it.
struct Code {
  const u8* bytes;
  u32 size;
  const CodeIn* known;
};

FN Code see_code(Evm& e, u32 i) {
  Account& a = e.accounts[i];
  Code c;
  c.known = nullptr;
  if (a.flags & A_CODE_SET) {
    c.bytes = a.code;
    c.size = a.code_size;
    return c;
  }
  a.flags |= A_CODE_SEEN;
  c.bytes = nullptr;
  c.size = 0;
  u32 code = base_of(e, a).code;
  if (code) {
    c.known = (const CodeIn*)e.args->table.codes + (code - 1);
    c.bytes = (const u8*)c.known->code;
    c.size = c.known->size;
  }
  return c;
}

// set_code gives an account a code that lies in the codes part.
FN void set_code(Evm& e, u32 i, const u8* code, u32 size) {
  Account& a = e.accounts[i];
  Undo* u = note_change(e, CODE_CHANGED, i);
  u->a = a.code_hash;
  u->number = (u64)a.code;
  u->count = a.code_size;
  u->flags = a.flags;
  a.code = code;
  a.code_size = size;
  a.code_hash = u256_zero();
  if (size) keccak256((u8*)&a.code_hash, code, size);
  a.flags |= A_CODE_SET | A_ALIVE;
  a.dirty++;
}

// keep_code copies a code to where it stays until the transaction ends, followed by the zeros
// that running it needs.
FN const u8* keep_code(Evm& e, const u8* code, u32 size) {
  u32 room = (size + 33 + 7) & ~7u;
  if (e.code_bytes + (u64)room > capacity(e, PART_CODES)) {
    halt_for_scratch(e, PART_CODES);
    return e.codes;
  }
  u8* to = e.codes + e.code_bytes;
  e.code_bytes += room;
  copy_bytes(to, code, size);
  fill_bytes(to + size, 0, room - size);
  return to;
}

// delegation reports whether a code is a delegation designator (EIP-7702): 0xef0100 and an
// address.
FN bool delegation(const Code& c, const u8** target) {
  if (c.size != 23 || c.bytes[0] != 0xef || c.bytes[1] != 1 || c.bytes[2] != 0) return false;
  *target = c.bytes + 3;
  return true;
}

// ---- warmth (EIP-2929)

FN u32 last_precompile(u32 revision) { // of those below 0x100, which have no gaps since Berlin
  return revision >= PRAGUE ? 0x11 : revision >= CANCUN ? 0x0a : 9;
}

FN bool is_warm(Evm& e, u32 i) {
  Account& a = e.accounts[i];
  if (a.flags & A_WARM) return true;
  u32 number;
  if (!e.precompiles_warm || !low_address(a.addr, &number)) return false;
  return (number != 0 && number <= last_precompile(e.revision)) || (number == 0x100 && e.revision >= OSAKA);
}

FN void warm(Evm& e, u32 i) {
  Account& a = e.accounts[i];
  if (a.flags & A_WARM) return;
  a.flags |= A_WARM;
  note_change(e, ACCOUNT_WARMED, i);
}

// ---- storage

// hash_slot is seeded, like key_hash and for the same reason: a TLOAD of a slot costs 100 gas.
FN u64 hash_slot(u64 seed, u32 account, const u256& key, u32 transient) {
  u64 secret = seed * 0x9e3779b97f4a7c15ull + 0xd1b54a32d192ed03ull;
  u64 h = fold(key.w[0] ^ seed, key.w[1] ^ secret);
  h = fold(h ^ key.w[2], key.w[3] ^ secret);
  return fold(h ^ seed, secret ^ ((u64)account << 1 | !!transient));
}

CALL_FN u32 slot_of(Evm& e, u32 account, const u256& key, u32 transient) {
  u32 mask = capacity(e, PART_SLOT_INDEX) - 1;
  u64 h = hash_slot(e.args->table.seed, account, key, transient);
  for (u32 at = (u32)h & mask;; at = (at + 1) & mask) {
    u64 entry = e.slot_index[at];
    if ((u32)(entry >> 32) != e.stamp) {
      if (e.slot_count >= capacity(e, PART_SLOTS)) {
        halt_for_scratch(e, PART_SLOTS);
        return 0;
      }
      u32 i = e.slot_count++;
      e.slot_index[at] = (u64)e.stamp << 32 | i;
      Slot& s = e.slots[i];
      s.key = key;
      s.base = s.value = u256_zero();
      s.account = account;
      s.flags = transient;
      return i;
    }
    const Slot& s = e.slots[(u32)entry];
    if (s.account == account && equal(s.key, key) && (s.flags & S_TRANSIENT) == transient) return (u32)entry;
  }
}

FN u32 seen_slot(Evm& e, u32 account, const u256& key) {
  u32 i = slot_of(e, account, key, 0);
  Slot& s = e.slots[i];
  if (!(s.flags & S_SEEN)) {
    const Entry* base = find_slot(e.args->table, e.accounts[account].addr, key);
    if (!base) {
      miss(e, MISS_SLOT, e.accounts[account].addr, key);
      base = &nothing;
    }
    s.flags |= S_SEEN;
    s.base = s.value = base->value;
  }
  return i;
}

FN void set_slot(Evm& e, u32 i, const u256& value) {
  Slot& s = e.slots[i];
  if (equal(s.value, value)) return;
  Account& a = e.accounts[s.account];
  Undo* u = note_change(e, SLOT_CHANGED, i);
  u->a = s.value;
  u->flags = a.flags;
  s.value = value;
  a.flags |= A_ALIVE;
  a.dirty++;
}

FN void set_transient(Evm& e, u32 i, const u256& value) {
  Slot& s = e.slots[i];
  if (equal(s.value, value)) return;
  note_change(e, TRANSIENT_CHANGED, i)->a = s.value;
  s.value = value;
}

FN bool warm_slot(Evm& e, u32 i) { // reports whether it was warm
  Slot& s = e.slots[i];
  if (s.flags & S_WARM) return true;
  s.flags |= S_WARM;
  note_change(e, SLOT_WARMED, i);
  return false;
}

// ---- refunds and logs

FN void set_refund(Evm& e, u64 refund) {
  note_change(e, REFUND_CHANGED, 0)->number = e.refund;
  e.refund = refund;
}

// add_log returns where the topics and the data go; nullptr where there is no room.
FN u8* add_log(Evm& e, u32 account, u32 topics, u32 size) {
  u64 room = (sizeof(LogHead) + topics * 32 + (u64)size + 7) & ~7ull;
  if (e.log_bytes + room > capacity(e, PART_LOGS)) {
    halt_for_scratch(e, PART_LOGS);
    return nullptr;
  }
  Undo* u = note_change(e, LOG_ADDED, 0);
  u->number = e.log_bytes;
  u->count = e.log_count;
  LogHead* head = (LogHead*)(e.logs + e.log_bytes);
  head->account = account;
  head->topics = topics;
  head->size = size;
  e.log_bytes += (u32)room;
  e.log_count++;
  return (u8*)(head + 1);
}

// ---- undoing

FN u32 restored(u32 now, u32 before, u32 mask) { return (now & ~mask) | (before & mask); }

FN void undo_account(Evm& e, const Undo& u) {
  Account& a = e.accounts[u.record];
  switch (u.kind) {
  case ACCOUNT_CREATED:
  case ACCOUNT_TOUCHED: {
    a.flags = restored(a.flags, u.flags, A_ALIVE);
    u32 number;
    if (u.kind == ACCOUNT_TOUCHED && low_address(a.addr, &number) && number == 3) return; // stays dirty
    break;
  }
  case SELF_DESTRUCTED: a.flags &= ~(u32)A_DESTRUCTED; break;
  case NONCE_CHANGED:
    a.nonce = u.number;
    a.flags = restored(a.flags, u.flags, A_NONCE_SET | A_ALIVE);
    break;
  case BALANCE_CHANGED:
    a.plus = u.a;
    a.minus = u.b;
    a.flags = restored(a.flags, u.flags, A_ALIVE);
    break;
  case CODE_CHANGED:
    a.code_hash = u.a;
    a.code = (const u8*)u.number;
    a.code_size = u.count;
    a.flags = restored(a.flags, u.flags, A_CODE_SET | A_ALIVE);
    break;
  }
  a.dirty--;
}

FN void undo(Evm& e, const Undo& u) {
  switch (u.kind) {
  case CONTRACT_CREATED: e.accounts[u.record].flags &= ~(u32)A_NEW_CONTRACT; break;
  case ACCOUNT_WARMED: e.accounts[u.record].flags &= ~(u32)A_WARM; break;
  case SLOT_WARMED: e.slots[u.record].flags &= ~(u32)S_WARM; break;
  case TRANSIENT_CHANGED: e.slots[u.record].value = u.a; break;
  case REFUND_CHANGED: e.refund = u.number; break;
  case SLOT_CHANGED: {
    Slot& s = e.slots[u.record];
    Account& a = e.accounts[s.account];
    s.value = u.a;
    a.flags = restored(a.flags, u.flags, A_ALIVE);
    a.dirty--;
    break;
  }
  case LOG_ADDED:
    e.log_bytes = (u32)u.number;
    e.log_count = u.count;
    break;
  default: undo_account(e, u);
  }
}

// revert undoes everything after the first n changes, last first.
CALL_FN void revert(Evm& e, u32 n) {
  if (e.stop) return; // the journal may be short of an entry
  while (e.journal_count > n) undo(e, e.journal[--e.journal_count]);
}
