package keccak

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
)

func check(t *testing.T, name string, h Hasher, messages [][]byte) {
	t.Helper()
	var b Batch
	for range 2 { // the second time in used memory
		b.Reset()
		for _, m := range messages {
			b.Add(m)
		}
		h.Hash(&b)
		for i, m := range messages {
			if want := crypto.Keccak256Hash(m); want != *b.Digest(i) {
				t.Fatalf("%s: message %d of %d, %d bytes: %x, want %x", name, i, len(messages), len(m), *b.Digest(i), want)
			}
			if string(b.Message(i)) != string(m) {
				t.Fatalf("message %d came back changed", i)
			}
		}
	}
}

func each(t *testing.T, f func(name string, h Hasher)) {
	for _, name := range Names() {
		h, err := ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		f(name, h)
	}
}

func TestEveryLength(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	var messages [][]byte
	for n := range 6 * Rate {
		m := make([]byte, n)
		rnd.Read(m)
		messages = append(messages, m)
	}
	each(t, func(name string, h Hasher) { check(t, name, h, messages) })
}

func TestEveryCount(t *testing.T) {
	rnd := rand.New(rand.NewSource(2))
	for count := range 40 {
		messages := make([][]byte, count)
		for i := range messages {
			messages[i] = make([]byte, rnd.Intn(700))
			rnd.Read(messages[i])
		}
		each(t, func(name string, h Hasher) { check(t, name, h, messages) })
	}
}

func TestLargeMessages(t *testing.T) {
	rnd := rand.New(rand.NewSource(3))
	messages := make([][]byte, 9)
	for i := range messages {
		messages[i] = make([]byte, 1000*(i+1)+rnd.Intn(500))
		rnd.Read(messages[i])
	}
	each(t, func(name string, h Hasher) { check(t, name, h, messages) })
}

func TestOpenWithoutClose(t *testing.T) {
	var b Batch
	b.Add([]byte("a"))
	_ = append(b.Open(), "given up"...)
	i := b.Close(append(b.Open(), "b"...))
	Best().Hash(&b)
	if *b.Digest(i) != crypto.Keccak256Hash([]byte("b")) {
		t.Error("what was given up is in the hash")
	}
}

func TestUnknownName(t *testing.T) {
	if _, err := ByName("x3"); err == nil {
		t.Error("there is a hasher x3")
	}
}

func TestNoAllocation(t *testing.T) {
	message := make([]byte, 532)
	each(t, func(name string, h Hasher) {
		var b Batch
		n := testing.AllocsPerRun(20, func() {
			b.Reset()
			for range 100 {
				b.Add(message)
			}
			h.Hash(&b)
		})
		if n > 0.5 {
			t.Errorf("%s allocates %g times a batch", name, n)
		}
	})
}

func FuzzHashers(f *testing.F) {
	f.Add([]byte("abc"), uint16(7), uint8(9))
	f.Fuzz(func(t *testing.T, data []byte, step uint16, count uint8) {
		messages := make([][]byte, count)
		for i := range messages {
			messages[i] = data[:(i*int(step))%(len(data)+1)]
		}
		each(t, func(name string, h Hasher) { check(t, name, h, messages) })
	})
}

func BenchmarkHash(b *testing.B) {
	for _, name := range Names() {
		h, _ := ByName(name)
		for _, size := range []int{100, 532} {
			b.Run(fmt.Sprintf("%s/%dB", name, size), func(b *testing.B) {
				var batch Batch
				message := make([]byte, size)
				for range 1024 {
					batch.Add(message)
				}
				for b.Loop() {
					h.Hash(&batch)
				}
				b.ReportMetric(float64(batch.Permutations())*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mperm/s")
			})
		}
	}
}

// elsewhere is a hasher as a device's is: it sees blocks and nothing else.
type elsewhere struct{ t *testing.T }

func (e elsewhere) Hash(b *Batch) {
	digests := b.Digests()
	for i := range digests {
		first, n := b.Span(i)
		blocks := b.Blocks()[first*Rate:][:n*Rate]
		end := len(b.Message(i))
		if blocks[end]&1 == 0 || blocks[len(blocks)-1]&0x80 == 0 {
			e.t.Fatalf("message %d of %d bytes is not padded", i, end)
		}
		digests[i] = crypto.Keccak256Hash(blocks[:end])
	}
}

func TestHasherElsewhere(t *testing.T) {
	messages := make([][]byte, 2*Rate)
	for i := range messages {
		messages[i] = make([]byte, i)
	}
	check(t, "elsewhere", elsewhere{t}, messages)
}
