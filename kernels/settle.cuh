// The end of a transaction: what it changed and what it observed, packed for the bus. Go
// twin: fallback's settle.go.
#pragma once
#include "runtime.cuh"

// Packet is the result's lists, counted (write is false), then written.
struct Packet {
  bool write;
  u32 reads, cells, adds, wiped, codes;
  ReadOut* read_at;
  CellOut* cell_at;
  CellOut* add_at;
  u8* wiped_at;
  CodeOut* code_at;
  u64 code_bytes;
  u8* bytes_at; // where the next code's bytes go
};

FN void put_cell(CellOut* c, const u8* addr, u8 kind, const u256& slot, const u256& value) {
  copy_bytes(c->addr, addr, 20);
  c->kind = kind;
  store_be(c->slot, slot);
  store_be(c->value, value);
}

FN void put(Packet& p, const u8* addr, u8 kind, const u256& slot, const u256& value) {
  if (p.write) put_cell(&p.cell_at[p.cells], addr, kind, slot, value);
  p.cells++;
}

// hash_word is a hash, kept as bytes in memory order, as a number.
FN u256 hash_word(const u256& hash) { return load_be((const u8*)&hash); }

FN void remove_account(Evm& e, Packet& p, Account& a) {
  a.flags |= A_REMOVED;
  if (a.flags & A_EXISTS_SEEN && !base_of(e, a).exists) return; // it came and went
  if (p.write) copy_bytes(p.wiped_at + 20 * p.wiped, a.addr, 20);
  p.wiped++;
  for (u32 kind = CELL_EXISTS; kind < CELL_SLOT; kind++) put(p, a.addr, (u8)kind, u256_zero(), u256_zero());
}

// surely_existed reports whether what was observed implies that the account existed before:
// it is empty accounts alone whose existence is a fact of its own.
FN bool surely_existed(Evm& e, Account& a) {
  u32 f = a.flags;
  if (f & A_NONCE_NONZERO || !is_zero(a.at_least)) return true;
  if (f & A_EXISTS_SEEN && base_of(e, a).exists) return true;
  if (f & A_NONCE_SEEN && base_nonce(e, a) != 0) return true;
  if (f & A_CODE_SEEN && !is_zero(base_of(e, a).value)) return true;
  return f & A_BALANCE_EXACT && !is_zero(base_of(e, a).slot);
}

FN void update_account(Evm& e, Packet& p, Account& a) {
  if (a.flags & A_ALIVE && !surely_existed(e, a)) put(p, a.addr, CELL_EXISTS, u256_zero(), u256_from(1));
  if (a.flags & A_NONCE_SET && !(a.flags & A_NONCE_SEEN && a.nonce == base_nonce(e, a))) {
    put(p, a.addr, CELL_NONCE, u256_zero(), u256_from(a.nonce));
  }
  if (!(a.flags & A_CODE_SET) || (a.flags & A_CODE_SEEN && equal(a.code_hash, base_of(e, a).value))) return;
  put(p, a.addr, CELL_CODE_HASH, u256_zero(), hash_word(a.code_hash));
  if (!a.code_size) return;
  if (p.write) {
    CodeOut* c = &p.code_at[p.codes];
    copy_bytes(c->hash, (const u8*)&a.code_hash, 32);
    for (int i = 0; i < 4; i++) c->size[i] = (u8)(a.code_size >> 8 * i);
    copy_bytes(p.bytes_at, a.code, a.code_size);
    p.bytes_at += a.code_size;
  }
  p.codes++;
  p.code_bytes += a.code_size;
}

// fee_decides: the coinbase is empty or not once the fee is paid; commit sees to that.
FN bool fee_decides(Evm& e, const Account& a, const TxOut& out) {
  return out.pays_fee && same_address(a.addr, e.block->coinbase);
}

// pack_diff: accounts that self-destructed, and from EIP-158 on touched accounts that are
// empty, are deleted; the rest is updated. It may observe more, so reads come after it.
CALL_FN void pack_diff(Evm& e, Packet& p, const TxOut& out) {
  for (u32 i = 0; i < e.account_count; i++) {
    Account& a = e.accounts[i];
    if (a.dirty == 0) continue;
    if (a.flags & A_DESTRUCTED) {
      remove_account(e, p, a);
    } else if (e.revision >= SPURIOUS_DRAGON && !fee_decides(e, a, out) && empty(e, i)) {
      see_exists(e, a);
      remove_account(e, p, a);
    } else {
      update_account(e, p, a);
    }
  }
  for (u32 i = 0; i < e.slot_count; i++) {
    const Slot& s = e.slots[i];
    const Account& a = e.accounts[s.account];
    if (s.flags & S_TRANSIENT || equal(s.value, s.base) || a.dirty == 0 || a.flags & (A_DESTRUCTED | A_REMOVED)) continue;
    put(p, a.addr, CELL_SLOT, s.key, s.value);
  }
  for (u32 i = 0; i < e.account_count; i++) {
    const Account& a = e.accounts[i];
    if (a.dirty == 0 || a.flags & A_REMOVED || equal(a.plus, a.minus)) continue;
    if (p.write) put_cell(&p.add_at[p.adds], a.addr, CELL_BALANCE, u256_zero(), sub(a.plus, a.minus));
    p.adds++;
  }
}

