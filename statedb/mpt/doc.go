// Package mpt is the Merkle Patricia Trie of Ethereum's state, made for batches.
//
// A Trie has keys of 32 bytes (hashes of addresses or slots; the caller hashes) and
// values of up to 65,535 bytes, and go-ethereum's root for every content. It is at one
// state at a time. A block goes through four steps, each wide and each in key order:
//
//	Resolve   load the nodes that the batch will touch
//	Update    set and delete, on several cores where the batch is large
//	Hash      encode and hash what changed, deepest first, many nodes at a time
//	Collect   hand over what changed, to be written
//
// What will not change any more can be hashed while the block still executes: HashEarly
// does so for the nodes that are past their commit point, between two Updates. GetBatch
// reads the old values that new ones depend on. A block that is not taken is undone by an
// Update with the old values, or left behind with Reset, as long as it is not collected.
//
// Nodes live in an Arena that many tries share: slabs without pointers, so that millions
// of decoded nodes cost the garbage collector nothing and stay there for the next block.
// A node knows the hashes of its children, not its own. What is not in the arena is known
// by its hash and asked of the trie's Source; Prune makes it so again by age.
//
// Every leaf has its whole key and every extension the whole prefix down to its child.
// That costs a few bytes, and saves the shifting of nibbles: a leaf or an extension
// moves up or down the trie unchanged when a branch above it comes or goes.
//
// The package keeps no snapshots and writes nothing to disk: diff layers, atomicity and
// reorgs are the store's. After an error in Update or Collect the trie is poisoned: it
// answers every call with that error until Reset. Update works in place, and a batch that
// lacked a node half way can't be undone. Reads and Resolve poison nothing, unless they
// find a node with a wrong hash.
package mpt
