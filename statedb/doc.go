// Package statedb keeps states: what every cell of the world is before a block, and
// what it is after the block's diff.
//
// Mem is flat and in memory, the quickest state to read; it knows no state root. Tries
// are go-ethereum's Merkle Patricia tries, whole or cut down to a witness: slower, but
// they prove what they read and have a root. Neither executes anything, decides what a
// diff is worth, or survives the process.
package statedb
