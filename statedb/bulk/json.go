package bulk

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// lexer reads JSON piece by piece, so that an object may have millions of fields, and knows
// the line it is in. (encoding/json's Decoder can do the first, in several allocations a
// token, and not the second.)
type lexer struct {
	in   *bufio.Reader
	line int
	buf  []byte
}

const (
	longName  = 256      // of a field
	longValue = 64 << 20 // of a string: no code is longer
	deep      = 64       // nesting of what is passed over
)

func newLexer(r io.Reader) *lexer { return &lexer{in: bufio.NewReaderSize(r, 256<<10), line: 1} }

// fault is an error in a line.
func (x *lexer) fault(format string, args ...any) error {
	return fmt.Errorf("line %d: %w", x.line, fmt.Errorf(format, args...))
}

func (x *lexer) byte() (byte, error) {
	c, err := x.in.ReadByte()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, x.fault("%w", err)
	}
	if c == '\n' {
		x.line++
	}
	return c, nil
}

// peek is the next byte that is no space, which stays. At the end of the input it is io.EOF
// itself.
func (x *lexer) peek() (byte, error) {
	for {
		b, err := x.in.Peek(1)
		if err == io.EOF {
			return 0, err
		}
		if err != nil {
			return 0, x.fault("%w", err)
		}
		switch b[0] {
		case ' ', '\t', '\r', '\n':
			_, _ = x.byte()
		default:
			return b[0], nil
		}
	}
}

// token is the next byte that is no space, consumed.
func (x *lexer) token() (byte, error) {
	if _, err := x.peek(); err != nil {
		if err == io.EOF {
			err = x.fault("%w", io.ErrUnexpectedEOF)
		}
		return 0, err
	}
	return x.byte()
}

func (x *lexer) expect(want byte) error {
	got, err := x.token()
	if err == nil && got != want {
		err = x.fault("%q where %q should be", got, want)
	}
	return err
}

// object reads the fields of an object: field is called behind each name, and reads the value.
func (x *lexer) object(field func(name string) error) error {
	if err := x.expect('{'); err != nil {
		return err
	}
	if c, err := x.peek(); err == nil && c == '}' {
		_, err = x.byte()
		return err
	}
	for {
		name, err := x.text(longName)
		if err != nil {
			return err
		}
		key := string(name)
		if err := x.expect(':'); err != nil {
			return err
		}
		if err := field(key); err != nil {
			return err
		}
		c, err := x.token()
		if err != nil {
			return err
		}
		if c == '}' {
			return nil
		}
		if c != ',' {
			return x.fault("%q where \",\" or \"}\" should be", c)
		}
	}
}

// text reads a string. It is valid until the next is read.
func (x *lexer) text(longest int) ([]byte, error) {
	if err := x.expect('"'); err != nil {
		return nil, err
	}
	x.buf = x.buf[:0]
	escaped := false
	for {
		c, err := x.byte()
		switch {
		case err != nil:
			return nil, err
		case c == '"':
			return x.unescape(escaped)
		case c < 0x20:
			return nil, x.fault("a string with control character %#x", c)
		case len(x.buf) >= longest:
			return nil, x.fault("a string of more than %d bytes", longest)
		}
		x.buf = append(x.buf, c)
		if c == '\\' {
			escaped = true
			if c, err = x.byte(); err != nil {
				return nil, err
			}
			x.buf = append(x.buf, c)
		}
	}
}

// unescape leaves what no dump has to encoding/json.
func (x *lexer) unescape(escaped bool) ([]byte, error) {
	if !utf8.Valid(x.buf) {
		return nil, x.fault("a string that is not UTF-8")
	}
	if !escaped {
		return x.buf, nil
	}
	var s string
	if err := json.Unmarshal(append(append([]byte{'"'}, x.buf...), '"'), &s); err != nil {
		return nil, x.fault("%w", err)
	}
	return []byte(s), nil
}

var errNumber = errors.New("no number without sign, point and exponent")

// number reads a number of 64 bits.
func (x *lexer) number() (n uint64, err error) {
	if _, err := x.peek(); err != nil {
		_, err = x.token()
		return 0, err
	}
	for digits := 0; ; digits++ {
		b, err := x.in.Peek(1)
		if err != nil && err != io.EOF {
			return 0, x.fault("%w", err)
		}
		if err == io.EOF || b[0] < '0' || b[0] > '9' {
			if digits == 0 || len(b) > 0 && (b[0] == '.' || b[0] == 'e' || b[0] == 'E') {
				return 0, x.fault("%w", errNumber)
			}
			return n, nil
		}
		d := uint64(b[0] - '0')
		if n > (1<<64-1-d)/10 {
			return 0, x.fault("a number of more than 64 bits")
		}
		n = n*10 + d
		_, _ = x.byte()
	}
}

// skip passes over a value of any kind.
func (x *lexer) skip(depth int) error {
	c, err := x.peek()
	switch {
	case err != nil:
		_, err = x.token()
		return err
	case depth > deep:
		return x.fault("nested more than %d deep", deep)
	case c == '"':
		_, err = x.text(longValue)
		return err
	case c == '{':
		return x.object(func(string) error { return x.skip(depth + 1) })
	case c == '[':
		return x.array(depth)
	}
	return x.word()
}

func (x *lexer) array(depth int) error {
	_, _ = x.token()
	if c, err := x.peek(); err == nil && c == ']' {
		_, err = x.byte()
		return err
	}
	for {
		if err := x.skip(depth + 1); err != nil {
			return err
		}
		c, err := x.token()
		if err != nil || c == ']' {
			return err
		}
		if c != ',' {
			return x.fault("%q where \",\" or \"]\" should be", c)
		}
	}
}

// word passes over a number, true, false or null.
func (x *lexer) word() error {
	x.buf = x.buf[:0]
	for {
		b, err := x.in.Peek(1)
		if err != nil && err != io.EOF {
			return x.fault("%w", err)
		}
		if err == io.EOF || len(x.buf) > longName || !isWord(b[0]) {
			break
		}
		x.buf = append(x.buf, b[0])
		_, _ = x.byte()
	}
	if !json.Valid(x.buf) {
		return x.fault("%q is no value", x.buf)
	}
	return nil
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.'
}
