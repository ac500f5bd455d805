// Package statebench measures statedb.DB beside go-ethereum's state on the same blocks:
// the same accounts, the same diffs, in turns, in one process, every root compared. A root
// that differs ends the run.
//
// Nothing executes here. A block is a diff made from a seed and the block's number. What is
// timed is what a node does once it has one.
//
// # What each side does with a block
//
// First, not timed as part of the rest but reported as load: the cells that the block will
// write are read from flat state, as execution would have.
//
//	         gpuevm                                go-ethereum
//	root     DB.Begin, Work.Apply, Work.Root       trie: storage tries opened from the trie
//	                                               database, updated in batches and hashed on all
//	                                               cores; then the account trie
//	                                               statedb: StateDB's setters, ten keys a
//	                                               transaction, Finalise after each, with the trie
//	                                               prefetcher on; IntermediateRoot
//	commit   Work.Commit, Commit.Root: readable,   StateDB.Commit: nodes collected, then
//	         nodes collected, queued for the disk  TrieDB.Update: a diff layer
//	flush    Commit.Durable: one batch, one fsync  TrieDB.Commit, waiting for the buffer to be
//	                                               written as one batch; SyncKeyValue: an fsync
//
// Ours has no hints in plain mode. In ahead mode, which takes turns with it, Work.Expect is told
// the keys before load, as prediction and access lists would: nodes are read while execution
// reads cells, as go-ethereum's prefetcher reads them while it sets some. What is left is in
// root; load says what it cost.
//
// Durable is the sum of the three. go-ethereum has no accounts to look up in the trie mode:
// it is given the old ones. Its two ways to the root take turns from block to block; after
// the trie mode StateDB does the block again, untimed, as a check and to commit it.
//
// A node of go-ethereum's does not flush every block: 128 blocks wait in memory as diff
// layers, and what leaves them waits in a buffer; a crash loses all of it. The phase "layers"
// measures that: there flush is nothing. Ours makes every block durable in any phase. With
// state histories (on by default, as in a node), every flush also appends the block's old
// values to go-ethereum's freezer and syncs that; ours has the undo of a block in the batch.
//
// # Warm and cold
//
// Warm blocks come after every account and slot was walked to once through both sides' tries,
// in the order of the trie, and after some blocks that are not counted. What fits the caches is
// in memory then; both sides have those that their defaults give them. Cold blocks are the first
// after both databases were closed and opened again and the page cache dropped, where the
// machine lets us.
package statebench
