package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/gpuevm/gpuevm/bench/report"
	"github.com/gpuevm/gpuevm/statedb"
	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/store"
	"github.com/holiman/uint256"
	"github.com/urfave/cli/v2"
)

var dbVerify = &cli.Command{
	Name:  "verify",
	Usage: "recompute every root from the cells and compare",
	Description: "Reads every record; computes all tries of the newest state from its cells alone, on go-ethereum's\n" +
		"stack trie, and compares their roots and every node with what is stored; then goes back block by\n" +
		"block through the states that can be read and compares their roots. The first thing that is wrong is\n" +
		"named, and the exit code 1. It holds the hash of every node in memory: some 100 bytes each.",
	Flags: []cli.Flag{datadirFlag, asJSONFlag},
	Action: func(ctx *cli.Context) error {
		if err := noArguments(ctx); err != nil {
			return err
		}
		return withDB(ctx, true, func(db *statedb.DB) error {
			v := &verification{db: db, dir: ctx.String("datadir"), progress: ctx.App.ErrWriter, nodes: make(map[place]common.Hash)}
			if err := v.run(ctx.Context); err != nil {
				return fmt.Errorf("%s: %w", v.dir, err)
			}
			if ctx.Bool("json") {
				return writeIndented(ctx.App.Writer, &v.Verified)
			}
			v.Verified.Print(ctx.App.Writer)
			return nil
		})
	},
}

// verification recomputes a store.
type verification struct {
	report.Verified
	db       *statedb.DB
	dir      string
	progress io.Writer
	nodes    map[place]common.Hash // as stored; those that were recomputed are taken out
}

// place is where a node is.
type place struct {
	owner common.Hash
	path  string
}

func (p place) String() string {
	if p.owner == (common.Hash{}) {
		return fmt.Sprintf("account trie node at path %x", p.path)
	}
	return fmt.Sprintf("storage trie %x, node at path %x", p.owner, p.path)
}

func (v *verification) run(ctx context.Context) error {
	head := v.db.Head()
	v.DataDir, v.Block, v.Root = v.dir, head.Height, head.Root.Hex()
	steps := []struct {
		says string
		do   func(context.Context, store.Head) error
	}{
		{"reading every record", v.records},
		{"reading the nodes", v.readNodes},
		{"computing the newest state's tries from its cells", v.recompute},
		{"going back through the states", v.back},
	}
	for i, s := range steps {
		fmt.Fprintf(v.progress, "%d/%d %s\n", i+1, len(steps), s.says)
		if err := s.do(ctx, head); err != nil {
			return err
		}
	}
	return nil
}

func (v *verification) records(ctx context.Context, _ store.Head) error {
	kinds, err := v.db.Store().Stats(ctx)
	for _, k := range kinds {
		v.Records += k.Records
	}
	return err
}

func (v *verification) readNodes(ctx context.Context, _ store.Head) error {
	return v.db.Store().EachNode(func(n store.Node) error {
		v.nodes[place{n.Owner, string(n.Path)}] = crypto.Keccak256Hash(n.Blob)
		return ctx.Err()
	})
}

type leaf struct {
	key   common.Hash
	value []byte
}

