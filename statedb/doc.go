// Package statedb keeps states: what every cell of the world is before a block, and
// what it is after the block's diff.
//
// There are three ways to keep one. Mem is flat and in memory, the quickest to read; it
// knows no state root. Tries are go-ethereum's Merkle Patricia tries, whole or cut down to
// a witness: slower, but they prove what they read, and are what ours are compared with.
// DB is on disk: the last states of a chain and its forks, with roots, safe from crashes.
// None of them executes anything or decides what a diff is worth.
//
// # How a block goes through a DB
//
//	            Expect          Settled            Apply, Root             Commit
//	executing ----+----------------+-------------------+---------------------+
//	              v                v                   v                     v
//	         nodes loaded    storage tries,      the rest: update,     readable at once,
//	         (forest)        account nodes past  hash (forest)         nodes and cells in
//	                         their commit point                        one batch (store)
//
// The stages overlap between blocks too: while a block is written the next one is hashed,
// and the one after that executes, as far as its caller lets it (Work.Root waits,
// Commit.Root later need not).
//
//	store    cells, codes, nodes as bytes; layers, forks, crashes (its doc.go is the place
//	         to begin)
//	forest   the tries of one state, from a block's diff to its root
//	mpt      one trie, in an arena, in batches
//	keccak   many hashes at once
//	bulk     whole states: import, dump, verification from scratch
package statedb
