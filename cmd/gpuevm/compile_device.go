package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gpuevm/gpuevm/gpuevm/compiler"
	"github.com/gpuevm/gpuevm/gpuevm/cuda"
)

// What a device's compilers make of a contract. They may not be there; then their files are
// not, and why is said.

// timed is how long a stage took that users wait for.
type timed struct {
	what string
	took time.Duration
}

func (c *compilation) time(what string, start time.Time) {
	c.times = append(c.times, timed{what, time.Since(start)})
}

func (c *compilation) lacks(file string, err error) {
	c.lacking = append(c.lacking, fmt.Sprintf("%s is not written: %s", file, strings.ReplaceAll(err.Error(), "\n", "; ")))
}

// writeCUDA writes CUDA C, which is C++ as well. A text that is over its limit makes a contract
// ineligible after all.
func writeCUDA(c *compilation) error {
	start := time.Now()
	text, err := c.f.Emit("contract", compiler.DefaultText)
	if errors.As(err, &c.refused) {
		return c.write("ineligible.txt", c.refused.Error()+"\n")
	}
	if err != nil {
		return err
	}
	c.text = compiler.SourceOf([]string{"contract"}, []string{text})
	c.time(fmt.Sprintf("CUDA C, %d KB", len(c.text)>>10), start)
	return c.write("contract.cu", c.text)
}

// writePTX has NVRTC compile that, to be linked with the interpreter.
func writePTX(c *compilation) error {
	if c.text == "" {
		return nil
	}
	start := time.Now()
	ptx, err := cuda.Compile("contract.cu", c.text, strings.Replace(c.arch, "sm_", "compute_", 1), "--relocatable-device-code=true")
	if errors.Is(err, cuda.ErrNoCompiler) {
		c.lacks("contract.ptx", err)
		return nil
	}
	if err != nil {
		return err
	}
	c.time("PTX by NVRTC", start)
	c.ptx = true
	return c.write("contract.ptx", strings.TrimRight(string(ptx), "\x00"))
}

// writeResources has ptxas make machine code, and keeps what it says of registers and spills.
func writeResources(c *compilation) error {
	if !c.ptx {
		return nil
	}
	tool := "ptxas"
	if path := os.Getenv("PTXAS"); path != "" {
		tool = path
	}
	if _, err := exec.LookPath(tool); err != nil {
		c.lacks("resources.txt", fmt.Errorf("ptxas (PTXAS names its file): %w", err))
		return nil
	}
	start := time.Now()
	said, err := exec.Command(tool, "-c", "-v", "-arch", c.arch, "-o", filepath.Join(c.dir, "contract.cubin"), filepath.Join(c.dir, "contract.ptx")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ptxas: %w: %.2000s", err, said)
	}
	c.files++ // contract.cubin
	c.time("machine code by ptxas", start)
	return c.write("resources.txt", string(said))
}
