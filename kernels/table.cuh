// The state table: open addressing over full keys with linear probing. Kernels that run
// transactions look up, the kernel upsert_entries writes; they are never in flight
// together, so a look-up takes no lock and sees no half-written entry. Two keys may have
// one tag: then the full keys decide.
#pragma once
#include "cells.cuh"

static constexpr u64 TAG_FREE = 0;
static constexpr u64 TAG_BUSY = ~0ull; // claimed by an insertion that has not written the key yet

// fold multiplies and adds the halves: each bit of the inputs reaches all bits.
FN u64 fold(u64 a, u64 b) { return a * b ^ mul_high(a, b); }

// key_hash hashes a key of the table; never TAG_FREE or TAG_BUSY. Slots are chosen by whoever
// writes contracts, so that a secret stands on both sides of each product: an input that made
// one side zero would hash alike whatever stands on the other.
FN u64 key_hash(u64 seed, u32 kind, const u8 addr[20], const u256& slot) {
  u64 secret = seed * 0x9e3779b97f4a7c15ull + 0xd1b54a32d192ed03ull;
  u64 h = fold(load64(addr) ^ seed, load64(addr + 8) ^ secret);
  h = fold(h ^ load64(addr + 12), secret ^ (u64)kind << 32);
  if (kind == ENTRY_SLOT) {
    h = fold(h ^ slot.w[0], secret ^ slot.w[1]);
    h = fold(h ^ slot.w[2], secret ^ slot.w[3]);
  }
  return h == TAG_FREE || h == TAG_BUSY ? 1 : h;
}

FN bool same_key(const Entry& e, u32 kind, const u8 addr[20], const u256& slot) {
  if (e.kind != kind || load64(e.addr) != load64(addr) || load64(e.addr + 8) != load64(addr + 8) ||
      load64(e.addr + 12) != load64(addr + 12)) {
    return false;
  }
  return kind == ENTRY_ACCOUNT || (e.slot.w[0] == slot.w[0] && e.slot.w[1] == slot.w[1] &&
                                   e.slot.w[2] == slot.w[2] && e.slot.w[3] == slot.w[3]);
}

// find_tagged looks a key up under its hash.
FN const Entry* find_tagged(const Table& t, u64 h, u32 kind, const u8 addr[20], const u256& slot) {
  const Entry* entries = (const Entry*)t.entries;
  for (u64 at = h & t.mask;; at = (at + 1) & t.mask) {
    const Entry& e = entries[at];
    if (e.tag == h && same_key(e, kind, addr, slot)) return &e;
    if (e.tag == TAG_FREE) return nullptr;
  }
}

CALL_FN const Entry* find_entry(const Table& t, u32 kind, const u8 addr[20], const u256& slot) {
  return find_tagged(t, key_hash(t.seed, kind, addr, slot), kind, addr, slot);
}

// find_account and find_slot look up what the table knows; nullptr: not known here. An account
// that does not exist is an entry with exists = 0, a slot that was never written one with
// value 0.
FN const Entry* find_account(const Table& t, const u8 addr[20]) {
  u256 none = {};
  return find_entry(t, ENTRY_ACCOUNT, addr, none);
}
FN const Entry* find_slot(const Table& t, const u8 addr[20], const u256& slot) {
  return find_entry(t, ENTRY_SLOT, addr, slot);
}

// write_entry copies all but the tag.
FN void write_entry(Entry& to, const Entry& from) {
  to.kind = from.kind;
  copy_bytes(to.addr, from.addr, 20);
  to.slot = from.slot;
  to.value = from.value;
  to.nonce = from.nonce;
  to.exists = from.exists;
  to.code = from.code;
}

// upsert_tagged puts an entry in the table, in place of the one under its key; true: the key
// is new. Lanes that insert distinct keys at once don't wait for one another: who meets an
// entry that is being written passes on, since it is another key's. The key is there before
// the tag that others compare is.
FN bool upsert_tagged(const Table& t, u64 h, const Entry& from) {
  Entry* entries = (Entry*)t.entries;
  for (u64 at = h & t.mask;; at = (at + 1) & t.mask) {
    Entry& e = entries[at];
    u64 tag = atomic_cas(&e.tag, TAG_FREE, TAG_BUSY);
    if (tag == TAG_FREE) {
      write_entry(e, from);
      memory_fence();
      atomic_cas(&e.tag, TAG_BUSY, h);
      return true;
    }
    if (tag != h) continue;
    memory_fence();
    if (!same_key(e, from.kind, from.addr, from.slot)) continue;
    write_entry(e, from);
    return false;
  }
}

FN bool upsert(const Table& t, const Entry& from) {
  return upsert_tagged(t, key_hash(t.seed, from.kind, from.addr, from.slot), from);
}
