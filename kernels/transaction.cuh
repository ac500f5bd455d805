// One transaction from its checks to its result. Go twin: go-ethereum's state_transition.go.
// What needs no state the host has checked and computed.
#pragma once
#include "settle.cuh"

// begin empties a lane's scratch for a transaction: index entries with another stamp count
// as free.
FN void begin(Evm& e, const TxIn* tx, u32* stamp) {
  if (++*stamp == 0) { // once in four billion: entries of the first round would come alive
    fill_bytes((u8*)e.account_index, 0, 8ull * capacity(e, PART_ACCOUNT_INDEX));
    fill_bytes((u8*)e.slot_index, 0, 8ull * capacity(e, PART_SLOT_INDEX));
    *stamp = 1;
  }
  e.tx = tx;
  e.stamp = *stamp;
  e.account_count = e.slot_count = e.journal_count = 0;
  e.log_count = e.log_bytes = e.code_bytes = 0;
  e.depth = e.return_size = 0;
  e.refund = e.steps = 0;
  e.step_limit = e.args->step_limit;
  e.missed = false;
  e.prepared = e.precompiles_warm = false;
  e.top_call = !(tx->flags & (TX_SYSTEM | TX_CREATE | TX_AUTHS)) && !is_zero(tx->value);
  e.stop = e.needs = 0;
  set_error(e, ERR_NONE);
}

// buy checks nonce, sender and balance, and takes the gas; false: refused.
FN bool buy(Evm& e, u32 sender) {
  const TxIn& tx = *e.tx;
  if (tx.flags & TX_TRUST_NONCE) e.accounts[sender].flags |= A_NONCE_TRUSTED;
  u64 nonce = see_nonce(e, sender);
  if (nonce != tx.nonce || nonce + 1 == 0) return false;
  Code code = see_code(e, sender); // EIP-3607
  const u8* target;
  if (code.size && !delegation(code, &target)) return false;
  Account& a = e.accounts[sender];
  if (less(current_balance(e, a), tx.upfront)) return false;
  observe_at_least(e, a, tx.upfront);
  sub_balance(e, sender, tx.prepaid);
  return is_zero(tx.value) || covers(e, sender, tx.value);
}

// prepare warms what is warm from the start (EIP-2929, 2930, 3651).
FN void prepare(Evm& e, u32 sender) {
  const TxIn& tx = *e.tx;
  e.prepared = true;
  if (e.revision < BERLIN) return;
  e.accounts[sender].flags |= A_WARM;
  if (!(tx.flags & TX_CREATE)) e.accounts[account_of(e, tx.to)].flags |= A_WARM;
  e.precompiles_warm = true;
  const AccessIn* list = (const AccessIn*)(e.bytes + tx.access);
  for (u32 i = 0; i < tx.access_count && !e.stop; i++) {
    u32 a = account_of(e, list[i].addr);
    e.accounts[a].flags |= A_WARM;
    const u256* keys = (const u256*)(e.bytes + list[i].keys);
    for (u32 k = 0; k < list[i].key_count && !e.stop; k++) e.slots[slot_of(e, a, keys[k], 0)].flags |= S_WARM;
  }
  if (e.revision >= SHANGHAI) e.accounts[account_of(e, e.block->coinbase)].flags |= A_WARM;
}

// authorise applies one authorisation (EIP-7702).
FN void authorise(Evm& e, const AuthIn& auth) {
  if (!auth.valid) return;
  u32 i = account_of(e, auth.authority);
  warm(e, i); // even where the authorisation turns out invalid
  Code code = see_code(e, i);
  const u8* old;
  bool delegated = delegation(code, &old);
  if ((code.size && !delegated) || see_nonce(e, i) != auth.nonce) return;
  if (exists(e, i)) set_refund(e, e.refund + 25000 - 12500);
  set_nonce(e, i, auth.nonce + 1);
  u32 low;
  if (low_address(auth.target, &low) && low == 0) {
    if (delegated) set_code(e, i, nullptr, 0);
    return;
  }
  if (delegated && same_address(old, auth.target)) return;
  u8 designator[23] = {0xef, 1, 0};
  copy_bytes(designator + 3, auth.target, 20);
  set_code(e, i, keep_code(e, designator, 23), 23);
}

