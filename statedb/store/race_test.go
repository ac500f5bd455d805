//go:build race

package store

// raced tests run ten times slower; fewer images do there.
const raced = true
