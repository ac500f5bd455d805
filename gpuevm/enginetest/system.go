package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/holiman/uint256"
)

// systemCall is a call by the protocol: ours, and go-ethereum's function that makes it.
type systemCall struct {
	name   string
	to     common.Address
	code   []byte
	data   []byte
	output bool // go-ethereum's hands the output out as a request
	theirs func(*vm.EVM, params.Rules, *[][]byte) error
}

var systemCalls = []systemCall{
	{"beacon root", params.BeaconRootsAddress, params.BeaconRootsCode, common.Hash{1, 2}.Bytes(), false,
		func(evm *vm.EVM, _ params.Rules, _ *[][]byte) error {
			core.ProcessBeaconBlockRoot(common.Hash{1, 2}, evm, nil)
			return nil
		}},
	{"parent hash", params.HistoryStorageAddress, params.HistoryStorageCode, common.Hash{3, 4}.Bytes(), false,
		func(evm *vm.EVM, _ params.Rules, _ *[][]byte) error {
			core.ProcessParentBlockHash(common.Hash{3, 4}, evm, nil)
			return nil
		}},
	{"withdrawals", params.WithdrawalQueueAddress, params.WithdrawalQueueCode, nil, true,
		func(evm *vm.EVM, rules params.Rules, out *[][]byte) error {
			return core.ProcessWithdrawalQueue(out, rules, evm, 0, nil)
		}},
	{"consolidations", params.ConsolidationQueueAddress, params.ConsolidationQueueCode, nil, true,
		func(evm *vm.EVM, rules params.Rules, out *[][]byte) error {
			return core.ProcessConsolidationQueue(out, rules, evm, 0, nil)
		}},
}

// queued is the storage of a request queue with one request in it.
func queued() map[common.Hash]common.Hash {
	return map[common.Hash]common.Hash{{31: 1}: {31: 1}, {31: 3}: {31: 1}, {31: 4}: {12: 7, 31: 9}, {31: 5}: {0: 8, 31: 1}, {31: 6}: {0: 4}, {31: 7}: {0: 5}}
}

// runSystemCalls makes each call on the real contract, with and without something to do,
// on code that fails, and on an account without code.
func runSystemCalls(t *testing.T, engine gpuevm.Engine) {
	accounts := map[string]func(code []byte) types.Account{
		"fresh": func(code []byte) types.Account { return types.Account{Code: code, Nonce: 1, Balance: new(big.Int)} },
		"queued": func(code []byte) types.Account {
			return types.Account{Code: code, Nonce: 1, Balance: new(big.Int), Storage: queued()}
		},
		"reverts": func([]byte) types.Account {
			return types.Account{Code: []byte{0x5f, 0x5f, 0xfd}, Balance: new(big.Int)}
		},
		"halts": func([]byte) types.Account {
			return types.Account{Code: []byte{0x5f, 0x5f, 0x55, 0xfe}, Balance: new(big.Int)}
		},
		"endless": func([]byte) types.Account {
			return types.Account{Code: []byte{0x5b, 0x5f, 0x56}, Balance: new(big.Int)}
		},
		"empty": func([]byte) types.Account { return types.Account{Balance: new(big.Int)} },
	}
	for _, fork := range []string{"Cancun", "Prague", "Osaka"} {
		for _, c := range systemCalls {
			for name, make := range accounts {
				pre := fromAlloc(types.GenesisAlloc{c.to: make(c.code)})
				if err := c.check(engine, newEnv(fork), pre); err != nil {
					t.Errorf("%s, %s, %s: %v", fork, c.name, name, err)
				}
			}
			if err := c.check(engine, newEnv(fork), fromAlloc(nil)); err != nil {
				t.Errorf("%s, %s, no account: %v", fork, c.name, err)
			}
		}
	}
}

