package source

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"
)

// Chain reads the blocks of a chain in order, from what `geth export` writes. It knows
// the state at the genesis only: the caller carries the state from block to block.
type Chain struct {
	path    string
	files   []io.Closer
	stream  *rlp.Stream
	spec    *core.Genesis
	genesis *types.Block
	last    *types.Header
	hashes  []common.Hash // by number, of all blocks so far; only appended to
}

// A block claims its size before its bytes come; no real one is near this.
const maxBlockSize = 1 << 28

// OpenChain opens a chain export, RLP or gzipped RLP where its name ends in .gz, and its
// genesis in go-ethereum's JSON.
func OpenChain(genesisPath, chainPath string) (*Chain, error) {
	spec, err := readGenesis(genesisPath)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", genesisPath, err)
	}
	f, err := os.Open(chainPath)
	if err != nil {
		return nil, err
	}
	c := newChain(chainPath, spec, f)
	c.files = []io.Closer{f}
	if strings.HasSuffix(chainPath, ".gz") {
		z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("%s: gzip: %w", chainPath, err)
		}
		c.stream = rlp.NewStream(bufio.NewReaderSize(z, 1<<20), 0)
	}
	return c, nil
}

func newChain(path string, spec *core.Genesis, r io.Reader) *Chain {
	genesis := spec.ToBlock()
	return &Chain{
		path:    path,
		stream:  rlp.NewStream(bufio.NewReaderSize(r, 1<<20), 0),
		spec:    spec,
		genesis: genesis,
		last:    genesis.Header(),
		hashes:  []common.Hash{genesis.Hash()},
	}
}

func readGenesis(path string) (*core.Genesis, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	spec := new(core.Genesis)
	if err := json.Unmarshal(raw, spec); err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	if spec.Config == nil || spec.Config.ChainID == nil {
		return nil, errors.New("genesis: config: no chain id")
	}
	if spec.Number != 0 {
		return nil, fmt.Errorf("genesis: number: %d", spec.Number)
	}
	return spec, nil
}

// Close closes the files.
func (c *Chain) Close() error {
	var err error
	for _, f := range c.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// Genesis is the block before the first, and its allocation.
func (c *Chain) Genesis() (*types.Block, types.GenesisAlloc) { return c.genesis, c.spec.Alloc }

// Last names the block that Next gave last, nothing before the first.
func (c *Chain) Last() string {
	if len(c.hashes) == 1 {
		return ""
	}
	return c.name(c.last.Number.Uint64())
}

func (c *Chain) name(number uint64) string {
	return fmt.Sprintf("chain%v-%d", c.spec.Config.ChainID, number)
}

// Next is the next block, io.EOF after the last. The state before it is left to the
// caller. An export that includes the genesis is the same as one that does not.
func (c *Chain) Next() (*Block, error) {
	block, err := c.decode()
	if err == nil && block.NumberU64() == 0 && len(c.hashes) == 1 {
		if block.Hash() != c.genesis.Hash() {
			return nil, fmt.Errorf("%s: block 0 has hash %s, the genesis %s: wrong genesis", c.path, block.Hash().Hex(), c.genesis.Hash().Hex())
		}
		block, err = c.decode()
	}
	if err == io.EOF {
		return nil, io.EOF
	}
	if err == nil {
		err = c.follows(block)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: after block %d: %w", c.path, c.last.Number, err)
	}
	return c.block(block)
}

// decode reads a block that may be out of place.
func (c *Chain) decode() (*types.Block, error) {
	_, size, err := c.stream.Kind()
	if err != nil {
		return nil, err
	}
	if size > maxBlockSize {
		return nil, fmt.Errorf("a block of %d bytes", size)
	}
	block := new(types.Block)
	if err := c.stream.Decode(block); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return block, checkHeader(block.Header())
}

func (c *Chain) follows(block *types.Block) error {
	switch number := c.last.Number.Uint64() + 1; {
	case block.NumberU64() != number:
		return fmt.Errorf("block %d is out of order", block.NumberU64())
	case block.ParentHash() == c.hashes[number-1]:
		return checkBody(block, true)
	case number == 1:
		return fmt.Errorf("block 1 has parent %s, the genesis has hash %s: wrong genesis", block.ParentHash().Hex(), c.genesis.Hash().Hex())
	default:
		return fmt.Errorf("block %d has parent %s, the block before it hash %s", number, block.ParentHash().Hex(), c.hashes[number-1].Hex())
	}
}

func (c *Chain) block(block *types.Block) (*Block, error) {
	b := &Block{
		Name:      c.name(block.NumberU64()),
		Config:    c.spec.Config,
		Block:     block,
		Parent:    c.last,
		BlockHash: hashesOf(c.hashes),
		Expect:    Expect{Checks: allChecks},
	}
	var err error
	if b.Author, err = author(c.spec.Config, block.Header()); err != nil {
		return nil, fmt.Errorf("%s: block %d: %w", c.path, block.NumberU64(), err)
	}
	c.last = block.Header()
	c.hashes = append(c.hashes, block.Hash())
	return b, nil
}

// hashesOf answers BLOCKHASH from the hashes of all blocks before this one.
func hashesOf(hashes []common.Hash) func(uint64) common.Hash {
	return func(n uint64) common.Hash {
		if n < uint64(len(hashes)) {
			return hashes[n]
		}
		return common.Hash{}
	}
}
