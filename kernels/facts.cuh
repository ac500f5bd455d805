// Opcodes that tell what the frame, the transaction and the block are, and those that only
// move bytes: they need no state, pay nothing and can't fail.
#pragma once
#include "scratch.cuh"

FN u256 own_address(Evm& e) { return u256_from_address(e.accounts[frame(e).self].addr); }
FN u256 origin(const Evm& e) { return u256_from_address(e.tx->from); }
FN u256 caller(Evm& e) { return u256_from_address(e.accounts[frame(e).caller].addr); }
FN u256 call_value(Evm& e) { return frame(e).value; }
FN u64 call_data_size(Evm& e) { return frame(e).input_size; }
FN u256 gas_price(const Evm& e) { return e.tx->gas_price; }
FN u64 return_data_size(const Evm& e) { return e.return_size; }
FN u256 coinbase(const Evm& e) { return u256_from_address(e.block->coinbase); }
FN u64 timestamp(const Evm& e) { return e.block->time; }
FN u256 block_number(const Evm& e) { return e.block->number; }
FN u256 prevrandao(const Evm& e) { return e.block->prevrandao; }
FN u64 gas_limit(const Evm& e) { return e.block->gas_limit; }
FN u256 chain_id(const Evm& e) { return e.block->chain_id; }
FN u256 base_fee(const Evm& e) { return e.block->base_fee; }
FN u256 blob_base_fee(const Evm& e) { return e.block->blob_base_fee; }
FN u256 blob_hash(const Evm& e, const u256& i) {
  bool there = fits64(i) && low64(i) < e.tx->blob_count;
  return there ? load_be(e.bytes + e.tx->blobs + 32 * low64(i)) : u256_zero();
}

// at is where a range that was touched begins; an empty one may be anywhere.
FN u8* at(const Machine& m, const u256& offset, const u256& size) {
  return m.memory + (is_zero(size) ? 0 : low64(offset));
}

// copy_padded copies from data, with zeros where it has ended.
FN void copy_padded(u8* to, const u8* data, u64 data_size, const u256& offset, u64 size) {
  u64 from = fits64(offset) && low64(offset) < data_size ? low64(offset) : data_size;
  u64 there = data_size - from < size ? data_size - from : size;
  copy_bytes(to, data + from, there);
  fill_bytes(to + there, 0, size - there);
}

FN u256 call_data_word(Evm& e, const u256& at) {
  u8 word[32];
  copy_padded(word, frame(e).input, frame(e).input_size, at, 32);
  return load_be(word);
}

// What copies and hashes memory has been touched.
FN void call_data_copy(Evm& e, const Machine& m, const u256& to, const u256& from, const u256& size) {
  copy_padded(at(m, to, size), frame(e).input, frame(e).input_size, from, low64(size));
}
FN void code_copy(const Machine& m, const u256& to, const u256& from, const u256& size) {
  copy_padded(at(m, to, size), m.code, m.code_size, from, low64(size));
}
FN void memory_copy(const Machine& m, const u256& to, const u256& from, const u256& size) {
  if (!is_zero(size)) move_bytes(m.memory + low64(to), m.memory + low64(from), low64(size));
}

// Words of memory that was touched.
FN u256 memory_word(const Machine& m, u64 at) { return load_be(m.memory + at); }
FN void set_memory_word(const Machine& m, u64 at, const u256& v) { store_be(m.memory + at, v); }
FN void set_memory_byte(const Machine& m, u64 at, u64 v) { m.memory[at] = (u8)v; }