func (c *systemCall) check(engine gpuevm.Engine, env *gpuevm.BlockEnv, pre *cells) error {
	ref, err := newReferee(env, pre)
	if err != nil {
		return err
	}
	tx := gpuevm.Tx{From: params.SystemAddress, To: &c.to, Data: c.data, System: true}
	results, err := engine.Execute(context.Background(), env, []gpuevm.Tx{tx}, pre)
	if err != nil {
		return err
	}
	r := &results[0]
	if r.Status == gpuevm.Unsupported {
		return nil
	}
	var requests [][]byte
	evm, db := ref.evm()
	failed := c.theirs(evm, env.Rules(), &requests)
	if c.output {
		have := [][]byte(nil)
		if r.Err == nil && len(r.Output) > 0 {
			have = [][]byte{append([]byte{c.kind()}, r.Output...)}
		}
		if fmt.Sprintf("%x", have) != fmt.Sprintf("%x", requests) {
			return fmt.Errorf("requests %x, go-ethereum: %x", have, requests)
		}
		if code := pre.get(c.to, gpuevm.CodeHash); (failed != nil) != (r.Err != nil) && code != (common.Hash{}) {
			return fmt.Errorf("error %v, go-ethereum: %v", r.Err, failed)
		}
	}
	if r.PaysFee || r.Status == gpuevm.Invalid {
		return fmt.Errorf("a system call pays no fee and is never invalid: %+v", r)
	}
	post := pre.clone()
	if err := post.apply(&r.Diff); err != nil {
		return err
	}
	if c.output && pre.get(c.to, gpuevm.CodeHash) == (common.Hash{}) {
		return nil // go-ethereum does not even call
	}
	return sameState(post, pre, db, env.Rules())
}

func (c *systemCall) kind() byte {
	if c.to == params.WithdrawalQueueAddress {
		return 1
	}
	return 2
}

// brokenState fails to answer one kind of read.
type brokenState struct {
	*cells
	kind gpuevm.Kind
	code bool
}

var errBroken = errors.New("the disk is gone")

func (b brokenState) Read(k gpuevm.Key) (common.Hash, error) {
	if !b.code && k.Kind == b.kind {
		return common.Hash{}, errBroken
	}
	return b.cells.Read(k)
}

func (b brokenState) Code(h common.Hash) ([]byte, error) {
	if b.code {
		return nil, errBroken
	}
	return b.cells.Code(h)
}

// runBrokenState: where the state can't be read there is no result, and no crash.
func runBrokenState(t *testing.T, engine gpuevm.Engine) {
	w, tx := plain("Cancun")
	var c code
	c.num(1).op(vm.SLOAD).num(2).op(vm.SSTORE).op(vm.CALLER, vm.BALANCE, vm.POP)
	pre := fromAlloc(types.GenesisAlloc{
		tx.From:        {Balance: big.NewInt(params.Ether), Nonce: 5},
		w.contracts[0]: {Code: c, Balance: big.NewInt(1), Storage: map[common.Hash]common.Hash{{31: 1}: {31: 1}}},
	})
	tx.To = &w.contracts[0]
	for _, broken := range []brokenState{{pre, gpuevm.Nonce, false}, {pre, gpuevm.Balance, false}, {pre, gpuevm.CodeHash, false}, {pre, gpuevm.Slot, false}, {pre, 0, true}} {
		results, err := engine.Execute(context.Background(), w.env, []gpuevm.Tx{tx}, broken)
		if err == nil && (results[0].Status != gpuevm.Unsupported || !errors.Is(results[0].Err, errBroken)) {
			t.Errorf("%v unreadable (code: %v): %v (%v)", broken.kind, broken.code, results[0].Status, results[0].Err)
		}
	}
	if results, err := engine.Execute(context.Background(), w.env, []gpuevm.Tx{tx}, pre); err != nil || results[0].Status != gpuevm.Success {
		t.Errorf("afterwards: %v, %v", results, err)
	}
}

// runCancel: a cancelled context ends a batch of endless transactions at once, and the
// engine is none the worse for it.
func runCancel(t *testing.T, engine gpuevm.Engine) {
	w, tx := plain("Cancun")
	w.env.GasLimit = 1 << 50
	endless := common.Address{0xab}
	pre := fromAlloc(types.GenesisAlloc{
		tx.From: {Balance: new(big.Int).Lsh(big.NewInt(1), 100), Nonce: 5},
		endless: {Code: []byte{0x5b, 0x5f, 0x56}, Balance: new(big.Int)},
	})
	long := tx
	long.To, long.Gas = &endless, 1<<48
	for round := range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(round*30)*time.Millisecond)
		start := time.Now()
		_, err := engine.Execute(ctx, w.env, []gpuevm.Tx{long, long, long, long}, pre)
		cancel()
		if err == nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("round %d: error %v, want that of the context", round, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("round %d: took %v to stop", round, took)
		}
		tx.Value = uint256.NewInt(uint64(round))
		results, err := engine.Execute(context.Background(), w.env, []gpuevm.Tx{tx, tx}, pre)
		if err != nil || results[0].Status != gpuevm.Success || results[1].Status != gpuevm.Success {
			t.Fatalf("round %d, afterwards: %+v, %v", round, results, err)
		}
	}
}
