package statebench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// ground is a directory with the state of each side, made once. Beside them are a stamp that
// says what was made, and a journal of the blocks since: a side that missed some, because the
// other one ran alone or the process ended, does them before anything is measured.
type ground struct {
	opt    *Options
	dir    string
	sides  []side
	stamp  stamp
	blocks []spec // of heights 2 and up
	at     int    // how many of them a side that runs alone has
	lines  *os.File
}

// stamp is what a directory has.
type stamp struct {
	World
	Format  int             `json:"format"`
	History bool            `json:"history"`
	Root    common.Hash     `json:"root"`
	Made    map[string]bool `json:"made"`
}

// stampFormat changes when the same description would make another state.
const stampFormat = 1

func openGround(ctx context.Context, o *Options) (g *ground, err error) {
	name := fmt.Sprintf("state-%d-%d-%d", o.Accounts, o.Slots, o.Seed)
	if !o.History {
		name += "-nohistory"
	}
	g = &ground{opt: o, dir: filepath.Join(o.Dir, name)}
	if err := os.MkdirAll(g.dir, 0o755); err != nil {
		return nil, err
	}
	if err := g.readStamp(); err != nil {
		return nil, err
	}
	// go-ethereum first: ours is told the root.
	for _, s := range []side{newGeth(&o.World, g.dir, o.History), newOurs(&o.World, g.dir, o.Forest)} {
		if err := g.make(ctx, s); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name(), err)
		}
		if o.Only == "" || o.Only == s.name() {
			g.sides = append(g.sides, s)
		}
	}
	if err := g.readJournal(); err != nil {
		return nil, err
	}
	if err := g.open(); err != nil {
		return nil, errors.Join(err, g.lines.Close())
	}
	if err := g.catchUp(ctx); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

func (g *ground) path(name string) string { return filepath.Join(g.dir, name) }

func (g *ground) readStamp() error {
	g.stamp = stamp{World: g.opt.World, Format: stampFormat, History: g.opt.History, Made: make(map[string]bool)}
	raw, err := os.ReadFile(g.path("stamp.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var found stamp
	if err == nil {
		err = json.Unmarshal(raw, &found)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", g.path("stamp.json"), err)
	}
	if found.World != g.stamp.World || found.Format != stampFormat || found.History != g.stamp.History {
		return fmt.Errorf("%s has another state (%s); remove it", g.dir, raw)
	}
	g.stamp = found
	return nil
}

// make makes a side's first state, unless it is there.
func (g *ground) make(ctx context.Context, s side) error {
	if g.stamp.Made[s.name()] {
		return nil
	}
	if err := os.RemoveAll(g.path(s.name())); err != nil {
		return err
	}
	if err := os.MkdirAll(g.path(s.name()), 0o755); err != nil {
		return err
	}
	start, last := time.Now(), time.Now()
	root, err := s.make(ctx, g.stamp.Root, func(done int) {
		if time.Since(last) > 5*time.Second {
			last = time.Now()
			g.opt.say("%s: %d of %d accounts made", s.name(), done, g.opt.Accounts)
		}
	})
	if err != nil {
		return err
	}
	g.opt.say("%s: state of %d accounts made in %.1f s, root %s", s.name(), g.opt.Accounts, time.Since(start).Seconds(), root.Hex())
	g.stamp.Root, g.stamp.Made[s.name()] = root, true
	raw, err := json.Marshal(&g.stamp)
	if err != nil {
		return err
	}
	return os.WriteFile(g.path("stamp.json"), raw, 0o644)
}

func (g *ground) readJournal() (err error) {
	if g.lines, err = os.OpenFile(g.path("blocks.jsonl"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644); err != nil {
		return err
	}
	lines := bufio.NewScanner(g.lines)
	for lines.Scan() {
		var s spec
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil || s.Height != uint64(len(g.blocks))+2 {
			return errors.Join(fmt.Errorf("%s, line %d is not block %d: %q", g.lines.Name(), len(g.blocks)+1, len(g.blocks)+2, lines.Text()), err, g.lines.Close())
		}
		g.blocks = append(g.blocks, s)
	}
	return lines.Err()
}

// next is another block, on record before any side has it. A side that runs alone and has missed
// blocks gets those first: so sides that run alone one after the other do the same ones.
func (g *ground) next(ctx context.Context, kind Kind, dirty int) (*block, error) {
	if len(g.sides) == 1 {
		for g.at < len(g.blocks) {
			s := g.blocks[g.at]
			g.at++
			if s.Kind == kind && s.Dirty == dirty {
				return g.opt.block(s), nil
			}
			if err := g.miss(ctx, g.sides[0], s); err != nil {
				return nil, err
			}
		}
	}
	s := spec{Height: uint64(len(g.blocks)) + 2, Kind: kind, Dirty: dirty}
	raw, err := json.Marshal(s)
	if err == nil {
		_, err = g.lines.Write(append(raw, '\n'))
	}
	if err != nil {
		return nil, err
	}
	g.blocks = append(g.blocks, s)
	g.at = len(g.blocks)
	return g.opt.block(s), nil
}

func (g *ground) open() error {
	for i, s := range g.sides {
		err := s.open()
		if t, ok := s.(*geth); ok && err == nil && t.height() == 1 {
			err = t.check()
		}
		if err != nil {
			for _, s := range g.sides[:i] {
				err = errors.Join(err, s.close())
			}
			return fmt.Errorf("%s: %w", s.name(), err)
		}
	}
	return nil
}

// catchUp does the blocks that a side has missed, where there are two.
func (g *ground) catchUp(ctx context.Context) error {
	for _, s := range g.sides {
		from := s.height()
		if from < 1 || from-1 > uint64(len(g.blocks)) {
			return fmt.Errorf("%s is at block %d, and only %d are on record", s.name(), from, len(g.blocks)+1)
		}
		if g.at = int(from - 1); len(g.sides) == 1 {
			return nil
		}
		for _, spec := range g.blocks[from-1:] {
			if err := g.miss(ctx, s, spec); err != nil {
				return err
			}
		}
	}
	return nil
}

// miss does a block that a side has missed.
func (g *ground) miss(ctx context.Context, s side, b spec) error {
	g.opt.say("%s: catching up with block %d", s.name(), b.Height)
	if _, err := s.run(ctx, g.opt.block(b), how{mode: "statedb"}); err != nil {
		return fmt.Errorf("%s: %w", s.name(), err)
	}
	return nil
}

// reopen drops all that is in memory. It says whether that includes the page cache.
func (g *ground) reopen(ctx context.Context) (bool, error) {
	for _, s := range g.sides {
		if err := s.close(); err != nil {
			return false, fmt.Errorf("%s: %w", s.name(), err)
		}
	}
	if err := g.open(); err != nil {
		g.sides = nil
		return false, err
	}
	Settle(ctx, g.opt.Settle)
	return g.opt.DropPageCache && DropPageCache(), nil
}

func (g *ground) close() error {
	err := g.lines.Close()
	for _, s := range g.sides {
		err = errors.Join(err, s.close())
	}
	return err
}
