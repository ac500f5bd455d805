package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/gpuevm"
	"go.uber.org/goleak"
)

// TestClose: goroutines and files are let go of.
func TestClose(t *testing.T) {
	// This file's name puts it before the tests of failing disks, whose Pebbles are left as
	// they are, with goroutines that may start others at any time.
	before := goleak.IgnoreCurrent()
	dir := t.TempDir()
	for range 3 {
		opt := smallOptions(nil)
		opt.Sync.Every = time.Hour
		s, err := Open(dir, opt)
		if err != nil {
			t.Fatal(err)
		}
		r := s.Recovery()
		chain := r.Hash
		b := Block{Height: r.Height + 1, Hash: common.Hash{0: byte(r.Height + 1)}, Parent: chain, Diff: counting(r.Height + 1)}
		if err := s.Add(b); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Advance(t.Context(), Step{From: chain, To: b.Hash, Root: rootOf(b.Hash)}); err != nil {
			t.Fatal(err)
		}
		v, _ := s.ViewBlock(b.Hash)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Read(key(someone(5), gpuevm.Nonce)); !errors.Is(err, ErrClosed) {
			t.Fatalf("reading a closed store: %v", err)
		}
		if err := s.Add(b); !errors.Is(err, ErrClosed) {
			t.Fatalf("adding to a closed store: %v", err)
		}
	}
	goleak.VerifyNone(t, before)
	for _, link := range openFiles() {
		if strings.HasPrefix(link, dir) {
			t.Errorf("%s is still open", link)
		}
	}
}

func openFiles() (all []string) {
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		if link, err := os.Readlink(fd); err == nil {
			all = append(all, link)
		}
	}
	return all
}
