package compiler

import (
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/holiman/uint256"
)

// realCodes are the distinct codes of the real blocks.
func realCodes(tb testing.TB) [][]byte {
	tb.Helper()
	file, err := os.Open(filepath.Join(shareddata.Folder(tb, "blocks"), "codes.bin.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	zip, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	var codes [][]byte
	for {
		var size uint32
		if err := binary.Read(zip, binary.BigEndian, &size); err == io.EOF {
			return codes
		} else if err != nil {
			tb.Fatal(err)
		}
		code := make([]byte, size)
		if _, err := io.ReadFull(zip, code); err != nil {
			tb.Fatal(err)
		}
		codes = append(codes, code)
	}
}

// everyNth is how many real codes a test leaves out: none where GPUEVM_ALL is set.
func everyNth(n int) int {
	if os.Getenv("GPUEVM_ALL") != "" {
		return 1
	}
	return n
}

// tally is what became of real codes.
type tally struct {
	codes, bytes, ineligible    int
	values, after               int
	blocks, places, jumps, open int
	withOpen, leaves            int
	stackILP, ssaILP, budgetILP float64 // of blocks, by their instructions
	weight                      float64
	whole                       Measures
	functions, dispatchers      int
	reasons, counts             map[string]int
}

func (s *tally) add(f *Func) {
	n := &f.Notes
	s.bytes += n.Bytes
	s.values += n.Values
	s.after += f.count()
	s.blocks += n.Blocks
	s.places += n.Places
	s.jumps += n.Jumps
	s.open += n.OpenJumps
	s.leaves += n.Leaves
	if n.OpenJumps > 0 {
		s.withOpen++
	}
	for k, c := range n.Counts {
		s.counts[k] += c
	}
	r := f.MeasureILP()
	for _, b := range r.Blocks {
		w := float64(b.Stack.Ops)
		s.weight += w
		s.stackILP += w * b.Stack.ILP
		s.ssaILP += w * b.SSA.ILP
		s.budgetILP += w * b.Budget.ILP
	}
	s.whole.add(&r.Whole)
	s.functions += len(r.Functions) - 1
	if len(r.Functions) > 1 {
		s.dispatchers++
	}
}

// TestRealCodes compiles codes of real blocks and prints what became of them. Fewer than one
// in a hundred may be ineligible.
func TestRealCodes(t *testing.T) {
	s := tally{reasons: map[string]int{}, counts: map[string]int{}}
	var took, worst time.Duration
	nth := everyNth(16)
	for i, code := range realCodes(t) {
		if i%nth != 0 {
			continue
		}
		s.codes++
		start := time.Now()
		f, err := Compile(code, Options{Revision: opcode.Osaka})
		d := time.Since(start)
		took, worst = took+d, max(worst, d)
		var refused *Ineligible
		if errors.As(err, &refused) {
			s.ineligible++
			s.reasons[refused.Reason]++
			continue
		}
		if err != nil {
			t.Fatalf("code %d: %v", i, err)
		}
		if err := f.Check(); err != nil {
			t.Errorf("code %d: %v", i, err)
		}
		s.add(f)
	}
	t.Logf("%d codes, %d bytes in %v: %v per KB, worst %v", s.codes, s.bytes, took, took*1024/time.Duration(s.bytes), worst)
	t.Logf("%d ineligible: %v", s.ineligible, s.reasons)
	t.Logf("%d of %d jumps may go where only the interpreter follows, in %d codes; %d blocks leave", s.open, s.jumps, s.withOpen, s.leaves)
	t.Logf("%d blocks at %d places; %d values and parameters, %d after the passes", s.blocks, s.places, s.values, s.after)
	t.Logf("passes did %v", s.counts)
	t.Logf("%d functions in %d codes", s.functions, s.dispatchers)
	t.Logf("ILP of blocks, weighted by instructions: stack %.2f, SSA %.2f, with %d words %.2f",
		s.stackILP/s.weight, s.ssaILP/s.weight, RegisterWords, s.budgetILP/s.weight)
	t.Logf("sums over blocks: stack %+v, SSA %+v, scheduled %+v, program order %+v, path %v",
		s.whole.Stack, s.whole.SSA, s.whole.Budget, s.whole.Program, s.whole.Path)
	if 100*s.ineligible > s.codes {
		t.Errorf("%d of %d codes are ineligible", s.ineligible, s.codes)
	}
}

// TestRealFunctions runs functions of real contracts in SSA, built and finished, and in
// go-ethereum.
func TestRealFunctions(t *testing.T) {
	compared, left := 0, 0
	nth := everyNth(40)
	for i, code := range realCodes(t) {
		if i%nth != 1%nth {
			continue
		}
		f, err := Compile(code, Options{Revision: opcode.Osaka})
		if err != nil {
			continue
		}
		rnd := rand.New(rand.NewSource(int64(i)))
		var trials []*trial
		for _, fn := range f.Functions() {
			trials = append(trials, callOf(rnd, code, fn.Selector))
		}
		c, l := proveAfter(t, code, Parallel, trials, func(stage string) bool { return stage == "build" || stage == passes[len(passes)-1].name })
		compared, left = compared+c, left+l
	}
	t.Logf("%d runs compared, %d left to the interpreter; they ended: %v", compared, left, endings)
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// callOf is a call of a function with words that it might take.
func callOf(rnd *rand.Rand, code []byte, selector uint32) *trial {
	input := []byte{byte(selector >> 24), byte(selector >> 16), byte(selector >> 8), byte(selector)}
	for range rnd.Intn(5) {
		word := uint256.NewInt([]uint64{0, 1, 32, 64, 1000, 0xab00, 1 << 60}[rnd.Intn(7)]).Bytes32()
		input = append(input, word[:]...)
	}
	storage := map[uint256.Int]uint256.Int{}
	for i := range uint64(12) {
		storage[*uint256.NewInt(i)] = *uint256.NewInt([]uint64{1, 2, 0x0419, 1 << 40}[rnd.Intn(4)])
	}
	gas := uint64(1_000_000)
	if rnd.Intn(4) == 0 {
		gas = uint64(1 + rnd.Intn(5000)) // 0 means no limit to runtime.Call
	}
	return &trial{code, input, gas, storage}
}
