// Package backup writes all that a database holds into one file, whichever kind of database it is, and reads it back.
//
// The file is Zstandard over lines of JSON. The first is a Header. {"table":"runs","columns":[…]} begins a table,
// and each array after it is a row. {"file":"…"} begins a file of package artifacts, and each text after it is a
// piece of it in base64. The last line counts what was before it: without it the file was cut off.
package backup

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	kind   = "backup"
	format = 1
	// pieceSize is how much of a file one line has, in bytes.
	pieceSize = 256 << 10
)

// Header says what a backup is of.
type Header struct {
	Beckon    string    `json:"beckon"` // always "backup"
	Format    int       `json:"format"`
	Version   string    `json:"version"`  // of the Beckon that made it
	Schema    int64     `json:"schema"`   // the last migration of the database
	Database  string    `json:"database"` // sqlite or postgres
	CreatedAt time.Time `json:"createdAt"`
}

// line is any line but a row and a piece.
type line struct {
	Table   string   `json:"table,omitempty"`
	Columns []string `json:"columns,omitempty"`
	File    string   `json:"file,omitempty"`
	End     bool     `json:"end,omitempty"`
	*Counts
}

// Counts says how much a backup has.
type Counts struct {
	Rows   int64 `json:"rows"`
	Files  int64 `json:"files"`
	Pieces int64 `json:"pieces"`
}

// blob is how a row has bytes.
type blob struct {
	Base64 []byte `json:"base64"`
}

// Writer writes a backup. It is a store.Sink.
type Writer struct {
	packed *zstd.Encoder
	lines  *json.Encoder
	counts Counts
}

// NewWriter begins a backup.
func NewWriter(to io.Writer, h Header) (*Writer, error) {
	packed, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	w := &Writer{packed: packed, lines: json.NewEncoder(packed)}
	w.lines.SetEscapeHTML(false)
	h.Beckon, h.Format = kind, format
	return w, w.lines.Encode(h)
}

// Table implements store.Sink.
func (w *Writer) Table(name string, columns []string) error {
	return w.lines.Encode(line{Table: name, Columns: columns})
}

// Row implements store.Sink.
func (w *Writer) Row(values []any) error {
	row := make([]any, len(values))
	for i, value := range values {
		switch v := value.(type) {
		case nil, bool, int64, string:
			row[i] = v
		case []byte:
			row[i] = blob{v}
		default:
			return fmt.Errorf("a backup cannot hold a %T", value)
		}
	}
	w.counts.Rows++
	return w.lines.Encode(row)
}

// File adds a file.
func (w *Writer) File(key string, from io.Reader) error {
	if err := w.lines.Encode(line{File: key}); err != nil {
		return err
	}
	w.counts.Files++
	piece := make([]byte, pieceSize)
	for {
		n, err := io.ReadFull(from, piece)
		if n > 0 {
			w.counts.Pieces++
			if err := w.lines.Encode(base64.StdEncoding.EncodeToString(piece[:n])); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Close ends the backup, and returns how much is in it.
func (w *Writer) Close() (Counts, error) {
	err := w.lines.Encode(line{End: true, Counts: &w.counts})
	return w.counts, errors.Join(err, w.packed.Close())
}
