// Package specfile reads the files of the tests that Ethereum's clients share
// (ethereum/tests and execution-spec-tests): archives of them, the list of those that
// go-ethereum itself does not pass, and state tests, made into the block environment and
// the transaction that an Engine takes. Running them is for others.
package specfile
