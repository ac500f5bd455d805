package mpt

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
)

type vector struct {
	In   json.RawMessage
	Root common.Hash
}

// pairs are the keys and values in the order of the file; an object's order is any.
func (v *vector) pairs(t *testing.T) (pairs [][2]*string) {
	if bytes.HasPrefix(bytes.TrimSpace(v.In), []byte("[")) {
		if err := json.Unmarshal(v.In, &pairs); err != nil {
			t.Fatal(err)
		}
		return pairs
	}
	var object map[string]*string
	if err := json.Unmarshal(v.In, &object); err != nil {
		t.Fatal(err)
	}
	for k, value := range object {
		pairs = append(pairs, [2]*string{&k, value})
	}
	return pairs
}

func text(s *string) []byte {
	switch {
	case s == nil:
		return nil
	case strings.HasPrefix(*s, "0x"):
		return common.FromHex(*s)
	}
	return []byte(*s)
}

func vectors(t *testing.T) map[string]map[string]*vector {
	f, err := os.Open(filepath.Join(shareddata.Folder(t, "vectors"), "trie-rlp-tx-crypto.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]map[string]*vector)
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		name, ok := strings.CutPrefix(h.Name, "TrieTests/")
		if !ok || !strings.HasSuffix(name, ".json") || strings.Contains(name, "nextprev") {
			continue
		}
		cases := make(map[string]*vector)
		if err := json.NewDecoder(tr).Decode(&cases); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		files[name] = cases
	}
}

// Keys here are hashes, as a state's; so the files of secure tries have their roots, and
// the others are compared with go-ethereum's secure trie.
func TestEthereumTrieTests(t *testing.T) {
	ran := 0
	for file, cases := range vectors(t) {
		for name, v := range cases {
			ran++
			want := v.Root
			pairs := v.pairs(t)
			if !strings.Contains(strings.ToLower(file), "secure") {
				want = gethRoot(pairs)
			}
			if got := oneByOne(t, pairs); got != want {
				t.Errorf("%s %s: one by one: root %s, want %s", file, name, got, want)
			}
			if got := atOnce(t, pairs); got != want {
				t.Errorf("%s %s: at once: root %s, want %s", file, name, got, want)
			}
		}
	}
	if ran < 20 {
		t.Errorf("only %d vectors", ran)
	}
}

func gethRoot(pairs [][2]*string) common.Hash {
	tr := trie.NewEmpty(nil)
	for _, p := range pairs {
		tr.MustUpdate(crypto.Keccak256(text(p[0])), text(p[1]))
	}
	return tr.Hash()
}

func oneByOne(t *testing.T, pairs [][2]*string) (root common.Hash) {
	tr := NewArena(Config{}).New(common.Hash{}, types.EmptyRootHash, nil)
	for _, p := range pairs {
		if err := tr.Update([]Item{{crypto.Keccak256Hash(text(p[0])), text(p[1])}}); err != nil {
			t.Fatal(err)
		}
		var err error
		if root, err = tr.Hash(); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func atOnce(t *testing.T, pairs [][2]*string) common.Hash {
	last := make(map[common.Hash][]byte)
	for _, p := range pairs {
		last[crypto.Keccak256Hash(text(p[0]))] = text(p[1])
	}
	var batch []Item
	for key, value := range last {
		batch = append(batch, Item{key, value})
	}
	tr := NewArena(Config{}).New(common.Hash{}, types.EmptyRootHash, nil)
	if err := tr.Update(sorted(batch)); err != nil {
		t.Fatal(err)
	}
	root, err := tr.Hash()
	if err != nil {
		t.Fatal(err)
	}
	return root
}
