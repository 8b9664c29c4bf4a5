package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// sseEvent is one Server-Sent Event.
type sseEvent struct {
	id   string // the last one that the stream has named, if any
	kind string
	data []byte
}

// sseReader reads Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html). Lines end with
// LF or CRLF; the CR alone that the page allows too is not understood, as nobody sends it.
type sseReader struct {
	lines *bufio.Scanner
	id    string
	retry time.Duration // how long to wait before the stream is opened again, if it has said so
	begun bool
}

func newSSEReader(r io.Reader) *sseReader {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxAnswer)
	return &sseReader{lines: lines}
}

// next returns the next event, or io.EOF at the end of the stream. An event that was cut off is left out.
func (s *sseReader) next() (sseEvent, error) {
	e, hasData := sseEvent{kind: "message"}, false
	for s.lines.Scan() {
		line := s.lines.Bytes()
		if !s.begun {
			line, s.begun = bytes.TrimPrefix(line, []byte("\ufeff")), true
		}
		if len(line) == 0 {
			if hasData {
				e.id = s.id
				return e, nil
			}
			e = sseEvent{kind: "message"}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "data":
			if hasData {
				e.data = append(e.data, '\n')
			}
			e.data, hasData = append(e.data, value...), true
		case "event":
			e.kind = string(value)
		case "id":
			if id := string(value); !strings.ContainsRune(id, 0) {
				s.id = id
			}
		case "retry":
			if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
				s.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
	if err := s.lines.Err(); err != nil {
		return sseEvent{}, fmt.Errorf("read the events: %w", err)
	}
	return sseEvent{}, io.EOF
}
