// Package store keeps states on disk and what is known of them in memory: the flat
// cells, codes, trie nodes as bytes, block hashes. It knows no trie logic (statedb/mpt
// has it), executes nothing, and judges no root: it is told them.
//
// # How it works
//
// The disk holds one state, that of the block written last, and moves from block to
// block in atomic steps. What is different about the other states that can be read (the
// last Options.Depth blocks, their forks, and blocks executed but not yet written) is in
// one index in memory: per key, its value in the oldest state and in every block that
// changed it. A key that is not in the index has the same value in all these states,
// so whatever block the disk is at, its value is right. A read is one look-up in the
// index and, where that says nothing, one in the cache or on disk; never one per layer.
//
// Three things follow. The disk needn't stay Depth blocks behind to serve old states, so
// that a block is durable as soon as it is written. A reorganization is a step of the
// disk like any other: the cells that differ, one batch. And the order of who does what
// when carries the proof: a block's changes enter the index before the disk moves,
// and leave it only when the disk has them and no readable state differs.
//
// The tried and rejected: layers above the disk as in go-ethereum's pathdb keep 128
// blocks' trie nodes in memory (gigabytes at 10k dirty accounts a block) and lose them
// in a crash; here nodes are in memory only until they are written.
//
// Pebble's tables are read through statedb/internal/uring on the operating system's own
// file system, if that can be used: whoever waits for the disk leaves its processor to others.
//
// # What is durable
//
// A step is one Pebble batch: cells, nodes, codes, the undo of the block, its hash, and
// the head. It is stored once the batch is applied and durable once a sync covers it.
// Depth blocks of undo stay on disk, so that after a restart old states can be read and
// a fork below the head can be followed without executing anything again.
package store
