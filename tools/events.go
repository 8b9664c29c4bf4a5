package tools

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// eventFilter lets the events of a stream through, and takes out those that are no message. Where the stream should
// have the answer to a call, and ends or goes wrong without it, it ends with an error in its place.
type eventFilter struct {
	body io.ReadCloser
	in   *bufio.Reader
	id   json.RawMessage // of the call; nil for none
	note func(format string, args ...any)

	next     []byte
	hasIDs   bool // of events: the SDK asks for what comes after the last one
	answered bool
	err      error // after next
}

func newEventFilter(body io.ReadCloser, id json.RawMessage, note func(string, ...any)) *eventFilter {
	return &eventFilter{body: body, in: bufio.NewReader(body), id: id, note: note}
}

// Read implements io.Reader.
func (e *eventFilter) Read(p []byte) (int, error) {
	for len(e.next) == 0 {
		if e.err != nil {
			return 0, e.err
		}
		e.read()
	}
	n := copy(p, e.next)
	e.next = e.next[n:]
	return n, nil
}

// Close implements io.Closer.
func (e *eventFilter) Close() error { return e.body.Close() }

// read reads an event.
func (e *eventFilter) read() {
	var raw, data []byte
	isMessage, isLong := true, false
	for {
		line, long, err := readLine(e.in, maxMessage)
		if err != nil {
			e.end(err)
			return
		}
		if isLong = isLong || long || len(raw)+len(line) > maxMessage; !isLong {
			raw = append(raw, line...)
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			e.event(raw, data, isMessage, isLong)
			return
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "data":
			if !isLong {
				data = append(append(data, value...), '\n')
			}
		case "event":
			isMessage = string(value) == "message"
		case "id":
			e.hasIDs = true
		}
	}
}

func (e *eventFilter) event(raw, data []byte, isMessage, isLong bool) {
	data = bytes.TrimSpace(data)
	switch {
	case isLong:
		e.instead(codeUnreadable, tooLong)
		return
	case !isMessage || len(data) == 0:
		e.next = raw
		return
	}
	message, err := jsonrpc.DecodeMessage(data)
	if err != nil {
		e.instead(codeUnreadable, "the answer is no message of JSON-RPC 2.0")
		return
	}
	if _, ok := message.(*jsonrpc.Response); ok && bytes.Equal(idOf(data), e.id) {
		e.answered = true
	}
	e.next = raw
}

// instead goes on without an event that cannot be read. A stream that was to have the answer to a call ends there.
func (e *eventFilter) instead(code int, why string) {
	e.note("it has sent an event that cannot be read: %s", why)
	if e.id != nil && !e.answered {
		e.next = append(append([]byte("data: "), standIn(e.id, code, why)...), "\n\n"...)
		e.answered, e.err = true, io.EOF
	}
}

func (e *eventFilter) end(err error) {
	e.err = err
	if e.id == nil || e.answered || e.hasIDs {
		return
	}
	why := "the connection was closed before the answer"
	if !errors.Is(err, io.EOF) {
		why = err.Error()
	}
	e.next = append(append([]byte("data: "), standIn(e.id, codeLost, why)...), "\n\n"...)
	e.answered, e.err = true, io.EOF
}
