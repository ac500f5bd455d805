package device_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/gpuevm/gpuevm/fallback"
	"github.com/gpuevm/gpuevm/gpuevm"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/device"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/holiman/uint256"
)

// relinking is the host with the ways of a GPU: each program has all functions elsewhere, and
// those of the one before are gone from memory, so that who calls one ends the process.
type relinking struct {
	cuda.Device
	texts    map[*cuda.Object]string
	programs map[*cuda.Program][]*cuda.Object
	swaps    int
	bad      string // a source with which linking fails
	failLink bool
	failSwap bool
}

var errLinker = errors.New("the linker failed")

func (d *relinking) Compile(base, source, text string) (*cuda.Object, error) {
	o, err := d.Device.Compile(base, source, text)
	if err == nil {
		d.texts[o] = text
	}
	return o, err
}

func (d *relinking) Link(base string, objects []*cuda.Object) (*cuda.Program, error) {
	if d.failLink || slices.ContainsFunc(objects, func(o *cuda.Object) bool { return d.bad != "" && strings.Contains(o.Source, d.bad) }) {
		return nil, errLinker
	}
	p, err := d.Device.Link(base, objects)
	if err == nil {
		d.programs[p] = objects
	}
	return p, err
}

func (d *relinking) Swap(p *cuda.Program) (bool, error) {
	if d.failSwap {
		return false, errLinker
	}
	d.swaps++
	var elsewhere []*cuda.Object
	for _, o := range d.programs[p] {
		text := fmt.Sprintf("static const unsigned char moved_%d[%d] = {1};\n", d.swaps, 4096*d.swaps) + d.texts[o]
		moved, err := d.Device.Compile("run.cu", o.Source, text)
		if err != nil {
			return false, err
		}
		elsewhere = append(elsewhere, moved)
	}
	p, err := d.Device.Link("run.cu", elsewhere)
	if err == nil {
		_, err = d.Device.Swap(p)
	}
	return true, err
}

// contracts are some that each store one more than they were given, each its own way.
type contracts struct {
	t   *testing.T
	e   *device.Engine
	env *gpuevm.BlockEnv
	mem *statedb.Mem
}

const contractCount = 6

func contractAt(i int) common.Address { return common.Address{0xc0, byte(i)} }

func contractCode(i int) []byte {
	code, _ := hex.DecodeString(fmt.Sprintf("60015f35015f5560%02x5000", i))
	return code
}

