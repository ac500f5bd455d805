package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/statedb/keccak"
)

const kernelWhat = "Wall: copies to the device and back, and the kernel; first: the device's first run. " +
	"The CPU: on all threads, its data in place"

// itemsFor is as many as make a run of some tenths of a second on two cores, or fill a GPU
// many times over.
func itemsFor(dev cuda.Device, onHost, onGPU int) int {
	if dev.Info().Kind == "host" {
		return onHost
	}
	return onGPU
}

// DuelKeccak hashes messages of one size on a device and, with the quickest hasher of this
// processor, on the CPU.
func DuelKeccak(ctx context.Context, size int, label string, dev cuda.Device, threads, rounds int) (*Measured, error) {
	permutations := size/keccak.Rate + 1
	messages := make([][]byte, itemsFor(dev, 1<<18, 1<<21)/permutations)
	for i := range messages {
		messages[i] = make([]byte, size)
		binary.LittleEndian.PutUint64(messages[i][size-8:], uint64(i)*0x9e3779b97f4a7c15)
	}
	k, err := newHashes(dev, messages)
	if err != nil {
		return nil, err
	}
	names := keccak.Names()
	m := &Measured{Bench: fmt.Sprintf("keccak-%d", size), What: kernelWhat, Items: len(messages), Unit: "hash", Rounds: rounds,
		Device: label, CPU: fmt.Sprintf("statedb/keccak %s, %d threads", names[len(names)-1], threads)}
	first, rest, err := Duel(ctx, rounds, k.duelist(label), hashDuelist(m.CPU, messages, threads))
	if err = errors.Join(err, k.free()); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Bench, err)
	}
	m.fill(first, rest)
	m.Permuted = m.KernelPerSecond * float64(permutations)
	if peak := Peak(dev.Info(), label); peak > 0 {
		m.ShareOfPeak = new(round3(m.Permuted * keccakInstructions / peak))
	}
	return m, nil
}

// duelist runs the kernel; what it made is its first output.
func (k *kernel) duelist(name string) Duelist {
	return Duelist{name, func(context.Context) (Took, error) {
		took, err := k.run()
		took.Made = mix(k.out[0].host)
		return took, err
	}}
}

func hashDuelist(name string, messages [][]byte, threads int) Duelist {
	parts := make([]keccak.Batch, threads)
	return Duelist{name, func(context.Context) (Took, error) {
		for t := range parts {
			parts[t].Reset()
			from, to := part(len(messages), t, threads)
			for _, m := range messages[from:to] {
				parts[t].Add(m)
			}
		}
		start := time.Now()
		onThreads(threads, func(t int) { keccak.Best().Hash(&parts[t]) })
		took := Took{Wall: time.Since(start)}
		out := make([]byte, 0, 32*len(messages))
		for t := range parts {
			for i := range parts[t].Len() {
				out = append(out, parts[t].Digest(i)[:]...)
			}
		}
		took.Made = mix(out)
		return took, nil
	}}
}

// DuelRecover recovers signers on a device and, with go-ethereum's library, on the CPU.
func DuelRecover(ctx context.Context, label string, dev cuda.Device, threads, rounds int) (*Measured, error) {
	n := itemsFor(dev, 1<<13, 1<<18)
	signatures, hashes, err := signed(n)
	if err != nil {
		return nil, err
	}
	k, err := newRecovers(dev, signatures, hashes)
	if err != nil {
		return nil, err
	}
	library := "libsecp256k1"
	if !Cgo {
		library = "decred's secp256k1 (no cgo)"
	}
	m := &Measured{Bench: "recover", What: kernelWhat, Items: n, Unit: "signature", Rounds: rounds,
		Device: label, CPU: fmt.Sprintf("%s, %d threads", library, threads)}
	first, rest, err := Duel(ctx, rounds, k.duelist(label), recoverDuelist(m.CPU, signatures, hashes, threads))
	if err = errors.Join(err, k.free()); err != nil {
		return nil, fmt.Errorf("recover: %w", err)
	}
	m.fill(first, rest)
	return m, nil
}

// signed are n signatures, of which some thousand differ: signing takes longer than that is
// worth, and who recovers them can't tell.
func signed(n int) (signatures, hashes []byte, err error) {
	const different = 1 << 12
	for i := range min(n, different) {
		hash := crypto.Keccak256(binary.LittleEndian.AppendUint64(nil, uint64(i)))
		key, err := crypto.ToECDSA(crypto.Keccak256(hash))
		if err != nil {
			return nil, nil, err
		}
		sig, err := crypto.Sign(hash, key)
		if err != nil {
			return nil, nil, err
		}
		signatures, hashes = append(signatures, sig...), append(hashes, hash...)
	}
	for len(hashes) < 32*n {
		signatures = append(signatures, signatures[:65*min(different, n-len(hashes)/32)]...)
		hashes = append(hashes, hashes[:len(signatures)/65*32-len(hashes)]...)
	}
	return signatures, hashes, nil
}

func recoverDuelist(name string, signatures, hashes []byte, threads int) Duelist {
	n := len(hashes) / 32
	return Duelist{name, func(context.Context) (Took, error) {
		addresses, failed := make([]byte, 20*n), make([]error, threads)
		start := time.Now()
		onThreads(threads, func(t int) {
			from, to := part(n, t, threads)
			for i := from; i < to && failed[t] == nil; i++ {
				var public []byte
				if public, failed[t] = crypto.Ecrecover(hashes[32*i:][:32], signatures[65*i:][:65]); failed[t] == nil {
					copy(addresses[20*i:], crypto.Keccak256(public[1:])[12:])
				}
			}
		})
		return Took{Wall: time.Since(start), Made: mix(addresses)}, errors.Join(failed...)
	}}
}

func part(n, t, of int) (from, to int) { return n * t / of, n * (t + 1) / of }

func onThreads(threads int, work func(thread int)) {
	var wg sync.WaitGroup
	for t := range threads {
		wg.Go(func() { work(t) })
	}
	wg.Wait()
}

// keccakInstructions is how many 32-bit instructions a permutation takes at the least, with
// three-input logic and funnel shifts, a round: 20 for the columns' parities, 10 to turn
// them, 10 to join them, 50 to spread them, 48 to turn the lanes, 50 for chi and 2 for iota.
const keccakInstructions = 24 * (20 + 10 + 10 + 50 + 48 + 50 + 2)

// Peak is how many 32-bit integer instructions a GPU can start in a second: processors x 64
// lanes x the highest clock, by nvidia-smi. 0: not known. 64 lanes holds for compute
// capability 8.0 and 9.0 (A100, H100, H200), of which a processor holds 2,048 threads.
func Peak(info cuda.Info, label string) float64 {
	if info.Capability != "8.0" && info.Capability != "9.0" {
		return 0
	}
	_, index, _ := strings.Cut(label, ":")
	out, err := exec.Command("nvidia-smi", "-i", index, "--query-gpu=clocks.max.sm", "--format=csv,noheader,nounits").Output()
	if err != nil {
		return 0
	}
	mhz, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		return 0
	}
	return float64(info.Lanes/2048) * 64 * mhz * 1e6
}
