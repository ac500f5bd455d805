package bulk

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

func importing(t testing.TB, dump string) (*Report, error) {
	t.Helper()
	s := memStore(t)
	return Import(t.Context(), s, 0, common.Hash{1}, common.Hash{}, DumpReader(strings.NewReader(dump)), Options{Memory: 1 << 20, Workers: 2, FS: vfs.NewMem()})
}

// TestDumpDefects: what is wrong with a dump is said, with the line and the account.
func TestDumpDefects(t *testing.T) {
	addr := common.Address{0: 0xaa, 19: 1}
	key := crypto.Keccak256Hash(addr[:]).Hex()
	empty, none := types.EmptyRootHash.Hex(), types.EmptyCodeHash.Hex()
	account := fmt.Sprintf(`{"balance":"5","nonce":1,"root":"%s","codeHash":"%s","address":"%s","key":"%s"}`, empty, none, addr.Hex(), key)
	s, _ := imported(t, Alloc{addr: {Nonce: 1, Balance: word(5).Big()}}, common.Hash{}, Options{})
	root := s.Head().Root.Hex()
	head := `{"root":"` + root + "\"}\n"
	if rep, err := importing(t, head+account); err != nil || rep.Accounts != 1 {
		t.Fatal(rep, err)
	}
	with := func(old, now string) string {
		if !strings.Contains(account, old) {
			t.Fatalf("no %s in %s", old, account)
		}
		return head + strings.Replace(account, old, now, 1) + "\n"
	}
	many := head + strings.Repeat("[", 100_000)
	for _, c := range []struct{ name, dump, says string }{
		{"nothing", "", "empty"},
		{"no root", account, "balance"},
		{"empty head", "{}", "root"},
		{"text", "hello", "line 1"},
		{"another root", `{"root":"` + empty + "\"}\n" + account, "state root " + root},
		{"a short root", "{\"root\":\"0x12\"}\n", "32 bytes"},
		{"cut off in a string", head + account[:60], "line 2: unexpected EOF"},
		{"cut off between accounts", head, "state root"},
		{"cut off in a number", head + `{"nonce":1`, "line 2: unexpected EOF"},
		{"twice", head + account + "\n" + account, "comes twice, in line 2 and in line 3"},
		{"without address", with(`,"address":"`+addr.Hex()+`"`, ""), "key " + key + ": the dump lacks the preimage"},
		{"null address", with(`"`+addr.Hex()+`"`, "null"), "lacks the preimage"},
		{"without both", with(`,"address":"`+addr.Hex()+`","key":"`+key+`"`, ""), "without an address"},
		{"short address", with(addr.Hex(), "0x1234"), "2 bytes"},
		{"another key", with(key, root), "is not the hash of its address"},
		{"huge nonce", with(`"nonce":1`, `"nonce":18446744073709551616`), "line 2: a number of more than 64 bits"},
		{"huger nonce", with(`"nonce":1`, `"nonce":1`+strings.Repeat("0", 100_000)), "64 bits"},
		{"fraction", with(`"nonce":1`, `"nonce":1.5`), "no number"},
		{"exponent", with(`"nonce":1`, `"nonce":1e999999999`), "no number"},
		{"negative", with(`"nonce":1`, `"nonce":-1`), "no number"},
		{"huge balance", with(`"5"`, `"115792089237316195423570985008687907853269984665640564039457584007913129639936"`), "balance"},
		{"huger balance", with(`"5"`, `"`+strings.Repeat("9", 1<<20)+`"`), "more than 80 bytes"},
		{"balance of letters", with(`"5"`, `"five"`), "balance"},
		{"balance in hex", with(`"5"`, `"0x5"`), "balance"},
		{"negative balance", with(`"5"`, `"-5"`), "balance"},
		{"no balance", with(`"balance":"5",`, ""), "lacks its balance"},
		{"a field twice", with(`"nonce":1`, `"nonce":1,"nonce":1`), "comes twice"},
		{"another storage root", with(empty, root), "none of its slots"},
		{"a slot too many", with(`"nonce"`, `"storage":{"`+root+`":"01"},"nonce"`), "(line 2): the root of its 1 slots"},
		{"a slot twice", with(`"nonce"`, `"storage":{"`+root+`":"01","`+root+`":"02"},"nonce"`), "comes twice"},
		{"a zero slot", with(`"nonce"`, `"storage":{"`+root+`":"00"},"nonce"`), "is zero"},
		{"an empty slot", with(`"nonce"`, `"storage":{"`+root+`":""},"nonce"`), "is zero"},
		{"a short slot", with(`"nonce"`, `"storage":{"0x12":"01"},"nonce"`), "32 bytes"},
		{"a slot of letters", with(`"nonce"`, `"storage":{"`+root+`":"zz"},"nonce"`), "hexadecimal"},
		{"a long slot", with(`"nonce"`, `"storage":{"`+root+`":"`+strings.Repeat("1", 65)+`"},"nonce"`), "256 bits"},
		{"no code", with(none, root), "lacks its code"},
		{"another code", with(none+`"`, root+`","code":"0x6001"`), "its code has hash"},
		{"code of odd length", with(`"nonce"`, `"code":"0x600","nonce"`), "line 2"},
		{"code and no code", with(`"nonce"`, `"code":"0x6001","nonce"`), "hash of no code"},
		{"an array", head + "[]", "line 2"},
		{"nested", many, "line 2"},
		{"nested inside", with(`"nonce"`, `"x":`+strings.Repeat("[", 1000)+`,"nonce"`), "nested"},
		{"a control character", head + "{\"balance\":\"\n\"}", "control"},
		{"no UTF-8", head + "{\"\xff\":1}", "UTF-8"},
		{"no value", with(`"nonce":1`, `"nonce":1,"x":nil`), "no value"},
		{"a comma too many", with(`,"key"`, `,,"key"`), "line 2"},
		{"whole, no preimage", `{"root":"` + root[2:] + `","accounts":{"pre(` + key + `)":` + account + `}}`, "lacks the preimage"},
		{"whole, another address", `{"root":"` + root[2:] + `","accounts":{"0x00000000000000000000000000000000000000ff":` + account + `}}`, "has address"},
		{"whole, a part", `{"root":"` + root[2:] + `","accounts":{"` + addr.Hex() + `":` + account + `},"next":"0x1234"}`, "only a part"},
		{"whole, more", `{"root":"` + root[2:] + `","accounts":{}} {}`, "after"},
		{"whole, cut off", `{"root":"` + root[2:] + `","accounts":{"` + addr.Hex() + `":` + account + `}`, "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := importing(t, c.dump)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want %q", err, c.says)
			}
			if len(err.Error()) > 1000 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

// TestGethDumpLacks: dumps of go-ethereum without preimages, code or storage.
func TestGethDumpLacks(t *testing.T) {
	alloc := randomAlloc(31, 50, 20)
	for name, c := range map[string]struct {
		preimages bool
		conf      state.DumpConfig
		says      string
	}{
		"preimages": {false, state.DumpConfig{}, "lacks the preimage of its address"},
		"code":      {true, state.DumpConfig{SkipCode: true}, "lacks its code"},
		"storage":   {true, state.DumpConfig{SkipStorage: true}, "none of its slots"},
		"accounts":  {true, state.DumpConfig{Max: 10}, "state root"},
	} {
		t.Run(name, func(t *testing.T) {
			g := gethState(t, alloc, c.preimages)
			var lines bytes.Buffer
			g.state(t).IterativeDump(&c.conf, json.NewEncoder(&lines))
			whole := string(g.state(t).Dump(&c.conf))
			for i, dump := range []string{lines.String(), whole} {
				_, err := importing(t, dump)
				says := c.says
				if name == "accounts" && i == 1 {
					says = "only a part"
				}
				if err == nil || !strings.Contains(err.Error(), says) {
					t.Fatalf("%v, want %q", err, says)
				}
			}
		})
	}
}

// TestMissingSlot: geth leaves out slots whose preimage it lacks; the account is named.
func TestMissingSlot(t *testing.T) {
	addr := common.Address{5}
	alloc := types.GenesisAlloc{addr: {Balance: word(1).Big(), Storage: map[common.Hash]common.Hash{word(1): word(2), word(3): word(4)}}}
	g := gethState(t, alloc, true)
	var lines bytes.Buffer
	g.state(t).IterativeDump(nil, json.NewEncoder(&lines))
	cut := strings.Replace(lines.String(), `"`+word(1).Hex()+`":"02",`, "", 1)
	if cut == lines.String() {
		t.Fatal(cut)
	}
	_, err := importing(t, cut)
	var root *RootError
	if !errors.As(err, &root) || root.Slots != 1 || !strings.Contains(err.Error(), addr.Hex()) {
		t.Fatal(err)
	}
}

func TestDumpFile(t *testing.T) {
	alloc := randomAlloc(32, 200, 50)
	s, rep := imported(t, Alloc(alloc), common.Hash{}, Options{})
	var out bytes.Buffer
	if err := Dump(t.Context(), s, &out); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write(out.Bytes())
	_ = zip.Close()
	for name, content := range map[string][]byte{"a.json": out.Bytes(), "a.json.gz": packed.Bytes()} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		last, size := int64(-1), int64(0)
		_, again := imported(t, DumpFile(file), rep.Root, Options{Progress: func(done, total int64) {
			if done < last {
				t.Errorf("progress goes back from %d to %d", last, done)
			}
			last, size = done, total
		}})
		if again.Accounts != rep.Accounts || again.Slots != rep.Slots || size != int64(len(content)) {
			t.Fatalf("%+v, want %+v; %d of %d", again, rep, last, size)
		}
		cut := content[:len(content)*2/3]
		if err := os.WriteFile(file, cut, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Import(t.Context(), memStore(t), 0, common.Hash{1}, rep.Root, DumpFile(file), Options{})
		if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), file) {
			t.Fatalf("a file that is cut off: %v", err)
		}
	}
	_, err := Import(t.Context(), memStore(t), 0, common.Hash{1}, rep.Root, DumpFile("nowhere"), Options{})
	if !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

