package tools

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// keptOfLong is what is kept of the beginning and of the end of a line that is too long.
const keptOfLong = 256

// readLine reads a line, with its end. Of one with more than limit bytes, isLong, it is the beginning and the end.
// The error is that of the reader; what came before it is thrown away.
func readLine(in *bufio.Reader, limit int) (line []byte, isLong bool, err error) {
	var tail []byte
	for {
		piece, err := in.ReadSlice('\n')
		switch {
		case !isLong && len(line)+len(piece) <= limit:
			line = append(line, piece...)
		case !isLong:
			isLong = true
			tail = lastBytes(append(line, piece...))
			line = bytes.Clone(line[:min(len(line), keptOfLong)])
		default:
			tail = lastBytes(append(tail, piece...))
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return append(line, tail...), isLong, err
	}
}

func lastBytes(b []byte) []byte { return bytes.Clone(b[max(0, len(b)-keptOfLong):]) }

// frames reads the messages that a program writes, one a line, and leaves out what is none. A message that is too
// long becomes an error in its place where it can be said which call it answers.
type frames struct {
	in   *bufio.Reader
	end  func() error // waits for what has ended the program, and says it
	note func(format string, args ...any)
	next []byte
}

func newFrames(in io.Reader, end func() error, note func(string, ...any)) *frames {
	return &frames{in: bufio.NewReaderSize(in, 64<<10), end: end, note: note}
}

// Read implements io.Reader.
func (f *frames) Read(p []byte) (int, error) {
	for len(f.next) == 0 {
		line, isLong, err := readLine(f.in, maxMessage)
		if err != nil {
			return 0, f.end()
		}
		f.next = f.message(line, isLong)
	}
	n := copy(p, f.next)
	f.next = f.next[n:]
	return n, nil
}

// message returns the line to read in place of one that has come; nothing for none.
func (f *frames) message(line []byte, isLong bool) []byte {
	if isLong {
		id := idWithin(line)
		f.note("it has sent a message of more than %d MiB, which was not read", maxMessage>>20)
		if id == nil {
			return nil
		}
		return append(standIn(id, codeUnreadable, tooLong), '\n')
	}
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return nil
	}
	if _, err := jsonrpc.DecodeMessage(line); err != nil {
		f.note("it has written a line that is no message of JSON-RPC: %s", shorten(string(line), maxNote))
		if id := idOf(line); id != nil {
			return append(standIn(id, codeUnreadable, "the answer is no message of JSON-RPC 2.0"), '\n')
		}
		return nil
	}
	return append(line, '\n')
}

// idOf is the id of a message that may be no proper one; nil for none.
func idOf(message []byte) json.RawMessage {
	var header struct {
		ID     json.RawMessage `json:"id"`
		Method *string         `json:"method"`
	}
	if json.Unmarshal(message, &header) != nil || header.Method != nil || string(header.ID) == "null" {
		return nil
	}
	return header.ID
}

var idAtTheBeginning = regexp.MustCompile(`^\s*\{\s*("jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d+)\s*,`)
var idAtTheEnd = regexp.MustCompile(`,\s*"id"\s*:\s*(\d+)\s*\}\s*$`)

// idWithin is the id of a message of which only the beginning and the end are known. Its calls have numbers, since
// it is a client that gives them.
func idWithin(message []byte) json.RawMessage {
	if m := idAtTheBeginning.FindSubmatch(message); m != nil {
		return m[2]
	}
	if m := idAtTheEnd.FindSubmatch(message); m != nil {
		return m[1]
	}
	return nil
}
