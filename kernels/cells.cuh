// What crosses the bus between host and device, declared once. The Go twin is
// gpuevm/device/bus.go; sizes and offsets are asserted here and tested there.
//
// Numbers are little-endian, 256-bit numbers are u256 (four 64-bit limbs, least
// significant first), addresses and hashes are bytes in the EVM's order. Pointers are
// device addresses.
#pragma once
#include "dialect.cuh"

struct alignas(8) u256 {
  u64 w[4];
};

// Revisions, in order of activation. Everything that differs by fork asks these.
enum Revision : u32 {
  FRONTIER, HOMESTEAD, TANGERINE_WHISTLE, SPURIOUS_DRAGON, BYZANTIUM, CONSTANTINOPLE,
  PETERSBURG, ISTANBUL, BERLIN, LONDON, PARIS, SHANGHAI, CANCUN, PRAGUE, OSAKA,
};

// ---- the block

// OpFact is what gpuevm/opcode knows of one opcode in one revision. The host sends it, so
// that there is one table.
struct OpFact {
  u16 gas;     // charged before anything else
  u16 need;    // words that must be on the stack
  u16 room;    // how far below the limit the stack must be: max(0, pushes - pops)
  u16 defined;
};
static_assert(sizeof(OpFact) == 8, "");

struct BlockIn {
  u32 revision;
  u32 hash_count;      // block_hashes that are filled, see hash_known
  u8 coinbase[20];
  u32 pad;
  u64 time, gas_limit;
  u256 number, prevrandao; // difficulty before the merge
  u256 base_fee, blob_base_fee, chain_id;
  OpFact ops[256];
  u8 block_hashes[256][32]; // of block n at n % 256, for the 256 blocks before this one
  u8 hash_known[256];       // a BLOCKHASH whose hash is not known is a miss
};
static_assert(OFFSET(BlockIn, time) == 32 && OFFSET(BlockIn, number) == 48, "");
static_assert(OFFSET(BlockIn, ops) == 208 && OFFSET(BlockIn, block_hashes) == 2256, "");
static_assert(sizeof(BlockIn) == 10704, "");

// ---- transactions

enum TxFlag : u32 {
  TX_CREATE = 1,
  TX_TRUST_NONCE = 2, // take the sender's nonce before for tx.nonce, and record it as read
  TX_SYSTEM = 4,      // a call by the protocol: no nonce, no fee, no intrinsic gas
  TX_AUTHS = 8,       // a set-code transaction (EIP-7702)
};

// TxIn is a transaction that the host has checked as far as that needs no state. Offsets
// are in bytes from TxBatch.bytes.
struct TxIn {
  u8 from[20], to[20];
  u32 flags;
  u32 auth_count;
  u64 nonce, gas;
  u64 intrinsic_gas, floor_gas; // floor: EIP-7623, 0 before Prague
  u256 value, gas_price;
  u256 tip;     // what the coinbase gets for a unit of gas
  u256 upfront; // what the sender's balance must cover (fee cap, value and blobs included)
  u256 prepaid; // what is taken before execution: gas * gas_price, and the blob fee
  u32 data, data_size;
  u32 access, access_count; // AccessIn records
  u32 auths;                // AuthIn records
  u32 blobs, blob_count;    // 32-byte hashes
  u32 pad;
};
static_assert(OFFSET(TxIn, nonce) == 48 && OFFSET(TxIn, value) == 80 && OFFSET(TxIn, data) == 240, "");
static_assert(sizeof(TxIn) == 272, "");

// AccessIn is an address of an access list (EIP-2930), with its storage keys.
struct AccessIn {
  u8 addr[20];
  u32 keys, key_count; // offset of u256s, 8-byte aligned
  u32 pad;
};
static_assert(sizeof(AccessIn) == 32, "");

// AuthIn is an authorisation (EIP-7702) whose signer has been recovered.
struct AuthIn {
  u8 authority[20], target[20];
  u64 nonce;
  u32 valid; // 0: wrong chain, nonce at its limit or bad signature: it does nothing at all
  u32 pad;
};
static_assert(sizeof(AuthIn) == 56, "");

// ---- state

// Entry is an entry of the state table: an account or a storage slot. One look-up brings all
// fields of an account, which most transactions that need one field need.
enum EntryKind : u32 { ENTRY_ACCOUNT = 1, ENTRY_SLOT = 2 };

struct Entry {
  u64 tag;     // 0: free. Otherwise the key's hash, never 0
  u32 kind;
  u8 addr[20];
  u256 slot;   // of an account: its balance
  u256 value;  // of an account: its code hash as bytes in memory order, zero where no code
  u64 nonce;
  u32 exists;
  u32 code;    // 1 + index into Table.codes, 0: no code
  u64 pad[2];  // a whole line
};
static_assert(OFFSET(Entry, slot) == 32 && OFFSET(Entry, value) == 64 && OFFSET(Entry, nonce) == 96, "");
static_assert(sizeof(Entry) == 128, "");