// collector is a sink that keeps everything.
type collector struct {
	slots    map[common.Hash]common.Hash
	accounts map[common.Address]state.DumpAccount
	twice    bool
}

func (c *collector) sink() Sink {
	c.accounts, c.slots = make(map[common.Address]state.DumpAccount), make(map[common.Hash]common.Hash)
	return Sink{
		Slot: func(slot, value common.Hash) error {
			_, again := c.slots[slot]
			c.twice = c.twice || again
			c.slots[slot] = value
			return nil
		},
		Account: func(a Account) error {
			_, again := c.accounts[a.Addr]
			c.twice = c.twice || again
			d := state.DumpAccount{Balance: a.Balance.Big().String(), Nonce: a.Nonce, Root: a.Root[:], CodeHash: a.CodeHash[:], Code: a.Code}
			d.Storage = make(map[common.Hash]string)
			for slot, value := range c.slots {
				d.Storage[slot] = value.Hex()
			}
			clear(c.slots)
			c.accounts[a.Addr] = d
			return nil
		},
		At: func(int64, int64) {},
	}
}

// FuzzDump reads anything: no panic, no hang, and what is accepted is what encoding/json makes
// of it. (Go's minimizer takes a minute for each new input: -fuzzminimizetime 10x.)
func FuzzDump(f *testing.F) {
	s, _ := imported(f, Alloc(randomAlloc(33, 10, 10)), common.Hash{}, Options{})
	var out bytes.Buffer
	if err := Dump(f.Context(), s, &out); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Add(gethState(f, randomAlloc(34, 4, 3), true).state(f).Dump(nil))
	f.Add([]byte(`{"root":"","accounts":{"0x00000000000000000000000000000000000000ff":{"x":[1,{"y":null}]}},"next":null}`))
	f.Add([]byte("{\"root\":\"" + types.EmptyRootHash.Hex() + "\"}\n"))
	f.Fuzz(func(t *testing.T, dump []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var c collector
		_, err := DumpReader(bytes.NewReader(dump)).Each(ctx, c.sink())
		if errors.Is(err, context.DeadlineExceeded) {
			t.Fatal("it hangs")
		}
		if err != nil || c.twice {
			return
		}
		want, err := twin(dump)
		if err != nil {
			t.Fatalf("accepted, and encoding/json says %v", err)
		}
		if len(want) != len(c.accounts) {
			t.Fatalf("%d accounts, encoding/json finds %d", len(c.accounts), len(want))
		}
		for addr, w := range want {
			got := c.accounts[addr]
			storage := make(map[common.Hash]string)
			for slot, value := range w.Storage {
				storage[slot] = common.HexToHash(value).Hex()
			}
			if got.Nonce != w.Nonce || !bytes.Equal(got.Root, w.Root) || !bytes.Equal(got.Code, w.Code) || !maps.Equal(got.Storage, storage) ||
				strings.TrimLeft(got.Balance, "0") != strings.TrimLeft(w.Balance, "0+") {
				t.Fatalf("%s: %+v, encoding/json says %+v", addr.Hex(), got, w)
			}
		}
	})
}

// twin reads a dump with encoding/json.
func twin(dump []byte) (map[common.Address]state.DumpAccount, error) {
	dec := json.NewDecoder(bytes.NewReader(dump))
	var head struct{ Accounts map[string]state.DumpAccount }
	if err := dec.Decode(&head); err != nil {
		return nil, err
	}
	all := make(map[common.Address]state.DumpAccount)
	for name, a := range head.Accounts {
		all[common.HexToAddress(name)] = a
	}
	for dec.More() {
		var a state.DumpAccount
		if err := dec.Decode(&a); err != nil {
			return nil, err
		}
		if a.Address == nil {
			return nil, errors.New("no address")
		}
		all[*a.Address] = a
	}
	return all, nil
}
