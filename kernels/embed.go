// Package kernels carries the CUDA C++ sources, which are also plain C++ (dialect.cuh), and
// what NVIDIA's compilers made of them (images).
package kernels

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
)

// Sources are all kernel sources by file name.
//
//go:embed *.cu *.cuh
var Sources embed.FS

// Headers are the files that sources include, by name.
func Headers() (map[string]string, error) {
	names, err := fs.Glob(Sources, "*.cuh")
	if err != nil {
		return nil, err
	}
	headers := make(map[string]string, len(names))
	for _, name := range names {
		text, err := Sources.ReadFile(name)
		if err != nil {
			return nil, err
		}
		headers[name] = string(text)
	}
	return headers, nil
}

// Hash identifies a source with all that it includes, and whatever else what is made of it
// depends on. An empty text stands for the file of that name.
func Hash(source, text string, more ...string) (string, error) {
	if text == "" {
		data, err := Sources.ReadFile(source)
		if err != nil {
			return "", fmt.Errorf("no kernel source %s: %w", source, err)
		}
		text = string(data)
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%d %q\n", len(more), more)
	seen := map[string]bool{source: true}
	var add func(name, text string) error
	add = func(name, text string) error {
		fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text)
		for _, name := range includes(text) {
			if seen[name] {
				continue
			}
			seen[name] = true
			data, err := Sources.ReadFile(name)
			if err != nil {
				return fmt.Errorf("%s includes %s: %w", source, name, err)
			}
			if err := add(name, string(data)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := add(source, text); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// includes lists the files that a text includes, as `#include "name"` at a line's start.
func includes(text string) (names []string) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, `#include "`); ok {
			name, _, _ := strings.Cut(rest, `"`)
			names = append(names, name)
		}
	}
	return names
}
