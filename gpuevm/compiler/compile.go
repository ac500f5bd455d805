package compiler

import (
	"fmt"

	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// Options say how to compile.
type Options struct {
	Revision opcode.Revision
	Limits   Limits // zero: DefaultLimits
	Order    Order  // of the values in a block

	// Watch, where not nil, sees the contract when it is built ("build") and after each pass.
	Watch func(stage string, f *Func)
	// Check checks the contract after each pass. A fault is a fault of ours: the error says
	// which pass left it.
	Check bool
}

// Compile makes SSA of a code and improves it. The error is an *Ineligible where the code is
// over a limit.
func Compile(code []byte, o Options) (*Func, error) {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	flow, refused := analyse(decode(code, o.Revision), o.Limits)
	if refused != nil {
		return nil, refused
	}
	f, refused := build(flow)
	if refused != nil {
		return nil, refused
	}
	f.Notes.Values = f.count()
	if err := f.stage("build", &o); err != nil {
		return nil, err
	}
	return f, f.improve(&o)
}

func (f *Func) count() (n int) {
	for _, b := range f.Blocks {
		n += len(b.Values) + len(b.Params)
	}
	return n
}

// stage shows and checks the contract as a pass has left it.
func (f *Func) stage(name string, o *Options) error {
	if o.Watch != nil {
		o.Watch(name, f)
	}
	if o.Check {
		if err := f.Check(); err != nil {
			return fmt.Errorf("after %s: %w", name, err)
		}
	}
	return nil
}

// improve runs the passes.
func (f *Func) improve(o *Options) error {
	for _, p := range passes {
		f.Notes.Counts[p.name] += p.run(f, o)
		if err := f.stage(p.name, o); err != nil {
			return err
		}
	}
	return nil
}
