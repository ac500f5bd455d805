// Package spectest runs the tests that Ethereum's clients share (ethereum/tests and
// execution-spec-tests) through this project's Engine and Processor.
//
// A state test is one transaction on one state: it takes hostsched.Transition, a
// speculative execution followed by the law of commit. A block test is a chain of blocks,
// some of them invalid: it takes a real core.BlockChain whose Processor is ours, so that
// all that stands around the execution in a node is there too.
//
// What a test must give is what its author wrote down. Where go-ethereum itself does not
// give that, the test is listed in a file of known deviations and counted as such; no
// test is left out.
package spectest
