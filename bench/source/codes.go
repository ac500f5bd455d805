package source

import (
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// Codes are contract codes by hash.
type Codes map[common.Hash][]byte

// CodesFile is the name of the table that the evmblock files of a folder share.
const CodesFile = "codes.bin.gz"

// Anything a file unpacks to is held in memory at once; no real one comes near this.
const maxUnpacked = 1 << 30

// ReadCodes reads a code table: gzip of (uint32 big-endian length, code) until the end.
// A code is filed under its own hash, so that none can be wrong.
func ReadCodes(path string) (Codes, error) {
	raw, err := readGzip(path)
	if err != nil {
		return nil, err
	}
	codes, err := decodeCodes(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return codes, nil
}

// decodeCodes splits a table. The codes alias it.
func decodeCodes(raw []byte) (Codes, error) {
	codes := make(Codes)
	for rest := raw; len(rest) > 0; {
		at := len(raw) - len(rest)
		if len(rest) < 4 {
			return nil, fmt.Errorf("code table: truncated: %d bytes at offset %d where a length should be", len(rest), at)
		}
		n := uint64(binary.BigEndian.Uint32(rest))
		if rest = rest[4:]; n > uint64(len(rest)) {
			return nil, fmt.Errorf("code table: truncated: code %d at offset %d has %d bytes, %d are left", len(codes), at, n, len(rest))
		}
		code := rest[:n:n]
		codes[crypto.Keccak256Hash(code)] = code
		rest = rest[n:]
	}
	return codes, nil
}

func readGzip(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := unpack(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return raw, nil
}

func unpack(r io.Reader) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(z, maxUnpacked+1))
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	if len(raw) > maxUnpacked {
		return nil, fmt.Errorf("gzip: unpacks to more than %d bytes", maxUnpacked)
	}
	return raw, nil
}
