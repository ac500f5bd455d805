// Package hostsched takes a block in and gives a block result out.
//
// A block must come out as if its transactions ran one after another. Everything here
// except commit.go is a guess at how to get there sooner: predict.go guesses what a
// transaction touches, waves.go orders transactions by those guesses, lanes.go runs
// them on an Engine against overlay.go, which shows each the state that the guesses
// imply. commit.go is the law: it walks the results in block order and takes none
// that the exact state contradicts.
package hostsched
