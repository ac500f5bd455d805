package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gpuevm/gpuevm/bench/source"
	"github.com/gpuevm/gpuevm/gpuevm/opcode"
	"github.com/urfave/cli/v2"
)

var forkFlag = &cli.StringFlag{Name: "fork", Value: opcode.Revision(opcode.Revisions - 1).String(), Usage: "rules that the code is compiled for: " + forkNames()}

func forkNames() string {
	var names []string
	for r := range opcode.Revision(opcode.Revisions) {
		names = append(names, r.String())
	}
	return strings.Join(names, ", ")
}

func forkOf(ctx *cli.Context) (opcode.Revision, error) {
	for r := range opcode.Revision(opcode.Revisions) {
		if strings.EqualFold(r.String(), ctx.String("fork")) {
			return r, nil
		}
	}
	return 0, usagef("--fork %q: it is one of %s", ctx.String("fork"), forkNames())
}

// namedCode is a code and what to call it.
type namedCode struct {
	name string
	code []byte
}

// maxCode is more than any chain lets a contract, or what creates one, have.
const maxCode = 1 << 20

// readCode reads a code that is given as hex, or as a file that holds hex or the code.
func readCode(arg string) (namedCode, error) {
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return namedCode{}, usagef("%s is a folder", arg)
	case err == nil && info.Size() > 2*maxCode+16:
		return namedCode{}, usagef("%s: %d bytes are more than a code has", arg, info.Size())
	case err == nil:
		raw, err := os.ReadFile(arg)
		if err != nil {
			return namedCode{}, usageError{err}
		}
		code, err := codeOf(raw)
		if err != nil {
			return namedCode{}, usagef("%s: %w", arg, err)
		}
		return namedCode{arg, code}, nil
	case !isHex(arg):
		if errors.Is(err, fs.ErrNotExist) {
			return namedCode{}, usagef("%s: no such file, and not hex", short(arg))
		}
		return namedCode{}, usageError{err}
	}
	code, err := codeOf([]byte(arg))
	if err != nil {
		return namedCode{}, usagef("%s: %w", short(arg), err)
	}
	return namedCode{short(arg), code}, nil
}

// codeOf decodes what is nothing but hex, and takes anything else as it is.
func codeOf(raw []byte) ([]byte, error) {
	text := string(bytes.TrimSpace(raw))
	if !isHex(text) {
		raw = bytes.Clone(raw)
	} else {
		text = strings.TrimPrefix(strings.TrimPrefix(text, "0x"), "0X")
		if len(text)%2 != 0 {
			return nil, fmt.Errorf("hex of %d digits: it is two for each byte", len(text))
		}
		var err error
		if raw, err = hex.DecodeString(text); err != nil {
			return nil, err
		}
	}
	if len(raw) > maxCode {
		return nil, fmt.Errorf("%d bytes are more than a code has", len(raw))
	}
	return raw, nil
}

// isHex: digits, perhaps behind 0x. Two characters of text are no code unless it says 0x.
func isHex(text string) bool {
	digits := strings.TrimPrefix(strings.TrimPrefix(text, "0x"), "0X")
	return strings.Trim(digits, "0123456789abcdefABCDEF") == "" && (len(digits) < len(text) || len(digits) > 0)
}

func short(text string) string {
	if len(text) > 24 {
		return text[:20] + "..."
	}
	return text
}

// codeByHash finds a code in a table.
func codeByHash(hash, table string) (namedCode, error) {
	var h common.Hash
	if err := h.UnmarshalText([]byte(hash)); err != nil {
		return namedCode{}, usagef("--codehash %q: %w", hash, err)
	}
	codes, err := source.ReadCodes(table)
	if err != nil {
		return namedCode{}, usagef("--codes: %w", err)
	}
	code, ok := codes[h]
	if !ok {
		return namedCode{}, usagef("--codehash %s is not among the %d codes of %s", h, len(codes), table)
	}
	return namedCode{h.Hex(), code}, nil
}
