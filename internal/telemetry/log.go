package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes to w as text or as JSON ("json"), and the level that can be changed while it
// is in use.
func NewLogger(w io.Writer, format string) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), level
	}
	return slog.New(slog.NewTextHandler(w, options)), level
}
