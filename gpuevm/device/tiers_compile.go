package device

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/compiler"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
)

// interpreter is the source whose kernel runs compiled code.
const interpreter = "run.cu"

// unit is a translation unit: some codes that are compiled together.
type unit struct {
	keys   []codeKey
	source string
	list   string // its kernel that tells the addresses of its functions
	object *cuda.Object
}

// compile makes a unit's object. What can't be compiled is refused; the rest stays in it.
func (t *tiers) compile(u *unit, codes [][]byte) {
	start := time.Now()
	defer func() { t.count.compiling.Add(int64(time.Since(start))) }()
	var f functions
	var keys []codeKey
	for i, k := range u.keys {
		if err := f.add(codes[i], k.revision, t.options); err != nil {
			t.refuse(k, err)
			continue
		}
		keys = append(keys, k)
	}
	if u.keys = keys; len(keys) == 0 {
		return
	}
	u.name()
	// The kernel's name must be its own where all are linked into one module.
	text := "#define list_functions " + u.list + "\n" + compiler.SourceOf(f.names, f.texts)
	var err error
	if u.object, err = t.dev.Compile(interpreter, u.source, text); err != nil {
		t.refuseAll(u, err)
	}
}

// name names a unit by its first code, which is in no other, and by how many there are. In the
// cache it is found by that again, whatever was compiled before it.
func (u *unit) name() {
	name := fmt.Sprintf("%x_%v_%d", u.keys[0].hash[:8], u.keys[0].revision, len(u.keys))
	u.source, u.list = "code_"+name+".cu", "list_"+name
}

// functions are those of a unit.
type functions struct {
	names []string // of each code's
	texts []string
	known map[string]string // the name that a text has
}

// anyName stands for a function's name until it is known whether it needs one: many codes are
// the same text in one revision as in the next, and compiled once.
const anyName = "ANY_NAME"

func (f *functions) add(code []byte, r opcode.Revision, o *Compile) error {
	text, err := emit(code, r, o)
	if err != nil {
		return err
	}
	name, has := f.known[text]
	if !has {
		name = fmt.Sprintf("contract%d", len(f.texts))
		if f.known == nil {
			f.known = make(map[string]string)
		}
		f.known[text] = name
		f.texts = append(f.texts, strings.ReplaceAll(text, anyName, name))
	}
	f.names = append(f.names, name)
	return nil
}

func emit(code []byte, r opcode.Revision, o *Compile) (string, error) {
	f, err := compiler.Compile(code, compiler.Options{Revision: r, Order: o.Order})
	if err != nil {
		return "", err
	}
	return f.Emit(anyName, o.Text)
}

func (t *tiers) refuseAll(u *unit, err error) {
	u.object = nil
	if errors.Is(err, cuda.ErrClosed) || errors.Is(err, cuda.ErrLost) {
		return // which is no matter of the codes, and the end of these tiers
	}
	t.options.log.Warn("codes are left to the interpreter", "unit", u.source, "codes", len(u.keys), "error", err)
	for _, k := range u.keys {
		t.refuse(k, err)
	}
}
