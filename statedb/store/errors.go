package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ethereum/go-ethereum/common"
)

var (
	// ErrStale: the state has left the window of those that can be read.
	ErrStale = errors.New("state is too old to be read")
	// ErrClosed: the view or the store is closed.
	ErrClosed = errors.New("closed")
	// ErrUnknown: no such block or root in the window.
	ErrUnknown = errors.New("state is not known")
	// ErrCorrupt: what is on disk is not what was written.
	ErrCorrupt = errors.New("store is corrupt")
	// ErrChain: the store has the state of another chain.
	ErrChain = errors.New("holds the state of another chain")
	// ErrFailed: the disk failed. What is stored can still be read; nothing is written any
	// more until the store is opened anew.
	ErrFailed = errors.New("disk failed")
	// ErrNode: no node with this hash at this place, on disk or on its way there.
	ErrNode = errors.New("trie node is not there")
)

func corrupt(key []byte, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrCorrupt, keyName(key), fmt.Sprintf(format, args...))
}

// wrapDisk names what was being read when Pebble failed, and tells corruption from
// failure.
func wrapDisk(key []byte, err error) error {
	if isCorruption(err) {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, keyName(key), err)
	}
	return fmt.Errorf("%s: %w", keyName(key), err)
}

// isCorruption asks for Pebble's marks, which the standard library's errors.Is does not see. Where
// Pebble sets none, what it says must do: of a table that is not as long as the manifest says,
// and of settings that no store of ours has, in the file OPTIONS.
func isCorruption(err error) bool {
	if pebble.IsCorruptionError(err) {
		return true
	}
	for _, says := range []string{"object size mismatch", "name from file", "changed from previous options"} {
		if strings.Contains(err.Error(), says) {
			return true
		}
	}
	return false
}

// keyName says in words what a key of the schema names.
func keyName(key []byte) string {
	if len(key) == 0 {
		return "empty key"
	}
	rest := key[1:]
	switch {
	case key[0] == kindAccount && len(rest) == 20:
		return "account " + common.BytesToAddress(rest).Hex()
	case key[0] == kindSlot && len(rest) == 52:
		return fmt.Sprintf("account %s slot %#x", common.BytesToAddress(rest[:20]).Hex(), rest[20:])
	case key[0] == kindCode:
		return fmt.Sprintf("code %#x", rest)
	case key[0] == kindTop || key[0] == kindNode:
		owner, path, err := splitNodeKey(key)
		switch {
		case err != nil:
			return fmt.Sprintf("trie node with key %#x", key)
		case key[0] == kindTop:
			return fmt.Sprintf("account trie node %x", path)
		}
		return fmt.Sprintf("storage trie node %#x %x", owner[:], path)
	case key[0] == kindBlock || key[0] == kindUndo:
		return fmt.Sprintf("record %c of block %#x", key[0], rest)
	case key[0] == kindMeta:
		return fmt.Sprintf("metadata %q", rest)
	}
	return fmt.Sprintf("unknown key %#x", key)
}
