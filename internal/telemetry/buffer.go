package telemetry

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// A Buffer gathers the lines of a log and writes them together, which costs a busy gateway one system call instead
// of hundreds. A line waits for at most bufferDelay. Its lock guards lines and flush; w is written to with the lock
// held, so that lines stay in order.
type Buffer struct {
	w     io.Writer
	mu    sync.Mutex
	lines bytes.Buffer
	flush *time.Timer // nil while no line waits
}

const (
	bufferDelay = 50 * time.Millisecond
	bufferSize  = 64 << 10 // bytes that are written at once, however young they are
)

// NewBuffer returns a Buffer in front of w.
func NewBuffer(w io.Writer) *Buffer { return &Buffer{w: w} }

// Write keeps a line until the next flush. It reports no error of w: a log that cannot be written stops nothing.
func (b *Buffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines.Write(line)
	if b.lines.Len() >= bufferSize {
		b.write()
	} else if b.flush == nil {
		b.flush = time.AfterFunc(bufferDelay, b.Flush)
	}
	return len(line), nil
}

// Flush writes the lines that wait.
func (b *Buffer) Flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.write()
}

func (b *Buffer) write() {
	if b.flush != nil {
		b.flush.Stop()
		b.flush = nil
	}
	if b.lines.Len() > 0 {
		_, _ = b.w.Write(b.lines.Bytes()) // see Write
		b.lines.Reset()
	}
}

// flushing writes warnings and errors at once, with what was logged before them.
type flushing struct {
	slog.Handler
	buffer *Buffer
}

func (h flushing) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.buffer.Flush()
	}
	return err
}

func (h flushing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return flushing{h.Handler.WithAttrs(attrs), h.buffer}
}

func (h flushing) WithGroup(name string) slog.Handler {
	return flushing{h.Handler.WithGroup(name), h.buffer}
}