// CodeBlock is a basic block: its static gas, the stack height it needs and how far it grows.
struct CodeBlock {
  u32 gas;
  u16 need, grow;
};
static_assert(sizeof(CodeBlock) == 8, "");

// CodeIn is a contract code with the host's analysis for the batch's revision. A block
// begins at 0, at every JUMPDEST, and behind JUMPI, GAS, SSTORE, the CALL and the CREATE
// family; it ends there, and at what stops or jumps. mark[pc] is 1 + the number of the
// block that begins at pc, or 0. The code is followed by 33 zero bytes (STOP, and what a
// last PUSH32 would read). marks is 0 where there are too many blocks: then the device
// finds JUMPDESTs itself and checks every instruction.
struct CodeIn {
  u8 hash[32];
  u64 code;   // size + 33 bytes
  u64 marks;  // u16[size + 1]
  u64 blocks; // CodeBlock[block_count]
  u32 size, block_count;
  u64 compiled; // the function that it was compiled to, 0: none
  u32 runs;     // frames of it that began in the interpreter
  u32 pad;
};
static_assert(OFFSET(CodeIn, code) == 32 && sizeof(CodeIn) == 80, "");

// Table is the state on the device: open addressing, linear probing, capacity a power of 2.
struct Table {
  u64 entries; // Entry[mask + 1]
  u64 codes;   // CodeIn[]
  u64 mask;
  u64 seed;    // of the hash, so that nobody can aim at one bucket
};
static_assert(sizeof(Table) == 32, "");

// Miss is something that the device needs and does not have.
enum MissKind : u32 { MISS_ACCOUNT = 1, MISS_SLOT = 2, MISS_BLOCK_HASH = 3 };

struct Miss {
  u32 kind;
  u8 addr[20];
  u256 slot; // of a block hash: the block's number
};
static_assert(sizeof(Miss) == 56, "");

// ---- results

// OutStatus is a Result's Status, or why there is no result.
enum OutStatus : u32 {
  OUT_SUCCESS, OUT_REVERTED, OUT_HALTED,
  OUT_REFUSED,     // invalid on this state: the CPU engine finds the words for it
  OUT_UNSUPPORTED, // needs what the device lacks; error says what
  OUT_MISSED,      // state was missing: see the misses
  OUT_SCRATCH,     // scratch was too small: run it in a larger class
  OUT_ARENA,       // the output arena was full
};

// OutError is the EVM's error of a halted transaction, or what was unsupported. What
// go-ethereum finds while it computes dynamic gas it wraps: then error is ERR_OUT_OF_GAS and
// error_a the error inside (0: none). ERR_MAX_CODE has the size in error_b, also inside, and
// ERR_MAX_INIT_CODE. A stack error has the height in error_a and the limit in error_b.
enum OutError : u32 {
  ERR_NONE, ERR_OUT_OF_GAS, ERR_CODE_STORE_OUT_OF_GAS, ERR_DEPTH, ERR_INSUFFICIENT_BALANCE,
  ERR_ADDRESS_COLLISION, ERR_REVERTED, ERR_MAX_INIT_CODE, ERR_MAX_CODE, ERR_INVALID_JUMP,
  ERR_WRITE_PROTECTION, ERR_RETURN_DATA_BOUNDS, ERR_GAS_OVERFLOW, ERR_INVALID_CODE,
  ERR_NONCE_OVERFLOW, ERR_STACK_UNDERFLOW, ERR_STACK_OVERFLOW, ERR_INVALID_OPCODE,
  ERR_SENTRY, // only inside an out-of-gas: not enough gas for reentrancy sentry
  ERR_PRECOMPILE,  // error_a: which; error_b: which of its errors (PrecompileError)
  // unsupported:
  ERR_NO_PRECOMPILE, // error_a: its address
  ERR_TOO_LONG,      // ran for more than BatchIn.step_limit blocks
};

// TxOut is one result. What it lists lies in the arena from `at`, in this order, packed, as
// Go's gpuevm.Read and gpuevm.Cell lie in memory: ReadOut[reads], CellOut[cells],
// CellOut[adds], u8[wiped][20], CodeOut[codes], LogOut[logs], u8[topics][32], bytes (the
// output, then the codes', then the logs' data, in order).
struct TxOut {
  u32 status, error;
  u64 error_a, error_b;
  u64 gas_used;
  u256 fee;
  u64 at, size;
  u32 pays_fee;
  u32 reads, cells, adds, wiped, codes, logs, topics;
  u32 output_size;
  u32 blocks_run; // basic blocks entered, a measure of work
  u32 needs;      // OUT_SCRATCH: the parts that were too small (ScratchPart bits)
  u32 pad;
};
static_assert(OFFSET(TxOut, fee) == 32 && OFFSET(TxOut, at) == 64 && OFFSET(TxOut, pays_fee) == 80, "");
static_assert(sizeof(TxOut) == 128, "");

