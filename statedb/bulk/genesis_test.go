package bulk

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/statedb/store"
)

func TestImportGenesis(t *testing.T) {
	custom := &core.Genesis{Config: params.MergedTestChainConfig, Alloc: randomAlloc(61, 100, 30), GasLimit: 5, Difficulty: new(big.Int)}
	for name, c := range map[string]struct {
		genesis *core.Genesis
		hash    common.Hash
	}{
		"mainnet": {core.DefaultGenesisBlock(), params.MainnetGenesisHash},
		"sepolia": {core.DefaultSepoliaGenesisBlock(), params.SepoliaGenesisHash},
		"custom":  {custom, custom.ToBlock().Hash()},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := json.Marshal(c.genesis)
			if err != nil {
				t.Fatal(err)
			}
			s := memStore(t)
			block, rep, err := ImportGenesis(t.Context(), s, bytes.NewReader(file), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if head := s.Head(); block.Hash() != c.hash || head.Hash != c.hash || head.Root != block.Root() || rep.Accounts != len(c.genesis.Alloc) {
				t.Fatalf("%+v, block %s, want %s", head, block.Hash().Hex(), c.hash.Hex())
			}
			clean(t, s, Options{})
		})
	}
}

func TestBadGenesis(t *testing.T) {
	for name, c := range map[string][2]string{
		"text":     {"hello", "genesis"},
		"cut off":  {`{"config":{},"alloc":{"0x`, "genesis"},
		"no rules": {`{"gasLimit":"0x1","difficulty":"0x1","alloc":{}}`, "configuration"},
		"balance": {`{"config":{"chainId":1},"gasLimit":"0x1","difficulty":"0x1","alloc":{"00000000000000000000000000000000000000aa":{"balance":"0x1` +
			strings.Repeat("0", 64) + `"}}}`, "genesis: invalid"},
		"no balance": {`{"config":{"chainId":1},"gasLimit":"0x1","difficulty":"0x1","alloc":{"00000000000000000000000000000000000000aa":{}}}`, "balance"},
	} {
		if _, _, err := ImportGenesis(t.Context(), memStore(t), strings.NewReader(c[0]), Options{}); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v, want %q", name, err, c[1])
		}
	}
}

// TestVerifyEmpty: a store without a block, and one open for reading only.
func TestVerifyEmpty(t *testing.T) {
	if rep := clean(t, memStore(t), Options{}); rep.Root != types.EmptyRootHash {
		t.Fatal(rep)
	}
	fs := vfs.NewMem()
	s := open(t, fs)
	rep, err := Import(t.Context(), s, 7, common.Hash{1}, common.Hash{}, Alloc(randomAlloc(62, 50, 50)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = store.Open("db", store.Options{FS: fs, ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if again := clean(t, s, Options{}); again.Root != rep.Root || again.Nodes != rep.Nodes {
		t.Fatalf("%+v, want %+v", again, rep)
	}
	if _, err := Import(t.Context(), s, 8, common.Hash{2}, common.Hash{}, Alloc{}, Options{}); err == nil {
		t.Fatal("something is imported into a store that is open for reading only")
	}
}

// TestDamagedTable flips bits of tables. Where Pebble's checksums find it, the verification
// can't go on, and says where it was.
func TestDamagedTable(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs)
	if _, err := Import(t.Context(), s, 7, common.Hash{1}, common.Hash{}, Alloc(randomAlloc(63, 400, 100)), Options{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := fs.List("db")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		name = fs.PathJoin("db", name)
		content := read(t, fs, name)
		bad := bytes.Clone(content)
		bad[len(bad)/3] ^= 4
		write(t, fs, name, bad)
		s, err := store.Open("db", store.Options{FS: fs})
		if err == nil {
			var rep *Report
			if rep, err = Verify(t.Context(), s, Options{FS: vfs.NewMem()}); err == nil {
				err = rep.Err()
			}
			if e := s.Close(); e != nil && strings.Contains(e.Error(), "leaked") {
				t.Errorf("%s: %v", name, e)
			}
		}
		if !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		found++
		write(t, fs, name, content)
	}
	if found < 4 {
		t.Fatalf("%d tables", found)
	}
	clean(t, open(t, fs), Options{})
}

func read(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, fs vfs.FS, name string, b []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Clone(b)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
