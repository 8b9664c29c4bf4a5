package completion

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
)

// The bounds of an answer. A stream repeats some 250 bytes for each token, which are read and not kept.
const (
	MaxBytes  = 16 << 20 // of a document, of an event, and of what is kept of a stream
	MaxStream = 64 << 20 // of a stream
	maxStray  = 2 << 10
	readSize  = 4 << 10
	poolable  = 64 << 10 // larger buffers are not kept
)

// ErrTooLarge is an answer that is larger than it may be.
var ErrTooLarge = errors.New("the answer is larger than 16 MiB")

// ErrTooLong is a stream that goes on after Options.MostPieces.
var ErrTooLong = errors.New("the stream goes on after the tokens that it was allowed")

// Options say how an answer is read.
type Options struct {
	Format Format
	Text   func(piece string) // is given the answer as it comes; nil when nobody reads along
	// is called when a stream has an id by which its answer can be asked for later; may be nil
	Began        func(id string)
	Finished     func() // is called when the server has said how the answer ends; may be nil
	KeepThoughts bool   // leaves <think>…</think> in the text
	SizeHint     int    // how many bytes there will be, about
	// Hold is asked before bytes of an answer are kept: those of a document, and of a stream those of its text. An
	// error of its own ends the reading. It may be nil.
	Hold       func(bytes int64) error
	IsStream   bool // the server says that it streams: no events at all are a broken stream
	MostPieces int  // that a stream may come in, each of which is a token at least; 0 is any number
}

