package compiler

import (
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/enginetest/shareddata"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

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

func TestFlowProbe(t *testing.T) {
	codes := realCodes(t)
	start := time.Now()
	var bytes, blocks, places, jumps, unknown, with, ineligible, leaves, reachedDest, dests, steps int
	worst := time.Duration(0)
	for _, code := range codes {
		begin := time.Now()
		p := decode(code, opcode.Osaka)
		f, err := analyse(p, DefaultLimits())
		worst = max(worst, time.Since(begin))
		bytes += len(code)
		if err != nil {
			t.Log(len(code), err)
			ineligible++
			continue
		}
		blocks += len(f.order)
		places += len(f.heights)
		steps += f.steps
		u := 0
		for _, n := range f.order {
			if n.how == endJump || n.how == endJumpi {
				jumps++
			}
			if n.open {
				u++
			}
			if n.how == endLeave {
				leaves++
			}
		}
		unknown += u
		if u > 0 {
			with++
		}
		for _, i := range p.at {
			if i >= 0 {
				dests++
				if f.heights[i] > 0 {
					reachedDest++
				}
			}
		}
	}
	t.Logf("%d codes, %d bytes, %v (worst %v), %d steps; %d ineligible; %d blocks at %d places; %d jumps, %d unknown in %d codes; %d leaves; reached %d of %d JUMPDESTs",
		len(codes), bytes, time.Since(start), worst, steps, ineligible, blocks, places, jumps, unknown, with, leaves, reachedDest, dests)
}
