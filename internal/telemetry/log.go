package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes to w as text or as JSON ("json"), and the level that can be changed while it
// is in use. Behind a *Buffer, warnings and errors are written at once. Lines
// within a trace have its ids.
func NewLogger(w io.Writer, format string) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if format == "json" {
		handler = slog.NewJSONHandler(w, options)
	}
	handler = traced{handler}
	if buffer, ok := w.(*Buffer); ok {
		handler = flushing{handler, buffer}
	}
	return slog.New(handler), level
}
