package cuda

// On the host an object is a shared object that names its base's as one that it needs: the
// dynamic linker links it, functions that were there before stay where they are, and a program
// is no more than the list.

func (h *host) Keep(o CacheOptions) {
	if old := h.codes.Swap(newCache(o)); old != h.compiler.kernels {
		old.close()
	}
}

func (h *host) Compile(base, source, text string) (*Object, error) {
	release, err := h.open()
	if err != nil {
		return nil, err
	}
	defer release()
	b, err := h.make(source, text, []string{base})
	if err != nil {
		return nil, err
	}
	return &Object{Source: source, From: b.from(), built: b}, nil
}

func (h *host) Link(base string, objects []*Object) (*Program, error) {
	release, err := h.open()
	if err != nil {
		return nil, err
	}
	defer release()
	return &Program{Base: base, objects: objects}, nil
}

func (h *host) Swap(p *Program) (moved bool, err error) {
	release, err := h.open()
	if err != nil {
		return false, err
	}
	defer release()
	h.loading.Lock()
	defer h.loading.Unlock()
	for _, o := range p.objects {
		if m := h.modules[o.Source]; m != nil && m.library == o.built.library {
			continue
		}
		if err := h.place(o.Source, o.built); err != nil {
			return false, err
		}
	}
	return false, nil
}
