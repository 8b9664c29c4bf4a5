package completion

import (
	"bytes"
	"errors"
	"io"
)

// events reads Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html), a line at a
// time and as servers write them: without empty lines between events, with lines that end in CR alone, with JSON
// that stands in a line without "data:", without a line break at the end. err is what came of the body so far.
func (r *reader) events(err error) error {
	var event event
	begin, scanned := 0, 0 // of the line that is read, and how much of it has no end
	for !r.done {
		i := bytes.IndexByte(r.buffer[scanned:], '\n')
		switch {
		case i >= 0:
			before := r.kept
			r.lines(&event, r.buffer[begin:scanned+i])
			if r.kept > before {
				if r.pieces++; r.pieces > r.options.MostPieces && r.options.MostPieces > 0 {
					return ErrTooLong
				}
			}
			begin, scanned = scanned+i+1, scanned+i+1
		case err != nil:
			if last := r.buffer[begin:]; errors.Is(err, io.EOF) && len(last) > 0 {
				r.lines(&event, last)
			}
			r.dispatch(&event, true)
			return err
		default:
			r.buffer = r.buffer[:copy(r.buffer, r.buffer[begin:])]
			begin, scanned = 0, len(r.buffer)
			if err := r.hold(r.kept); err != nil {
				return err
			}
			if err = r.more(MaxStream); len(r.buffer) > MaxBytes || r.kept > MaxBytes {
				return ErrTooLarge
			}
		}
	}
	return nil
}

// event is what has come of one event.
type event struct {
	name string
	data []byte // lines that make no JSON by themselves
}

// lines takes up what stands between two line feeds, without the last.
func (r *reader) lines(e *event, text []byte) {
	for !r.done {
		line, rest, more := bytes.Cut(text, []byte{'\r'})
		if !more || len(rest) > 0 || len(line) > 0 {
			r.line(e, line)
		}
		if !more || len(rest) == 0 {
			return
		}
		text = rest
	}
}

func (r *reader) line(e *event, line []byte) {
	line = bytes.TrimPrefix(line, bom)
	if len(line) == 0 {
		r.dispatch(e, false)
		e.name = ""
		return
	}
	name, value, _ := bytes.Cut(line, []byte{':'})
	value = bytes.TrimPrefix(value, []byte{' '})
	switch {
	case string(name) == "data":
		r.data(e, value)
	case string(name) == "event":
		e.name = string(bytes.TrimSpace(value))
	case len(name) == 0, string(name) == "id", string(name) == "retry": // a comment, and what no completion needs
	case line[0] == '{' || line[0] == '[':
		r.data(e, line)
	default:
		r.keepStray(line)
	}
}

// data takes up a line of data. A line that is JSON by itself is not kept waiting for the end of its event.
func (r *reader) data(e *event, line []byte) {
	text := bytes.TrimSpace(line)
	switch {
	case len(text) == 0:
	case isDone(text):
		r.done = true
	case e.name == "error" && len(e.data) == 0 && text[0] != '{' && text[0] != '[':
		r.fail(&Error{Message: string(text[:min(len(text), maxStray)])})
	case len(e.data) > 0:
		e.data = append(append(e.data, '\n'), line...)
	case text[0] != '{' && text[0] != '[' && text[0] != '"':
		r.keepStray(text)
	default:
		r.inError = e.name == "error"
		e.data = append(e.data, r.values(text)...)
	}
}

func isDone(text []byte) bool {
	return bytes.EqualFold(bytes.Trim(text, `"`), []byte("[DONE]"))
}

// dispatch takes up the lines of an event that has ended. What the end of the body has cut off is no loss of its own:
// the end says enough.
func (r *reader) dispatch(e *event, atEnd bool) {
	if len(e.data) == 0 {
		return
	}
	r.inError = e.name == "error"
	if rest := r.values(e.data); rest != nil && r.values(mend(rest)) != nil && !atEnd {
		r.lose(rest)
	}
	e.data = e.data[:0]
}
