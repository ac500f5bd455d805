package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/holiman/uint256"
)

// multiplications are how many the kernel does with a number: four chains of 64.
const multiplications = 256

// multiplyInstructions is how many 32-bit instructions a product modulo 2^256 takes at the
// least: one for each pair of 32-bit limbs whose product reaches below 2^256.
const multiplyInstructions = 8 * 9 / 2

// DuelMultiply multiplies 256-bit numbers on a device and, with holiman/uint256, on the CPU.
func DuelMultiply(ctx context.Context, label string, dev cuda.Device, threads, rounds int) (*Measured, error) {
	numbers := make([]uint256.Int, itemsFor(dev, 1<<16, 1<<22))
	for i := range numbers {
		x := uint64(i)*0x9e3779b97f4a7c15 + 1
		numbers[i] = uint256.Int{x, x * x, ^x, x ^ x<<17}
	}
	raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(numbers))), 32*len(numbers))
	k, err := newKernel(dev, "multiply.cu", "multiply", len(numbers), [][]byte{raw}, len(raw))
	if err != nil {
		return nil, err
	}
	m := &Measured{Bench: "multiply", What: kernelWhat, Items: multiplications * len(numbers), Unit: "product", Rounds: rounds,
		Device: label, CPU: fmt.Sprintf("holiman/uint256, %d threads", threads)}
	first, rest, err := Duel(ctx, rounds, k.duelist(label), multiplyDuelist(m.CPU, numbers, threads))
	if err = errors.Join(err, k.free()); err != nil {
		return nil, fmt.Errorf("multiply: %w", err)
	}
	m.fill(first, rest)
	if peak := Peak(dev.Info(), label); peak > 0 {
		m.ShareOfPeak = new(round3(m.KernelPerSecond * multiplyInstructions / peak))
	}
	return m, nil
}

func multiplyDuelist(name string, numbers []uint256.Int, threads int) Duelist {
	return Duelist{name, func(context.Context) (Took, error) {
		products := make([]uint256.Int, len(numbers))
		start := time.Now()
		onThreads(threads, func(t int) {
			from, to := part(len(numbers), t, threads)
			for i := from; i < to; i++ {
				products[i] = multiplied(&numbers[i])
			}
		})
		took := Took{Wall: time.Since(start)}
		took.Made = mix(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(products))), 32*len(products)))
		return took, nil
	}}
}

// multiplied is what the kernel makes of a number.
func multiplied(x *uint256.Int) (sum uint256.Int) {
	var y uint256.Int
	y.Or(x, uint256.NewInt(1))
	for chain := range uint64(4) {
		var p uint256.Int
		p.AddUint64(x, chain)
		for range multiplications / 4 {
			p.Mul(&p, &y)
		}
		sum.Xor(&sum, &p)
	}
	return sum
}