// recompute makes all tries of the newest state. Only leaves of the account trie are
// kept: a storage trie is done when its account is.
func (v *verification) recompute(ctx context.Context, head store.Head) error {
	s := v.db.Store()
	var accounts []leaf
	err := s.EachAccount(common.Address{}, func(addr common.Address, a store.Account) error {
		owner := crypto.Keccak256Hash(addr[:])
		var slots []leaf
		err := s.EachSlot(addr, func(slot, value common.Hash) error {
			enc, err := rlp.EncodeToBytes(common.TrimLeftZeroes(value[:]))
			slots = append(slots, leaf{crypto.Keccak256Hash(slot[:]), enc})
			return err
		})
		if err != nil {
			return err
		}
		root, err := v.trie(owner, slots)
		if err != nil {
			return fmt.Errorf("account %s: %w", addr.Hex(), err)
		}
		v.Slots += len(slots)
		enc, err := rlp.EncodeToBytes(&types.StateAccount{Nonce: a.Nonce, Balance: new(uint256.Int).SetBytes32(a.Balance[:]), Root: root, CodeHash: codeHash(a)})
		accounts = append(accounts, leaf{owner, enc})
		return errors.Join(err, ctx.Err())
	})
	if err != nil {
		return err
	}
	v.Accounts = len(accounts)
	root, err := v.trie(common.Hash{}, accounts)
	if err != nil {
		return err
	}
	if root != head.Root {
		return fmt.Errorf("%w: the cells make the state root %s, block %d has %s", store.ErrCorrupt, root.Hex(), head.Height, head.Root.Hex())
	}
	for p := range v.nodes {
		return fmt.Errorf("%w: %s is stored and in no trie", store.ErrCorrupt, p)
	}
	return nil
}

func codeHash(a store.Account) []byte {
	if a.CodeHash == (common.Hash{}) {
		return types.EmptyCodeHash[:]
	}
	return a.CodeHash[:]
}

// trie computes a trie and compares its nodes with those stored.
func (v *verification) trie(owner common.Hash, leaves []leaf) (common.Hash, error) {
	slices.SortFunc(leaves, func(a, b leaf) int { return bytes.Compare(a.key[:], b.key[:]) })
	var wrong error
	t := trie.NewStackTrie(func(path []byte, hash common.Hash, _ []byte) {
		p := place{owner, string(path)}
		if got, ok := v.nodes[p]; wrong == nil && !ok {
			wrong = fmt.Errorf("%w: %s is missing", store.ErrCorrupt, p)
		} else if wrong == nil && got != hash {
			wrong = fmt.Errorf("%w: %s has hash %s, the cells make it %s", store.ErrCorrupt, p, got.Hex(), hash.Hex())
		}
		delete(v.nodes, p)
		v.Nodes++
	})
	for i := range leaves {
		if err := t.Update(leaves[i].key[:], leaves[i].value); err != nil {
			return common.Hash{}, err
		}
	}
	return t.Hash(), wrong
}

// back goes through the older states that can be read, the newest first.
func (v *verification) back(ctx context.Context, head store.Head) error {
	s := v.db.Store()
	f := forest.New(forest.Options{}, head.Root, storeNodes{s})
	v.States = 1
	for at := head; at.Height > s.Progress().Floor; v.States++ {
		below, err := blockBefore(s, at)
		if err != nil {
			return err
		}
		d, err := s.Delta(at.Hash, below.Hash)
		if err == nil {
			err = f.Apply(d)
		}
		if err != nil {
			return fmt.Errorf("from block %d to %d: %w", at.Height, below.Height, err)
		}
		root, err := f.Root()
		if err != nil {
			return fmt.Errorf("state of block %d: %w", below.Height, err)
		}
		if root != below.Root {
			return fmt.Errorf("%w: the state of block %d makes the root %s, it has %s", store.ErrCorrupt, below.Height, root.Hex(), below.Root.Hex())
		}
		at = below
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// blockBefore is the block of the state before. Heights may have gaps.
func blockBefore(s *store.Store, at store.Head) (store.Head, error) {
	for number := at.Height; number > 0; {
		number--
		hash, err := s.BlockHash(number)
		if errors.Is(err, store.ErrUnknown) {
			continue
		}
		if err != nil {
			return store.Head{}, err
		}
		view, err := s.ViewBlock(hash)
		if err != nil {
			return store.Head{}, fmt.Errorf("block %d: %w", number, err)
		}
		defer view.Close()
		return view.Block(), nil
	}
	return store.Head{}, fmt.Errorf("%w: no block before block %d", store.ErrCorrupt, at.Height)
}

// storeNodes are a store's nodes for a forest of one's own.
type storeNodes struct{ *store.Store }