FN void saw(Packet& p, const u8* addr, u8 kind, const u256& slot, const u256& value, u8 op) {
  if (p.write) {
    ReadOut* r = &p.read_at[p.reads];
    put_cell((CellOut*)r, addr, kind, slot, value);
    r->op = op;
  }
  p.reads++;
}

// pack_reads lists what was observed of the state before the transaction.
CALL_FN void pack_reads(Evm& e, Packet& p) {
  u256 none = u256_zero();
  for (u32 i = 0; i < e.account_count; i++) {
    Account& a = e.accounts[i];
    u32 f = a.flags;
    if (f & A_EXISTS_SEEN) saw(p, a.addr, CELL_EXISTS, none, u256_from(base_of(e, a).exists != 0), READ_EQUAL);
    if (f & A_NONCE_SEEN) saw(p, a.addr, CELL_NONCE, none, u256_from(base_nonce(e, a)), READ_EQUAL);
    else if (f & A_NONCE_NONZERO) saw(p, a.addr, CELL_NONCE, none, u256_from(1), READ_AT_LEAST);
    if (f & A_BALANCE_EXACT) saw(p, a.addr, CELL_BALANCE, none, base_of(e, a).slot, READ_EQUAL);
    else if (!is_zero(a.at_least)) saw(p, a.addr, CELL_BALANCE, none, a.at_least, READ_AT_LEAST);
    if (f & A_CODE_SEEN) saw(p, a.addr, CELL_CODE_HASH, none, hash_word(base_of(e, a).value), READ_EQUAL);
  }
  for (u32 i = 0; i < e.slot_count; i++) {
    const Slot& s = e.slots[i];
    if (s.flags & S_SEEN) saw(p, e.accounts[s.account].addr, CELL_SLOT, s.key, s.base, READ_EQUAL);
  }
}

FN u32 log_room(const LogHead& h) { return (u32)((sizeof(LogHead) + h.topics * 32 + h.size + 7) & ~7ull); }

FN void little_endian(u8 out[4], u32 v) {
  for (int i = 0; i < 4; i++) out[i] = (u8)(v >> 8 * i);
}

FN void write_logs(Evm& e, LogOut* heads, u8* topics, u8* data) {
  u32 at = 0;
  for (u32 i = 0; i < e.log_count; i++) {
    const LogHead& h = *(const LogHead*)(e.logs + at);
    const u8* body = (const u8*)(&h + 1);
    copy_bytes(heads[i].addr, e.accounts[h.account].addr, 20);
    little_endian(heads[i].topics, h.topics);
    little_endian(heads[i].size, h.size);
    copy_bytes(topics, body, h.topics * 32);
    copy_bytes(data, body + h.topics * 32, h.size);
    topics += h.topics * 32;
    data += h.size;
    at += log_room(h);
  }
}

FN void count_logs(Evm& e, u32* topics, u64* bytes) {
  u32 at = 0;
  for (u32 i = 0; i < e.log_count; i++) {
    const LogHead& h = *(const LogHead*)(e.logs + at);
    *topics += h.topics;
    *bytes += h.size;
    at += log_room(h);
  }
}

// pack writes what the transaction did into the arena and completes out.
CALL_FN void pack(Evm& e, TxOut& out) {
  Packet p = {};
  pack_diff(e, p, out);
  pack_reads(e, p);
  u32 topics = 0;
  u64 log_bytes = 0;
  count_logs(e, &topics, &log_bytes);
  u64 size = (u64)p.reads * sizeof(ReadOut) + (u64)(p.cells + p.adds) * sizeof(CellOut) + (u64)p.wiped * 20 +
             (u64)p.codes * sizeof(CodeOut) + (u64)e.log_count * sizeof(LogOut) + (u64)topics * 32 +
             e.return_size + p.code_bytes + log_bytes;
  out.size = size;
  if (e.missed) halt_for(e, OUT_MISSED); // perhaps only now: was a touched account empty?
  if (e.stop) return;
  out.at = atomic_add((u64*)e.args->arena_used, (size + 15) & ~15ull);
  if (out.at + size > e.args->arena_size) return halt_for(e, OUT_ARENA);
  out.reads = p.reads;
  out.cells = p.cells;
  out.adds = p.adds;
  out.wiped = p.wiped;
  out.codes = p.codes;
  out.logs = e.log_count;
  out.topics = topics;
  out.output_size = e.return_size;

  Packet w = {};
  w.write = true;
  w.read_at = (ReadOut*)(e.args->arena + out.at);
  w.cell_at = (CellOut*)(w.read_at + p.reads);
  w.add_at = w.cell_at + p.cells;
  w.wiped_at = (u8*)(w.add_at + p.adds);
  w.code_at = (CodeOut*)(w.wiped_at + 20 * (u64)p.wiped);
  LogOut* log_at = (LogOut*)(w.code_at + p.codes);
  u8* topic_at = (u8*)(log_at + e.log_count);
  u8* byte_at = topic_at + 32 * (u64)topics;
  copy_bytes(byte_at, return_data(e), e.return_size);
  w.bytes_at = byte_at + e.return_size;
  pack_diff(e, w, out);
  pack_reads(e, w);
  write_logs(e, log_at, topic_at, w.bytes_at);
}
