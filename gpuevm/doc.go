// Package gpuevm holds the words that every other package speaks: Key and Cell,
// StateView and StateDiff, Tx and AccessSet, BlockEnv, Result, Engine.
//
// There is no machinery here. An Engine turns transactions and a fixed state into
// results; hostsched decides what the results are worth; statedb keeps what was
// decided. They meet only in these types.
package gpuevm
