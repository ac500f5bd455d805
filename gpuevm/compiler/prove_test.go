package compiler

import (
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/holiman/uint256"
)

// rounds is how much random testing there is: GPUEVM_ROUNDS, else n.
func rounds(n int) int {
	if v, err := strconv.Atoi(os.Getenv("GPUEVM_ROUNDS")); err == nil {
		return v
	}
	return n
}

func randomTrials(rnd *rand.Rand, code []byte, n int) (trials []*trial) {
	for range n {
		input := make([]byte, rnd.Intn(100))
		rnd.Read(input)
		if rnd.Intn(2) == 0 {
			clear(input[:min(len(input), 31)])
		}
		gas := uint64(500_000)
		if rnd.Intn(3) == 0 {
			gas = uint64(1 + rnd.Intn(30_000))
		}
		storage := map[uint256.Int]uint256.Int{}
		for i := range uint64(3) {
			storage[*uint256.NewInt(i)] = *uint256.NewInt(i * uint64(rnd.Intn(2)))
		}
		trials = append(trials, &trial{code, input, gas, storage})
	}
	return trials
}

// TestPassesKeepTheMeaning runs random programs in SSA after every pass, and in go-ethereum.
func TestPassesKeepTheMeaning(t *testing.T) {
	compared, left := 0, 0
	for seed := range rounds(400) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewSource(int64(seed)))
			a := &author{rnd: rnd}
			code := a.program(1 + rnd.Intn(10))
			c, l := prove(t, code, Order(seed%2), randomTrials(rnd, code, 4))
			compared, left = compared+c, left+l
		})
	}
	t.Logf("%d runs compared, %d left to the interpreter; they ended: %v", compared, left, endings)
}

// TestRevisions: the toy machine knows one revision; SSA of the others is at least sound.
func TestRevisions(t *testing.T) {
	for r := range opcode.Revision(opcode.Revisions) {
		for seed := range 40 {
			a := &author{rnd: rand.New(rand.NewSource(int64(seed)))}
			code := a.program(8)
			if _, err := Compile(code, Options{Revision: r, Check: true}); err != nil {
				t.Errorf("%v: %v\ncode %x", r, err, code)
			}
		}
	}
}
