package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gpuevm/gpuevm/gpuevm/compiler"
)

// stageFiles writes what a stage leaves.
type stageFiles struct {
	files, what string
	write       func(*compilation) error
}

// stages are all that is written of a contract that was compiled, in order. Each is on its
// own: another is another line here.
var stages = []stageFiles{
	{"cfg.dot, cfg.svg", "control-flow graph of the finished contract; cfg-built.*: before the passes", writeFlow},
	{"schedule.txt", "when each value is issued and when its word is there, in cycles; * is on a longest chain", writeSchedule},
	{"ilp.json", "work, span and parallelism of each block and function", writeILP},
	{"contract.cu", "the contract in CUDA C, which the host device compiles as C++", writeCUDA},
	{"contract.ptx", "PTX, where NVRTC is (NVRTC names its file)", writePTX},
	{"contract.cubin, resources.txt", "machine code, and ptxas's account of registers and spills, where ptxas is (PTXAS names its file)", writeResources},
	{"notes.json", "what became of the code on the way, and what each pass did", writeNotes},
}

func stageList() string {
	var b strings.Builder
	b.WriteString("   blocks.txt: instructions by basic block, before the passes\n" +
		"   ssa-00-build.txt, ssa-01-*.txt and so on: SSA as it was built, and after each pass\n")
	for _, s := range stages {
		fmt.Fprintf(&b, "   %s: %s\n", s.files, s.what)
	}
	return strings.TrimRight(b.String(), "\n")
}

func (c *compilation) write(name, text string) error {
	c.files++
	return os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o644)
}

// afterPass writes what is gone when the next pass has run.
func (c *compilation) afterPass(stage string, f *compiler.Func) error {
	n := len(c.passes) - 1
	err := c.write(fmt.Sprintf("ssa-%02d-%s.txt", n, strings.ReplaceAll(stage, " ", "-")), f.String())
	if n == 0 {
		err = firstError(err, c.write("blocks.txt", f.Listing()), c.write("cfg-built.dot", f.DOT()),
			c.write("cfg-built.svg", flowOf(f, c.name+", as built").svg()))
	}
	return err
}

func writeFlow(c *compilation) error {
	return firstError(c.write("cfg.dot", c.f.DOT()), c.write("cfg.svg", flowOf(c.f, c.name+", finished").svg()))
}

func writeSchedule(c *compilation) error {
	return c.write("schedule.txt", c.f.Schedule(compiler.RegisterWords))
}

func writeILP(c *compilation) error { return c.writeJSON("ilp.json", c.f.MeasureILP()) }

// passNote is a pass in notes.json.
type passNote struct {
	Pass   string  `json:"pass"`
	Found  int     `json:"found"`
	Blocks int     `json:"blocks"`
	Values int     `json:"values"` // after it, with parameters
	Millis float64 `json:"ms"`
}

func writeNotes(c *compilation) error {
	var passes []passNote
	for _, p := range c.passes {
		passes = append(passes, passNote{p.name, p.found, p.blocks, p.words, ms(p.took)})
	}
	return c.writeJSON("notes.json", struct {
		Fork   string         `json:"fork"`
		Notes  compiler.Notes `json:"notes"`
		Passes []passNote     `json:"passes"`
	}{c.fork.String(), c.f.Notes, passes})
}

func (c *compilation) writeJSON(name string, what any) error {
	text, err := json.MarshalIndent(what, "", " ")
	if err != nil {
		return err
	}
	return c.write(name, string(text)+"\n")
}