// Read reads an answer to its end: the end of the body, or the [DONE] of a stream. An error is the body's own or
// ErrTooLarge; the Completion beside it has what came until then, and may be Whole all the same, if only its end
// was lost.
func Read(body io.Reader, o Options) (*Completion, error) {
	r := readers.Get().(*reader)
	defer r.free()
	r.body, r.options = body, o
	err := r.read()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return r.complete(), err
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// reader reads one answer.
type reader struct {
	body    io.Reader
	options Options
	inError bool // within an event that is called so

	// The body, as far as it is in memory.
	buffer []byte
	size   int // bytes read so far

	// What it is.
	isJSON, isEvents bool
	parsed           bool // there was JSON, or an event
	done             bool // [DONE]
	lost             bool // a part could not be read
	stray            []byte

	walker  walker
	chunk   chunk
	scratch []byte

	// What there is of the answer.
	result        *Completion
	index         string // of the choice that is read; others are ignored
	hasIndex      bool
	echoReasoning string // the name under which the server wants to see its reasoning again
	deltas        bool   // it came in pieces
	choices       bool   // there was a member of that name
	content       pieces
	thinking      pieces
	refusing      pieces
	thought       thought
	text          longText
	reasoning     strings.Builder
	refusal       strings.Builder
	emitted       int // bytes of text that were handed on
	told          int // bytes of thoughts that are in the text
	input         int // tokens of the prompt without those of a cache
	cached        [2]int
	open          bool // the response has not ended
	kept          int  // bytes of text, thoughts and arguments
	held          int  // bytes that Options.Hold was asked for
	pieces        int  // events of a stream that have brought something
}

func (r *reader) free() {
	buffer, scratch := r.buffer[:0], r.scratch[:0]
	if cap(buffer) > poolable || cap(scratch) > poolable {
		return
	}
	r.walker.over(nil)
	*r = reader{
		buffer:  buffer,
		scratch: scratch,
		walker:  walker{decoder: r.walker.decoder},
		chunk:   chunk{list: r.chunk.list[:0]},
	}
	readers.Put(r)
}

func (r *reader) read() error {
	r.result = &Completion{format: r.options.Format}
	err := r.sniff()
	switch {
	case r.isJSON:
		return r.document(err)
	case r.isEvents:
		return r.events(err)
	}
	return err
}

// hold asks for room for so many bytes in all.
func (r *reader) hold(bytes int) error {
	if r.options.Hold == nil || bytes <= r.held {
		return nil
	}
	more := bytes - r.held
	r.held = bytes
	return r.options.Hold(int64(more))
}

// more reads more of the body into the buffer.
func (r *reader) more(limit int) error {
	if r.size >= limit {
		return ErrTooLarge
	}
	if free := cap(r.buffer) - len(r.buffer); free == 0 {
		r.buffer = slices.Grow(r.buffer, max(readSize, len(r.buffer)))
	}
	n, err := r.body.Read(r.buffer[len(r.buffer):cap(r.buffer)])
	r.buffer = r.buffer[:len(r.buffer)+n]
	r.size += n
	return err
}

// sniff reads until it is clear what the body is, and drops what stands in front. The Content-Type is not asked:
// servers call streams text/plain, and documents text/event-stream.
func (r *reader) sniff() error {
	if hint := min(r.options.SizeHint, MaxBytes); hint > 0 {
		r.buffer = slices.Grow(r.buffer, min(hint, poolable)+1) // one more, to see the end
	}
	for {
		err := r.more(MaxStream)
		r.buffer = append(r.buffer[:0],
			bytes.TrimLeft(bytes.TrimPrefix(bytes.TrimLeft(r.buffer, " \t\r\n"), bom), " \t\r\n")...)
		if len(r.buffer) > 0 && (err != nil || !bytes.HasPrefix(bom, r.buffer)) {
			first := r.buffer[0]
			r.isJSON = first == '{' || first == '['
			r.isEvents = !r.isJSON && first != '<'
			if first == '<' {
				for err == nil && len(r.buffer) < maxStray {
					err = r.more(MaxStream)
				}
				r.keepStray(r.buffer)
			}
			return err
		}
		if err != nil {
			return err
		}
	}
}

var bom = []byte("\uFEFF")

// document reads JSON: one document, or several one behind the other. err is what came of the body so far.
func (r *reader) document(err error) error {
	for err == nil {
		if err = r.more(MaxBytes + 1); err == nil || errors.Is(err, io.EOF) {
			size := len(r.buffer)
			if cap(r.buffer) > poolable {
				size = cap(r.buffer)
			}
			if full := r.hold(size); full != nil {
				return full
			}
		}
	}
	if len(r.buffer) > MaxBytes {
		return ErrTooLarge
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	if rest := r.values(r.buffer); rest != nil && r.values(mend(rest)) != nil {
		r.lose(rest)
	}
	return err
}

// values takes up the JSON values in text, each once it has been read to its end, and returns where the first one
// begins that is no JSON; nil for none.
func (r *reader) values(text []byte) (rest []byte) {
	w := &r.walker
	w.over(text)
	for {
		begin := w.decoder.InputOffset()
		switch w.kind() {
		case 0:
			if w.value(); errors.Is(w.err, io.EOF) {
				return nil
			}
		case '[':
			if list := w.value(); w.err == nil {
				within(list, func(w *walker) { w.array(func() { r.value(w) }) })
			}
		default:
			r.value(w)
		}
		if w.err != nil {
			return text[begin:]
		}
	}
}

// value takes up the next value.
func (r *reader) value(w *walker) {
	if r.options.Format != ChatCompletions {
		value := w.value()
		switch {
		case w.err != nil:
			return
		case r.options.Format == Messages:
			r.takeMessage(value)
		default:
			r.takeResponse(value)
		}
		r.parsed = true
		return
	}
	r.chunk.read(w)
	if w.err == nil {
		r.parsed = true
		r.take(&r.chunk)
	}
}

// lose notes that a part of the answer could not be read.
func (r *reader) lose(what []byte) {
	r.lost = true
	r.keepStray(what)
}

func (r *reader) keepStray(what []byte) {
	if len(r.stray) < maxStray {
		r.stray = append(r.stray, what[:min(len(what), maxStray)]...)
	}
}
