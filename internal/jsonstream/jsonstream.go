// Package jsonstream reads JSON whose texts may be larger than a process wants to hold, such as files in base64. It
// holds a few kilobytes at a time, however long a text is.
package jsonstream

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	bufferSize = 32 << 10
	maxDepth   = 64
	maxName    = 1 << 10 // bytes of a member's name
	maxPlain   = 64      // bytes of a number, or of true, false and null
)

// ErrSyntax is a body that is not JSON, or JSON that is nested too deeply or has an endless name.
var ErrSyntax = errors.New("it is not JSON")

// Value is a text, a number, true, false or null. It can be read while visit runs.
type Value struct {
	io.Reader
	IsText bool // Reader gives the text without quotes and escapes; else the value as it stands
}

// Walk reads one JSON value and calls visit for every value in it that is neither an object nor a list. path holds
// the names of the members that lead there; the name of an element of a list is Element. visit must not keep path.
// What it does not read is skipped. An error of visit or of r ends the walk.
func Walk(r io.Reader, visit func(path []string, value Value) error) error {
	w := &walker{in: bufio.NewReaderSize(r, bufferSize), visit: visit}
	err := w.value()
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Element is the name of all elements of a list.
const Element = "*"

type walker struct {
	in    *bufio.Reader
	visit func([]string, Value) error
	path  []string
}

// next returns the first byte that is no white space.
func (w *walker) next() (byte, error) {
	for {
		b, err := w.in.ReadByte()
		if err != nil || b != ' ' && b != '\n' && b != '\t' && b != '\r' {
			return b, err
		}
	}
}

func (w *walker) value() error {
	b, err := w.next()
	switch {
	case err != nil:
		return err
	case len(w.path) > maxDepth:
		return ErrSyntax
	case b == '{':
		return w.members()
	case b == '[':
		return w.elements()
	case b == '"':
		t := &text{in: w.in}
		if err := w.visit(w.path, Value{t, true}); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, t)
		return err
	}
	if err := w.in.UnreadByte(); err != nil {
		return err
	}
	return w.plain()
}

// plain reads a number, true, false or null.
func (w *walker) plain() error {
	var plain []byte
	for {
		b, err := w.in.ReadByte()
		if err == nil && bytes.IndexByte([]byte(" \n\t\r,]}:\""), b) >= 0 {
			err = w.in.UnreadByte()
			if err == nil {
				break
			}
		}
		if errors.Is(err, io.EOF) && len(w.path) == 0 {
			break
		}
		if err != nil {
			return err
		}
		if plain = append(plain, b); len(plain) > maxPlain {
			return ErrSyntax
		}
	}
	isWord := slices.Contains([]string{"true", "false", "null"}, string(plain))
	if _, err := strconv.ParseFloat(string(plain), 64); err != nil && !isWord {
		return ErrSyntax
	}
	return w.visit(w.path, Value{bytes.NewReader(plain), false})
}

func (w *walker) members() error {
	b, err := w.next()
	for ; err == nil && b == '"'; b, err = w.next() {
		name, err := io.ReadAll(io.LimitReader(&text{in: w.in}, maxName+1))
		if err != nil {
			return err
		}
		if b, err = w.next(); err != nil {
			return err
		}
		if len(name) > maxName || b != ':' {
			return ErrSyntax
		}
		if err := w.within(string(name)); err != nil {
			return err
		}
		if b, err = w.next(); err != nil {
			return err
		}
		if b == '}' {
			return nil
		}
		if b != ',' {
			return ErrSyntax
		}
	}
	if err == nil && b != '}' {
		return ErrSyntax
	}
	return err
}

func (w *walker) elements() error {
	b, err := w.next()
	if err != nil || b == ']' {
		return err
	}
	if err := w.in.UnreadByte(); err != nil {
		return err
	}
	for {
		if err := w.within(Element); err != nil {
			return err
		}
		switch b, err := w.next(); {
		case err != nil:
			return err
		case b == ']':
			return nil
		case b != ',':
			return ErrSyntax
		}
	}
}

func (w *walker) within(name string) error {
	w.path = append(w.path, name)
	err := w.value()
	w.path = w.path[:len(w.path)-1]
	return err
}

// text reads a JSON string up to its quote, behind which it leaves the input.
type text struct {
	in      *bufio.Reader
	pending []byte // of a character that was escaped
	err     error
}

func (t *text) Read(p []byte) (int, error) {
	for t.err == nil && len(p) > 0 {
		if len(t.pending) > 0 {
			n := copy(p, t.pending)
			t.pending = t.pending[n:]
			return n, nil
		}
		if _, err := t.in.Peek(1); err != nil {
			t.err = cutOff(err)
			break
		}
		chunk, _ := t.in.Peek(min(t.in.Buffered(), len(p)))
		end := bytes.IndexAny(chunk, "\"\\")
		if end < 0 {
			end = len(chunk)
		}
		if n := copy(p, chunk[:end]); n > 0 {
			_, _ = t.in.Discard(n)
			return n, nil
		}
		if b, _ := t.in.ReadByte(); b == '"' {
			t.err = io.EOF
		} else {
			t.err = t.escape()
		}
	}
	return 0, t.err
}

// escape reads what stands behind a backslash.
func (t *text) escape() error {
	b, err := t.in.ReadByte()
	if err != nil {
		return cutOff(err)
	}
	if i := strings.IndexByte(`"\/bfnrt`, b); i >= 0 {
		t.pending = []byte{"\"\\/\b\f\n\r\t"[i]}
		return nil
	}
	if b != 'u' {
		return ErrSyntax
	}
	r, err := t.unit()
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(r) {
		if following, _ := t.in.Peek(2); string(following) == `\u` {
			_, _ = t.in.Discard(2)
			second, err := t.unit()
			if err != nil {
				return err
			}
			r = utf16.DecodeRune(r, second)
		}
	}
	t.pending = utf8.AppendRune(nil, r)
	return nil
}

func (t *text) unit() (rune, error) {
	var digits [4]byte
	if _, err := io.ReadFull(t.in, digits[:]); err != nil {
		return 0, cutOff(err)
	}
	n, err := strconv.ParseUint(string(digits[:]), 16, 16)
	if err != nil {
		return 0, ErrSyntax
	}
	return rune(n), nil
}

func cutOff(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