func newContracts(t *testing.T, dev cuda.Device, c device.Compile) *contracts {
	alloc := types.GenesisAlloc{{0xaa}: {Balance: big.NewInt(params.Ether)}}
	for i := range contractCount {
		alloc[contractAt(i)] = types.Account{Code: contractCode(i), Balance: new(big.Int)}
	}
	mem, err := statedb.FromAlloc(alloc)
	if err != nil {
		t.Fatal(err)
	}
	c.Wait, c.Dir = true, t.TempDir()
	e, err := device.New(dev, device.Options{CPU: fallback.New(0), SpotCheck: 1, Compile: c, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	header := &types.Header{Number: big.NewInt(1), GasLimit: 1 << 40, BaseFee: new(big.Int), Difficulty: new(big.Int), Time: 1 << 31, ExcessBlobGas: new(uint64)}
	return &contracts{t, e, gpuevm.NewBlockEnv(params.MergedTestChainConfig, header, common.Address{1}, nil), mem}
}

// call calls some of the contracts, and says how many codes run compiled and how many were
// refused so far. Each result is checked with the CPU engine's.
func (c *contracts) call(which ...int) (compiled, refused int64) {
	c.t.Helper()
	var txs []gpuevm.Tx
	for i, n := range which {
		to := contractAt(n)
		txs = append(txs, gpuevm.Tx{
			Index: i, From: common.Address{0xaa}, To: &to, Gas: 100_000, TrustNonce: true, Data: make([]byte, 32),
			Value: new(uint256.Int), GasPrice: new(uint256.Int), GasFeeCap: new(uint256.Int), GasTipCap: new(uint256.Int),
		})
	}
	results, err := c.e.Execute(context.Background(), c.env, txs, c.mem)
	s := c.e.Stats()
	if err != nil || s.Faults > 0 || s.OnDevice != s.Txs {
		c.t.Fatal(err, s)
	}
	for i := range results {
		if results[i].Status != gpuevm.Success {
			c.t.Fatalf("contract %d: %v %v", which[i], results[i].Status, results[i].Err)
		}
	}
	return s.Compiled, s.NotCompiled
}

func openRelinking(t *testing.T) *relinking {
	host, err := cuda.OpenHost()
	if err != nil {
		t.Skip(err)
	}
	return &relinking{Device: host, texts: map[*cuda.Object]string{}, programs: map[*cuda.Program][]*cuda.Object{}}
}

func (c *contracts) wants(what string, compiled, refused int64, which ...int) {
	c.t.Helper()
	if a, b := c.call(which...); a != compiled || b != refused {
		c.t.Errorf("%s: %d codes compiled, %d refused, not %d and %d", what, a, b, compiled, refused)
	}
}

// TestRelinked: where a new program moves functions, codes that were compiled before run from
// where theirs are now.
func TestRelinked(t *testing.T) {
	dev := openRelinking(t)
	c := newContracts(t, dev, device.Compile{Mode: device.CompileAlways})
	c.wants("one", 1, 0, 0)
	c.wants("another", 2, 0, 1)
	c.wants("the first again", 2, 0, 0, 1, 0)
	c.wants("two more", 4, 0, 2, 3)
	c.wants("all four", 4, 0, 0, 1, 2, 3)
	if dev.swaps != 3 {
		t.Errorf("%d programs", dev.swaps)
	}
}

// TestLinkFails: what can't be linked, and what the device does not take, is left to the
// interpreter; codes that run compiled go on doing so, and later ones may.
func TestLinkFails(t *testing.T) {
	dev := openRelinking(t)
	c := newContracts(t, dev, device.Compile{Mode: device.CompileAlways})
	c.wants("before", 1, 0, 0)
	dev.failLink = true
	c.wants("no program can be linked", 1, 2, 1, 2, 0)
	dev.failLink = false
	dev.failSwap = true
	c.wants("no program can be loaded", 1, 3, 3, 0)
	dev.failSwap = false
	c.wants("afterwards", 2, 3, 4, 0, 1, 2, 3)
}

// TestLinkOneBad: a unit that can't be linked takes none of the others with it.
func TestLinkOneBad(t *testing.T) {
	dev := openRelinking(t)
	hash := hex.EncodeToString(crypto.Keccak256(contractCode(2))[:8])
	dev.bad = hash
	c := newContracts(t, dev, device.Compile{Mode: device.CompileAlways})
	c.wants("five and a bad one", 5, 1, 0, 1, 2, 3, 4, 5)
	c.wants("again", 5, 1, 0, 1, 2, 3, 4, 5)
}

// gpuKind is the host by the kind of a GPU.
type gpuKind struct{ cuda.Device }

func (d gpuKind) Info() cuda.Info {
	info := d.Device.Info()
	info.Kind = "cuda"
	return info
}

// TestNoNVRTC: where NVRTC is missing a GPU's codes are interpreted, and one line says why.
func TestNoNVRTC(t *testing.T) {
	t.Setenv("NVRTC", "/no/libnvrtc.so")
	if _, err := cuda.CompilerVersion(); err == nil {
		t.Skip("NVRTC has been loaded before")
	}
	host, err := cuda.OpenHost()
	if err != nil {
		t.Skip(err)
	}
	var log strings.Builder
	e, err := device.New(gpuKind{host}, device.Options{CPU: fallback.New(0), Log: slog.New(slog.NewTextHandler(&log, nil)),
		Compile: device.Compile{Mode: device.CompileAlways, Wait: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	env, txs, mem := loop(t, loops["keccak"], 2)
	if _, err := e.Execute(context.Background(), env, txs, mem); err != nil || e.Stats().OnDevice != 2 || e.Stats().Compiled != 0 {
		t.Error(err, e.Stats())
	}
	if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "NVRTC") {
		t.Error(log.String())
	}
}
