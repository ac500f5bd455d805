package cuda

import (
	"fmt"
	"strings"
	"time"

	"github.com/gpuevm/gpuevm/kernels"
)

// On a GPU the linker knows what a kernel needs of registers and stack only when it sees all
// that the kernel may call. So a program is one module with everything in it, and each Swap is a
// new one, in which every function is somewhere else. (Modules share no variables; the kernels
// have none but constants, so that nothing is lost with the old one.)

// relocatable compiles a text, or where that is empty a file of package kernels, to be linked.
func relocatable(in *cache, _, source, text string, f facts) (code []byte, cached bool, err error) {
	if err := ContractCompiler(); err != nil {
		return nil, false, err
	}
	n, err := openNVRTC()
	if err != nil {
		return nil, false, err
	}
	options := append(append([]string{}, kernels.CompileOptions...), kernels.LinkOptions...)
	key, err := kernels.Hash(source, text, trailerMagic, "NVRTC "+n.version, fmt.Sprint(f.capability()), strings.Join(options, " "))
	if err != nil {
		return nil, false, err
	}
	_, code, cached, err = in.get(entry{nameOf(source), key, ".cubin"}, func() ([]byte, error) {
		return compileFor(source, text, f.capability(), kernels.LinkOptions...)
	})
	return code, cached, err
}

// ContractCompiler is nil where NVRTC can compile contracts. NVRTC 11 can't: its ptxas, which is
// part of it and so of this process, crashes on some (11.8 on Uniswap's pools, every second or
// third time with -O3, others each time with -O1; 12.9 on none of the 200 most used codes).
func ContractCompiler() error {
	n, err := openNVRTC()
	if err == nil && strings.HasPrefix(n.version, "11.") {
		return fmt.Errorf("%w: NVRTC %s crashes on some contracts, 12 or later is needed (NVRTC names its file)", ErrNoCompiler, n.version)
	}
	return err
}

func (g *gpu) Keep(o CacheOptions) {
	if old := g.codes.Swap(newCache(o)); old != g.kernels {
		old.close()
	}
}

func (g *gpu) Compile(base, source, text string) (*Object, error) {
	start := time.Now()
	code, cached, err := g.object(g.codes.Load(), base, source, text)
	if err != nil {
		return nil, err
	}
	o := &Object{Source: source, From: "NVRTC", code: code}
	if cached {
		o.From = "cached"
	}
	g.note(source, o.From, start)
	return o, nil
}

// object compiles, but not while it holds up Close, as a call of the driver does.
func (g *gpu) object(in *cache, base, source, text string) (code []byte, cached bool, err error) {
	if err := g.do(func() error { return nil }); err != nil {
		return nil, false, err
	}
	return g.objects(in, base, source, text, g.facts)
}

func (g *gpu) note(source, from string, start time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.info.Loaded = append(g.info.Loaded, Loaded{Source: source, From: from, Took: time.Since(start)})
}

func (g *gpu) Link(base string, objects []*Object) (p *Program, err error) {
	start := time.Now()
	code, _, err := g.object(g.kernels, base, base, "")
	if err != nil {
		return nil, err
	}
	parts := []part{{base, code}}
	for _, o := range objects {
		parts = append(parts, part{o.Source, o.code})
	}
	err = g.do(func() error {
		image, err := g.drv.link(parts, kernels.LinkRegisters)
		if err != nil {
			return fmt.Errorf("link %s with %d objects: %w", base, len(objects), err)
		}
		if err := g.fits(image); err != nil {
			return fmt.Errorf("link %s with %d objects: %w", base, len(objects), err)
		}
		p = &Program{Base: base, objects: objects, image: image, start: start}
		return nil
	})
	return p, err
}

// stackShare is how much of the memory a program's stacks may take, as one over it. The driver
// sets them aside for as many threads as fit on the device, and a launch fails where it can't.
const stackShare = 4

func (g *gpu) fits(image []byte) error {
	stack, err := g.stack(image)
	if err != nil {
		return err
	}
	threads := uint64(g.facts.processors * g.facts.threadsPerUnit)
	if stack*threads > g.facts.memory/stackShare {
		return fmt.Errorf("%d bytes of stack for each of %d threads are more than 1/%d of the memory", stack, threads, stackShare)
	}
	return nil
}

func (g *gpu) Swap(p *Program) (moved bool, err error) {
	err = g.do(func() error {
		g.loading.Lock()
		defer g.loading.Unlock()
		h, err := g.drv.load(p.image)
		if err != nil {
			return fmt.Errorf("load %s with %d objects: %w", p.Base, len(p.objects), err)
		}
		m := &gpuModule{handle: h, kernels: make(map[string]gpuKernel)}
		old := map[*gpuModule]bool{g.modules[p.Base]: true}
		g.modules[p.Base] = m
		for _, o := range p.objects {
			old[g.modules[o.Source]] = true
			g.modules[o.Source] = m
		}
		g.note(p.Base, "linked", p.start)
		for o := range old {
			_ = g.unload(o) // the new one is in place; that the device is lost the next call says
		}
		return nil
	})
	return true, err
}