FN Callee top_callee(Evm& e, u32 sender, u64 gas) {
  const TxIn& tx = *e.tx;
  Callee c;
  c.caller = sender;
  c.input = e.bytes + tx.data;
  c.input_size = tx.data_size;
  c.flags = 0;
  c.gas = gas;
  c.value = tx.value;
  c.stack_base = c.memory_from = 0;
  return c;
}

FN Answer run_frames(Evm& e, const Answer& a) {
  if (a.outcome != ENTERED || e.stop) return a;
  return run_top(e);
}

FN Answer top_create(Evm& e, u32 sender, u64 gas) {
  u8 addr[20];
  create_address(addr, e.accounts[sender].addr, see_nonce(e, sender));
  Callee c = top_callee(e, sender, gas);
  c.self = c.target = account_of(e, addr);
  if (e.stop) return answer(HALTED, 0);
  return run_frames(e, begin_create(e, c));
}

FN Answer top_call(Evm& e, u32 sender, u64 gas) {
  Callee c = top_callee(e, sender, gas);
  c.self = c.target = account_of(e, e.tx->to);
  if (e.stop) return answer(HALTED, 0);
  return run_frames(e, begin_call(e, OP_CALL, c));
}

// execute runs an ordinary transaction between its checks and its refunds.
FN Answer execute(Evm& e, u32 sender) {
  const TxIn& tx = *e.tx;
  u64 gas = tx.gas - tx.intrinsic_gas;
  if (tx.flags & TX_CREATE) return top_create(e, sender, gas);
  set_nonce(e, sender, see_nonce(e, sender) + 1);
  const AuthIn* auths = (const AuthIn*)(e.bytes + tx.auths);
  for (u32 i = 0; i < tx.auth_count && !e.stop; i++) authorise(e, auths[i]);
  const u8* target;
  if (delegation(see_code(e, account_of(e, tx.to)), &target)) warm(e, account_of(e, target));
  return top_call(e, sender, gas);
}

// settle_gas gives back what is left and computes the fee.
FN void settle_gas(Evm& e, u32 sender, u64 left, TxOut& out) {
  const TxIn& tx = *e.tx;
  u64 used = tx.gas - left;
  u64 refund = used / (e.revision >= LONDON ? 5 : 2);
  if (refund > e.refund) refund = e.refund;
  used -= refund;
  if (used < tx.floor_gas) used = tx.floor_gas; // EIP-7623
  left = tx.gas - used;
  if (left) add_balance(e, sender, mul(u256_from(left), tx.gas_price));
  out.gas_used = used;
  out.fee = mul(u256_from(used), tx.tip);
  u32 coinbase = find_known(e, e.block->coinbase);
  // A coinbase that destroyed itself takes the fee with it.
  out.pays_fee = coinbase == ~0u || !(e.accounts[coinbase].flags & A_DESTRUCTED);
}

FN Answer run_ordinary(Evm& e, TxOut& out) {
  u32 sender = account_of(e, e.tx->from);
  if (!buy(e, sender)) halt_for(e, OUT_REFUSED);
  if (!e.stop) prepare(e, sender);
  if (e.stop) return answer(HALTED, 0);
  Answer a = execute(e, sender);
  if (!e.stop) settle_gas(e, sender, a.gas, out);
  return a;
}

// run_system makes a call by the protocol (EIP-4788, 2935, 7002, 7251).
FN Answer run_system(Evm& e) {
  u32 sender = account_of(e, e.tx->from);
  const u8 nobody[20] = {};
  e.prepared = true;
  if (e.revision >= BERLIN) {
    e.accounts[account_of(e, nobody)].flags |= A_WARM;
    warm(e, account_of(e, e.tx->to));
  }
  if (e.stop) return answer(HALTED, 0);
  return top_call(e, sender, e.tx->gas);
}

// run_transaction runs a transaction and writes its result.
FN void run_transaction(Evm& e, const TxIn* tx, TxOut* to, u32* stamp) {
  begin(e, tx, stamp);
  TxOut out = {};
  Answer a = tx->flags & TX_SYSTEM ? run_system(e) : run_ordinary(e, out);
  if (!e.stop) pack(e, out);
  out.status = e.stop ? e.stop : a.outcome == DONE && e.error == ERR_NONE ? OUT_SUCCESS
             : a.outcome == REVERTED ? OUT_REVERTED : OUT_HALTED;
  out.error = e.error;
  out.error_a = e.error_a;
  out.error_b = e.error_b;
  out.blocks_run = (u32)e.steps;
  out.needs = e.needs;
  *to = out;
}
