package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxMemory bounds what a file may ask of the memory for its dictionary window.
const maxMemory = 256 << 20

// Sink takes what a backup has: a store.Sink, and files.
type Sink interface {
	Table(name string, columns []string) error
	Row(values []any) error
}

// Reader reads a backup.
type Reader struct {
	Header Header

	packed *zstd.Decoder
	lines  *json.Decoder
	counts Counts
	next   json.RawMessage // read, and not handled yet
}

var (
	errNoBackup = errors.New("the file is no backup of Beckon")
	errCut      = errors.New("the backup was cut off: its end is missing")
)

// NewReader reads the beginning of a backup.
func NewReader(from io.Reader) (*Reader, error) {
	packed, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxMemory))
	if err != nil {
		return nil, err
	}
	r := &Reader{packed: packed, lines: json.NewDecoder(packed)}
	r.lines.UseNumber()
	switch err := r.lines.Decode(&r.Header); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		packed.Close()
		return nil, errCut
	case err != nil || r.Header.Beckon != kind:
		packed.Close()
		return nil, errNoBackup
	}
	if r.Header.Format > format {
		packed.Close()
		return nil, fmt.Errorf("the backup was made by Beckon %s in a newer format: restore it with that version",
			r.Header.Version)
	}
	return r, nil
}

// Close ends the reading.
func (r *Reader) Close() { r.packed.Close() }

// Tables gives all rows to a sink, up to the first file or the end.
func (r *Reader) Tables(to Sink) error {
	var columns int
	for {
		text, err := r.read()
		if err != nil {
			return err
		}
		switch text[0] {
		case '[':
			row, err := readRow(text, columns)
			if err != nil {
				return err
			}
			r.counts.Rows++
			if err := to.Row(row); err != nil {
				return err
			}
		default:
			var l line
			if err := json.Unmarshal(text, &l); err != nil {
				return errNoBackup
			}
			if l.Table == "" {
				r.next = text
				return nil
			}
			columns = len(l.Columns)
			if err := to.Table(l.Table, l.Columns); err != nil {
				return err
			}
		}
	}
}

// Files gives all files to save, which reads each to its end, and checks that the backup is whole. It comes after
// Tables.
func (r *Reader) Files(save func(key string, content io.Reader) error) (Counts, error) {
	for {
		text, err := r.read()
		if err != nil {
			return r.counts, err
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return r.counts, errNoBackup
		}
		switch {
		case l.File != "":
			r.counts.Files++
			if err := save(l.File, &content{reader: r}); err != nil {
				return r.counts, err
			}
		case l.End && l.Counts != nil && *l.Counts == r.counts:
			return r.counts, nil
		default:
			return r.counts, errCut
		}
	}
}

func (r *Reader) read() (json.RawMessage, error) {
	if next := r.next; next != nil {
		r.next = nil
		return next, nil
	}
	var text json.RawMessage
	switch err := r.lines.Decode(&text); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errCut
	case err != nil:
		return nil, fmt.Errorf("the backup is damaged: %w", err)
	}
	return text, nil
}

func readRow(text json.RawMessage, columns int) ([]any, error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil || len(parts) != columns {
		return nil, errNoBackup
	}
	row := make([]any, len(parts))
	for i, part := range parts {
		var err error
		switch part[0] {
		case '{':
			var b blob
			err = json.Unmarshal(part, &b)
			row[i] = b.Base64
		case '"':
			var s string
			err = json.Unmarshal(part, &s)
			row[i] = s
		case 't', 'f':
			row[i] = part[0] == 't'
		case 'n':
		default:
			var n int64
			err = json.Unmarshal(part, &n)
			row[i] = n
		}
		if err != nil {
			return nil, errNoBackup
		}
	}
	return row, nil
}

// content is a file of a backup.
type content struct {
	reader *Reader
	piece  []byte
}

// Read implements io.Reader.
func (c *content) Read(into []byte) (int, error) {
	if len(c.piece) == 0 {
		text, err := c.reader.read()
		if err != nil {
			return 0, err
		}
		if text[0] != '"' {
			c.reader.next = text
			return 0, io.EOF
		}
		c.reader.counts.Pieces++
		if err := json.Unmarshal(text, &c.piece); err != nil {
			return 0, errNoBackup
		}
	}
	n := copy(into, c.piece)
	c.piece = c.piece[n:]
	return n, nil
}
