package compiler

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// usedCode is a code that real blocks run.
type usedCode struct {
	hash  common.Hash
	fork  opcode.Revision
	share float64 // of all instructions executed
	code  []byte
}

const (
	usedFile = "used.tsv"
	usedMost = 200
)

// usedCodes are the most used codes, most used first.
func usedCodes(tb testing.TB) (list []usedCode) {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", usedFile))
	if err != nil {
		tb.Fatal(err)
	}
	codes := map[common.Hash][]byte{}
	for _, code := range realCodes(tb) {
		codes[crypto.Keccak256Hash(code)] = code
	}
	for line := range strings.Lines(string(text)) {
		var hash, fork string
		var u usedCode
		if strings.HasPrefix(line, "#") {
			continue
		}
		if _, err := fmt.Sscan(line, &hash, &fork, &u.share); err != nil {
			tb.Fatalf("%s: %q: %v", usedFile, line, err)
		}
		u.hash = common.HexToHash(hash)
		for u.fork.String() != fork {
			if u.fork++; u.fork > opcode.Osaka {
				tb.Fatalf("%s: no fork %s", usedFile, fork)
			}
		}
		if u.code = codes[u.hash]; u.code == nil {
			tb.Fatalf("%s: no code %s among the real ones", usedFile, u.hash)
		}
		list = append(list, u)
	}
	return list
}

// TestUsedList writes the list of the most used codes anew, of the JSON of gpuevm ilp that
// GPUEVM_ILP_JSON names.
func TestUsedList(t *testing.T) {
	path := os.Getenv("GPUEVM_ILP_JSON")
	if path == "" {
		t.Skip("GPUEVM_ILP_JSON is not set")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	type executed struct{ Steps int64 }
	var report struct {
		Executed executed
		Codes    []struct {
			Hash, Fork string
			Executed   *executed
		}
	}
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	type use struct {
		hash, fork string
		most, all  int64
	}
	byHash := map[string]*use{}
	real := map[string]bool{}
	for _, code := range realCodes(t) {
		real[crypto.Keccak256Hash(code).Hex()] = true
	}
	for _, c := range report.Codes {
		if c.Executed == nil || !real[c.Hash] { // that of a creation is run once
			continue
		}
		u := byHash[c.Hash]
		if u == nil {
			u = &use{hash: c.Hash}
			byHash[c.Hash] = u
		}
		u.all += c.Executed.Steps
		if c.Executed.Steps > u.most {
			u.most, u.fork = c.Executed.Steps, c.Fork
		}
	}
	var list []*use
	for _, u := range byHash {
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b *use) int { return cmp.Or(cmp.Compare(b.all, a.all), cmp.Compare(a.hash, b.hash)) })
	var out strings.Builder
	fmt.Fprintf(&out, "# The codes that the blocks of ../shared/data run most: hash, the fork under whose rules they ran most, share of\n"+
		"# all %d instructions executed there. Made by TestUsedList of what gpuevm ilp --json tells.\n", report.Executed.Steps)
	for _, u := range list[:min(len(list), usedMost)] {
		fmt.Fprintf(&out, "%s\t%s\t%.6f\n", u.hash, u.fork, float64(u.all)/float64(report.Executed.Steps))
	}
	if err := os.WriteFile(filepath.Join("testdata", usedFile), []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
