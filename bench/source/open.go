package source

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"
)

// Set is a number of blocks in files, by network and number. A block is read when it is
// asked for and not kept.
type Set struct {
	entries []entry
	mu      sync.Mutex
	codes   map[string]Codes // by folder
}

type entry struct {
	path    string
	network string
	number  uint64
	witness bool // of fetchpayload; else evmblock
}

var evmblockName = regexp.MustCompile(`^([a-z]+)-([0-9]+)\.json\.gz$`)

// Open lists the blocks in files and folders: NETWORK-NUMBER.json.gz (evmblock/1) and
// *.rlp or *.hex (fetchpayload). Of a folder, files with other names are no blocks.
func Open(paths ...string) (*Set, error) {
	s := &Set{codes: make(map[string]Codes)}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			err = s.addFolder(path)
		} else {
			err = s.addFile(path)
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(s.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(rank(a.network), rank(b.network)), cmp.Compare(a.number, b.number))
	})
	return s, nil
}

func (s *Set) addFolder(path string) error {
	found := len(s.entries)
	err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isBlock(d.Name()) {
			return err
		}
		return s.addFile(path)
	})
	if err == nil && len(s.entries) == found {
		err = fmt.Errorf("%s: no blocks in this folder", path)
	}
	return err
}

func isBlock(name string) bool {
	return evmblockName.MatchString(name) || strings.HasSuffix(name, "_payload.rlp") || strings.HasSuffix(name, "_payload.hex")
}

func (s *Set) addFile(path string) error {
	if m := evmblockName.FindStringSubmatch(filepath.Base(path)); m != nil {
		number, err := strconv.ParseUint(m[2], 10, 64)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		s.entries = append(s.entries, entry{path: path, network: m[1], number: number})
		return nil
	}
	if ext := filepath.Ext(path); ext == ".rlp" || ext == ".hex" {
		network, number, err := peekPayload(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		s.entries = append(s.entries, entry{path, network, number, true})
		return nil
	}
	return fmt.Errorf("%s: not named like a block: want NETWORK-NUMBER.json.gz, *.rlp or *.hex", path)
}

// peekPayload reads no more of a payload than says which block it is.
func peekPayload(path string) (network string, number uint64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	raw := make([]byte, 1<<15)
	n, err := io.ReadFull(f, raw)
	if err != nil && err != io.ErrUnexpectedEOF {
		return "", 0, err
	}
	raw = raw[:n]
	if filepath.Ext(path) == ".hex" {
		if raw, err = hexutil.Decode(strings.TrimSpace(string(raw[:n&^1]))); err != nil {
			return "", 0, err
		}
	}
	fail := func(field string, err error) (string, uint64, error) {
		return "", 0, fmt.Errorf("payload: %s: %w", field, err)
	}
	stream := rlp.NewStream(strings.NewReader(string(raw)), 1<<40) // the lists go on beyond what was read
	if _, err := stream.List(); err != nil {
		return fail("list", err)
	}
	id, err := stream.Uint64()
	if err != nil {
		return fail("chain id", err)
	}
	if _, err := stream.List(); err != nil {
		return fail("block", err)
	}
	header := new(types.Header)
	if err := stream.Decode(header); err != nil {
		return fail("header", err)
	}
	if err := checkHeader(header); err != nil {
		return fail("block", err)
	}
	if network, _, err = networkByID(id); err != nil {
		return fail("chain id", err)
	}
	return network, header.Number.Uint64(), nil
}

// Len is how many blocks there are.
func (s *Set) Len() int { return len(s.entries) }

// Name is what the block at i will be called.
func (s *Set) Name(i int) string {
	return fmt.Sprintf("%s-%d", s.entries[i].network, s.entries[i].number)
}

// Load reads the block at i. Safe for concurrent use.
func (s *Set) Load(i int) (*Block, error) {
	e := &s.entries[i]
	if e.witness {
		return ReadWitness(e.path)
	}
	codes, err := s.codesOf(e)
	if err != nil {
		return nil, err
	}
	return ReadEvmblock(e.path, codes)
}

// codesOf is the code table beside a file, read once for all files of the folder.
func (s *Set) codesOf(e *entry) (Codes, error) {
	folder := filepath.Dir(e.path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if codes, ok := s.codes[folder]; ok {
		return codes, nil
	}
	codes, err := ReadCodes(filepath.Join(folder, CodesFile))
	if err != nil {
		return nil, fmt.Errorf("%s: codes: %w", e.path, err)
	}
	s.codes[folder] = codes
	return codes, nil
}

// All reads the blocks one after another. A block that can't be read need not end it.
func (s *Set) All() iter.Seq2[*Block, error] {
	return func(yield func(*Block, error) bool) {
		for i := range s.entries {
			if !yield(s.Load(i)) {
				return
			}
		}
	}
}
