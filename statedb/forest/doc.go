// Package forest is the tries of one state: the account trie and the storage tries of
// accounts that changed lately, all in one mpt.Arena, where they stay decoded from block
// to block. It turns a block's diff into a state root and into the nodes to be stored.
//
// A block goes update -> hash -> store:
//
//	Apply     the diff is noted; nothing is looked up
//	Root      accounts are read from their trie, storage tries updated and hashed, then
//	          the account trie
//	Collect   what changed is handed over, to be written
//
// That is all there has to be, and what the rest is compared with. To be done sooner,
// much of it can happen while the block still executes: Expect names cells that the block
// will change, whose nodes are then loaded; Settled hands over accounts that no later
// transaction is known to change, whose storage tries are brought up to date at once, and
// those nodes of the account trie that are past their commit point hashed. Both are
// hints: Apply has the last word on every cell.
//
// The forest executes nothing and keeps nothing on disk. It has one state at a time, and
// no history: that is the store's.
package forest
