package enginetest

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
	"github.com/holiman/uint256"
)

// vector is an entry of go-ethereum's core/vm/testdata/precompiles.
type vector struct {
	Name, Input, Expected, ExpectedError string
	Gas                                  uint64
}

// vectorFiles says whom the vectors of a file are for, and since when their gas holds.
var vectorFiles = map[string]struct {
	fork string
	addr uint16
}{
	"ecRecover.json": {"Istanbul", 0x01}, "modexp.json": {"Byzantium", 0x05}, "modexp_eip2565.json": {"Berlin", 0x05},
	"modexp_eip7883.json": {"Osaka", 0x05}, "bn256Add.json": {"Istanbul", 0x06}, "bn256ScalarMul.json": {"Istanbul", 0x07},
	"bn256Pairing.json": {"Istanbul", 0x08}, "blake2F.json": {"Istanbul", 0x09}, "fail-blake2f.json": {"Istanbul", 0x09},
	"pointEvaluation.json": {"Cancun", 0x0a}, "p256Verify.json": {"Osaka", 0x100},
	"blsG1Add.json": {"Prague", 0x0b}, "fail-blsG1Add.json": {"Prague", 0x0b},
	"blsG1Mul.json": {"Prague", 0x0c}, "fail-blsG1Mul.json": {"Prague", 0x0c},
	"blsG1MultiExp.json": {"Prague", 0x0c}, "fail-blsG1MultiExp.json": {"Prague", 0x0c},
	"blsG2Add.json": {"Prague", 0x0d}, "fail-blsG2Add.json": {"Prague", 0x0d},
	"blsG2Mul.json": {"Prague", 0x0e}, "fail-blsG2Mul.json": {"Prague", 0x0e},
	"blsG2MultiExp.json": {"Prague", 0x0e}, "fail-blsG2MultiExp.json": {"Prague", 0x0e},
	"blsPairing.json": {"Prague", 0x0f}, "fail-blsPairing.json": {"Prague", 0x0f},
	"blsMapG1.json": {"Prague", 0x10}, "fail-blsMapG1.json": {"Prague", 0x10},
	"blsMapG2.json": {"Prague", 0x11}, "fail-blsMapG2.json": {"Prague", 0x11},
}

// runVectors calls precompiles with known answers.
func runVectors(t *testing.T, engine gpuevm.Engine) {
	f, err := os.Open(filepath.Join(shareddata.Folder(t, "vectors"), "precompiles.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for tr, n := tar.NewReader(gz), 0; ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			t.Logf("%d vectors", n)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg || path.Ext(h.Name) != ".json" {
			continue
		}
		var list []vector
		if err := json.NewDecoder(tr).Decode(&list); err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
		if _, ok := vectorFiles[path.Base(h.Name)]; !ok {
			t.Errorf("nobody knows what %s is for", h.Name)
			continue
		}
		runVectorFile(t, engine, path.Base(h.Name), list)
		n += len(list)
	}
}

func runVectorFile(t *testing.T, engine gpuevm.Engine, name string, list []vector) {
	file := vectorFiles[name]
	env := newEnv(file.fork)
	env.GasLimit = 1 << 40
	from, to := common.Address{0xaa}, common.BigToAddress(big.NewInt(int64(file.addr)))
	pre := fromAlloc(types.GenesisAlloc{from: {Balance: new(big.Int).Lsh(big.NewInt(1), 90)}})
	price := uint256.NewInt(7)
	txs := make([]gpuevm.Tx, len(list))
	want := make([]uint64, len(list))
	for i, v := range list {
		input, err := hex.DecodeString(v.Input)
		if err != nil {
			t.Fatal(err)
		}
		want[i] = expectedGas(t, env.Rules(), from, &to, input, v.Gas)
		gas := want[i]
		if v.ExpectedError != "" {
			gas += 1_000_000
		}
		txs[i] = gpuevm.Tx{Index: i, From: from, To: &to, Value: new(uint256.Int), Gas: gas, GasPrice: price, GasFeeCap: price, GasTipCap: new(uint256.Int), Data: input}
	}
	results, err := engine.Execute(context.Background(), env, txs, pre)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range list {
		r := &results[i]
		switch {
		case r.Status == gpuevm.Unsupported:
		case env.Rules().IsOsaka && txs[i].Gas > params.MaxTxGas:
			if r.Status != gpuevm.Invalid {
				t.Errorf("%s %s: %v, more gas than a transaction may have", name, v.Name, r.Status)
			}
		case v.ExpectedError != "":
			if r.Status != gpuevm.Halted || text(r.Err) != v.ExpectedError || r.GasUsed != txs[i].Gas {
				t.Errorf("%s %s: %v (%v), gas %d; want %q and all gas", name, v.Name, r.Status, r.Err, r.GasUsed, v.ExpectedError)
			}
		case r.Status != gpuevm.Success || hex.EncodeToString(r.Output) != v.Expected || r.GasUsed != want[i]:
			t.Errorf("%s %s: %v (%v), gas %d, output %x; want gas %d, output %s", name, v.Name, r.Status, r.Err, r.GasUsed, r.Output, want[i], v.Expected)
		}
	}
}

// expectedGas is what a transaction costs that calls a precompile of this price.
func expectedGas(t *testing.T, rules params.Rules, from common.Address, to *common.Address, input []byte, price uint64) uint64 {
	base, err := core.IntrinsicGas(input, nil, nil, from, to, new(uint256.Int), rules)
	if err != nil {
		t.Fatal(err)
	}
	gas := base + price
	if rules.IsPrague {
		floor, err := core.FloorDataGas(rules, from, to, new(uint256.Int), input, nil)
		if err != nil {
			t.Fatal(err)
		}
		gas = max(gas, floor)
	}
	return gas
}