struct CellOut {
  u8 addr[20], kind, slot[32], value[32];
};
static_assert(sizeof(CellOut) == 85, "");
struct ReadOut {
  u8 addr[20], kind, slot[32], value[32], op;
};
static_assert(sizeof(ReadOut) == 86, "");
struct CodeOut {
  u8 hash[32];
  u8 size[4];
};
static_assert(sizeof(CodeOut) == 36, "");
struct LogOut {
  u8 addr[20];
  u8 topics[4], size[4]; // little-endian numbers
};
static_assert(sizeof(LogOut) == 28, "");

enum CellKind : u8 { CELL_EXISTS, CELL_NONCE, CELL_BALANCE, CELL_CODE_HASH, CELL_SLOT };
enum ReadOp : u8 { READ_EQUAL, READ_AT_LEAST };

// ---- the launch

// ScratchPart names a part of a lane's scratch.
enum ScratchPart : u32 {
  PART_STACK, PART_MEMORY, PART_FRAMES, PART_ACCOUNTS, PART_ACCOUNT_INDEX, PART_SLOTS,
  PART_SLOT_INDEX, PART_JOURNAL, PART_LOGS, PART_CODES, PART_COUNT,
};

// ScratchIn is how the scratch of every lane of a launch is laid out. The host zeroes it
// when it allocates it and never again. The sizes of the records are in scratch.cuh. The
// first 64 bytes of a lane belong to the lane itself; every part is 16-byte aligned.
struct ScratchIn {
  u64 base;
  u64 lane_bytes;        // distance of the lanes' parts, all but the stack
  u64 offset[PART_COUNT]; // of a part in a lane's bytes; the stack's: from base, behind all lanes
  u32 capacity[PART_COUNT]; // records; stack: words; memory, logs and codes: bytes; the
                            // indexes: u64s, a power of 2, at least twice the records
};
static_assert(OFFSET(ScratchIn, offset) == 16 && OFFSET(ScratchIn, capacity) == 96 && sizeof(ScratchIn) == 136, "");

// RunArgs are the arguments of the kernel run_transactions.
struct RunArgs {
  u32 count, miss_capacity;
  u64 cursor;    // u32, zero before the launch
  u64 block;     // BlockIn
  u64 txs;       // TxIn[]
  u64 order;     // u32[count]: the transactions to run, by index into txs and outs
  u64 outs;      // TxOut[]
  u64 bytes;     // what TxIn's offsets are relative to
  u64 arena, arena_size;
  u64 arena_used; // u64
  u64 misses;     // Miss[miss_capacity]
  u64 miss_count; // u32; may exceed the capacity: then the rest was dropped
  u64 step_limit; // basic blocks a transaction may enter
  Table table;
  ScratchIn scratch;
};
static_assert(OFFSET(RunArgs, table) == 104 && sizeof(RunArgs) == 272, "");

// UpsertArgs are the arguments of the kernel upsert_entries: entries with distinct keys, whose
// tags the kernel computes, go into the table in place of what it has under their keys;
// entries of kind 0 are skipped.
struct UpsertArgs {
  u32 count, pad;
  u64 from;   // Entry[]
  u64 added;  // u32: counts the keys that were new
  Table table;
};
static_assert(sizeof(UpsertArgs) == 56, "");

// RecoverArgs: addresses[i] of the signer of hashes[i], ok[i] 0 where there is none.
struct RecoverArgs {
  u32 count, pad;
  u64 signatures; // u8[65][]: r, s, v (0 or 1), big-endian
  u64 hashes;     // u8[32][]
  u64 addresses;  // u8[20][]
  u64 ok;         // u8[]
};
static_assert(sizeof(RecoverArgs) == 40, "");

// HashArgs: hashes[i] is the Keccak-256 of bytes[offsets[i]:offsets[i+1]].
struct HashArgs {
  u32 count, pad;
  u64 bytes;
  u64 offsets; // u64[count + 1]
  u64 hashes;  // u8[32][]
};
static_assert(sizeof(HashArgs) == 32, "");

// ListArgs are the arguments of list_functions in what gpuevm/compiler emits.
struct ListArgs {
  u32 count, pad;
  u64 functions; // u64[count]: where the address of each goes
};
static_assert(sizeof(ListArgs) == 16, "");

// MultiplyArgs: products[i] is what 256 multiplications make of numbers[i], see multiply.cu.
struct MultiplyArgs {
  u32 count, pad;
  u64 numbers;  // u256[]
  u64 products; // u256[]
};
static_assert(sizeof(MultiplyArgs) == 24, "");
